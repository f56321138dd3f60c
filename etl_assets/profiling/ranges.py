"""Ranges of numbers and moments, and values that lie outside by far."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from etl_assets.profiling.coded import CodedColumn, Codes, Floats

MIN_ROWS = 50
# Of fewer different figures the distance between two of them says nothing.
MIN_DISTINCT = 10
# Values are outside by mistake when the gap before them is wider than all that is inside, and they are no
# more than this share.
MAX_OUTSIDE_SHARE = 0.05
# With a smaller gap only a few: a cluster beyond a gap is a kind of its own.
MAX_NEAR_SHARE = 0.001
MAX_NEAR = 3
# A last value that comes so many times, and so many times as often as its neighbours, is a code.
MIN_CODE = 5
NEIGHBOURS = 10
# The quantiles, from the end, by which a tail is continued.
UPPER, LOWER = 0.03, 0.1
# Places that are tried, values of the tail that say how far apart values there are.
MAX_TRIED = 1_000
TAIL = 50
# The gap must be this many times the largest among its neighbours, too.
GAP_RATIO = 3
# A family-wise chance of 1 % over the places tried.
ALPHA = 0.01
# Values on the wrong side of zero are sign errors when they are so few and of usual size.
MAX_NEGATIVE = 0.005


@dataclass(frozen=True)
class Range:
    """Bounds and whether values lie outside of them, None where there is no bound."""

    least: float | None
    most: float | None
    outside: bool


def number_range(column: CodedColumn) -> Range | None:
    """Find the range of a column of numbers."""
    figures = column.numbers[~np.isnan(column.numbers)]
    if len(figures) < MIN_ROWS:
        return None
    ordered = np.sort(figures)
    above = below = 0
    # Again without what was found: a code at one end hides what is strewn before it.
    for _ in range(2):
        rest = ordered[below : len(ordered) - above]
        further, lower = outside(rest[::-1]), outside(-rest)
        above, below = above + further, below + lower
    inner = ordered[below : len(ordered) - above]
    if len(np.unique(inner)) < 2:
        return None
    negative = int((inner < 0).sum())
    flipped = negative > 0 and _sign_errors(inner, negative)
    from_zero = flipped or 0 <= inner[0] <= inner[-1] - inner[0]
    least = 0.0 if from_zero else _room(inner[0], inner, -1)
    most = _room(inner[-1], inner, +1)
    if above:
        most = min(most, _between(inner[-1], ordered[-above]))
    if below:
        least = max(least, -_between(-inner[0], -ordered[below - 1]))
    return Range(least, most, bool(above or below or flipped))


def moment_range(column: CodedColumn) -> Range | None:
    """Find the days between which moments lie, if some of them lie far outside."""
    figures = column.moments[~np.isnan(column.moments)]
    if len(figures) < MIN_ROWS:
        return None
    ordered = np.sort(figures)
    above, below = outside(ordered[::-1], logarithmic=False), outside(-ordered, logarithmic=False)
    if not (above or below):
        return None
    inner = ordered[below : len(ordered) - above]
    return Range(inner[0] if below else None, inner[-1] if above else None, True)


def outside(descending: Floats, *, logarithmic: bool = True) -> int:
    """Count how many values at the upper end are cut off from the others.

    If the tail falls exponentially or faster, the distances between neighbours near its end, times their
    rank, are themselves exponential: a gap is compared with what the tail below it leads to expect. On a
    logarithmic scale the same holds of heavy tails, so that a gap must stand out on both.
    """
    values, first = np.unique(-descending, return_index=True)
    if len(values) < MIN_DISTINCT:
        return 0
    size = len(descending)
    scales = [descending]
    if logarithmic:
        middle = float(np.median(descending))
        spread = float(np.subtract(*np.percentile(descending, [75, 25]))) or float(descending.std())
        scales.append(np.arcsinh((descending - middle) / spread))
    found = 0
    few = max(MAX_NEAR, MAX_NEAR_SHARE * size)
    for place, rank in enumerate(first[1 : MAX_TRIED + 1], start=1):
        if rank > max(MAX_OUTSIDE_SHARE * size, few):
            break
        wide = descending[rank - 1] - descending[rank] > descending[rank] - descending[-1]
        countable = wide or rank <= few
        if countable and all(_far(scale[first], scale, place, int(rank)) for scale in scales):
            found = int(rank)
    if not found and _is_code(descending, first):
        return int(first[1])
    return found or _beyond(descending, scales)


def _is_code(descending: Floats, first: Codes) -> bool:
    """Tell whether the last value is a code such as -999: far off, and more often than its neighbours."""
    rows = int(first[1])
    gap = descending[0] - descending[rows]
    off = gap > descending[rows] - float(np.median(descending))
    often = rows >= MIN_CODE and rows > MIN_CODE * float(np.diff(first[1:NEIGHBOURS]).max(initial=1))
    return bool(off and often and rows <= MAX_OUTSIDE_SHARE * len(descending))


def _beyond(descending: Floats, scales: list[Floats]) -> int:
    """Count values strewn far beyond where the bulk leads one to expect the last of them.

    Without a gap: mistakes of several magnitudes fill it. From the distance between two quantiles the tail
    is continued exponentially, on each scale; only what lies beyond all of these fences counts.
    """
    size = len(descending)
    upper, lower = int(UPPER * size), int(LOWER * size)
    if len(np.unique(descending[upper:lower])) < MIN_DISTINCT:
        return 0
    found = size
    for scale in scales:
        rate = (scale[upper] - scale[lower]) / math.log(LOWER / UPPER)
        fence = scale[upper] + rate * (math.log(UPPER * size) + math.log(1 / ALPHA))
        found = min(found, int((scale > fence).sum()))
    if not MAX_NEAR <= found <= upper:
        return 0
    strewn = descending[0] - descending[found - 1] > descending[found] - descending[-1]
    return found if strewn else 0


def _far(steps: Floats, scale: Floats, place: int, rank: int) -> bool:
    """Tell whether the gap above the value of this rank is out of proportion to the tail below it."""
    gap = float(steps[place - 1] - steps[place])
    near = steps[place : place + TAIL]
    largest = float((near[:-1] - near[1:]).max(initial=0.0))
    tail = scale[rank : rank + TAIL + 1]
    expected = float((tail[:-1] - tail[-1]).mean()) if len(tail) > 1 else 0.0
    return gap > GAP_RATIO * largest and rank * (gap - largest) > math.log(MAX_TRIED / ALPHA) * expected


def _sign_errors(inner: Floats, negative: int) -> bool:
    """Tell values of the wrong sign from values around zero: they are as large as the others."""
    if negative > MAX_NEGATIVE * len(inner):
        return False
    positive = inner[inner > 0]
    return len(positive) > 0 and float(np.median(-inner[:negative])) >= float(np.percentile(positive, 25))


def _room(end: float, inner: Floats, direction: int) -> float:
    """A round bound beyond the end: the most extreme value of a sample is not the last there will be."""
    width = float(inner[-1] - inner[0])
    beyond = end + direction * 0.25 * width
    step = 10.0 ** math.floor(math.log10(max(width, 1e-300)))
    return float((math.ceil if direction > 0 else math.floor)(beyond / step) * step)


def _between(end: float, first_outside: float) -> float:
    """A bound between the last value inside and the first outside, round if that is possible."""
    middle = (end + first_outside) / 2
    step = 10.0 ** math.floor(math.log10(max(first_outside - end, 1e-300)))
    rounded = math.floor(middle / step) * step
    return rounded if end <= rounded < first_outside else middle


def as_text(figure: float) -> str:
    """Write a bound as `Decimal` reads it, without an exponent."""
    return f"{Decimal(repr(round(float(figure), 12))).normalize():f}"


def bounds(found: Range) -> Iterator[tuple[str, str]]:
    """Write the bounds of numbers as a rule's parameters."""
    if found.least is not None:
        yield "min_value", as_text(found.least)
    if found.most is not None:
        yield "max_value", as_text(found.most)


def moment_bounds(found: Range, *, day_only: bool) -> Iterator[tuple[str, str]]:
    """Write the bounds of moments as a rule's parameters: ISO dates or datetimes."""
    for name, moment in (("min_value", found.least), ("max_value", found.most)):
        if moment is not None:
            text = str(np.datetime64(int(moment), "s"))
            yield name, text[:10] if day_only else text
