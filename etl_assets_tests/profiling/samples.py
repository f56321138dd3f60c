"""Samples with known laws for the tests of profiling."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import polars as pl

from etl_assets.inspection.columns import describe_column
from etl_assets.inspection.records import Column
from etl_assets.profiling.blame import flagged_cells
from etl_assets.profiling.records import Suggestion, SuggestionKind
from etl_assets.profiling.suggest import Suggestions, suggest


def described(sample: pl.DataFrame) -> list[Column]:
    return [describe_column(series.name, series) for series in sample]


def suggested(sample: pl.DataFrame, **given: Any) -> Suggestions:
    return suggest(sample, described(sample), **given)


def flagged(sample: pl.DataFrame) -> set[tuple[str, int]]:
    """The cells that the suggested rules blame, as column and row."""
    flags = flagged_cells(sample, suggested(sample), described(sample))
    assert flags.columns == sample.columns
    assert flags.height == sample.height
    return {(name, int(row)) for name in flags.columns for row in flags[name].arg_true()}


def of_kind(found: Iterable[Suggestion], kind: SuggestionKind, *columns: str) -> list[Suggestion]:
    return [one for one in found if one.kind is kind and (not columns or one.columns == columns)]


def the(found: Iterable[Suggestion], kind: SuggestionKind, *columns: str) -> Suggestion:
    matching = of_kind(found, kind, *columns)
    assert len(matching) == 1, [(one.kind, one.columns) for one in found]
    return matching[0]


def dependents(found: Iterable[Suggestion]) -> dict[tuple[str, ...], list[str]]:
    return {
        one.columns: sorted(one.parameters["dependents"]) for one in of_kind(found, SuggestionKind.DEPENDENCY)
    }


def places(rows: int = 1_200, seed: int = 0) -> pl.DataFrame:
    """Codes that tell town and region, among columns that tell nothing."""
    random = np.random.default_rng(seed)
    towns = ["Ashford", "Birnam", "Coldwater", "Drayton", "Eastwick", "Fairview", "Grimsby", "Holloway"] * 3
    regions = ["North", "South", "East", "West"]
    code = random.integers(24, size=rows)
    return pl.DataFrame(
        {
            "code": [f"{place + 1:05d}" for place in code],
            "town": [towns[place] for place in code],
            "region": [regions[place % 8 % 4] for place in code],
            "amount": [f"{figure:.2f}" for figure in random.gamma(2, 30, rows)],
            "grade": random.choice(["low", "middle", "high"], rows).tolist(),
        }
    )


def spoilt(sample: pl.DataFrame, column: str, cells: dict[int, str | None]) -> pl.DataFrame:
    """The sample with other cells in some rows."""
    values = sample[column].to_list()
    for row, cell in cells.items():
        values[row] = cell
    return sample.with_columns(pl.Series(column, values, dtype=pl.String))
