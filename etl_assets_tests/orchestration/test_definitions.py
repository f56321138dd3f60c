from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from etl_assets.datasets import BUILT_IN, load_dataset
from etl_assets.errors import ContractError, SettingsError
from etl_assets.orchestration.build import build_definitions
from etl_assets.settings import AppSettings, DatasetSettings, load_settings
from etl_assets_tests.orchestration.house import CALENDAR, House
from etl_assets_tests.orchestration.shop import CATALOGUE_SHOP, SHOP, SHOP_WITH_CUSTOMERS


@pytest.fixture
def definitions(tmp_path: Path) -> dg.Definitions:
    return House(tmp_path, SHOP_WITH_CUSTOMERS).definitions()


def specs(definitions: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {one.key.to_user_string(): one for one in definitions.resolve_all_asset_specs()}


def test_every_domain_of_this_project_loads_and_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETL_HOME", str(tmp_path / "home"))
    datasets = {name: load_dataset(name) for name in BUILT_IN}
    settings = load_settings()
    definitions = build_definitions(settings, datasets)
    dg.Definitions.validate_loadable(definitions)
    assert not (tmp_path / "home").exists()

    found = specs(definitions)
    assert {key.split("/")[0] for key in found} == set(datasets)
    for key, one in found.items():
        dataset, layer, table = key.split("/")
        assert one.group_name == dataset
        assert one.kinds == {"polars", "deltalake", layer}
        assert list(one.owners) == list(datasets[dataset].owners)
        assert one.description
        assert "\n\n\n" not in one.description
        assert one.metadata["dagster/table_name"] == f"{dataset}.{layer}.{table}"
        assert one.metadata["dagster/uri"] == str(tmp_path / "home" / "lake" / dataset / layer / table)
        schema = one.metadata["dagster/column_schema"]
        assert isinstance(schema, dg.TableSchema)
        assert len(schema.columns) >= 2
    assert {one.name for one in definitions.sensors or []} == {f"{name}_deliveries" for name in datasets}
    assert {one.name for one in definitions.schedules or []} == {
        f"{name}_{job}_daily" for name in datasets for job in ("missing_deliveries", "upkeep")
    }
    assert {one.name for one in definitions.jobs or []} == {
        f"{name}_{job}" for name in datasets for job in ("build", "decide", "missing_deliveries", "upkeep")
    }


def test_the_tables_of_a_dataset_are_a_graph_by_day_with_a_table_over_all_days(
    definitions: dg.Definitions,
) -> None:
    found = specs(definitions)
    assert {
        key: sorted(dep.asset_key.to_user_string() for dep in one.deps) for key, one in found.items()
    } == {
        "shop/bronze/orders": [],
        "shop/silver/orders": ["shop/bronze/orders"],
        "shop/gold/daily": ["shop/silver/orders"],
        "shop/gold/customers": ["shop/silver/orders"],
    }
    assert {key for key, one in found.items() if one.partitions_def is None} == {"shop/gold/customers"}
    assert found["shop/gold/daily"].description == "What was sold on one day."
    assert list(found["shop/gold/daily"].owners) == ["team:shop", "owner@example.org"]


def test_a_referenced_table_is_upstream(tmp_path: Path) -> None:
    found = specs(House(tmp_path, CATALOGUE_SHOP).definitions())
    deps = {dep.asset_key.to_user_string() for dep in found["shop/silver/orders"].deps}
    assert deps == {"shop/bronze/orders", "shop/silver/products"}


def test_each_table_has_a_check_per_dimension_and_two_more(definitions: dg.Definitions) -> None:
    names: dict[str, list[str]] = {}
    for key in definitions.resolve_asset_graph().asset_check_keys:
        names.setdefault(key.asset_key.to_user_string(), []).append(key.name)
    always = ["gate", "row_reconciliation"]
    assert {key: sorted(found) for key, found in names.items()} == {
        "shop/bronze/orders": ["completeness", *always],
        "shop/silver/orders": [
            "completeness",
            "gate",
            "row_reconciliation",
            "timeliness",
            "uniqueness",
            "validity",
        ],
        "shop/gold/daily": ["completeness", *always, "uniqueness", "validity"],
        "shop/gold/customers": ["completeness", *always, "uniqueness", "validity"],
    }


def test_the_column_schema_is_the_contract(definitions: dg.Definitions) -> None:
    schema = specs(definitions)["shop/silver/orders"].metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    columns = {column.name: column for column in schema.columns}
    assert [*columns] == ["order_id", "ordered_on", "customer", "amount", "_delivery", "_line", "_row_id"]
    assert {name: column.type for name, column in columns.items()} == {
        "order_id": "String",
        "ordered_on": "Date",
        "customer": "String",
        "amount": "Int64",
        "_delivery": "String",
        "_line": "Int64",
        "_row_id": "String",
    }
    assert columns["customer"].description == "who bought; null for guests"
    assert columns["customer"].constraints.nullable
    assert columns["customer"].tags == {"pii": ""}
    assert not columns["amount"].constraints.nullable
    assert columns["order_id"].constraints.unique
    assert not columns["amount"].constraints.unique
    told = " ".join(columns["amount"].constraints.other)
    assert "0" in told
    assert "(error)" in told
    assert any("(warn)" in text for text in columns["customer"].constraints.other)


def test_a_dataset_is_one_pool_and_one_group_of_runs(definitions: dg.Definitions) -> None:
    job = definitions.resolve_job_def("shop_build")
    assert job.tags["etl/dataset"] == "shop"
    assert {node.definition.pool for node in job.nodes} == {"shop"}  # type: ignore[attr-defined]
    assert {str(key.to_user_string()) for key in job.asset_layer.selected_asset_keys} == {*specs(definitions)}


def test_the_code_version_follows_the_contract(tmp_path: Path) -> None:
    first = specs(House(tmp_path, SHOP).definitions())
    again = specs(House(tmp_path, SHOP_WITH_CUSTOMERS).definitions())
    other = specs(House(tmp_path, CATALOGUE_SHOP).definitions())
    key = "shop/silver/orders"
    assert first[key].code_version == again[key].code_version
    assert first[key].code_version != other[key].code_version
    assert first[key].code_version != first["shop/bronze/orders"].code_version


def test_a_disabled_dataset_is_left_out(tmp_path: Path) -> None:
    definitions = House(tmp_path, SHOP, enabled=False).definitions()
    assert specs(definitions) == {}
    assert not definitions.sensors


def test_settings_that_do_not_fit_the_code_are_told_when_it_loads(tmp_path: Path) -> None:
    said = {"sources": {"ordres": {"pattern": "*.csv"}}, "calendar": CALENDAR}
    settings = AppSettings(home=tmp_path, datasets={"shop": DatasetSettings.model_validate(said)})
    with pytest.raises(SettingsError, match=r"no table ordres.*Did you mean orders"):
        build_definitions(settings, {"shop": SHOP})


def test_a_dataset_that_can_not_be_loaded_is_shown_beside_the_others(tmp_path: Path) -> None:
    house = House(tmp_path, SHOP)
    where: dict[str, object] = {"file": "/home/me/datasets/mart/silver.py", "line": 12}
    broken = ContractError("coerce is set", where=where, hint="Cast in the function")
    definitions = build_definitions(house.settings, {"shop": SHOP}, {"mart": broken, "Other.yaml": broken})
    found = specs(definitions)
    assert "shop/silver/orders" in found
    shown = found["mart/not_loaded"]
    assert shown.group_name == "mart"
    for told in ("coerce is set", "/home/me/datasets/mart/silver.py", "12", "Cast in the function"):
        assert told in (shown.description or "")
    assert "Other.yaml/not_loaded" in found
    dg.Definitions.validate_loadable(definitions)


@pytest.mark.parametrize(
    ("executor", "name"), [("in_process", "in_process"), ("multiprocess", "multiprocess")]
)
def test_the_executor_is_a_setting(tmp_path: Path, executor: str, name: str) -> None:
    said = {"sources": {"orders": {"pattern": "{period:%Y-%m-%d}.csv"}}, "calendar": CALENDAR}
    settings = AppSettings.model_validate(
        {"home": tmp_path, "datasets": {"shop": said}, "concurrency": {"executor": executor}}
    )
    found = build_definitions(settings, {"shop": SHOP}).executor
    assert found is not None
    assert getattr(found, "name", None) == name
