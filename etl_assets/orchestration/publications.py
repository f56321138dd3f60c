# No postponed annotations: Dagster reads the annotations of asset functions.
"""One asset per publication: its op takes the lease, writes what has changed and reports what came of it."""

import warnings
from collections.abc import Iterator, Mapping

import dagster as dg

from etl_assets import logs
from etl_assets.contracts.dataset import Dataset
from etl_assets.contracts.rules import compile_contract
from etl_assets.orchestration.assets import (
    errors_told,
    lease_of_run,
    open_pipeline,
    record_usage,
    start_run,
)
from etl_assets.orchestration.checks import ROWS
from etl_assets.orchestration.metadata import usage_metadata
from etl_assets.orchestration.partitions import asset_key, publication_key
from etl_assets.orchestration.resources import Pipelines
from etl_assets.orchestration.tags import DATASET_TAG
from etl_assets.pipeline.publications import publication_state
from etl_assets.pipeline.publishing import Published, publish
from etl_assets.pipeline.usage import Usage
from etl_assets.publications.content import Shape
from etl_assets.publications.destination import RowsMiscountedError
from etl_assets.publications.opening import Publication

LOG = logs.get_logger(__name__)


def build_publications(
    dataset: Dataset, publications: Mapping[str, Publication]
) -> list[dg.AssetsDefinition]:
    """Build the assets of a dataset's publications, each with its check."""
    with warnings.catch_warnings():
        # As for tables: `backfill_policy` is in beta. It lets a publication take part in a run over a range.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return [build_publication(dataset, one) for one in publications.values()]


def build_publication(dataset: Dataset, publication: Publication) -> dg.AssetsDefinition:
    """Build one publication's asset: key `[dataset, "publications", name]`, after its table."""
    key = publication_key(dataset.name, publication.name)
    contract = compile_contract(next(one.contract for one in dataset.tables if one.id == publication.table))
    to = publication.destination

    @dg.asset(
        key=key,
        deps=[asset_key(dataset.name, publication.table)],
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=dataset.name,
        kinds={to.kind},
        owners=list(dataset.owners),
        description=f"{publication.table}, written to {to.place}. {contract.description}".strip(),
        code_version=publication_state(publication, {})[:12],
        check_specs=[
            dg.AssetCheckSpec(ROWS, asset=key, description="rows of the table = rows at the destination")
        ],
        pool=dataset.name,
        # Nothing is published yet: the step is green and gives nothing.
        output_required=False,
        metadata={
            "dagster/column_schema": _column_schema(publication.shape),
            "destination": to.place,
            "table": str(publication.table),
        },
        tags={DATASET_TAG: dataset.name},
        op_tags={DATASET_TAG: dataset.name},
    )
    def write(
        context: dg.AssetExecutionContext, pipelines: dg.ResourceParam[Pipelines]
    ) -> Iterator[dg.AssetCheckResult | dg.MaterializeResult]:  # type: ignore[type-arg]
        pipeline = open_pipeline(context, pipelines, dataset.name)
        with (
            logs.context(run=context.run.run_id, dataset=dataset.name, publication=publication.name),
            errors_told(context, pipeline),
        ):
            usage = Usage()
            start_run(context, pipeline)
            try:
                with lease_of_run(context, pipeline) as lease:
                    done = publish(pipeline, publication.name, run_id=context.run.run_id, lease=lease)
            except RowsMiscountedError as error:
                yield dg.AssetCheckResult(passed=False, check_name=ROWS, description=error.what)
                raise
            finally:
                record_usage(context, pipeline, usage)
            if done is None:
                LOG.info("nothing is published yet", extra={"table": str(publication.table)})
                return
            yield _check(done)
            yield dg.MaterializeResult(metadata=_metadata(done) | usage_metadata(usage))

    return write


def _column_schema(shape: Shape) -> dg.TableSchema:
    return dg.TableSchema(
        [
            dg.TableColumn(
                name,
                type=str(dtype),
                description=shape.descriptions.get(name),
                constraints=dg.TableColumnConstraints(nullable=name not in shape.required),
            )
            for name, dtype in shape.columns.items()
        ]
    )


def _check(done: Published) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=done.rows == done.written.rows,
        check_name=ROWS,
        metadata={"rows_in_table": done.rows, "rows_at_destination": done.written.rows},
    )


def _metadata(done: Published) -> dict[str, dg.MetadataValue]:
    return {
        "dagster/row_count": dg.MetadataValue.int(done.written.rows),
        "rows_written": dg.MetadataValue.int(done.written.rows_written),
        "partitions_written": dg.MetadataValue.int(len(done.written.replaced)),
        "destination": dg.MetadataValue.text(done.writing.place),
        "state_id": dg.MetadataValue.text(done.writing.state_id),
    }
