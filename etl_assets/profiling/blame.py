"""Which cells the suggested rules blame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from etl_assets.inspection.records import Column
from etl_assets.profiling.coded import CodedTable, Mask
from etl_assets.profiling.records import Suggestion, SuggestionKind
from etl_assets.profiling.rules import Rule, Verdict, blamable, dependency_groups, judge

DEPENDENT_PART = 1.25
FIGURE_PART = 1.1


def flagged_cells(
    sample: pl.DataFrame, suggestions: Iterable[Suggestion], columns: Sequence[Column] = ()
) -> pl.DataFrame:
    """Mark the cells that the suggested rules blame.

    A rule over several columns does not say which cell of a row is wrong. Of a dependency it is the value
    that contradicts its group's clear majority, or the determinant where that explains more of what is
    broken in the row.

    Args:
        sample: Cells as delivered, all text.
        suggestions: As `suggest` returns them, or a choice of them.
        columns: What inspection found out of the columns.

    Returns:
        A boolean column per column of the sample, in order.
    """
    table = CodedTable(sample, columns)
    checks: list[Verdict] = []
    flags = {column.name: np.zeros(table.height, dtype=bool) for column in table.columns}
    edges: list[Edge] = []
    for suggestion in suggestions:
        rule = Rule.of(suggestion)
        if rule.kind is SuggestionKind.DEPENDENCY:
            edges.extend(_edges(table, rule))
        elif rule.kind is SuggestionKind.REFERENCE:
            # The other table is not at hand here; its suggestion names the rows.
            flags[rule.columns[0]][list(suggestion.rows)] = True
        elif rule.kind is SuggestionKind.ROW_CHECK and rule.parameters["operator"] != "misplaced":
            checks.append(judge(table, rule))
        else:
            for name, blamed in judge(table, rule).blamed.items():
                flags[name] |= blamed
    _blame_edges(table, edges, flags)
    _blame_checks(checks, flags)
    return pl.DataFrame({name: pl.Series(name, mask, dtype=pl.Boolean) for name, mask in flags.items()})


@dataclass(frozen=True)
class Edge:
    """What one dependency says of each row: kept, broken, or (neither) nothing."""

    determinants: tuple[str, ...]
    dependent: str
    kept: Mask
    broken: Mask
    sourced: bool = False

    @property
    def names(self) -> tuple[str, ...]:
        """The columns that one of which is wrong where it is broken."""
        return (*self.determinants, self.dependent)


def _edges(table: CodedTable, rule: Rule) -> Iterable[Edge]:
    for dependent, groups in dependency_groups(table, rule):
        kept = (groups.own_rows() > 1) & (groups.dependent == groups.leader())
        sourced = rule.parameters.get("source") is not None
        yield Edge(rule.columns, dependent, kept, blamable(rule, groups), sourced)


def _blame_checks(checks: Sequence[Verdict], flags: dict[str, Mask]) -> None:
    """Blame the cells of broken row checks, unless another rule blames one of them already.

    Sums and products first: they often know which of three is wrong, a comparison never does.
    """
    for width in (3, 2):
        found: list[tuple[str, Mask]] = []
        for verdict in checks:
            if len(verdict.blamed) == width:
                explained = np.logical_or.reduce([flags[name] for name in verdict.blamed])
                found.extend((name, blamed & ~explained) for name, blamed in verdict.blamed.items())
        for name, blamed in found:
            flags[name] |= blamed


def _blame_edges(table: CodedTable, edges: Sequence[Edge], flags: dict[str, Mask]) -> None:
    """Blame, row by row, as few cells as explain all that is broken: the most suspicious cell first."""
    if not edges:
        return
    rows = np.flatnonzero(np.logical_or.reduce([edge.broken for edge in edges]))
    names = sorted({name for edge in edges for name in edge.names})
    place = {name: i for i, name in enumerate(names)}
    broken = np.stack([edge.broken[rows] for edge in edges], axis=1)
    kept = np.stack([edge.kept[rows] for edge in edges], axis=1)
    # A dependent is suspected a little more than what tells it: it is the one known to contradict. Where two
    # columns tell each other, words are suspected before numbers, which count and date.
    part = np.zeros((len(edges), len(names)))
    for number, edge in enumerate(edges):
        # What several sources describe is not in doubt, but what they say of it.
        # Of two that tell together, each is suspected by half.
        suspected = 0.0 if edge.sourced else 1.0 / len(edge.determinants)
        part[number, [place[name] for name in edge.determinants]] = suspected
        part[number, place[edge.dependent]] = FIGURE_PART if table[edge.dependent].numeric else DEPENDENT_PART
    involved = part > 0
    innocent: npt.NDArray[np.float64] = kept @ part
    blamed = np.stack([flags[name][rows] for name in names], axis=1)
    broken &= ~(blamed @ involved.T)
    for _ in range(len(names)):
        guilty = broken @ part
        suspicion = guilty * guilty / np.maximum(guilty + innocent, 1)
        left = broken.any(axis=1)
        if not left.any():
            break
        worst = suspicion.argmax(axis=1)
        blamed[left, worst[left]] = True
        broken &= ~(blamed @ involved.T)
    for name, i in place.items():
        flags[name][rows] |= blamed[:, i]
