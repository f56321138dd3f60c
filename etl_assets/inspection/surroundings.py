"""What stands around the rows of a table: preamble, header, units, totals, footer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from etl_assets.inspection.dialects import Record
from etl_assets.inspection.header_line import BODY, find_header, kind_of
from etl_assets.inspection.lexicon import ENDS, TOTALS, UNITS
from etl_assets.inspection.records import Certainty, Proposal
from etl_assets.inspection.wording import counted

_HEADER_WITHIN = 200
_FOOTER_WITHIN = 30

_MOST_SUBTOTALS = 0.2
RULE_PATTERN = r"^[-+=|: ]*[-=]{3}[-+=|: ]*$"
BLANK_PATTERN = r"^\s*$"


@dataclass(frozen=True)
class Surroundings:
    """Where the rows are.

    Attributes:
        header: The record that names the columns, None without one.
        first: Index of the first record that may be a row.
        last: Index behind the last one.
        proposals: What is above, around and below, with evidence.
        skipped: Indices between first and last that are no rows: units, totals, the header again.
        problems: What makes it hard to read.
        skip_cells: Cells of single lines that are no rows.
        patterns: Regular expressions for lines of a kind that are no rows: blank ones, ruled ones.
        repeated_header: Whether the header stands there again among the rows.
    """

    header: Record | None
    first: int
    last: int
    proposals: tuple[Proposal, ...] = ()
    skipped: frozenset[int] = frozenset()
    problems: tuple[str, ...] = ()
    skip_cells: tuple[tuple[str, ...], ...] = field(default=())
    patterns: tuple[str, ...] = ()
    repeated_header: bool = False


def find_surroundings(records: Sequence[Record], width: int, *, at_end: bool) -> Surroundings:
    """Find out which records are rows.

    Args:
        records: Those of the start of a text.
        width: The commonest number of cells.
        at_end: True when the last record is the file's last.
    """
    start = _table_start(records, width)
    last = _table_end(records, start, width) if at_end else len(records)
    has_header, header_proposal = find_header(records, start, last, width)
    header = records[start] if has_header else None
    first = start + 1 if has_header else start
    proposals = [header_proposal]
    if start:
        proposals.append(_preamble(records, start))
    problems: list[str] = []
    skipped: set[int] = set()
    skip_cells: list[tuple[str, ...]] = []
    patterns: list[str] = []
    if rules := [n for n in range(first, last) if _is_rule(records[n])]:
        skipped.update(rules)
        patterns.append(RULE_PATTERN)
        evidence = (
            f"{counted(len(rules), 'line')} of dashes among the rows, first line {records[rules[0]].line:,}"
        )
        proposals.append(Proposal("ruled lines", len(rules), Certainty.SURE, evidence))
    if blank := sum(not records[n].cells for n in range(first, last)):
        patterns.append(BLANK_PATTERN)
        told = f"{blank:,} among the rows or behind them"
        proposals.append(Proposal("blank lines", blank, Certainty.SURE, told))
    below = next((n for n in range(first, last) if n not in skipped), last)
    if header is not None and (second := _second_header(records, below, last, width)):
        skipped.add(below)
        skip_cells.append(tuple(second.cells))
        evidence = f"below the header stand {'units' if _are_units(second) else 'words'} where numbers follow"
        proposals.append(Proposal("second header", f"line {second.line}", Certainty.LIKELY, evidence))
        problems.append(f"Line {second.line} holds names or units of the columns, it is no row")
    again = _again(records, header, first, last) if header is not None else []
    if again:
        skipped.update(again)
        shown = ", ".join(f"{records[n].line:,}" for n in again[:5]) + (" and more" if again[5:] else "")
        times = "once" if len(again) == 1 else f"{len(again):,} times"
        evidence = f"the header stands there again {times} (line {shown}): files were put together"
        proposals.append(Proposal("repeated header", len(again), Certainty.SURE, evidence))
    if sums := _subtotals(records, first, last):
        skipped.update(sums)
        patterns.append(_beginnings(records[n].cells[0] for n in sums))
        evidence = (
            f"{counted(len(sums), 'line')} of totals among the rows, first line {records[sums[0]].line:,}: "
            "so they begin, and hold at most half of what rows hold"
        )
        proposals.append(Proposal("subtotals", len(sums), Certainty.LIKELY, evidence))
    if last < len(records):
        proposals.append(_footer(records, last, width))
    return Surroundings(
        header,
        first,
        last,
        tuple(proposals),
        frozenset(skipped),
        tuple(problems),
        tuple(skip_cells),
        tuple(patterns),
        bool(again),
    )


# -- where the table begins -----------------------------------------------------------------------


def _table_start(records: Sequence[Record], width: int) -> int:
    """Index of the first record that is as wide and as filled as those that follow."""
    body = [one for one in records[:BODY] if len(one.cells) == width]
    usual = sorted(one.filled for one in body)[len(body) // 2] if body else width
    for n, record in enumerate(records[:_HEADER_WITHIN]):
        if len(record.cells) != width or not record.filled:
            continue
        if n + 1 < len(records) - 1 and not records[n + 1].filled:
            continue  # a blank line follows a title, not a header
        following = [one for one in records[n + 1 : n + 6] if one.cells]
        steady = sum(len(one.cells) == width for one in following)
        enough = record.filled >= max(1, 0.6 * min(usual, width))
        if enough and (steady * 2 >= len(following) or not following):
            return n
    return next((n for n, one in enumerate(records) if one.cells), 0)


def _preamble(records: Sequence[Record], start: int) -> Proposal:
    lines = records[start].line - 1
    hashes = sum(bool(one.cells) and one.cells[0].startswith("#") for one in records[:start])
    sep = bool(records[0].cells) and records[0].cells[0].startswith("sep=")
    evidence = f"{lines:,} line{'s' if lines > 1 else ''} before the table with fewer cells than it has"
    if hashes:
        evidence += f", {hashes:,} of them begin with #"
    if sep:
        evidence = "the first line tells Excel the separator"
    certainty = Certainty.SURE if sep or hashes == start else Certainty.LIKELY
    return Proposal("preamble", lines, certainty, evidence)


# -- lines among the rows -------------------------------------------------------------------------


def _is_rule(record: Record) -> bool:
    joined = "".join(record.cells)
    return ("---" in joined or "===" in joined) and re.fullmatch(r"[-+=|: ]*", joined) is not None


def _second_header(records: Sequence[Record], first: int, last: int, width: int) -> Record | None:
    """The line of units, or of names for people, that some files have below their header."""
    if first + 2 >= last or len(records[first].cells) != width:
        return None
    record = records[first]
    body = [one.cells for one in records[first + 1 : first + 100] if len(one.cells) == width]
    numbers = [
        n
        for n in range(min(width, 500))
        if sum(kind_of(row[n]) in ("number", "moment") for row in body) >= 0.9 * len(body)
    ]
    if any(kind_of(cell) in ("number", "moment") for cell in record.cells):
        return None
    words = [n for n in numbers if kind_of(record.cells[n]) == "text"]
    if not words:
        return None
    if _are_units(record):
        return record
    # Words only, none of which any row has.
    plain = all(cell.strip() and not re.search(r"\d", cell) for cell in record.cells)
    again = any(cell == row[n] for row in body for n, cell in enumerate(record.cells))
    return record if plain and not again and len(words) == len(numbers) and width > 1 else None


def _are_units(record: Record) -> bool:
    cells = [re.sub(r"^[\[(<]|[\])>]$", "", cell.strip().lower()) for cell in record.cells]
    filled = [cell for cell in cells if cell]
    return bool(filled) and sum(map(_is_unit, filled)) >= max(1, 0.6 * len(filled))


def _is_unit(cell: str) -> bool:
    """A unit, or one of them per another, such as kg/ha."""
    return cell in UNITS or ("/" in cell and all(part.strip() in UNITS for part in cell.split("/")))


def _again(records: Sequence[Record], header: Record, first: int, last: int) -> list[int]:
    if len(header.cells) < 2:
        return []
    return [n for n in range(first, last) if is_header_again(records[n].cells, header.cells)]


def is_header_again(cells: Sequence[str], header: Sequence[str]) -> bool:
    """Whether some cells are those of the header; each of some files may begin with a byte order mark."""
    if not cells or not header:
        return False
    return [cells[0].removeprefix("\ufeff"), *cells[1:]] == list(header)


def _subtotals(records: Sequence[Record], first: int, last: int) -> list[int]:
    """Lines of totals among the rows. A row may be called so, too: all of them must hold little."""
    rows = [n for n in range(first, last) if records[n].cells]
    told = [n for n in rows if TOTALS.match(records[n].cells[0])]
    if not told or len(told) > _MOST_SUBTOTALS * len(rows):
        return []
    usual = sorted(records[n].filled for n in rows)[len(rows) // 2]
    return told if all(2 * records[n].filled <= usual for n in told) else []


def _beginnings(cells: Iterable[str]) -> str:
    """A regular expression for lines that begin as these cells do, with a word for totals."""
    found = {match[0].strip() for cell in cells if (match := TOTALS.match(cell))}
    words = "|".join(re.escape(word).replace("\\ ", " ") for word in sorted(found))
    return f'^"?\\s*(?:{words})\\b'


# -- where it ends --------------------------------------------------------------------------------


def _table_end(records: Sequence[Record], start: int, width: int) -> int:
    """Index behind the last row; what follows are totals, remarks and the blank lines before them."""
    end = len(records)
    floor = max(start + 2, end - _FOOTER_WITHIN)
    found = end
    for n in range(end - 1, floor - 1, -1):
        record = records[n]
        if not record.cells or not record.filled:
            continue
        if not _is_footer(record, width, records[start + 1 : n]):
            break
        found = n
    if found == end:
        # Blank lines at the end are nothing to speak of.
        return end
    while found > start + 1 and not records[found - 1].filled:
        found -= 1
    return found


def _is_footer(record: Record, width: int, rows: Sequence[Record]) -> bool:
    first = next((cell for cell in record.cells if cell.strip()), "")
    joined = " ".join(cell for cell in record.cells if cell)
    if len(record.cells) < width and width > 1:
        # A short last row may be a row that was cut off: words must say that it is none.
        return len(record.cells) == 1 or bool(TOTALS.match(first) or ENDS.match(joined))
    if not (TOTALS.match(first) or ENDS.match(joined)):
        return False
    usual = sorted(one.filled for one in rows[-200:] if len(one.cells) == width)
    if not usual:
        return True
    same_start = sum(TOTALS.match(one.cells[0]) is not None for one in rows[-200:] if one.cells)
    return (width == 1 or record.filled < usual[len(usual) // 2]) and same_start <= 1


def _footer(records: Sequence[Record], last: int, width: int) -> Proposal:
    end = records[-1].line + sum(cell.count("\n") for cell in records[-1].cells)
    lines = end - records[last].line + 1
    told = [one for one in records[last:] if one.filled]
    totals = sum(
        TOTALS.match(next((cell for cell in one.cells if cell.strip()), "")) is not None for one in told
    )
    what = "totals" if totals == len(told) else "totals and remarks" if totals else "remarks"
    fewer = sum(len(one.cells) < width for one in told)
    evidence = f"the last {lines:,} lines hold {what}" if lines > 1 else f"the last line holds {what}"
    if fewer:
        evidence += f"; {fewer:,} of them have fewer than {width:,} cells"
    return Proposal("footer", lines, Certainty.LIKELY, evidence)


_NUMBER = re.compile(r"\d[\d.,']*")


def footer_pattern(records: Sequence[Record], last: int, separator: str) -> str | None:
    """A regular expression for a footer of one line of totals; None where the lines must be counted."""
    told = [one for one in records[last:] if one.filled]
    first = told[0].cells[0].strip() if told and told[0].cells else ""
    if len(told) != 1 or len(records) - last != 1 or not TOTALS.match(first) or not first:
        return None
    # The next file has other totals, and a space means itself: the pattern is for people, too.
    words = (re.escape(part).replace("\\ ", " ") for part in _NUMBER.split(first))
    told_first = r"\d[\d.,']*".join(words)
    return f'^"?{told_first}"?{re.escape(separator)}'


def line_pattern(cells: Sequence[str], separator: str) -> str:
    """A regular expression for exactly the line of these cells."""
    # A space means itself: the pattern is for people, too.
    bare = (re.escape(cell.partition("\n")[0]).replace("\\ ", " ") for cell in cells)
    quoted = (f'"?{cell}"?' for cell in bare)
    return "^" + re.escape(separator).join(quoted) + "$"


def ragged(records: Sequence[Record], around: Surroundings, width: int) -> Iterator[Record]:
    """Yield the records among the rows that have another number of cells."""
    for n in range(around.first, around.last):
        if n not in around.skipped and records[n].cells and len(records[n].cells) != width:
            yield records[n]
