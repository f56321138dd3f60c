"""Cleans cells as delivered, for the functions of silver tables: trim, null words, numbers, dates.

Each function takes a column's name and returns an expression of text in the form that casts by itself
(`1234.5`, `2024-02-29`). What it can't read it leaves as delivered, so that the rule `castable` of the
contract refuses the row and shows the cell: nothing is guessed, nothing becomes null in silence.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def text(name: str, *, nulls: Sequence[str] = ()) -> pl.Expr:
    """A cell without spaces around it; null where nothing is left, or a word for "not known".

    Args:
        name: The column, of text.
        nulls: The words that stand for "not known", such as `NA` or `-`.
    """
    trimmed = pl.col(name).str.strip_chars()
    return pl.when(~trimmed.is_in(["", *nulls])).then(trimmed).alias(name)
