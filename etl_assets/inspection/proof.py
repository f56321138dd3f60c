"""Lets the pipeline's own reader read a file as proposed: does it find the same rows?"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from etl_assets.errors import EtlError
from etl_assets.inspection.records import Certainty, Proposal
from etl_assets.inspection.wording import counted
from etl_assets.staging.area import StagingFolder
from etl_assets.staging.content import Content
from etl_assets.staging.delivery_file import DeliveryFile
from etl_assets.staging.examination import examine
from etl_assets.staging.formats.options import DelimitedFormat, Format
from etl_assets.staging.readers import Reading, read_delivery
from etl_assets.staging.source import Source

EXAMINED_BYTES = 500_000_000
"""A larger file is not read as a whole."""


def prove(
    path: Path,
    format: Format,
    columns: Sequence[str],
    types: Mapping[str, pl.DataType],
    *,
    head: bytes,
    complete: bool,
    packed: bool,
) -> tuple[Proposal, int | None]:
    """Return what the pipeline's reader makes of a file, and how many rows it finds.

    Args:
        path: The file.
        format: How it is to be read.
        columns: The names of its columns.
        types: Of Parquet and Arrow, the columns' types.
        head: The start of the file's text.
        complete: True for a file that was small enough to be looked at as a whole; a larger one is only
            examined, and of one of more than `EXAMINED_BYTES` only the start.
        packed: True for a file to be unpacked: how large it is nobody knows before.
    """
    try:
        if path.stat().st_size > EXAMINED_BYTES or (packed and not complete):
            return _of_head(format, head, len(columns)), None
        content = examine(path, format)
        if not complete:
            return _of_content(content, len(columns))
        return _of_reading(path, format, columns, types, content)
    except EtlError as error:
        return Proposal(
            "proof", "failed", Certainty.UNSURE, f"the pipeline can't read it so: {error.what}"
        ), None


def _of_head(format: Format, head: bytes, width: int) -> Proposal:
    if not isinstance(format, DelimitedFormat):
        told = f"not tried: only files up to {EXAMINED_BYTES // 1_000_000:,} MB are read as a whole"
        return Proposal("proof", "none", Certainty.UNSURE, told)
    with tempfile.TemporaryDirectory(prefix="dq-inspect-") as scratch:
        start = Path(scratch) / "start"
        start.write_bytes(head[: head.rfind(b"\n") + 1])
        found, _ = _of_content(examine(start, format), width)
    told = f"of the first {len(head) / 1e6:.1f} MB: {found.evidence}"
    return Proposal("proof", found.value, max(found.certainty, Certainty.LIKELY, key=_doubt), told)


_doubt = list(Certainty).index


def _of_content(content: Content, width: int) -> tuple[Proposal, int | None]:
    if content.proven:
        evidence = (
            f"the pipeline's reader: {counted(content.records, 'record')}, all with {counted(width, 'cell')}"
        )
        return Proposal("proof", "passed", Certainty.SURE, evidence), content.records
    if content.damage:
        return Proposal(
            "proof", "failed", Certainty.UNSURE, f"the pipeline can't read it: {content.damage}"
        ), None
    if content.oddities:
        odd = "; ".join(f"{one.reason} (line {one.line:,})" for one in content.oddities[:3])
        told = f"the pipeline's reader: some {counted(content.records, 'record')}; {odd}"
        return Proposal("proof", "partly", Certainty.LIKELY, told), None
    told = f"the pipeline's reader: some {counted(content.records, 'record')}"
    return Proposal("proof", "passed", Certainty.LIKELY, told), None


def _of_reading(
    path: Path, format: Format, columns: Sequence[str], types: Mapping[str, pl.DataType], content: Content
) -> tuple[Proposal, int | None]:
    with tempfile.TemporaryDirectory(prefix="dq-inspect-") as scratch:
        reading = _reading(path, format, columns, types, content, Path(scratch))
    if reading.breach is not None:
        told = f"the pipeline can't read it so: {reading.breach.message}"
        return Proposal("proof", "failed", Certainty.UNSURE, told), None
    good = f"the pipeline's reader: {counted(reading.rows, 'row')}, all with {counted(len(columns), 'cell')}"
    if not reading.unreadable.height:
        return Proposal("proof", "passed", Certainty.SURE, good), reading.rows
    reasons = Counter(reason.partition(":")[0] for reason in reading.unreadable["_reasons"])
    lines = ", ".join(f"{line:,}" for line in reading.unreadable["_line"].head(3))
    lines += " and more" if reading.unreadable.height > 3 else ""
    why = ", ".join(f"{count:,} {reason}" for reason, count in reasons.most_common(3))
    told = f"the pipeline's reader: {counted(reading.rows, 'row')}; {why} go to quarantine (line {lines})"
    return Proposal("proof", "partly", Certainty.LIKELY, told), reading.rows


def read_as_proposed(path: Path, format: Format, columns: Sequence[str]) -> tuple[pl.DataFrame | None, str]:
    """Return a file's rows as the pipeline reads them, or None and why it does not."""
    try:
        content = examine(path, format)
        with tempfile.TemporaryDirectory(prefix="dq-inspect-") as scratch:
            reading = _reading(path, format, columns, {}, content, Path(scratch))
            if reading.breach is not None:
                return None, f"The pipeline can't read it so: {reading.breach.message}"
            return reading.frame.select(columns).collect(), ""
    except EtlError as error:
        return None, f"The pipeline can't read it so: {error.what}"


def _reading(
    path: Path,
    format: Format,
    columns: Sequence[str],
    types: Mapping[str, pl.DataType],
    content: Content,
    scratch: Path,
) -> Reading:
    whole = path.resolve()
    area = StagingFolder(whole.parent)
    file = DeliveryFile(area, whole.name, "inspected", content, area.stat(whole.name).fingerprint)
    return read_delivery(file, Source(pattern="*", format=format), columns, scratch, types=types or None)
