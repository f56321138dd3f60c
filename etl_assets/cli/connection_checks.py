"""What `dq doctor` asks of what lies elsewhere. Each answer is waited for so long and no longer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from etl_assets.cli.findings import Finding, Look, State, ok, wrong
from etl_assets.cli.output import counted
from etl_assets.deadline import NoAnswerError, within
from etl_assets.errors import EtlError

if TYPE_CHECKING:
    from etl_assets.ledger.ledger import Ledger
    from etl_assets.object_storage import ObjectStorage
    from etl_assets.settings import AppSettings

T = TypeVar("T")

PATIENCE_SECONDS = 15.0

CLOCK_SECONDS = 5.0
"""Clocks that differ by more make times in the ledger, the logs and the sources hard to compare."""

REFUSED_SECONDS = 15 * 60.0
"""S3 refuses what was signed by a clock that differs by more."""


def asked(area: str, what: str, hint: str, look: Callable[[], Iterator[Finding]]) -> Look:
    """Look at something that may never answer.

    Args:
        area: Where the finding is shown.
        what: What is asked, for the finding that it did not answer.
        hint: What to do then.
        look: The look.
    """
    try:
        yield from within(PATIENCE_SECONDS, lambda: list(look()))
    except NoAnswerError as error:
        yield Finding(area, State.WRONG, f"{what}: {error}", hint)
    except EtlError as error:
        yield wrong(area, error, what)
    except OSError as error:
        yield Finding(area, State.WRONG, f"{what}: {error.strerror or error}", hint)


def staging_areas(settings: AppSettings) -> Look:
    """Can each staging area be listed?"""
    for name, dataset in settings.datasets.items():
        if dataset.enabled:
            hint = f"Is the server up that keeps {settings.staging_url(name)}?"
            yield from asked("folders", name, hint, lambda name=name: _staging(settings, name))  # type: ignore[misc]


def _staging(settings: AppSettings, name: str) -> Look:
    from etl_assets.staging.area import StagingFolder
    from etl_assets.staging.opening import open_area

    area = open_area(settings.staging_url(name), settings.object_storage)
    if isinstance(area, StagingFolder) and not area.root.exists():
        hint = f"Make it and put files there: mkdir -p {area.root}"
        yield Finding("folders", State.WARNING, f"{name}: no staging folder yet", hint)
        return
    # Of a bucket one page says whether it can be listed.
    problems = area.list(limit=1).problems
    if problems:
        told = "; ".join(f"{one.key or area.url}: {one.message}" for one in problems[:3])
        state = State.WRONG if any(not one.key for one in problems) else State.WARNING
        yield Finding("folders", state, f"{name}: {counted(len(problems), 'object')} can't be read: {told}")
        return
    yield ok("folders", f"{name}: staging {area.url}")


def lake(settings: AppSettings) -> Look:
    """Can tables be written? A test object is written and removed."""
    hint = f"Is the server up that keeps {settings.lake}?"
    yield from asked("lake", settings.lake, hint, lambda: _lake(settings))


def _lake(settings: AppSettings) -> Look:
    from etl_assets.lake.places import BucketPath, lake_path
    from etl_assets.lake.probing import check_writable

    root = lake_path(settings.lake, settings.object_storage)
    check_writable(root)
    commits = "; of two writers one is refused" if isinstance(root, BucketPath) else ""
    yield ok("lake", f"{root} can be written to{commits}")


def databases(settings: AppSettings) -> Look:
    """Does each database of the section `connections` let us in?"""
    for name in settings.connections:
        hint = f"Check host and port of connections.{name}, and the network in between"
        yield from asked("databases", name, hint, lambda name=name: _database(settings, name))  # type: ignore[misc]


def _database(settings: AppSettings, name: str) -> Look:
    connection = settings.connection(name)
    sent = datetime.now(UTC)
    told = connection.probe()
    yield ok("databases", f"{name}: {connection.shown}, {told}")
    with connection.transaction() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        row = cursor.fetchone()
    if row:
        yield from _clock(f"the database {name}", sent, row[0])


# -- clocks -----------------------------------------------------------------------------------


def clocks(settings: AppSettings) -> Look:
    """Does this machine's clock agree with that of the object storage and of the ledger's server?"""
    from etl_assets.object_storage import is_s3

    places = [settings.lake, *(settings.staging_url(name) for name in settings.datasets)]
    if any(is_s3(one) for one in places):
        storage = settings.object_storage
        yield from asked("clocks", "the object storage", "", lambda: _storage_clock(storage))


def _storage_clock(storage: ObjectStorage) -> Look:
    sent = datetime.now(UTC)
    found = storage.server_time()
    if found is not None:
        # A Date header has whole seconds.
        yield from _clock("the object storage", sent, found, blur=timedelta(seconds=1), signed=True)


def ledger_clock(ledger: Ledger) -> Look:
    """Does this machine's clock agree with the ledger's server's? A file has none of its own."""
    sent = datetime.now(UTC)
    found = ledger.server_time()
    if found is not None:
        yield from _clock("the ledger's server", sent, found)


def _clock(
    whose: str, sent: datetime, said: datetime, *, blur: timedelta = timedelta(), signed: bool = False
) -> Look:
    """Compare a clock with ours: it was read at some moment between the question and the answer."""
    received = datetime.now(UTC)
    off = max(sent - said - blur, said - received - blur, timedelta()).total_seconds()
    if off <= CLOCK_SECONDS:
        yield ok("clocks", f"this machine and {whose} agree")
        return
    way = "behind" if said > received else "ahead of"
    told = f"this machine's clock is {off:,.0f} s {way} that of {whose}"
    hint = "Set the clock of this machine, with NTP for instance; else let who runs the other set theirs"
    refused = signed and off > REFUSED_SECONDS
    yield Finding("clocks", State.WRONG if refused else State.WARNING, told, hint)


# -- Dagster, disks, circuits -----------------------------------------------------------------


def dagster_storage(home: Path) -> Look:
    """Can Dagster's own runs and events be read?"""
    if (home / "dagster.yaml").exists():
        hint = f"Check the section storage of {home / 'dagster.yaml'}, and the server that it names"
        yield from asked("dagster", "its storage", hint, lambda: _dagster_storage(home))


def _dagster_storage(home: Path) -> Look:
    from etl_assets.orchestration.instance_check import check_storage

    yield ok("dagster", f"storage {check_storage(home)}")


def circuits(ledger: Ledger) -> Look:
    """What is sick just now, by what runs and looks have found."""
    from etl_assets.pipeline.health import describe

    for one in ledger.circuits():
        if not one.is_closed:
            hint = f"Mend it: it is probed by itself; `dq circuits reset {one.dataset}` probes at once"
            yield Finding("circuits", State.WARNING, f"{one.dataset}: {describe(one)}", hint)
