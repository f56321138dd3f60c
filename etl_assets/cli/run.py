"""`dq run`: build what was delivered, now and here."""

from __future__ import annotations

import contextlib
import sys
import warnings
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import typer

from etl_assets.cli import context
from etl_assets.cli.options import DatasetName, Json
from etl_assets.cli.output import counted, lines, listed, messages, plain, print_json, results
from etl_assets.cli.problems import ExitCode
from etl_assets.cli.teaching import with_examples

if TYPE_CHECKING:
    from etl_assets.contracts.dataset import TableId
    from etl_assets.orchestration.local_run import LocalRun
    from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
    from etl_assets.pipeline.status import DatasetStatus
    from etl_assets.settings import AppSettings

    Progress = Callable[[str, "TableId | None", int, int], None]


@with_examples
def run(dataset: DatasetName, json: Json = False) -> None:
    """Build what was delivered and is not built yet; show the scorecard.

    Looks into the staging area and runs what is pending through Dagster, in
    this process. Running again does nothing and says so; after a failure it
    does exactly what is left. A partition whose gate closes keeps its last
    good version, the others go through. Under `make ui` the sensor does all
    this by itself.

    Examples:
      dq run retail
      dq run retail --json | jq '.tables[] | {table, score}'

    Exit codes: 0 done or nothing to do, 1 a gate is closed or a delivery is on
    hold, 2 wrong use or settings, 3 something broke.
    """
    settings = context.open_settings()
    pipeline = context.open_pipeline(settings, dataset)
    code = run_and_report(settings, pipeline, json=json)
    raise typer.Exit(code)


def run_and_report(settings: AppSettings, pipeline: DatasetPipeline, *, json: bool) -> ExitCode:
    """Run a dataset, print what came of it, and return how to exit."""
    from etl_assets.cli.decisions_told import print_still_refused, refused_as_json
    from etl_assets.orchestration.local_run import run_dataset
    from etl_assets.pipeline.decision_audit import audit, with_still_refused
    from etl_assets.pipeline.status import dataset_status

    with _progress(settings) as progress:
        done = run_dataset(pipeline.dataset, settings, progress=progress)
    status = dataset_status(pipeline)
    code = _exit_code(pipeline, done, status)
    # Where something broke the lake may be out of reach, and corrections may not be built.
    audited = [] if code is ExitCode.BROKEN else with_still_refused(pipeline, audit(pipeline))
    if json:
        refused = [refused_as_json(one.still_refused) for one in audited if one.still_refused]
        print_json(_as_json(done, status) | {"still_refused": refused})
    else:
        _print(pipeline, done, status)
        print_still_refused(results(), audited)
    return code


# -- while it works ---------------------------------------------------------------------------


@contextlib.contextmanager
def _progress(settings: AppSettings) -> Iterator[Progress]:
    """Show bars on standard error, where that is a terminal; of the log only what is wrong.

    A log for machines says all that it always says.
    """
    console = messages()
    # Nothing that Dagster or a library prints may get between the results.
    with contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")  # Dagster's remarks on its own preview features
        if settings.log.format == "json":
            yield lambda *_: None
            return
        if not console.is_terminal:
            with _only_what_is_wrong(settings):
                yield lambda *_: None
            return
        from etl_assets.cli.bars import Bars

        # In this order: lines of the log go above the bars.
        with Bars(console) as bars, _only_what_is_wrong(settings):
            yield bars.tell


@contextlib.contextmanager
def _only_what_is_wrong(settings: AppSettings) -> Iterator[None]:
    """How it goes on is shown by bars, and what came of it by the scorecard."""
    from etl_assets import logs

    level = "error" if settings.log.level == "error" else "warning"
    logs.configure(settings.log.format, level, secrets=settings.secrets)
    try:
        yield
    finally:
        logs.configure(settings.log.format, settings.log.level, secrets=settings.secrets)


# -- afterwards -------------------------------------------------------------------------------


def _exit_code(pipeline: DatasetPipeline, done: LocalRun, status: DatasetStatus) -> ExitCode:
    if done.waiting or any(not run.success and _broke(pipeline, run.run_id) for run in done.runs):
        return ExitCode.BROKEN
    failed = any(table.waiting for table in status.tables)
    return ExitCode.DATA if status.troubled or failed else ExitCode.DONE


def _broke(pipeline: DatasetPipeline, run_id: str) -> bool:
    """Whether a run that failed did so for another reason than its data."""
    recorded = pipeline.ledger.validations_of_run(run_id)
    failed = [one for one in pipeline.ledger.writings_of_run(run_id) if one.outcome == "failed"]
    if failed and all(one.error_kind in ("configuration", "data") for one in failed):
        return False  # somebody has to set the destination right
    if any(one.outcome == "failed" and one.error_class not in _DATA_ERRORS for one in recorded):
        return True
    return not any(one.outcome in ("held", "failed") for one in recorded)


_DATA_ERRORS = ("StagingError", "VanishedError", "ChangedError")


def _print(pipeline: DatasetPipeline, done: LocalRun, status: DatasetStatus) -> None:
    from etl_assets.cli.scorecard import print_scorecard

    console = results()
    if done.nothing_to_do and not done.waiting:
        told = "nothing to do: everything that was delivered is built"
        if not status.has_data:
            told = "nothing to do: nothing was delivered yet"
        elif status.troubled:
            told = "nothing to do until somebody looks at what is below"
        console.print(f"{done.dataset}: {told}", soft_wrap=True)
    for run in done.runs:
        mark = ("completed", "green") if run.success else ("failed", "bold red")
        periods = counted(len(run.periods), "partition") if run.periods else "whole tables"
        written = [counted(len(run.publications), "publication")] if run.publications else []
        told = ", ".join([periods, counted(len(run.tables), "table"), *written])
        console.print(f"run {run.run_id[:8]} ", mark[0], f": {told}", sep="", style=mark[1], soft_wrap=True)
        if run.error and _broke(pipeline, run.run_id):
            console.print(lines("  " + run.error), soft_wrap=True)
    for reason in done.waiting:
        console.print(f"not run: {plain(reason)}", style="red", soft_wrap=True)
    if done.unsettled:
        console.print(f"still being written, left for the next run: {listed(done.unsettled)}", soft_wrap=True)
    console.print()
    print_scorecard(console, status, staging=pipeline.area.url)


def _as_json(done: LocalRun, status: DatasetStatus) -> dict[str, Any]:
    from etl_assets.cli.status import as_json

    return {
        "dataset": done.dataset,
        "nothing_to_do": done.nothing_to_do,
        "runs": [
            {
                "id": run.run_id,
                "success": run.success,
                "tables": [str(table) for table in run.tables],
                "partitions": list(run.periods),
                "publications": list(run.publications),
                "error": run.error,
            }
            for run in done.runs
        ],
        "waiting": list(done.waiting),
        "unsettled": list(done.unsettled),
        "tables": [as_json(table, status) for table in status.tables],
    }
