"""What people decide of rows, partitions and deliveries, as the ledger keeps it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from etl_assets.contracts.row_filter import Condition


class DecisionKind(StrEnum):
    """What is decided.

    correct: new values for named columns of rows. waive: rows are accepted in spite of named rules.
    discard: the loss of refused rows is accepted. publish: a partition is published despite its tolerance.
    reject: a delivery counts no more, a new one is awaited. undo: an earlier decision holds no more.
    """

    CORRECT = "correct"
    WAIVE = "waive"
    DISCARD = "discard"
    PUBLISH = "publish"
    REJECT = "reject"
    UNDO = "undo"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One decision: written once, never changed. Only a later one supersedes or undoes it.

    Attributes:
        layer: With `table`, the table whose rows or gate it speaks of; of `reject` the bronze table.
        row_id: The row, if it speaks of one (`_delivery:_line`), else "".
        periods: The partitions that it speaks of.
        deliveries: The deliveries whose rows it speaks of. It holds of no others: neither of a newer
            version of one, nor of those that come later.
        rules: Of `waive` the rules that are waived; else rows are meant that broke any of these.
        where: Rows are meant whose cells, as delivered, fulfil all of these.
        values: Of `correct`: column of the row as delivered -> its new text, None for null.
        original: Of `correct` in bronze: what was delivered, as bronze showed it then.
        limits: Of `publish`: the rows that were quarantined, of how many, as its author saw them.
        until: From then on it holds no more; None for ever.
        supersedes: Earlier decisions in whose place it stands; of `undo` the one that is undone.
        beside: Decisions on the same row that its author knew of, and that go on.
        batch: Shared by decisions that were made together, "" for none.
        decided_at: The ledger's; writing ignores it, as it does `id`, which grows.
    """

    dataset: str
    layer: str
    table: str
    kind: DecisionKind
    who: str
    why: str
    row_id: str = ""
    periods: tuple[str, ...] = ()
    deliveries: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    # Cells may be personal: they are left out where an object is shown by accident.
    where: tuple[Condition, ...] = field(default=(), repr=False)
    values: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    original: Mapping[str, str | None] = field(default_factory=dict, repr=False)
    limits: Mapping[str, int] = field(default_factory=dict)
    until: datetime | None = None
    supersedes: tuple[int, ...] = ()
    beside: tuple[int, ...] = ()
    batch: str = ""
    decided_at: datetime | None = None
    id: int = 0

    @property
    def about_rows(self) -> bool:
        """Whether it says what becomes of rows."""
        return self.kind in (DecisionKind.CORRECT, DecisionKind.WAIVE, DecisionKind.DISCARD)

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.until is not None and self.until <= now


@dataclass(frozen=True)
class DecisionEffect:
    """How many rows one decision concerned in one validation."""

    decision_id: int
    rows: int


def standing(entries: Sequence[Decision]) -> list[Decision]:
    """Return the decisions that no later one supersedes or undoes, in order; undoings are among them.

    What was superseded stays so when its successor is superseded in turn. What is undone counts as never
    said: what it had superseded stands again. An undoing can be undone as well.

    Args:
        entries: All decisions of a dataset, in the order of their ids.
    """
    undone: set[int] = set()
    superseded: set[int] = set()
    found: list[Decision] = []
    for one in reversed(entries):
        if one.id in undone:
            continue
        if one.id not in superseded:
            found.append(one)
        (undone if one.kind is DecisionKind.UNDO else superseded).update(one.supersedes)
    return found[::-1]
