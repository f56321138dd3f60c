# No postponed annotations here: Pandera reads the annotations of the classes that are built.
"""A contract in pieces, and the Pandera model that they make: the same that one writes in Python."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl

from etl_assets.contracts.contract import Contract, RowContract
from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.contracts.declare import (
    Cast,
    Dependency,
    Reference,
    about,
    about_table,
    aggregate_check,
    column_check,
    row_check,
)
from etl_assets.contracts.options import RuleOptions
from etl_assets.contracts.vocabulary import RuleKind


@dataclass
class ColumnPieces:
    """One column: what `pa.Field` and `about` say.

    Attributes:
        name: As in the table.
        dtype: Its Polars dtype.
        checks: Pandera's own checks by the field's argument: `ge`, `isin`, `str_matches`.
        rules: Options by rule, under Pandera's long names.
    """

    name: str
    dtype: pl.DataType
    nullable: bool = True
    unique: bool = False
    description: str | None = None
    checks: dict[str, Any] = field(default_factory=dict)
    rules: dict[str, RuleOptions] = field(default_factory=dict)
    references: Reference | None = None
    cast: Cast | None = None
    pii: bool = False


@dataclass
class CheckPieces:
    """A check of one's own.

    Attributes:
        name: The rule's name, without its column.
        column: Of a column check: the column.
        null_fails: A null result is a failure, not "does not apply".
    """

    name: str
    expression: nw.Expr
    kind: RuleKind
    options: RuleOptions = field(default_factory=RuleOptions)
    column: str | None = None
    null_fails: bool = False
    description: str = ""


@dataclass
class TablePieces:
    """One table: its columns, keys and checks."""

    id: TableId
    description: str = ""
    columns: dict[str, ColumnPieces] = field(default_factory=dict)
    keys: list[tuple[str, ...]] = field(default_factory=list)
    key_options: RuleOptions | None = None
    period_column: str | None = None
    in_period: RuleOptions | None = None
    unique_as_delivered: RuleOptions | None = None
    dependencies: list[Dependency] = field(default_factory=list)
    checks: list[CheckPieces] = field(default_factory=list)

    @property
    def schema(self) -> Mapping[str, pl.DataType]:
        """Column -> dtype."""
        return {name: column.dtype for name, column in self.columns.items()}

    def free_name(self, wanted: str, column: str | None = None) -> str:
        """Return a name for a check that none has yet."""
        base = re.sub(r"\W+", "_", wanted.strip()).strip("_") or "rule"
        taken = {one.name for one in self.checks if one.column == column}
        name, number = base, 2
        while name in taken:
            name, number = f"{base}_{number}", number + 1
        return name


def build_model(pieces: TablePieces) -> type[Contract]:
    """Make the Pandera model of these pieces."""
    base: type[Contract] = Contract if pieces.id.layer is Layer.GOLD else RowContract
    annotations: dict[str, Any] = {}
    members: dict[str, Any] = {}
    for index, column in enumerate(pieces.columns.values()):
        # An alias for every column: a column may be called `validate`, as a method of Pandera's is.
        annotations[f"column_{index}"] = _annotation(column.dtype)
        members[f"column_{index}"] = _field(column)
    for index, check in enumerate(pieces.checks):
        members[f"check_{index}"] = _check(check)
    config: dict[str, Any] = {
        "metadata": about_table(
            period_column=pieces.period_column,
            in_period=pieces.in_period,
            unique=pieces.key_options,
            unique_as_delivered=pieces.unique_as_delivered or False,
            dependencies=pieces.dependencies,
        )
    }
    if pieces.keys:
        config["unique"] = pieces.keys
    name = "".join(part.title() for part in (str(pieces.id.layer), *re.split(r"\W|_", pieces.id.name)))
    namespace = {
        "__module__": __name__,
        "__doc__": pieces.description or None,
        "__annotations__": annotations,
        "Config": type("Config", (), config),
        **members,
    }
    model: type[Contract] = type(base)(name, (base,), namespace)  # type: ignore[misc]
    return model


def _field(column: ColumnPieces) -> Any:
    return pa.Field(
        alias=column.name,
        nullable=column.nullable,
        unique=column.unique,
        description=column.description,
        metadata=about(references=column.references, cast=column.cast, pii=column.pii, **column.rules),
        **column.checks,
    )


def _annotation(dtype: pl.DataType) -> Any:
    if isinstance(dtype, pl.Decimal):
        return Annotated[pl.Decimal, dtype.precision, dtype.scale]
    if isinstance(dtype, pl.Datetime):
        return Annotated[pl.Datetime, dtype.time_unit, dtype.time_zone]
    return type(dtype)


def _check(check: CheckPieces) -> Any:
    options: dict[str, Any] = {
        "severity": check.options.severity,
        "why": check.options.why,
        "dimension": check.options.dimension,
        "weight": check.options.weight,
        "ignore_na": not check.null_fails,
    }
    expression = check.expression

    def of_column(cls: Any, column: nw.Expr) -> nw.Expr:
        return expression

    def of_table(cls: Any) -> nw.Expr:
        return expression

    function: Callable[..., nw.Expr] = of_table if check.column is None else of_column
    function.__name__ = check.name
    function.__qualname__ = check.name
    function.__doc__ = check.description or None
    if check.column is not None:
        return column_check(check.column, **options)(function)
    return (row_check if check.kind is RuleKind.ROW else aggregate_check)(**options)(function)
