"""Ways of writing: which of a column's shapes stand on their own, and the regular expression of one."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from etl_assets.profiling.coded import CodedColumn, Codes, Mask
from etl_assets.profiling.lexical import SPREADSHEET_DATE, collapsed, shapes, skeletons

# A way of writing stands on its own from so many rows, of so many different values, on.
ESTABLISHED_ROWS = 5
ESTABLISHED_SHARE = 0.005
ESTABLISHED_VALUES = 3
# A single word among codes that stands for something, such as POST among article numbers.
WORD_SHARE = 0.01
# The main way of writing a quantity with a unit; a code that has lost its prefix is at most so common.
UNIT_SHARE = 0.8
LOST_SHARE = 0.05
# Zero-padded numbers are of one length; so many of them must be.
PADDED_SHARE = 0.95

LETTERS = {"A": r"(\p{Lu}+)", "a": r"([\p{L}--\p{Lu}]+)", "0": r"(\d+)"}
ASCII = {"A": "[A-Z]", "a": "[a-z]", "0": r"\d"}
# What Rust and Python both take for a letter.
ANY_LETTER = {"A": r"[^\W\d_]", "a": r"[^\W\d_]", "0": r"\d"}


def forms(column: CodedColumn) -> pl.Series:
    """Return the collapsed shape of each distinct value."""
    return collapsed(shapes(column.values))


def established(column: CodedColumn, among: Mask, base: Mask) -> tuple[Mask, Mask]:
    """Distinct values written in a way that stands on its own, and those that are another notation of it.

    Args:
        column: The column.
        among: The distinct values to judge.
        base: Those that the column's main way of writing is looked for in.
    """
    exact, total = shapes(column.values), int(column.counts.sum())
    frame = pl.DataFrame(
        {
            "value": column.values,
            "form": collapsed(exact),
            "skeleton": skeletons(exact),
            "rows": column.counts,
            "counted": among & ~_damaged(exact, column.counts, among, base),
        }
    ).with_columns(counted=pl.col("counted") & ~pl.col("value").str.contains(SPREADSHEET_DATE))
    per_form = (
        frame.filter("counted")
        .group_by("form")
        .agg(
            pl.col("rows").sum().alias("form_rows"),
            pl.col("rows").max().alias("most"),
            pl.len().alias("values"),
            pl.col("skeleton").str.len_chars().median().alias("length"),
        )
        .sort("form_rows", "form", descending=[True, False])
    )
    needed = max(ESTABLISHED_ROWS, ESTABLISHED_SHARE * total)
    word = pl.col("most") >= max(ESTABLISHED_ROWS, WORD_SHARE * total)
    stands = (pl.col("form_rows") >= needed) & ((pl.col("values") >= ESTABLISHED_VALUES) | word)
    leading: list[Way] = []
    variants: list[str] = []
    for form, rows, _, _, length in per_form.filter(stands).iter_rows():
        way = Way(form, rows / total, length)
        if any(_variant(column, way, lead) for lead in leading):
            variants.append(form)
        else:
            leading.append(way)
    standing = frame["form"].is_in([way.form for way in leading]) & frame["counted"]
    return standing.to_numpy(), (frame["form"].is_in(variants) & frame["counted"]).to_numpy()


class Way(NamedTuple):
    """A way of writing: its collapsed shape, its share of the rows, its usual count of letters and digits."""

    form: str
    share: float
    length: float


def _variant(column: CodedColumn, way: Way, lead: Way) -> bool:
    """Tell whether one way of writing is but another notation of a commoner one."""
    if _bare(way.form) == _bare(lead.form) and abs(way.length - lead.length) <= 1:
        return True
    runs = re.findall(r"[Aa0]|[^Aa0]+", lead.form)
    for place, run in enumerate(runs):
        lost = "".join(runs[:place] + runs[place + 1 :])
        if (
            run in "Aa"
            and lost == way.form
            and way.share <= LOST_SHARE
            and _constant(column, lead.form, place)
        ):
            return True
    # A number with a unit: what else has digits and letters tells the quantity in another way.
    unit = re.fullmatch(r"0(?:\.0)? ?[Aa]+", lead.form) is not None and lead.share >= UNIT_SHARE
    mixed = "0" in way.form and re.search("[Aa]", way.form) is not None
    return unit and mixed and _constant(column, lead.form, len(runs) - 1)


def _bare(form: str) -> str:
    return re.sub("0+", "0", re.sub("[^Aa0]", "", form).lower())


def _constant(column: CodedColumn, form: str, place: int) -> bool:
    members = column.values.filter(forms(column) == form)
    return _runs(members, form)[place].n_unique() == 1


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


def _runs(members: pl.Series, form: str) -> Sequence[pl.Series]:
    """Split values of one collapsed form into its runs."""
    runs = re.findall(r"[Aa0]|[^Aa0]+", form)
    groups = "".join(LETTERS.get(run, f"({escape(run)})") for run in runs)
    return members.str.extract_groups(f"^{groups}$").struct.unnest().get_columns()


def as_regex(members: pl.Series, form: str, rows: Codes) -> str:
    """Generalise values of one collapsed form: classes with the lengths seen, literals where all agree."""
    runs = re.findall(r"[Aa0]|[^Aa0]+", form)
    return "".join(
        _run(texts, run, rows) if run in ASCII else escape(run)
        for texts, run in zip(_runs(members, form), runs, strict=True)
    )


def escape(text: str) -> str:
    """Quote what has a meaning in regular expressions of Rust and Python."""
    return re.sub(r"([\\.^$*+?()\[\]{}|])", r"\\\1", text)


def _run(texts: pl.Series, run: str, rows: Codes) -> str:
    if run != "0" and texts.n_unique() == 1:
        return escape(str(texts[0]))
    ascii_only = bool(texts.str.contains(r"^[A-Za-z0-9]*$").all())
    name = (ASCII if ascii_only else ANY_LETTER)[run]
    lengths = texts.str.len_chars().to_numpy()
    usual = int(np.bincount(lengths, weights=rows).argmax())
    fixed = lengths == usual
    padded = run == "0" and bool((texts.str.starts_with("0").to_numpy() & fixed).any())
    if fixed.all() or (padded and rows[fixed].sum() >= PADDED_SHARE * rows.sum()):
        return name if usual == 1 else f"{name}{{{usual}}}"
    # Lengths that vary say how far counting has come, not how far it may go.
    return f"{name}+"
