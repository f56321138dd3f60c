"""Drafts the rules that a sample speaks for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from etl_assets.contracts.vocabulary import Dimension, Severity
from etl_assets.inspection.records import Column
from etl_assets.profiling.cells import Draft, all_columns
from etl_assets.profiling.coded import CodedTable, Mask
from etl_assets.profiling.dependencies import Dependency
from etl_assets.profiling.discovery import Search, find_dependencies
from etl_assets.profiling.evidence import wilson_lower_bound
from etl_assets.profiling.keys import key_drafts, reference_drafts
from etl_assets.profiling.pairs import MAX_COLUMNS, MAX_SUMMED, row_drafts
from etl_assets.profiling.records import Suggestion, SuggestionKind
from etl_assets.profiling.rules import Rule, Verdict, judge

MAX_ROWS_NAMED = 1_000


class Suggestions(list[Suggestion]):
    """A list of suggestions.

    Attributes:
        left_out: What was not looked at, because there are too many columns, one sentence each.
    """

    def __init__(self, found: Iterable[Suggestion], left_out: tuple[str, ...] = ()) -> None:
        super().__init__(found)
        self.left_out = left_out


def suggest(
    sample: pl.DataFrame,
    columns: Sequence[Column] = (),
    *,
    others: Mapping[str, pl.DataFrame] | None = None,
    files: Sequence[str] | pl.Series | None = None,
    partitions: pl.Series | None = None,
) -> Suggestions:
    """Draft the rules that a sample speaks for, each with its support, exceptions and bound.

    Args:
        sample: Cells as delivered, all text, null where empty.
        columns: What inspection found out of the columns.
        others: Samples of other tables by name, in which columns of this one may be looked up.
        files: For each row the file that it came in; a rule must hold in each of them.
        partitions: For each row the partition that it will lie in: a key is unique within one, as the
            pipeline judges it. None for one table as a whole.

    Returns:
        Rules over single columns in the order of the columns, then those over several; and what was left
        out to bound the time.
    """
    table = CodedTable(sample, columns, others, partitions)
    search = find_dependencies(table)
    drafts = [
        *all_columns(table, search.found),
        *key_drafts(table),
        *dependency_drafts(search.found),
        *reference_drafts(table),
        *row_drafts(table),
    ]
    deliveries = _deliveries(files, table.height)
    found = (_weighed(draft, judge(table, draft.rule), deliveries) for draft in drafts)
    return Suggestions(
        (suggestion for suggestion in found if suggestion is not None),
        left_out=tuple(_left_out(table, search)),
    )


def _left_out(table: CodedTable, search: Search) -> Iterator[str]:
    if search.left_out:
        yield f"dependencies: {search.left_out:,} pairs of columns with the most different values"
    figures = sum(column.numeric for column in table.columns)
    if figures > MAX_COLUMNS:
        yield f"comparisons: {figures - MAX_COLUMNS:,} columns of numbers behind the first {MAX_COLUMNS}"
    if figures > MAX_SUMMED:
        yield f"sums and products: {figures - MAX_SUMMED:,} columns of numbers behind the first {MAX_SUMMED}"


def dependency_drafts(found: Sequence[Dependency]) -> Iterator[Draft]:
    """Draft one rule per determinant, over all that it tells."""
    grouped: dict[tuple[tuple[str, ...], str | None], list[str]] = {}
    for dependency in found:
        key = (dependency.determinants, dependency.source)
        grouped.setdefault(key, []).append(dependency.dependent)
    for (determinants, source), dependents in grouped.items():
        parameters = {"dependents": dependents} | ({"source": source} if source else {})
        rule = Rule(SuggestionKind.DEPENDENCY, determinants, parameters)
        why = f"rows that agree in {', '.join(determinants)} agree in {', '.join(dependents)}"
        if source:
            why += f", as most of {source} say"
        yield Draft(rule, Dimension.CONSISTENCY, Severity.WARN, why)


def _deliveries(files: Sequence[str] | pl.Series | None, height: int) -> list[Mask]:
    if files is None:
        return []
    labels = pl.Series("file", files).cast(pl.String)
    if len(labels) != height:
        raise ValueError(f"{len(labels)} files for {height} rows")
    return [(labels == label).to_numpy().astype(bool) for label in labels.unique().sort()]


def _weighed(draft: Draft, verdict: Verdict, deliveries: Sequence[Mask]) -> Suggestion | None:
    support, exceptions = int(verdict.applies.sum()), int(verdict.broken.sum())
    if not support or not all(_holds_in(verdict, delivery) for delivery in deliveries):
        return None
    bound = wilson_lower_bound(support - exceptions, support)
    figures = f"{support - exceptions:,} of {support:,} rows, at least {bound:.2%}"
    return Suggestion(
        kind=draft.rule.kind,
        columns=draft.rule.columns,
        severity=draft.severity,
        dimension=draft.dimension,
        support=support,
        exceptions=exceptions,
        lower_bound=bound,
        why=f"{draft.why}: {figures}",
        parameters=draft.rule.parameters,
        rows=tuple(int(row) for row in np.flatnonzero(verdict.broken)[:MAX_ROWS_NAMED]),
    )


def _holds_in(verdict: Verdict, delivery: Mask) -> bool:
    applies = int((verdict.applies & delivery).sum())
    broken = int((verdict.broken & delivery).sum())
    total, everywhere = int(verdict.applies.sum()), int(verdict.broken.sum())
    return not applies or broken <= max(1, applies * max(0.05, 3 * everywhere / total))
