"""Rows chosen by what their cells hold: a declared form that is stored and shown, never text that is run."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Operator(StrEnum):
    """How a cell is compared; text exactly as it was delivered, case and spaces included."""

    EQUALS = "="
    DIFFERS = "!="
    IS_NULL = "is null"
    IS_NOT_NULL = "is not null"
    STARTS_WITH = "starts with"
    CONTAINS = "contains"

    @property
    def takes_values(self) -> bool:
        """Whether it compares with something."""
        return self not in (Operator.IS_NULL, Operator.IS_NOT_NULL)


@dataclass(frozen=True)
class Condition:
    """One column of the row as delivered, compared.

    Attributes:
        values: What it is compared with. `=`, `starts with` and `contains` hold for any of them, `!=` for
            none of them. A null cell equals nothing, so it differs from all.
    """

    column: str
    operator: Operator
    values: tuple[str, ...] = ()

    def excludes(self, other: Condition) -> bool:
        """Whether it is certain that no row fulfils both."""
        if self.column != other.column:
            return False
        return self._excludes(other) or other._excludes(self)

    def _excludes(self, other: Condition) -> bool:
        if self.operator is Operator.IS_NULL:
            return other.operator not in (Operator.IS_NULL, Operator.DIFFERS)
        if self.operator is not Operator.EQUALS:
            return False
        if other.operator is Operator.DIFFERS:
            return set(self.values) <= set(other.values)
        return not any(
            _holds(other.operator, mine, theirs) for mine in self.values for theirs in other.values
        )

    def to_json(self) -> list[object]:
        """What is stored: column, operator, values."""
        return [self.column, str(self.operator), list(self.values)]

    @classmethod
    def from_json(cls, stored: tuple[str, str, list[str]]) -> Condition:
        """Read what was stored."""
        column, operator, values = stored
        return cls(column, Operator(operator), tuple(values))


def _holds(operator: Operator, cell: str, value: str) -> bool:
    """Whether a cell fulfils a comparison; True where that can't be said."""
    match operator:
        case Operator.EQUALS:
            return cell == value
        case Operator.STARTS_WITH:
            return cell.startswith(value)
        case Operator.CONTAINS:
            return value in cell
    return True


def disjoint(some: Iterable[Condition], others: Iterable[Condition]) -> bool:
    """Whether it is certain that no row fulfils both lists of conditions."""
    known = list(others)
    return any(one.excludes(other) for one in some for other in known)
