from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from etl_assets.contracts.rules import compile_contract
from etl_assets.datasets.retail.silver import SilverSales
from etl_assets_tests.cli import shop
from etl_assets_tests.cli.conftest import Dq, data

FACE = [
    "dataset",
    "layer",
    "table",
    "partitions",
    "rows_in",
    "accepted",
    "quarantined",
    "duplicates",
    "unreadable",
    "score",
    "dimensions",
    "gates_closed",
    "pending",
    "missing",
    "last_published_at",
]


def table(found: list[dict[str, object]], name: str) -> dict[str, object]:
    return next(one for one in found if f"{one['layer']}/{one['table']}" == name)


def test_json_is_a_list_of_tables_with_the_keys_that_others_rely_on(home: Path, dq: Dq) -> None:
    found = data(dq("status", "retail", "--json"))

    assert [f"{one['layer']}/{one['table']}" for one in found] == [
        "bronze/sales",
        "silver/sales",
        "gold/daily_revenue",
        "gold/product_performance",
        "gold/customer_days",
        "gold/customer_rfm",
    ]
    for one in found:
        assert [key for key in one if key in FACE] == FACE
        assert one["rows_in"] == one["accepted"] + one["quarantined"] + one["duplicates"]


def test_counts_are_those_of_what_is_published(home: Path, dq: Dq) -> None:
    found = data(dq("status", "retail", "--json"))
    bronze, silver = table(found, "bronze/sales"), table(found, "silver/sales")

    # Three days could be read: 43, 10 and 31 records; one of the last is ragged.
    assert (bronze["partitions"], bronze["rows_in"], bronze["accepted"]) == (3, 84, 83)
    assert (bronze["quarantined"], bronze["unreadable"], bronze["gates_closed"]) == (1, 1, 1)
    # The gate held the second day back.
    assert (silver["partitions"], silver["rows_in"], silver["accepted"]) == (2, 73, 70)
    assert (silver["quarantined"], silver["duplicates"], silver["gates_closed"]) == (2, 1, 1)
    assert silver["held"] == [
        {"partition": shop.HELD, "reason": "5 of 10 rows (50.0%) are quarantined, 5.0% are tolerated"}
    ]
    assert bronze["on_hold"][0]["key"] == f"{shop.ON_HOLD}.csv"
    published = datetime.fromisoformat(str(silver["last_published_at"]))
    assert published.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - published) < timedelta(hours=1)


def test_scores_follow_from_the_sums_of_the_published_tallies(home: Path, dq: Dq) -> None:
    silver = table(data(dq("status", "retail", "--json")), "silver/sales")
    ledger = shop.pipeline_of(home).ledger
    published = [
        one.id
        for key, one in ledger.published_validations("retail").items()
        if key[:2] == ("silver", "sales")
    ]
    weights = {one.name: one.weight for one in compile_contract(SilverSales).rules}
    sums: defaultdict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for tallies in ledger.tallies_for(published).values():
        for one in tallies:
            sums[one.dimension, one.rule][0] += one.evaluated
            sums[one.dimension, one.rule][1] += one.failed
    rates: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for (dimension, rule), (evaluated, failed) in sums.items():
        if evaluated:
            rates[dimension].append((weights[rule], 1 - failed / evaluated))
    expected = {
        dimension: sum(weight * rate for weight, rate in found) / sum(weight for weight, _ in found)
        for dimension, found in rates.items()
    }

    assert silver["dimensions"] == pytest.approx(expected)
    assert silver["score"] == pytest.approx(sum(expected.values()) / len(expected))
    assert silver["score"] < 1
    assert silver["row_score"] == pytest.approx(1 - 2 / 73)


def test_one_partition_alone_has_the_score_that_it_was_published_with(home: Path, dq: Dq) -> None:
    customers = table(data(dq("status", "retail", "--json")), "gold/customer_rfm")
    published = shop.pipeline_of(home).ledger.published_validations("retail")["gold", "customer_rfm", ""]

    assert customers["partitions"] == 1
    assert customers["score"] == pytest.approx(published.score)
    assert customers["row_score"] == pytest.approx(published.row_score)


def test_due_periods_without_a_delivery_are_missing_downstream_too(home: Path, dq: Dq) -> None:
    found = data(dq("status", "retail", "--json"))
    calendar = shop.settings_of(home).dataset("retail").calendar
    due = len(calendar.due(datetime.now(UTC))) - 4

    assert {one["missing"] for one in found} == {due}


def test_a_dataset_without_any_delivery_has_no_data_yet(empty_home: Path, dq: Dq) -> None:
    told = dq("status", "retail")
    found = data(dq("status", "retail", "--json"))

    assert told.exit_code == 0
    assert "no data yet" in told.stdout
    assert {one["score"] for one in found} == {None}
    assert {value for one in found for value in one["dimensions"].values()} == {None}
    numbers = ("partitions", "rows_in", "gates_closed", "pending", "missing")
    assert {one[key] for one in found for key in numbers} == {0}
    assert {one["last_published_at"] for one in found} == {None}


def test_only_a_check_makes_an_exit_code_of_data_trouble(home: Path, dq: Dq) -> None:
    assert dq("status", "retail").exit_code == 0
    assert dq("status", "retail", "--check").exit_code == 1


def test_what_is_delivered_and_not_built_is_pending(own_home: Path, dq: Dq) -> None:
    from etl_assets.pipeline.intake import take_in

    shop.deliver(own_home / "staging" / "retail", "2010-12-06.csv", shop.lines("2010-12-06", 3))
    take_in(shop.pipeline_of(own_home))
    found = data(dq("status", "retail", "--json"))

    assert [one["pending"] for one in found] == [1, 1, 1, 1, 1, 1]
    assert "dq run retail" in dq("status", "retail").stdout


@pytest.mark.parametrize("columns", ["80", "100", "120", "200"])
def test_the_scorecard_fits_the_terminal(
    home: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    told = dq("status", "retail").stdout

    assert max(len(line) for line in told.splitlines()) <= int(columns)
    for name in ("daily_revenue", "product_performance", "customer_rfm"):
        assert name in told
    assert "2 gates closed" in told
    assert "1 delivery on hold" in told
    # Numbers are never cut: 73 rows in, 70 accepted.
    silver = [line.split() for line in told.splitlines() if line.startswith("silver sales")]
    assert silver[-1][-5:] == ["73", "70", "2", "1", "2"]


def test_the_scorecard_works_without_unicode(home: Path, dq: Dq) -> None:
    from io import StringIO

    from rich.console import Console

    from etl_assets.cli.scorecard import print_scorecard
    from etl_assets.pipeline.status import dataset_status

    class Ascii(StringIO):
        encoding = "ascii"  # type: ignore[assignment]

    out = Ascii()
    print_scorecard(Console(file=out, width=80), dataset_status(shop.pipeline_of(home)))

    assert out.getvalue().isascii()
