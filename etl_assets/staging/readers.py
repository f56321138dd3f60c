"""Lossless reading: every physical record of a delivery becomes a row, or an unreadable record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from etl_assets.errors import StagingError
from etl_assets.staging.area import ChangedError, StagingArea
from etl_assets.staging.breaches import Breach, BreachCode, find_breach, is_hidden
from etl_assets.staging.bytestream import HashedReader, UnpackingError, is_plain, text_chunks
from etl_assets.staging.content import Content, format_fingerprint
from etl_assets.staging.formats.options import CsvFormat
from etl_assets.staging.mending import Mended, Mender
from etl_assets.staging.shape import examine
from etl_assets.staging.source import Source

UNREADABLE_SCHEMA = {
    "_delivery": pl.String(),
    "_line": pl.Int64(),
    "_row_id": pl.String(),
    "_raw": pl.String(),
    "_reasons": pl.String(),
}
"""Columns of unreadable records."""

_LARGE_BYTES = 2_000_000

_INDEX, _PATH = "\0index", "\0path"


@dataclass(frozen=True)
class DeliveryFile:
    """One delivery to read.

    Attributes:
        area: The staging area that it lies in.
        key: Its key there.
        delivery_id: Its id in the ledger, for `_delivery`.
        content: What `examine` found when the delivery was registered.
        fingerprint: The listing's fingerprint at that time.
    """

    area: StagingArea
    key: str
    delivery_id: str
    content: Content
    fingerprint: str

    def check_unchanged(self) -> None:
        """Raise if the object is no longer the one that was listed.

        Polars reads lazily: call it again once the frame was collected.

        Raises:
            VanishedError: It is gone.
            ChangedError: It is another one.
        """
        if self.area.stat(self.key).fingerprint != self.fingerprint:
            raise ChangedError("The object was changed after it was listed", where=self.where)

    @property
    def where(self) -> dict[str, object]:
        """Where errors say that they happened."""
        return {"delivery": self.delivery_id, "key": self.key}


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
        types: For Parquet, the types that columns must have.

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
    null for an empty cell; Parquet columns keep their types. Arguments as in `read_delivery`.
    """
    type_names = {name: str(dtype) for name, dtype in (types or {}).items()}
    parts: list[_Part] = []
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
        accounts[file.delivery_id] = Account(part.rows, len(part.mended.unreadable))
        if part.mended.unreadable:
            unreadable.append(_unreadable_frame(file.delivery_id, part.mended))
    empty = pl.DataFrame(schema=UNREADABLE_SCHEMA)
    return Readings(_frame(parts, source, columns), pl.concat([empty, *unreadable]), accounts)


# -- one delivery -----------------------------------------------------------------------------


@dataclass(frozen=True)
class _Part:
    """A file that Polars can scan as it stands, and how to get from its rows to lines."""

    path: Path
    delivery_id: str
    rows: int
    mended: Mended
    large: bool
    quoted_empties: bool = False


def _consecutive(rows: int, first_line: int) -> Mended:
    return Mended(rows, gaps=[(np.zeros(1, np.int64), np.full(1, first_line, np.int64))])


def _prepare(
    file: DeliveryFile, source: Source, columns: Sequence[str], scratch: Path, types: Mapping[str, str]
) -> _Part | Breach:
    file.check_unchanged()
    path = file.area.local_path(file.key)
    content = file.content
    if content.format != format_fingerprint(source.format) or is_hidden(content.header or ()):
        # The YAML was changed since the delivery was registered; or its first line was not kept, and the
        # contract may be another one now.
        content = examine(path, source.format)
    breach = find_breach(content, source, columns, types)
    if breach is not None:
        return breach
    large = content.size >= _LARGE_BYTES
    if not isinstance(source.format, CsvFormat):
        return _Part(path, file.delivery_id, content.records, _consecutive(content.records, 1), large)
    with file.area.open(file.key) as stream:
        plain = is_plain(source.format, stream.read(4))
    if content.proven and plain and not content.embedded_newlines:
        mended = _consecutive(content.records, 2)
        return _Part(path, file.delivery_id, content.records, mended, large, content.quoted_empties)
    if content.proven and plain:
        # The file can be read as it stands; only the lines of its records are to be found out.
        found = _mend(file, source.format, columns, None)
        if isinstance(found, Mended) and found.rows == content.records and not found.unreadable:
            return _Part(path, file.delivery_id, found.rows, found, large, content.quoted_empties)
    copy = scratch / f"{file.delivery_id}.csv"
    found = _mend(file, source.format, columns, copy)
    if isinstance(found, Breach):
        return found
    return _Part(copy, file.delivery_id, found.rows, found, copy.stat().st_size >= _LARGE_BYTES, True)


def _mend(
    file: DeliveryFile, format: CsvFormat, columns: Sequence[str], copy: Path | None
) -> Mended | Breach:
    """Write a plain copy of the good records, or without one find out the lines of the records."""
    try:
        with HashedReader(file.area.open(file.key)) as reader:
            chunks = text_chunks(reader.chunks(), format)
            if copy is None:
                mended = Mender(format, len(columns), None).run(chunks)
            else:
                copy.parent.mkdir(parents=True, exist_ok=True)
                with copy.open("wb") as out:
                    out.write(_header_line(columns, format))
                    mended = Mender(format, len(columns), out).run(chunks)
            if not mended.overflow and reader.sha256() != file.content.sha256:
                raise ChangedError("The object is not the one that was registered", where=file.where)
    except UnpackingError as error:
        return Breach(BreachCode.DAMAGED, error.what)
    except OSError as error:
        raise StagingError(f"The object can't be read: {error.strerror}", where=file.where) from error
    if mended.overflow:
        lines = tuple(record.line for record in mended.unreadable[:10])
        count = len(mended.unreadable)
        return Breach(BreachCode.UNREADABLE, f"more than {count - 1} records can't be read", lines)
    return mended


def _header_line(columns: Sequence[str], format: CsvFormat) -> bytes:
    quote = format.quote or ""
    names = (f"{quote}{name.replace(quote, quote * 2)}{quote}" if quote else name for name in columns)
    return (format.separator.join(names) + "\n").encode()


def _unreadable_frame(delivery_id: str, mended: Mended) -> pl.DataFrame:
    lines = [record.line for record in mended.unreadable]
    return pl.DataFrame(
        {
            "_delivery": [delivery_id] * len(lines),
            "_line": lines,
            "_row_id": [f"{delivery_id}:{line}" for line in lines],
            "_raw": [record.raw for record in mended.unreadable],
            "_reasons": [record.reason for record in mended.unreadable],
        },
        schema=UNREADABLE_SCHEMA,
    )


# -- the frame of all -------------------------------------------------------------------------


def _frame(parts: Sequence[_Part], source: Source, columns: Sequence[str]) -> pl.LazyFrame:
    """Scan large files one by one and small ones together.

    A scan of its own costs 3 ms, a share in a common one some 0.2 µs a row, for the delivery's id.
    """
    frames: list[pl.LazyFrame] = []
    for large, group in groupby(parts, lambda part: part.large):
        together = list(group)
        frames += [_scan([part], source, columns) for part in together] if large else []
        frames += [] if large else [_scan(together, source, columns)]
    if frames:
        return pl.concat(frames) if len(frames) > 1 else frames[0]
    schema = dict.fromkeys(columns, pl.String()) if isinstance(source.format, CsvFormat) else {}
    provenance = {"_delivery": pl.String(), "_line": pl.Int64(), "_row_id": pl.String()}
    return pl.LazyFrame(schema={**schema, **provenance})


def _scan(parts: Sequence[_Part], source: Source, columns: Sequence[str]) -> pl.LazyFrame:
    paths = [part.path for part in parts]
    shared = len(parts) > 1
    if isinstance(source.format, CsvFormat):
        frame = pl.scan_csv(
            paths,
            schema=dict.fromkeys(columns, pl.String()),
            separator=source.format.separator,
            quote_char=source.format.quote,
            infer_schema=False,
            glob=False,
            row_index_name=_INDEX,
            include_file_paths=_PATH if shared else None,
        )
    else:
        frame = pl.scan_parquet(
            paths,
            glob=False,
            hive_partitioning=False,
            row_index_name=_INDEX,
            include_file_paths=_PATH if shared else None,
        )
    delivery = pl.lit(parts[0].delivery_id)
    if shared:
        ids = {str(part.path): part.delivery_id for part in parts}
        delivery = pl.col(_PATH).replace_strict(ids, return_dtype=pl.String())
    cells: list[pl.Expr] = [pl.col(name) for name in columns]
    if isinstance(source.format, CsvFormat) and any(part.quoted_empties for part in parts):
        # Polars reads "" as an empty text and nothing as null; both are empty cells.
        cells = [
            pl.when(cell != "").then(cell).alias(name) for cell, name in zip(cells, columns, strict=True)
        ]
    frame = frame.select(*cells, delivery.alias("_delivery"), _line(parts).alias("_line"))
    return frame.with_columns(
        _row_id=pl.concat_str("_delivery", pl.lit(":"), pl.col("_line").cast(pl.String()))
    )


def _line(parts: Sequence[_Part]) -> pl.Expr:
    """Return the expression from a row's index in the whole scan to its line in its own file."""
    starts: list[npt.NDArray[np.int64]] = []
    offsets: list[npt.NDArray[np.int64]] = []
    first = 0
    for part in parts:
        records, lines = part.mended.line_map()
        starts.append(records + first)
        offsets.append(lines - (records + first))
        first += part.rows
    index = pl.col(_INDEX).cast(pl.Int64())
    all_starts, all_offsets = np.concatenate(starts), np.concatenate(offsets)
    if len(all_starts) <= 1:
        return index + int(all_offsets.sum())
    if all(len(start) <= 1 for start in starts):
        by_path = {str(part.path): int(offset.sum()) for part, offset in zip(parts, offsets, strict=True)}
        return index + pl.col(_PATH).replace_strict(by_path, return_dtype=pl.Int64())

    def lines_of(rows: pl.Series) -> pl.Series:
        numbers = rows.to_numpy()
        offset = all_offsets[np.searchsorted(all_starts, numbers, side="right") - 1]
        return pl.Series(rows.name, numbers + offset)

    return index.map_batches(lines_of, return_dtype=pl.Int64(), is_elementwise=True)
