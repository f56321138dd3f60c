from __future__ import annotations

import pytest

from etl_assets.errors import LedgerError
from etl_assets.ledger.ledger import Ledger
from etl_assets.ledger.records import Delivery, DeliveryState
from etl_assets_tests.ledger.builders import START, Clock, Listed, delivery


def states(ledger: Ledger) -> dict[str, str]:
    return {one.id: one.state.value for one in ledger.deliveries("retail")}


# --- listings -----------------------------------------------------------------------------------------------


def test_an_object_unchanged_on_two_looks_shows_it(ledger: Ledger, clock: Clock) -> None:
    ledger.record_listing("retail", [Listed("a.csv")])
    once = ledger.seen_objects("retail")["a.csv"]
    assert once.first_seen_at == once.last_seen_at == START

    later = clock.advance(30)
    returned = ledger.record_listing("retail", [Listed("a.csv")])

    twice = ledger.seen_objects("retail")["a.csv"]
    assert (twice.first_seen_at, twice.last_seen_at) == (START, later)
    assert returned == {"a.csv": twice}


def test_a_changed_object_is_a_new_one_without_a_delivery(ledger: Ledger, clock: Clock) -> None:
    ledger.record_listing("retail", [Listed("a.csv", "f1")])
    ledger.register_deliveries([delivery("d1", "a.csv", fingerprint="f1")])
    assert ledger.seen_objects("retail")["a.csv"].delivery_id == "d1"

    later = clock.advance(30)
    ledger.record_listing("retail", [Listed("a.csv", "f2", size=11)])

    seen = ledger.seen_objects("retail")["a.csv"]
    assert (seen.fingerprint, seen.size, seen.delivery_id, seen.first_seen_at) == ("f2", 11, None, later)


def test_what_a_complete_listing_lacks_is_gone_until_it_is_back(ledger: Ledger, clock: Clock) -> None:
    ledger.record_listing("retail", [Listed("a.csv"), Listed("b.csv")])
    ledger.register_deliveries([delivery("d1", "a.csv")])
    last = clock.advance(30)
    ledger.record_listing("retail", [Listed("a.csv"), Listed("b.csv")])
    clock.advance(30)
    ledger.record_listing("retail", [Listed("b.csv")])
    clock.advance(30)
    ledger.record_listing("retail", [Listed("b.csv")])

    gone = ledger.seen_objects("retail")["a.csv"]
    assert gone.gone
    assert gone.last_seen_at == last

    back_at = clock.advance(30)
    ledger.record_listing("retail", [Listed("a.csv"), Listed("b.csv")])
    back = ledger.seen_objects("retail")["a.csv"]
    assert (back.gone, back.last_seen_at, back.delivery_id) == (False, back_at, "d1")


def test_an_incomplete_listing_says_nothing_of_what_it_lacks(ledger: Ledger, clock: Clock) -> None:
    ledger.record_listing("retail", [Listed("a.csv"), Listed("b.csv")])
    later = clock.advance(30)

    returned = ledger.record_listing("retail", [Listed("a.csv")], complete=False)

    seen = ledger.seen_objects("retail")
    assert seen == returned
    assert (seen["a.csv"].last_seen_at, seen["a.csv"].gone) == (later, False)
    assert (seen["b.csv"].last_seen_at, seen["b.csv"].gone) == (START, False)


def test_datasets_do_not_mix(ledger: Ledger) -> None:
    ledger.record_listing("retail", [Listed("a.csv")])
    ledger.record_listing("flights", [Listed("a.csv", "other")])
    ledger.record_listing("retail", [])

    assert ledger.seen_objects("retail")["a.csv"].gone
    assert not ledger.seen_objects("flights")["a.csv"].gone


# --- registering --------------------------------------------------------------------------------------------


def test_a_delivery_comes_back_as_it_was_registered(ledger: Ledger) -> None:
    content = {
        "header": ["InvoiceNo", "Déscription"],
        "records": 3,
        "nul": "\x00",
        "oddities": [[7, "ragged"]],
    }
    given = delivery(
        "d1", content=content, part="north", size=5_000_000_000, modified_ns=1_795_181_247_000_000_001
    )

    [registered] = ledger.register_deliveries([given])

    assert registered == ledger.delivery("d1") == ledger.deliveries("retail")[0]
    assert registered == Delivery(
        **{**vars(given), "periods": ("2010-12-01",), "registered_at": START, "sequence": 1}
    )


def test_a_newer_version_supersedes_the_older_whatever_its_state(ledger: Ledger) -> None:
    ledger.register_deliveries([delivery("d1", "a.csv"), delivery("d2", "b.csv"), delivery("d3", "c.csv")])
    ledger.set_delivery_state(["d2"], DeliveryState.ON_HOLD, "two deliveries for one day")

    ledger.register_deliveries([delivery("e1", "a.csv"), delivery("e2", "b.csv")])

    assert states(ledger) == {
        "d1": "superseded",
        "d2": "superseded",
        "d3": "pending",
        "e1": "pending",
        "e2": "pending",
    }
    assert ledger.delivery("d1").superseded_by == "e1"
    assert "newer version" in ledger.delivery("d1").reason


def test_two_versions_registered_at_once_leave_the_last_one(ledger: Ledger) -> None:
    ledger.register_deliveries([delivery("d1", "a.csv"), delivery("d2", "a.csv")])
    assert states(ledger) == {"d1": "superseded", "d2": "pending"}


@pytest.mark.parametrize("state", [DeliveryState.PENDING, DeliveryState.INGESTED, DeliveryState.ON_HOLD])
def test_a_touched_file_changes_no_state(ledger: Ledger, state: DeliveryState) -> None:
    ledger.record_listing("retail", [Listed("a.csv", "f1")])
    ledger.register_deliveries([delivery("d1", "a.csv")])
    ledger.set_delivery_state(["d1"], state, "why")

    ledger.record_listing("retail", [Listed("a.csv", "f2")])
    [again] = ledger.register_deliveries([delivery("d1", "a.csv", fingerprint="f2", modified_ns=2)])

    assert (again.state, again.reason, again.sequence) == (state, "why", 1)
    assert (again.fingerprint, again.modified_ns) == ("f2", 2)
    assert ledger.seen_objects("retail")["a.csv"].delivery_id == "d1"


def test_an_old_content_that_is_back_is_current_again(ledger: Ledger) -> None:
    ledger.register_deliveries([delivery("d1", "a.csv")])
    ledger.register_deliveries([delivery("d2", "a.csv")])
    [back] = ledger.register_deliveries([delivery("d1", "a.csv")])

    assert states(ledger) == {"d1": "pending", "d2": "superseded"}
    assert (back.sequence, back.superseded_by, back.reason) == (3, None, "")
    assert ledger.delivery("d2").superseded_by == "d1"


def test_a_file_that_now_means_another_period_is_pending_again(ledger: Ledger) -> None:
    ledger.register_deliveries([delivery("d1", period="2010-01-12")])
    ledger.set_delivery_state(["d1"], DeliveryState.INGESTED)

    [again] = ledger.register_deliveries([delivery("d1", period="2010-12-01")])

    assert (again.state, again.periods) == (DeliveryState.PENDING, ("2010-12-01",))


def test_a_name_that_no_database_can_hold_is_kept_readable(ledger: Ledger) -> None:
    name, shown = "caf\udce9\x00.csv", "caf\\udce9\\x00.csv"
    for _ in range(2):
        ledger.record_listing("retail", [Listed(name)])
        ledger.register_deliveries([delivery("d1", name)])

    assert ledger.delivery("d1").key == shown
    assert [(one.key, one.gone) for one in ledger.seen_objects("retail").values()] == [(shown, False)]
    ledger.register_deliveries([delivery("d2", name)])
    assert states(ledger) == {"d1": "superseded", "d2": "pending"}


# --- looking up ---------------------------------------------------------------------------------------------


def test_deliveries_match_all_that_is_asked(ledger: Ledger) -> None:
    ledger.register_deliveries(
        [
            delivery("d1", "a.csv", period="2010-12-01"),
            delivery("d2", "b.csv", period="2010-12-02"),
            delivery("d3", "c.csv", period=None, table="airlines"),
            delivery("d4", "d.csv", dataset="flights", period="2010-12-02"),
        ]
    )
    ledger.set_delivery_state(["d2", "d4"], DeliveryState.INGESTED)

    def ids(*args: object, **kwargs: object) -> list[str]:
        return [one.id for one in ledger.deliveries(*args, **kwargs)]  # type: ignore[arg-type]

    assert ids("retail") == ["d1", "d2", "d3"]
    assert ids("retail", "sales") == ["d1", "d2"]
    assert ids(state=DeliveryState.INGESTED) == ["d4", "d2"]
    assert ids("retail", state={DeliveryState.INGESTED, DeliveryState.PENDING}) == ["d1", "d2", "d3"]
    assert ids("retail", periods=["2010-12-02", "2010-12-03"]) == ["d2"]
    assert ids("retail", periods=[]) == []
    assert ids("retail", periods=[f"day {n}" for n in range(6_000)] + ["2010-12-01"]) == ["d1"]


def test_rows_may_tell_the_periods_of_a_delivery(ledger: Ledger) -> None:
    ledger.register_deliveries([delivery("d1", period=None)])
    ledger.set_delivery_periods({"d1": ["2010-12-02", "2010-12-01"]})
    assert ledger.deliveries("retail", periods=["2010-12-02"])[0].periods == ("2010-12-01", "2010-12-02")

    ledger.set_delivery_periods({"d1": ["2010-12-03"]})
    assert ledger.deliveries("retail", periods=["2010-12-02"]) == []


def test_a_delivery_is_found_by_what_its_id_alone_starts_with(ledger: Ledger) -> None:
    ledger.register_deliveries([delivery("abc1", "1"), delivery("abd2", "2"), delivery("abd", "3")])

    assert ledger.delivery("abc").id == "abc1"
    assert ledger.delivery("abd").id == "abd"
    with pytest.raises(LedgerError, match=r"More than one delivery.*abc1, abd, abd2"):
        ledger.delivery("ab")
    with pytest.raises(LedgerError, match="no such delivery"):
        ledger.delivery("a%c")


def test_more_deliveries_than_one_statement_takes(ledger: Ledger) -> None:
    many = [delivery(f"{n:06}", f"{n}.csv", period=f"{n:06}") for n in range(6_000)]
    assert len(ledger.register_deliveries(many)) == 6_000
    assert ledger.set_delivery_state([one.id for one in many], DeliveryState.ON_HOLD, "waits") == 6_000
    found = ledger.deliveries("retail", state=DeliveryState.ON_HOLD)
    assert [one.sequence for one in found] == list(range(1, 6_001))


# --- the count of changes ----------------------------------------------------------------------------------


def test_everything_that_may_change_what_is_to_be_done_is_counted(ledger: Ledger) -> None:
    counts = [ledger.changes("retail")]

    def counted() -> None:
        counts.append(ledger.changes("retail"))

    ledger.record_listing("retail", [Listed("a.csv")])
    counted()
    (one,) = ledger.register_deliveries([delivery("d1", "a.csv")])
    counted()
    ledger.set_delivery_state([one.id], DeliveryState.ON_HOLD, "broken")
    counted()
    ledger.set_delivery_periods({one.id: ["2024-03-01"]})
    counted()
    ledger.record_validations([], ledger.acquire_lease("retail", "run", 60))
    counted()
    ledger.record_listing("retail", [])
    counted()
    assert counts == sorted(set(counts))


def test_what_changes_nothing_is_not_counted(ledger: Ledger) -> None:
    ledger.record_listing("retail", [Listed("a.csv")])
    ledger.record_listing("flights", [Listed("b.csv")])
    before = ledger.changes("retail")
    ledger.record_listing("retail", [Listed("a.csv")])
    ledger.record_listing("flights", [])
    ledger.acquire_lease("retail", "run", 60)
    ledger.deliveries("retail")
    assert ledger.changes("retail") == before > 0
