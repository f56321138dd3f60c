"""Settings that are refused, each named with its file and place."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from etl_assets.errors import SettingsError
from etl_assets.settings import load_settings
from etl_assets_tests.settings.files import SHOP, Write, broken, refused

# --- what is refused --------------------------------------------------------------------------------------


def test_an_unknown_key_is_refused_with_line_and_near_match(config: Path, write: Write) -> None:
    write("app.yaml", "log:\n  format: text\n  levle: info\n")
    error = refused(config)
    assert error.where == {"file": "config/app.yaml", "line": 3, "key": "log.levle"}
    assert error.hint == "Did you mean level? Known here are format, level"


def test_an_unknown_key_deep_in_a_dataset_is_refused(config: Path, write: Write) -> None:
    write(
        "datasets/shop.yaml",
        SHOP.replace("pattern:", "format: {type: csv, seperator: ';'}\n        pattern:"),
    )
    error = broken(config)
    assert error.where == {
        "file": "config/datasets/shop.yaml",
        "line": 3,
        "key": "sources.sales.format.seperator",
    }
    assert "Did you mean separator?" in error.hint


def test_a_wrong_value_is_refused_with_what_was_expected(config: Path, write: Write) -> None:
    write("app.yaml", "log:\n  level: loud\n")
    error = refused(config)
    assert error.what == "The setting is wrong: 'loud'"
    assert error.where == {"file": "config/app.yaml", "line": 2, "key": "log.level"}
    assert error.hint == "Expected: 'debug', 'info', 'warning' or 'error'"


def test_the_layer_whose_value_counts_is_blamed(config: Path, write: Write) -> None:
    write("app.yaml", "lease: {ttl_seconds: 100}\n")
    write("app.local.yaml", "\nlease:\n  ttl_seconds: soon\n")
    assert refused(config).where == {"file": "config/app.local.yaml", "line": 3, "key": "lease.ttl_seconds"}
    error = refused(config, {"ETL_LEASE__TTL_SECONDS": "later"})
    assert error.where == {"environment variable": "ETL_LEASE__TTL_SECONDS"}


def test_a_missing_key_names_the_dataset_file_and_what_it_means(config: Path, write: Write) -> None:
    write("datasets/shop.yaml", "sources: {sales: {pattern: a.csv}}\n")
    write("app.local.yaml", "datasets: {shop: {enabled: false}}\n")
    error = broken(config)
    assert error.what == "The setting calendar is missing"
    assert error.where == {"file": "config/datasets/shop.yaml"}
    assert error.hint == "Expected: When deliveries are due."


@pytest.mark.parametrize(
    ("old", "new", "line", "key", "expected"),
    [
        ('"{period:%Y-%m-%d}.csv"', '"{period:%Q}"', 3, "sources.sales.pattern", "'%Q' is not understood"),
        ("2024-01-01", "2024-02-30", 5, "calendar.start", "Expected: a day such as 2024-01-31"),
        ("2024-01-01", "1.1.2024", 5, "calendar.start", "Expected: a day such as 2024-01-31"),
        ("sales:", "Sales:", 2, "sources.Sales", "Expected: a name in lower-case letters"),
        ("calendar:", "tolerances: {silvr: 1}\ncalendar:", 4, "tolerances.silvr", "a layer such as silver"),
        (
            "calendar:",
            "thresholds: {default: {complete: {warn: 1}}}\ncalendar:",
            4,
            "thresholds.default.complete",
            "Did you mean completeness?",
        ),
        (
            "sales:\n",
            "sales:\n    format: {type: cvs}\n",
            3,
            "sources.sales.format.type",
            "Expected: one of 'csv', 'tsv', 'fixed_width'",
        ),
        ("sales:\n", "sales:\n    format: {quote: x}\n", 3, "sources.sales.format", "a key 'type'"),
        ("sales:\n", "sales:\n    mode: [a]\n", 3, "sources.sales.mode", "'increment', 'snapshot'"),
        (
            "calendar:\n",
            "calendar:\n  closed: {dates: [2024-13-01]}\n",
            5,
            "calendar.closed.dates.0",
            "a day",
        ),
    ],
)
def test_a_wrong_dataset_leads_to_its_line(
    config: Path, write: Write, old: str, new: str, line: int, key: str, expected: str
) -> None:
    write("datasets/shop.yaml", dedent(SHOP).replace(old, new))
    error = broken(config)
    assert error.where == {"file": "config/datasets/shop.yaml", "line": line, "key": key}
    assert expected in error.hint


def test_all_wrong_settings_are_said_at_once(config: Path, write: Write) -> None:
    write("app.yaml", "log: {level: loud}\nlease: {ttl_seconds: -1}\n")
    message = str(refused(config))
    assert message.startswith("2 settings are wrong")
    assert "log.level" in message
    assert "lease.ttl_seconds" in message


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("log: {format: text}\nlog: {format: json}\n", "twice, first on line 1"),
        ("log: {format: text, format: json}\n", "twice, first on line 1"),
        ("log: [text\n", "isn't valid YAML"),
        ("- log\n", "isn't a mapping"),
        ("home: !!python/object/apply:os.system ['true']\n", "isn't valid YAML"),
        ("log: &a {level: info}\nlease: *a\n", "aliases"),
        ("log: &a [*a]\n", "aliases"),
        ("log:\n", "The setting is wrong: None"),
    ],
)
def test_a_file_that_is_no_plain_mapping_is_refused(
    config: Path, write: Write, text: str, expected: str
) -> None:
    write("app.yaml", text)
    error = refused(config)
    assert expected in str(error)
    assert error.where["file"] == "config/app.yaml"


def test_an_unreadable_file_is_refused(config: Path) -> None:
    (config / "app.yaml").write_bytes(b"home: \xff\xfe\n")
    assert "can't be read" in str(refused(config))


@pytest.mark.parametrize(
    ("variable", "near"),
    [("ETL_HOEM", "ETL_HOME"), ("ETL_LOGS__LEVEL", "ETL_LOG"), ("ETL_LEDGER", "ETL_LEDGER_URL")],
)
def test_an_unknown_variable_is_refused_without_its_value(config: Path, variable: str, near: str) -> None:
    error = refused(config, {variable: "canary-5f2a"})
    assert error.where == {"environment variable": variable}
    assert f"Did you mean {near}?" in error.hint
    assert "canary" not in str(error)


def test_an_unknown_nested_variable_is_refused(config: Path) -> None:
    error = refused(config, {"ETL_LOG__LEVLE": "info"})
    assert error.where == {"environment variable": "ETL_LOG__LEVLE"}
    assert "Did you mean level?" in error.hint


def test_a_dataset_that_has_no_file_cannot_be_overridden(config: Path) -> None:
    error = refused(config, {"ETL_DATASETS__SHPO__ENABLED": "false"})
    assert error.what == "There is no dataset shpo"
    assert "Did you mean shop?" in error.hint


def test_an_environment_without_its_file_is_refused(config: Path, write: Write) -> None:
    write("app.production.yaml", "log: {format: json}\n")
    error = refused(config, {"ETL_ENVIRONMENT": "prodution"})
    assert error.what == "There is no app.prodution.yaml"
    assert "production" in error.hint


@pytest.mark.parametrize("name", ["other.yml", "Other.yaml"])
def test_a_dataset_file_with_another_name_is_told_and_left_out(config: Path, write: Write, name: str) -> None:
    write(f"datasets/{name}", SHOP)
    settings = load_settings(config, {})
    assert list(settings.datasets) == ["shop"]
    assert "not named <dataset>.yaml" in str(next(iter(settings.broken_datasets.values())))


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("sources: [\n", {"file": "config/datasets/mart.yaml", "line": 2}),
        (
            "sources: {}\ncalendar: {start: 2024-01-01}\n",
            {"file": "config/datasets/mart.yaml", "line": 1, "key": "sources"},
        ),
        ("sorces: {}\n" + dedent(SHOP), {"file": "config/datasets/mart.yaml", "line": 1, "key": "sorces"}),
    ],
)
def test_one_dataset_with_a_wrong_file_does_not_stop_the_others(
    config: Path, write: Write, text: str, where: dict[str, object]
) -> None:
    write("datasets/mart.yaml", text)
    settings = load_settings(config, {"ETL_DATASETS__MART__ENABLED": "true"})
    assert list(settings.datasets) == ["shop"]
    assert list(settings.broken_datasets) == ["mart"]
    error = settings.broken_datasets["mart"]
    assert error.where == where


def test_what_app_yaml_says_of_a_dataset_still_stops_everything(config: Path, write: Write) -> None:
    write("app.local.yaml", "datasets: {shop: {calendar: {start: soon}}}\n")
    assert refused(config).where["file"] == "config/app.local.yaml"


def test_an_editors_files_are_no_datasets(config: Path, write: Write) -> None:
    write("datasets/.#shop.yaml", "half written: [")
    assert list(load_settings(config, {}).datasets) == ["shop"]


def test_an_unknown_dataset_is_an_error_that_lists_the_known(config: Path) -> None:
    with pytest.raises(SettingsError, match="there are shop so far"):
        load_settings(config, {}).dataset("shops")
