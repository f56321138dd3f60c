from __future__ import annotations

import gzip
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from etl_assets.datasets.flights import DATASET as FLIGHTS_DATASET
from etl_assets_tests.cli import shop
from etl_assets_tests.cli.conftest import Dq, data, use
from etl_assets_tests.cli.test_exit_codes import loaded_by
from etl_assets_tests.datasets.folders import SETTINGS, SILVER, write_dataset, write_settings

DAY = shop.GOOD
COUNTS = ("rows_in", "accepted", "quarantined", "duplicates", "unreadable", "score", "dimensions", "verdicts")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [*shop.lines(DAY, 40), shop.line(3, DAY), shop.line(91, DAY, quantity="0")]
    return shop.deliver(tmp_path / "downloads", f"{DAY}.csv", rows)


def everything_below(folder: Path) -> dict[str, tuple[int, int]]:
    found: Iterator[Path] = folder.rglob("*")
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in found if path.is_file()}


def tables(told: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{one['layer']}/{one['table']}": one for one in told["tables"]}


# -- the same as a run ------------------------------------------------------------------------


def odd_day(seed: int) -> list[str]:
    """A day of which every row is a little odd in a way of its own."""
    choose = random.Random(seed)
    rows = shop.lines(DAY, 60)
    for _ in range(choose.randint(0, 6)):
        number = choose.randrange(60)
        rows.append(
            choose.choice(
                [
                    shop.line(number, DAY),  # as delivered before
                    shop.line(number, "2011-05-05"),  # of another day
                    shop.line(100 + number, DAY, quantity="0"),
                    shop.line(200 + number, DAY, quantity="many"),
                    shop.line(300 + number, DAY, customer=""),
                    shop.line(400 + number, DAY) + ",a cell too many",
                    shop.line(500 + number, DAY).replace("2.55", "5000"),
                    shop.line(600 + number, DAY).replace("A LAMP", '"A LAMP\nwith two lines"'),
                ]
            )
        )
    choose.shuffle(rows)
    return rows


@pytest.mark.parametrize("seed", range(6))
def test_it_says_what_building_the_file_comes_to(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dq: Dq
) -> None:
    use(monkeypatch, tmp_path / "home")
    file = shop.deliver(tmp_path / "downloads", f"{DAY}.csv", odd_day(seed))
    tried = data(dq("try", "retail", str(file), "--json", "--limit", "1000"))
    assert not (tmp_path / "home").exists()

    shop.deliver(tmp_path / "home" / "staging" / "retail", f"{DAY}.csv", odd_day(seed))
    shop.build(tmp_path / "home")
    status = {f"{one['layer']}/{one['table']}": one for one in data(dq("status", "retail", "--json"))}
    held = {name for name, one in status.items() if one["gates_closed"]}
    assert {name for name, one in tables(tried).items() if one["held"]} == held
    assert tried["would_publish"] == (not held)
    for name, one in tables(tried).items():
        if name in held:
            assert one["held"] == status[name]["held"]
            continue
        assert {key: one[key] for key in COUNTS} == {key: status[name][key] for key in COUNTS}
        assert one["broken_rules"] == status[name]["broken_rules"]

    refused = data(dq("quarantine", "list", "retail", "--json", "--limit", "1000"))["rows"]
    refused += data(dq("quarantine", "list", "retail", "--held", "--json", "--limit", "1000"))["rows"]
    assert sorted(map(essence, tried["rows"])) == sorted(map(essence, refused))


def essence(row: dict[str, Any]) -> str:
    return str([row[name] for name in ("table", "partition", "line", "reasons", "row", "raw")])


@pytest.mark.slow
def test_it_says_what_dq_run_comes_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dq: Dq) -> None:
    use(monkeypatch, tmp_path / "home")
    rows = [*shop.lines(DAY, 40), shop.line(3, DAY), shop.line(91, DAY, quantity="0")]
    file = shop.deliver(tmp_path / "home" / "staging" / "retail", f"{DAY}.csv", rows)
    tried = data(dq("try", "retail", str(file), "--json"))
    built = tables(data(dq("run", "retail", "--json")))
    assert {*tables(tried)} == {*built} - {"gold/customer_rfm"}
    assert [one["table"] for one in tried["not_built"]] == ["gold/customer_rfm"]
    for name, one in tables(tried).items():
        assert {key: one[key] for key in COUNTS} == {key: built[name][key] for key in COUNTS}


# -- without a trace --------------------------------------------------------------------------


def test_nothing_is_changed_and_nothing_is_made(own_home: Path, file: Path, tmp_path: Path, dq: Dq) -> None:
    before = everything_below(tmp_path)
    assert dq("try", "retail", str(file)).exit_code == 0
    assert everything_below(tmp_path) == before


def test_no_home_is_made(empty_home: Path, file: Path, dq: Dq) -> None:
    assert dq("try", "retail", str(file)).exit_code == 0
    assert not empty_home.exists()


def test_it_needs_neither_dagster_nor_a_database(file: Path, tmp_path: Path) -> None:
    heavy = ("dagster", "sqlalchemy", "alembic")
    assert loaded_by(tmp_path / "home", f"['try', 'retail', {str(file)!r}]", *heavy) == []


# -- what is shown ----------------------------------------------------------------------------


def test_broken_rows_come_with_line_cells_and_reasons(empty_home: Path, file: Path, dq: Dq) -> None:
    told = dq("try", "retail", str(file)).stdout
    assert "quantity.not_equal_to" in told
    assert " 43 " in told
    assert "A LAMP" in told
    assert "a run would publish 5 tables" in told
    (row,) = data(dq("try", "retail", str(file), "--json"))["rows"]
    assert (row["table"], row["line"], row["reasons"]) == ("silver/sales", 43, ["quantity.not_equal_to"])
    assert row["row"]["Quantity"] == "0"


def test_personal_values_are_never_shown(empty_home: Path, tmp_path: Path, dq: Dq) -> None:
    rows = [
        *shop.lines(DAY, 60),
        shop.line(91, DAY, quantity="0"),
        shop.line(92, DAY) + ",a cell too many",
        shop.line(93, DAY, quantity=shop.HOSTILE),
    ]
    file = shop.deliver(tmp_path, f"{DAY}.csv", rows)
    for arguments in (("try", "retail", str(file)), ("try", "retail", str(file), "--json")):
        told = dq(*arguments)
        assert shop.CANARY not in told.output
        assert "***" in told.stdout
        assert "\x1b" not in told.stdout


def test_the_limit_is_said(empty_home: Path, tmp_path: Path, dq: Dq) -> None:
    rows = [*shop.lines(DAY, 100), *(shop.line(200 + n, DAY, quantity="0") for n in range(4))]
    file = shop.deliver(tmp_path, f"{DAY}.csv", rows)
    told = data(dq("try", "retail", str(file), "--json", "--limit", "3"))
    assert len(told["rows"]) == 3
    assert told["more"]
    assert data(dq("try", "retail", str(file), "--json", "--limit", "0"))["rows"] == []


# -- exit codes -------------------------------------------------------------------------------


def test_a_gate_that_would_close_is_exit_code_1(empty_home: Path, tmp_path: Path, dq: Dq) -> None:
    rows = [*shop.lines(DAY, 5), *(shop.line(50 + n, DAY, quantity="none") for n in range(5))]
    result = dq("try", "retail", str(shop.deliver(tmp_path, f"{DAY}.csv", rows)))
    assert result.exit_code == 1
    assert "the gate of silver/sales would close: 5 of 10 rows (50.0%)" in result.stdout
    assert "not built: gold/daily_revenue: silver/sales would be held back" in result.stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"a;b;c\n1;2;3\n", "separator"),
        (b"a,b,c\n1,2,3\n", "header"),
        (b"\x00" * 500, "NUL bytes everywhere"),
        (shop.HEADER.encode("utf-16"), "UTF-16"),
    ],
)
def test_a_file_that_is_not_what_its_yaml_says_is_told(
    empty_home: Path, tmp_path: Path, dq: Dq, content: bytes, said: str
) -> None:
    file = tmp_path / f"{DAY}.csv"
    file.write_bytes(content)
    result = dq("try", "retail", str(file))
    assert result.exit_code == 1
    assert "the gate of bronze/sales would close" in result.stdout
    assert said in result.stdout


def test_a_day_that_is_not_in_the_calendar_would_be_put_on_hold(
    empty_home: Path, tmp_path: Path, dq: Dq
) -> None:
    saturday = "2010-12-04"
    file = shop.deliver(tmp_path, f"{saturday}.csv", shop.lines(saturday, 5))
    result = dq("try", "retail", str(file))
    assert result.exit_code == 1
    assert (
        "a run would put the file on hold: not in the calendar: 2010-12-04 is a closed day" in result.stdout
    )


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("retail", "nowhere.csv"), "no such file"),
        (("retail", "."), "no file"),
        (("nope", "x.csv"), "no dataset nope"),
        (("retail", "FILE", "--table", "slaes"), "Did you mean sales"),
        (("retail", "FILE", "--partition", "yesterday"), "yesterday is no partition"),
    ],
)
def test_wrong_use_is_exit_code_2(
    empty_home: Path, file: Path, dq: Dq, arguments: tuple[str, ...], said: str
) -> None:
    result = dq("try", *(str(file) if one == "FILE" else one for one in arguments))
    assert result.exit_code == 2
    assert said in result.stderr.replace("\n", " ")


# -- any name ---------------------------------------------------------------------------------


def test_the_name_need_not_tell_table_and_partition(empty_home: Path, tmp_path: Path, dq: Dq) -> None:
    file = shop.deliver(tmp_path, "from mail (2).csv", shop.lines(DAY, 5))
    told = data(dq("try", "retail", str(file), "--json"))
    # Whether rows belong to a day that nobody named is not known, and not judged.
    assert told["partitions"] == ["2011-12-09"]
    assert told["would_publish"]
    silver = tables(told)["silver/sales"]
    assert silver["not_checked"] == {"in_period": "the file's name gives no period"}
    assert silver["dimensions"]["timeliness"] is None

    told = data(dq("try", "retail", str(file), "--partition", DAY, "--table", "bronze/sales", "--json"))
    assert told["partitions"] == [DAY]
    assert tables(told)["silver/sales"]["dimensions"]["timeliness"] == 1.0
    other = data(dq("try", "retail", str(file), "--partition", "2010-12-02", "--json"))
    assert not other["would_publish"]


def test_the_header_tells_the_table_where_the_name_does_not(empty_home: Path, tmp_path: Path, dq: Dq) -> None:
    file = tmp_path / "export.csv"
    file.write_text("carrier,name\n9E,Endeavor Air Inc.\nAA,American Airlines Inc.\n")
    told = data(dq("try", "flights", str(file), "--json"))
    assert told["table"] == "airlines"
    assert {*tables(told)} == {"bronze/airlines", "silver/airlines"}
    file.write_text("a,b\n1,2\n")
    result = dq("try", "flights", str(file))
    assert result.exit_code == 2
    assert "--table" in result.stderr


def test_a_pattern_may_speak_of_folders(empty_home: Path, tmp_path: Path, dq: Dq) -> None:
    folder = tmp_path / "weather"
    folder.mkdir()
    (folder / "2013-01-01.csv").write_text("origin\n")
    told = data(dq("try", "flights", str(folder / "2013-01-01.csv"), "--json"))
    assert (told["table"], told["partitions"]) == ("weather", ["2013-01-01"])


def test_a_link_and_a_packed_file_are_files_too(empty_home: Path, file: Path, tmp_path: Path, dq: Dq) -> None:
    packed = tmp_path / "elsewhere" / f"{DAY}.csv"
    packed.parent.mkdir()
    packed.write_bytes(gzip.compress(file.read_bytes()))
    link = tmp_path / f"{DAY}.csv"
    link.symlink_to(packed)
    assert dq("try", "retail", str(link)).exit_code == 0


# -- other tables -----------------------------------------------------------------------------

FLIGHT = "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,{dest},227,1400,5,15,2013-01-01 05:00:00"
FLIGHTS = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,"
    "origin,dest,air_time,distance,hour,minute,time_hour"
)
AIRPORTS = "faa,name,lat,lon,alt,tz,dst,tzone"
AIRPORT = "{faa},An airport,40.69,-74.17,18,-5,A,America/New_York"


@pytest.fixture
def flight(tmp_path: Path) -> Path:
    rows = [FLIGHT.format(dest="IAH"), FLIGHT.format(dest="XXX").replace("1545", "1546")]
    return shop.deliver(tmp_path / "in" / "flights", "2013-01-01.csv", rows, header=FLIGHTS)


def test_a_table_that_needs_another_one_is_not_built_without_it(
    empty_home: Path, flight: Path, dq: Dq
) -> None:
    told = data(dq("try", "flights", str(flight), "--json"))
    missing = {one["table"]: one["reason"] for one in told["not_built"]}
    assert missing["silver/flights"] == "it needs silver/airports, which is not there yet"
    assert missing["gold/route_days"] == "silver/flights is not built"


def test_references_are_compared_with_what_is_published_or_said_not_to_be_checked(
    empty_home: Path, flight: Path, dq: Dq
) -> None:
    airports = [AIRPORT.format(faa=faa) for faa in ("EWR", "IAH")]
    shop.deliver(empty_home / "staging" / "flights", "airports.csv", airports, header=AIRPORTS)
    shop.build(empty_home, FLIGHTS_DATASET)
    silver = tables(data(dq("try", "flights", str(flight), "--json")))["silver/flights"]
    assert silver["not_checked"] == {
        "carrier.in_airlines": "silver/airlines is not there yet",
        "tailnum.in_planes": "silver/planes is not there yet",
    }
    assert {"dest.in_airports": 1}.items() <= {
        one["rule"]: one["failed"] for one in silver["broken_rules"]
    }.items()


# -- a dataset of one's own -------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "project"
    write_dataset(folder / "datasets")
    write_settings(folder / "config")
    monkeypatch.chdir(folder)
    return folder


def write_sales(folder: Path, name: str = "2024-01-01.csv", rows: str = "1,2.5\n2,3\n") -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("id,amount\n" + rows)
    return str(folder / name)


@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [
        ("return bronze.drop('amount')", 2, "does not give amount"),
        ("return bronze.with_columns(pl.col('amonut'))", 2, "amonut"),
        ("return bronze.frobnicate()", 2, "AttributeError at datasets/sales/silver.py line"),
        (
            "return bronze.with_columns(pl.all().map_elements(lambda _: 1 / 0, return_dtype=pl.String))",
            1,
            "silver/sales can't be built",
        ),
        ("return bronze.head(1)", 1, "rows do not add up: 2 to read, 1 validated"),
    ],
)
def test_a_function_that_does_not_work_is_told_without_a_traceback(
    project: Path, tmp_path: Path, dq: Dq, code: str, exit_code: int, said: str
) -> None:
    write_dataset(project / "datasets", silver=SILVER.replace("return bronze", code))
    result = dq("try", "sales", write_sales(tmp_path))
    told = " ".join(result.output.split())
    assert result.exit_code == exit_code, told
    assert said in told
    assert "Traceback" not in told
    assert not (project / "var").exists()


def test_rows_may_name_their_period_themselves(project: Path, tmp_path: Path, dq: Dq) -> None:
    settings = SETTINGS.replace(
        '{pattern: "{period:%Y-%m-%d}.csv"}',
        '{pattern: "*.csv", period_from: column, period_column: id, period_format: "%Y%m%d"}',
    )
    write_settings(project / "config", text=settings)
    file = write_sales(tmp_path, "any.csv", "20240101,1\n20240102,2\n20240102,-3\n20990101,4\n")
    told = data(dq("try", "sales", file, "--json"))
    assert told["partitions"] == ["2024-01-01", "2024-01-02"]
    assert {one["partition"] for one in tables(told)["bronze/sales"]["held"]} == {"2024-01-01"}
    assert [row["reasons"] for row in told["rows"] if row["table"] == "bronze/sales"] == [["period_unknown"]]


def test_a_parquet_file_and_a_snapshot(project: Path, tmp_path: Path, dq: Dq) -> None:
    write_settings(
        project / "config",
        text="sources: {sales: {pattern: sales.parquet, format: {type: parquet}, mode: snapshot}}\n"
        "calendar: {start: 2024-01-01}\n",
    )
    init = (project / "datasets" / "sales" / "__init__.py").read_text()
    init = init.replace("BronzeSales)", "BronzeSales, partitioned=False)")
    init = init.replace('{"bronze": BRONZE})', '{"bronze": BRONZE}, partitioned=False)')
    (project / "datasets" / "sales" / "__init__.py").write_text(init)
    rows = pl.DataFrame({"id": ["1", "2", "2"], "amount": ["1", "2", "3"]})
    rows.write_parquet(tmp_path / "copy of sales.parquet")
    told = data(dq("try", "sales", str(tmp_path / "copy of sales.parquet"), "--json"))
    assert told["partitions"] == []
    assert tables(told)["silver/sales"]["rows_in"] == 3
