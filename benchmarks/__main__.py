"""Measures one hop and a whole delivery beside plain copies of the same rows: `make benchmark`."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.deliveries import write_deliveries

PARTITION_ROWS = 1_000_000
ROUNDS = 3

# What is compared: ours, its plain copy, the target for the ratio of their times.
PAIRS = {"one hop": ("hop", "copy_bronze", 1.2), "delivery to silver": ("delivery", "copy_delivery", 2.0)}

UNITS = {"k": 1_000, "m": 1_000_000}


@dataclass(frozen=True)
class Shape:
    """How many rows, in how many partitions."""

    rows: int
    partitions: int

    def __str__(self) -> str:
        return f"{self.rows:,} rows in {self.partitions} partition{'s' if self.partitions > 1 else ''}"


def main() -> None:
    arguments = _arguments()
    print(
        f"{os.cpu_count()} cores, {ROUNDS if arguments.rounds is None else arguments.rounds} rounds, medians"
    )
    shapes = [Shape(rows, max(rows // PARTITION_ROWS, 1)) for rows in arguments.rows]
    if shapes[0].partitions > 1 and not arguments.skip_single:
        shapes.insert(1, Shape(arguments.rows[0], 1))
    for shape in shapes:
        with _folder(arguments.folder) as folder:
            write_deliveries(folder / "staging", shape.rows, shape.partitions)
            rounds = arguments.rounds or (ROUNDS if shape.rows <= 10_000_000 else 1)
            _show(shape, [_round(folder) for _ in range(rounds)])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--rows", type=_rows, action="append", help="such as 5m; may be given again (default: 5m)"
    )
    parser.add_argument("--rounds", type=int, help=f"default: {ROUNDS}, 1 beyond 10 million rows")
    parser.add_argument("--folder", type=Path, help="where the data is made up (default: a temporary folder)")
    parser.add_argument("--skip-single", action="store_true", help="leave out the one large partition")
    arguments = parser.parse_args()
    arguments.rows = arguments.rows or [5_000_000]
    return arguments


def _rows(text: str) -> int:
    number, unit = (text[:-1], UNITS[text[-1].lower()]) if text[-1:].lower() in UNITS else (text, 1)
    return int(float(number) * unit)


@contextmanager
def _folder(parent: Path | None) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(dir=parent, prefix="benchmark-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


# -- measuring --------------------------------------------------------------------------------


Side = dict[str, float]


def _round(folder: Path) -> dict[str, Side]:
    """Measure every side once: delivery first, since the hop reads the bronze that it leaves."""
    shutil.rmtree(folder / "home", ignore_errors=True)
    sides = ("delivery", "copy_delivery", "hop", "copy_bronze")
    return {side: _side(side, folder) for side in sides}


def _side(side: str, folder: Path) -> Side:
    shutil.rmtree(folder / "plain", ignore_errors=True)
    os.sync()  # what the side before left to be written must not slow down this one
    command = [sys.executable, "-m", "benchmarks.sides", side, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(done.stderr)
    found: Side = json.loads(done.stdout.splitlines()[-1])
    return found


# -- showing ----------------------------------------------------------------------------------


def _show(shape: Shape, rounds: list[dict[str, Side]]) -> None:
    print(f"\n{shape}")
    print(f"{'':30}{'seconds':>9}{'CPU s':>8}{'rows/s':>12}{'peak RSS':>10}   ratio (CPU)")
    for name, (ours, plain, target) in PAIRS.items():
        _line(f"{name}, plain copy", shape, rounds, plain)
        _line(name, shape, rounds, ours, f"   {_ratio(rounds, ours, plain)}, target {target}")
    parts = {
        part: statistics.median(one["delivery"][part] for one in rounds)
        for part in ("intake", "bronze", "silver")
    }
    print("of a delivery: " + ", ".join(f"{part} {seconds:.2f} s" for part, seconds in parts.items()))


def _line(name: str, shape: Shape, rounds: list[dict[str, Side]], side: str, more: str = "") -> None:
    seconds, cpu, rss = (
        statistics.median(one[side][key] for one in rounds) for key in ("seconds", "cpu", "rss")
    )
    print(f"{name:30}{seconds:9.2f}{cpu:8.2f}{shape.rows / seconds:12,.0f}{rss:7.0f} MB{more}")


def _ratio(rounds: list[dict[str, Side]], ours: str, plain: str) -> str:
    """The median of the rounds' ratios: what disturbs a round disturbs both of its sides."""
    wall, cpu = (
        statistics.median(one[ours][key] / one[plain][key] for one in rounds) for key in ("seconds", "cpu")
    )
    return f"{wall:.2f} ({cpu:.2f})"


if __name__ == "__main__":
    main()
