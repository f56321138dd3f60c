from __future__ import annotations

from pathlib import Path

from etl_assets.pipeline.intake import take_in
from etl_assets_tests.cli import shop
from etl_assets_tests.cli.conftest import Dq, data


def listed(dq: Dq, *options: str) -> dict[str, dict[str, object]]:
    return {one["key"]: one for one in data(dq("deliveries", "list", "retail", "--json", *options))}


def test_each_delivery_with_state_and_reason(home: Path, dq: Dq) -> None:
    found = listed(dq)

    states = {key: one["state"] for key, one in found.items()}
    assert states == {
        f"{shop.GOOD}.csv": "ingested",
        f"{shop.HELD}.csv": "ingested",
        f"{shop.ON_HOLD}.csv": "on_hold",
        f"{shop.RAGGED}.csv": "ingested",
    }
    assert "header" in str(found[f"{shop.ON_HOLD}.csv"]["reason"])
    assert (
        str(found[f"{shop.ON_HOLD}.csv"]["reason"]).split(";")[0].split(":")[0]
        in dq("deliveries", "list").stdout
    )


def test_filters(home: Path, dq: Dq) -> None:
    assert list(listed(dq, "--state", "on_hold")) == [f"{shop.ON_HOLD}.csv"]
    assert list(listed(dq, "--partition", shop.GOOD)) == [f"{shop.GOOD}.csv"]
    assert len(listed(dq, "--table", "sales")) == 4
    assert listed(dq, "--table", "other") == {}
    assert len(listed(dq, "--limit", "2")) == 2


def test_show_tells_what_came_of_it(home: Path, dq: Dq) -> None:
    id = str(listed(dq)[f"{shop.HELD}.csv"]["id"])
    found = data(dq("deliveries", "show", id[:8], "--json"))

    outcomes = {one["table"]: one["outcome"] for one in found["validations"]}
    assert outcomes == {"bronze/sales": "published", "silver/sales": "held"}
    assert found["content"]["records"] == 10
    assert "50.0%" in dq("deliveries", "show", id).stdout


def test_one_delivery_is_tried_again(own_home: Path, dq: Dq) -> None:
    id = str(listed(dq)[f"{shop.HELD}.csv"]["id"])

    assert data(dq("deliveries", "retry", id[:8], "--json")) == {"retried": [id]}
    tables = {one["layer"]: one for one in data(dq("status", "retail", "--json"))}
    assert tables["silver"]["pending"] == 1
    assert tables["silver"]["gates_closed"] == 0


def test_all_troubles_of_a_dataset_are_tried_again(own_home: Path, dq: Dq) -> None:
    deliveries = listed(dq)
    expected = {deliveries[f"{day}.csv"]["id"] for day in (shop.HELD, shop.ON_HOLD)}

    assert set(data(dq("deliveries", "retry", "retail", "--json"))["retried"]) == expected


def test_a_superseded_delivery_is_not_tried_again(own_home: Path, dq: Dq) -> None:
    old = str(listed(dq)[f"{shop.GOOD}.csv"]["id"])
    shop.deliver(own_home / "staging" / "retail", f"{shop.GOOD}.csv", shop.lines(shop.GOOD, 4))
    take_in(shop.pipeline_of(own_home))
    result = dq("deliveries", "retry", old)

    assert result.exit_code == 2
    assert "superseded" in result.stderr
    assert data(dq("deliveries", "show", old, "--json"))["state"] == "superseded"


def test_nothing_to_try_again(empty_home: Path, dq: Dq) -> None:
    assert data(dq("deliveries", "retry", "retail", "--json")) == {"retried": []}
    assert dq("deliveries", "retry", "nothing").exit_code == 2
    assert "no deliveries" in dq("deliveries", "list").stdout
