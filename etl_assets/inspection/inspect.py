"""What a file looks like, with evidence: the entry to this room."""

from __future__ import annotations

import unicodedata
from dataclasses import replace
from pathlib import Path

from etl_assets.inspection.columnar import describe_typed, read_columnar
from etl_assets.inspection.columns import describe_column
from etl_assets.inspection.delimited import read_delimited
from etl_assets.inspection.encodings import find_encoding
from etl_assets.inspection.excel_files import is_workbook, read_excel
from etl_assets.inspection.fixed_width import (
    find_stretches,
    may_be_without_gaps,
    read_fixed_width,
    unsure_of,
)
from etl_assets.inspection.json_files import looks_like_json, read_json
from etl_assets.inspection.keys import find_keys
from etl_assets.inspection.proof import prove
from etl_assets.inspection.records import Certainty, Column, Inspection, Proposal
from etl_assets.inspection.sampling import SAMPLE_BYTES, Sample, take_sample
from etl_assets.inspection.table import NoTableError, Table
from etl_assets.staging.content import type_name
from etl_assets.staging.formats.options import Compression

_ENDINGS = {
    "csv": (".csv", ".txt", ".dat", ".tsv", ".tab", ".psv", ".log", ".data"),
    "tsv": (".tsv", ".tab", ".txt", ".csv", ".dat"),
    "fixed_width": (".txt", ".dat", ".fwf", ".prn", ".asc"),
    "json": (".json", ".geojson"),
    "jsonl": (".jsonl", ".ndjson", ".json", ".log"),
    "excel": (".xlsx", ".xlsm", ".xls", ".xlsb"),
    "parquet": (".parquet", ".pq"),
    "arrow": (".arrow", ".arrows", ".feather", ".ipc"),
}
_KNOWN = frozenset(ending for endings in _ENDINGS.values() for ending in endings)


def inspect_file(path: Path, *, sample_bytes: int = SAMPLE_BYTES, proof: bool = True) -> Inspection:
    """Return what a file looks like and how to read it, with evidence.

    Args:
        path: The file.
        sample_bytes: Of a larger file only pieces are read: its start, places in its middle, its end.
        proof: Whether the pipeline's own reader tries to read it as proposed.

    Raises:
        NoTableError: It holds nothing that could become rows.
        StagingError: It is not there, or can't be read.
    """
    path = Path(path)
    sample = take_sample(path, sample_bytes)
    if not sample.head:
        raise NoTableError("The file is empty", where={"file": path})
    table = _table(path, sample)
    columns = tuple(_column(table, name) for name in table.frame.columns)
    proposals = [*_extent(sample, table), *_packing(sample), *table.proposals]
    rows = table.rows
    if proof:
        proven, found = prove(
            path,
            table.format,
            table.frame.columns,
            table.types,
            head=sample.head,
            complete=table.complete,
            packed=sample.packed is not Compression.NONE,
        )
        proposals.append(proven)
        rows = rows if rows is not None else found
    return Inspection(
        path=path,
        size=sample.size,
        format=table.format,
        proposals=tuple(proposals),
        columns=columns,
        keys=find_keys(table.frame, columns),
        sample=table.frame,
        rows=rows,
        complete=table.complete,
        problems=(*_ending(path, table.format.type), *_damage(sample), *table.problems),
        facts={"types": {name: type_name(dtype) for name, dtype in table.types.items()}}
        if table.types
        else {},
    )


def _column(table: Table, name: str) -> Column:
    cells = table.frame[name]
    found = describe_typed(name, cells, table.types[name]) if table.types else describe_column(name, cells)
    return replace(found, hints=(*found.hints, *table.hints.get(name, ())))


# -- which format ---------------------------------------------------------------------------------


def _table(path: Path, sample: Sample) -> Table:
    if found := _by_magic(path, sample.head):
        return found
    encoding = find_encoding(sample)
    text = encoding.decode(sample.head)
    if _is_binary(text):
        raise NoTableError(
            "It is no text, and none of the binary formats known here",
            where={"file": path},
            hint="Known are CSV, TSV, fixed width, JSON, Excel, Parquet, Arrow, also packed by gzip or zstd",
        )
    if looks_like_json(text):
        return read_json(path, sample, encoding, text)
    table = read_delimited(sample, encoding, text)
    regular = table.frame.width > 1 and not any("n't have" in one for one in table.problems)
    if not regular and (stretches := find_stretches(text)):
        return read_fixed_width(sample, encoding, text, stretches)
    if table.frame.width == 1 and (length := may_be_without_gaps(text)):
        return unsure_of(table, length)
    return table


def _by_magic(path: Path, head: bytes) -> Table | None:
    if head.startswith(b"PAR1"):
        return read_columnar(path, "parquet")
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return read_columnar(path, "arrow")
    if is_workbook(head):
        return read_excel(path)
    return None


def _is_binary(text: str) -> bool:
    start = text[:20_000]
    odd = sum(
        unicodedata.category(char) in ("Cc", "Cn", "Co") and char not in "\r\n\t\f\v\x1a\x1b"
        for char in start
    )
    return odd > 0.05 * len(start)


def _extent(sample: Sample, table: Table) -> list[Proposal]:
    if table.complete:
        return []
    if table.types:
        told = f"{table.frame.height:,} of {table.rows:,} rows, from several places"
    elif sample.packed is not Compression.NONE:
        told = f"the first {sample.bytes_read / 1e6:,.1f} MB of what it unpacks to"
    else:
        read = f"{sample.bytes_read / 1e6:,.1f} of {sample.size / 1e6:,.1f} MB"
        told = f"{read}: its start, places in its middle, its end"
    return [Proposal("looked at", "a sample", Certainty.SURE, f"{told}; the rest was not seen")]


def _packing(sample: Sample) -> list[Proposal]:
    if sample.packed is Compression.NONE:
        return []
    return [Proposal("packed", sample.packed.value, Certainty.SURE, "its first bytes say so")]


def _damage(sample: Sample) -> list[str]:
    return [f"It could not be unpacked to its end: {sample.damage}"] if sample.damage else []


def _ending(path: Path, kind: str) -> list[str]:
    endings = [one.lower() for one in path.suffixes if one.lower() not in (".gz", ".zst", ".gzip")]
    if not endings or endings[-1] not in _KNOWN or endings[-1] in _ENDINGS[kind]:
        return []
    return [f"The name's ending {endings[-1]} is not that of {kind}"]
