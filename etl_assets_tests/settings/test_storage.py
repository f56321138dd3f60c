from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from etl_assets.errors import SettingsError
from etl_assets.object_storage import Fault, ObjectStorage, Place, explained
from etl_assets.settings import AppSettings, explain, load_settings, read_settings

KEYS = {"ETL_STORAGE__ACCESS_KEY_ID": "AKIAKEY", "ETL_STORAGE__SECRET_ACCESS_KEY": "much-too-secret"}


def load(tmp_path: Path, environ: dict[str, str] | None = None, **app: object) -> AppSettings:
    (tmp_path / "config" / "datasets").mkdir(parents=True)
    (tmp_path / "config" / "app.yaml").write_text(yaml.safe_dump(app))
    return load_settings(tmp_path / "config", environ or {})


def test_keys_come_from_the_environment_and_are_shown_nowhere(tmp_path: Path) -> None:
    settings = load(tmp_path, KEYS, lake_url="s3://lake/shop", storage={"region": "eu-central-1"})

    shown = str(explain(read_settings(tmp_path / "config", KEYS)))
    assert "s3://lake/shop" in shown
    for text in (shown, repr(settings), repr(settings.object_storage), settings.model_dump_json()):
        assert "much-too-secret" not in text
    assert settings.secrets == ("much-too-secret",)
    assert settings.lake == "s3://lake/shop"
    assert settings.object_storage.secret_access_key == "much-too-secret"


@pytest.mark.parametrize(
    ("app", "told"),
    [
        ({"storage": {"secret_access_key": "x"}}, "comes from the environment only"),
        ({"storage": {"endpoint": "http://s3.example.com"}}, "can be read by everybody in between"),
        ({"storage": {"endpoint": "s3.example.com"}}, "expected https://host"),
        ({"storage": {"endpoint": "https://me:pw@s3.example.com"}}, "expected no user or password"),
        ({"storage": {"kms_key_id": "k"}}, "go with encryption: aws:kms"),
        ({"lake_url": "gs://bucket"}, "expected s3://bucket"),
        ({"lake_url": "s3://key:secret@bucket/x"}, "without user, password or port"),
        ({"lake_url": "s3://bucket/a//b"}, "plain names between single slashes"),
    ],
)
def test_wrong_settings_are_refused_with_what_is_expected(
    tmp_path: Path, app: dict[str, object], told: str
) -> None:
    with pytest.raises(SettingsError, match=told):
        load(tmp_path, **app)


def test_http_is_for_this_machine_or_said(tmp_path: Path) -> None:
    assert load(tmp_path / "a", storage={"endpoint": "http://127.0.0.1:9000"}).storage.endpoint
    loud = {"endpoint": "http://s3.intern:9000", "allow_http": True}
    assert load(tmp_path / "b", storage=loud).storage.endpoint == "http://s3.intern:9000"


def test_everything_is_passed_through_to_each_library() -> None:
    storage = ObjectStorage(
        endpoint="https://s3.example.com",
        region="eu-central-1",
        path_style=False,
        access_key_id="key",
        secret_access_key="secret",
        session_token="token",
        encryption="aws:kms",
        kms_key_id="arn:aws:kms:key",
        bucket_key=True,
    )
    expected = {
        "aws_region": "eu-central-1",
        "aws_endpoint_url": "https://lake.s3.example.com",
        "aws_virtual_hosted_style_request": "true",
        "aws_session_token": "token",
        "aws_server_side_encryption": "aws:kms",
        "aws_sse_kms_key_id": "arn:aws:kms:key",
        "aws_sse_bucket_key_enabled": "true",
    }

    assert expected.items() <= storage.delta_options("lake").items()
    assert expected.items() <= storage.polars_options("lake").items()
    config = storage.store(Place("lake", "x")).config
    assert config["server_side_encryption"] == "aws:kms"
    assert config["sse_kms_key_id"] == "arn:aws:kms:key"


@pytest.mark.parametrize(
    ("code", "fault", "told"),
    [
        ("RequestTimeTooSkewed", Fault.CLOCK, "clock"),
        ("ExpiredToken", Fault.CREDENTIALS, "Renew them"),
        ("PermanentRedirect", Fault.REGION, "region"),
        ("SlowDown", Fault.TRANSIENT, "It is tried again"),
    ],
)
def test_what_the_server_answers_is_told_with_what_to_do(code: str, fault: Fault, told: str) -> None:
    answer = (
        f"Server returned non-2xx status code: 400: <Error><Code>{code}</Code></Error>\n\nDebug source: x"
    )

    found, what, hint = explained(OSError(answer), Place("drop", "in"), "list")

    assert found is fault
    assert told in f"{what}. {hint}"
    assert "Debug" not in what
