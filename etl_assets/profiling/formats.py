"""How a column's cells are written: the type they cast to, the pattern they follow, and who doesn't."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import polars as pl

from etl_assets.inspection.records import Kind
from etl_assets.profiling.coded import CodedColumn, Codes, Mask
from etl_assets.profiling.lexical import (
    MOMENT,
    SPREADSHEET_DATE,
    collapsed,
    number_pattern,
    shapes,
    skeletons,
)

# A pattern or a type speaks for a column when so much of it keeps it, format variants aside.
COVERED = 0.95
# A way of writing stands on its own from so many rows, of so many different values, on.
ESTABLISHED_ROWS = 5
ESTABLISHED_SHARE = 0.005
ESTABLISHED_VALUES = 3
# A single word among codes that stands for something, such as POST among article numbers.
WORD_SHARE = 0.01
MAX_FORMS = 6


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
    if column.counts[rest].sum() > (1 - COVERED) * total or _established(column, rest, plain).any():
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
    if column.facts is not None and column.facts.leading_zeros:
        return True
    zeros = column.values.str.contains(r"^0\d").to_numpy()
    return bool(column.counts[zeros & plain].sum() > 0)


def _affixed(column: CodedColumn, plain: Mask) -> Mask:
    """Distinct values that are a number with a sign or a unit: another notation of the same quantity."""
    number = number_pattern(column.facts)
    parts = column.values.str.extract_groups(rf"^(\D*?)\s*{number}(\s*[^\d]*)$").struct.unnest()
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
    forms = collapsed(shapes(column.values).str.replace_all(r"[Aa]+", "a"))
    main = _commonest(forms, column.counts, moment)
    keeps = (forms == main).to_numpy() & moment
    if column.counts[keeps].sum() < 0.5 * total:
        return None
    kind = facts.kind if facts and facts.formats else _kind_of(main)
    formats = facts.formats if facts else ()
    pattern = None if formats else f"^{_as_regex(column.values.filter(pl.Series(keeps)), main)}$"
    return Typing(kind, ~keeps, known & ~keeps, formats, pattern)


def _commonest(forms: pl.Series, rows: Codes, among: Mask) -> str:
    tally = pl.DataFrame({"form": forms, "rows": rows}).filter(pl.Series(among))
    tally = tally.group_by("form").agg(pl.col("rows").sum()).sort("rows", "form", descending=[True, False])
    return str(tally["form"][0])


def _kind_of(form: str) -> Kind:
    if ":" not in form:
        return Kind.DATE
    return Kind.TIME if re.match(r"^0:0(:0(\.0)?)?( ?a\.?a?\.?)?$", form) else Kind.DATETIME


@dataclass(frozen=True)
class Pattern:
    """A pattern for a column's cells and the distinct values that don't follow it."""

    pattern: str
    strays: Mask


def pattern(column: CodedColumn, misspelt: Mask) -> Pattern | None:
    """Find the pattern of codes: cells with digits, written in a few ways.

    Args:
        column: The column.
        misspelt: Distinct values that are known to be wrong, so that no pattern is learnt from them.
    """
    total = int(column.counts.sum())
    if len(column.values) < ESTABLISHED_VALUES or total < 20:
        return None
    standing = _established(column, ~misspelt, ~misspelt)
    forms = _forms(column)
    names = sorted(set(forms.filter(pl.Series(standing)).to_list()))
    if not 1 <= len(names) <= MAX_FORMS or column.counts[standing].sum() < COVERED * total:
        return None
    with_digits = (forms.str.contains("0").to_numpy()) & standing
    if column.counts[with_digits].sum() < 0.5 * column.counts[standing].sum():
        return None
    parts = []
    for form in names:
        members = column.values.filter(pl.Series(standing) & (forms == form))
        parts.append(_as_regex(members, form))
    text = parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"
    text = f"^{text}$"
    strays = ~column.values.str.contains(text).to_numpy()
    return Pattern(text, strays)


def _forms(column: CodedColumn) -> pl.Series:
    return collapsed(shapes(column.values))


def _established(column: CodedColumn, among: Mask, base: Mask) -> Mask:
    """Distinct values written in a way that stands on its own: no accident, no other notation.

    Args:
        column: The column.
        among: The distinct values to judge.
        base: Those that the column's main way of writing is looked for in.
    """
    exact, total = shapes(column.values), int(column.counts.sum())
    frame = pl.DataFrame(
        {
            "exact": exact,
            "form": collapsed(exact),
            "skeleton": skeletons(collapsed(exact)).str.replace_all("0+", "0"),
            "rows": column.counts,
            "among": among,
            "damaged": _damaged(exact, column.counts, among, base)
            | column.values.str.contains(SPREADSHEET_DATE).to_numpy(),
        }
    ).with_row_index("place")
    per_form = (
        frame.filter(~pl.col("damaged") & pl.col("among"))
        .group_by("form")
        .agg(
            pl.col("rows").sum().alias("form_rows"),
            pl.col("rows").max().alias("most"),
            pl.len().alias("values"),
            pl.col("skeleton").first(),
        )
    )
    needed = max(ESTABLISHED_ROWS, ESTABLISHED_SHARE * total)
    word = pl.col("most") >= max(ESTABLISHED_ROWS, WORD_SHARE * total)
    stands = (pl.col("form_rows") >= needed) & ((pl.col("values") >= ESTABLISHED_VALUES) | word)
    # Of two notations of the same, the commoner one.
    leads = pl.col("form_rows") == pl.col("form_rows").max().over("skeleton")
    names = per_form.filter(stands & leads)["form"]
    marked = frame["form"].is_in(names.to_list()) & frame["among"] & ~frame["damaged"]
    return marked.to_numpy()


def _damaged(exact: pl.Series, rows: Codes, among: Mask, base: Mask) -> Mask:
    """Distinct values that look like a common shape with characters of another class here and there.

    One such shape may be a kind of its own; several, at different places, are damage.
    """
    tally = pl.DataFrame({"shape": exact, "rows": rows, "base": base, "among": among})
    tally = tally.group_by("shape").agg(pl.col("rows").sum(), pl.col("base").any(), pl.col("among").any())
    tally = tally.sort("rows", "shape", descending=[True, False])
    total = int(rows.sum())
    damaged: set[str] = set()
    models = tally.filter(pl.col("base") & (pl.col("rows") >= max(ESTABLISHED_ROWS, 0.05 * total)))
    for model, model_rows in zip(models["shape"], models["rows"], strict=True):
        same = tally.filter(
            pl.col("among")
            & (pl.col("shape").str.len_chars() == len(model))
            & (pl.col("shape") != model)
            & (pl.col("rows") <= 0.1 * model_rows)
        )["shape"].to_list()
        close = [one for one in same if _differing(one, model) <= max(1, int(0.4 * len(model)))]
        if len(close) >= 3:
            damaged.update(close)
    return exact.is_in(list(damaged)).to_numpy()


def _differing(one: str, other: str) -> int:
    return sum(a != b for a, b in zip(one, other, strict=True))


def _as_regex(members: pl.Series, form: str) -> str:
    """Generalise values of one collapsed form: classes with the lengths seen, literals where all agree."""
    runs = re.findall(r"[Aa0]|[^Aa0]+", form)
    groups = "".join(
        {"A": r"(\p{Lu}+)", "a": r"([\p{L}--\p{Lu}]+)", "0": r"(\d+)"}.get(run, f"({escape(run)})")
        for run in runs
    )
    found = members.str.extract_groups(f"^{groups}$").struct.unnest()
    classes = {"A": "[A-Z]", "a": "[a-z]", "0": r"\d"}
    # What Rust and Python both take for a letter.
    wide = {"A": r"[^\W\d_]", "a": r"[^\W\d_]", "0": r"\d"}
    return "".join(
        _run(found.to_series(place), run, classes, wide) if run in classes else escape(run)
        for place, run in enumerate(runs)
    )


def escape(text: str) -> str:
    """Quote what has a meaning in regular expressions of Rust and Python."""
    return re.sub(r"([\\.^$*+?()\[\]{}|])", r"\\\1", text)


def _run(texts: pl.Series, run: str, classes: dict[str, str], wide: dict[str, str]) -> str:
    texts = texts.drop_nulls()
    if run != "0" and texts.n_unique() == 1:
        return escape(str(texts[0]))
    ascii_only = texts.str.contains(r"^[A-Za-z0-9]*$").all()
    name = classes[run] if ascii_only else wide[run]
    lengths = texts.str.len_chars()
    if not len(texts):
        return f"{name}+"
    least, most = int(lengths.min()), int(lengths.max())  # type: ignore[arg-type]
    if least == most:
        return name if most == 1 else f"{name}{{{most}}}"
    # Lengths that vary say how far counting has come, not how far it may go.
    return f"{name}+"
