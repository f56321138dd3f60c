"""What the cells of a column are, weighed from numbers, dates, words and the column's name."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice

import polars as pl

from etl_assets.inspection.lexicon import (
    BOOLEANS,
    CODE_WORDS,
    ID_WORDS,
    folded,
    words_of,
)
from etl_assets.inspection.moments import Moments, find_moments
from etl_assets.inspection.null_words import null_words, null_words_of_texts
from etl_assets.inspection.numbers import Numbers, find_numbers, number_shapes
from etl_assets.inspection.personal import Personal, find_personal, masked, reveals_persons
from etl_assets.inspection.records import Certainty, Column, Kind

LEAST_SHARE = 0.8
"""The share of filled cells that must be of a kind; of fewer, the column is text."""

_LOOKED_AT = 5_000
_MANY = 2_000
_SHOWN = 5


@dataclass(frozen=True)
class _Cells:
    """The distinct cells of a column, without spaces around them."""

    name: str
    texts: list[tuple[str, int]]  # with the number of their cells; the commonest first
    filled: int
    padded: bool

    def pairs(self, limit: int) -> list[tuple[str, int]]:
        return self.texts[:limit]

    def without(self, words: Sequence[str]) -> _Cells:
        if not words:
            return self
        left_out = set(words)
        rest = [pair for pair in self.texts if pair[0] not in left_out]
        return replace(self, texts=rest, filled=sum(count for _, count in rest))


def describe_column(name: str, cells: pl.Series) -> Column:
    """Return what the cells of a column are.

    Args:
        name: Of the column.
        cells: Text, null for an empty cell.
    """
    found = _distinct(name, cells)
    texts = [text for text, _ in found.pairs(_LOOKED_AT)]
    nulls = null_words(texts)
    rest = found.without(nulls)
    personal = find_personal(name, rest.pairs(500))
    column = _of_kind(rest, personal)
    if column is None:
        nulls = null_words_of_texts(texts)
        rest = found.without(nulls)
        column = _text(rest, personal)
    column = replace(
        column,
        padded=found.padded,
        null_words=tuple(sorted(nulls)),
        distinct=len(rest.texts),
        personal=personal.kind if personal else None,
        examples=tuple(text for text, _ in rest.pairs(3)),
        hints=(*column.hints, *_odd_values(column, rest), *_rare_case(found, nulls, len(cells))),
    )
    if not personal and column.kind is Kind.TEXT and reveals_persons(name, column.examples):
        column = replace(column, examples=tuple(dict.fromkeys(map(masked, column.examples))))
    if personal:
        column = replace(
            column,
            misfits=tuple(map(masked, column.misfits)),
            examples=tuple(dict.fromkeys(map(masked, column.examples))),
            evidence=f"{column.evidence}; looks personal ({personal.kind}): {personal.evidence}",
        )
    return column


def _distinct(name: str, cells: pl.Series) -> _Cells:
    if len(cells) > _MANY:
        frame = cells.alias("text").to_frame().group_by("text", maintain_order=True).len()
        counted = Counter(dict(frame.rows()))
    else:
        counted = Counter(cells.to_list())
    texts: Counter[str] = Counter()
    padded = False
    for text, count in counted.items():
        if text is not None:
            bare = text.strip()
            padded |= len(bare) < len(text)
            texts[bare] += count
    del texts[""]
    ordered = sorted(texts.items(), key=lambda one: -one[1])
    return _Cells(name, ordered, texts.total(), padded)


# -- kinds ----------------------------------------------------------------------------------------


def _of_kind(cells: _Cells, personal: Personal | None) -> Column | None:
    """The column as booleans, moments or numbers, None where it is text."""
    if not cells.filled:
        return None
    if boolean := _boolean(cells):
        return boolean
    sample = cells.pairs(_LOOKED_AT)
    if (moments := find_moments(sample)) and moments.kind is not None:
        if len(sample) < len(cells.texts):
            moments = find_moments(cells.texts)
        if moments and moments.fitting >= LEAST_SHARE * cells.filled:
            return _moment(cells, moments)
    if personal and personal.kind in ("phone", "iban", "card number", "national id", "ip address"):
        return None
    if _hardly_a_number(sample):
        return None
    shapes = _shapes(cells)
    counts: Counter[str] = Counter()
    for shape, (_, count) in zip(shapes, cells.texts, strict=True):
        counts[shape] += count
    numbers = find_numbers(list(counts.items()))
    around = sum(count for _, count in numbers.other_affixes) if numbers else 0
    if numbers and numbers.fitting + around >= LEAST_SHARE * cells.filled:
        return _number(cells, numbers, shapes)
    return None


def _boolean(cells: _Cells) -> Column | None:
    if len(cells.texts) > 50:
        return None
    counts: dict[str, int] = {}
    for text, count in cells.texts:
        counts[text.lower()] = counts.get(text.lower(), 0) + count
    best = max(BOOLEANS, key=lambda pair: sum(counts.get(word, 0) for word in pair))
    fitting = sum(counts.get(word, 0) for word in best)
    if not all(word in counts for word in best) or fitting < LEAST_SHARE * cells.filled:
        return None
    as_is = [text for text, _ in cells.texts]
    yes, no = (tuple(sorted(text for text in as_is if text.lower() == word)) for word in best)
    return Column(
        cells.name,
        Kind.BOOLEAN,
        _certainty(fitting, cells.filled),
        cells.filled,
        fitting,
        0,
        misfits=_misfits(cells, frozenset((*yes, *no))),
        evidence=f"{_of(fitting, cells.filled)} are {' or '.join((*yes, *no))}",
        true_words=yes,
        false_words=no,
    )


def _moment(cells: _Cells, found: Moments) -> Column:
    certainty = Certainty.UNSURE if found.undecided else _certainty(found.fitting, cells.filled)
    hints: list[str] = []
    if found.undecided:
        hints.append(f"ambiguous: {found.evidence}; ask who wrote it, or compare with another column")
    elif len(found.formats) > 1:
        hints.append(f"{len(found.formats)} formats in one column")
    if found.formats[0] == "%Y%m%d" and certainty is Certainty.SURE:
        certainty = Certainty.LIKELY
    if any("%y" in form for form in found.formats):
        hints.append("years have two digits: of which century is a convention")
    shares = tuple(round(count / max(found.fitting, 1), 4) for count in found.shares)
    written = ", ".join(
        f"{form} {share:.0%}" if len(found.formats) > 1 else form
        for form, share in zip(found.formats, shares, strict=True)
    )
    evidence = f"{_of(found.fitting, cells.filled)} are written {written}"
    if found.evidence and not found.undecided:
        evidence += f"; {found.evidence}"
    return Column(
        cells.name,
        found.kind,
        certainty,
        cells.filled,
        found.fitting,
        0,
        misfits=_misfits(cells, found.fits),
        formats=found.formats,
        shares=shares,
        evidence=evidence,
        hints=tuple(hints),
    )


def _hardly_a_number(pairs: Sequence[tuple[str, int]]) -> bool:
    """True when most texts have hardly a digit: a quick look, since texts are many."""
    some = pairs[:500]
    digits = sum(any(char.isdigit() for char in text) and len(text) <= 60 for text, _ in some)
    return digits < 0.4 * len(some)


def _shapes(cells: _Cells) -> list[str]:
    return number_shapes([text for text, _ in cells.texts])


def _number(cells: _Cells, found: Numbers, shapes: Sequence[str]) -> Column | None:
    """The column as numbers, or None where they are codes that a number would damage."""
    words = {folded(word) for word in words_of(cells.name)}
    if found.whole and (_codes(found, cells, shapes) or words & CODE_WORDS or max(found.digits) > 18):
        return None
    kind = Kind.INTEGER if found.whole else Kind.DECIMAL
    certainty = (
        Certainty.UNSURE
        if found.ambiguous or found.other_affixes
        else _certainty(found.fitting, cells.filled)
    )
    hints = list(found.hints)
    if found.ambiguous:
        sign = found.thousands or found.decimal
        hints.append(
            f"ambiguous: {sign!r} may stand before decimals or between thousands; three digits always follow"
        )
    if found.other_affixes:
        told = ", ".join(
            f"{text.replace('…', ' … ').strip()!r} {count:,}" for text, count in found.other_affixes
        )
        hints.append(f"other texts around numbers: {told} cells")
    if (
        found.whole
        and found.digits
        and len(found.digits) == 1
        and words & ID_WORDS
        and min(found.digits) >= 4
    ):
        hints.append(f"always {min(found.digits)} digits: rather a code than an amount")
    fits = frozenset(
        text for shape, (text, _) in zip(shapes, cells.texts, strict=True) if shape in found.fits
    )
    written = (
        "whole numbers"
        if found.whole
        else f"numbers with decimal {'comma' if found.decimal == ',' else 'point'}"
    )
    if found.thousands:
        written += f" and {found.thousands!r} between thousands"
    if found.affixes:
        written += f", {' and '.join(repr(one) for one in found.affixes if one)} around them"
    return Column(
        cells.name,
        kind,
        certainty,
        cells.filled,
        found.fitting,
        0,
        misfits=_misfits(cells, fits),
        decimal=found.decimal,
        thousands=found.thousands,
        affixes=found.affixes,
        evidence=f"{_of(found.fitting, cells.filled)} are {written}",
        hints=tuple(hints),
    )


def _codes(found: Numbers, cells: _Cells, shapes: Sequence[str]) -> bool:
    """Leading zeros, or the same digits with a letter before or behind them: codes."""
    if found.leading_zeros:
        constant = found.digits.most_common(1)[0][1] >= 0.9 * found.fitting
        if constant or found.leading_zeros >= 0.05 * found.fitting:
            return True
    usual = found.digits.most_common(1)[0][0]
    lettered = re.compile(rf"[A-Za-z]{{1,3}}-?[09]{{{usual}}}|[09]{{{usual}}}-?[A-Za-z]{{1,3}}")
    others = [
        (count, lettered.fullmatch(shape) is not None)
        for shape, (_, count) in zip(shapes, cells.texts, strict=True)
        if shape not in found.fits
    ]
    # Of mistypings, letters stand in any place.
    with_letters = sum(count for count, fits in others if fits)
    several = sum(fits for _, fits in others) >= 3
    mostly = with_letters >= 0.7 * sum(count for count, _ in others)
    return several and mostly and found.affixes is None and found.digits[usual] >= 0.5 * found.fitting


def _text(cells: _Cells, personal: Personal | None) -> Column:
    evidence, zeros = "texts", False
    certainty = Certainty.SURE
    if cells.filled:
        digits = [(text, count) for text, count in cells.texts if text.isdecimal()]
        zero = sum(count for text, count in digits if text[0] == "0" and len(text) > 1)
        only = sum(count for _, count in digits)
        zeros = bool(zero) and only >= LEAST_SHARE * cells.filled
        if zeros:
            evidence = f"{_of(only, cells.filled)} are digits, {zero:,} of them with a zero in front: codes"
        elif only >= LEAST_SHARE * cells.filled:
            certainty = Certainty.LIKELY
            evidence = f"{_of(only, cells.filled)} are digits, and codes all the same: {_why_codes(cells)}"
        else:
            lengths = [len(text) for text, _ in cells.texts]
            span = _span(min(lengths), max(lengths))
            evidence = f"{len(cells.texts):,} different texts of {span} characters"
    else:
        certainty, evidence = Certainty.UNSURE, "no cell is filled"
    return Column(
        cells.name,
        Kind.TEXT,
        certainty,
        cells.filled,
        cells.filled,
        0,
        leading_zeros=zeros,
        evidence=evidence,
    )


def _why_codes(cells: _Cells) -> str:
    if {folded(word) for word in words_of(cells.name)} & CODE_WORDS:
        return "the column's name says so"
    return "others have a letter with them, or they are too long for a number"


def _span(least: object, most: object) -> str:
    return f"{most}" if least == most else f"{least} to {most}"


# -- what else there is to say --------------------------------------------------------------------


def _certainty(fitting: int, filled: int) -> Certainty:
    if fitting == filled:
        return Certainty.SURE if filled >= 10 else Certainty.LIKELY
    return Certainty.LIKELY if fitting >= 0.95 * filled else Certainty.UNSURE


def _misfits(cells: _Cells, fits: frozenset[str]) -> tuple[str, ...]:
    return tuple(islice((text for text, _ in cells.texts if text not in fits), _SHOWN))


def _of(count: int, total: int) -> str:
    return f"all {total:,} cells" if count == total else f"{count:,} of {total:,} cells"


_SENTINELS = re.compile(
    r"-?9{3,}(?:\.0+)?|-1|-?9{3,}[.,]9+|(?:9999|1900|1899|1970|2099|1111)-\d\d-\d\d.*|\d\d\.\d\d\.(?:9999|1900|1899|1970)"
)


def _odd_values(column: Column, cells: _Cells) -> list[str]:
    """Numbers and dates that may stand for "not known"; seconds since 1970."""
    if column.kind is Kind.TEXT or not cells.filled:
        return []
    out = []
    pairs = cells.pairs(_LOOKED_AT)
    typical = sorted(count for _, count in pairs)[len(pairs) // 2]
    minus = sum(text.startswith("-") for text, _ in pairs)
    for text, count in pairs[:200]:
        if text == "-1" and minus > 1:
            continue
        if _SENTINELS.fullmatch(text) and count >= max(3, 3 * typical) and len(pairs) > 3:
            out.append(f'{text} stands in {count:,} cells: does it mean "not known"?')
    if column.kind is Kind.INTEGER and column.thousands is None:
        seconds = sum(count for text, count in pairs if re.fullmatch(r"1[0-9]{9}", text))
        millis = sum(count for text, count in pairs if re.fullmatch(r"1[0-9]{12}", text))
        looked = sum(count for _, count in pairs)
        if max(seconds, millis) >= 0.98 * looked and len(pairs) > 3:
            unit = "seconds" if seconds > millis else "milliseconds"
            out.append(f"may be {unit} since 1970: each number lies between 2001 and 2033")
    return out


def _rare_case(cells: _Cells, nulls: Sequence[str], rows: int) -> list[str]:
    """What makes a text something else in the end."""
    out = []
    if "NA" not in nulls and any(text == "NA" for text, _ in cells.pairs(_LOOKED_AT)):
        out.append('NA may be a code such as of Namibia: it was not taken for "not known"')
    if len(cells.texts) == 1 and cells.filled < rows and len(cells.texts[0][0]) <= 3:
        out.append(f"{cells.texts[0][0]} or nothing: does it mean yes or no?")
    if (
        cells.filled
        and sum(count for text, count in cells.texts if text.startswith('="')) > 0.5 * cells.filled
    ):
        out.append('cells are written ="..." for Excel: what stands between the quotes is the value')
    return out
