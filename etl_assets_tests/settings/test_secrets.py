from __future__ import annotations

import os
from pathlib import Path

import pytest

from etl_assets.errors import SettingsError
from etl_assets.settings import explain, load_settings, read_settings
from etl_assets.settings.secrets import export_secrets, read_secrets
from etl_assets_tests.end_to_end.powers import without_power_over_files

URL = "postgresql://etl:canary-word@db/etl"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "app.yaml").write_text("log: {level: warning}\n")
    return tmp_path / "config"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "secrets"
    folder.mkdir()
    # Docker names files as its secrets are named, in small letters as a rule; a shell's echo ends them.
    (folder / "etl_ledger_url").write_text(URL + "\n")
    (folder / "ETL_STORAGE__ACCESS_KEY_ID").write_text("key")
    (folder / "ETL_STORAGE__SECRET_ACCESS_KEY").write_text("canary-word")
    (folder / "DAGSTER_PG_URL").write_text(URL)
    # As Kubernetes mounts them.
    (folder / "..data").mkdir()
    (folder / ".hidden").write_text("no secret")
    return folder


def environ(folder: Path, **more: str) -> dict[str, str]:
    return {"ETL_SECRETS_DIR": str(folder), **more}


def test_a_file_is_the_variable_that_it_is_named_as(config: Path, folder: Path) -> None:
    settings = load_settings(config, environ(folder))

    assert settings.secrets_dir == folder
    assert settings.ledger.get_secret_value() == URL
    assert settings.storage.secret_access_key is not None
    assert set(settings.secrets) >= {URL, "canary-word"}


def test_a_variable_goes_over_a_file_and_a_file_over_app_yaml(config: Path, folder: Path) -> None:
    (folder / "ETL_LOG__LEVEL").write_text("error")

    settings = load_settings(config, environ(folder, ETL_LEDGER_URL="sqlite:////l.db"))

    assert settings.ledger.get_secret_value() == "sqlite:////l.db"
    assert settings.log.level == "error"


def test_where_it_came_from_is_shown_and_what_it_is_never(config: Path, folder: Path) -> None:
    loaded = read_settings(config, environ(folder))
    shown = {one.key: one for one in explain(loaded)}

    assert shown["ledger_url"].source == str(folder / "etl_ledger_url")
    assert shown["storage.secret_access_key"].source == str(folder / "ETL_STORAGE__SECRET_ACCESS_KEY")
    assert shown["secrets_dir"].source == "ETL_SECRETS_DIR"
    told = repr([(one.value, one.source) for one in shown.values()])
    assert "canary" not in told + repr(read_secrets(environ(folder)))


def test_dagster_and_aws_get_them_as_variables(folder: Path) -> None:
    variables = environ(folder, DAGSTER_PG_URL="said otherwise")

    assert "ETL_LEDGER_URL" in export_secrets(variables)
    assert variables["ETL_LEDGER_URL"] == URL
    assert variables["DAGSTER_PG_URL"] == "said otherwise"
    assert not {"..DATA", ".HIDDEN"} & variables.keys()
    assert export_secrets({}) == []


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("ETL_LEDGER_URLL", b"canary-word", "Unknown setting"),
        ("ETL_CONCURRENCY__MAX_RUNS", b"canary-word", "The setting is wrong"),
        ("ETL_STORAGE", b"{canary-word", "can't be read"),
        ("ETL_LEDGER_URL", b"canary-word\xff", "not UTF-8"),
        ("ETL_LEDGER_URL", b"canary-word\0", "zero byte"),
        ("ETL_LEDGER_URL", b"canary-word" * 10_000, "too large"),
    ],
)
def test_what_is_wrong_is_told_by_its_file_and_not_quoted(
    config: Path, folder: Path, name: str, content: bytes, message: str
) -> None:
    (folder / "etl_ledger_url").unlink()
    (folder / name).write_bytes(content)

    with pytest.raises(SettingsError, match=message) as caught:
        load_settings(config, environ(folder))

    assert "canary" not in str(caught.value)
    assert caught.value.hint
    if name != "ETL_STORAGE":
        assert caught.value.where["file"] in (folder / name, str(folder / name))


def test_a_folder_that_is_not_there_is_told(config: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="can't be listed") as caught:
        load_settings(config, environ(tmp_path / "none"))
    assert caught.value.where["environment variable"] == "ETL_SECRETS_DIR"


def test_a_file_that_may_not_be_read_is_told(config: Path, folder: Path) -> None:
    (folder / "etl_ledger_url").chmod(0)

    def load() -> str:
        with pytest.raises(SettingsError, match="can't be read") as caught:
            load_settings(config, environ(folder))
        return str(caught.value)

    assert "etl_ledger_url" in without_power_over_files(load)
    assert os.access(folder, os.R_OK)


def test_the_folder_is_told_by_the_environment_only(config: Path) -> None:
    (config / "app.yaml").write_text("secrets_dir: /run/secrets\n")

    with pytest.raises(SettingsError, match="from the environment only"):
        load_settings(config, {})
