from __future__ import annotations

import csv
import json
import re
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from etl_assets_tests.end_to_end.setups import NAMES, SetUp, set_up

ROOT = Path(__file__).parents[2]
BY_DAY = ROOT.parent / "shared" / "data" / "retail" / "by-day"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not BY_DAY.is_dir(), reason="the retail data is not here"),
]


@dataclass(frozen=True)
class Retail:
    """`dq run retail` over all days in one of the set-ups, once for all tests of this file."""

    place: SetUp
    printed: subprocess.CompletedProcess[str]

    def dq(self, *words: str) -> subprocess.CompletedProcess[str]:
        return self.place.dq(*words)

    def table(self, path: str) -> pl.DataFrame:
        return self.place.table(path)


@pytest.fixture(scope="module", params=NAMES)
def retail(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Retail:
    place = set_up(request.param, tmp_path_factory.mktemp("home"), request)
    place.deliver((file.name, file.read_bytes()) for file in sorted(BY_DAY.glob("*.csv")))
    return Retail(place, place.dq("run", "retail"))


def raw_rows() -> Iterator[tuple[str, tuple[str, ...]]]:
    for file in sorted(BY_DAY.glob("*.csv")):
        with file.open(newline="", encoding="utf-8") as stream:
            rows = csv.reader(stream)
            next(rows)
            for row in rows:
                yield file.stem, tuple(row)


def test_every_row_is_accounted_for_in_the_tables_themselves(retail: Retail) -> None:
    assert retail.printed.returncode == 0, retail.printed.stderr
    bronze = retail.table("bronze/sales")
    silver = retail.table("silver/sales")
    refused = retail.table("quarantine/silver_sales")

    delivered = set(bronze["_row_id"])
    accepted, quarantined = set(silver["_row_id"]), set(refused["_row_id"])
    assert bronze.height == len(delivered) == 337_788
    assert retail.table("quarantine/bronze_sales").height == 0
    assert silver.height == len(accepted)
    assert accepted.isdisjoint(quarantined)
    assert accepted | quarantined <= delivered
    duplicates = delivered - accepted - quarantined
    assert len(duplicates) + quarantined_repeats(refused) == 2_647
    assert refused.height <= 0.01 * bronze.height


def quarantined_repeats(refused: pl.DataFrame) -> int:
    """Rows in quarantine that repeat an earlier row as well: they count as quarantined."""
    cells = [name for name in refused.columns if not name.startswith("_")]
    return refused.select("_period", *cells).is_duplicated().sum()


def test_the_reasons_in_quarantine_are_the_ones_that_are_defended(retail: Retail) -> None:
    refused = retail.table("quarantine/silver_sales")

    reasons = Counter(reason for row in refused["_reasons"] for reason in row.split(";"))

    # The accountant's corrections of bad debt, A563185 to A563187; two of them have a negative price.
    assert reasons == {
        "invoice_no.str_matches": 3,
        "unit_price.greater_than_or_equal_to": 2,
        "sale_has_price": 2,
    }


def test_gold_equals_an_independent_recomputation_to_the_penny(retail: Retail) -> None:
    gross: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    cancelled: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    seen: set[tuple[str, ...]] = set()
    for day, row in raw_rows():
        invoice, _, _, quantity, _, price, _, country = row
        if not re.fullmatch(r"C?\d{6}", invoice) or (day, *row) in seen:
            continue
        seen.add((day, *row))
        amount = int(quantity) * Decimal(price)
        key = (day, country.strip())
        gross[key] += amount if not invoice.startswith("C") and int(quantity) > 0 else 0
        cancelled[key] -= amount if invoice.startswith("C") else 0

    rows = retail.table("gold/daily_revenue").select(
        pl.col("day").cast(pl.String), "country", "gross", "cancelled", "net"
    )
    found = {(day, country): (g, c, n) for day, country, g, c, n in rows.iter_rows()}

    assert found.keys() == gross.keys()
    for key, (its_gross, its_cancelled, its_net) in found.items():
        assert its_gross == gross[key], key
        assert its_cancelled == cancelled[key], key
        assert its_net == gross[key] - cancelled[key], key


def test_each_hop_takes_what_the_one_before_accepted(retail: Retail) -> None:
    status = {(one["layer"], one["table"]): one for one in json.loads(retail.dq("status", "--json").stdout)
              if one["dataset"] == "retail"}  # fmt: skip

    silver = status["silver", "sales"]
    assert status["bronze", "sales"]["accepted"] == silver["rows_in"] == 337_788
    for one in status.values():
        assert one["rows_in"] == one["accepted"] + one["quarantined"] + one["duplicates"]
        assert one["gates_closed"] == 0
        assert one["pending"] == 0
    for table in ("daily_revenue", "product_performance", "customer_days"):
        assert status["gold", table]["rows_read"] == silver["accepted"]
    assert status["gold", "customer_rfm"]["rows_read"] == status["gold", "customer_days"]["accepted"]


def test_again_it_does_nothing_and_a_changed_file_opens_its_day_only(retail: Retail) -> None:
    again = retail.dq("run", "retail")
    assert again.returncode == 0
    assert "nothing to do" in again.stdout
    before = files_of(retail)

    before_last = retail.place.delivered("2011-03-01.csv").splitlines(keepends=True)[:-1]
    retail.place.deliver([("2011-03-01.csv", b"".join(before_last))])
    assert retail.dq("run", "retail").returncode == 0

    after = files_of(retail)
    assert {period for period in before if before[period] != after[period]} == {"2011-03-01"}
    assert retail.table("bronze/sales").height == 337_787


def files_of(retail: Retail) -> dict[str, list[str]]:
    by_period: dict[str, list[str]] = defaultdict(list)
    for path in ("bronze/sales", "silver/sales", "gold/daily_revenue"):
        for uri in retail.place.files(path):
            period = uri.split("_period=")[1].split("/")[0]
            by_period[period].append(uri)
    return {period: sorted(found) for period, found in by_period.items()}
