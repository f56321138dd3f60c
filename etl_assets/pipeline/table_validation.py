"""Validates some periods of one table and judges each: what a hop publishes, and what a trial shows."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.error_kinds import circuit_of, is_code_fault
from etl_assets.errors import ContractError, EtlError, panics_as_errors
from etl_assets.lake.places import BucketPath, is_of_storage, storage_error
from etl_assets.lake.stage import Stage
from etl_assets.ledger.decision_records import Decision, DecisionKind
from etl_assets.ledger.records import Outcome, Validation
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.pipeline.decisions import allowed_share
from etl_assets.pipeline.decisions import decided as decided_rows
from etl_assets.pipeline.faults import no_room, told, without_cells
from etl_assets.pipeline.hop_keys import GroupKeys, HopKeys
from etl_assets.pipeline.hop_result import Built, stopped, with_unreadable
from etl_assets.pipeline.reading import Input, Reader
from etl_assets.pipeline.ties import with_ties
from etl_assets.quality.decided import DECISION, Decided
from etl_assets.quality.flags import REASONS, JudgedRows, Surroundings
from etl_assets.quality.gate import closed_because
from etl_assets.quality.outcome import PeriodOutcome
from etl_assets.quality.score import score_outcome
from etl_assets.quality.validation import Sinks, validate

LARGE_SHARE = 16
"""A period of more than a sixteenth of the bytes that are validated at once is validated alone."""

Progress = Callable[[TableId, int, int], None]
"""(table, periods done, periods in all)"""


class TableValidation:
    """One pass over some periods of one table, from reading to the gate's verdict.

    Attributes:
        contract: The table's contract, compiled.
        inputs: What each period is built from, with what is known of it by now.
        states: Period -> state id, where one is known.
        ranks: Delivery id -> its place in the order of deliveries.
        decisions: Period -> what people decided of it.
        bases: Period -> its state without its ties to other partitions.
        built_states: Period -> its state with the ties that it was built with, where it has keys that tie it.
        keys: The table's keys that tie its partitions to others; None if nothing does.
        scratch: A folder of its own.
    """

    def __init__(
        self,
        pipeline: DatasetPipeline,
        table: TableId,
        scratch: Path,
        *,
        run_id: str,
        attempt: str,
        started: datetime,
    ) -> None:
        self.pipeline = pipeline
        self.table = table
        self.contract = pipeline.contract(table)
        self.scratch = scratch
        self.run_id = run_id
        self.attempt = attempt
        self.started = started
        self.where: dict[str, object] = {"dataset": pipeline.name, "table": str(table)}
        self.states: dict[str, str] = {}
        self.inputs: dict[str, Input] = {}
        self.ranks: dict[str, int] = {}
        self.decisions: dict[str, Sequence[Decision]] = {}
        self.bases: dict[str, str] = {}
        self.built_states: dict[str, str] = {}
        self.keys: HopKeys | None = None
        self._referenced: dict[str, pl.DataFrame] | None = None

    def validate(
        self, reader: Reader, accepted: Stage, quarantined: Stage, progress: Progress | None = None
    ) -> dict[str, Built]:
        """Validate what a reader gives and judge each period; rows are written to the stages.

        A period that could not be read just now has no result; its input says why.
        """
        outcomes: dict[str, PeriodOutcome] = {}
        self.inputs = {one.period: one for one in reader.inputs()}
        for group in self._groups(reader.inputs()):
            outcomes |= self._validate_group(reader, group, accepted, quarantined)
            if progress:
                progress(self.table, len(outcomes), len(self.inputs))
        return {period: self._judge(period, outcome) for period, outcome in outcomes.items()}

    def _groups(self, inputs: Iterable[Input]) -> Iterable[list[Input]]:
        """Split the periods so that one group fits into memory, however many there are.

        A large period goes alone: rows of one period are counted in half the time.
        """
        limits = self.pipeline.limits
        large = limits.group_bytes // LARGE_SHARE
        group: list[Input] = []
        for one in inputs:
            size = sum(other.bytes for other in group) + one.bytes
            full = size > limits.group_bytes or len(group) >= limits.group_periods
            # Decisions cost something; periods without any don't pay for the others'.
            decided = bool(group) and self._is_decided(group[-1]) != self._is_decided(one)
            if group and (full or decided or max(group[-1].bytes, one.bytes) > large):
                yield group
                group = []
            group.append(one)
        if group:
            yield group

    # -- validate -----------------------------------------------------------------------------

    def _validate_group(
        self, reader: Reader, group: list[Input], accepted: Stage, quarantined: Stage
    ) -> dict[str, PeriodOutcome]:
        """Validate some periods at once; if that fails, one by one, so that only the broken one stops."""
        marks = len(accepted.files), len(quarantined.files)
        try:
            with panics_as_errors():
                return self._validate(reader, group, accepted, quarantined)
        except (EtlError, MemoryError):
            raise
        except Exception as error:
            root = self.pipeline.lake.root
            if isinstance(root, BucketPath) and is_of_storage(error):
                # No period's fault: the others would wait for the storage one by one.
                raise storage_error(error, root, "read and write") from None
            if circuit_of(error):
                raise no_room(error, self.where) from None
            if is_code_fault(error) and self.table.layer is not Layer.BRONZE:
                safe = ContractError(told(error), where=self.where, hint="mend the transformation")
                raise safe.with_traceback(error.__traceback__) from None
            # Polars' errors, and whatever a transformation raises within Polars.
            problem = error
        accepted.discard(accepted.files[marks[0] :])
        quarantined.discard(quarantined.files[marks[1] :])
        if len(group) > 1:
            halves = group[: len(group) // 2], group[len(group) // 2 :]
            found = [self._validate_group(reader, half, accepted, quarantined) for half in halves]
            return found[0] | found[1]
        return self._give_up(group[0], problem)

    def _give_up(self, given: Input, problem: Exception) -> dict[str, PeriodOutcome]:
        """Stop one period that can't be validated; the others go on."""
        where = self.where | ({"partition": given.period} if given.period else {})
        if isinstance(problem, OSError) or self.table.layer is not Layer.BRONZE:
            # It may pass, or somebody mends it: tried again later, so and so often.
            error = without_cells(problem, where, self.contract.schema)
            self.inputs[given.period] = replace(given, error=error)
            return {}
        broken = replace(given, breach=f"can't be read: {told(problem, self.contract.schema)}")
        self.inputs[given.period] = broken
        return {given.period: stopped(broken)}

    def _validate(
        self, reader: Reader, group: list[Input], accepted: Stage, quarantined: Stage
    ) -> dict[str, PeriodOutcome]:
        decided, asked = self._decided(reader, group)
        opened = reader.deciding(decided).open(group)
        self.inputs |= {one.period: one for one in opened.inputs}
        outcomes = {one.period: stopped(one) for one in opened.inputs if one.breach is not None}
        readable = [one for one in opened.inputs if one.readable]
        if not readable:
            return outcomes
        scratch = Path(tempfile.mkdtemp(dir=self.scratch))
        sinks = Sinks(accepted.sink, quarantined.sink)
        keys = self.keys.group([one.period for one in readable]) if self.keys else None
        around = self._surroundings(readable, scratch, decided, keys)
        found = validate(opened.frame, self.contract, around, sinks)
        if self.keys and keys:
            if asked:
                keys.also(asked)
            ties = self.keys.settle(keys)
            self.built_states |= {period: with_ties(self.bases[period], ties[period]) for period in ties}
        shutil.rmtree(scratch, ignore_errors=True)
        unreadable = [
            one.unreadable for one in readable if one.unreadable is not None and one.unreadable.height
        ]
        if unreadable:
            unreadable = self._write_unreadable(unreadable, sinks, decided)
        outcomes |= {one.period: with_unreadable(found[one.period], one, unreadable) for one in readable}
        for period, error in opened.changed().items():
            # Another version has come while this one was read: nothing of it may be published.
            self.inputs[period] = replace(self.inputs[period], error=error)
            for stage in (accepted, quarantined):
                stage.discard([file for file in stage.files if file.period == period])
            del outcomes[period]
        return outcomes

    def _is_decided(self, given: Input) -> bool:
        return any(one.about_rows for one in self.decisions.get(given.period, ()))

    def _decided(self, reader: Reader, group: list[Input]) -> tuple[Decided | None, GroupKeys | None]:
        """What people decided of the rows of some periods; None where they decided nothing.

        With it, what other tables were asked to find the rows that are meant.
        """
        mine = [one for given in group for one in self.decisions.get(given.period, ())]
        decided = decided_rows(self.pipeline, self.table, mine)
        if decided is None or not (rules := decided.rules_to_find()):
            return decided, None
        # Which rows broke a rule is asked before anything is corrected: a pass of its own.
        opened = reader.open(group)
        readable = [one for one in opened.inputs if one.readable]
        scratch = Path(tempfile.mkdtemp(dir=self.scratch))
        keys = self.keys.group([one.period for one in readable]) if self.keys else None
        judged = JudgedRows(opened.frame, self.contract, self._surroundings(readable, scratch, None, keys))
        broken = judged.broken_rows(rules) if readable else {}
        shutil.rmtree(scratch, ignore_errors=True)
        return decided.with_rows(broken), keys

    def _surroundings(
        self, readable: list[Input], scratch: Path, decided: Decided | None, keys: GroupKeys | None
    ) -> Surroundings:
        return Surroundings(
            periods=self.pipeline.windows(tuple(one.period for one in readable)),
            scratch=scratch,
            references=self._references(),
            delivery_rank=self.ranks,
            rows=sum(one.rows for one in readable),
            profile=self.table.layer is not Layer.BRONZE,
            decided=decided,
            elsewhere=keys,
        )

    def _references(self) -> dict[str, pl.DataFrame]:
        """The keys of references whose tables are not asked key by key, read once a hop."""
        if self._referenced is not None:
            return self._referenced
        keys: dict[str, pl.DataFrame] = {}
        for rule in self.contract.rules:
            if rule.reference is None or (self.keys and rule.name in self.keys.referenced):
                continue
            table = self.pipeline.references(self.table)[rule.name]
            column = rule.reference.column
            rows = self.published(table, {column: self.pipeline.contract(table).schema[column]})
            keys[rule.name] = rows.select(column).unique().drop_nulls().collect(engine="streaming")
        self._referenced = keys
        return keys

    def published(self, table: TableId, schema: Mapping[str, pl.DataType]) -> pl.LazyFrame:
        """Some columns of a referenced table, as it is published now."""
        return self.pipeline.accepted(table).scan(schema)

    def _write_unreadable(
        self, unreadable: list[pl.DataFrame], sinks: Sinks, decided: Decided | None
    ) -> list[pl.DataFrame]:
        """Write records that could not be read, and return them with the decisions that discard them."""
        cells = [name for name in self.contract.schema if name not in unreadable[0].columns]
        mark = decided.discard_mark(pl.col(REASONS), None) if decided else pl.lit(None, dtype=pl.String)
        marked = [one.with_columns(mark.alias(DECISION)) for one in unreadable]
        rows = pl.concat(marked).with_columns(pl.lit(None, dtype=pl.String).alias(name) for name in cells)
        pl.collect_all([sinks.quarantined(rows.lazy())], engine="streaming")
        return marked

    # -- gate ---------------------------------------------------------------------------------

    def _judge(self, period: str, outcome: PeriodOutcome) -> Built:
        policy = self.pipeline.policy(self.table)
        given = self.inputs[period]
        score = score_outcome(outcome, policy.weights)
        decisions = self.decisions.get(period, ())
        tolerance = max(policy.tolerance, allowed_share(decisions))
        waived = {rule for one in decisions if one.kind is DecisionKind.WAIVE for rule in one.rules}
        reason = closed_because(outcome, tolerance, breach=given.breach, waived=waived) or given.miscount(
            outcome
        )
        validation = replace(
            self.validation(period, Outcome.HELD if reason else Outcome.PUBLISHED),
            rows_read=given.rows,
            rows_in=outcome.rows_in,
            accepted=outcome.accepted,
            quarantined=outcome.quarantined,
            duplicates=outcome.duplicates,
            waiting=outcome.waiting,
            state_id=self.built_states.get(period, self.states.get(period, "")),
            unreadable=outcome.unreadable,
            corrected=outcome.corrected,
            waived=outcome.waived,
            discarded=outcome.discarded,
            score=score.score,
            row_score=score.row_score,
            gate_reason=reason or "",
            tolerance=policy.tolerance,
        )
        return Built(validation, outcome, score)

    def validation(self, period: str, outcome: Outcome) -> Validation:
        """What is written down of this pass over one period."""
        return Validation(
            dataset=self.pipeline.name,
            layer=self.table.layer,
            table=self.table.name,
            period=period,
            attempt=self.attempt,
            run_id=self.run_id,
            state_id=self.states.get(period, ""),
            outcome=outcome,
            started_at=self.started,
            ended_at=self.pipeline.now(),
            contract_fingerprint=self.contract.fingerprint,
        )
