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
from etl_assets.pipeline.status import sum_tallies
from etl_assets.quality.score import score_dimensions
from etl_assets.quality.thresholds import Threshold, Verdict

ROWS = "row_reconciliation"
GATE = "gate"

_LISTED = 10
_REASON_LENGTH = 300


def told_by_period(reasons: Mapping[str, str]) -> str:
    """The first few periods with their reasons, short enough for a page that shows many."""
    first = sorted(reasons.items())[:_LISTED]
    told = "; ".join(f"{period or 'table'}: {shorten(reason)}" for period, reason in first)
    return told + (f"; and {len(reasons) - _LISTED} more" if len(reasons) > _LISTED else "")


def shorten(reason: str) -> str:
    """A reason cut to a length that can be read; the whole of it is in the ledger."""
    return reason if len(reason) <= _REASON_LENGTH else reason[:_REASON_LENGTH] + "…"


def check_specs(dataset: str, table: Table) -> list[dg.AssetCheckSpec]:
    """One check per dimension that the contract has, one that rows add up, one for the gate."""
    key = asset_key(dataset, table.id)
    specs = [
        dg.AssetCheckSpec(str(dimension), asset=key, description=DIMENSION_MEANINGS[dimension])
        for dimension in compile_contract(table.contract).dimensions
    ]
    return [
        *specs,
        dg.AssetCheckSpec(ROWS, asset=key, description="rows in = accepted + quarantined + duplicates"),
        dg.AssetCheckSpec(GATE, asset=key, description="no partition is held back"),
    ]


DIMENSION_MEANINGS = {
    Dimension.COMPLETENESS: "what should be there is there",
    Dimension.VALIDITY: "values have the right form and lie in range",
    Dimension.UNIQUENESS: "nothing is there twice",
    Dimension.CONSISTENCY: "values agree with each other",
    Dimension.INTEGRITY: "references lead somewhere",
    Dimension.TIMELINESS: "rows belong to the period in which they came",
}


def check_results(
    pipeline: DatasetPipeline, table: TableId, result: HopResult
) -> Iterator[dg.AssetCheckResult]:
    """Judge a table as it stands in the ledger after a hop."""
    published = _of_table(pipeline.ledger.published_validations(pipeline.name), table)
    latest = _of_table(pipeline.ledger.latest_validations(pipeline.name), table)
    yield from _dimension_results(pipeline, table, published, result)
    yield _rows_result(pipeline, table, published)
    yield _gate_result(pipeline, table, latest)


def _of_table(
    validations: Mapping[tuple[str, str, str], Validation], table: TableId
) -> dict[str, Validation]:
    return {key[2]: one for key, one in validations.items() if key[:2] == (table.layer, table.name)}


def _dimension_results(
    pipeline: DatasetPipeline, table: TableId, published: Mapping[str, Validation], result: HopResult
) -> Iterator[dg.AssetCheckResult]:
    ids = [one.id for one in published.values()]
    scores = pipeline.ledger.scores_for(ids)
    tallies = pipeline.ledger.tallies_for(ids)
    # The same sums as `dq status` makes: one score for one table, wherever it is read.
    summed = sum_tallies((tally for found in tallies.values() for tally in found), pipeline.contract(table))
    whole = {one.dimension: one.score for one in score_dimensions(summed)}
    for dimension in pipeline.contract(table).dimensions:
        by_period = {
            period: next((s.score for s in scores.get(one.id, ()) if s.dimension == dimension), None)
            for period, one in published.items()
        }
        threshold = pipeline.policy(table).thresholds.of(dimension)
        rules = broken_rules(result.built, dimension)
        yield _dimension_result(dimension, threshold, whole.get(dimension), by_period, rules)


def _dimension_result(
    dimension: Dimension,
    threshold: Threshold,
    score: float | None,
    by_period: Mapping[str, float | None],
    rules: str,
) -> dg.AssetCheckResult:
    verdicts = {period: threshold.verdict(one) for period, one in by_period.items()}
    bad = {period for period, verdict in verdicts.items() if verdict is not Verdict.PASS}
    failed = {period for period, verdict in verdicts.items() if verdict is Verdict.FAIL}
    unknown = {period for period, verdict in verdicts.items() if verdict is Verdict.UNKNOWN}
    metadata: dict[str, dg.MetadataValue] = {
        "partitions": dg.MetadataValue.int(len(by_period)),
        "below_warn": dg.MetadataValue.int(len(bad - unknown)),
        "below_fail": dg.MetadataValue.int(len(failed)),
        "unknown": dg.MetadataValue.int(len(unknown)),
        # As text: the UI would plot numbers that never change.
        "thresholds": dg.MetadataValue.text(f"warn below {threshold.warn}, fail below {threshold.fail}"),
    }
    if score is not None:
        worst, where = min((one, period) for period, one in by_period.items() if one is not None)
        metadata |= {
            "score": dg.MetadataValue.float(round(score, 6)),
            "worst_score": dg.MetadataValue.float(round(worst, 6)),
            "worst_partition": dg.MetadataValue.text(where or "table"),
        }
    if rules:
        metadata["broken_rules_of_this_run"] = dg.MetadataValue.md(rules)
    return dg.AssetCheckResult(
        passed=bool(by_period) and not bad,
        check_name=str(dimension),
        severity=dg.AssetCheckSeverity.ERROR if failed else dg.AssetCheckSeverity.WARN,
        description=_dimension_told(by_period, bad, failed, unknown, score),
        metadata=metadata,
    )


def _dimension_told(
    by_period: Mapping[str, float | None],
    bad: set[str],
    failed: set[str],
    unknown: set[str],
    score: float | None,
) -> str:
    if not by_period:
        return "unknown: nothing is published yet"
    told = "score unknown" if score is None else f"score {score:.4f}"
    if not bad:
        return f"{told}; {_whole(by_period)}"
    if set(by_period) == {""}:
        parts = ["the table does not pass" if bad != unknown else "nothing could be evaluated"]
    else:
        parts = [f"{len(bad)} of {len(by_period)} partitions do not pass: {_listed(bad, by_period)}"]
        parts += [f"{len(failed)} of them fail"] if failed else []
        parts += [f"{len(unknown)} of them are unknown: nothing could be evaluated"] if unknown else []
    return f"{told}; " + "; ".join(parts)


def _whole(by_period: Mapping[str, float | None]) -> str:
    if set(by_period) == {""}:
        return "the table passes"
    return "the one partition passes" if len(by_period) == 1 else f"all {len(by_period)} partitions pass"


def _listed(periods: set[str], scores: Mapping[str, float | None]) -> str:
    """The worst first, those of which nothing is known before them."""
    shown = sorted(periods, key=lambda period: (scores[period] is not None, scores[period] or 0.0, period))[
        :_LISTED
    ]
    told = [f"{one} {_score_told(scores[one])}" for one in shown]
    return ", ".join(told) + (f" and {len(periods) - _LISTED} more" if len(periods) > _LISTED else "")


def _score_told(score: float | None) -> str:
    return "unknown" if score is None else f"{score:.3f}"


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
    count = "The table is" if set(held) == {""} else f"{len(held)} of {len(latest)} partitions are"
    reasons = told_by_period({period: one.gate_reason for period, one in held.items()})
    return dg.AssetCheckResult(
        passed=not held,
        check_name=GATE,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{count} held back. {reasons}" if held else "open",
        metadata={
            "held": len(held),
            "rows_held": sum(one.rows_in for one in held.values()),
            "tolerance": pipeline.policy(table).tolerance,
        },
    )
