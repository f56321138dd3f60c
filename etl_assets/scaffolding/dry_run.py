"""Runs what was drafted on the rows that were looked at: it must load, read and accept nearly all of them."""

from __future__ import annotations

import datetime as dt
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from etl_assets.contracts.dataset import Dataset, Layer
from etl_assets.contracts.provenance import PERIOD
from etl_assets.contracts.rules import compile_contract
from etl_assets.contracts.vocabulary import Severity
from etl_assets.datasets import load_dataset
from etl_assets.scaffolding.drafts import TableDraft
from etl_assets.staging.source import PeriodFrom
from etl_assets.testing import Verdict, Window, judge_frame, table_of

TOO_MANY = 0.05
"""A rule that refuses a larger share of the rows that were looked at is no rule, or not one to begin with."""


@dataclass
class Findings:
    """What the rows of one table came to.

    Attributes:
        verdict: As of a run.
        worst: The largest share of a file's rows that was refused, and that file.
        failing: Rules that refuse too many rows.
    """

    verdict: Verdict
    worst: tuple[float, str] = (0.0, "")
    failing: list[str] = field(default_factory=list)


def load_draft(name: str, modules: Mapping[str, str], folder: Path) -> Dataset:
    """Write a dataset's modules into a folder and load them, as a run will.

    Raises:
        ContractError: They can't be loaded.
    """
    package = folder / name
    package.mkdir(parents=True)
    for module, text in modules.items():
        (package / module).write_text(text, encoding="utf-8")
    before = {*sys.modules}
    try:
        return load_dataset(name, [folder])
    finally:
        # The next draft is another folder; what was imported from this one is of no use to anybody.
        for module in {*sys.modules} - before:
            if str(getattr(sys.modules[module], "__file__", None) or "").startswith(str(folder)):
                del sys.modules[module]


def try_out(dataset: Dataset, tables: Sequence[TableDraft]) -> dict[str, Findings]:
    """Clean and validate the rows that were looked at, file by file.

    Args:
        dataset: As loaded.
        tables: Its drafts, in any order.
    """
    found: dict[str, Findings] = {}
    waiting = {table.name: table for table in tables}
    for silver in dataset.tables:
        if silver.id.layer is Layer.SILVER:
            table = waiting[silver.id.name]
            # Of a sample nobody can say that a key is not there.
            complete = {
                name: one.verdict.accepted for name, one in found.items() if waiting[name].material.complete
            }
            found[table.name] = _tried(dataset, table, complete)
    return found


def _tried(dataset: Dataset, table: TableDraft, references: Mapping[str, pl.DataFrame]) -> Findings:
    material = table.material
    silver = table_of(dataset, Layer.SILVER, table.name)
    rows = material.delivered
    verdict = judge_frame(silver, rows, material.headers, _windows(table), inputs={}, references=references)
    shares = [(one.quarantined_share, label) for label, one in verdict.outcomes.items() if one.rows_in]
    failed: Counter[str] = Counter()
    for outcome in verdict.outcomes.values():
        for tally in outcome.tallies:
            if tally.severity is Severity.ERROR:
                failed[tally.rule] += tally.failed
    most = TOO_MANY * max(rows.height, 1)
    failing = sorted(rule for rule, count in failed.items() if count > most)
    known = {rule.name for rule in compile_contract(silver.contract).rules}
    return Findings(verdict, max(shares, default=(0.0, "")), [rule for rule in failing if rule in known])


def _windows(table: TableDraft) -> dict[str, Window | None]:
    material, layout = table.material, table.material.layout
    windows: dict[str, Window | None] = dict.fromkeys(material.delivered[PERIOD].unique().to_list())
    if layout.rhythm is None or layout.source.period_from is not PeriodFrom.FILENAME:
        return windows
    for label in windows:
        if label in layout.dates:
            first, after = layout.rhythm.window(layout.dates[label])
            windows[label] = (_midnight(first), _midnight(after))
    return windows


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)
