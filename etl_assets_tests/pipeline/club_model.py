"""What the tables of the club must be, found by looking at all rows at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from etl_assets_tests.pipeline.club import TOLERANCE, Order

MISSING, REPEATED, BROKEN = "customer.in_customers", "receipt.unique", "amount.castable"


@dataclass(frozen=True)
class Day:
    """A published day of orders."""

    accepted: list[str]
    refused: list[tuple[str, str]]
    duplicates: int
    waiting: int
    ids: frozenset[str]
    receipts: frozenset[str]


@dataclass
class Model:
    """What was delivered, and what is published of it."""

    orders: dict[str, Sequence[Order]] = field(default_factory=dict)
    customers: dict[str, frozenset[str]] = field(default_factory=dict)
    published: dict[str, Day] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)

    def work(self) -> None:
        """Publish what can be published, day by day."""
        self.held = set()
        if not self.customers:
            return  # a table that refers to one that does not exist at all waits for it
        known = frozenset().union(*self.customers.values())
        for day in sorted(self.orders):
            earlier = [one for other, one in self.published.items() if other < day]
            ids = frozenset().union(*(one.ids for one in earlier))
            receipts = frozenset().union(*(one.receipts for one in earlier))
            found = judged(self.orders[day], known, ids, receipts)
            if len(found.refused) - found.waiting > TOLERANCE * len(self.orders[day]):
                self.held.add(day)
            else:
                self.published[day] = found

    @property
    def accepted(self) -> dict[str, list[str]]:
        return {day: one.accepted for day, one in self.published.items() if one.accepted}

    @property
    def refused(self) -> Mapping[str, list[tuple[str, str]]]:
        return {day: one.refused for day, one in self.published.items() if one.refused}


def judged(
    rows: Sequence[Order], known: frozenset[str], ids: frozenset[str], receipts: frozenset[str]
) -> Day:
    """Judge the rows of one day, of which the earlier days have some keys."""
    accepted, refused, duplicates, waiting = [], [], 0, 0
    own_ids, own_receipts, surviving = set(), set(), []
    for id, receipt, customer, amount in rows:
        lacks = [MISSING] if customer and customer not in known else []
        wrong = [] if amount.isdigit() else [BROKEN]
        if lacks or wrong:
            refused.append((id, ";".join(lacks + wrong)))
            waiting += not wrong
        elif receipt and (receipt in receipts or receipt in own_receipts):
            refused.append((id, REPEATED))
        else:
            surviving.append(id)
        if not (lacks or wrong) and receipt:
            own_receipts.add(receipt)
    for id in surviving:
        if id in ids or id in own_ids:
            duplicates += 1
        else:
            accepted.append(id)
        own_ids.add(id)
    return Day(
        sorted(accepted), sorted(refused), duplicates, waiting, frozenset(own_ids), frozenset(own_receipts)
    )
