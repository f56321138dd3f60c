"""How cells are written: numbers, moments, templates, shapes. Expressions over distinct values."""

from __future__ import annotations

import re

import polars as pl

from etl_assets.inspection.records import Column, Kind

# Shapes of moments, for columns in which inspection was not asked.
DATE = r"(?:\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}|\d{1,2}[- ]\p{L}{3,9}[- ,]+\d{2,4}|\p{L}{3,9} \d{1,2},? \d{4})"
TIME = r"\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[aApP]\.?[mM]\.?)?"
MOMENT = rf"^(?:{DATE}|{TIME}|{DATE}[T ,]+{TIME}(?:Z|[+-]\d\d:?\d\d)?|{TIME}[ ,]+{DATE})$"

# What a spreadsheet makes of `3-12` or `1998-12`.
SPREADSHEET_DATE = (
    r"^(?i:\d{1,4}-(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)"
    r"|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)-\d{1,4})$"
)

SECONDS = 1_000_000


def number_pattern(facts: Column | None) -> str:
    """Return the pattern of a whole number cell, with the column's decimal sign and thousands sign."""
    decimal = re.escape(facts.decimal if facts else ".")
    digits = r"\d+"
    if facts and facts.thousands:
        digits = rf"(?:\d{{1,3}}(?:{re.escape(facts.thousands)}\d{{3}})+|\d+)"
    return rf"[+-]?(?:{digits}(?:{decimal}\d*)?|{decimal}\d+)(?:[eE][+-]?\d+)?"


def number_text(values: pl.Series, facts: Column | None) -> pl.Series:
    """Each value in the form that casts to a number, null where it is no number as it stands."""
    plain = values.str.contains(rf"^{number_pattern(facts)}$")
    text = values
    if facts and facts.thousands:
        text = text.str.replace_all(facts.thousands, "", literal=True)
    if facts and facts.decimal != ".":
        text = text.str.replace_all(facts.decimal, ".", literal=True)
    return pl.select(pl.when(plain).then(text)).to_series()


def parse_moments(values: pl.Series, facts: Column | None) -> pl.Series:
    """Seconds since 1970 by the formats that inspection found, the commonest first; null where none fits."""
    if facts is None or facts.kind not in (Kind.DATE, Kind.DATETIME, Kind.TIME) or not facts.formats:
        return pl.Series(values.name, [None] * len(values), dtype=pl.Float64)
    if facts.kind is Kind.TIME:
        parsed = [values.str.to_time(form, strict=False).cast(pl.Int64) / 1e9 for form in facts.formats]
    else:
        # %F and time of day only parse into their own types.
        parsed = [_seconds(values, form) for form in facts.formats]
    return pl.select(pl.coalesce(parsed)).to_series()


def _seconds(values: pl.Series, form: str) -> pl.Series:
    if re.search(r"%[HIMSTRXf]", form):
        moment = values.str.to_datetime(form, strict=False, time_unit="us")
        return moment.dt.replace_time_zone(None).cast(pl.Int64) / SECONDS
    return values.str.to_date(form, strict=False).cast(pl.Int64).cast(pl.Float64) * 86_400.0


def templates(values: pl.Series) -> pl.Series:
    """Each value with every number in it written `0`: what is left tells misspellings from counting."""
    return values.str.replace_all(r"\d+", "0")


def shapes(values: pl.Series) -> pl.Series:
    """Each value with letters as `a` or `A` and digits as `0`, one for one."""
    return (
        values.str.replace_all(r"\p{Lu}", "A")
        .str.replace_all(r"[\p{L}--\p{Lu}]", "a")
        .str.replace_all(r"\d", "0")
    )


def collapsed(shape: pl.Series) -> pl.Series:
    """Each shape with every run of one class written once."""
    return shape.str.replace_all(r"A+", "A").str.replace_all(r"a+", "a").str.replace_all(r"0+", "0")


def skeletons(shape: pl.Series) -> pl.Series:
    """Each shape without case and signs: `00-00` and `0000` tell the same in two notations."""
    return shape.str.replace_all(r"[^Aa0]", "").str.to_lowercase()
