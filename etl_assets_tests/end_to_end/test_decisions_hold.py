"""P1 and P2 with decisions: whatever is decided, in whatever order, rows add up and undoing restores."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from etl_assets.contracts.row_filter import Condition, Operator
from etl_assets.errors import DecisionError
from etl_assets.ledger.decision_records import Decision
from etl_assets.ledger.decisions import DecisionConflictError
from etl_assets.pipeline import deciding
from etl_assets.pipeline.choosing import Rows
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline, Limits
from etl_assets.pipeline.deciding import Author, Proposal
from etl_assets_tests.end_to_end import desk, tiny
from etl_assets_tests.end_to_end.arena import copy_home

pytestmark = pytest.mark.slow

FRI, SAT = "2024-03-01", "2024-03-02"
ANNA = Author(who="anna", why="a test of the till")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two days with all sorts of trouble, built; a third is stopped by its gate."""
    home = tmp_path_factory.mktemp("decisions") / "template"
    tiny.put_shops(home)
    for day in (FRI, SAT):
        lines = [
            tiny.line(1, day),
            tiny.line(2, day),
            tiny.line(2, day),
            tiny.line(3, day, amount="-1"),
            tiny.line(3, day, amount="3", shop="nowhere"),
            tiny.line(4, day, shop="nowhere", customer="x"),
            tiny.line(5, day, amount="y", shop="elsewhere"),
            tiny.line(6, day, amount="0", customer=""),
            "only,two",
            "O9,north,a@b,1,2024-03-09,too many",
        ]
        tiny.put(home, f"orders/{day}.csv", lines)
    pipeline = tiny.open_pipeline(home)
    desk.work(pipeline)
    desk.assert_rows_add_up(pipeline)
    pipeline.ledger.close()
    return home


@st.composite
def chosen(draw: st.DrawFn, ids: Sequence[str], records: Sequence[str]) -> Rows:
    """Rows in some way of naming them."""
    rules = ["shop.in_shops", "amount.greater_than_or_equal_to", "guests_pay", "amount.castable"]
    where = [
        Condition("shop", Operator.EQUALS, ("nowhere",)),
        Condition("shop", Operator.STARTS_WITH, ("n", "else")),
        Condition("amount", Operator.DIFFERS, ("3",)),
        Condition("customer", Operator.IS_NULL),
        Condition("customer", Operator.CONTAINS, ("@",)),
    ]
    kind = draw(st.sampled_from(["row", "row", "row", "record", "rule", "where", "both", "unreadable"]))
    period = draw(st.sampled_from([None, FRI, SAT]))
    if kind == "row":
        return Rows(table=tiny.ORDERS, row_id=draw(st.sampled_from(ids)))
    if kind == "record":
        return Rows(table=tiny.BRONZE_ORDERS, row_id=draw(st.sampled_from(records)))
    if kind == "unreadable":
        return Rows(table=tiny.BRONZE_ORDERS, rules=("unreadable",), period=period)
    return Rows(
        table=tiny.ORDERS,
        rules=(draw(st.sampled_from(rules)),) if kind != "where" else (),
        where=(draw(st.sampled_from(where)),) if kind != "rule" else (),
        period=period,
    )


CELLS = st.fixed_dictionaries(
    {},
    optional={
        "order_id": st.sampled_from(["O1", "O3", "O70", "71", ""]),
        "shop": st.sampled_from(["north", "south", "nowhere"]),
        "customer": st.sampled_from(["a@b", "", "c"]),
        "amount": st.sampled_from(["1", "0", "-5", "z"]),
        "placed_on": st.sampled_from([FRI, SAT, "tomorrow"]),
    },
)


def propose(pipeline: DatasetPipeline, rows: Rows, kind: str, cells: Mapping[str, str]) -> Proposal | None:
    """A decision, if it makes any sense."""
    try:
        if kind == "correct":
            whole = dict.fromkeys(("order_id", "shop", "customer", "amount", "placed_on"), "")
            return deciding.correct(
                pipeline, rows, {**whole, **cells} if rows.table == tiny.BRONZE_ORDERS else cells, ANNA
            )
        if kind == "waive":
            rules = rows.rules or ("shop.in_shops",)
            return deciding.waive(pipeline, replace(rows, rules=()), rules, ANNA)
        return deciding.discard(pipeline, rows, ANNA)
    except DecisionError:
        return None


def tables(pipeline: DatasetPipeline, decisions: Sequence[Decision]) -> dict[str, desk.Rows]:
    """All tables; decisions are named by what they say, for their numbers tell the order."""
    names = {one.id: repr(replace(one, id=0, decided_at=None)) for one in decisions}
    found: dict[str, desk.Rows] = {}
    for table in pipeline.tables:
        found[str(table)] = Counter(desk.accepted(pipeline, table).rows())
        frame = desk.quarantined(pipeline, table)
        if "_decision" in frame.columns:
            named = [
                None if ids is None else str(sorted(names[int(id)] for id in ids.split(";")))
                for ids in frame["_decision"]
            ]
            frame = frame.with_columns(pl.Series("_decision", named, dtype=pl.String))
        found[f"quarantine of {table}"] = Counter(frame.select(sorted(frame.columns)).rows())
    return found


@settings(
    max_examples=6,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)
@given(data=st.data())
def test_decisions_hold_in_any_order_and_shape_and_undoing_restores(
    template: Path, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        calm = tiny.open_pipeline(copy_home(template, Path(folder, "calm")))
        former = tables(calm, [])
        ids = sorted(desk.quarantined(calm, tiny.ORDERS)["_row_id"])
        records = sorted(desk.quarantined(calm, tiny.BRONZE_ORDERS)["_row_id"])
        wishes = data.draw(
            st.lists(
                st.tuples(chosen(ids, records), st.sampled_from(["correct", "waive", "discard"]), CELLS),
                min_size=3,
                max_size=8,
            )
        )
        made: list[tuple[Proposal, Decision]] = []
        for rows, kind, cells in wishes:
            proposal = propose(calm, rows, kind, cells)
            if proposal is None:
                continue
            try:
                made.append((proposal, deciding.decide(calm, [proposal])[0]))
            except DecisionConflictError:
                continue
        desk.work(calm)
        desk.assert_settled(calm)
        assert_accounted(calm)

        # The same in another order, with runs in between, one partition a run and a group.
        busy = replace(
            tiny.open_pipeline(copy_home(template, Path(folder, "busy"))),
            limits=Limits(periods_per_run=1, group_periods=1),
        )
        again: list[Decision] = []
        for proposal, _ in data.draw(st.permutations(made)):
            again += deciding.decide(busy, [proposal])
            if data.draw(st.booleans()):
                desk.work(busy)
        desk.work(busy)
        desk.assert_same(tables(busy, again), tables(calm, [one for _, one in made]))

        for one in data.draw(st.permutations(again)):
            deciding.decide(busy, deciding.undo(busy, [one.id], ANNA))
        desk.work(busy)
        desk.assert_settled(busy)
        desk.assert_same(tables(busy, []), former)
        for pipeline in (calm, busy):
            pipeline.ledger.close()


def assert_accounted(pipeline: DatasetPipeline) -> None:
    """Every record that was delivered is in one place, once; what decisions did is counted."""
    for bronze, silver in ((tiny.BRONZE_ORDERS, tiny.ORDERS),):
        published = pipeline.ledger.published_validations("tiny")
        for period in (FRI, SAT):
            one, other = (published[t.layer, t.name, period] for t in (bronze, silver))
            assert one.rows_in == 10
            assert other.rows_in == one.accepted
            for validation, table in ((one, bronze), (other, silver)):
                assert validation.rows_in == (
                    validation.accepted + validation.quarantined + validation.duplicates
                )
                refused = desk.quarantined(pipeline, table).filter(_period=period)
                assert refused.height == validation.quarantined
                accepted = desk.accepted(pipeline, table).filter(_period=period)
                assert accepted.height == validation.accepted
                if refused.height:
                    assert not set(refused["_row_id"]) & set(accepted["_row_id"])
