from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from etl_assets.errors import SettingsError
from etl_assets.settings import AppSettings, explain, load_settings, read_settings
from etl_assets_tests.settings.files import Write, refused

# --- layers -----------------------------------------------------------------------------------------------


def test_each_layer_overrides_only_what_it_says(config: Path, write: Write) -> None:
    write("app.yaml", "log: {level: warning, format: text}\nlease: {ttl_seconds: 100}\n")
    write("app.production.yaml", "log: {format: json}\nlease: {ttl_seconds: 200}\n")
    write("app.local.yaml", "lease: {ttl_seconds: 300}\n")
    settings = load_settings(config, {"ETL_ENVIRONMENT": "production", "ETL_LEASE__TTL_SECONDS": "400"})
    assert settings.log.level == "warning"
    assert settings.log.format == "json"
    assert settings.lease.ttl_seconds == 400
    assert load_settings(config, {"ETL_ENVIRONMENT": "production"}).lease.ttl_seconds == 300
    assert load_settings(config, {}).log.format == "text"


def test_a_dataset_is_overridden_by_application_files_and_by_the_environment(
    config: Path, write: Write
) -> None:
    write("app.local.yaml", "datasets: {shop: {staging: /mnt/drop, schedule: {sensor_seconds: 60}}}\n")
    settings = load_settings(config, {"ETL_DATASETS__SHOP__SCHEDULE__SENSOR_SECONDS": "90"})
    shop = settings.dataset("shop")
    assert shop.schedule.sensor_seconds == 90
    assert settings.staging_url("shop") == "/mnt/drop"
    assert shop.calendar.start == date(2024, 1, 1)


def test_a_section_in_the_environment_is_json(config: Path) -> None:
    settings = load_settings(config, {"ETL_DATASETS__SHOP__TOLERANCES": '{"silver/sales": 0.2}'})
    assert settings.dataset("shop").tolerance("silver/sales") == 0.2


def test_an_empty_variable_says_nothing(config: Path) -> None:
    assert load_settings(config, {"ETL_LOG__LEVEL": ""}).log.level == "warning"


def test_an_empty_file_says_nothing(config: Path, write: Write) -> None:
    write("app.local.yaml", "# nothing yet\n")
    assert load_settings(config, {}).log.level == "warning"


def test_settings_built_by_hand_read_neither_files_nor_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ETL_LOG__LEVEL", "debug")
    assert AppSettings(home=tmp_path).log.level == "info"


# --- folders ----------------------------------------------------------------------------------------------


def test_state_lies_under_one_folder_beside_the_settings(config: Path) -> None:
    settings = load_settings(config, {})
    home = config.parent / "var"
    assert settings.home == home
    assert settings.ledger.get_secret_value() == f"sqlite:///{home}/ledger.db"
    assert settings.staging_url("shop") == str(home / "staging" / "shop")
    assert settings.lake == str(home / "lake")


def test_home_in_a_file_is_relative_to_the_project_and_in_a_variable_to_the_shell(
    config: Path, write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    write("app.yaml", "home: state\n")
    assert load_settings(config, {}).home == config.parent / "state"
    assert load_settings(config, {"ETL_HOME": "state"}).home == elsewhere / "state"


def test_the_folder_is_found_by_variable_then_here_then_above(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert load_settings(environ={}).config_dir == config
    below = tmp_path / "datasets" / "shop"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert load_settings(environ={}).config_dir == config
    monkeypatch.chdir("/")
    assert load_settings(environ={"ETL_CONFIG_DIR": str(config)}).config_dir == config
    with pytest.raises(SettingsError, match=r"no such folder of settings"):
        load_settings(environ={"ETL_CONFIG_DIR": str(tmp_path / "nowhere")})


def test_a_folder_that_is_no_project_says_how_to_make_it_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").mkdir()  # somebody else's
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError, match=r"no project.*dq new NAME FILE"):
        load_settings(environ={})


def test_a_project_needs_no_app_yaml(config: Path) -> None:
    (config / "app.yaml").unlink()
    settings = load_settings(config, {})
    assert list(settings.datasets) == ["shop"]
    assert settings.home == config.parent / "var"
    assert settings.folders == [config.parent / "datasets"]


# --- secrets ----------------------------------------------------------------------------------------------

SECRET = "postgresql://etl:canary-81c4@db/ledger"


def test_a_secret_comes_from_the_environment_and_is_never_shown(config: Path) -> None:
    loaded = read_settings(config, {"ETL_LEDGER_URL": SECRET})
    assert loaded.settings.ledger.get_secret_value() == SECRET
    assert loaded.settings.secrets == (SECRET,)
    shown = [repr(loaded.settings), str(loaded.settings), loaded.settings.model_dump_json()]
    assert all("canary" not in text for text in shown)
    explained = {item.key: item for item in explain(loaded)}
    assert explained["ledger_url"].value == "**********"
    assert explained["ledger_url"].source == "ETL_LEDGER_URL"


def test_a_secret_in_a_file_is_refused_without_quoting_it(config: Path, write: Write) -> None:
    write("app.local.yaml", f"ledger_url: {SECRET}\n")
    error = refused(config)
    assert error.where == {"file": "config/app.local.yaml", "line": 1, "key": "ledger_url"}
    assert "ETL_LEDGER_URL" in error.hint
    assert "canary" not in str(error)


def test_an_error_elsewhere_does_not_quote_the_secret(config: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(config, {"ETL_LEDGER_URL": SECRET, "ETL_LOG__LEVEL": "loud"})
    assert "canary" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_password_in_a_staging_url_is_refused_without_quoting_it(config: Path, write: Write) -> None:
    write("app.local.yaml", "datasets: {shop: {staging: 's3://key:canary-77@bucket/in'}}\n")
    error = refused(config)
    assert "without a password" in error.hint
    assert "canary" not in str(error)


# --- where each value came from ---------------------------------------------------------------------------


def test_each_value_says_where_it_came_from(config: Path, write: Write) -> None:
    write("app.yaml", "log:\n  level: warning\n  format: text\n")
    write("app.local.yaml", "log: {format: json}\n")
    loaded = read_settings(config, {"ETL_LEASE__TTL_SECONDS": "60"})
    explained = {item.key: (item.value, item.source) for item in explain(loaded)}
    assert explained["log.level"] == ("warning", "config/app.yaml:2")
    assert explained["log.format"] == ("json", "config/app.local.yaml:1")
    assert explained["lease.ttl_seconds"] == (60, "ETL_LEASE__TTL_SECONDS")
    assert explained["lease.renew_seconds"] == (20, "default")
    assert explained["datasets.shop.calendar.start"] == ("2024-01-01", "config/datasets/shop.yaml:5")
    staging = str(config.parent / "var" / "staging" / "shop")
    assert explained["datasets.shop.staging"] == (staging, "default")


def test_every_setting_is_explained(config: Path) -> None:
    explained = [item.key.split(".")[0] for item in explain(read_settings(config, {}))]
    assert set(explained) == set(AppSettings.model_fields)
