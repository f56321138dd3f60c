"""How a column's cells are written: the type they cast to, the pattern they follow, and who doesn't."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from etl_assets.inspection.records import Kind
from etl_assets.profiling.coded import CodedColumn, Codes, Mask
from etl_assets.profiling.lexical import MOMENT, collapsed, number_pattern, shapes
from etl_assets.profiling.writing import ESTABLISHED_SHARE, as_regex, established

# A pattern or a type speaks for a column when so much of it keeps it, format variants aside.
COVERED = 0.95


@dataclass(frozen=True)
class Typing:
    """The type of a column and the distinct values that are not written in its form.

    Attributes:
        kind: The type.
        formats: strftime formats of moments, the one to keep first.
        pattern: What the cells look like as delivered, for moments without known formats.
        strays: The distinct values of another form.
        mended: Those of them that cleaning can mend: affixes, other formats.
    """

    kind: Kind
    strays: Mask
    mended: Mask
    formats: tuple[str, ...] = ()
    pattern: str | None = None


def typing(column: CodedColumn) -> Typing | None:
    """Find the type of a column that is more than text; None for text and for codes."""
    # Asked again by each rule that speaks of the column.
    if "typing" not in column.found:
        column.found["typing"] = _typing(column)
    found: Typing | None = column.found["typing"]
    return found


def _typing(column: CodedColumn) -> Typing | None:
    total = int(column.counts.sum())
    if not total:
        return None
    return _numbers(column, total) or _moments(column, total)


def _numbers(column: CodedColumn, total: int) -> Typing | None:
    plain = ~np.isnan(column.number_values)
    if column.counts[plain].sum() < 0.5 * total or _is_code(column, plain):
        return None
    affixed = _affixed(column, plain)
    rest = ~plain & ~affixed
    if column.counts[rest].sum() > (1 - COVERED) * total:
        return None
    # Words among numbers are no numbers; other ways to write digits make codes of all of them.
    coded = rest & column.values.str.contains(r"\d").to_numpy()
    if coded.any() and established(column, coded, plain)[0].any():
        return None
    whole = column.values.filter(pl.Series(plain)).str.contains(r"^[+-]?\d+$").to_numpy()
    rows = column.counts[plain]
    # Half a per cent of fractions among whole numbers are accidents of whoever wrote 3 as 3.0.
    kind = Kind.INTEGER if rows[~whole].sum() <= ESTABLISHED_SHARE * rows.sum() else Kind.DECIMAL
    strays = ~plain
    if kind is Kind.INTEGER:
        strays = strays.copy()
        strays[np.flatnonzero(plain)[~whole]] = True
    return Typing(kind, strays, affixed)


def _is_code(column: CodedColumn, plain: Mask) -> bool:
    """Tell zero-padded numbers, all of one length, from figures."""
    lengths = column.values.str.len_chars().to_numpy()
    usual = int(np.bincount(lengths[plain], weights=column.counts[plain]).argmax())
    padded = column.values.str.contains(r"^0\d+$").to_numpy() & (lengths == usual)
    if column.facts is not None and column.facts.kind is Kind.TEXT:
        # Inspection knows by the name, as of an ISBN: digits of one length are its form.
        digits = column.values.str.contains(r"^\d+$").to_numpy() & (lengths == usual)
        if column.counts[digits].sum() >= COVERED * column.counts.sum():
            return True
    return bool((padded & plain).any())


def _affixed(column: CodedColumn, plain: Mask) -> Mask:
    """Distinct values that are a number with a sign or a unit: another notation of the same quantity."""
    if plain.all():
        return ~plain
    number = number_pattern(column.facts)
    parts = column.values.str.extract_groups(rf"^(\D*?)\s*{number}(|\s*[^\d\s].*)$").struct.unnest()
    prefix = parts.to_series(0).str.strip_chars()
    suffix = parts.to_series(1).str.strip_chars()
    spaced = parts.to_series(1).str.starts_with(" ")
    # One letter glued to the digits makes a code, not a unit.
    unit = (suffix != "") & (spaced | ~suffix.str.contains(r"^\p{L}$"))
    sign = (prefix != "") & ~prefix.str.contains(r"\p{L}")
    found = ((unit & (prefix == "")) | (sign & (suffix == ""))).fill_null(False).to_numpy() & ~plain
    affixes = (prefix + "\0" + suffix).str.to_lowercase().filter(pl.Series(found))
    rows = column.counts[found]
    if not len(affixes):
        return found
    tally = pl.DataFrame({"affix": affixes, "rows": rows}).group_by("affix").agg(pl.col("rows").sum())
    common = tally["rows"].sort(descending=True).head(3).sum()
    return found if common >= 0.9 * int(rows.sum()) else np.zeros_like(found)


def _moments(column: CodedColumn, total: int) -> Typing | None:
    facts = column.facts
    known = ~np.isnan(column.moment_values)
    looks = column.values.str.contains(MOMENT).to_numpy()
    moment = known | looks
    if column.counts[moment].sum() < 0.5 * total:
        return None
    lower = column.values.str.to_lowercase()
    forms = collapsed(shapes(lower))
    main = _commonest(forms, column.counts, moment)
    keeps = (forms == main).to_numpy() & moment
    if column.counts[keeps].sum() < 0.5 * total:
        return None
    kind = facts.kind if facts and facts.formats else _kind_of(main)
    formats = facts.formats if facts else ()
    pattern = None
    if not formats:
        pattern = f"^(?i:{as_regex(lower.filter(pl.Series(keeps)), main, column.counts[keeps])})$"
    return Typing(kind, ~keeps, known & ~keeps, formats, pattern)


def _commonest(forms: pl.Series, rows: Codes, among: Mask) -> str:
    tally = pl.DataFrame({"form": forms, "rows": rows}).filter(pl.Series(among))
    tally = tally.group_by("form").agg(pl.col("rows").sum()).sort("rows", "form", descending=[True, False])
    return str(tally["form"][0])


def _kind_of(form: str) -> Kind:
    if ":" not in form:
        return Kind.DATE
    return Kind.TIME if re.match(r"^0:0(:0(\.0)?)?( ?a\.?a?\.?)?$", form) else Kind.DATETIME
