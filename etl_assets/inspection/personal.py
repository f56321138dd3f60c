"""Columns that look personal, by their names and by their values; and how their cells are masked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from etl_assets.inspection.lexicon import folded, words_of
from etl_assets.inspection.personal_words import (
    DOERS,
    FIRST_NAMES,
    KIND_WORDS,
    NAME_PAIRS,
    NAME_WORDS,
    NO_PERSONS,
    NOTE_WORDS,
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
# "Call Ann Lee back", "told Lee, Ann": capitalised words that follow each other.
_CAPITALS = re.compile(r"[^\W\d_a-z][\w'\u2019-]*[.,]?(?: [^\W\d_a-z][\w'\u2019-]*[.,]?)*")
_LOGIN = re.compile(r"[^\W\d_]+(?:[._-][^\W\d_]+)*\d{0,3}")
_PROSE = 4  # words
# San Jose, Fort Worth, St. Paul: what begins so is a place, whatever name it holds.
_PLACES = re.compile(
    r"(?i)(?:san|santa|santo|sao|são|saint|sankt|st\.?|fort|port|new|los|las|el|lake|mount|bad) "
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


def reveals_persons(name: str, values: Iterable[str]) -> bool:
    """Whether cells of a column may name persons: then they are neither shown nor written into code.

    Stricter than `find_personal`, which says what a column holds: here a single cell is enough, and what
    somebody wrote in free text counts whatever it says.

    Args:
        name: Of the column.
        values: Its texts.
    """
    words = [folded(word) for word in words_of(name)]
    if NO_PERSONS & set(words):
        return False
    wary = _tells_of_persons(words) or bool(NOTE_WORDS & set(words))
    for value in values:
        text = value[:_MOST_CHARACTERS]
        if _mentions_person(text) or (wary and re.search(r"[^\W\d_]{2}", text)):
            return True
    return False


def _tells_of_persons(words: Sequence[str]) -> bool:
    """Whether a column's name says that its cells are persons, such as `seller` or `handled by`."""
    done_by = any(one in DOERS and two in ("by", "to", "von") for one, two in pairwise(words))
    return done_by or bool((PERSON_WORDS | NAME_WORDS) & {*words, "".join(words)})


def _mentions_person(text: str) -> bool:
    """Whether a text holds two or more capitalised words of which one is a first name."""
    for run in _CAPITALS.findall(text):
        parts = [folded(part) for part in re.split(r"[ .,-]+", run) if part]
        if len(parts) > 1 and FIRST_NAMES & set(parts):
            return True
    return False


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
    if not NO_PERSONS & set(words) and (name := _names(values, share, words)):
        return name
    if (found := share(_EMAIL.search)) >= 0.02:
        return Personal("email", f"{found:.0%} of the cells hold an e-mail address")
    return None


def _names(
    values: Sequence[tuple[str, int]], share: Callable[[Callable[[str], object]], float], words: Sequence[str]
) -> Personal | None:
    enough = len(values) >= 3
    first_names = {name for text, _ in values if (name := _leading_first_name(text))}
    if enough and (found := share(_is_person)) >= 0.3:
        leading = {folded(text.split()[0]) for text, _ in values if _is_person(text)}
        if len(leading) >= 2:
            return Personal("name", f"{found:.0%} of the cells hold a common first name")
    formed, known = share(_NAME_FORM.fullmatch), share(_leading_first_name)
    if _tells_of_persons(words):
        if formed >= 0.8:
            return Personal("name", f"{formed:.0%} of the cells are written as names are")
        if (found := share(_is_person)) >= 0.05:
            return Personal("name", f"the name says so, and {found:.0%} of the cells hold a first name")
        if any(one in DOERS for one in words) and (found := share(_LOGIN.fullmatch)) >= 0.8:
            return Personal("name", f"the name says so, and {found:.0%} of the cells may be a login")
    # Places are written so too ("Portland, Maine"): without a word for persons, first names have to help.
    if enough and (found := share(_COMMA_NAME.fullmatch)) >= 0.8 and share(_is_person) >= 0.1:
        return Personal("name", f"{found:.0%} of the cells are written as names are")
    some = known >= 0.12 and len(first_names) >= 3
    if formed >= 0.8 and (some or (len(first_names) >= 2 and known >= 0.99)):
        return Personal(
            "name", f"{formed:.0%} of the cells are written as names are, {known:.0%} with a first name"
        )
    return _mentions(values, share, words)


def _mentions(
    values: Sequence[tuple[str, int]], share: Callable[[Callable[[str], object]], float], words: Sequence[str]
) -> Personal | None:
    """Persons in what somebody wrote: in a column of notes one is enough, else it has to happen again."""
    found = share(_mentions_person)
    if found and NOTE_WORDS & set(words):
        return Personal("name", f"notes, of which {found:.1%} mention a person")
    prose = share(lambda text: len(text.split()) >= _PROSE) >= 0.5
    mentioning = [text for text, _ in values if text != text.upper() and _mentions_person(text)]
    if prose and found >= 0.02 and len(mentioning) >= 3:
        return Personal("name", f"texts, of which {found:.1%} mention a person")
    return None


def _leading_first_name(text: str) -> str | None:
    """The known first name of a text that is written as a name is: in front, or behind a comma."""
    if not _NAME_FORM.fullmatch(text):
        return None
    parts = text.split()
    first = folded((parts[1] if parts[0].endswith(",") else parts[0]).rstrip(".,"))
    return first if first in FIRST_NAMES or first.split("-")[0] in FIRST_NAMES else None


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
    if not 3 <= len(text) <= 60 or not _PERSON.fullmatch(text) or _PLACES.match(text):
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
