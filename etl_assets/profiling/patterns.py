"""The regular expression that a column of text follows, and who doesn't."""

from __future__ import annotations

import polars as pl

from etl_assets.profiling.coded import CodedColumn, Mask
from etl_assets.profiling.lexical import shapes
from etl_assets.profiling.writing import ESTABLISHED_VALUES, as_regex, established, forms

# A pattern speaks for a column when so much of it keeps it.
COVERED = 0.95
MIN_ROWS = 20
MAX_FORMS = 6
# Forms that everybody knows; so much of a column must be of one for it to be meant.
KNOWN = (r"^[^@\s]+@[^@\s]+\.[^@\s.]+$", r"^https?://\S+$")
KNOWN_SHARE = 0.9
# Codes of letters alone, such as languages and currencies.
MAX_CODE_LETTERS = 4
# Signs that no word of any language has. Where hardly any cell has them, those that do are damaged.
STRANGE = r"[*?#@%^~|<>{}\[\]\\=+!;_$]"
MAX_STRANGE = 0.02


def pattern(column: CodedColumn, misspelt: Mask) -> str | None:
    """Find the pattern of a column's cells.

    Args:
        column: The column.
        misspelt: Distinct values that are known to be wrong, so that no pattern is learnt from them.
    """
    total = int(column.counts.sum())
    if len(column.values) < ESTABLISHED_VALUES or total < MIN_ROWS:
        return None
    return _known(column, total) or _codes(column, misspelt, total) or _words(column, total)


def _known(column: CodedColumn, total: int) -> str | None:
    for form in KNOWN:
        if column.counts[column.values.str.contains(form).to_numpy()].sum() >= KNOWN_SHARE * total:
            return form
    return None


def _codes(column: CodedColumn, misspelt: Mask, total: int) -> str | None:
    """Cells with digits, or of a few letters, written in a few ways."""
    letters = _letter_code(column, total)
    if letters is not None:
        return letters
    standing, variants = established(column, ~misspelt, ~misspelt)
    form_of = forms(column)
    names = sorted(set(form_of.filter(pl.Series(standing)).to_list()))
    if not 1 <= len(names) <= MAX_FORMS or column.counts[standing | variants].sum() < COVERED * total:
        return None
    with_digits = form_of.str.contains("0").to_numpy() & standing
    if column.counts[with_digits].sum() < 0.5 * column.counts[standing].sum():
        return None
    parts = []
    for form in names:
        members = standing & (form_of == form).to_numpy()
        parts.append(as_regex(column.values.filter(pl.Series(members)), form, column.counts[members]))
    return f"^{parts[0]}$" if len(parts) == 1 else f"^(?:{'|'.join(parts)})$"


def _letter_code(column: CodedColumn, total: int) -> str | None:
    exact = shapes(column.values)
    tally = pl.DataFrame({"shape": exact, "rows": column.counts}).group_by("shape")
    best = tally.agg(pl.col("rows").sum(), pl.len()).sort("rows", "shape", descending=[True, False]).row(0)
    shape, rows, values = str(best[0]), int(best[1]), int(best[2])
    is_code = set(shape) in ({"A"}, {"a"}) and len(shape) <= MAX_CODE_LETTERS
    if not is_code or values < ESTABLISHED_VALUES or rows < COVERED * total:
        return None
    members = (exact == shape).to_numpy()
    return f"^{as_regex(column.values.filter(pl.Series(members)), shape[0], column.counts[members])}$"


def _words(column: CodedColumn, total: int) -> str | None:
    """Words without signs that no word has."""
    strange = column.values.str.contains(STRANGE).to_numpy()
    rows = int(column.counts[strange].sum())
    plain = column.values.str.contains("^[\\p{L}\\s.,'\u2019&/()-]+$").to_numpy()
    if not 0 < rows <= MAX_STRANGE * total or column.counts[plain].sum() < COVERED * total:
        return None
    return STRANGE.replace("[", "^[^", 1) + "*$"
