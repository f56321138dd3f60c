"""Drafts the rules that a sample speaks for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl

from etl_assets.contracts.vocabulary import Dimension, Severity
from etl_assets.inspection.records import Column
from etl_assets.profiling.cells import Draft, all_columns
from etl_assets.profiling.coded import CodedTable, Mask
from etl_assets.profiling.dependencies import Dependency
from etl_assets.profiling.discovery import find_dependencies
from etl_assets.profiling.evidence import wilson_lower_bound
from etl_assets.profiling.keys import key_drafts, reference_drafts
from etl_assets.profiling.pairs import row_drafts
from etl_assets.profiling.records import Suggestion, SuggestionKind
from etl_assets.profiling.rules import Rule, Verdict, judge

MAX_ROWS_NAMED = 1_000


def suggest(
    sample: pl.DataFrame,
    columns: Sequence[Column] = (),
    *,
    others: Mapping[str, pl.DataFrame] | None = None,
    files: Sequence[str] | pl.Series | None = None,
) -> list[Suggestion]:
    """Draft the rules that a sample speaks for, each with its support, exceptions and bound.

    Args:
        sample: Cells as delivered, all text, null where empty.
        columns: What inspection found out of the columns.
        others: Samples of other tables by name, in which columns of this one may be looked up.
        files: For each row the file that it came in; a rule must hold in each of them.

    Returns:
        Rules over single columns in the order of the columns, then those over several.
    """
    table = CodedTable(sample, columns, others)
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
    return [suggestion for suggestion in found if suggestion is not None]


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
