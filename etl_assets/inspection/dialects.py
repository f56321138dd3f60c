"""Which separator and which quote a text speaks for."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from etl_assets.inspection.records import Certainty, Proposal

COMMON_SEPARATORS = (",", ";", "\t", "|")
_OTHER_SEPARATORS = ("^", "~", ":", "#")

_SNIFFED_CHARACTERS = 16_000
_LOOKED_AT_CHARACTERS = 200_000

_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe", " ": "space"}

# A cell that is one thing: empty, a number, a date or time, a word or a text without marks.
_ONE_THING = re.compile(
    r"\s*(?:|[-+(]?[€$£]?\s?\d[\d.,' \u00a0\u202f]*\d?\s?[%€$£)-]?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}"
    r"(?:[ T]\d{1,2}:\d{2}(?::\d{2})?\S*)?|\d{1,2}:\d{2}(?::\d{2})?|[^\W\d][\w .'/()&-]*|[\w.+-]+@[\w.-]+)\s*"
)


@dataclass(frozen=True)
class Record:
    """One record of a text: its first physical line, from 1, and its cells."""

    line: int
    cells: list[str]

    @property
    def filled(self) -> int:
        """Cells with something in them."""
        return sum(bool(cell and not cell.isspace()) for cell in self.cells)


@dataclass(frozen=True)
class Dialect:
    """How a text is cut into cells.

    Attributes:
        separator: Between two cells.
        quote: Around a cell, None for none.
        regular: The share of records with the commonest number of cells.
        width: That number.
        proposals: The same, with evidence.
        problems: What can't be read with any dialect that the pipeline knows.
    """

    separator: str
    quote: str | None
    regular: float
    width: int
    proposals: tuple[Proposal, ...]
    problems: tuple[str, ...] = ()


def spoken(separator: str) -> str:
    """A separator for people: its sign and its name."""
    name = _NAMES.get(separator)
    if separator in ("\t", " "):
        return name or ""
    return f"{separator} ({name})" if name else separator


def records_of(text: str, separator: str, quote: str | None, *, first_line: int = 1) -> Iterator[Record]:
    """Cut a text into records; blank lines give records without cells.

    Raises:
        csv.Error: A cell is longer than 128 kB, as happens when a quote is never closed.
    """
    lines = io.StringIO(text, newline="")
    if quote is None:
        reader = csv.reader(lines, delimiter=separator, quoting=csv.QUOTE_NONE)
    else:
        reader = csv.reader(lines, delimiter=separator, quotechar=quote)
    before = 0
    for cells in reader:
        yield Record(first_line + before, cells)
        before = reader.line_num


def find_dialect(text: str, *, complete: bool) -> Dialect:
    """Return the dialect of a text, with evidence; without separators it is one column."""
    head = _whole_lines(text, _LOOKED_AT_CHARACTERS, complete)
    cut = not complete or len(head) < len(text)
    sniffed = _clevercsv(_whole_lines(head, _SNIFFED_CHARACTERS, complete))
    declared = re.match(r"sep=([^\w\s]|\t)\r?\n", text)
    separators = [*COMMON_SEPARATORS, *_OTHER_SEPARATORS]
    if sniffed and _possible(sniffed) and sniffed not in separators:
        separators.append(sniffed)
    fits = sorted(
        (fit for one in separators if one in head for fit in [_fit(head, one, cut)] if fit.width > 1),
        key=lambda fit: (-fit.score, separators.index(fit.separator)),
    )
    if not fits or fits[0].regular < 0.3:
        return _one_column(head)
    best = fits[0]
    by_library = next((fit for fit in fits if fit.separator == sniffed), None)
    if by_library and by_library.regular > 0.8 and by_library.score > 0.6 * best.score:
        best = by_library
    if declared:
        best = next((fit for fit in fits if fit.separator == declared[1]), best)
    if one := _decimal_commas_alone(head, best):
        return one
    return Dialect(
        best.separator,
        best.quote,
        best.regular,
        best.width,
        (_separator_proposal(best, fits, sniffed, bool(declared)), _quote_proposal(head, best)),
        tuple(_backslashes(head, best.quote)),
    )


# -- separators -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Fit:
    separator: str
    quote: str | None
    records: int
    width: int
    regular: float
    score: float


def _fit(text: str, separator: str, cut: bool) -> _Fit:
    quote = _quote_of(text, separator)
    try:
        records = [one.cells for one in records_of(text, separator, quote) if one.cells]
    except csv.Error:
        return _Fit(separator, quote, 0, 0, 0.0, 0.0)
    if cut and len(records) > 1:
        records.pop()  # it may end somewhere within
    if not records:
        return _Fit(separator, quote, 0, 0, 0.0, 0.0)
    widths = Counter(map(len, records))
    # Preambles and footers have other widths: they must not outvote the table.
    width, count = max(widths.items(), key=lambda one: (one[1] * (1.0 if one[0] > 1 else 0.7), one[0]))
    cells = [cell for record in records if len(record) == width for cell in record][:5_000]
    sense = sum(_ONE_THING.fullmatch(cell) is not None for cell in cells) / max(len(cells), 1)
    regular = count / len(records)
    # Free text is seldom one thing, and still a cell: sense weighs less than regularity.
    score = regular**2 * (0.25 + 0.75 * sense) * (1 - 0.5 / width)
    if separator in _OTHER_SEPARATORS:
        score *= 0.7
    return _Fit(separator, quote, len(records), width, regular, score)


def _clevercsv(text: str) -> str | None:
    """The separator that CleverCSV proposes, None where it has none."""
    import clevercsv

    try:
        dialect = clevercsv.Sniffer().sniff(text)
    except Exception:
        return None  # whatever stops it says nothing about the file
    return (dialect.delimiter or None) if dialect else None


def _possible(separator: str) -> bool:
    return (
        len(separator) == 1 and separator.isascii() and separator.isprintable() and not separator.isalnum()
    ) and separator not in "\"'.-_/ $%()[]{}"


def _separator_proposal(best: _Fit, fits: Sequence[_Fit], sniffed: str | None, declared: bool) -> Proposal:
    same = round(best.regular * best.records)
    evidence = f"{same:,} of {best.records:,} records have {best.width:,} cells"
    rivals = [fit for fit in fits if fit is not best and fit.score > 0.5 * best.score]
    if declared:
        evidence = f"the first line says so (sep={best.separator}); {evidence}"
    if sniffed == best.separator:
        evidence += "; CleverCSV says so, too"
    elif sniffed:
        evidence += f"; CleverCSV says {spoken(sniffed)!r}"
    certainty = Certainty.LIKELY
    if declared or (sniffed == best.separator and best.regular >= 0.9 and best.records >= 3):
        certainty = Certainty.SURE
    exotic = best.separator in _OTHER_SEPARATORS and sniffed != best.separator
    contested = exotic or any(rival.regular >= best.regular for rival in rivals)
    if best.regular < 0.6 or (contested and sniffed != best.separator and not declared):
        certainty = Certainty.UNSURE
    return Proposal(
        "separator", best.separator, certainty, evidence, tuple(rival.separator for rival in rivals[:3])
    )


def _one_column(text: str) -> Dialect:
    evidence = "no separator cuts the lines into the same number of cells: one column"
    separator = next((one for one in COMMON_SEPARATORS if one not in text), "|")
    quote = '"' if _wrapped(text, '"', separator) or '"' not in text else None
    proposals = (
        Proposal("separator", separator, Certainty.LIKELY if "\n" in text else Certainty.UNSURE, evidence),
        Proposal("quote", quote, Certainty.LIKELY, "nothing speaks for another one"),
    )
    return Dialect(separator, quote, 1.0, 1, proposals)


def _decimal_commas_alone(text: str, best: _Fit) -> Dialect | None:
    """One column of numbers such as 1,5 looks as if it were two columns."""
    if best.separator != "," or best.width != 2:
        return None
    lines = [line for line in text.splitlines()[:2_000] if line.strip()]
    numbers = sum(re.fullmatch(r"\s*[-+]?\d+,\d+\s*", line) is not None for line in lines)
    if numbers < 0.9 * len(lines) - 1:
        return None
    header_is_one = "," not in lines[0]
    evidence = f"{numbers:,} of {len(lines):,} lines are two whole numbers around a comma: " + (
        "decimal commas, since the first line has none"
        if header_is_one
        else "or numbers with a decimal comma"
    )
    if not header_is_one:
        return None
    proposals = (
        Proposal("separator", ";", Certainty.UNSURE, evidence, (",",)),
        Proposal("quote", '"', Certainty.LIKELY, "nothing speaks for another one"),
    )
    return Dialect(";", '"', 1.0, 1, proposals)


# -- quotes ---------------------------------------------------------------------------------------


def _wrapped(text: str, quote: str, separator: str) -> int:
    """How many cells stand between quotes, from separator or line end to separator or line end."""
    return len(_quoted_cells(text, quote, separator))


def _quoted_cells(text: str, quote: str, separator: str) -> list[str]:
    edge = re.escape(separator)
    inner = rf"(?:[^{quote}]|{quote}{quote}|\\{quote})*"
    cell = rf"(?:^|(?<={edge}))[ ]?{quote}{inner}{quote}(?=\s*(?:{edge}|[\r\n]|\Z))"
    return [found[0] for found in re.finditer(cell, text, re.MULTILINE)]


def _quote_of(text: str, separator: str) -> str | None:
    if '"' in text:
        start = text[:100_000]
        around_cells = sum(cell.count('"') for cell in _quoted_cells(start, '"', separator))
        # Of an inch sign, or of quoted words within a text, no cell begins and ends with it.
        return '"' if around_cells >= 0.2 * start.count('"') else None
    if "'" in text:
        start = text[:100_000]
        wrapped, marks = _wrapped(start, "'", separator), start.count("'")
        holding = re.search(
            rf"(?:^|(?<={re.escape(separator)}))'[^'\r\n]*{re.escape(separator)}", start, re.M
        )
        if wrapped >= 2 and holding and wrapped * 2 >= 0.3 * marks:
            return "'"
    return '"'


def _quote_proposal(text: str, best: _Fit) -> Proposal:
    if best.quote is None:
        marks = text.count('"')
        evidence = f'{marks:,} signs " stand within cells, none around one'
        return Proposal("quote", None, Certainty.LIKELY, evidence, ('"',))
    if best.quote not in text:
        default = 'no cell is quoted here; if one ever is, it will be with "'
        return Proposal("quote", best.quote, Certainty.LIKELY, default, (None,))
    wrapped = _wrapped(text, best.quote, best.separator)
    evidence = f"{wrapped:,} cells stand between {best.quote}"
    needed = any(
        best.separator in cell or "\n" in cell
        for record in records_of(text, best.separator, best.quote)
        for cell in record.cells
    )
    if needed:
        evidence += ", some with a separator or a line end in them"
    return Proposal("quote", best.quote, Certainty.SURE if wrapped else Certainty.LIKELY, evidence)


def _backslashes(text: str, quote: str | None) -> Iterator[str]:
    if quote and (escaped := len(re.findall(re.escape("\\" + quote) + r"(?![,;\t|\r\n]|\Z)", text))):
        yield (
            f"{escaped:,} quotes within cells have a backslash before them where a second quote is expected: "
            "such records may be read wrongly; ask for doubled quotes"
        )


def _whole_lines(text: str, limit: int, complete: bool) -> str:
    if len(text) <= limit and complete:
        return text
    cut = text[:limit]
    end = max(cut.rfind("\n"), cut.rfind("\r"))
    return cut[: end + 1] if end > 0 else cut
