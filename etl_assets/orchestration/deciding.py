# No postponed annotations: Dagster reads the annotations of ops.
"""Deciding from Dagster's UI: a job with typed config for each dataset, the same as `dq` does."""

from typing import Literal, Optional, Union
from uuid import uuid4

import dagster as dg
from pydantic import Field

from etl_assets import logs
from etl_assets.contracts.dataset import Dataset, Layer, TableId
from etl_assets.contracts.row_filter import Condition, Operator
from etl_assets.errors import DecisionError, EtlError
from etl_assets.ledger.decision_records import Decision
from etl_assets.orchestration.resources import Pipelines
from etl_assets.orchestration.tags import DATASET_TAG
from etl_assets.pipeline import deciding
from etl_assets.pipeline.choosing import Rows
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.deciding import Author, Proposal
from etl_assets.pipeline.personal import is_personal


class Where(dg.Config):
    """A cell, as delivered, compared."""

    column: str
    operator: Operator = Field(default=Operator.EQUALS, description="how the cell is compared")
    values: list[str] = Field(default=[], description="any of these; of != none of them")


class WhichRows(dg.Config):
    """One refused row, or all that fulfil everything that is said."""

    table: str = Field(description="layer/table, such as silver/sales")
    row: str = Field(default="", description="delivery:line; then nothing else is needed")
    rules: list[str] = Field(default=[], description="rows that broke any of these rules")
    delivery: Optional[str] = Field(default=None, description="rows of the delivery with this id")  # noqa: UP045
    partition: Optional[str] = Field(default=None, description="rows of this partition")  # noqa: UP045
    where: list[Where] = Field(default=[], description="rows whose cells are so; all must hold")

    def rows(self) -> Rows:
        """As the engine knows them."""
        return Rows(
            table=table_id(self.table),
            row_id=self.row,
            rules=tuple(self.rules),
            delivery=self.delivery,
            period=self.partition,
            where=tuple(Condition(one.column, one.operator, tuple(one.values)) for one in self.where),
        )


class Correct(dg.Config):
    """Give refused rows new values."""

    kind: Literal["correct"] = "correct"
    rows: WhichRows
    values: dict[str, str] = Field(description="delivered column: new value; an empty one is null")


class Waive(dg.Config):
    """Accept rows in spite of named rules."""

    kind: Literal["waive"] = "waive"
    rows: WhichRows
    rules: list[str] = Field(description="what is waived")


class Discard(dg.Config):
    """Accept the loss of refused rows."""

    kind: Literal["discard"] = "discard"
    rows: WhichRows


class Publish(dg.Config):
    """Publish a partition although more rows are quarantined than is tolerated."""

    kind: Literal["publish"] = "publish"
    table: str = Field(description="layer/table, such as silver/sales")
    partition: str = Field(default="", description="its key; empty for a table without partitions")


class Reject(dg.Config):
    """Take a delivery out of its partitions, and await a new one."""

    kind: Literal["reject"] = "reject"
    delivery: str = Field(description="the delivery's id")


class Undo(dg.Config):
    """Take decisions back."""

    kind: Literal["undo"] = "undo"
    decisions: list[int] = Field(description="their numbers, as `dq audit` shows them")


class Deciding(dg.Config):
    """What is decided, by whom and why."""

    decision: Union[Correct, Waive, Discard, Publish, Reject, Undo] = Field(discriminator="kind")  # noqa: UP007
    who: str = Field(description="who decides")
    why: str = Field(description="the reason, for those who ask later")
    until: Optional[str] = Field(  # noqa: UP045
        default=None, description="holds until then: a date, such as 2026-12-31 (UTC), or a moment"
    )
    supersedes: list[int] = Field(default=[], description="decisions in whose place it stands")
    beside: list[int] = Field(default=[], description="decisions on the same row that go on")
    dry_run: bool = Field(default=False, description="check it and say what is meant; decide nothing")


def build_deciding(dataset: Dataset) -> dg.JobDefinition:
    """Build the job by which people decide on a dataset's refused rows, closed gates and deliveries."""

    @dg.op(
        name=f"decide_{dataset.name}",
        description="Checks a decision and writes it to the ledger; the sensor then asks for the partitions "
        "that it concerns. Run config is kept in Dagster in clear: values of personal columns are refused "
        "here, decide on them with dq.",
    )
    def decide(
        context: dg.OpExecutionContext, config: Deciding, pipelines: dg.ResourceParam[Pipelines]
    ) -> None:
        with logs.context(run=context.run.run_id, dataset=dataset.name):
            try:
                proposals, decided = decide_now(pipelines.of(dataset.name), config)
            except EtlError as error:
                raise dg.Failure(f"{type(error).__name__}: {error}", allow_retries=False) from None
        context.add_output_metadata(
            {
                "decisions": dg.MetadataValue.text(", ".join(str(one.id) for one in decided) or "none"),
                "rows": dg.MetadataValue.int(sum(one.rows for one in proposals)),
                "partitions": dg.MetadataValue.int(
                    len({period for one in proposals for period in one.decision.periods})
                ),
            }
        )

    @dg.job(
        name=f"{dataset.name}_decide",
        tags={DATASET_TAG: dataset.name},
        description=f"Decide on refused rows, closed gates and deliveries of {dataset.name}: correct, waive, "
        "discard, publish, reject, undo. Each is kept with who and why, and can be undone.",
    )
    def job() -> None:
        decide()

    return job


def decide_now(pipeline: DatasetPipeline, config: Deciding) -> tuple[list[Proposal], list[Decision]]:
    """Check what was configured, and decide it unless it is a dry run.

    Raises:
        DecisionError: It makes no sense, or contradicts what another decided.
    """
    _check_personal(pipeline, config)
    author = Author(
        who=config.who,
        why=config.why,
        until=deciding.moment(config.until),
        supersedes=tuple(config.supersedes),
        beside=tuple(config.beside),
        batch=uuid4().hex[:8] if isinstance(config.decision, Undo) else "",
    )
    proposals = _proposals(pipeline, config, author)
    return proposals, [] if config.dry_run else deciding.decide(pipeline, proposals)


def _proposals(pipeline: DatasetPipeline, config: Deciding, author: Author) -> list[Proposal]:
    match config.decision:
        case Correct() as one:
            return [deciding.correct(pipeline, one.rows.rows(), one.values, author)]
        case Waive() as one:
            return [deciding.waive(pipeline, one.rows.rows(), one.rules, author)]
        case Discard() as one:
            return [deciding.discard(pipeline, one.rows.rows(), author)]
        case Publish() as one:
            return [deciding.publish(pipeline, table_id(one.table), one.partition, author)]
        case Reject() as one:
            return [deciding.reject(pipeline, one.delivery, author)]
        case Undo() as one:
            return deciding.undo(pipeline, one.decisions, author)


def _check_personal(pipeline: DatasetPipeline, config: Deciding) -> None:
    named: list[str] = []
    if isinstance(config.decision, Correct | Waive | Discard):
        named += [one.column for one in config.decision.rows.where if one.values]
    if isinstance(config.decision, Correct):
        named += [name for name, value in config.decision.values.items() if value]
    if personal := [name for name in named if is_personal(pipeline, name)]:
        raise DecisionError(
            f"{', '.join(personal)} is personal, and run config is kept in Dagster in clear",
            where={"dataset": pipeline.name},
            hint="Decide with `dq quarantine`, and delete this run",
        )


def table_id(text: str) -> TableId:
    """Read a table's name: `silver/sales`.

    Raises:
        DecisionError: It is no such name.
    """
    layer, _, name = text.partition("/")
    try:
        return TableId(Layer(layer), name)
    except ValueError:
        raise DecisionError(
            f"{text} names no table", hint="Write layer/table, such as silver/sales"
        ) from None
