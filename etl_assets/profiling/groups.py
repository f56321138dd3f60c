"""How the values of one column spread over groups of equal values of another."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from etl_assets.profiling.coded import Codes, Mask

# A group of so many rows has a majority worth the name; below this share of the group it has none.
MAJORITY_ROWS = 3
MAJORITY_SHARE = 0.7


@dataclass(frozen=True)
class Groups:
    """Rows where determinant and dependent are both filled, counted by determinant and by both.

    Attributes:
        determinant: The determinant's code per row of the sample.
        dependent: The dependent's code per row of the sample.
        width: Above every code of the dependent.
        pairs: The distinct combinations, as `determinant * width + dependent`, in order.
        pair_counts: Rows of each.
        starts: Where in `pairs` each group starts.
    """

    determinant: Codes
    dependent: Codes
    width: int
    pairs: Codes
    pair_counts: Codes
    starts: Codes

    @classmethod
    def of(cls, determinant: Codes, dependent: Codes) -> Groups:
        """Count them."""
        both = (determinant >= 0) & (dependent >= 0)
        width = int(dependent.max(initial=0)) + 1
        pairs, counts = np.unique(determinant[both] * width + dependent[both], return_counts=True)
        owners = pairs // width
        starts = np.flatnonzero(np.r_[True, owners[1:] != owners[:-1]]) if len(pairs) else np.empty(0, int)
        return cls(determinant, dependent, width, pairs, counts.astype(np.int64), starts.astype(np.int64))

    @cached_property
    def sizes(self) -> Codes:
        """Rows of each group."""
        return _reduce(np.add, self.pair_counts, self.starts)

    @cached_property
    def tops(self) -> Codes:
        """Rows of each group's commonest value."""
        return _reduce(np.maximum, self.pair_counts, self.starts)

    @property
    def rows(self) -> int:
        """Rows that count."""
        return int(self.pair_counts.sum())

    @property
    def repeats(self) -> int:
        """Rows that could contradict an earlier row of their group: the evidence."""
        return self.rows - len(self.starts)

    @property
    def shared(self) -> Mask:
        """Groups of more than one row."""
        return self.sizes > 1

    @cached_property
    def owner(self) -> Codes:
        """For each pair the position of its group."""
        lengths = np.diff(np.r_[self.starts, len(self.pairs)])
        return np.repeat(np.arange(len(self.starts)), lengths)

    @cached_property
    def leading(self) -> Mask:
        """For each pair whether it is its group's only commonest."""
        is_top = self.pair_counts == self.tops[self.owner]
        tops_of_group = np.bincount(self.owner[is_top], minlength=len(self.starts))
        leading: Mask = is_top & (tops_of_group[self.owner] == 1)
        return leading

    @cached_property
    def contradicting(self) -> int:
        """Rows that are not of their group's commonest value."""
        return int((self.sizes - self.tops).sum())

    @cached_property
    def strength(self) -> float:
        """How much better the determinant tells the dependent than chance does: 0 not at all, 1 always.

        The measure mu+, which corrects for groups so small that they agree with themselves (Parciak et
        al. 2024, "Measuring Approximate Functional Dependencies").
        """
        if self.repeats <= 0:
            return 0.0
        chance = self.chance
        if chance >= 1:
            return 0.0
        squares = _reduce(np.add, self.pair_counts**2, self.starts)
        told = float((squares / self.sizes).sum()) / self.rows
        return max(0.0, 1 - (1 - told) / (1 - chance) * (self.rows - 1) / self.repeats)

    @cached_property
    def chance(self) -> float:
        """Probability that two rows agree in the dependent, whatever their determinant."""
        counts = np.bincount(self.pairs % self.width, weights=self.pair_counts)
        return float(((counts / max(self.rows, 1)) ** 2).sum())

    @cached_property
    def divided(self) -> float:
        """Share of the rows in groups without a clear majority, among groups large enough to have one."""
        large = self.sizes >= MAJORITY_ROWS
        total = int(self.sizes[large].sum())
        without = large & (self.tops < MAJORITY_SHARE * self.sizes)
        return float(self.sizes[without].sum()) / total if total else 0.0

    @cached_property
    def repeated(self) -> float:
        """Share of the contradicting rows whose value the group holds again and again.

        Mistakes contradict their group each in its own way, or by chance in the same: a value that is
        common everywhere turns up twice among many mistakes. A second true value exceeds that.
        """
        minority = np.ones(len(self.pairs), dtype=bool)
        first_top = np.lexsort((-self.pair_counts, self.owner))
        minority[first_top[self.starts]] = False
        total = int(self.pair_counts[minority].sum())
        if not total:
            return 0.0
        share = np.bincount(self.pairs % self.width, weights=self.pair_counts) / self.rows
        by_chance = total / self.rows * self.sizes[self.owner] * share[self.pairs % self.width]
        again = minority & (self.pair_counts > np.maximum(1, by_chance + 3 * np.sqrt(by_chance)))
        return float(self.pair_counts[again].sum()) / total

    @cached_property
    def told(self) -> float:
        """Of the rows with a value that leads some groups, the share in groups that it leads.

        The commonest value is left out, and rows alone in their group. Where nearly all rows have the same
        value, the few others show whether the determinant tells them, or they are strewn over all groups.
        """
        shared = (self.sizes > 1)[self.owner]
        values = self.pairs % self.width
        total = np.bincount(values[shared], weights=self.pair_counts[shared], minlength=self.width)
        leading = shared & self.leading
        led = np.bincount(values[leading], weights=self.pair_counts[leading], minlength=self.width)
        counted = led > 0
        counted[int(total.argmax())] = False
        return float(led[counted].sum() / total[counted].sum()) if counted.any() else 0.0

    def leader(self) -> Codes:
        """For each row the dependent's code that its group mostly has, -1 where the group has no majority."""
        winner = np.full(len(self.starts), -1, dtype=np.int64)
        winner[self.owner[self.leading]] = self.pairs[self.leading] % self.width
        return self._by_row(winner)

    def _by_row(self, per_group: Codes, missing: int = -1) -> Codes:
        owners = self.pairs[self.starts] // self.width
        if not len(owners):
            return np.full(len(self.determinant), missing, dtype=np.int64)
        place = np.searchsorted(owners, self.determinant).clip(0, len(owners) - 1)
        found = (self.determinant >= 0) & (owners[place] == self.determinant)
        return np.where(found, per_group[place], missing)

    def group_rows(self) -> Codes:
        """For each row the rows of its group that count, 0 where it has none."""
        return self._by_row(self.sizes, 0)

    def top_rows(self) -> Codes:
        """For each row the rows of its group's commonest value, 0 where it has none."""
        return self._by_row(self.tops, 0)

    def own_rows(self) -> Codes:
        """For each row the rows of its group that have its value, 0 where a cell is empty."""
        both = (self.determinant >= 0) & (self.dependent >= 0)
        result = np.zeros(len(self.determinant), dtype=np.int64)
        wanted = self.determinant[both] * self.width + self.dependent[both]
        result[both] = self.pair_counts[np.searchsorted(self.pairs, wanted)]
        return result


def _reduce(operation: np.ufunc, values: Codes, starts: Codes) -> Codes:
    return np.asarray(operation.reduceat(values, starts), dtype=np.int64) if len(starts) else starts
