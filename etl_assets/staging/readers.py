"""Lossless reading: every physical record of a delivery becomes a row, or an unreadable record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import polars as pl

from etl_assets.errors import StagingError
from etl_assets.staging.breaches import Breach, find_breach, is_hidden
from etl_assets.staging.content import format_fingerprint, type_name
from etl_assets.staging.delivery_file import DeliveryFile
from etl_assets.staging.examination import examine
from etl_assets.staging.formats.handler import Part, Task
from etl_assets.staging.formats.options import ExtractFormat
from etl_assets.staging.formats.registry import handler
from etl_assets.staging.source import Source
from etl_assets.staging.unreadable import UNREADABLE_SCHEMA, unreadable_frame


@dataclass(frozen=True)
class Account:
    """What reading one delivery comes to.

    Attributes:
        rows: Rows that the frame must have for this delivery: count them, and compare.
        unreadable: Number of unreadable records.
        breach: Why nothing of it is read; rows and unreadable are 0 then.
        error: What kept it from being read just now; transient, try again later.
    """

    rows: int = 0
    unreadable: int = 0
    breach: Breach | None = None
    error: StagingError | None = None

    @property
    def records(self) -> int:
        """Records in the file: rows and unreadable ones."""
        return self.rows + self.unreadable


@dataclass(frozen=True)
class Readings:
    """What reading many deliveries gives.

    Attributes:
        frame: Rows of all readable deliveries, in their order: the source's columns, then
            `_delivery`, `_line`, `_row_id`.
        unreadable: Records that can't be read, see `UNREADABLE_SCHEMA`.
        accounts: Delivery id -> what reading it comes to.
    """

    frame: pl.LazyFrame
    unreadable: pl.DataFrame
    accounts: Mapping[str, Account]


@dataclass(frozen=True)
class Reading:
    """What reading one delivery gives; see `Readings` and `Account`."""

    frame: pl.LazyFrame
    unreadable: pl.DataFrame
    rows: int
    records: int
    breach: Breach | None


def read_delivery(
    file: DeliveryFile,
    source: Source,
    columns: Sequence[str],
    scratch: Path,
    *,
    types: Mapping[str, pl.DataType] | None = None,
) -> Reading:
    """Return the rows and the unreadable records of one delivery.

    Args:
        file: The delivery.
        source: How the file should be read.
        columns: The source's columns, in the order of the bronze contract.
        scratch: Folder for an unpacked or mended copy, if one is needed; the frame reads it, so
            keep it until the frame was collected.
        types: For Parquet and Arrow, the types that columns must have.

    Raises:
        VanishedError: The object is gone.
        ChangedError: It is not the one that was listed.
        StagingError: It can't be read just now.
    """
    readings = read_deliveries([file], source, columns, scratch, types=types)
    account = readings.accounts[file.delivery_id]
    if account.error is not None:
        raise account.error
    return Reading(readings.frame, readings.unreadable, account.rows, account.records, account.breach)


def read_deliveries(
    files: Sequence[DeliveryFile],
    source: Source,
    columns: Sequence[str],
    scratch: Path,
    *,
    types: Mapping[str, pl.DataType] | None = None,
) -> Readings:
    """Return the rows and the unreadable records of many deliveries of one table, in one scan.

    A delivery that can't be read stops only itself: see its account. Text cells stay text, with
    null for an empty cell; columns of Parquet and Arrow keep their types. Arguments as in `read_delivery`.
    """
    type_names = {name: type_name(dtype) for name, dtype in (types or {}).items()}
    parts: list[Part] = []
    accounts: dict[str, Account] = {}
    unreadable: list[pl.DataFrame] = []
    for file in files:
        try:
            part = _prepare(file, source, columns, scratch, type_names)
        except StagingError as error:
            accounts[file.delivery_id] = Account(error=error)
            continue
        if isinstance(part, Breach):
            accounts[file.delivery_id] = Account(breach=part)
            continue
        parts.append(part)
        accounts[file.delivery_id] = Account(part.rows, len(part.unreadable))
        if part.unreadable:
            unreadable.append(unreadable_frame(file.delivery_id, part.unreadable))
    empty = pl.DataFrame(schema=UNREADABLE_SCHEMA)
    return Readings(_frame(parts, source, columns), pl.concat([empty, *unreadable]), accounts)


def _prepare(
    file: DeliveryFile, source: Source, columns: Sequence[str], scratch: Path, types: Mapping[str, str]
) -> Part | Breach:
    file.check_unchanged()
    content = file.content
    if content.format != format_fingerprint(source.format) or is_hidden(content.header or ()):
        # The YAML was changed since the delivery was registered; or its first line was not kept, and the
        # contract may be another one now.
        content = examine(file.area.local_path(file.key), source.format)
    breach = find_breach(content, source, columns, types)
    if breach is not None:
        return breach
    return handler(source.format).prepare(Task(file, content, source, columns, scratch))


def _frame(parts: Sequence[Part], source: Source, columns: Sequence[str]) -> pl.LazyFrame:
    """Scan large files one by one and small ones together.

    A scan of its own costs 3 ms, a share in a common one some 0.2 µs a row, for the delivery's id.
    """
    of_format = handler(source.format)
    frames: list[pl.LazyFrame] = []
    for large, group in groupby(parts, lambda part: part.large):
        together = list(group)
        scans = [[part] for part in together] if large else [together]
        frames += [of_format.scan(scanned, source.format, columns) for scanned in scans]
    if isinstance(source.format, ExtractFormat) and len(frames) > 1:
        frames = [of_format.scan(parts, source.format, columns)]
    if not frames:
        schema = dict.fromkeys(columns, pl.String()) if of_format.text else {}
        provenance = {"_delivery": pl.String(), "_line": pl.Int64(), "_row_id": pl.String()}
        return pl.LazyFrame(schema={**schema, **provenance})
    frame = pl.concat(frames) if len(frames) > 1 else frames[0]
    return frame.with_columns(
        _row_id=pl.concat_str("_delivery", pl.lit(":"), pl.col("_line").cast(pl.String()))
    )
