"""Functional dependencies: which columns tell which others, mistakes allowed for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from etl_assets.profiling.coded import CodedColumn, CodedTable, Codes, Mask
from etl_assets.profiling.evidence import significant
from etl_assets.profiling.groups import Groups

# A determinant must repeat: at least so many rows, and this share of all, could have contradicted.
MIN_REPEATS = 20
MIN_REPEAT_SHARE = 0.1
# Contradictions beyond this share of the rows are no mistakes any more.
MAX_CONTRADICTING = 0.15
MIN_STRENGTH = 0.3
# A rule holds everywhere or is none: rows in groups that are divided among values.
MAX_DIVIDED = 0.06
# Beyond this share of contradictions that come again within their group they are no accident, unless
# they are so few that the rule is as good as true.
MAX_REPEATED = 0.5
AS_GOOD_AS_TRUE = 0.01

# How many pairs of columns are looked at; what is beyond is said.
MAX_PAIRS = 4_000


@dataclass(frozen=True)
class Dependency:
    """One dependency found, with its figures."""

    determinants: tuple[str, ...]
    dependent: str
    groups: Groups

    @property
    def strength(self) -> float:
        """How sure the determinant tells the dependent."""
        return self.groups.strength


@dataclass(frozen=True)
class Search:
    """What a search for dependencies found, and how many pairs of columns it left out."""

    found: tuple[Dependency, ...]
    left_out: int


def find_dependencies(table: CodedTable) -> Search:
    """Look at pairs of columns, those with the most repetition first."""
    determinants = sorted(filter(_may_determine, table.columns), key=lambda column: len(column.values))
    dependents = [column for column in table.columns if len(column.values) > 1]
    candidates = len(determinants) * max(len(dependents) - 1, 0)
    found = []
    for tried, (left, right) in enumerate(_pairs(determinants, dependents)):
        if tried >= MAX_PAIRS:
            break
        groups = Groups.of(left.codes, right.codes)
        if holds(groups, min(candidates, MAX_PAIRS)):
            found.append(Dependency((left.name,), right.name, groups))
    return Search(tuple(found), max(candidates - MAX_PAIRS, 0))


def _may_determine(column: CodedColumn) -> bool:
    filled = int(column.counts.sum())
    repeats = filled - len(column.values)
    return len(column.values) > 1 and repeats >= max(MIN_REPEATS, MIN_REPEAT_SHARE * filled)


def _pairs(left: list[CodedColumn], right: list[CodedColumn]) -> Iterator[tuple[CodedColumn, CodedColumn]]:
    for one in left:
        for other in right:
            if one is not other:
                yield one, other


def holds(groups: Groups, hypotheses: int) -> bool:
    """Tell whether the determinant tells the dependent, but for mistakes.

    A dependency broken by mistakes keeps a clear majority in every group, and its contradictions are
    scattered. Mere correlation has groups that are divided, between values that come again.
    """
    if groups.repeats < max(MIN_REPEATS, MIN_REPEAT_SHARE * groups.rows):
        return False
    shared_rows = int(groups.sizes[groups.shared].sum())
    share = groups.contradicting / shared_rows
    if share > MAX_CONTRADICTING or groups.divided > MAX_DIVIDED or groups.strength < MIN_STRENGTH:
        return False
    if groups.repeated > MAX_REPEATED and share > AS_GOOD_AS_TRUE:
        return False
    agreeing = groups.repeats - groups.contradicting
    return significant(agreeing, groups.repeats, groups.chance, hypotheses)


def sporadic(groups: Groups) -> Mask:
    """Rows that contradict a clear majority, in a way that looks like a mistake.

    Once against two or more, or up to a fifth as often as the majority's value.
    """
    leader, own, top = groups.leader(), groups.own_rows(), groups.top_rows()
    contradicting = (leader >= 0) & (own > 0) & (groups.dependent != leader)
    return contradicting & np.where(own == 1, top >= 2, top >= 4 * own)


def gaps(groups: Groups) -> Mask:
    """Rows whose dependent is empty although their group tells it."""
    return (groups.leader() >= 0) & (groups.dependent < 0)


def breaking(groups: Groups) -> Mask:
    """Rows that break the rule: not of their group's only commonest value; a tie breaks it for all."""
    own = groups.own_rows()
    return (own > 0) & (groups.dependent != groups.leader())


def empty_by_accident(groups: Groups) -> Mask | None:
    """Rows with an empty dependent where emptiness does not go by groups, else None.

    When what is empty is so for a reason, whole groups are empty; an accident leaves a group's other
    rows filled.
    """
    empty = (groups.determinant >= 0) & (groups.dependent < 0)
    sizes: Codes = np.bincount(groups.determinant[groups.determinant >= 0])
    in_company = empty & (np.append(sizes, 0)[groups.determinant] > 1)
    total = int(in_company.sum())
    if total < MAJORITY_OF_GAPS or int((in_company & (groups.leader() >= 0)).sum()) < 0.8 * total:
        return None
    return empty


MAJORITY_OF_GAPS = 3
