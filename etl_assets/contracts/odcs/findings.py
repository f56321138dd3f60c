"""What one side says and the other has no counterpart for: named, never dropped in silence."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Loss(StrEnum):
    """What is lost.

    table: a column or a table as a whole. rule: something that would have been checked.
    meaning: the rule stays, something about it changes. note: words for people and other tools.
    """

    TABLE = "table"
    RULE = "rule"
    MEANING = "meaning"
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing without a counterpart.

    Attributes:
        path: Where it stands in the document, such as `schema.0.properties.3.encryptedName`; on the way
            out the contract's rule, such as `silver/sales: unit_price.castable`.
        what: What has no counterpart, and what becomes of it.
        loss: What is lost.
        line: Its line in the document, where there is one.
    """

    path: str
    what: str
    loss: Loss
    line: int | None = None


@dataclass
class Findings:
    """Collects findings."""

    found: list[Finding] = field(default_factory=list)
    lines: dict[tuple[str, ...], int] = field(default_factory=dict)

    def add(self, path: tuple[str, ...] | str, what: str, loss: Loss = Loss.NOTE) -> None:
        """Add one; the same thing twice is still one."""
        dotted = path if isinstance(path, str) else ".".join(path)
        line = None if isinstance(path, str) else self.lines.get(path)
        finding = Finding(dotted, what, loss, line)
        if finding not in self.found:
            self.found.append(finding)
