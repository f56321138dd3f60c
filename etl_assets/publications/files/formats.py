"""Rows as Parquet or CSV in a file on this machine, and what was really written there."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import polars as pl

from etl_assets.publications.destination import RowsMiscountedError
from etl_assets.publications.json_text import is_nested, json_texts

BATCH_ROWS = 50_000
_BLOCK = 1 << 20
_FORMULA = r"^[=+\-@\t\r\n]"


class FileFormat(Protocol):
    """How rows become a file."""

    @property
    def name(self) -> str:
        """Such as `csv`, which the files' names end in."""

    @property
    def options(self) -> object:
        """What else the files' content depends on, as JSON can hold it."""

    def check(self, columns: Mapping[str, pl.DataType]) -> None:
        """Raise a `PublicationError` if a column can't be held."""

    def write(self, rows: pl.LazyFrame, file: Path) -> None:
        """Write rows, in bounded memory."""

    def count(self, file: Path) -> int:
        """Count the rows of a file by reading it."""


@dataclass(frozen=True)
class Parquet:
    """Parquet, with all dtypes as they are."""

    @property
    def name(self) -> str:
        """The ending."""
        return "parquet"

    @property
    def options(self) -> object:
        """Nothing to choose."""
        return None

    def check(self, columns: Mapping[str, pl.DataType]) -> None:
        """Parquet holds whatever a table of the lake does."""

    def write(self, rows: pl.LazyFrame, file: Path) -> None:
        """Write rows."""
        rows.sink_parquet(file, compression="zstd")

    def count(self, file: Path) -> int:
        """Count rows, as the file's own metadata has them."""
        return int(pl.scan_parquet(file, glob=False).select(pl.len()).collect().item())


@dataclass(frozen=True)
class Csv:
    """CSV in UTF-8, as its options say."""

    separator: str = ","
    decimal: Literal[".", ","] = "."
    quoting: Literal["necessary", "always"] = "necessary"
    encoding: Literal["utf-8", "utf-8-bom"] = "utf-8"
    formulas: Literal["as_they_are", "escaped"] = "as_they_are"

    @property
    def name(self) -> str:
        """The ending."""
        return "csv"

    @property
    def options(self) -> object:
        """All of them."""
        return [self.separator, self.decimal, self.quoting, self.encoding, self.formulas]

    def check(self, columns: Mapping[str, pl.DataType]) -> None:
        """Text holds everything."""

    def write(self, rows: pl.LazyFrame, file: Path) -> None:
        """Write rows, a batch at a time."""
        schema = rows.collect_schema()
        # A line of one empty cell is an empty line, which many readers skip.
        quoted: Literal["always", "necessary"] = "necessary"
        if self.quoting == "always" or len(schema) == 1:
            quoted = "always"
        with file.open("wb") as out:

            def put(batch: pl.DataFrame, *, first: bool = False) -> None:
                self._text(batch).write_csv(
                    out,
                    include_header=first,
                    include_bom=first and self.encoding == "utf-8-bom",
                    separator=self.separator,
                    decimal_comma=self.decimal == ",",
                    quote_style=quoted,
                )

            put(pl.DataFrame(schema=schema), first=True)
            for batch in rows.collect_batches(chunk_size=BATCH_ROWS, engine="streaming"):
                put(batch)

    def count(self, file: Path) -> int:
        """Count records by reading them."""
        # All cells are read: a count alone would take each line end for a record.
        frame = pl.scan_csv(file, separator=self.separator, infer_schema=False, glob=False)
        first = frame.collect_schema().names()[0]
        counted = frame.select(pl.col(first).is_null().len()).collect(engine="streaming")
        return int(counted.item())

    def _text(self, batch: pl.DataFrame) -> pl.DataFrame:
        columns = [json_texts(one) if is_nested(one.dtype) else one for one in batch.iter_columns()]
        return pl.DataFrame(columns).select(self._cell(one.name, one.dtype) for one in columns)

    def _cell(self, name: str, dtype: pl.DataType) -> pl.Expr:
        cell = pl.col(name)
        if isinstance(dtype, pl.Categorical | pl.Enum):
            cell, dtype = cell.cast(pl.String), pl.String()
        if dtype == pl.String and self.formulas == "escaped":
            return pl.when(cell.str.contains(_FORMULA)).then(pl.lit("'") + cell).otherwise(cell).alias(name)
        if isinstance(dtype, pl.Binary):
            return cell.bin.encode("hex")
        if isinstance(dtype, pl.Datetime):
            utc = cell.dt.convert_time_zone("UTC") if dtype.time_zone else cell
            return utc.dt.strftime("%Y-%m-%d %H:%M:%S%.6f" + ("+00:00" if dtype.time_zone else ""))
        if isinstance(dtype, pl.Duration):
            return cell.dt.to_string("iso")
        return cell


def sha256_of(file: Path) -> str:
    """The hash of a file, read piece by piece."""
    hashed = hashlib.sha256()
    with file.open("rb") as source:
        while block := source.read(_BLOCK):
            hashed.update(block)
    return hashed.hexdigest()


def written(rows: pl.LazyFrame, format: FileFormat, file: Path, expected: int) -> tuple[int, str]:
    """Write rows into a file; return its size and hash.

    Raises:
        RowsMiscountedError: The file holds another number of rows.
    """
    format.write(rows, file)
    found = format.count(file)
    if found != expected:
        raise RowsMiscountedError(
            f"Rows do not add up: {found} rows are in the {format.name} file, {expected} are published",
            hint="Nothing was published; this is a mistake in etl_assets",
        )
    return file.stat().st_size, sha256_of(file)
