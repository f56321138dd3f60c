"""Measures suggested rules as an error detector without labels: `make benchmark-errors`.

A cell is an error where the dirty text differs from the clean text; columns correspond by position. What
the suggested rules blame is compared with that: precision, recall and F1 per dataset and column.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from benchmarks.dirt import TABLES
from benchmarks.held_out import HELD_OUT
from etl_assets.inspection.columns import describe_column
from etl_assets.profiling.blame import flagged_cells
from etl_assets.profiling.suggest import suggest

ERRORS = Path(__file__).parents[2] / "shared" / "data" / "errors"
SEEDS = (11, 12, 13)


@dataclass(frozen=True)
class Score:
    """Cells: rightly blamed, wrongly blamed, missed."""

    hits: int
    wrong: int
    missed: int

    def __add__(self, other: Score) -> Score:
        return Score(self.hits + other.hits, self.wrong + other.wrong, self.missed + other.missed)

    @property
    def precision(self) -> float | None:
        return self.hits / (self.hits + self.wrong) if self.hits + self.wrong else None

    @property
    def recall(self) -> float | None:
        return self.hits / (self.hits + self.missed) if self.hits + self.missed else None

    @property
    def f1(self) -> float | None:
        total = 2 * self.hits + self.wrong + self.missed
        return 2 * self.hits / total if total else None

    def __str__(self) -> str:
        figures = "  ".join(_figure(figure) for figure in (self.precision, self.recall, self.f1))
        return f"{figures}  {self.hits:6,} hits {self.wrong:6,} wrong {self.missed:6,} missed"


def _figure(figure: float | None) -> str:
    return "    -" if figure is None else f"{figure:5.3f}"


def main() -> None:
    arguments = _arguments()
    print("precision, recall, F1; an error is a cell whose dirty text differs from the clean text\n")
    csv.field_size_limit(sys.maxsize)
    for folder in arguments.folders or sorted(ERRORS.glob("*/")):
        dirty, clean = (read_cells(folder / f"{kind}.csv") for kind in ("dirty", "clean"))
        without = set(arguments.without or ())
        _show(folder.name, dirty, clean, without)
    if arguments.folders:
        return
    for make in (*TABLES, *HELD_OUT):
        total = clean = Score(0, 0, 0)
        cells = 0
        for seed in SEEDS:
            made = make(seed)
            total += sum(measure(made.dirty, made.clean)[0].values(), Score(0, 0, 0))
            clean += sum(measure(made.clean, made.clean)[0].values(), Score(0, 0, 0))
            cells += made.clean.height * made.clean.width
        kind = "held out" if make in HELD_OUT else "made up"
        print(f"{f'{make.__name__} ({kind})':28} {total}; clean: {clean.wrong / cells:.4%} blamed")


def measure(dirty: pl.DataFrame, clean: pl.DataFrame) -> tuple[dict[str, Score], float]:
    """Return the score of each column, and the seconds that it took."""
    started = time.perf_counter()
    sample = dirty.with_columns(pl.all().replace("", None))
    columns = [describe_column(series.name, series) for series in sample]
    flags = flagged_cells(sample, suggest(sample, columns), columns)
    seconds = time.perf_counter() - started
    return dict(_compared(flags, dirty, clean)), seconds


def _compared(flags: pl.DataFrame, dirty: pl.DataFrame, clean: pl.DataFrame) -> Iterator[tuple[str, Score]]:
    for name, other in zip(dirty.columns, clean.columns, strict=True):
        wrong, blamed = dirty[name].fill_null("") != clean[other].fill_null(""), flags[name]
        yield name, Score((wrong & blamed).sum(), (~wrong & blamed).sum(), (wrong & ~blamed).sum())


def _show(name: str, dirty: pl.DataFrame, clean: pl.DataFrame, without: Iterable[str]) -> None:
    scores, seconds = measure(dirty, clean)
    total = sum(scores.values(), Score(0, 0, 0))
    print(f"{name}: {dirty.height:,} rows x {dirty.width} columns, {seconds:.1f} s")
    for column, score in scores.items():
        if score != Score(0, 0, 0):
            print(f"  {column:28} {score}")
    print(f"  {'all columns':28} {total}")
    for left_out in without:
        if left_out in scores:
            rest = sum((score for column, score in scores.items() if column != left_out), Score(0, 0, 0))
            print(f"  {'all but ' + left_out:28} {rest}")
    print()


def read_cells(path: Path) -> pl.DataFrame:
    """Every cell as text; published benchmarks have loose quotes and short rows."""
    with path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
        header, *rows = csv.reader(file)
    names = [name if name not in header[:n] else f"{name}_{n}" for n, name in enumerate(header)]
    cells = [[*row, *[""] * len(names)][: len(names)] for row in rows if row]
    return pl.DataFrame(cells, schema=dict.fromkeys(names, pl.String), orient="row")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.errors", description=__doc__)
    parser.add_argument("folders", type=Path, nargs="*", help="each with dirty.csv and clean.csv")
    parser.add_argument("--without", action="append", help="a column to leave out of a further total")
    return parser.parse_args()


if __name__ == "__main__":
    main()
