"""Names for code: headers become columns, fields and tables that Python, Pandera and SQL can live with."""

from __future__ import annotations

import builtins
import keyword
import re
from collections.abc import Collection, Iterable, Sequence

from anyascii import anyascii

from etl_assets.contracts.contract import RowContract

_LONGEST = 60

# What the bodies of generated contracts read; a field of that name would hide it.
_READ_BY_CONTRACTS = {
    *("about", "about_table", "datetime", "nw", "pa", "pl", "row_check", "rule", "warn"),
    *("Annotated", "Cast", "Config", "Dependency", "Reference", "bool", "float", "int", "str"),
}
_OF_CONTRACTS = {*dir(RowContract), *RowContract.__annotations__}
# What the modules themselves call so, beside that.
_OF_MODULES = {"boolean", "bronze", "date", "gold", "moment", "number", "silver", "text", "time"}

# How people say it; anyascii would drop the dots, and leave out the signs.
_SPOKEN = str.maketrans(
    {
        "ä": "ae", "ö": "oe", "ü": "ue", "Ä": "Ae", "Ö": "Oe", "Ü": "Ue", "ß": "ss", "å": "aa", "Å": "Aa",
        "%": " percent ", "#": " no ", "€": " eur ", "$": " usd ", "£": " gbp ", "&": " and ", "°": " deg ",
    }
)  # fmt: skip


def snake_case(text: str) -> str:
    """Lower-case ASCII words joined by `_`; "" where nothing of the text is left.

    Example:
        snake_case("Größe (cm)") == "groesse_cm", snake_case("CustomerID") == "customer_id"
    """
    # "50 %" and "No" in one header would be one word otherwise.
    words = anyascii(text.translate(_SPOKEN))
    words = re.sub(r"['’`]", "", words)  # noqa: RUF001  (customer's is one word)
    # One small letter and a large one are an abbreviation: kWh, pH.
    words = re.sub(r"(?<=[A-Za-z0-9][a-z0-9])(?=[A-Z])", "_", words)
    words = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", words)
    name = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    if len(name) > _LONGEST:
        name = name[:_LONGEST].rpartition("_")[0] or name[:_LONGEST]
    return name


def column_names(headers: Sequence[str]) -> list[str]:
    """A silver column for each header: snake_case, unique, and no word that means something else."""
    return _unique(
        (_allowed(snake_case(header) or f"column_{place}") for place, header in enumerate(headers, 1)), ()
    )


def field_names(headers: Sequence[str]) -> list[str]:
    """A bronze field for each header: the header itself where Python takes it, else a name for an alias."""
    plain = {header: place for place, header in reversed([*enumerate(headers)]) if is_plain(header)}
    others = {place: header for place, header in enumerate(headers) if plain.get(header) != place}
    wanted = (_allowed(snake_case(header) or f"column_{place + 1}") for place, header in others.items())
    found = dict(zip(others, _unique(wanted, plain), strict=True))
    return [found.get(place, header) for place, header in enumerate(headers)]


def is_plain(header: str) -> bool:
    """Whether a header can be a field of a contract as it is."""
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", header)) and _allowed(header) == header


def is_readable(header: str) -> bool:
    """Whether a contract may have a column of this name, if need be by an alias."""
    return (
        bool(header) and not header.startswith("_") and not (header.startswith("^") and header.endswith("$"))
    )


def is_dataset_name(name: str) -> bool:
    """Whether a dataset can be called so: it becomes a folder, a package and a file."""
    return bool(re.fullmatch("[a-z][a-z0-9_]*", name)) and not keyword.iskeyword(name)


def function_name(table: str) -> str:
    """A name for a table's function that hides nothing."""
    hides = table in _READ_BY_CONTRACTS | _OF_MODULES or hasattr(builtins, table) or keyword.iskeyword(table)
    return f"{table}_rows" if hides else table


def class_name(layer: str, table: str) -> str:
    """`SilverSales` for the table `sales`."""
    return layer.capitalize() + "".join(word.capitalize() for word in table.split("_"))


def method_name(text: str, taken: Collection[str]) -> str:
    """A name for a check that no column and no other check has."""
    return _unique([_allowed(snake_case(text) or "check")], taken)[0]


def _allowed(name: str) -> str:
    if not name[:1].isalpha():
        name = f"x{name}"
    hides = name in _READ_BY_CONTRACTS or name in _OF_CONTRACTS or keyword.iskeyword(name)
    return f"{name}_" if hides else name


def _unique(names: Iterable[str], taken: Collection[str]) -> list[str]:
    used = set(taken)
    out = []
    for name in names:
        unique, number = name, 1
        while unique in used:
            number += 1
            unique = f"{name}_{number}"
        used.add(unique)
        out.append(unique)
    return out
