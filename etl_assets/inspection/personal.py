"""Columns that look personal, by their names and by their values; and how their cells are masked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from etl_assets.inspection.lexicon import folded, words_of
from etl_assets.inspection.personal_words import (
    FIRST_NAMES,
    KIND_WORDS,
    NAME_PAIRS,
    NAME_WORDS,
    NO_PERSONS,
    PERSON_WORDS,
)

_EMAIL = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+")
_PHONE = re.compile(
    r"(?:\+|00)\d[\d ()./-]{6,18}\d|\(\d{2,5}\)[ /]?\d[\d /-]{4,12}\d|0\d{1,4}[ /-]\d[\d /-]{4,12}\d"
)
_DATE = re.compile(r"\d{1,4}([-/. ])\d{1,2}\1\d{1,4}.*")
_AMERICAN_PHONE = re.compile(r"(?:1[-. ])?\(?\d{3}\)?[-. ]\d{3}[-. ]\d{4}")
_STREET = re.compile(
    r"(?i)(?:\w*(?:stra(?:ss|ß)e|str\.|weg|platz|allee|gasse|straat|laan|gade|gatan|vej)\s+\d+\s?\w?)"
    r"|(?:\d+\w?,?\s+(?:[\w.'-]+\s+){1,4}(?:street|st|road|rd|avenue|ave|lane|ln|drive|dr|boulevard|blvd|way|court|ct)\b\.?)"
    r"|(?:\d+\w?,?\s+(?:rue|avenue|boulevard|place|chemin|via|calle|rua)\s)"
    r"|(?:(?:rue|calle|via|viale|piazza|rua|avenida|ul\.)\s+[\w\s.'-]+\d+)"
)
_MOST_CHARACTERS = 200
_SOCIAL_SECURITY = re.compile(r"\d{3}-\d{2}-\d{4}")
_IP = re.compile(
    r"(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)"
    r"|(?:[0-9a-fA-F]{1,4}:){4,7}[0-9a-fA-F]{1,4}"
)
_WORD = r"[^\W\d_][^\W\d_'\u2019.-]*[.'\u2019-]?[^\W\d_]*"
_PERSON = re.compile(rf"{_WORD},?(?: {_WORD}\.?){{0,4}}")
# "Schäfer, Änne" or "Änne Schäfer": two or three capitalised words.
_NAME_FORM = re.compile(r"[^\W\d_a-z][\w'\u2019-]+,?(?: [^\W\d_a-z][\w.'\u2019-]*){1,2}")
_COMMA_NAME = re.compile(
    r"[^\W\d_a-z][\w'\u2019-]+, [^\W\d_a-z][\w.'\u2019-]*(?: [^\W\d_a-z][\w.'\u2019-]*)?"
)


@dataclass(frozen=True)
class Personal:
    """What kind of personal data a column looks like, and why."""

    kind: str
    evidence: str


def find_personal(name: str, values: Sequence[tuple[str, int]]) -> Personal | None:
    """Return what personal data a column looks like, None for none.

    Args:
        name: Of the column.
        values: Distinct texts with the number of their cells; some hundreds are enough.
    """
    # Beyond this a cell is prose; and the expressions take long on endless words.
    values = [(text[:_MOST_CHARACTERS], count) for text, count in values]
    total = sum(count for _, count in values)
    words = [folded(word) for word in words_of(name)]
    by_values = _by_values(values, total, words) if total else None
    if by_values:
        return by_values
    joined = "".join(words)
    for kind, known in KIND_WORDS.items():
        if (hit := next((word for word in (*words, joined) if word in known), None)) and _bears(
            kind, values, total
        ):
            return Personal(kind, f"the name says so ({hit})")
    pairs = list(pairwise(words))
    if any(word in NAME_WORDS for word in (*words, joined)) or any(pair in NAME_PAIRS for pair in pairs):
        return Personal("name", "the name says so")
    return None


def _by_values(values: Sequence[tuple[str, int]], total: int, words: Sequence[str]) -> Personal | None:
    def share(test: Callable[[str], object]) -> float:
        return sum(count for text, count in values if test(text)) / total

    enough = len(values) >= 3
    for kind, test, least in (
        ("email", _EMAIL.fullmatch, 0.5),
        ("iban", is_iban, 0.5),
        ("national id", _SOCIAL_SECURITY.fullmatch, 0.8),
        ("ip address", _IP.fullmatch, 0.8),
        ("phone", _is_phone, 0.6),
        ("phone", _AMERICAN_PHONE.fullmatch, 0.8),
    ):
        if (found := share(test)) >= least:
            return Personal(kind, f"{found:.0%} of the cells look like it")
    if enough and (found := share(is_card)) >= 0.8:
        return Personal("card number", f"{found:.0%} of the cells have the check digit of a card")
    if enough and (found := share(_STREET.search)) >= 0.4:
        return Personal("address", f"{found:.0%} of the cells look like a street with a number")
    if enough and not NO_PERSONS & set(words) and (found := share(_is_person)) >= 0.3:
        first_names = {folded(text.split()[0]) for text, _ in values if _is_person(text)}
        if len(first_names) >= 2:
            return Personal("name", f"{found:.0%} of the cells hold a common first name")
    # Places are written so too ("Portland, Maine"): without a word for persons, a first name has to help.
    form, some = (_NAME_FORM, 0.0) if PERSON_WORDS & set(words) else (_COMMA_NAME, 0.1)
    written = enough and not NO_PERSONS & set(words) and (found := share(form.fullmatch)) >= 0.8
    if written and share(_is_person) >= some:
        return Personal("name", f"{found:.0%} of the cells are written as names are")
    if (found := share(_EMAIL.search)) >= 0.02:
        return Personal("email", f"{found:.0%} of the cells hold an e-mail address")
    return None


def _bears(kind: str, values: Sequence[tuple[str, int]], total: int) -> bool:
    """False where the cells can't be what the name says, such as an `address` that is a number."""
    if not total:
        return True
    if kind in ("phone", "national id", "iban", "card number", "birth date"):
        return sum(count for text, count in values if re.search(r"\d", text)) >= 0.5 * total
    return True


def _is_phone(text: str) -> bool:
    return _PHONE.fullmatch(text) is not None and not _DATE.fullmatch(text)


def _is_person(text: str) -> bool:
    if not 3 <= len(text) <= 60 or not _PERSON.fullmatch(text):
        return False
    return any(folded(part.strip(",.")) in FIRST_NAMES for part in re.split(r"[ -]", text))


def is_iban(text: str) -> bool:
    """True for an IBAN whose check digits are right."""
    bare = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", bare):
        return False
    digits = "".join(str(int(char, 36)) for char in bare[4:] + bare[:4])
    return int(digits) % 97 == 1


def is_card(text: str) -> bool:
    """True for a number of a payment card: its length, its first digit, its check digit."""
    bare = re.sub(r"[ -]", "", text)
    if not re.fullmatch(r"[3-6]\d{12,18}", bare):
        return False
    digits = [int(char) for char in reversed(bare)]
    return sum(digits[0::2] + [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]) % 10 == 0


def masked(text: str) -> str:
    """A cell with x for each letter and 9 for each digit."""
    out = "".join(
        "X" if char.isupper() else "x" if char.isalpha() else "9" if char.isdigit() else char for char in text
    )
    return out[:40]
