"""The words in which a contract speaks of quality."""

from __future__ import annotations

from enum import StrEnum


class Dimension(StrEnum):
    """What a rule says about the data, in the words of ISO/IEC 25012 and DAMA."""

    COMPLETENESS = "completeness"
    VALIDITY = "validity"
    UNIQUENESS = "uniqueness"
    CONSISTENCY = "consistency"
    INTEGRITY = "integrity"
    TIMELINESS = "timeliness"


class Severity(StrEnum):
    """What becomes of a row that breaks a rule.

    error: the row is quarantined; a broken aggregate rule stops the partition.
    warn: the row stays and is counted.
    """

    ERROR = "error"
    WARN = "warn"


class RuleKind(StrEnum):
    """How a rule is evaluated.

    row: each row by itself. aggregate: all rows of one partition together, one verdict.
    unique: the rows that share a key. reference: a key that must exist in another table.
    dependency: rows of one partition that share some values must share another.
    """

    ROW = "row"
    AGGREGATE = "aggregate"
    UNIQUE = "unique"
    REFERENCE = "reference"
    DEPENDENCY = "dependency"


class OnViolation(StrEnum):
    """What becomes of the later rows of a key that must be unique; the first surviving row is kept.

    duplicate: they are declared duplicates. quarantine: they are quarantined.
    """

    DUPLICATE = "duplicate"
    QUARANTINE = "quarantine"


class UniqueScope(StrEnum):
    """Among which rows a key must be unique.

    partition: those of each partition by itself. table: those of the whole table, in the order of
    partition, delivery and line, whenever they arrive.
    """

    PARTITION = "partition"
    TABLE = "table"
