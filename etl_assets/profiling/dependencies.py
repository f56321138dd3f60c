"""Functional dependencies: when one holds, mistakes allowed for, and which rows contradict it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from etl_assets.profiling.coded import Codes, Mask
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
# Of the rows with a value that leads groups, most must be in such groups.
MIN_TOLD = 0.7
# Of fewer empty cells nothing can be said.
MIN_EMPTY = 3


@dataclass(frozen=True)
class Dependency:
    """One dependency, with its figures.

    Attributes:
        determinants: Which columns tell.
        dependent: Which column they tell.
        groups: How its values spread.
        source: The column that names who says so, where several sources describe the same things: then
            the sources' majority is believed, however many contradict.
    """

    determinants: tuple[str, ...]
    dependent: str
    groups: Groups
    source: str | None = None


def enough(groups: Groups) -> bool:
    """Tell whether the determinant comes again often enough to be tested at all."""
    return groups.repeats >= max(MIN_REPEATS, MIN_REPEAT_SHARE * groups.rows)


def holds(groups: Groups, hypotheses: int) -> bool:
    """Tell whether the determinant tells the dependent, but for mistakes.

    A dependency broken by mistakes keeps a clear majority in every group, and its contradictions are
    scattered. Mere correlation has groups that are divided, between values that come again.
    """
    if not enough(groups):
        return False
    share = groups.contradicting / int(groups.sizes[groups.shared].sum())
    if share > MAX_CONTRADICTING or groups.divided > MAX_DIVIDED or groups.strength < MIN_STRENGTH:
        return False
    if groups.told < MIN_TOLD:
        return False
    if groups.repeated > MAX_REPEATED and share > AS_GOOD_AS_TRUE:
        return False
    agreeing = groups.repeats - groups.contradicting
    return significant(agreeing, groups.repeats, groups.chance, hypotheses)


def contradicting(groups: Groups) -> Mask:
    """Rows whose value is not their group's, where it has a single commonest one that comes again."""
    leader = groups.leader()
    found: Mask = (leader >= 0) & (groups.own_rows() > 0) & (groups.dependent != leader)
    return found & (groups.top_rows() >= 2)


def sporadic(groups: Groups) -> Mask:
    """Rows that contradict a clear majority in a way that looks like a mistake.

    Once against two or more, or up to a quarter as often as the majority's value.
    """
    own, top = groups.own_rows(), groups.top_rows()
    lonely: Mask = (own == 1) | (top >= 4 * own)
    return contradicting(groups) & lonely


def breaking(groups: Groups) -> Mask:
    """Rows that break the rule: not of their group's only commonest value; a tie breaks it for all."""
    broken: Mask = (groups.own_rows() > 0) & (groups.dependent != groups.leader())
    return broken


def emptied_singly(groups: Groups) -> float | None:
    """Of the rows with an empty dependent, the share whose group is otherwise filled; None of too few.

    When cells are empty for a reason, whole groups are empty; an accident leaves a group's other rows
    filled.
    """
    known = groups.determinant >= 0
    empty = known & (groups.dependent < 0)
    sizes: Codes = np.bincount(groups.determinant[known])
    in_company = empty & (np.append(sizes, 0)[groups.determinant] > 1)
    total = int(in_company.sum())
    return int((in_company & (groups.leader() >= 0)).sum()) / total if total >= MIN_EMPTY else None
