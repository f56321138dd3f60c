"""What Dagster is told of concurrency: one source, `concurrency` in the settings."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster import DagsterInstance

from etl_assets.errors import SettingsError
from etl_assets.orchestration.build import build_definitions
from etl_assets.orchestration.instance import (
    MARK,
    dagster_home,
    differences,
    hand_over,
    prepare_environment,
    template_file,
    write_instance,
)
from etl_assets.settings import AppSettings, ConcurrencySettings

ROOT = Path(__file__).parents[2]
PROJECT_FILES = resources.files("etl_assets.scaffolding") / "project_files"

KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "none",
    "clusters": [{"name": "none", "cluster": {"server": "https://127.0.0.1:1"}}],
    "users": [{"name": "none", "user": {}}],
    "contexts": [{"name": "none", "context": {"cluster": "none", "user": "none"}}],
}


def settings_of(
    tmp_path: Path, template: str = "telemetry: {enabled: false}\n", **concurrency: Any
) -> AppSettings:
    config = tmp_path / "config"
    config.mkdir(exist_ok=True)
    (tmp_path / "dagster.yaml").write_text(template)
    return AppSettings(
        home=tmp_path / "var",
        config_dir=config,
        concurrency=ConcurrencySettings.model_validate(concurrency),
    )


def written(settings: AppSettings) -> dict[str, Any]:
    home = dagster_home(settings, {})
    assert write_instance(settings, home)
    found: dict[str, Any] = yaml.safe_load((home / "dagster.yaml").read_text())
    return found


@pytest.mark.parametrize(
    "template",
    [ROOT / "dagster.yaml", ROOT / "config" / "dagster.production.yaml", PROJECT_FILES / "dagster.yaml"],
    ids=["ours", "production", "a new project's"],
)
def test_what_is_shipped_says_what_the_defaults_say(template: Path, tmp_path: Path) -> None:
    text = template.read_text()
    settings = settings_of(tmp_path, text)

    assert written(settings) == yaml.safe_load(text)
    assert (settings.dagster_home / "dagster.yaml").read_text().endswith(text), "its comments stay"


def test_limits_go_over_the_projects_file_and_the_rest_stays(tmp_path: Path) -> None:
    template = (
        "nux: {enabled: false}\nconcurrency: {runs: {max_concurrent_runs: 9, tag_concurrency_limits: []}}\n"
    )
    settings = settings_of(tmp_path, template, max_runs=5)

    found = written(settings)

    assert found["nux"] == {"enabled": False}
    assert found["concurrency"]["runs"] == {"max_concurrent_runs": 5, "tag_concurrency_limits": []}
    assert found["concurrency"]["pools"] == {"granularity": "run", "default_limit": 1}
    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 5


def test_a_changed_setting_is_written_anew_and_the_same_one_is_not(tmp_path: Path) -> None:
    written(settings_of(tmp_path))
    file = tmp_path / "var" / "dagster" / "dagster.yaml"
    before = file.stat().st_ino
    written(settings_of(tmp_path))
    assert file.stat().st_ino == before

    changed = settings_of(tmp_path, max_runs=7)

    assert "max_concurrent_runs is 2, concurrency wants 7" in differences(changed, changed.dagster_home)[0]
    assert written(changed)["concurrency"]["runs"]["max_concurrent_runs"] == 7
    assert differences(changed, changed.dagster_home) == []


def test_a_file_of_somebody_elses_is_left_alone(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    home = settings.dagster_home
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text("concurrency: {runs: {max_concurrent_runs: 25}}\n")

    assert not write_instance(settings, home)

    assert "25" in (home / "dagster.yaml").read_text()
    assert any("25, concurrency wants 2" in one for one in differences(settings, home))


def test_a_mere_copy_of_the_projects_file_is_not(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    settings.dagster_home.mkdir(parents=True)
    (settings.dagster_home / "dagster.yaml").write_text((tmp_path / "dagster.yaml").read_text())

    assert write_instance(settings, settings.dagster_home)
    assert (settings.dagster_home / "dagster.yaml").read_text().startswith(MARK)


def test_the_file_of_the_environment_goes_first(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    own = settings.config_dir / "dagster.production.yaml"
    own.write_text("nux: {enabled: false}\n")

    assert template_file(settings) == tmp_path / "dagster.yaml"
    assert template_file(settings.model_copy(update={"environment": "production"})) == own


def test_a_broken_file_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        written(settings_of(tmp_path, "telemetry: {enabled: false}\nnux: [\n"))
    assert caught.value.where["line"] == 3


def test_commands_of_dagster_find_the_home_of_the_settings(tmp_path: Path) -> None:
    environ = {"DAGSTER_HOME": ""}
    assert hand_over(settings_of(tmp_path), environ) == tmp_path / "var" / "dagster"
    assert environ["DAGSTER_HOME"] == str(tmp_path / "var" / "dagster")
    assert hand_over(settings_of(tmp_path), {"DAGSTER_HOME": "/elsewhere"}) == Path("/elsewhere")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+psycopg2"])
def test_the_driver_of_dagsters_storage_is_named(scheme: str) -> None:
    environ = {"DAGSTER_PG_URL": f"{scheme}://u:p@h/d?sslmode=verify-full"}
    prepare_environment(environ)
    assert environ["DAGSTER_PG_URL"] == "postgresql+psycopg2://u:p@h/d?sslmode=verify-full"


# --- other launchers and executors, loaded as far as it goes without a cluster ----------------------------


def test_the_launcher_of_kubernetes_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("dagster_k8s", reason="pip install 'etl-assets[k8s]'")
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(KUBECONFIG))
    config = {
        "service_account_name": "etl-run",
        "instance_config_map": "etl-instance",
        "job_namespace": "etl",
        "job_image": "etl-assets:1",
        "load_incluster_config": False,
        "kubeconfig_file": str(kubeconfig),
        "run_k8s_config": {"container_config": {"resources": {"limits": {"cpu": "2", "memory": "4Gi"}}}},
    }
    settings = settings_of(tmp_path, launcher="k8s", launcher_config=config, executor="k8s")
    written(settings)

    with DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        assert type(instance.run_launcher).__name__ == "K8sRunLauncher"
        assert instance.run_launcher.job_namespace == "etl"
    assert build_definitions(settings, {}).executor.name == "k8s"


@pytest.mark.parametrize(
    ("executor", "name"), [("in_process", "in_process"), ("multiprocess", "multiprocess"), ("ecs", "ecs")]
)
def test_the_executor_is_a_setting(tmp_path: Path, executor: str, name: str) -> None:
    definitions = build_definitions(settings_of(tmp_path, executor=executor), {})
    assert definitions.executor is not None
    assert definitions.executor.name == name


def test_a_launchers_configuration_without_one_is_refused() -> None:
    with pytest.raises(ValueError, match="goes with launcher"):
        ConcurrencySettings(launcher_config={"container_name": "run"})


@pytest.mark.parametrize(
    ("said", "processes"),
    [
        ({"max_runs": 3}, 3),
        ({"max_runs": 3, "executor": "multiprocess", "max_processes": 4}, 12),
        ({"max_runs": 3, "launcher": "ecs"}, 1),
        ({"max_runs": 3, "launcher": "k8s", "executor": "multiprocess", "max_processes": 4}, 4),
        ({"max_runs": 3, "launcher": "k8s", "executor": "k8s", "max_processes": 4}, 1),
    ],
)
def test_how_many_share_a_machine(said: dict[str, Any], processes: int) -> None:
    assert ConcurrencySettings.model_validate(said).processes_per_machine == processes
