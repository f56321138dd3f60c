# No postponed annotations: Dagster reads that of `context`.
"""What Dagster is given of S3: a client for assets of one's own, and the place of what steps print."""

from collections.abc import Callable
from pathlib import Path

import dagster as dg
import pytest
import yaml

from etl_assets.object_storage import Place
from etl_assets.orchestration.build import build_definitions
from etl_assets.settings import load_settings
from etl_assets_tests.s3.server import KEY, SECRET, Server

ROOT = Path(__file__).parents[2]


def test_without_buckets_there_is_no_client(tmp_path: Path) -> None:
    definitions = build_definitions(load_settings(ROOT / "config", {"ETL_HOME": str(tmp_path)}), {})

    assert set(definitions.resources or {}) == {"pipelines"}


@pytest.mark.slow
def test_assets_of_ones_own_get_a_client(
    server: Server, make_place: Callable[..., Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_place()
    environment = server.environment() | {
        "ETL_HOME": str(tmp_path),
        "ETL_LAKE_URL": f"s3://{place.bucket}/lake",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    @dg.asset(required_resource_keys={"s3"})
    def report(context: dg.AssetExecutionContext) -> None:
        context.resources.s3.put_object(Bucket=place.bucket, Key="report.txt", Body=b"all is well")

    ours = build_definitions(load_settings(ROOT / "config", environment), {})
    resource = (ours.resources or {})["s3"]
    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([report], resources={"s3": resource}, instance=instance)
        events = "".join(str(one) for one in instance.all_logs(result.run_id))

    assert result.success
    body = server.client().get_object(Bucket=place.bucket, Key="report.txt")["Body"].read()
    assert body == b"all is well"
    assert SECRET not in events
    assert SECRET not in repr(resource)


@pytest.mark.slow
def test_what_steps_print_is_in_the_bucket(
    server: Server, make_place: Callable[..., Place], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = make_place()
    template = yaml.safe_load((ROOT / "config" / "dagster.production.yaml").read_text())
    del template["storage"]  # PostgreSQL, of which this is no test
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump(template))
    for name, value in {
        "DAGSTER_LOGS_BUCKET": place.bucket,
        "DAGSTER_LOGS_PREFIX": "logs",
        "AWS_ENDPOINT_URL_S3": server.endpoint,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
    }.items():
        monkeypatch.setenv(name, value)

    @dg.asset
    def talkative() -> None:
        print("said by a step")

    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert dg.materialize([talkative], instance=instance).success

    client = server.client()
    keys = [one["Key"] for one in client.list_objects_v2(Bucket=place.bucket, Prefix="logs/")["Contents"]]
    texts = [client.get_object(Bucket=place.bucket, Key=key)["Body"].read() for key in keys]
    assert any(b"said by a step" in text for text in texts)
