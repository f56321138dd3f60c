"""What `dq doctor` looks at. Each look is on its own: one that fails is a finding, not the end."""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from etl_assets.cli import connection_checks as checks
from etl_assets.cli import context
from etl_assets.cli.findings import Finding, Look, State, ok, wrong
from etl_assets.cli.output import counted, listed, moment, size
from etl_assets.errors import EtlError

if TYPE_CHECKING:
    from etl_assets.datasets import Place
    from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
    from etl_assets.project import Project
    from etl_assets.settings import AppSettings

PACKAGES = (
    "dagster",
    "dagster-webserver",
    "dagster-aws",
    "dagster-postgres",
    "polars",
    "pandera",
    "deltalake",
    "sqlalchemy",
    "typer",
)
LOW_DISK_BYTES = 1_000_000_000

LEDGER_HINT = "Is the ledger's server up, and can it be reached from here? See ETL_LEDGER_URL"


def examine() -> list[Finding]:
    """Look at everything; what can't be looked at without settings is left out where these are wrong."""
    from etl_assets.orchestration.pipelines import load_pipelines
    from etl_assets.project import load_project

    found = [*_safely("versions", _versions)]
    try:
        settings = context.open_settings()
    except EtlError as error:
        return [*found, wrong("settings", error)]
    found.append(ok("settings", f"read from {settings.config_dir}, environment {settings.environment}"))
    try:
        project = load_project(settings)
    except EtlError as error:
        return [*found, wrong("settings", error)]
    found += _datasets(project)
    surroundings = [
        *_safely("folders", lambda: _folders(settings)),
        *_safely("databases", lambda: checks.databases(settings)),
        *checks.asked("ledger", "the ledger", LEDGER_HINT, lambda: _ledger(settings)),
        *_safely("dagster", lambda: _dagster(settings)),
        *_safely("clocks", lambda: checks.clocks(settings)),
        *_safely("lake", lambda: checks.lake(settings)),
    ]
    found += surroundings
    if _ledger_exists(settings) and not any(one.state is State.WRONG for one in surroundings):
        for pipeline in load_pipelines(settings, project.datasets).values():
            found += _safely("lake", lambda pipeline=pipeline: _lake(pipeline))  # type: ignore[misc]
    return found


def _safely(area: str, look: Callable[[], Look]) -> Look:
    try:
        yield from look()
    except EtlError as error:
        yield wrong(area, error)
    except OSError as error:
        yield Finding(area, State.WRONG, f"{error.strerror}: {error.filename}")


# -- versions ---------------------------------------------------------------------------------


def _versions() -> Look:
    yield _python()
    pins = _pins()
    shown, other = [], []
    for name in PACKAGES:
        try:
            version = metadata.version(name)
        except metadata.PackageNotFoundError:
            yield Finding("versions", State.WRONG, f"{name} is not installed", "Install it: make setup")
            continue
        shown.append(f"{name} {version}")
        if pins.get(name, version) != version:
            other.append(f"{name} {version} (tested with {pins[name]})")
    yield ok("versions", ", ".join(shown))
    if other:
        hint = "If something behaves oddly, install the tested ones: pip install -c constraints.txt -e ."
        yield Finding("versions", State.WARNING, f"other versions than tested: {', '.join(other)}", hint)


def _python() -> Finding:
    told = f"Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    if (3, 11) <= sys.version_info[:2] < (3, 15):
        return ok("versions", told)
    return Finding("versions", State.WRONG, told, "Python 3.11 to 3.14 is needed")


def _pins() -> dict[str, str]:
    """The versions that were tested together, where the project's own folder is at hand."""
    file = Path(__file__).parents[2] / "constraints.txt"
    if not file.is_file():
        return {}
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)$", file.read_text(encoding="utf-8"), re.MULTILINE))


# -- settings and folders ---------------------------------------------------------------------


def _datasets(project: Project) -> Look:
    from etl_assets.contracts.rules import compile_contract
    from etl_assets.datasets import find_datasets

    settings = project.settings
    found = find_datasets(settings.folders)
    for name, dataset in project.datasets.items():
        rules = sum(len(compile_contract(table.contract).rules) for table in dataset.tables)
        told = f"{name}: {counted(len(dataset.tables), 'table')}, {counted(rules, 'rule')}"
        place, *others = found[name]
        hidden = f", and not from {' or '.join(map(str, others))}" if others else ""
        yield ok("settings", f"{told}, from {place}{hidden}")
    for name, error in project.failures.items():
        yield wrong("settings", error, name)
    if off := [name for name, one in settings.datasets.items() if not one.enabled]:
        yield Finding("settings", State.WARNING, f"not enabled: {', '.join(off)}")
    if idle := [str(places[0]) for name, places in found.items() if _is_idle(settings, name, places[0])]:
        hint = "A dataset runs once it has a file: config/datasets/<name>.yaml"
        yield Finding("settings", State.WARNING, f"datasets without settings: {', '.join(idle)}", hint)


def _is_idle(settings: AppSettings, name: str, place: Place) -> bool:
    known = name in settings.datasets or name in settings.broken_datasets
    return not known and place.kind != "built in"


def _folders(settings: AppSettings) -> Look:
    home = settings.home
    existing = next(folder for folder in (home, *home.parents) if folder.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(
            "folders", State.WRONG, f"{existing} can't be written to", "Set ETL_HOME to a folder of yours"
        )
        return
    free = shutil.disk_usage(existing).free
    told = f"home {home}" + ("" if home.exists() else " (made by the first run)") + f", {size(free)} free"
    if free < LOW_DISK_BYTES:
        yield Finding("folders", State.WARNING, told, "Make room, or set ETL_HOME to another disk")
    else:
        yield ok("folders", told)
    yield from _other_disk(settings, existing)
    yield from checks.staging_areas(settings)


def _other_disk(settings: AppSettings, home: Path) -> Look:
    """The disk of a lake that lies elsewhere."""
    lake = Path(settings.lake)
    existing = next((folder for folder in (lake, *lake.parents) if folder.exists()), home)
    if "://" in settings.lake or existing.stat().st_dev == home.stat().st_dev:
        return
    free = shutil.disk_usage(existing).free
    state = State.WARNING if free < LOW_DISK_BYTES else State.OK
    hint = "Make room, or set lake_url to another disk" if free < LOW_DISK_BYTES else ""
    yield Finding("folders", state, f"lake {lake}, {size(free)} free", hint)


# -- ledger, Dagster, lake --------------------------------------------------------------------


def _ledger_exists(settings: AppSettings) -> bool:
    from sqlalchemy import make_url

    url = make_url(settings.ledger.get_secret_value())
    return url.get_backend_name() != "sqlite" or Path(url.database or "").is_file()


def _ledger(settings: AppSettings) -> Look:
    from etl_assets.ledger.database import parse_url
    from etl_assets.ledger.processes import is_dead
    from etl_assets.ledger.schema import SCHEMA_VERSION

    parse_url(settings.ledger.get_secret_value())
    if not _ledger_exists(settings):
        yield ok("ledger", "there is none yet; the first run makes it")
        return
    with context.open_ledger(settings) as ledger:
        ledger.check_writable()
        yield ok("ledger", f"{ledger.shown_url}, schema {SCHEMA_VERSION}")
        yield from checks.ledger_clock(ledger)
        yield from checks.circuits(ledger)
        for lease in ledger.leases():
            who = f"{lease.lease.dataset}: process {lease.process.pid} on {lease.process.host}"
            if is_dead(lease.process):
                hint = "It is gone; the next run takes over by itself"
                yield Finding("ledger", State.WARNING, f"{who} left a lease behind", hint)
            else:
                yield ok("ledger", f"{who} is at work, lease until {moment(lease.expires_at)} UTC")


def _dagster(settings: AppSettings) -> Look:
    from etl_assets.orchestration.instance import dagster_home, differences

    home = dagster_home(settings)
    if not home.exists():
        yield ok("dagster", f"home {home} (made by the first run)")
    elif not os.access(home, os.W_OK | os.X_OK):
        yield Finding(
            "dagster", State.WRONG, f"home {home} can't be written to", "Check its owner and permissions"
        )
    elif not (home / "dagster.yaml").exists():
        hint = "make ui and dq exec put it there; without it Dagster's own defaults hold"
        yield Finding("dagster", State.WARNING, f"home {home} has no dagster.yaml", hint)
    elif other := differences(settings, home):
        hint = "Remove the file, and start Dagster again by dq exec or make ui: it is written anew"
        yield Finding("dagster", State.WARNING, f"{home / 'dagster.yaml'}: {'; '.join(other)}", hint)
    else:
        yield ok("dagster", f"home {home}")
    if home.exists():
        yield from checks.dagster_storage(home)


def _lake(pipeline: DatasetPipeline) -> Look:
    """Compare the rows that the tables hold, by their own count, with those that the ledger published."""
    published = pipeline.ledger.published_validations(pipeline.name)
    good = 0
    for table in pipeline.tables:
        said = {
            one.period: one.accepted
            for one in published.values()
            if (one.layer, one.table) == (table.layer, table.name)
        }
        held: dict[str, int] = {}
        files = pipeline.accepted(table).files()
        lost = pipeline.accepted(table).lost(files)
        for file in files:
            held[file.period] = held.get(file.period, 0) + file.rows
        other = sorted(
            period for period in said.keys() | held.keys() if said.get(period, 0) != held.get(period, 0)
        )
        if lost:
            hint = f"Restore them, or build anew: dq deliveries retry {pipeline.name}"
            yield Finding(
                "lake", State.WRONG, f"{pipeline.name} {table}: {counted(len(lost), 'file')} missing", hint
            )
        elif other:
            where = listed([period or "all" for period in other])
            told = f"{pipeline.name} {table}: other rows than the ledger says in {where}"
            hint = f"A run was cut off there or is at work; dq run {pipeline.name} builds it again"
            yield Finding("lake", State.WARNING, told, hint)
        else:
            good += 1
    if good:
        yield ok("lake", f"{pipeline.name}: {counted(good, 'table')} hold what the ledger says")
