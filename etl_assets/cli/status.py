"""`dq status`: how good each table is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from etl_assets.cli import context
from etl_assets.cli.circuits import as_json as circuit_as_json
from etl_assets.cli.circuits import count_as_json
from etl_assets.cli.options import AnyDataset, Json
from etl_assets.cli.output import iso, print_json, results
from etl_assets.cli.problems import ExitCode
from etl_assets.cli.teaching import with_examples

if TYPE_CHECKING:
    from etl_assets.pipeline.pending import PartitionStanding
    from etl_assets.pipeline.publications import PublicationStanding
    from etl_assets.pipeline.status import DatasetStatus, TableStatus


@with_examples
def status(
    dataset: AnyDataset = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check",
            help="Exit with 1 where a gate is closed, a delivery on hold or a circuit open, "
            "2 if a dataset is broken.",
        ),
    ] = False,
    json: Json = False,
) -> None:
    """Show how good each table is, and what stands in its way.

    A score is the weighted mean of the pass rates of a contract's rules, over
    all that is published now, in percent and rounded down. Nothing evaluated
    is unknown (?), never 100. Rows in = accepted + quarantined + duplicates.

    Examples:
      dq status                    every dataset
      dq status retail             one of them
      dq status retail --check     for a monitor: exit code 1 on data trouble
      dq status --json | jq '.[] | select(.gates_closed > 0)'
    """
    from etl_assets.pipeline.status import dataset_status

    settings = context.open_settings()
    pipelines = context.open_pipelines(settings, dataset)
    found = [dataset_status(pipeline) for pipeline in pipelines.values()]
    if json:
        print_json([as_json(table, one) for one in found for table in one.tables])
    else:
        _print(found, {name: pipeline.area.url for name, pipeline in pipelines.items()})
    enabled = [name for name, own in settings.datasets.items() if own.enabled]
    if check and dataset is None and (settings.broken_datasets or len(enabled) > len(pipelines)):
        raise typer.Exit(ExitCode.WRONG_USE)
    if check and any(one.troubled for one in found):
        raise typer.Exit(ExitCode.DATA)


def _print(found: list[DatasetStatus], staging: dict[str, str]) -> None:
    from etl_assets.cli.scorecard import print_scorecard

    console = results()
    for number, one in enumerate(found):
        if number:
            console.print()
        print_scorecard(console, one, staging=staging[one.dataset])
    if not found:
        console.print("There is no enabled dataset: see config/datasets/.")


def as_json(table: TableStatus, dataset: DatasetStatus) -> dict[str, Any]:
    """One table as `dq status --json` shows it; others rely on these names."""
    is_bronze = table.table.layer == "bronze"
    return {
        "dataset": table.dataset,
        "layer": str(table.table.layer),
        "table": table.table.name,
        "partitions": table.partitions,
        "rows_read": table.rows.rows_read,
        "rows_in": table.rows.rows_in,
        "accepted": table.rows.accepted,
        "quarantined": table.rows.quarantined,
        "duplicates": table.rows.duplicates,
        "unreadable": table.rows.unreadable,
        "score": table.score,
        "row_score": table.rows.row_score,
        "dimensions": {str(one.dimension): one.score for one in table.dimensions},
        "verdicts": {str(one.dimension): str(one.verdict) for one in table.dimensions},
        "thresholds": {
            str(one.dimension): {"warn": one.threshold.warn, "fail": one.threshold.fail}
            for one in table.dimensions
        },
        "tolerance": table.tolerance,
        "gates_closed": len(table.held),
        "pending": len(table.pending),
        "missing": len(table.missing),
        "last_published_at": iso(table.last_published_at),
        "held": [_reasoned(one) for one in table.held],
        "failed": [_reasoned(one) for one in table.failed],
        "waiting": [_reasoned(one) for one in table.waiting],
        "blocked": len(table.blocked),
        "rows_waiting": [
            {
                "period": one.period,
                "rows": one.rows,
                "waits_for": [str(table) for table in one.waits_for],
                "since": iso(one.since),
                "overdue": one.overdue,
            }
            for one in dataset.rows_waiting
            if one.table == table.table
        ],
        "on_hold": [
            {"delivery": one.id, "key": one.key, "reason": one.reason}
            for one in dataset.on_hold
            if is_bronze and one.table == table.table.name
        ],
        "circuits": [circuit_as_json(one) for one in dataset.circuits] if is_bronze else [],
        "errors": [count_as_json(one) for one in dataset.errors] if is_bronze else [],
        "publications": [
            publication_as_json(one) for one in dataset.publications if one.publication.table == table.table
        ],
        "broken_rules": [
            {
                "rule": one.rule,
                "dimension": str(one.dimension),
                "severity": str(one.severity),
                "evaluated": one.evaluated,
                "failed": one.failed,
            }
            for one in table.broken
        ],
    }


def _reasoned(standing: PartitionStanding) -> dict[str, str]:
    return {"partition": standing.period, "reason": standing.reason}


def publication_as_json(one: PublicationStanding) -> dict[str, Any]:
    """One publication as `--json` shows it; others rely on these names."""
    written = one.history.written
    return {
        "publication": one.name,
        "table": str(one.publication.table),
        "to": one.publication.destination.kind,
        "place": one.publication.destination.place,
        "standing": str(one.standing),
        "reason": one.reason,
        "rows": written.rows if written else None,
        "written_at": iso(written.ended_at) if written else None,
        "state_id": written.state_id if written else None,
        "run": written.run_id if written else None,
    }
