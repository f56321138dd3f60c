"""Searches a table for functional dependencies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np

from etl_assets.profiling.coded import CodedColumn, CodedTable
from etl_assets.profiling.dependencies import (
    MIN_REPEAT_SHARE,
    MIN_REPEATS,
    MIN_STRENGTH,
    Dependency,
    contradicting,
    enough,
    holds,
)
from etl_assets.profiling.evidence import significant
from etl_assets.profiling.groups import Groups

# How many pairs of columns are looked at, and how many pairs of determinants; what is beyond is said.
MAX_PAIRS = 4_000
MAX_TOGETHER = 300
# Contradictions go by another column's value when they are so many of its rows.
EXPLAINED_ROWS = 5
EXPLAINED_SHARE = 0.8
EXPLAINED_OF_ALL = 0.2
# Two columns together come again less often: groups of two rows on average are the least.
MIN_REPEATS_TOGETHER = 0.5
# And there are so many pairs that some nearly tell anything: fewer contradictions are believed.
MAX_CONTRADICTING_TOGETHER = 0.02
# Sources: so many tell of each thing, each once; the share of columns that must follow the thing; how
# strongly; and the share of the sources that agree.
MIN_TELLERS = 5
MAX_TOLD_TWICE = 0.01
MIN_FOLLOWING = 0.75
MIN_SOURCE_STRENGTH = 0.2
MIN_AGREEING = 0.4


@dataclass(frozen=True)
class Search:
    """What a search found, and how many pairs of columns it left out."""

    found: tuple[Dependency, ...]
    left_out: int


def find_dependencies(table: CodedTable) -> Search:
    """Look at pairs of columns, those with the fewest values first, then at what two tell together."""
    determinants = sorted(filter(_may_determine, table.columns), key=lambda column: len(column.values))
    dependents = [column for column in table.columns if len(column.values) > 1]
    candidates = len(determinants) * max(len(dependents) - 1, 0)
    hypotheses = min(candidates, MAX_PAIRS)
    found: list[Dependency] = []
    half_told: list[Dependency] = []
    for left, right in islice(_pairs(determinants, dependents), MAX_PAIRS):
        one = Dependency((left.name,), right.name, Groups.of(left.codes, right.codes))
        if holds(one.groups, hypotheses):
            missing = _missing(table, one)
            found.extend(_completed(table, one, missing, hypotheses) if missing else [one])
        elif one.groups.strength >= MIN_STRENGTH and enough(one.groups):
            half_told.append(one)
    found += _by_sources(table, found)
    found += _together(table, half_told, found, hypotheses)
    return Search(tuple(_least(found)), max(candidates - MAX_PAIRS, 0))


def _least(found: Sequence[Dependency]) -> Iterator[Dependency]:
    """Leave out what fewer columns tell already."""
    alone = {(one.determinants[0], one.dependent) for one in found if len(one.determinants) == 1}
    for one in found:
        if len(one.determinants) == 1 or not any((name, one.dependent) in alone for name in one.determinants):
            yield one


def _may_determine(column: CodedColumn) -> bool:
    filled = int(column.counts.sum())
    repeats = filled - len(column.values)
    return len(column.values) > 1 and repeats >= max(MIN_REPEATS, MIN_REPEAT_SHARE * filled)


def _pairs(
    left: Sequence[CodedColumn], right: Sequence[CodedColumn]
) -> Iterator[tuple[CodedColumn, CodedColumn]]:
    for one in left:
        for other in right:
            if one is not other:
                yield one, other


def _missing(table: CodedTable, one: Dependency) -> list[str]:
    """Find further columns by whose values the contradictions go: then those tell, too."""
    wrong = contradicting(one.groups)
    if wrong.sum() < EXPLAINED_ROWS:
        return []
    found = []
    for column in table.columns:
        if column.name in (*one.determinants, one.dependent) or not _may_determine(column):
            continue
        of_value = np.bincount(column.codes[wrong & column.filled], minlength=len(column.values))
        explained = (of_value >= EXPLAINED_ROWS) & (of_value >= EXPLAINED_SHARE * column.counts)
        if of_value[explained].sum() >= EXPLAINED_OF_ALL * wrong.sum():
            found.append(column.name)
    return found


def _completed(
    table: CodedTable, one: Dependency, missing: Sequence[str], hypotheses: int
) -> Iterator[Dependency]:
    # The coarsest will do: what is told by the county is told by the state.
    for name in sorted(missing, key=lambda name: len(table[name].values)):
        names = (*one.determinants, name)
        groups = Groups.of(table.together(names), table[one.dependent].codes)
        if holds(groups, hypotheses):
            yield replace(one, determinants=names, groups=groups)
            return


def _together(
    table: CodedTable, half_told: Sequence[Dependency], found: Sequence[Dependency], hypotheses: int
) -> Iterator[Dependency]:
    """Join each column that nearly tells another with a further one, until the two tell it."""
    # What one column tells needs no second one.
    told = {one.dependent for one in found}
    tried = 0
    done: set[tuple[frozenset[str], str]] = set()
    for one in sorted(half_told, key=lambda half: -half.groups.strength):
        if one.dependent in told:
            continue
        for column in table.columns:
            names = (*one.determinants, column.name)
            key = (frozenset(names), one.dependent)
            idle = column.name in names[:-1] or column.name == one.dependent or key in done
            # Two figures together tell nearly everything, of every row by itself.
            idle = idle or (_is_figure(column) and _is_figure(table[one.determinants[0]]))
            if idle or not _may_determine(column):
                continue
            if tried >= MAX_TOGETHER:
                return
            tried += 1
            done.add(key)
            groups = Groups.of(table.together(names), table[one.dependent].codes)
            if _better(groups, one.groups, hypotheses * len(table.columns)):
                yield replace(one, determinants=names, groups=groups)
                break


def _is_figure(column: CodedColumn) -> bool:
    return column.numeric or column.temporal


def _better(groups: Groups, alone: Groups, hypotheses: int) -> bool:
    """Tell whether two columns tell what one alone does not: more surely than chance would make it seem."""
    if groups.repeats < MIN_REPEATS_TOGETHER * groups.rows or not holds(groups, hypotheses):
        return False
    if groups.contradicting > MAX_CONTRADICTING_TOGETHER * groups.rows:
        return False
    agreeing = groups.repeats - groups.contradicting
    share_alone = 1 - alone.contradicting / alone.repeats
    return significant(agreeing, groups.repeats, share_alone, hypotheses)


def _by_sources(table: CodedTable, found: Sequence[Dependency]) -> Iterator[Dependency]:
    """Find things that several sources describe, once each: what most of them say is believed."""
    known = {(one.determinants, one.dependent) for one in found}
    for source in table.columns:
        if source.numeric or source.temporal or not MIN_TELLERS <= len(source.values) <= 0.2 * table.height:
            continue
        for thing in table.columns:
            if thing is source or len(thing.values) * MIN_TELLERS > thing.counts.sum():
                continue
            told = table.together((thing.name, source.name))
            told = told[told >= 0]
            if len(np.unique(told)) < (1 - MAX_TOLD_TWICE) * len(told) or len(told) < 0.9 * table.height:
                continue
            for one in _followers(table, thing, source):
                if (one.determinants, one.dependent) not in known:
                    yield one


def _followers(table: CodedTable, thing: CodedColumn, source: CodedColumn) -> list[Dependency]:
    others = [
        column
        for column in table.columns
        if column not in (thing, source) and 1 < len(column.values) < 0.9 * column.counts.sum()
    ]
    following = []
    for column in others:
        groups = Groups.of(thing.codes, column.codes)
        agreeing = float(groups.tops.sum()) / max(groups.rows, 1)
        if (
            groups.strength >= MIN_SOURCE_STRENGTH
            and agreeing >= MIN_AGREEING
            and significant(groups.repeats - groups.contradicting, groups.repeats, groups.chance, 1_000)
        ):
            following.append(Dependency((thing.name,), column.name, groups, source.name))
    return following if len(following) >= max(2, MIN_FOLLOWING * len(others)) else []
