"""What `dataset.yaml` says: a dataset's tables, for those that need no Python."""

from __future__ import annotations

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.errors import ContractError
from etl_assets.yaml_text import KeyPath, YamlText, read_yaml

_NAME = "[a-z][a-z0-9_]*"

Id = Annotated[
    str,
    StringConstraints(pattern=f"^(bronze|silver|gold)/{_NAME}$"),
    Field(description="a layer and a name, such as silver/sales"),
]
Words = Annotated[tuple[str, ...], Field(description='Words for "not known", such as NA or -.')]
Formats = Annotated[
    tuple[str, ...],
    Field(min_length=1, description="strftime formats, such as %d.%m.%Y; which fits, counts."),
]
FileName = Annotated[
    str,
    StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$"),
    Field(description="a file in the folder of dataset.yaml"),
]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)


class NumberSection(_Section):
    """How numbers are written."""

    decimal: str = Field(".", min_length=1, max_length=1, description="The sign before the decimals.")
    thousands: str | None = Field(None, min_length=1, max_length=1, description="Between groups of three.")
    prefix: str = Field("", description="What may stand before, such as €.")
    suffix: str = Field("", description="What may stand behind, such as kg.")


class BooleanSection(_Section):
    """The words for yes and no."""

    true_words: tuple[str, ...] = Field(min_length=1, description="The words for yes.")
    false_words: tuple[str, ...] = Field(min_length=1, description="The words for no.")


class ColumnSection(_Section):
    """Where a silver column comes from, and how its cells are read; without a kind as its type wants it."""

    source: str | None = Field(None, alias="from", description="The bronze column; by default the same name.")
    nulls: Words | None = Field(None, description="Instead of the table's words for not known.")
    text: Literal["as_is", "upper", "lower"] | None = Field(None, description="Text, and its letters' case.")
    number: NumberSection | None = Field(None, description="A number.")
    date: Formats | None = Field(None, description="A date.")
    moment: Formats | None = Field(None, description="A date and time.")
    time: Formats | None = Field(None, description="A time of day.")
    boolean: BooleanSection | None = Field(None, description="Yes or no.")

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = [
            kind for kind in ("text", "number", "date", "moment", "time", "boolean") if getattr(self, kind)
        ]
        if len(kinds) > 1:
            raise ValueError(f"one of {', '.join(kinds)}: a cell is read in one way")
        return self


class TableSection(_Section):
    """One table: what is said of it depends on its layer."""

    partitioned: bool = Field(True, description="False: one table as a whole, such as a reference list.")
    columns: tuple[str, ...] | dict[str, str | ColumnSection] | None = Field(
        None,
        description="bronze: the header, unless the contract describes the table. silver: column -> where "
        "it comes from (a bronze column, or a mapping); a column that is not named has its own name there.",
    )
    pii: tuple[str, ...] = Field((), description="bronze: columns whose values are never shown.")
    source: Id | None = Field(None, alias="from", description="silver: the bronze table; default: same name.")
    nulls: Words = ()
    sql: FileName | None = Field(None, description="gold: the file that holds the query.")
    query: str | None = Field(None, min_length=1, max_length=100_000, description="gold: the query itself.")
    inputs: dict[str, Id] | None = Field(
        None,
        description="gold: name in the query -> table. By default a name is the silver table of that name, "
        "else the gold table.",
    )


class Declaration(_Section):
    """A dataset declared without Python: `dataset.yaml`, beside its contract and its queries."""

    description: str = Field("", description="A sentence for the people who use its tables.")
    owners: tuple[str, ...] = Field((), description="Who is asked: team:shop, or an e-mail address.")
    contracts: tuple[FileName, ...] = Field(
        ("contract.odcs.yaml",),
        min_length=1,
        description="Contracts of its tables, in the Open Data Contract Standard 3.1.",
    )
    allow_unchecked: bool = Field(
        False,
        description="True: rules of a contract that can't be checked here are left out. By default they "
        "are an error, so that nobody relies on them.",
    )
    tables: dict[Id, TableSection] = Field(min_length=1, description="Its tables.")

    @model_validator(mode="after")
    def _keys_of_the_layer(self) -> Self:
        for name, table in self.tables.items():
            problem = _misplaced(TableId.parse(name), table)
            if problem:
                raise ValueError(f"{name}: {problem}")
        return self

    @property
    def ids(self) -> dict[TableId, TableSection]:
        """The tables in build order."""
        order = list(Layer)
        found = {TableId.parse(name): table for name, table in self.tables.items()}
        return dict(sorted(found.items(), key=lambda item: order.index(item[0].layer)))


def read_declaration(path: Path, name: str) -> tuple[Declaration, YamlText]:
    """Read `dataset.yaml`.

    Raises:
        ContractError: It can't be read, or something in it is wrong; names file, line and key.
    """
    text = read_yaml(path, name, ContractError, "The declaration")
    try:
        return Declaration.model_validate(text.values), text
    except ValidationError as error:
        raise _told(error, text) from None


def declaration_schema() -> str:
    """Return the JSON Schema of `dataset.yaml`, for editors."""
    return json.dumps(Declaration.model_json_schema(by_alias=True), indent=2, ensure_ascii=False) + "\n"


def _misplaced(id: TableId, table: TableSection) -> str:
    kept = {
        Layer.BRONZE: {"partitioned", "columns", "pii"},
        Layer.SILVER: {"partitioned", "columns", "source", "nulls"},
        Layer.GOLD: {"partitioned", "sql", "query", "inputs"},
    }[id.layer]
    if others := sorted(table.model_fields_set - kept):
        return (
            f"{', '.join('from' if one == 'source' else one for one in others)} is not for {id.layer} tables"
        )
    if id.layer is Layer.BRONZE and isinstance(table.columns, Mapping):
        return "columns of a bronze table are a list, as in the header"
    if id.layer is Layer.SILVER and isinstance(table.columns, tuple):
        return "columns of a silver table are a mapping: column: {from: ..., number: ...}"
    if id.layer is Layer.GOLD and (table.sql is None) == (table.query is None):
        return "say the query: either sql (a file) or query"
    return ""


def _told(error: ValidationError, text: YamlText) -> ContractError:
    details = error.errors(include_url=False)
    # Of alternatives, such as a text or a mapping, the one that came furthest is what was meant.
    detail = max(details, key=lambda one: (len(_path(one["loc"], text)), one["type"] == "value_error"))
    path = _path(detail["loc"], text)
    if detail["type"] == "extra_forbidden":
        model = _model_at(path[:-1])
        known = sorted(field.alias or name for name, field in model.model_fields.items()) if model else []
        near = get_close_matches(path[-1], known, n=1)
        hint = (f"Did you mean {near[0]}? " if near else "") + f"Known here are {', '.join(known)}"
        return ContractError(f"There is no key {path[-1]} here", where=text.where(path), hint=hint)
    if detail["type"] == "missing":
        return ContractError(f"The key {detail['loc'][-1]} is missing", where=text.where(path))
    message = detail["msg"].removeprefix("Value error, ").replace("Input should", "It should")
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return ContractError(f"The declaration is wrong: {message}{more}", where=text.where(path))


def _path(loc: tuple[int | str, ...], text: YamlText) -> KeyPath:
    """The place in the file, without the names of union members that pydantic puts in."""
    path: KeyPath = ()
    for part in loc:
        if (*path, str(part)) in text.lines:
            path = (*path, str(part))
    return path


def _model_at(path: KeyPath) -> type[BaseModel] | None:
    by_depth: dict[int, type[BaseModel]] = {0: Declaration, 2: TableSection, 4: ColumnSection}
    by_name: dict[str, type[BaseModel]] = {"number": NumberSection, "boolean": BooleanSection}
    return by_depth.get(len(path), by_name.get(path[-1] if path else ""))
