"""What is to be written of a table: its columns with type, cleaning and rules, before it becomes code."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from etl_assets.inspection.layout import Layout
from etl_assets.inspection.records import Certainty, Column, Inspection, Kind
from etl_assets.profiling.records import Suggestion
from etl_assets.scaffolding.code import Code, Text, call, code, listing, literal, pattern
from etl_assets.scaffolding.names import column_names, field_names
from etl_assets.staging.formats.options import Format

TEXT, WHOLE, REAL, TRUTH = "str", "int", "float", "bool"
DAY, MOMENT, INSTANT = "datetime.date", "datetime.datetime", "Instant"
NUMBERS = (WHOLE, REAL)

_OF_KIND = {
    Kind.INTEGER: WHOLE,
    Kind.DECIMAL: REAL,
    Kind.BOOLEAN: TRUTH,
    Kind.DATE: DAY,
    Kind.DATETIME: MOMENT,
}


@dataclass(frozen=True)
class Material:
    """All that is known of one table's files.

    Attributes:
        name: Of the table.
        files: Key below the staging area -> what the file looks like.
        layout: How they are delivered.
        format: How they are read.
        headers: The columns as bronze has them.
        types: Column -> dtype, where the format has types.
        columns: What inspection found of the columns, over all files.
        sample: Rows of all files.
        labels: For each row of the sample the key of its file.
        delivered: Rows as a run reads them, with their file's key as `_period`.
        complete: Whether the sample holds all rows.
        suggestions: The rules that the sample speaks for.
        doubts: What is to be looked at.
        held: Keys of its files with another header: a run puts them on hold.
    """

    name: str
    files: Mapping[str, Inspection]
    layout: Layout
    format: Format
    headers: Sequence[str]
    types: Mapping[str, pl.DataType]
    columns: Sequence[Column]
    sample: pl.DataFrame
    labels: pl.Series
    delivered: pl.DataFrame
    complete: bool
    suggestions: Sequence[Suggestion] = ()
    doubts: Sequence[str] = ()
    held: Sequence[str] = ()

    @property
    def partitioned(self) -> bool:
        """Whether it has a partition per period."""
        return self.layout.source.partitioned


@dataclass
class ColumnDraft:
    """One column of a silver table, and the bronze column that it comes from.

    Attributes:
        header: As delivered.
        bronze_field: Its field in the bronze contract.
        name: Its name in silver.
        dtype: Its type in silver, as an annotation.
        cleaning: How silver reads it.
        column: What inspection found.
        nullable: Whether silver's may be null.
        checks: Arguments of `pa.Field`.
        options: Arguments of `about`: a rule's name -> its options.
        comments: What stands above the field.
    """

    header: str
    bronze_field: str
    name: str
    dtype: str
    cleaning: Code
    column: Column
    nullable: bool = True
    checks: dict[str, Code] = field(default_factory=dict)
    options: dict[str, Code] = field(default_factory=dict)
    comments: list[str] = field(default_factory=list)

    @property
    def personal(self) -> bool:
        """Whether its values must never be shown."""
        return self.column.personal is not None


@dataclass(frozen=True)
class RowCheckDraft:
    """A check over several columns of a row.

    Attributes:
        method: Its name.
        meaning: Its docstring.
        body: Its statements: what stands before, and the code.
        options: Arguments of `row_check`.
    """

    method: str
    meaning: str
    body: Sequence[tuple[str, Code]]
    options: Mapping[str, Code]


@dataclass
class TableDraft:
    """A table of the dataset in bronze and silver.

    Attributes:
        material: What it is drafted from.
        columns: In the order of the file.
        unique: Columns that identify a row; empty for none.
        unique_options: The options of that rule.
        dependencies: Calls of `Dependency`.
        row_checks: Checks over several columns.
        refers_to: The tables that its columns refer to.
        period_column: The silver column whose dates lie in the row's period.
        demoted: Rules that would refuse too many rows, and only warn.
        worst: Of the files' rows that were looked at, the largest share that its rules refuse.
    """

    material: Material
    columns: list[ColumnDraft]
    unique: tuple[str, ...] = ()
    unique_options: Code | None = None
    dependencies: list[Code] = field(default_factory=list)
    row_checks: list[RowCheckDraft] = field(default_factory=list)
    refers_to: set[str] = field(default_factory=set)
    period_column: str | None = None
    demoted: frozenset[str] = frozenset()
    worst: tuple[float, str] = (0.0, "")

    @property
    def name(self) -> str:
        """The table's name."""
        return self.material.name

    def of(self, header: str) -> ColumnDraft:
        """The column of a header."""
        return next(column for column in self.columns if column.header == header)


def draft_columns(material: Material, as_text: Collection[str] = ()) -> TableDraft:
    """Draft a table's columns: names, types, cleaning; the rules come later.

    Args:
        material: What is known of the table.
        as_text: Silver names of columns that stay text, because too many cells are not of their kind.
    """
    fields = field_names(material.headers)
    names = column_names(material.headers)
    columns = []
    for header, field_, name, column in zip(material.headers, fields, names, material.columns, strict=True):
        if header in material.types and material.types[header] != pl.String:
            dtype, cleaning = annotation(material.types[header]), f"pl.col({literal(header)})"
            columns.append(ColumnDraft(header, field_, name, dtype, cleaning, column))
            continue
        known = _as_text(column) if name in as_text or not _typed(column) else column
        dtype = _OF_KIND.get(known.kind, TEXT)
        if dtype == MOMENT and any("%z" in form or form.endswith("Z") for form in known.formats):
            dtype = INSTANT
        draft = ColumnDraft(header, field_, name, dtype, _cleaning(header, known), known)
        draft.comments = _comments(column, known)
        if known.kind is Kind.TIME:
            _time_of_day(draft)
        columns.append(draft)
    return TableDraft(material, columns)


def annotation(dtype: pl.DataType) -> str:
    """The annotation of a field for what a file's dtype becomes in a table.

    Tables don't hold every dtype: moments are kept in microseconds, those of a timezone in UTC, and
    categories as text. A value that would be lost by that is refused, as any that can't be cast.
    """
    if isinstance(dtype, pl.Datetime):
        return MOMENT if dtype.time_zone is None else INSTANT
    if isinstance(dtype, pl.Decimal):
        return f"Annotated[pl.Decimal, {dtype.precision}, {dtype.scale}]"
    plain: dict[type[pl.DataType], str] = {
        pl.Int64: WHOLE,
        pl.UInt8: WHOLE,
        pl.UInt16: WHOLE,
        pl.UInt32: WHOLE,
        pl.UInt64: WHOLE,
        pl.Float64: REAL,
        pl.Boolean: TRUTH,
        pl.Date: DAY,
    }
    kept = (pl.Int8, pl.Int16, pl.Int32, pl.Float32, pl.Binary)
    return f"pl.{type(dtype).__name__}" if isinstance(dtype, kept) else plain.get(type(dtype), TEXT)


def _typed(column: Column) -> bool:
    """Whether a column's kind is worth a type: codes and names with a number in them stay text."""
    if column.kind is Kind.TEXT or column.leading_zeros or not column.filled:
        return False
    around = "".join(column.affixes or ())
    if sum(map(str.isalpha, around)) > 3:
        return False
    if column.kind in (Kind.DATE, Kind.DATETIME, Kind.TIME):
        return bool(column.formats) and not _half_zoned(column.formats)
    return column.kind is not Kind.BOOLEAN or bool(column.true_words and column.false_words)


def _time_of_day(draft: ColumnDraft) -> None:
    """Tables hold no times of day: they are text of one form."""
    draft.checks["str_matches"] = pattern(r"^([01]\d|2[0-3]):[0-5]\d:[0-5]\d$")
    draft.options["str_matches"] = call("rule", why=Text("times of day are kept as text, such as 13:45:00"))


def _half_zoned(formats: Sequence[str]) -> bool:
    return len({"%z" in form or form.endswith("Z") for form in formats}) > 1


def _as_text(column: Column) -> Column:
    return replace(column, kind=Kind.TEXT, formats=(), affixes=None)


def _cleaning(header: str, column: Column) -> Code:
    name, nulls = literal(header), listing(column.null_words) if column.null_words else None
    if column.kind in (Kind.INTEGER, Kind.DECIMAL):
        before, behind = column.affixes or ("", "")
        return call(
            "number",
            name,
            decimal=literal(column.decimal) if column.decimal != "." else None,
            thousands=literal(column.thousands) if column.thousands else None,
            prefix=literal(before.strip()) if before.strip() else None,
            suffix=literal(behind.strip()) if behind.strip() else None,
            nulls=nulls,
        )
    if column.kind is Kind.BOOLEAN:
        return call(
            "boolean", name, true=listing(column.true_words), false=listing(column.false_words), nulls=nulls
        )
    if column.kind in (Kind.DATE, Kind.DATETIME, Kind.TIME):
        function = {Kind.DATE: "date", Kind.DATETIME: "moment", Kind.TIME: "time"}[column.kind]
        return call(function, name, *map(code, column.formats), nulls=nulls)
    return call("text", name, nulls=nulls)


def _comments(column: Column, known: Column) -> list[str]:
    """What the reader should know of a column, without a cell of a personal one."""
    told = []
    if column.kind is not known.kind:
        told.append(f"text, although it looks like {column.kind}: {column.evidence}")
    elif column.kind is not Kind.TEXT or column.certainty is Certainty.UNSURE:
        told.append(column.evidence)
    if column.certainty is Certainty.UNSURE:
        told[-1] = f"unsure: {told[-1]}"
    return [*told, *column.hints]
