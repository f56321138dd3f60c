"""Ranges of numbers and moments, and values that lie outside by far."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

import numpy as np

from etl_assets.profiling.coded import CodedColumn, Floats

MIN_ROWS = 50
# Of fewer different figures the distance between two of them says nothing.
MIN_DISTINCT = 10
# The most values on one side that are outside rather than part of it: a share, and at least a few.
MAX_OUTSIDE_SHARE = 0.005
MAX_OUTSIDE = 100
# Values of the tail below a gap that say how far apart values there are.
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
    above, below = outside(ordered[::-1]), outside(-ordered)
    inner = ordered[below : len(ordered) - above]
    if not len(inner) or len(np.unique(inner)) < 2:
        return None
    negative = int((inner < 0).sum())
    flipped = negative > 0 and _sign_errors(inner, negative)
    least = 0.0 if inner[0] >= 0 or flipped else _room(inner[0], inner, -1)
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
    size = len(descending)
    most = min(max(3, int(MAX_OUTSIDE_SHARE * size)), MAX_OUTSIDE, size // 4)
    if len(np.unique(descending)) < MIN_DISTINCT:
        return 0
    scales = [descending]
    if logarithmic:
        middle = float(np.median(descending))
        spread = float(np.subtract(*np.percentile(descending, [75, 25]))) or float(descending.std())
        scales.append(np.arcsinh((descending - middle) / spread))
    cut = np.logical_and.reduce([_gaps(scale, most) for scale in scales])
    places = np.flatnonzero(cut)
    return int(places[-1]) + 1 if len(places) else 0


def _gaps(scale: Floats, most: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    result = np.zeros(most, dtype=bool)
    for rank in range(1, most + 1):
        gap = scale[rank - 1] - scale[rank]
        if gap <= 0:
            continue
        tail = scale[rank : rank + TAIL + 1]
        expected = float((tail[:-1] - tail[-1]).mean())
        steps = -np.diff(np.unique(scale[rank : rank + 4 * TAIL])[::-1][:TAIL])
        largest = float(steps.max(initial=0))
        far = rank * (gap - largest) > math.log(most / ALPHA) * expected
        result[rank - 1] = far and gap > GAP_RATIO * largest
    return result


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
    return f"{Decimal(repr(round(figure, 12))).normalize():f}"


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
