"""Reads cells as delivered, for the functions of silver tables: trim, null words, numbers, dates.

Each function takes a column's name and returns an expression of text in canonical form (`1234.5`,
`2024-02-29`), which the contract casts. What it can't read it leaves as delivered, so that the rule
`castable` refuses the row and shows the cell: nothing is guessed, nothing becomes null in silence. Where
such a cell would be taken for something else later on (`1.5` where the decimal sign is a comma), it gets
a `?` in front; in quarantine it stands as it was delivered.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Sequence

import polars as pl

__all__ = ["boolean", "date", "moment", "number", "text", "time"]

_CANONICAL_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
_CANONICAL_MOMENT = r"^[+-]?[0-9]+-[0-9]+-[0-9]+"
_CANONICAL_TIME = r"^[0-9]+:[0-9]+:[0-9]+"
_TRUTH = r"(?i)^(true|t|yes|y|1|false|f|no|n|0)$"

# Signs that people don't tell from one another.
_ALIKE = {" ": " \u00a0\u202f\u2009", "'": "'\u2019"}

_DIGITS = {"Y": "[0-9]{4}", "y": "[0-9]{2}", "f": "[0-9]{1,9}", "j": "[0-9]{3}"}
_DIGITS |= dict.fromkeys("mdHMSI", "[0-9]{1,2}")
_DIRECTIVE = re.compile(r"%(?:\.f|-?.)")


def text(name: str, *, nulls: Sequence[str] = ()) -> pl.Expr:
    """A cell without spaces around it; null where nothing is left, or a word for "not known".

    Args:
        name: The column, of text.
        nulls: The words that stand for "not known", such as `NA` or `-`.
    """
    trimmed = pl.col(name).str.strip_chars()
    return pl.when(~trimmed.is_in(["", *nulls])).then(trimmed).alias(name)


def number(
    name: str,
    *,
    decimal: str = ".",
    thousands: str | None = None,
    prefix: str = "",
    suffix: str = "",
    nulls: Sequence[str] = (),
) -> pl.Expr:
    """A number in the form `-1234.5`, however it is written.

    Groups of digits must have three digits each: with `thousands="."` the cell `1.234` is 1234, and
    `1.5` is no number. A minus may also stand behind, as SAP writes it: `12,50-`.

    Args:
        name: The column, of text.
        decimal: The sign before the decimals.
        thousands: The sign between groups of three digits; a number without any is read as well. A
            space stands for all kinds of spaces, an apostrophe for both kinds.
        prefix: What may stand before the number, such as `€`; spaces around it don't count.
        suffix: What may stand behind it, such as `kg`.
        nulls: The words that stand for "not known".

    Example:
        number("Betrag", decimal=",", thousands=".", suffix="€", nulls=["-"])
    """
    if decimal == thousands or len(decimal) != 1 or (thousands is not None and len(thousands) != 1):
        raise ValueError(f"decimal {decimal!r} and thousands {thousands!r} must be two different characters")
    cell = text(name, nulls=nulls)
    bare = _without(cell, prefix, suffix)
    grouped = _one_of(thousands) if thousands else None
    whole = f"(?:[0-9]+|[0-9]{{1,3}}(?:{grouped}[0-9]{{3}})+)" if grouped else "[0-9]+"
    point = re.escape(decimal)
    form = rf"^[+-]?\s*(?:{whole}(?:{point}[0-9]+)?|{point}[0-9]+)(?:[eE][+-]?[0-9]+)?-?$"
    digits = bare.str.replace_all(grouped, "") if grouped else bare
    # One sign in front, at most: "-5-" is nothing.
    readable = bare.str.contains(form) & ~bare.str.contains("^[+-].*-$")
    canonical = (
        digits.str.replace(point, ".")
        .str.replace(r"^(.*)-$", "-$1")
        .str.replace(r"^([+-]?)\s+", "$1")
        .str.strip_prefix("+")
        .str.replace(r"^(-?)\.", "${1}0.")
    )
    return _read(cell, pl.when(readable).then(canonical), _CANONICAL_NUMBER).alias(name)


def date(name: str, *formats: str, nulls: Sequence[str] = ()) -> pl.Expr:
    """A date in the form `2024-02-29`.

    Args:
        name: The column, of text.
        *formats: How dates are written, as strftime formats such as `%d.%m.%Y`. A cell that two of them
            read as different dates is left as delivered, as is one whose time of day is not midnight.
        nulls: The words that stand for "not known".
    """
    cell = text(name, nulls=nulls)
    moments = _agreed(cell, formats or ("%Y-%m-%d",))
    midnight = pl.when(moments == moments.dt.truncate("1d")).then(moments.dt.strftime("%Y-%m-%d"))
    return _read(cell, midnight, _CANONICAL_MOMENT).alias(name)


def moment(name: str, *formats: str, nulls: Sequence[str] = ()) -> pl.Expr:
    """A date and time in the form `2024-02-29 13:45:00`; in UTC where a format has an offset (`%z`).

    Args:
        name: The column, of text.
        *formats: As in `date`, such as `%d.%m.%Y %H:%M`. All of them have an offset, or none.
        nulls: The words that stand for "not known".
    """
    cell = text(name, nulls=nulls)
    moments = _agreed(cell, formats or ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"))
    return _read(cell, moments.dt.strftime("%Y-%m-%d %H:%M:%S%.f"), _CANONICAL_MOMENT).alias(name)


def time(name: str, *formats: str, nulls: Sequence[str] = ()) -> pl.Expr:
    """A time of day in the form `13:45:00`.

    Args:
        name: The column, of text.
        *formats: How times are written, such as `%H:%M` or `%I:%M %p`.
        nulls: The words that stand for "not known".
    """
    cell = text(name, nulls=nulls)
    dated = [f"%Y-%m-%d {form}" for form in formats or ("%H:%M:%S",)]
    moments = _agreed(pl.lit("2000-01-01 ") + cell, dated)
    return _read(cell, moments.dt.strftime("%H:%M:%S"), _CANONICAL_TIME).alias(name)


def boolean(name: str, *, true: Sequence[str], false: Sequence[str], nulls: Sequence[str] = ()) -> pl.Expr:
    """`true` or `false`, whatever the words for it; upper and lower case are the same.

    Args:
        name: The column, of text.
        true: The words for yes.
        false: The words for no.
        nulls: The words that stand for "not known".
    """
    cell = text(name, nulls=nulls)
    word = cell.str.to_lowercase()
    yes, no = ([one.lower() for one in words] for words in (true, false))
    if both := sorted({*yes} & {*no}):
        raise ValueError(f"{both[0]!r} can't mean yes and no")
    read = pl.when(word.is_in(yes)).then(pl.lit("true")).when(word.is_in(no)).then(pl.lit("false"))
    return _read(cell, read, _TRUTH).alias(name)


# -- what they share ------------------------------------------------------------------------------


def _read(cell: pl.Expr, read: pl.Expr, looks_canonical: str) -> pl.Expr:
    """What was read; else the cell, marked where it would pass for canonical."""
    marked = pl.when(cell.str.contains(looks_canonical)).then(pl.lit("?") + cell).otherwise(cell)
    return pl.coalesce(read, marked)


def _without(cell: pl.Expr, prefix: str, suffix: str) -> pl.Expr:
    """The cell without what may stand around its number; a sign may come before the prefix."""
    before, behind = prefix.strip(), suffix.strip()
    if before:
        cell = cell.str.replace(rf"^([+-]?)\s*{re.escape(before)}\s*", "$1")
    if behind:
        cell = cell.str.replace(rf"\s*{re.escape(behind)}$", "")
    return cell


def _one_of(sign: str) -> str:
    return "[" + re.escape(_ALIKE.get(sign, sign)) + "]"


def _agreed(cell: pl.Expr, formats: Sequence[str]) -> pl.Expr:
    """The moment that the formats read, null where none does or two disagree."""
    if len({_has_offset(form) for form in formats}) > 1:
        raise ValueError("some of the formats have an offset (%z), some have none")
    moments = [_parsed(cell, form) for form in formats]
    first = pl.coalesce(moments)
    differ = functools.reduce(operator.or_, ((one != first).fill_null(False) for one in moments))
    return pl.when(~differ).then(first)


def _parsed(cell: pl.Expr, form: str) -> pl.Expr:
    # Polars reads the 24 of "1.2.24" as the year 24 where the format has %Y.
    written = pl.when(cell.str.contains(_shape(form))).then(cell)
    if not re.search(r"%-?[HIMSTR]", form):
        return written.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    if "%z" in form:
        zoned = written.str.replace("Z$", "+00:00").str.to_datetime(form, time_unit="us", strict=False)
        return zoned.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return written.str.to_datetime(form, time_unit="us", strict=False)


def _has_offset(form: str) -> bool:
    return "%z" in form or form.endswith("Z")


@functools.lru_cache(maxsize=256)
def _shape(form: str) -> str:
    """A regular expression of what a strftime format describes: how many digits where."""
    out, position = "", 0
    for token in _DIRECTIVE.finditer(form):
        out += re.escape(form[position : token.start()])
        letter = token[0].lstrip("%-")
        out += r"(?:\.[0-9]{1,9})?" if letter == ".f" else _DIGITS.get(letter, ".+?")
        position = token.end()
    return f"^{out}{re.escape(form[position:])}$"
