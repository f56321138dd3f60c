"""How dates and times of a column are written."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import polars as pl

from etl_assets.inspection.records import Kind

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_LONG_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"

_TIME = (
    r"(?P<clock>(?P<hours>\d{1,2}):\d{2}(?P<seconds>:\d{2})?(?P<fraction>\.\d{1,9})?)"
    r"(?P<half>\s?[aApP][mM])?(?P<zone>Z|\s?[+-]\d{2}:?\d{2})?"
)
_NUMERIC = r"(?P<a>\d{1,4})(?P<sign>[-/.])(?P<b>\d{1,2})(?P=sign)(?P<c>\d{1,4})"
_NAMED = (
    rf"(?P<day>\d{{1,2}})(?P<s1>[- /.]|\. )(?P<month>{_MONTHS})(?P<s2>[- /.])(?P<year>\d{{4}}|\d{{2}})"
    rf"|(?P<lday>\d{{1,2}})(?P<ls1>[- ]|\. )(?P<lmonth>{_LONG_MONTHS})(?P<ls2>[- ])(?P<lyear>\d{{4}})"
    rf"|(?P<amonth>{_LONG_MONTHS}|{_MONTHS}) (?P<aday>\d{{1,2}}), (?P<ayear>\d{{4}})"
)
_ALONE = _TIME.replace("?P<", "?P<t_")
_CELL = re.compile(rf"(?i)(?P<date>{_NUMERIC}|{_NAMED})(?:(?P<between>[ T]|, ){_TIME})?|(?P<only>{_ALONE})")

_EXTRA = {
    "%Y%m%d": r"\d{8}",
    "%Y%m%d%H%M%S": r"\d{14}",
    "%Y%m%dT%H%M%S": r"\d{8}T\d{6}",
}


@dataclass(frozen=True)
class Moments:
    """How dates or times are written.

    Attributes:
        kind: Date, datetime or time.
        fitting: Cells that one of the formats reads.
        formats: The formats, the commonest first.
        shares: Of each format, the cells that it reads and none before it.
        ambiguous: Cells that two formats read as different days.
        undecided: True when nothing in the column tells whether day or month stands first.
        evidence: What told day from month.
        fits: The texts that are read.
    """

    kind: Kind
    fitting: int
    formats: tuple[str, ...]
    shares: tuple[int, ...]
    ambiguous: int
    undecided: bool
    evidence: str
    fits: frozenset[str]


def find_moments(values: Sequence[tuple[str, int]]) -> Moments | None:
    """Return how dates and times among texts are written, None where there are hardly any.

    Args:
        values: Distinct texts without spaces around them, with the number of their cells.
    """
    by_formats: dict[tuple[str, ...], list[tuple[str, int]]] = {}
    for text, count in values:
        if formats := tuple(_formats(text)):
            by_formats.setdefault(formats, []).append((text, count))
    total = sum(count for _, count in values)
    if sum(count for found in by_formats.values() for _, count in found) < 0.5 * total:
        return None
    read = Counter[str]()
    texts: set[str] = set()
    ambiguous, undecided, evidence = 0, False, []
    for formats, found in by_formats.items():
        decided = _decide(formats, found)
        ambiguous += decided.ambiguous
        undecided |= decided.undecided
        evidence += [decided.evidence] if decided.evidence else []
        read.update(decided.read)
        texts |= decided.texts
    if not read:
        return None
    ordered = [form for form, _ in read.most_common()]
    kinds = Counter[Kind]()
    for form in ordered:
        kinds[_kind(form)] += read[form]
    kind = kinds.most_common(1)[0][0]
    if kind is Kind.DATE and kinds[Kind.DATETIME] > 0.05 * kinds.total():
        kind = Kind.DATETIME
    return Moments(
        kind,
        read.total(),
        tuple(ordered),
        tuple(read[form] for form in ordered),
        ambiguous,
        undecided,
        "; ".join(dict.fromkeys(evidence)),
        frozenset(texts),
    )


def _kind(form: str) -> Kind:
    if "%H" not in form and "%I" not in form:
        return Kind.DATE
    return Kind.DATETIME if "%d" in form else Kind.TIME


# -- one cell -------------------------------------------------------------------------------------


def _formats(text: str) -> Iterator[str]:
    """All formats that a text may have, as far as its signs tell."""
    if len(text) > 45:
        return
    if text.isdigit() or "T" in text:
        for form, pattern in _EXTRA.items():
            if re.fullmatch(pattern, text) and 1900 <= int(text[:4]) <= 2100:
                yield form
    found = _CELL.fullmatch(text)
    if found is None:
        return
    if found["only"]:
        if found["t_seconds"] or not found["t_fraction"]:
            yield _clock(found, "t_")
        return
    clock = found["between"] + _clock(found, "") if found["clock"] else ""
    for day in _dates(found):
        yield day + clock


def _dates(found: re.Match[str]) -> Iterator[str]:
    if found["a"]:
        sign, first, last = found["sign"], len(found["a"]), len(found["c"])
        if first == 4 and last <= 2:
            yield f"%Y{sign}%m{sign}%d"
        elif first <= 2 and last in (2, 4):
            year = "%Y" if last == 4 else "%y"
            yield f"%d{sign}%m{sign}{year}"
            # Nobody writes 12.31.2024.
            if sign != ".":
                yield f"%m{sign}%d{sign}{year}"
            if sign == "-" and last == first == 2:
                yield "%y-%m-%d"
    elif found["month"]:
        year = "%Y" if len(found["year"]) == 4 else "%y"
        yield f"%d{found['s1']}%b{found['s2']}{year}"
    elif found["lmonth"]:
        yield f"%d{found['ls1']}%B{found['ls2']}%Y"
    elif found["amonth"]:
        yield f"{'%b' if len(found['amonth']) == 3 and found['amonth'].lower() != 'may' else '%B'} %d, %Y"


def _clock(found: re.Match[str], prefix: str) -> str:
    half, zone = found[prefix + "half"], found[prefix + "zone"]
    form = ("%I" if half else "%H") + ":%M"
    form += ":%S" if found[prefix + "seconds"] else ""
    form += "%.f" if found[prefix + "fraction"] else ""
    if half:
        form += " %p" if half[0].isspace() else "%p"
    if zone:
        form += "Z" if zone.upper() == "Z" else (" %z" if zone[0].isspace() else "%z")
    return form


# -- many cells of one look -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Decided:
    read: Counter[str]
    texts: frozenset[str]
    ambiguous: int = 0
    undecided: bool = False
    evidence: str = ""


def _decide(formats: Sequence[str], found: Sequence[tuple[str, int]]) -> _Decided:
    texts, counts = [text for text, _ in found], [count for _, count in found]
    parsed = pl.DataFrame({form: _parsed(texts, form) for form in formats}).with_columns(
        pl.Series("\0count", counts), pl.Series("\0text", texts)
    )
    any_of = pl.any_horizontal(pl.col(form).is_not_null() for form in formats)
    read_texts = frozenset(parsed.filter(any_of)["\0text"])
    weights = {form: int(parsed.filter(pl.col(form).is_not_null())["\0count"].sum()) for form in formats}
    if len(formats) == 1:
        return _Decided(Counter({formats[0]: weights[formats[0]]}), read_texts)
    only = {
        form: int(
            parsed.filter(
                pl.col(form).is_not_null(), *(pl.col(other).is_null() for other in formats if other != form)
            )["\0count"].sum()
        )
        for form in formats
    }
    first, second = sorted(formats, key=lambda form: (-only[form], -weights[form], formats.index(form)))[:2]
    both = parsed.filter(pl.col(first).is_not_null(), pl.col(second).is_not_null())
    ambiguous = int(both.filter(pl.col(first) != pl.col(second))["\0count"].sum())
    if only[second] == 0 and only[first] > 0:
        evidence = f"{only[first]:,} cells can only be {first}, none only {second}"
        return _Decided(Counter({first: weights[first]}), _texts(parsed, first), evidence=evidence)
    if only[second] == 0:
        evidence = f"each cell can be {first} as well as {second}: no day is above 12"
        return _Decided(Counter({first: weights[first], second: 0}), read_texts, ambiguous, True, evidence)
    if only[second] < 0.02 * only[first]:
        evidence = f"{only[first]:,} cells can only be {first}, {only[second]:,} only {second}"
        return _Decided(Counter({first: weights[first]}), _texts(parsed, first), evidence=evidence)
    both_ways = f"{only[first]:,} cells can only be {first}, {only[second]:,} only {second}"
    evidence = f"{both_ways}, {ambiguous:,} can be either"
    read = Counter({first: weights[first], second: only[second]})
    return _Decided(read, read_texts, ambiguous, bool(ambiguous), evidence)


def _texts(parsed: pl.DataFrame, form: str) -> frozenset[str]:
    return frozenset(parsed.filter(pl.col(form).is_not_null())["\0text"])


def _parsed(texts: Sequence[str], form: str) -> pl.Series:
    series = pl.Series(texts, dtype=pl.String)
    if _kind(form) is Kind.DATE:
        return series.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    if _kind(form) is Kind.TIME:
        series, form = "2000-01-01 " + series, "%Y-%m-%d " + form
    moments = series.str.to_datetime(form, strict=False, time_unit="us", ambiguous="null")
    return moments.dt.replace_time_zone(None)
