"""Looks at delimited text: from bytes to records to columns."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from etl_assets.inspection.dialects import Dialect, Record, find_dialect, records_of, spoken
from etl_assets.inspection.encodings import TextEncoding
from etl_assets.inspection.records import Certainty, Proposal
from etl_assets.inspection.sampling import Sample
from etl_assets.inspection.surroundings import (
    Surroundings,
    find_surroundings,
    footer_pattern,
    line_pattern,
    ragged,
)
from etl_assets.staging.formats.header import fit_names
from etl_assets.staging.formats.options import CsvFormat, TsvFormat

_SHOWN_LINES = 5


@dataclass(frozen=True)
class Table:
    """Cells of a file, and how they were found.

    Attributes:
        format: How the pipeline is to read it.
        frame: Rows, text, null for an empty cell.
        proposals: How to read it, with evidence.
        problems: What is wrong with it.
        rows: How many rows the file has, None when only a part of it was read.
    """

    format: CsvFormat | TsvFormat
    frame: pl.DataFrame
    proposals: tuple[Proposal, ...]
    problems: tuple[str, ...]
    rows: int | None


def read_delimited(sample: Sample, encoding: TextEncoding, text: str) -> Table:
    """Return the rows of delimited text, and how to read it.

    Args:
        sample: Its bytes.
        encoding: Their encoding.
        text: The start of the file, decoded.
    """
    dialect = find_dialect(text, complete=sample.complete)
    problems = [*encoding.problems, *dialect.problems, *_line_ends(text)]
    try:
        records = _records(text, dialect, sample.complete)
    except csv.Error as error:
        problems.append(f"A cell is longer than any should be: {error}; is a quote never closed?")
        records = list(records_of(text[:100_000], dialect.separator, None))
    around = find_surroundings(records, dialect.width, at_end=sample.complete)
    rows, broken = _rows(records, around, dialect.width)
    if not sample.complete:
        more, more_broken = _later_rows(sample, encoding, dialect)
        rows += more
        broken += more_broken
    names, name_problems, fit = _names(around.header, dialect.width, rows)
    problems += [*around.problems, *name_problems]
    if broken:
        lines = ", ".join(f"{one.line:,}" for one in broken[:_SHOWN_LINES] if one.line)
        where = f" (line {lines}{' and more' if len(broken) > _SHOWN_LINES else ''})" if lines else ""
        problems.append(
            f"{len(broken):,} records don't have {dialect.width:,} cells{where}: they go to quarantine"
        )
    if not rows:
        problems.append("There is no row")
    frame = _frame(rows, names)
    format = _format(records, around, dialect, encoding, names, fit)
    proposals = (
        _format_proposal(format),
        encoding.proposal,
        *dialect.proposals,
        *_line_end_proposal(text),
        *around.proposals,
    )
    return Table(format, frame, proposals, tuple(problems), len(rows) if sample.complete else None)


# -- records --------------------------------------------------------------------------------------


def _records(text: str, dialect: Dialect, complete: bool) -> list[Record]:
    records = list(records_of(text, dialect.separator, dialect.quote))
    # The last record of a piece is cut off somewhere.
    return records if complete else records[:-1]


def _rows(
    records: Sequence[Record], around: Surroundings, width: int
) -> tuple[list[list[str]], list[Record]]:
    rows = [
        records[n].cells
        for n in range(around.first, around.last)
        if len(records[n].cells) == width and n not in around.skipped
    ]
    return rows, list(ragged(records, around, width))


def _later_rows(
    sample: Sample, encoding: TextEncoding, dialect: Dialect
) -> tuple[list[list[str]], list[Record]]:
    """Rows of the pieces behind the first; a piece begins within a record, maybe within quotes."""
    rows: list[list[str]] = []
    broken: list[Record] = []
    for number, piece in enumerate(sample.pieces[1:], 2):
        text = _aligned(piece, encoding).decode(encoding.name, "replace")
        records = _synchronised(text, dialect)
        if number < len(sample.pieces) or not sample.at_end:
            records = records[:-1]
        whole = [one.cells for one in records if len(one.cells) == dialect.width]
        rows += whole
        if number < len(sample.pieces):
            # At the file's end there may be a footer.
            broken += [
                replace(one, line=0) for one in records if one.cells and len(one.cells) != dialect.width
            ]
    return rows, broken


def _aligned(piece: bytes, encoding: TextEncoding) -> bytes:
    """The piece from its first line on."""
    newline = "\n".encode("utf-16-le" if "16" in encoding.name else "utf-8")
    at = piece.find(newline)
    return piece[at + len(newline) :] if at >= 0 else b""


def _synchronised(text: str, dialect: Dialect) -> list[Record]:
    """Records of a piece; when most of them are no records, it began within quotes."""
    best: list[Record] = []
    starts = [0]
    if dialect.quote and (at := text.find(dialect.quote + "\n")) >= 0:
        starts.append(at + 2)
    for start in starts:
        try:
            records = list(records_of(text[start:], dialect.separator, dialect.quote))
        except csv.Error:
            continue
        good = sum(len(one.cells) == dialect.width for one in records)
        if good >= 0.9 * len(records):
            return records
        if good > sum(len(one.cells) == dialect.width for one in best):
            best = records
    return best


def _frame(rows: Sequence[Sequence[str]], names: Sequence[str]) -> pl.DataFrame:
    cells = zip(*rows, strict=True) if rows else ((),) * len(names)
    frame = pl.DataFrame(
        [pl.Series(name, values, dtype=pl.String) for name, values in zip(names, cells, strict=True)]
    )
    return frame.with_columns(pl.all().replace("", None)) if frame.width else frame


# -- names ----------------------------------------------------------------------------------------


def _names(
    header: Record | None, width: int, rows: Sequence[Sequence[str]]
) -> tuple[tuple[str, ...], list[str], dict[str, bool]]:
    """Names of the columns, what is wrong with the header's, and settings that mend it."""
    if header is None:
        return tuple(f"column_{n}" for n in range(1, width + 1)), [], {}
    given = header.cells
    problems: list[str] = []
    trim = any(name != name.strip() for name in given)
    bare = [name.strip() for name in given] if trim else list(given)
    repeated = (
        sorted({name for name in bare if name and bare.count(name) > 1}) if len(set(bare)) < len(bare) else []
    )
    empty = [n for n, name in enumerate(bare, 1) if not name]
    if repeated:
        problems.append(f"Names stand in the header twice: {', '.join(repeated[:_SHOWN_LINES])}; made unique")
    if empty:
        void = all(not row[n - 1] for n in empty for row in rows)
        what = (
            ", and no cells: a separator too many at the end of each line?" if void else "; named by position"
        )
        shown = ", ".join(map(str, empty[:_SHOWN_LINES]))
        problems.append(
            f"{'Columns' if len(empty) > 1 else 'Column'} {shown} have no name{what}"
            if len(empty) > 1
            else f"Column {shown} has no name{what}"
        )
    fit = {"trim_header": trim, "unique_header": bool(repeated or empty)}
    return fit_names(given, trim=trim, unique=fit["unique_header"]), problems, fit


# -- settings -------------------------------------------------------------------------------------


def _format(
    records: Sequence[Record],
    around: Surroundings,
    dialect: Dialect,
    encoding: TextEncoding,
    names: Sequence[str],
    fit: dict[str, bool],
) -> CsvFormat | TsvFormat:
    settings: dict[str, object] = {"encoding": encoding.name}
    first = (
        around.header.line
        if around.header
        else records[around.first].line
        if around.first < len(records)
        else 1
    )
    settings["skip_lines"] = min(first - 1, 10_000)
    patterns = [line_pattern(cells, dialect.separator) for cells in around.skip_cells]
    if around.last < len(records):
        if pattern := footer_pattern(records, around.last, dialect.separator):
            patterns.append(pattern)
        else:
            footer = next(one for one in around.proposals if one.aspect == "footer")
            settings["skip_footer_lines"] = footer.value
    if patterns:
        settings["skip_pattern"] = "|".join(patterns)
    if around.header is None:
        settings |= {"header": False, "columns": tuple(names)}
    else:
        settings |= fit
    # A tab-separated text in which a quote is a quote says so.
    quoted = dialect.quote is not None and any(
        one.aspect == "quote" and one.certainty is Certainty.SURE for one in dialect.proposals
    )
    if dialect.separator == "\t":
        return TsvFormat.model_validate({**settings, "quote": dialect.quote if quoted else None})
    return CsvFormat.model_validate({**settings, "separator": dialect.separator, "quote": dialect.quote})


def _format_proposal(format: CsvFormat | TsvFormat) -> Proposal:
    what = (
        "tab-separated text"
        if format.type == "tsv"
        else "text, cells separated by " + spoken(format.separator)
    )
    return Proposal("format", format.type, Certainty.SURE, what)


def _line_ends(text: str) -> list[str]:
    start = text[:1_000_000]
    if "\n" not in start and start.count("\r") > 1:
        return [
            "Lines end with a carriage return only, as on old Macs: not even spreadsheets write that any more"
        ]
    return []


def _line_end_proposal(text: str) -> list[Proposal]:
    start = text[:1_000_000]
    crlf = start.count("\r\n")
    lf, cr = start.count("\n") - crlf, start.count("\r") - crlf
    found = {"crlf": crlf, "lf": lf, "cr": cr}
    kinds = [name for name, count in found.items() if count]
    if len(kinds) == 1 or (kinds == ["lf", "cr"] and cr < lf):
        return [Proposal("line_end", kinds[0], Certainty.SURE, f"{found[kinds[0]]:,} line ends, all alike")]
    if not kinds:
        return []
    told = ", ".join(f"{found[kind]:,} {kind}" for kind in kinds)
    return [Proposal("line_end", "mixed", Certainty.SURE, f"{told}; each of them ends a line")]
