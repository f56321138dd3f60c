"""Publications as a user has them: declared in the dataset's YAML, written by runs of Dagster."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest
from pydantic import TypeAdapter, ValidationError

from etl_assets.connections import Connection
from etl_assets.contracts.dataset import TableId
from etl_assets.errors import SettingsError
from etl_assets.orchestration import metadata_keys as keys
from etl_assets.orchestration.checks import ROWS
from etl_assets.orchestration.partitions import publication_key
from etl_assets.publications.declaration import Publication
from etl_assets.settings import AppSettings
from etl_assets.settings.connections import ConnectionSettings
from etl_assets_tests.orchestration.fixtures import dagster_template, make_house
from etl_assets_tests.orchestration.house import House
from etl_assets_tests.orchestration.shop import SHOP_WITH_CUSTOMERS, day_of_orders
from etl_assets_tests.publications.material import ask

__all__ = ["dagster_template", "make_house"]

pytestmark = pytest.mark.slow

DAYS = ["2024-01-01", "2024-01-02", "2024-01-03"]
ROWS_THERE = "SELECT day::text, orders, total, _period FROM reporting.daily ORDER BY 1"


class Shop(House):
    """The shop, with a warehouse that its tables are published to."""

    def __init__(self, home: Path, warehouse: Connection, **changes: object) -> None:
        self.warehouse = warehouse
        self.publications: dict[str, Any] = {
            "daily": {
                "table": "gold/daily",
                "to": "postgresql",
                "connection": "warehouse",
                "target": "reporting.daily",
            },
            "export": {
                "table": "gold/daily",
                "to": "csv",
                "url": str(home / "out" / "daily.csv"),
                "single_file": True,
            },
        }
        super().__init__(home, SHOP_WITH_CUSTOMERS, **changes)

    def _settings(self, changes: Any) -> AppSettings:
        to = self.warehouse
        settings = super()._settings({"publications": self.publications, **changes})
        connection = ConnectionSettings(
            host=to.host, port=to.port, database=to.database, user=to.user, sslmode="prefer"
        )
        return settings.model_copy(update={"connections": {"warehouse": connection}})

    def there(self) -> list[tuple[Any, ...]]:
        return ask(self.warehouse, ROWS_THERE)

    def export(self) -> pl.DataFrame:
        return pl.read_csv(self.home / "out" / "daily.csv").sort("day")

    def standings(self) -> dict[str, str]:
        return {one.name: str(one.standing) for one in self.status().publications}

    def event(self, name: str) -> dg.AssetMaterialization:
        with self.instance() as instance:
            found = instance.get_latest_materialization_event(publication_key("shop", name))
        assert found is not None
        assert found.asset_materialization is not None
        return found.asset_materialization

    def check_of(self, name: str) -> bool:
        key = dg.AssetCheckKey(publication_key("shop", name), ROWS)
        with self.instance() as instance:
            records = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
        found = [one.event.dagster_event.event_specific_data for one in records if one.event is not None]
        return next(one.passed for one in found if isinstance(one, dg.AssetCheckEvaluation))


@pytest.fixture
def shop(make_house: Any, warehouse: Connection) -> Shop:
    house: House = make_house()
    return Shop(house.home, warehouse)


def test_tables_are_published_after_they_were_built_in_the_same_run(shop: Shop) -> None:
    for day in DAYS[:2]:
        shop.drop(f"{day}.csv", day_of_orders(day))

    done = shop.run()

    assert [(run.success, run.publications) for run in done.runs] == [(True, ("daily", "export"))]
    assert shop.there() == [(day, 20, 210, day) for day in DAYS[:2]]
    assert shop.export().rows() == [(day, 20, 210, day) for day in DAYS[:2]]
    assert shop.standings() == {"daily": "current", "export": "current"}
    assert shop.run().nothing_to_do
    for name in ("daily", "export"):
        assert set(shop.event(name).metadata) == set(keys.PUBLICATION)
        assert shop.check_of(name)
    graph = shop.definitions().resolve_asset_graph()
    node = graph.get(publication_key("shop", "daily"))
    assert node.parent_keys == {dg.AssetKey(["shop", "gold", "daily"])}
    assert node.group_name == "shop"
    assert {one for one in node.metadata if "code" not in one} == set(keys.PUBLICATION_ASSET)


def test_a_corrected_day_is_published_and_a_day_that_is_held_back_stays_as_it_was(shop: Shop) -> None:
    for day in DAYS[:2]:
        shop.drop(f"{day}.csv", day_of_orders(day))
    shop.run()
    written = ask(shop.warehouse, f"SELECT xmin::text FROM reporting.daily WHERE _period = '{DAYS[0]}'")

    shop.drop(f"{DAYS[0]}.csv", day_of_orders(DAYS[0]).replace(DAYS[0].encode(), b"never"))
    shop.drop(f"{DAYS[1]}.csv", day_of_orders(DAYS[1], 3))
    shop.drop(f"{DAYS[2]}.csv", day_of_orders(DAYS[2], 2))
    shop.run()

    assert shop.there() == [
        (DAYS[0], 20, 210, DAYS[0]),
        (DAYS[1], 3, 6, DAYS[1]),
        (DAYS[2], 2, 3, DAYS[2]),
    ]
    again = ask(shop.warehouse, f"SELECT xmin::text FROM reporting.daily WHERE _period = '{DAYS[0]}'")
    assert again == written
    assert shop.export().height == 3


def test_the_sensor_asks_for_what_is_not_published(shop: Shop) -> None:
    for day in DAYS[:2]:
        shop.drop(f"{day}.csv", day_of_orders(day))
    shop.publications, declared = {}, shop.publications
    shop.set()
    shop.run()
    assert not shop.tick().run_requests

    shop.publications = declared
    shop.set()
    result = shop.tick()
    assert result.run_requests is not None
    (request,) = result.run_requests
    assert request.asset_selection == [publication_key("shop", name) for name in ("daily", "export")]
    assert shop.execute(request).success
    assert len(shop.there()) == 2
    assert not shop.tick().run_requests

    # Rows that get lost on the way fail the check, and nothing is published.
    ask(
        shop.warehouse,
        "CREATE FUNCTION reporting.lose() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
    )
    ask(
        shop.warehouse,
        "CREATE TRIGGER loses BEFORE INSERT ON reporting.daily FOR EACH ROW "
        "EXECUTE FUNCTION reporting.lose()",
    )
    shop.drop(f"{DAYS[2]}.csv", day_of_orders(DAYS[2]))
    (request,) = shop.tick().run_requests or ()
    assert not shop.execute(request).success
    assert not shop.check_of("daily")
    assert shop.check_of("export")
    assert len(shop.there()) == 2


def test_a_destination_that_is_away_stops_itself_only_and_is_tried_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etl_assets.orchestration.assets.FIRST_RETRY_SECONDS", 0.01)
    monkeypatch.setattr("etl_assets.orchestration.assets.LONGEST_RETRY_SECONDS", 0.01)
    shop.warehouse, right = _elsewhere(shop.warehouse), shop.warehouse
    shop.set(retry={"first_delay_seconds": 0.01, "max_delay_seconds": 0.01, "max_attempts": 50})
    shop.drop(f"{DAYS[0]}.csv", day_of_orders(DAYS[0]))

    result = shop.tick()
    assert result.run_requests is not None
    assert not shop.execute(result.run_requests[0]).success
    assert shop.rows(TableId.parse("gold/daily")).height == 1
    assert shop.export().height == 1
    assert shop.standings()["export"] == "current"
    newest = shop.pipeline.ledger.writing_histories("shop")["daily"].newest
    assert newest is not None
    assert (newest.outcome, newest.error_kind) == ("failed", "transient")

    shop.warehouse = right
    shop.set()
    result = shop.tick()
    assert result.run_requests is not None
    assert shop.execute(result.run_requests[0]).success
    assert len(shop.there()) == 1


def _elsewhere(connection: Connection) -> Connection:
    from dataclasses import replace

    return replace(connection, host=f"{connection.host}/nobody")


WRONG = {
    "table": ({"table": "gold/dayly"}, "publications.daily.table", "Did you mean gold/daily"),
    "columns": ({"columns": ["day", "sum"]}, "publications.daily.columns", "There are day, orders"),
    "connection": ({"connection": "lost"}, "publications.daily", "there are warehouse so far"),
    "personal data": ({"table": "gold/customers"}, "publications.daily", "personal_data: allowed"),
    "name": ({"table": "silver/orders", "columns": ["amount", "amount"]}, None, "named twice"),
    "our records": ({"target": "reporting.etl_publications"}, None, "choose another name"),
    "no file": ({"to": "csv", "url": "out", "single_file": True}, None, r"end in \.csv"),
}


@pytest.mark.parametrize(("said", "key", "hint"), WRONG.values(), ids=WRONG)
def test_what_can_not_be_published_is_told_with_its_key(
    tmp_path: Path, warehouse: Connection, said: dict[str, Any], key: str | None, hint: str
) -> None:
    shop = Shop(tmp_path, warehouse)
    wrong = shop.publications["daily"] | said
    if key is None:  # noticed by the settings alone, which know the line
        given = wrong if "url" not in said else {"table": "gold/daily", **said}
        with pytest.raises(ValidationError, match=hint):
            TypeAdapter(Publication).validate_python(given)
        return
    shop.publications = {"daily": wrong}
    shop.set()
    with pytest.raises(SettingsError) as caught:
        shop.settings.publications(shop.dataset)
    assert caught.value.where["key"] == key
    assert caught.value.where["file"] == "config/datasets/shop.yaml"
    assert hint in caught.value.hint


def test_no_two_publications_go_to_one_place(tmp_path: Path, warehouse: Connection) -> None:
    shop = Shop(tmp_path, warehouse)
    shop.publications["again"] = shop.publications["daily"]
    shop.set()
    with pytest.raises(SettingsError, match="daily and again go to the same place"):
        shop.settings.publications(shop.dataset)
