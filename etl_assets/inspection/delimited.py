"""Looks at delimited text: from bytes to records to columns."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from etl_assets.inspection.dialects import Dialect, Record, find_dialect, records_of, spoken
from etl_assets.inspection.encodings import TextEncoding
from etl_assets.inspection.records import Certainty, Proposal
from etl_assets.inspection.sampling import Sample
from etl_assets.inspection.surroundings import (
    Surroundings,
    find_surroundings,
    footer_pattern,
    is_header_again,
    line_pattern,
    ragged,
)
from etl_assets.inspection.table import NoTableError, Table, frame_of, named
from etl_assets.inspection.wording import counted
from etl_assets.staging.formats.options import CsvFormat, TsvFormat

_SHOWN_LINES = 5
_WORDS_OF_PROSE = 6
_REGULAR, _VAGUE = 0.9, 0.8


def read_delimited(sample: Sample, encoding: TextEncoding, text: str) -> Table:
    """Return the rows of delimited text, and how to read it.

    Args:
        sample: Its bytes.
        encoding: Their encoding.
        text: The start of the file, decoded.

    Raises:
        NoTableError: There is nothing in it.
    """
    if not text.strip():
        raise NoTableError("It holds nothing but blank lines")
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
        around = _with_later_headers(around, more)
        rows += [cells for cells in more if not _is_header(around, cells)]
        broken += more_broken
    names, name_problems, fit = named(around.header.cells if around.header else None, dialect.width, rows)
    problems += [*around.problems, *name_problems]
    if broken:
        lines = ", ".join(f"{one.line:,}" for one in broken[:_SHOWN_LINES] if one.line)
        where = f" (line {lines}{' and more' if len(broken) > _SHOWN_LINES else ''})" if lines else ""
        have, go = ("doesn't have", "it goes") if len(broken) == 1 else ("don't have", "they go")
        cells = counted(dialect.width, "cell")
        problems.append(f"{counted(len(broken), 'record')} {have} {cells}{where}: {go} to quarantine")
    if not rows:
        problems.append("There is no row")
    frame = frame_of(rows, names)
    format = _format(records, around, dialect, encoding, names, fit)
    proposals = (
        _format_proposal(format, frame, dialect),
        encoding.proposal,
        *dialect.proposals,
        *_line_end_proposal(text),
        *around.proposals,
    )
    return Table(
        format,
        frame,
        proposals,
        tuple(problems),
        len(rows) if sample.complete else None,
        sample.complete,
    )


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
        while records and len(records[0].cells) != dialect.width:
            records = records[1:]  # the rest of a record that began before the piece
        whole = [one.cells for one in records if len(one.cells) == dialect.width]
        rows += whole
        if number < len(sample.pieces):
            # At the file's end there may be a footer.
            broken += [
                replace(one, line=0) for one in records if one.cells and len(one.cells) != dialect.width
            ]
    return rows, broken


def _is_header(around: Surroundings, cells: Sequence[str]) -> bool:
    return around.header is not None and is_header_again(cells, around.header.cells)


def _with_later_headers(around: Surroundings, rows: Sequence[Sequence[str]]) -> Surroundings:
    """What is around the rows, if the header stands again only beyond the first piece."""
    if around.repeated_header or not any(_is_header(around, cells) for cells in rows):
        return around
    told = "the header stands there again further down: files were put together"
    more = Proposal("repeated header", True, Certainty.SURE, told)
    return replace(around, repeated_header=True, proposals=(*around.proposals, more))


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
    patterns = [*around.patterns, *(line_pattern(cells, dialect.separator) for cells in around.skip_cells)]
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
        settings |= {**fit, "skip_repeated_header": around.repeated_header}
    # A tab-separated text in which a quote is a quote says so.
    quoted = dialect.quote is not None and any(
        one.aspect == "quote" and one.certainty is Certainty.SURE for one in dialect.proposals
    )
    if dialect.separator == "\t":
        return TsvFormat.model_validate({**settings, "quote": dialect.quote if quoted else None})
    return CsvFormat.model_validate({**settings, "separator": dialect.separator, "quote": dialect.quote})


def _format_proposal(format: CsvFormat | TsvFormat, frame: pl.DataFrame, dialect: Dialect) -> Proposal:
    if frame.width > 1:
        what = f"text, cells separated by {spoken(format.separator)}"
        if dialect.regular >= _REGULAR:
            return Proposal("format", format.type, Certainty.SURE, what)
        told = f"{what}, but {1 - dialect.regular:.0%} of the records have another number of them"
        vague = dialect.regular < _VAGUE
        return Proposal(
            "format",
            format.type,
            Certainty.UNSURE if vague else Certainty.LIKELY,
            f"{told}: is it a table at all?" if vague else told,
        )
    words = frame.to_series().head(1_000).drop_nulls().str.count_matches(" ").mean() if frame.width else None
    if isinstance(words, float) and words > _WORDS_OF_PROSE:
        told = "one column of long texts: is it a table at all?"
        return Proposal("format", format.type, Certainty.UNSURE, told)
    return Proposal("format", format.type, Certainty.LIKELY, "text of one column")


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
