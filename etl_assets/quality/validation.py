"""Validates rows against a contract in one streaming pass: accepted, quarantined, duplicates, tallies.

The rows are judged by flag columns computed beside the data. From one scan of the source the accepted
rows are written and counted, and all others are set aside in a file: the quarantined ones, and the
*suspects*, whose key repeats (found beforehand from the key's columns alone). Those are written and
counted from there, suspects after they were decided one by one in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

import narwhals.stable.v1 as nw
import polars as pl

from etl_assets.contracts.rules import CompiledContract, Rule
from etl_assets.contracts.vocabulary import Severity
from etl_assets.quality import statistics
from etl_assets.quality.claims import ClaimedKeys
from etl_assets.quality.decided_counts import counts_of_decided, decided_rows, discarded_rows, effects
from etl_assets.quality.flags import ACCEPTED, QUARANTINED, SUSPECT, JudgedRows, Surroundings, copied_out
from etl_assets.quality.outcome import PeriodOutcome, Tally
from etl_assets.quality.uniqueness import Violations, repeated_hashes, resolve


@dataclass(frozen=True)
class Sinks:
    """Where rows go: each turns rows (with `_period`) into a lazy sink, to be collected with others."""

    accepted: Callable[[pl.LazyFrame], pl.LazyFrame]
    quarantined: Callable[[pl.LazyFrame], pl.LazyFrame]


def validate(
    frame: pl.LazyFrame, contract: CompiledContract, around: Surroundings, sinks: Sinks
) -> dict[str, PeriodOutcome]:
    """Validate the rows of some periods and write them through the sinks.

    Args:
        frame: Columns of the contract (text where it is still to be cast), `_period` (String), and
            for tables with provenance the raw cells as `_delivered.<column>`.
        contract: The promise.
        around: Periods, references, order of deliveries.
        sinks: Where accepted rows (the contract's columns and `_period`) and quarantined rows (the
            row as delivered, provenance, `_period`, `_reasons`) are written.

    Returns:
        Period -> outcome, for every period asked for.

    Raises:
        polars.exceptions.PolarsError: The source could not be read, or a sink not be written.
    """
    judged = JudgedRows(frame, contract, around)
    keys = judged.key_columns()
    claimed = ClaimedKeys(judged, keys)
    suspects = {}
    for number, key in enumerate(keys):
        folder = around.scratch / f"key-{number}"
        folder.mkdir(parents=True, exist_ok=True)
        suspects[key.rule] = claimed.suspects(key, repeated_hashes(judged.frame, key, around.rows, folder))
    # Without the cache the plan's consumers share less, and the source is read twice.
    flagged = judged.with_fate(keys, suspects).cache()
    good = flagged.filter(pl.col("__fate") == ACCEPTED)
    others = flagged.filter(pl.col("__fate") != ACCEPTED).select(*judged.needed_later(), "__fate")
    aside = around.scratch / "aside.parquet"
    claims = claimed.plans(good)
    plans = [
        *claims,
        sinks.accepted(judged.accepted(good)),
        # A file, not a frame: beside other sinks the streaming engine fills frames in a second phase, and
        # keeps all rows in memory until then.
        copied_out(others).sink_parquet(aside, lazy=True, compression="lz4"),
        _good_counts(good, judged),
        _aggregates(good, judged),
        *decided_rows(flagged, judged),
    ]
    _, _, counts, aggregates, *decided = pl.collect_all(plans, engine="streaming")[len(claims) :]

    rows = pl.scan_parquet(aside)
    violations = None
    if len(suspected := rows.filter(pl.col("__fate") == SUSPECT).collect()):
        violations = resolve(suspected, keys, around.delivery_rank, claimed.taken)
        aggregates = _aggregates_with(violations, judged, good, aggregates)
    counts = pl.concat([counts, *_settle(rows, violations, judged, sinks)], how="diagonal")
    if judged.decided is not None:
        decided += discarded_rows(rows, violations, judged)
    claimed.report(violations)
    return _Summary(judged, counts, aggregates, violations, effects(decided)).outcomes()


def _counts(rows: pl.LazyFrame, judged: JudgedRows, reasons: pl.Expr | None = None) -> pl.LazyFrame:
    """One row per period and fate: rows, tallies and column statistics."""
    counts = _tallies(judged, tuple(Severity)) + _statistics(judged) + counts_of_decided(judged, reasons)
    counts += judged.waiting(reasons)
    return rows.group_by("_period", "__fate").agg(pl.len().alias("rows"), *counts)


def _good_counts(good: pl.LazyFrame, judged: JudgedRows) -> pl.LazyFrame:
    """The same of rows that broke no rule of severity `error`."""
    # Where rules are waived, accepted rows may have broken any.
    severities = (Severity.WARN,) if judged.decided is None else tuple(Severity)
    counts = _tallies(judged, severities) + _statistics(judged) + counts_of_decided(judged)
    accepted = _fate(ACCEPTED).alias("__fate")
    if len(judged.around.periods) != 1:
        return good.group_by("_period").agg(accepted, pl.len().alias("rows"), *counts)
    # Without groups it costs half. Rows of another period are not counted, and so don't add up.
    (period,) = judged.around.periods
    rows = (pl.col("_period") == period).sum().alias("rows")
    counted = good.select(pl.lit(period).alias("_period"), accepted, rows, *counts)
    return counted.filter(pl.col("rows") > 0)


def _tallies(judged: JudgedRows, severities: Collection[Severity]) -> list[pl.Expr]:
    """How many rows each rule was applied to, and how many broke it if it is of such a severity."""
    tallies = []
    for number, rule in enumerate(judged.row_rules):
        if rule.severity in severities:
            tallies.append(pl.col(f"__broken.{number}").sum().alias(f"failed.{number}"))
        if rule.evaluated is not None:
            tallies.append(pl.col(f"__evaluated.{number}").sum().alias(f"evaluated.{number}"))
    return tallies


def _statistics(judged: JudgedRows) -> list[pl.Expr]:
    return statistics.expressions(judged.contract, profile=judged.around.profile)


def _fate(fate: int) -> pl.Expr:
    return pl.lit(fate, dtype=pl.Int8)


def _aggregates(rows: pl.LazyFrame, judged: JudgedRows) -> pl.LazyFrame:
    """One row per period: the verdict of each aggregate rule on accepted rows, as `verdict.<n>`."""
    verdicts = [
        rule.expression.alias(f"verdict.{number}")
        for number, rule in enumerate(judged.aggregate_rules)
        if rule.expression is not None
    ]
    if not verdicts:
        return pl.LazyFrame(schema={"_period": pl.String})
    return nw.from_native(rows).group_by("_period").agg(*verdicts).to_native()


def _settle(
    rows: pl.LazyFrame, violations: Violations | None, judged: JudgedRows, sinks: Sinks
) -> list[pl.DataFrame]:
    """Write what was set aside where it belongs, and count it there."""
    settled = []
    if rows.filter(pl.col("__fate") == QUARANTINED).select(pl.len()).collect().item():
        bad = rows.filter(pl.col("__fate") == QUARANTINED)
        plans = [sinks.quarantined(judged.quarantined(bad)), _counts(bad, judged)]
        settled.append(pl.collect_all(plans, engine="streaming")[1])
    if violations is not None:
        settled.append(_settle_suspects(violations, judged, sinks))
    return settled


def _settle_suspects(violations: Violations, judged: JudgedRows, sinks: Sinks) -> pl.DataFrame:
    rows = violations.rows.lazy()
    reasons = pl.col("__reasons")
    kept = rows.filter(~pl.col("__duplicate") & reasons.is_null())
    fate = (
        pl.when(pl.col("__duplicate")).then(_fate(SUSPECT))
        .when(reasons.is_not_null()).then(_fate(QUARANTINED))
        .otherwise(_fate(ACCEPTED))
    )  # fmt: skip
    counted = _counts(rows.with_columns(__fate=fate), judged, reasons)
    plans = [sinks.accepted(judged.accepted(kept)), counted]
    quarantined = rows.filter(reasons.is_not_null())
    if violations.rows["__reasons"].null_count() < violations.rows.height:
        plans.append(sinks.quarantined(judged.quarantined(quarantined, reasons)))
    return pl.collect_all(plans, engine="streaming")[1]


def _aggregates_with(
    violations: Violations, judged: JudgedRows, good: pl.LazyFrame, aggregates: pl.DataFrame
) -> pl.DataFrame:
    """Judge the aggregates of periods with suspects again, over all rows that were accepted in the end."""
    if not judged.aggregate_rules:
        return aggregates
    periods = violations.rows["_period"].unique().to_list()
    columns = [*judged.contract.schema, "_period"]
    kept = violations.rows.lazy().filter(~pl.col("__duplicate") & pl.col("__reasons").is_null())
    accepted = pl.concat(
        [good.filter(pl.col("_period").is_in(periods)).select(columns), kept.select(columns)]
    )
    again = _aggregates(accepted, judged).collect(engine="streaming")
    return pl.concat([aggregates.filter(~pl.col("_period").is_in(periods)), again])


@dataclass(frozen=True)
class _Summary:
    """Turns counted rows into outcomes, period by period."""

    judged: JudgedRows
    counts: pl.DataFrame
    aggregates: pl.DataFrame
    violations: Violations | None
    effects: Mapping[str, Mapping[int, int]]

    def outcomes(self) -> dict[str, PeriodOutcome]:
        by_period: dict[str, dict[int, dict[str, object]]] = {}
        for row in self.counts.iter_rows(named=True):
            fates = by_period.setdefault(row["_period"], {})
            fates[row["__fate"]] = statistics.merge(fates.get(row["__fate"]), row)
        verdicts = {row["_period"]: row for row in self.aggregates.iter_rows(named=True)}
        return {
            period: self._outcome(period, by_period.get(period, {}), verdicts.get(period, {}))
            for period in sorted({*self.judged.around.periods, *by_period})
        }

    def _outcome(
        self, period: str, fates: dict[int, dict[str, object]], verdicts: dict[str, object]
    ) -> PeriodOutcome:
        rows = {fate: _number(fates.get(fate), "rows") for fate in (ACCEPTED, QUARANTINED, SUSPECT)}
        return PeriodOutcome(
            period=period,
            rows_in=sum(rows.values()),
            accepted=rows[ACCEPTED],
            quarantined=rows[QUARANTINED],
            duplicates=rows[SUSPECT],
            unreadable=0,
            waiting=_number(fates.get(QUARANTINED), "waiting"),
            corrected=_number(fates.get(ACCEPTED), "corrected"),
            waived=_number(fates.get(ACCEPTED), "waived"),
            discarded=_number(fates.get(QUARANTINED), "discarded"),
            effects=self.effects.get(period, {}),
            tallies=tuple(
                [self._row_tally(number, rule, fates) for number, rule in enumerate(self.judged.row_rules)]
                + [self._unique_tally(rule, period, fates) for rule in self.judged.unique_rules]
                + [
                    _aggregate_tally(number, rule, verdicts)
                    for number, rule in enumerate(self.judged.aggregate_rules)
                ]
            ),
            statistics=statistics.read(self.judged.contract, fates.get(ACCEPTED)),
            broken_aggregates=tuple(
                rule.name
                for number, rule in enumerate(self.judged.aggregate_rules)
                if rule.severity is Severity.ERROR and verdicts.get(f"verdict.{number}") is False
            ),
        )

    def _row_tally(self, number: int, rule: Rule, fates: dict[int, dict[str, object]]) -> Tally:
        applied = "rows" if rule.evaluated is None else f"evaluated.{number}"
        evaluated = sum(_number(fate, applied) for fate in fates.values())
        failed = sum(_number(fate, f"failed.{number}") for fate in fates.values())
        return _tally(rule, max(evaluated, failed), failed)

    def _unique_tally(self, rule: Rule, period: str, fates: dict[int, dict[str, object]]) -> Tally:
        failed = self.violations.failed.get(rule.name, {}).get(period, 0) if self.violations else 0
        broken_rows = sum(
            count
            for other in self.judged.unique_rules
            if other.on_violation == "quarantine" and self.violations
            for count in [self.violations.failed.get(other.name, {}).get(period, 0)]
        )
        survivors = sum(_number(fates.get(fate), "rows") for fate in (ACCEPTED, SUSPECT)) + broken_rows
        return _tally(rule, survivors, failed)


def _aggregate_tally(number: int, rule: Rule, verdicts: dict[str, object]) -> Tally:
    verdict = verdicts.get(f"verdict.{number}")
    return _tally(rule, int(verdict is not None), int(verdict is False))


def _tally(rule: Rule, evaluated: int, failed: int) -> Tally:
    return Tally(rule.name, rule.dimension, rule.severity, rule.weight, evaluated, failed)


def _number(row: dict[str, object] | None, name: str) -> int:
    value = (row or {}).get(name)
    return value if isinstance(value, int) else 0
