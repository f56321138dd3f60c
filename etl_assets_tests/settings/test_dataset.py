from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from etl_assets.contracts.vocabulary import Dimension
from etl_assets.errors import SettingsError
from etl_assets.quality.thresholds import Threshold
from etl_assets.settings import DatasetSettings, LeaseSettings, RetrySettings


def shop(**said: Any) -> DatasetSettings:
    required = {"sources": {"sales": {"pattern": "a.csv"}}, "calendar": {"start": "2024-01-01"}}
    return DatasetSettings.model_validate(required | said)


# --- tolerances, thresholds, weights: the narrowest counts -----------------------------------------------


def test_five_per_cent_may_be_quarantined_and_nothing_of_gold() -> None:
    assert shop().tolerance("bronze/sales") == 0.05
    assert shop().tolerance("silver/sales") == 0.05
    assert shop().tolerance("gold/revenue") == 0


def test_the_narrowest_tolerance_counts() -> None:
    settings = shop(tolerances={"default": 0.1, "silver": 0.2, "silver/sales": 0.3})
    assert settings.tolerance("bronze/sales") == 0.1
    assert settings.tolerance("silver/orders") == 0.2
    assert settings.tolerance("silver/sales") == 0.3


def test_gold_is_tolerant_only_when_it_is_named() -> None:
    assert shop(tolerances={"default": 0.1}).tolerance("gold/revenue") == 0
    assert shop(tolerances={"gold": 0.1}).tolerance("gold/revenue") == 0.1
    assert shop(tolerances={"gold": 0.1, "gold/revenue": 0.2}).tolerance("gold/revenue") == 0.2


@pytest.mark.parametrize(
    "tolerances", [{"default": 5}, {"default": -0.1}, {"default": "nan"}, {"sales": 0.1}, {"silver/": 0.1}]
)
def test_a_tolerance_is_a_share_of_a_known_place(tolerances: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        shop(tolerances=tolerances)


def test_thresholds_are_looked_up_by_table_then_layer_then_default() -> None:
    settings = shop(
        thresholds={
            "default": {"default": {"warn": 0.9, "fail": 0.8}, "completeness": {"warn": 0.7, "fail": 0.6}},
            "silver": {"validity": {"warn": 0.99, "fail": 0.98}},
            "silver/sales": {"completeness": {"warn": 0.5, "fail": 0.4}},
        }
    )
    sales = settings.thresholds_of("silver/sales")
    assert sales.of(Dimension.COMPLETENESS) == Threshold(warn=0.5, fail=0.4)
    assert sales.of(Dimension.VALIDITY) == Threshold(warn=0.99, fail=0.98)
    assert sales.of(Dimension.UNIQUENESS) == Threshold(warn=0.9, fail=0.8)
    orders = settings.thresholds_of("silver/orders")
    assert orders.of(Dimension.COMPLETENESS) == Threshold(warn=0.7, fail=0.6)


def test_a_tables_own_default_outranks_a_dimension_said_for_all_tables() -> None:
    settings = shop(
        thresholds={
            "default": {"completeness": {"warn": 0.7, "fail": 0.6}},
            "silver/sales": {"default": {"warn": 0.5, "fail": 0.4}},
        }
    )
    sales = settings.thresholds_of("silver/sales")
    assert sales.of(Dimension.COMPLETENESS) == Threshold(warn=0.5, fail=0.4)


def test_without_thresholds_there_are_some() -> None:
    assert shop().thresholds_of("silver/sales").of(Dimension.VALIDITY) == Threshold(warn=0.95, fail=0.9)


def test_weights_add_up_from_the_wide_to_the_narrow() -> None:
    settings = shop(weights={"default": {"completeness": 2, "validity": 3}, "silver/sales": {"validity": 0}})
    assert settings.weights_of("silver/sales") == {Dimension.COMPLETENESS: 2, Dimension.VALIDITY: 0}
    assert settings.weights_of("gold/revenue") == {Dimension.COMPLETENESS: 2, Dimension.VALIDITY: 3}
    assert shop().weights_of("silver/sales") == {}


def test_weights_that_leave_nothing_are_refused() -> None:
    nothing = {str(dimension): 0 for dimension in Dimension}
    with pytest.raises(ValidationError, match="at least one dimension"):
        shop(weights={"silver/sales": nothing})


# --- the tables that the code has -------------------------------------------------------------------------

TABLES = ("bronze/sales", "silver/sales", "gold/revenue")


def test_settings_that_fit_the_tables_are_accepted() -> None:
    shop(tolerances={"silver/sales": 0.1, "default": 0.2}).check_tables("shop", TABLES)


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ({"tolerances": {"silver/sale": 0.1}}, "tolerances.silver/sale"),
        ({"thresholds": {"silver/sale": {}}}, "thresholds.silver/sale"),
        ({"weights": {"silver/sale": {}}}, "weights.silver/sale"),
        ({"sources": {"sale": {"pattern": "a.csv"}}}, "sources.sale"),
    ],
)
def test_a_table_that_does_not_exist_is_refused(said: dict[str, object], key: str) -> None:
    with pytest.raises(SettingsError, match="Did you mean") as caught:
        shop(**said).check_tables("shop", TABLES)
    assert caught.value.where == {"file": "config/datasets/shop.yaml", "key": key}


def test_a_bronze_table_without_a_source_is_refused() -> None:
    with pytest.raises(SettingsError, match="bronze table returns has no source"):
        shop().check_tables("shop", (*TABLES, "bronze/returns"))


# --- retry, schedule, lease ---------------------------------------------------------------------------------


def test_each_wait_is_longer_up_to_a_limit() -> None:
    retry = RetrySettings(first_delay_seconds=10, factor=3, max_delay_seconds=100, jitter=0).backoff
    assert [retry.seconds(failures) for failures in range(6)] == [0, 10, 30, 90, 100, 100]
    assert retry.seconds(1_000_000) == 100


def test_settings_of_before_mean_what_they_meant() -> None:
    before = RetrySettings.model_validate(
        {"max_attempts": 3, "first_delay_seconds": 10, "factor": 3, "max_delay_seconds": 100}
    )
    assert before.strategy == "exponential"
    assert before.backoff.factor == 3
    assert RetrySettings().backoff.factor == 2


def test_a_factor_without_an_exponential_strategy_is_refused_with_what_to_write() -> None:
    with pytest.raises(ValidationError, match="leave it out for fibonacci, whose waits are given by"):
        RetrySettings.model_validate({"strategy": "fibonacci", "factor": 2})
    with pytest.raises(ValidationError, match="'fixed', 'linear', 'exponential' or 'fibonacci'"):
        RetrySettings.model_validate({"strategy": "cubic"})


def test_probes_wait_by_the_strategy_of_retry_from_waits_of_their_own() -> None:
    own = shop(retry={"strategy": "linear", "jitter": 0}, circuit={"first_probe_seconds": 5})
    backoff = own.circuit.backoff(own.retry)
    assert [backoff.seconds(probes) for probes in (1, 2, 3, 1000)] == [5, 10, 15, 600]


@pytest.mark.parametrize("cron", ["daily", "0 6 * *", "0 0 6 * * *", "99 6 * * *"])
def test_a_schedule_that_is_no_cron_line_is_refused(cron: str) -> None:
    with pytest.raises(ValidationError, match="cron line"):
        shop(schedule={"missing_cron": cron})


def test_a_lease_is_renewed_in_time() -> None:
    LeaseSettings(ttl_seconds=60, renew_seconds=30)
    with pytest.raises(ValidationError, match="half of ttl_seconds"):
        LeaseSettings(ttl_seconds=60, renew_seconds=31)
