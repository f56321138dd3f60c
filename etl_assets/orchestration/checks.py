"""Asset checks: few, named the same for every table, true whatever range a run took on.

A check speaks for the whole table as it is published, from the ledger: "2 of 305 partitions are
below 0.95". Dagster's partitioned checks are a preview whose results in range runs cost 9 ms a
partition and stay PLANNED where none is logged; the figures of each partition are in its
materialization's metadata instead. This module is the only place that knows (see docs/adr).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import dagster as dg

from etl_assets.contracts.dataset import Table, TableId
from etl_assets.contracts.rules import compile_contract
from etl_assets.contracts.vocabulary import Dimension
from etl_assets.ledger.records import Outcome, Validation
from etl_assets.orchestration.metadata import broken_rules
from etl_assets.orchestration.partitions import asset_key
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.hop import HopResult
from etl_assets.quality.score import weighted_mean
from etl_assets.quality.thresholds import Verdict

ROWS = "row_reconciliation"
GATE = "gate"

_LISTED = 10


def check_specs(dataset: str, table: Table) -> list[dg.AssetCheckSpec]:
    """One check per dimension that the contract has, one that rows add up, one for the gate."""
    key = asset_key(dataset, table.id)
    specs = [
        dg.AssetCheckSpec(str(dimension), asset=key, description=_MEANING[dimension])
        for dimension in compile_contract(table.contract).dimensions
    ]
    return [
        *specs,
        dg.AssetCheckSpec(ROWS, asset=key, description="rows in = accepted + quarantined + duplicates"),
        dg.AssetCheckSpec(GATE, asset=key, description="no partition is held back"),
    ]


_MEANING = {
    Dimension.COMPLETENESS: "what should be there is there",
    Dimension.VALIDITY: "values have the right form and lie in range",
    Dimension.UNIQUENESS: "nothing is there twice",
    Dimension.CONSISTENCY: "values agree with each other",
    Dimension.INTEGRITY: "references lead somewhere",
    Dimension.TIMELINESS: "rows belong to the period in which they came",
}


def check_results(pipeline: DatasetPipeline, table: TableId, result: HopResult) -> Iterator[dg.AssetCheckResult]:
    """Judge a table as it stands in the ledger after a hop."""
    published = _of_table(pipeline.ledger.published_validations(pipeline.name), table)
    latest = _of_table(pipeline.ledger.latest_validations(pipeline.name), table)
    scores = pipeline.ledger.scores_for([one.id for one in published.values()])
    rules = broken_rules(result.built)
    for dimension in pipeline.contract(table).dimensions:
        by_period = {
            period: next((s.score for s in scores.get(one.id, ()) if s.dimension == dimension), None)
            for period, one in published.items()
        }
        yield _dimension_result(pipeline, table, dimension, by_period, rules)
    yield _rows_result(pipeline, table, published)
    yield _gate_result(pipeline, table, latest)


def _of_table(validations: Mapping[tuple[str, str, str], Validation], table: TableId) -> dict[str, Validation]:
    return {key[2]: one for key, one in validations.items() if key[:2] == (table.layer, table.name)}


def _dimension_result(
    pipeline: DatasetPipeline,
    table: TableId,
    dimension: Dimension,
    by_period: Mapping[str, float | None],
    rules: str,
) -> dg.AssetCheckResult:
    threshold = pipeline.policy(table).thresholds.of(dimension)
    verdicts = {period: threshold.verdict(score) for period, score in by_period.items()}
    bad = {period for period, verdict in verdicts.items() if verdict is not Verdict.PASS}
    failed = {period for period, verdict in verdicts.items() if verdict is Verdict.FAIL}
    unknown = {period for period, verdict in verdicts.items() if verdict is Verdict.UNKNOWN}
    mean = weighted_mean([(score, 1.0) for score in by_period.values() if score is not None])
    metadata: dict[str, object] = {
        "partitions": len(by_period),
        "below_warn": len(bad - unknown),
        "below_fail": len(failed),
        "unknown": len(unknown),
        "warn": threshold.warn,
        "fail": threshold.fail,
    }
    if mean is not None:
        worst = min((score, period) for period, score in by_period.items() if score is not None)
        metadata |= {"score": round(mean, 6), "worst_score": round(worst[0], 6), "worst_partition": worst[1]}
    if rules:
        metadata["broken_rules_of_this_run"] = dg.MetadataValue.md(rules)
    return dg.AssetCheckResult(
        passed=bool(by_period) and not bad,
        check_name=str(dimension),
        severity=dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN,
        description=_dimension_told(by_period, bad, failed, unknown, mean),
        metadata=metadata,
    )


def _dimension_told(
    by_period: Mapping[str, float | None], bad: set[str], failed: set[str], unknown: set[str], mean: float | None
) -> str:
    if not by_period:
        return "unknown: nothing is published yet"
    score = "unknown" if mean is None else f"{mean:.4f}"
    if not bad:
        return f"score {score}; {_whole(len(by_period))}"
    parts = [f"{len(bad)} of {len(by_period)} partitions do not pass: {_listed(bad, by_period)}"]
    if failed:
        parts.append(f"{len(failed)} of them fail")
    if unknown:
        parts.append(f"{len(unknown)} are unknown, for nothing could be evaluated")
    return f"score {score}; " + "; ".join(parts)


def _whole(count: int) -> str:
    return "the table passes" if count == 1 else f"all {count} partitions pass"


def _listed(periods: set[str], scores: Mapping[str, float | None]) -> str:
    shown = sorted(periods, key=lambda period: (scores.get(period) is not None, scores.get(period) or 0, period))
    told = [f"{p or 'table'} {'unknown' if scores.get(p) is None else format(scores[p], '.3f')}" for p in shown[:_LISTED]]
    return ", ".join(told) + (f" and {len(shown) - _LISTED} more" if len(shown) > _LISTED else "")


def _rows_result(
    pipeline: DatasetPipeline, table: TableId, published: Mapping[str, Validation]
) -> dg.AssetCheckResult:
    wrong = sorted(
        period
        for period, one in published.items()
        if one.rows_in != one.accepted + one.quarantined + one.duplicates
    )
    files = pipeline.accepted(table).files()
    found = sum(file.rows for file in files)
    accepted = sum(one.accepted for one in published.values())
    told = f"{sum(one.rows_in for one in published.values()):,} rows in are all accounted for"
    if wrong:
        told = f"rows do not add up in {len(wrong)} partitions: {', '.join(wrong[:_LISTED])}"
    elif found != accepted:
        told = f"the table holds {found:,} rows, the ledger says {accepted:,}"
    return dg.AssetCheckResult(
        passed=not wrong and found == accepted,
        check_name=ROWS,
        severity=dg.AssetCheckSeverity.ERROR,
        description=told,
        metadata={
            "rows_in": sum(one.rows_in for one in published.values()),
            "accepted": accepted,
            "quarantined": sum(one.quarantined for one in published.values()),
            "duplicates": sum(one.duplicates for one in published.values()),
            "unreadable": sum(one.unreadable for one in published.values()),
            "rows_in_table": found,
        },
    )


def _gate_result(
    pipeline: DatasetPipeline, table: TableId, latest: Mapping[str, Validation]
) -> dg.AssetCheckResult:
    held = {period: one for period, one in latest.items() if one.outcome is Outcome.HELD}
    lines = [f"{period or 'table'}: {one.gate_reason}" for period, one in sorted(held.items())[:_LISTED]]
    told = f"{len(held)} of {len(latest)} partitions are held back. " + "; ".join(lines)
    return dg.AssetCheckResult(
        passed=not held,
        check_name=GATE,
        severity=dg.AssetCheckSeverity.ERROR,
        description=told if held else "open",
        metadata={
            "held": len(held),
            "rows_held": sum(one.rows_in for one in held.values()),
            "tolerance": pipeline.policy(table).tolerance,
        },
    )
