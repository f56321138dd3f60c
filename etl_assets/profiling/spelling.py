"""Misspellings: rare values that are written almost like a frequent one of the same column."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from etl_assets.profiling.coded import CodedColumn, Codes, Floats, Mask
from etl_assets.profiling.lexical import templates

# A value is established from so many rows on, and so many times as frequent as its misspelling.
ESTABLISHED_ROWS = 5
RATIO = 10
# A misspelling that makes up more of the column is a value of its own.
MAX_SHARE = 0.02
# Where established values are so often alike, likeness says nothing: codes, surnames.
MAX_ALIKE = 0.1
# Distinct values that are compared: the most frequent ones as models, the rarest as suspects.
MAX_MODELS = 1_000
MAX_SUSPECTS = 5_000


def misspellings(column: CodedColumn, trusted: Mask) -> Mapping[str, str]:
    """Return misspelt values with what each was probably meant as.

    Numbers inside values are not compared: `ward 7` is no misspelling of `ward 1`.

    Args:
        column: The column.
        trusted: Distinct values that a dependency vouches for.
    """
    if not len(column.values):
        return {}
    forms = pl.DataFrame(
        {
            "form": templates(column.values),
            "rows": column.counts,
            "trusted": trusted,
            "value": column.values,
        }
    )
    forms = forms.group_by("form", maintain_order=True).agg(
        pl.col("rows").sum(),
        pl.col("trusted").any(),
        pl.col("value"),
        pl.col("value").sort_by("rows", descending=True).first().alias("usual"),
    )
    forms = forms.filter(pl.col("form").str.len_chars() >= 3).sort("rows", "form", descending=[True, False])
    total = int(column.counts.sum())
    models = forms.filter(pl.col("rows") >= ESTABLISHED_ROWS).head(MAX_MODELS)
    most = max(2.0, MAX_SHARE * total)
    suspects = forms.filter(~pl.col("trusted") & (pl.col("rows") <= most)).tail(MAX_SUSPECTS)
    if not (len(models) and len(suspects)) or _alike(models) > MAX_ALIKE:
        return {}
    result = {}
    for suspect, model in _matches(suspects, models):
        meant = str(models["usual"][model])
        for value in suspects["value"][suspect]:
            result[str(value)] = meant
    return result


def _alike(models: pl.DataFrame) -> float:
    """Share of these values that are written almost like another one and are no slips themselves."""
    slips = [suspect for suspect, _ in _matches(models, models)]
    true = models.with_row_index().filter(~pl.col("index").is_in(slips))["form"].to_list()
    near = _near(true, true)
    pairs = [(i, j) for i, j in zip(*np.nonzero(near), strict=True) if i < j and slip(true[i], true[j])]
    return len({one for pair in pairs for one in pair}) / max(len(true), 1)


def _matches(suspects: pl.DataFrame, models: pl.DataFrame) -> list[tuple[int, int]]:
    texts, model_texts = suspects["form"].to_list(), models["form"].to_list()
    near = _near(texts, model_texts)
    rows: Codes = suspects["rows"].to_numpy()
    enough = models["rows"].to_numpy()[None, :] >= RATIO * rows[:, None]
    found: dict[int, int] = {}
    for suspect, model in zip(*np.nonzero(near & enough), strict=True):
        if suspect not in found and slip(texts[suspect], model_texts[model]):
            found[int(suspect)] = int(model)
    return list(found.items())


def _near(left: list[str], right: list[str]) -> Mask:
    lengths: Floats = np.array([len(text) for text in left], dtype=float)
    limit = np.maximum(1, np.floor(lengths * 0.25))
    distances = cdist(left, right, scorer=OSA.distance, score_cutoff=int(limit.max()), dtype=np.uint16)
    near: Mask = (distances > 0) & (distances <= limit[:, None])
    return near


def slip(text: str, model: str) -> bool:
    """Tell whether a text may be a slip of the pen for a model: word by word only a letter or two differ."""
    words, model_words = text.split(), model.split()
    if len(words) != len(model_words):
        # A lost, doubled or overwritten space.
        return len(model) >= 8 and OSA.distance(text, model) <= max(1, int(0.12 * len(model)))
    different = [(one, other) for one, other in zip(words, model_words, strict=True) if one != other]
    return all(_word_slip(one, other) for one, other in different)


def _word_slip(word: str, model: str) -> bool:
    length = max(len(word), len(model))
    return length >= 3 and OSA.distance(word, model) <= (1 if length < 8 else 2)
