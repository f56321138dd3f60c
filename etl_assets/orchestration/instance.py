"""Dagster's own settings, `dagster.yaml`: the project's file, with what `concurrency` says laid over it."""

from __future__ import annotations

import os
from collections.abc import Mapping, MutableMapping
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import yaml

from etl_assets.errors import SettingsError
from etl_assets.settings import AppSettings
from etl_assets.settings.secrets import export_secrets

MARK = "# Written by dq"
STORAGE_VARIABLE = "DAGSTER_PG_URL"
"""Where Dagster keeps runs, events and schedules, in config/dagster.production.yaml."""
_HEADER = f"""\
{MARK} from {{template}} and the section `concurrency` of app.yaml.
# Changes here are lost: change those, and start Dagster again.

"""

_LAUNCHERS = {
    "ecs": {"module": "dagster_aws.ecs", "class": "EcsRunLauncher"},
    "k8s": {"module": "dagster_k8s", "class": "K8sRunLauncher"},
}


def dagster_home(settings: AppSettings, environ: Mapping[str, str] | None = None) -> Path:
    """Return Dagster's home: DAGSTER_HOME, or `dagster` in ETL_HOME. Empty is unset."""
    said = (os.environ if environ is None else environ).get("DAGSTER_HOME")
    return Path(said or settings.dagster_home)


def template_file(settings: AppSettings) -> Path | None:
    """Return the project's file: `config/dagster.<environment>.yaml`, else `dagster.yaml` beside `config`."""
    own = settings.config_dir / f"dagster.{settings.environment}.yaml"
    return next((file for file in (own, settings.project_dir / "dagster.yaml") if file.is_file()), None)


def instance_text(settings: AppSettings, template: Path) -> str:
    """Return what Dagster is to be told: the project's file, with our settings laid over it.

    Raises:
        SettingsError: The file is no YAML, or says itself how runs are launched.
    """
    text = template.read_text(encoding="utf-8")
    said = _parsed(text, template)
    whole = _laid_over(said, settings)
    header = _HEADER.format(template=template)
    # Where it says the same already, its comments stay.
    return header + (text if whole == said else yaml.safe_dump(whole, sort_keys=False, width=110))


def write_instance(settings: AppSettings, home: Path) -> bool:
    """Write `dagster.yaml` into Dagster's home, unless somebody else's is there.

    Returns:
        False if what is there was left alone.

    Raises:
        SettingsError: It can't be written.
    """
    if (template := template_file(settings)) is None:
        return True
    file = home / "dagster.yaml"
    text = instance_text(settings, template)
    try:
        there = file.read_text(encoding="utf-8") if file.exists() else None
        if there == text:
            return True
        if there is not None and not there.startswith(MARK) and there != template.read_text(encoding="utf-8"):
            return False
        home.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile("w", dir=home, prefix=".dagster-", delete=False, encoding="utf-8") as new:
            new.write(text)
        Path(new.name).chmod(0o644)
        Path(new.name).replace(file)
    except OSError as error:
        raise SettingsError(
            f"Dagster's settings can't be written: {error.strerror}",
            where={"file": file},
            hint="Set DAGSTER_HOME to a folder that this user may write to",
        ) from None
    return True


def differences(settings: AppSettings, home: Path) -> list[str]:
    """Tell where `dagster.yaml` in Dagster's home says otherwise than our settings."""
    file = home / "dagster.yaml"
    if not file.is_file():
        return []
    said = _parsed(file.read_text(encoding="utf-8"), file)
    wanted = _laid_over(said, settings)
    return [
        f"{key} is {_shown(said, key)}, concurrency wants {_shown(wanted, key)}"
        for key in ("concurrency.runs.max_concurrent_runs", "concurrency.pools", "run_launcher")
        if _at(said, key) != _at(wanted, key)
    ]


def hand_over(settings: AppSettings, environ: MutableMapping[str, str]) -> Path:
    """Set the variables that Dagster's own commands need; return its home."""
    home = dagster_home(settings, environ).absolute()
    environ["DAGSTER_HOME"] = str(home)
    prepare_environment(environ)
    return home


def prepare_environment(environ: MutableMapping[str, str]) -> None:
    """Set what `dagster.yaml` asks of the environment: secrets from files, a URL that names its driver."""
    export_secrets(environ)
    environ.setdefault("DAGSTER_DISABLE_TELEMETRY", "1")
    scheme, colon, rest = environ.get(STORAGE_VARIABLE, "").partition("://")
    if scheme in ("postgres", "postgresql"):
        # Dagster hands it to SQLAlchemy, whose own default since 2.1 is a driver that Dagster does not bring.
        environ[STORAGE_VARIABLE] = f"postgresql+psycopg2{colon}{rest}"


def _parsed(text: str, file: Path) -> dict[str, Any]:
    try:
        said = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = {"line": mark.line + 1} if mark else {}
        raise SettingsError("This is no YAML", where={"file": file, **line}, hint="Correct it") from None
    if not isinstance(said, dict):
        raise SettingsError(
            "Dagster's settings are a mapping", where={"file": file}, hint="See dagster.yaml of etl_assets"
        )
    return said


def _laid_over(said: Mapping[str, Any], settings: AppSettings) -> dict[str, Any]:
    own = settings.concurrency
    concurrency = said.get("concurrency") or {}
    runs = {**(concurrency.get("runs") or {}), "max_concurrent_runs": own.max_runs}
    # A dataset is built by one run at a time, which is what its pool is for.
    pools = {**(concurrency.get("pools") or {}), "granularity": "run", "default_limit": 1}
    whole = {**said, "concurrency": {**concurrency, "pools": pools, "runs": runs}}
    if launcher := _LAUNCHERS.get(own.launcher):
        whole["run_launcher"] = {**launcher, "config": own.launcher_config}
    return whole


def _at(values: Mapping[str, Any], key: str) -> Any:
    here: Any = values
    for part in key.split("."):
        here = here.get(part) if isinstance(here, Mapping) else None
    return here


def _shown(values: Mapping[str, Any], key: str) -> str:
    found = _at(values, key)
    # A launcher's configuration may be long, and hold what is nobody's business.
    return str(found.get("class", found) if isinstance(found, Mapping) else found)
