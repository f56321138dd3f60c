"""Which of a column's texts stand for "not known"."""

from __future__ import annotations

import re
from collections.abc import Sequence

from etl_assets.inspection.lexicon import NULL_WORDS, PLAIN_NULL_WORDS

_NO_DATE = re.compile(r"0{1,4}([-./])0{1,2}\1(?:0{2}|0{4})(?:[T ]00:00(?::00(?:\.0+)?)?)?")
"""A date of noughts alone, such as 00.00.0000 or 0000-00-00: no calendar has it."""

_EIGHT_DIGITS = re.compile(r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])")
_NOUGHTS = "0" * 8


def null_words(texts: Sequence[str]) -> list[str]:
    """Return the words for "not known" of a column that is not text, as far as is known yet."""
    found = [text for text in texts if text.lower() in NULL_WORDS or _NO_DATE.fullmatch(text)]
    return [*found, _NOUGHTS] if _NOUGHTS in texts and _are_days(texts) else found


def _are_days(texts: Sequence[str]) -> bool:
    """Whether texts are dates of eight digits: among codes, eight noughts may be one."""
    days = sum(_EIGHT_DIGITS.fullmatch(text) is not None for text in texts)
    return days >= max(3, 0.9 * (len(texts) - 1))


def null_words_of_texts(texts: Sequence[str]) -> list[str]:
    """Return the words for "not known" of a column of text: only those that are hardly anything else."""
    words = [text for text in texts if text.lower() in PLAIN_NULL_WORDS]
    codes = [text for text in texts if re.fullmatch(r"[A-Z]{2}", text)]
    if "NA" in words and len(codes) > 0.8 * len(texts) and len(texts) > 3:
        words.remove("NA")  # Namibia, North America
    return words
