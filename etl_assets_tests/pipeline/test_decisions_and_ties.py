"""Decisions on rows whose rules ask another table."""

from __future__ import annotations

from pathlib import Path

from etl_assets.pipeline import deciding
from etl_assets.pipeline.choosing import Rows
from etl_assets.pipeline.deciding import Author
from etl_assets.pipeline.leases import held_lease
from etl_assets_tests.end_to_end import desk
from etl_assets_tests.pipeline.club import ORDERS, Club, order
from etl_assets_tests.pipeline.shop import FRI, SAT


def customers(club: Club) -> dict[str, str]:
    return dict(desk.accepted(club.pipeline, ORDERS).select("order_id", "customer").iter_rows())


def test_rows_that_were_corrected_for_a_reference_go_back_when_it_arrives(tmp_path: Path) -> None:
    """Who is corrected depends on what was delivered, and on the table that it refers to."""
    club = Club(tmp_path)
    club.customers(FRI, ["ann"])
    club.orders(FRI, [order("1", customer="cid"), *(order(str(n), customer="ann") for n in range(2, 6))])
    club.work()
    rows = Rows(table=ORDERS, rules=("customer.in_customers",))
    author = Author(who="ann", why="all mine")
    deciding.decide(club.pipeline, [deciding.correct(club.pipeline, rows, {"customer": "ann"}, author)])
    club.work()
    assert customers(club)["1"] == "ann"

    club.customers(SAT, ["cid"])
    club.work()
    assert customers(club)["1"] == "cid"

    before = customers(club)
    club.pipeline.ledger.start_run("again", club.pipeline.name)
    with held_lease(club.pipeline.ledger, club.pipeline.name, "again", 30.0) as lease:
        desk.hop(club.pipeline, ORDERS, [FRI], lease)
    assert customers(club) == before
