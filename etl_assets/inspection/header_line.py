"""Whether the first line of a table names its columns, weighed from what stands below it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise

from etl_assets.inspection.dialects import Record
from etl_assets.inspection.lexicon import HEADER_WORDS, NULL_WORDS, words_of
from etl_assets.inspection.records import Certainty, Proposal

BODY = 400
"""So many rows tell what usual ones look like."""

_NUMBER = re.compile(r"[-+(]?[^\w\s]?\s?\d[\d.,'\u2019 \u00a0\u202f]*(?:e[-+]?\d+)?\s?[%€$£)-]?", re.I)
_MOMENT = re.compile(r"\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}\D?.{0,20}|\d{1,2}:\d{2}(:\d{2})?")


def kind_of(cell: str) -> str:
    """A rough kind of one cell: empty, number, moment, text."""
    text = cell.strip()
    if not text or text.lower() in NULL_WORDS:
        return "empty"
    if _MOMENT.fullmatch(text):
        return "moment"
    return "number" if _NUMBER.fullmatch(text) else "text"


def find_header(records: Sequence[Record], start: int, last: int, width: int) -> tuple[bool, Proposal]:
    """Return whether the record at `start` names the columns, with evidence."""
    if start >= len(records):
        return False, Proposal("header_line", 0, Certainty.UNSURE, "there is nothing to read")
    cells = records[start].cells
    line = records[start].line
    body = [one.cells for one in records[start + 1 : min(last, start + 1 + BODY)] if len(one.cells) == width]
    if not body:
        below = any(one.filled for one in records[start + 1 : last])
        told = "no line below it has as many cells" if below else "there is only one line"
        return True, Proposal("header_line", line, Certainty.UNSURE, told, (0,))
    typed = _Votes()
    for n, cell in enumerate(cells[:500]):
        typed.count(cell, [row[n] for row in body])
    words = [words_of(cell) for cell in cells]
    known = sum(any(word in HEADER_WORDS for word in one) for one in words)
    names = sum(
        re.fullmatch(r"\s*[A-Za-z]+(?:_[A-Za-z0-9]+)+\s*|\s*[a-z]+[A-Z]\w*\s*", cell) is not None
        for cell in cells
    )
    filled = [cell.strip() for cell in cells if cell.strip()]
    if _years(cells, body):
        return True, Proposal(
            "header_line", line, Certainty.LIKELY, "its numbers are years, those below are not"
        )
    evidence = typed.evidence(line, known, names)
    if typed.against > typed.speaking:
        certainty = Certainty.SURE if typed.against >= 2 and not known else Certainty.LIKELY
        return False, Proposal("header_line", 0, certainty, evidence, (line,))
    if typed.speaking:
        clear = not typed.against and len(filled) == len(set(filled))
        certainty = Certainty.SURE if clear else Certainty.LIKELY
        return True, Proposal(
            "header_line", line, certainty, evidence, () if certainty is Certainty.SURE else (0,)
        )
    if typed.reappearing and typed.reappearing >= typed.texts / 2 and not known:
        told = f"{typed.reappearing:,} cells of line {line} appear again below it, as if it were a row"
        return False, Proposal("header_line", 0, Certainty.UNSURE, told, (line,))
    named = known + names >= 0.4 * len(cells)
    return True, Proposal(
        "header_line", line, Certainty.LIKELY if named else Certainty.UNSURE, evidence, (0,)
    )


class _Votes:
    """What the columns say about their first cell."""

    def __init__(self) -> None:
        self.speaking = self.against = self.reappearing = self.texts = 0

    def count(self, cell: str, below: Sequence[str]) -> None:
        kinds = Counter(kind_of(one) for one in below)
        del kinds["empty"]
        filled = kinds.total()
        if not filled:
            return
        kind, count = kinds.most_common(1)[0]
        own = kind_of(cell)
        if kind == "text":
            self.texts += 1
            if cell.strip() and cell in below:
                self.reappearing += 1
            lengths = {len(one.strip()) for one in below if one.strip()}
            constant = len(lengths) == 1 and filled >= 5
            if constant and own == "text" and len(cell.strip()) not in lengths and re.search(r"\d", below[0]):
                self.speaking += 1
        elif count >= 0.7 * filled:
            if own == "text":
                self.speaking += 1
            elif own == kind:
                self.against += 1

    def evidence(self, line: int, known: int, names: int) -> str:
        parts = []
        if self.speaking:
            parts.append(
                f"{_columns(self.speaking)} of numbers, dates or codes that line {line} has a word for"
            )
        if self.against:
            parts.append(
                f"{_columns(self.against)} where line {line} holds a number or date like those below"
            )
        if known:
            parts.append(f"{known:,} names such as headers have")
        elif names:
            parts.append(f"{names:,} names written like identifiers")
        return "; ".join(parts) or "all cells are texts: nothing tells a header from a row"


def _columns(count: int) -> str:
    return "1 column" if count == 1 else f"{count:,} columns"


def _years(cells: Sequence[str], body: Sequence[Sequence[str]]) -> bool:
    years = [(n, int(cell)) for n, cell in enumerate(cells) if re.fullmatch(r"\s*(?:19|20)\d\d\s*", cell)]
    if len(years) < 2 or any(b[1] - a[1] != years[1][1] - years[0][1] for a, b in pairwise(years)):
        return False
    below = [row[n].strip() for n, _ in years for row in body[:50]]
    return sum(re.fullmatch(r"(?:19|20)\d\d", one) is not None for one in below) < 0.2 * max(len(below), 1)
