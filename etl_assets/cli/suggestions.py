"""Suggested rules, on a terminal and as JSON: what they rest on, and which rows break them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl
from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from etl_assets.cli.output import cell, counted, grid, number, percent, plain, speaks_unicode
from etl_assets.inspection.personal import reveals_persons

if TYPE_CHECKING:
    from etl_assets.inspection.comparing import Comparison, FileGroup
    from etl_assets.profiling.records import Suggestion
    from etl_assets.profiling.suggest import Suggestions

SHOWN = 80
"""Rules shown; JSON has all of them."""

ROWS_SHOWN = 3
MASK = "***"
_SAMPLE_ROWS = 200_000
_SYMBOLS = {"sum": "+", "product": "x"}


def suggestions_of(found: Comparison) -> list[Suggestions]:
    """Suggest rules for each table of some files; what several files hold must hold in each."""
    from etl_assets.profiling.suggest import suggest

    names = [group.together.path.name for group in found.groups]
    suggested = []
    for place, group in enumerate(found.groups):
        others = {
            name: other.together.sample
            for name, other in zip(names, found.groups, strict=True)
            if other is not group and name != names[place]
        }
        sample, files = _rows(group)
        suggested.append(suggest(sample, group.together.columns, others=others, files=files["file"]))
    return suggested


def _rows(group: FileGroup) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows that were looked at, and for each its file and its number in it."""
    each = max(_SAMPLE_ROWS // len(group.files), 1)
    heads = [one.sample.head(each) for one in group.files]
    places = [
        pl.select(
            file=pl.repeat(one.path.name, head.height, dtype=pl.String),
            row=pl.int_range(1, head.height + 1, dtype=pl.Int64),
        )
        for one, head in zip(group.files, heads, strict=True)
    ]
    return pl.concat(heads), pl.concat(places)


# -- for people -----------------------------------------------------------------------------------


def print_suggestions(console: Console, group: FileGroup, suggestions: Suggestions) -> None:
    """Print the rules that the rows speak for."""
    console.print(Text("\nrules that the rows speak for", style="bold"))
    if not suggestions:
        console.print(Text("  none: there are too few rows, or nothing in them is regular", style="dim"))
        return
    table = grid(
        "rule", "keep it %", "at least %", "rows", "break it", "such as",
        right=("keep it %", "at least %", "rows", "break it"), unicode=speaks_unicode(console),
    )  # fmt: skip
    table.columns[0].overflow = table.columns[5].overflow = "fold"
    for index in (1, 2, 3, 4):
        table.columns[index].no_wrap = True
    sample, places = _rows(group)
    hidden = _personal(group)
    for one in suggestions[:SHOWN]:
        table.add_row(
            cell(wording(one, hidden), "" if one.severity == "error" else "dim"),
            percent((one.support - one.exceptions) / one.support),
            percent(one.lower_bound),
            number(one.support),
            number(one.exceptions) if one.exceptions else "",
            cell("; ".join(_examples(one, sample, places, hidden, len(group.files) > 1))),
        )
    console.print(Padding(table, (0, 0, 0, 2)))
    if (rest := len(suggestions) - SHOWN) > 0:
        console.print(Text(f"  and {rest:,} more: --json shows all", style="dim"))
    for left_out in suggestions.left_out:
        console.print(Text(f"  not looked at: {left_out}", style="yellow"))
    console.print(
        Text("  at least: the lower end of the 95 % Wilson interval; dim: only worth a warning", style="dim")
    )


def wording(one: Suggestion, hidden: frozenset[str] = frozenset()) -> str:
    """Say a rule in a line; of columns that look personal without their cells."""
    name, given = ", ".join(one.columns), one.parameters
    if _is_hidden(one, hidden) and {"values", "pattern"} & given.keys() and one.kind != "str_matches":
        return f"{name}: {one.kind.value} ({counted(len(given.get('values', ())), 'value')}, not shown)"
    match one.kind.value:
        case "castable":
            return f"{name} is {given['kind']}" + (f", {given['formats'][0]}" if given["formats"] else "")
        case "not_null":
            return f"{name} is filled"
        case "in_range":
            return f"{given.get('min_value', '')} <= {name} <= {given.get('max_value', '')}".strip(" <=")
        case "str_matches":
            return f"{name} matches {_short(given['pattern'], 60)}"
        case "str_length":
            return f"{name} has at most {given['max_value']} characters"
        case "isin":
            return f"{name} is one of {_some(given['values'])}"
        case "notin":
            slips = [f"{wrong} (for {meant})" for wrong, meant in given["likely"].items()]
            return f"{name} is not misspelt: {_some(slips)}"
        case "unique":
            return f"{name} {'identifies' if len(one.columns) == 1 else 'identify'} a row"
        case "dependency":
            return f"{name} -> {', '.join(given['dependents'])}"
        case "reference":
            return f"{name} is in {given['table']}: {', '.join(given['column'])}"
        case _:
            return _row_check(given)


def _is_hidden(one: Suggestion, hidden: frozenset[str]) -> bool:
    """Whether the values of a rule are not shown: those of personal columns, and those that name persons."""
    given = one.parameters
    values = [*map(str, given.get("values", ())), *map(str, dict(given.get("likely", {})).values())]
    return bool(hidden.intersection(one.columns)) or reveals_persons(one.columns[0], values)


def _row_check(given: Mapping[str, Any]) -> str:
    left, operator, right = given["left"], given["operator"], given["right"]
    if operator == "misplaced":
        return f"{left} does not hold what is missing in {right}"
    if operator in _SYMBOLS:
        return f"{f' {_SYMBOLS[operator]} '.join(left)} = {right}"
    return f"{left} {operator} {right}"


def _some(values: Sequence[str], limit: int = 5) -> str:
    more = f" and {len(values) - limit:,} more" if len(values) > limit else ""
    return ", ".join(_short(value, 30) for value in values[:limit]) + more


def _short(text: str, limit: int) -> str:
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def _examples(
    one: Suggestion, sample: pl.DataFrame, places: pl.DataFrame, hidden: frozenset[str], with_file: bool
) -> Iterator[str]:
    names = _concerned(one)
    for row in one.rows[:ROWS_SHOWN]:
        file, number_in_file = places.row(row)
        cells = [_shown(name, sample[name][row], hidden) for name in names]
        where = f"{file} row {number_in_file:,}" if with_file else f"row {number_in_file:,}"
        yield f"{where}: {', '.join(cells)}"


def _concerned(one: Suggestion) -> list[str]:
    """The columns whose cells tell why a row breaks a rule."""
    return [*one.columns, *one.parameters.get("dependents", ())][:4]


def _shown(name: str, value: str | None, hidden: frozenset[str]) -> str:
    if value is None:
        return "(empty)"
    is_hidden = name in hidden or reveals_persons(name, [value])
    return MASK if is_hidden else _short(plain(value), 30)


def _personal(group: FileGroup) -> frozenset[str]:
    return frozenset(column.name for column in group.together.columns if column.personal)


# -- for machines ---------------------------------------------------------------------------------


def suggestions_json(group: FileGroup, suggestions: Sequence[Suggestion]) -> list[dict[str, Any]]:
    """Return suggestions as plain values, with file and row of what breaks them."""
    _, places = _rows(group)
    hidden = _personal(group)
    return [_one_json(one, places, hidden) for one in suggestions]


def _one_json(one: Suggestion, places: pl.DataFrame, hidden: frozenset[str]) -> dict[str, Any]:
    parameters = dict(one.parameters)
    if _is_hidden(one, hidden):
        for name in ("values", "likely"):
            if name in parameters:
                parameters[name] = None
    broken = places[list(one.rows)] if one.rows else places.clear()
    return {
        "rule": one.kind.value,
        "columns": list(one.columns),
        "parameters": parameters,
        "severity": one.severity.value,
        "dimension": one.dimension.value,
        "rows": one.support,
        "exceptions": one.exceptions,
        "share_at_least": one.lower_bound,
        "why": one.why,
        "broken_by": [{"file": file, "row": row} for file, row in broken.iter_rows()],
    }
