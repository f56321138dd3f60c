"""How the numbers of a column are written: decimal sign, groups of digits, text around them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from etl_assets.inspection.lexicon import CURRENCIES, UNITS

_GROUPING = ",.'\u2019 \u00a0\u202f\u2009_"

_CELL = re.compile(
    r"(?P<open>\()?(?P<sign>[+\-\u2212]?\s?)(?P<prefix>[^\d+\-\u2212.,(]{0,8}?)(?P<sign2>[+\-\u2212]?)"
    r"(?P<body>\d(?:[\d.,'\u2019\u00a0\u202f\u2009_ ]*\d)?|[.,]\d+)(?P<point>[.,]?)"
    r"(?P<exponent>[eE][+-]?\d+)?(?P<behind>-?)(?P<suffix>(?:\s?[^\d\s][^\d]{0,30})?)(?(open)\))"
)

_MANY = 2_000
_SAME_AFFIXES = 0.2
_ZERO = re.compile(r"\b0")
_NINES = str.maketrans("012345678", "999999999")

Reading = tuple[str | None, str | None]
"""Decimal sign and sign between groups; None where a number has none."""

_STYLES: tuple[tuple[str, str | None], ...] = (
    (".", None),
    (",", None),
    (".", ","),
    (",", "."),
    *((".", sign) for sign in _GROUPING[2:]),
    *((",", sign) for sign in _GROUPING[2:]),
)


@dataclass(frozen=True)
class Numbers:
    """How numbers are written.

    Attributes:
        fitting: Cells that are read so.
        whole: True when none of them has decimals.
        decimal: Decimal sign.
        thousands: Sign between groups of digits.
        affixes: Text before and behind, the commonest.
        ambiguous: True when the sign may be of decimals or of groups alike.
        other_affixes: Further texts around numbers, with the number of their cells.
        leading_zeros: Cells such as 00501.
        digits: Length of numbers without signs -> cells.
        hints: What else there is to say.
    """

    fitting: int
    whole: bool
    decimal: str
    thousands: str | None
    affixes: tuple[str, str] | None
    ambiguous: bool
    other_affixes: tuple[tuple[str, int], ...]
    leading_zeros: int
    digits: Counter[int]
    fits: frozenset[str]
    hints: tuple[str, ...]


@dataclass(frozen=True)
class _Shape:
    """Cells that differ in their digits only."""

    text: str
    count: int
    parts: re.Match[str]
    readings: tuple[Reading, ...]

    @property
    def affixes(self) -> tuple[str, str]:
        return self.parts["prefix"], self.parts["suffix"]


def number_shapes(texts: Sequence[str]) -> list[str]:
    """Return texts with 9 for each digit, 0 for a zero in front."""
    if len(texts) > _MANY:
        series = pl.Series(texts, dtype=pl.String).str.replace_all(r"\b0", "\0")
        return series.str.replace_all(r"[0-9]", "9").str.replace_all("\0", "0", literal=True).to_list()
    return [_ZERO.sub("\0", text).translate(_NINES).replace("\0", "0") for text in texts]


def find_numbers(shapes: Sequence[tuple[str, int]]) -> Numbers | None:
    """Return how the numbers among shapes of cells are written, None where there are hardly any.

    Args:
        shapes: Shapes as of `number_shapes`, with the number of their cells.
    """
    parsed = [
        _Shape(text, count, parts, readings)
        for text, count in shapes
        if (parts := _CELL.fullmatch(text)) and (readings := _readings(parts["body"])) and _sensible(parts)
    ]
    total = sum(count for _, count in shapes)
    if sum(one.count for one in parsed) < 0.5 * total:
        return None
    affixes = _commonest_affixes(parsed)
    if affixes is None:
        return None
    style, ambiguous = _style(parsed)
    decimal, thousands = style
    fitting = [
        one
        for one in parsed
        if _fits(one.readings, style) and one.affixes in (affixes, ("", ""), _bare(affixes))
    ]
    others = Counter[str]()
    for one in parsed:
        if one not in fitting and _fits(one.readings, style):
            others["…".join(one.affixes)] += one.count
    zeros = sum(
        one.count for one in fitting if re.match(r"0\d", one.parts["body"]) and one.parts["body"].isdigit()
    )
    digits = Counter[int]()
    for one in fitting:
        digits[len(re.sub(r"\D", "", one.parts["body"]))] += one.count
    whole = not any(_has_decimals(one, style) for one in fitting)
    return Numbers(
        fitting=sum(one.count for one in fitting),
        whole=whole,
        decimal=decimal,
        thousands=thousands,
        affixes=affixes if affixes != ("", "") else None,
        ambiguous=ambiguous,
        other_affixes=tuple(others.most_common(5)),
        leading_zeros=zeros,
        digits=digits,
        fits=frozenset(one.text for one in fitting),
        hints=tuple(_hints(fitting, whole=whole)),
    )


@lru_cache(maxsize=4096)
def _readings(body: str) -> tuple[Reading, ...]:
    """All ways to read a number's digits and signs."""
    signs = re.findall(r"\D", body)
    groups = re.split(r"\D", body)
    if not signs:
        return ((None, None),)
    if "  " in body or any(not group for group in groups[1:]):
        return ()
    last = signs[-1]
    out: list[Reading] = []
    grouped = 1 <= len(groups[0]) <= 3 and groups[0] != "0"
    if len(set(signs)) == 1:
        if len(signs) == 1 and last in ".,":
            out.append((last, None))
        if grouped and all(len(group) == 3 for group in groups[1:]):
            out.append((None, last))
    elif (
        len(set(signs[:-1])) == 1
        and last in ".,"
        and signs.count(last) == 1
        and grouped
        and all(len(group) == 3 for group in groups[1:-1])
    ):
        out.append((last, signs[0]))
    return tuple(out)


def _fits(readings: Iterable[Reading], style: tuple[str, str | None]) -> bool:
    decimal, thousands = style
    return any(d in (None, decimal) and t in (None, thousands) for d, t in readings)


def _style(parsed: Sequence[_Shape]) -> tuple[tuple[str, str | None], bool]:
    """The signs that read the most cells; whether others read as many and differently."""
    weights = {style: sum(one.count for one in parsed if _fits(one.readings, style)) for style in _STYLES}
    most = max(weights.values())
    best = [style for style in _STYLES if weights[style] == most]
    chosen = best[0]
    rivals = [
        style
        for style in best[1:]
        if any(_value(one, style) != _value(one, chosen) for one in parsed if _fits(one.readings, chosen))
    ]
    if not rivals:
        return chosen, False
    # 850 and 1.250 but never 1250: whoever writes decimals would not round to three places only.
    bare = [len(one.parts["body"]) for one in parsed for _ in [0] if one.parts["body"].isdigit()]
    bare_count = sum(one.count for one in parsed if one.parts["body"].isdigit())
    grouped = next((style for style in rivals if style[1] is not None), None)
    if grouped and bare_count >= 3 and max(bare, default=9) <= 3:
        return grouped, False
    return chosen, True


def _value(one: _Shape, style: tuple[str, str | None]) -> str:
    body = one.parts["body"]
    if style[1]:
        body = body.replace(style[1], "")
    return body.replace(style[0], ".")


def _has_decimals(one: _Shape, style: tuple[str, str | None]) -> bool:
    return (
        style[0] in one.parts["body"]
        or bool(one.parts["point"])
        or "e" in (one.parts["exponent"] or "").lower()
    )


# -- text around numbers --------------------------------------------------------------------------


def _sensible(parts: re.Match[str]) -> bool:
    """False for codes such as C536379 and texts such as `Room 12`, which are no numbers with a word."""
    prefix, suffix = parts["prefix"].strip().lower(), parts["suffix"]
    if prefix and prefix not in CURRENCIES and prefix not in ("~", "≈", "<", ">", "≤", "≥", "ca.", "c."):
        return False
    word = suffix.strip().lower()
    if not suffix or word in CURRENCIES:
        return True
    if suffix[0].isspace():
        return len(word) <= 20 and word.count(" ") <= 2 and word[0] not in "/:-;#*_\\\"'?!&+,"
    if suffix[0].isalpha():
        return word in UNITS and (len(word) > 1 or word in "gmlhs")
    return suffix[0] in "%‰°²³" or word in UNITS


def _commonest_affixes(parsed: Sequence[_Shape]) -> tuple[str, str] | None:
    """Texts before and behind most numbers; None where they are so many that these are texts with numbers."""
    around = Counter[tuple[str, str]]()
    for one in parsed:
        if one.affixes != ("", ""):
            around[one.affixes] += one.count
    bare = sum(one.count for one in parsed) - around.total()
    if not around or around.total() < 0.3 * bare:
        return ("", "")
    affixes, count = around.most_common(1)[0]
    return affixes if count >= _SAME_AFFIXES * around.total() else None


def _bare(affixes: tuple[str, str]) -> tuple[str, str]:
    """The same texts with or without the space between them and the number."""
    before, behind = affixes
    return (
        before.rstrip() if before != before.rstrip() else before and before + " ",
        behind.lstrip() if behind != behind.lstrip() else behind and " " + behind,
    )


def _hints(fitting: Sequence[_Shape], *, whole: bool) -> Iterable[str]:
    brackets = sum(one.count for one in fitting if one.parts["open"])
    if brackets:
        yield f"{brackets:,} cells stand in brackets, as accountants write negative numbers"
    if behind := sum(one.count for one in fitting if one.parts["behind"]):
        yield f"{behind:,} cells have their minus behind the number"
    decimals = [one for one in fitting if re.search(r"[.,]\d+$", one.parts["body"])]
    if not whole and decimals and all(re.search(r"[.,]0+$", one.parts["body"]) for one in decimals):
        yield "decimals are always 0: whole numbers, written by a program that took them for decimals"
