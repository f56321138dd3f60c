"""How a file is to be read, as a dataset's YAML declares it: one class per format."""

from __future__ import annotations

import codecs
import re
from enum import StrEnum
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from etl_assets.staging.formats.json_paths import parse_path

ColumnName = Annotated[str, Field(min_length=1, description="the name of a column")]
JsonPath = Annotated[str, Field(min_length=1, description="a path such as address.city or items[0].sku")]


class Compression(StrEnum):
    """How the file is packed; `infer` looks at its first bytes."""

    NONE = "none"
    GZIP = "gzip"
    ZSTD = "zstd"
    INFER = "infer"


class _Options(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TextFormat(_Options):
    """What is declared of any text, whatever its format."""

    encoding: str = Field(
        "utf-8", description="Encoding as Python names it, such as latin-1, cp1252 or utf-16."
    )
    compression: Compression = Field(Compression.INFER, description="How the file is packed.")
    max_record_bytes: int = Field(1_000_000, ge=1, description="A longer record counts as unreadable.")
    max_decompressed_bytes: int = Field(
        20_000_000_000, ge=1, description="A file that unpacks to more than this is refused."
    )

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, value: str) -> str:
        try:
            codec = codecs.lookup(value)
            # Python also knows codecs such as base64, which give no text.
            is_text = isinstance(codec.incrementaldecoder().decode(b""), str)
        except (LookupError, AttributeError, TypeError):
            is_text = False
        if not is_text:
            raise ValueError(f"{value!r} is no text encoding that Python knows")
        return codec.name


class LinesFormat(TextFormat):
    """Text of lines, of which some may be no rows."""

    skip_lines: int = Field(
        0, ge=0, le=10_000, description="Lines at the beginning that are no rows, before the header if any."
    )
    skip_footer_lines: int = Field(
        0, ge=0, le=10_000, description="Lines at the end that are no rows; empty ones count."
    )
    skip_pattern: str | None = Field(
        None,
        description="A regular expression; a record whose first line has a match is no row, "
        "such as ^Total, wherever it stands.",
    )

    @property
    def skips(self) -> bool:
        """True when some lines are declared to be no rows."""
        return bool(self.skip_lines or self.skip_footer_lines or self.skip_pattern)

    @field_validator("skip_pattern")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        if value is not None:
            _compile_pattern(value)
        return value


class DelimitedFormat(LinesFormat):
    """Cells between separators, one record after the other."""

    separator: str = Field(description="One ASCII character between two cells.")
    quote: str | None = Field(description="One ASCII character around a cell, doubled inside; null for none.")
    header: bool = Field(True, description="Whether the first record holds the names of the columns.")
    columns: tuple[ColumnName, ...] | None = Field(
        None, description="With header: false, the names of the columns in their order."
    )
    trim_header: bool = Field(False, description="Take white space from around the header's names.")
    unique_header: bool = Field(
        False,
        description="Make the header's names unique: an empty one becomes column_<position>, "
        "the second of one name gets _2 behind it, and so on.",
    )
    skip_repeated_header: bool = Field(
        False,
        description="Whether records below that are written just as the header are no rows: "
        "files that were put together have one for each of them.",
    )

    @property
    def skips(self) -> bool:
        """True when some lines are declared to be no rows."""
        return super().skips or self.skip_repeated_header

    @field_validator("separator", "quote")
    @classmethod
    def _one_ascii_character(cls, value: str | None) -> str | None:
        if value is not None and (len(value) != 1 or not value.isascii() or value in "\r\n\0"):
            raise ValueError("expected one ASCII character other than a line end")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.quote == self.separator:
            raise ValueError("separator and quote must be different characters")
        _check_header(self, "skip_lines")
        return self


class CsvFormat(DelimitedFormat):
    """Delimited text, by default with commas, double quotes and one header line."""

    type: Literal["csv"] = "csv"
    separator: str = Field(",", description="One ASCII character between two cells.")
    quote: str | None = Field(
        '"', description="One ASCII character around a cell, doubled inside; null for none."
    )


class TsvFormat(DelimitedFormat):
    """Tab-separated text; a quote is a character like any other unless one is declared."""

    type: Literal["tsv"] = "tsv"
    separator: str = Field("\t", description="One ASCII character between two cells.")
    quote: str | None = Field(
        None, description="One ASCII character around a cell, doubled inside; null for none."
    )


class FixedWidthColumn(_Options):
    """A stretch of each line."""

    name: ColumnName | None = Field(description="The column; null for a stretch that is left out on purpose.")
    start: int | None = Field(
        None, ge=1, description="Its first character, from 1; where the column before it ends unless said."
    )
    width: int = Field(ge=1, description="Its number of characters.")


class FixedWidthFormat(LinesFormat):
    """Text whose columns are stretches of each line, counted in characters; header lines are skipped."""

    type: Literal["fixed_width"] = "fixed_width"
    columns: tuple[FixedWidthColumn, ...] = Field(
        min_length=1, description="The stretches of a line; text outside of them makes a line unreadable."
    )
    trim: bool = Field(True, description="Take the spaces from around each cell.")
    short_lines: bool = Field(
        False, description="Whether a line may end early, since the spaces at its end were cut off."
    )

    @model_validator(mode="after")
    def _names_once(self) -> Self:
        names = [one.name for one in self.columns if one.name is not None]
        if not names:
            raise ValueError("columns need at least one name")
        _each_once("columns", names)
        return self

    def stretches(self) -> list[tuple[str | None, int, int]]:
        """Return name, first character from 0, and width of each column."""
        found: list[tuple[str | None, int, int]] = []
        end = 0
        for column in self.columns:
            start = end if column.start is None else column.start - 1
            end = start + column.width
            found.append((column.name, start, column.width))
        return found


class JsonRecordsFormat(TextFormat):
    """What is declared of records that are JSON objects.

    A field of a record is the column of its name; what it holds is text as it stands in the file.
    """

    columns: dict[ColumnName, JsonPath] = Field(
        default_factory=dict,
        description="Column -> path of what it holds, such as address.city or items[0].sku; "
        "fields that no path speaks of are columns of their own name.",
    )
    ignore: tuple[JsonPath, ...] = Field(
        (), description="Paths that are left out on purpose, with all that is below them."
    )
    optional: tuple[ColumnName, ...] = Field(
        (), description="Columns that may be missing from all records of a file."
    )

    @model_validator(mode="after")
    def _paths(self) -> Self:
        for path in (*self.columns.values(), *self.ignore):
            parse_path(path)
        return self


class JsonLinesFormat(JsonRecordsFormat):
    """One JSON object a line (JSON Lines, also known as NDJSON)."""

    type: Literal["jsonl"] = "jsonl"


class JsonFormat(JsonRecordsFormat):
    """One JSON array of objects: the whole text, or what is found under a path in it."""

    type: Literal["json"] = "json"
    path: str | None = Field(
        None, min_length=1, description="Where the array is, such as data.items; null for the whole text."
    )

    @model_validator(mode="after")
    def _leads_through_objects(self) -> Self:
        if self.path is not None and not all(isinstance(step, str) for step in parse_path(self.path)):
            raise ValueError("path: expected names only, such as data.items")
        return self


class ExcelFormat(_Options):
    """One sheet of an Excel workbook (.xlsx, .xlsm, .xls)."""

    type: Literal["excel"] = "excel"
    sheet: str | int | None = Field(
        None,
        description="Name of the sheet, or its number from 1, hidden ones included; "
        "unless said, the workbook must have one visible sheet.",
    )
    skip_rows: int = Field(0, ge=0, le=10_000, description="Rows at the top that are no rows of the table.")
    skip_footer_rows: int = Field(
        0, ge=0, le=10_000, description="Filled rows at the bottom that are no rows of the table."
    )
    skip_pattern: str | None = Field(
        None,
        description="A regular expression; a row whose first filled cell has a match is no row of the table.",
    )
    header: bool = Field(True, description="Whether the first row holds the names of the columns.")
    columns: tuple[ColumnName, ...] | None = Field(
        None, description="With header: false, the names of the columns in their order."
    )
    trim_header: bool = Field(False, description="Take white space from around the header's names.")
    unique_header: bool = Field(
        False,
        description="Make the header's names unique: an empty one becomes column_<position>, "
        "the second of one name gets _2 behind it, and so on.",
    )
    skip_repeated_header: bool = Field(
        False, description="Whether rows below with the same cells as the header are no rows of the table."
    )
    max_unpacked_bytes: int = Field(
        1_000_000_000, ge=1, description="A workbook that unpacks to more than this is refused."
    )
    max_cells: int = Field(
        20_000_000, ge=1, description="A sheet that stretches over more cells than this is refused."
    )

    @field_validator("sheet")
    @classmethod
    def _sheet_from_1(cls, value: str | int | None) -> str | int | None:
        if isinstance(value, int) and value < 1:
            raise ValueError("sheets are numbered from 1")
        return value

    @field_validator("skip_pattern")
    @classmethod
    def _pattern_compiles(cls, value: str | None) -> str | None:
        if value is not None:
            _compile_pattern(value)
        return value

    @model_validator(mode="after")
    def _names(self) -> Self:
        _check_header(self, "skip_rows")
        return self


class ParquetFormat(_Options):
    """Apache Parquet; columns keep the types that the file gives them."""

    type: Literal["parquet"] = "parquet"


class ArrowFormat(_Options):
    """Apache Arrow IPC, as a file (also known as Feather 2) or a stream; columns keep their types."""

    type: Literal["arrow"] = "arrow"


class ExtractFormat(_Options):
    """What was read from a database; no file that anybody delivers, so no setting says it."""

    type: Literal["extract"] = "extract"


Format = Annotated[
    CsvFormat
    | TsvFormat
    | FixedWidthFormat
    | JsonLinesFormat
    | JsonFormat
    | ExcelFormat
    | ParquetFormat
    | ArrowFormat,
    Field(discriminator="type"),
]


def _check_header(format: DelimitedFormat | ExcelFormat, skipped: str) -> None:
    """Refuse settings of the header and the columns' names that contradict each other."""
    if not format.header and not format.columns:
        raise ValueError("header: false needs columns, the names in their order")
    if format.header and format.columns is not None:
        raise ValueError(
            f"columns go with header: false; to replace the file's own header, add it to {skipped}"
        )
    if not format.header and (format.trim_header or format.unique_header or format.skip_repeated_header):
        raise ValueError("trim_header, unique_header and skip_repeated_header go with a header")
    _each_once("columns", format.columns or ())


def _compile_pattern(pattern: str) -> re.Pattern[str]:
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise ValueError(f"expected a regular expression: {error}") from None
    if all(map(compiled.search, ("", "a", "0", ","))):
        raise ValueError("expected a regular expression that does not match every line")
    return compiled


def _each_once(what: str, names: tuple[str, ...] | list[str]) -> None:
    if repeated := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{what}: each name once; repeated: {', '.join(repeated)}")
