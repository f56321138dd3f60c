"""A contract's identity: changes when what is checked changes, and only then."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from etl_assets.contracts.vocabulary import UniqueScope

if TYPE_CHECKING:
    from etl_assets.contracts.rules import Rule

# Raise it when the same rules are to be evaluated otherwise: every table is then validated again.
_EDITION = 1


def fingerprint(
    schema: Mapping[str, pl.DataType], nullable: Iterable[str], pii: Iterable[str], rules: Iterable[Rule]
) -> str:
    """Return the sha256 (hex) of a contract's columns and rules."""
    content = {
        "edition": _EDITION,
        "columns": [[name, str(dtype)] for name, dtype in schema.items()],
        "nullable": sorted(nullable),
        "pii": sorted(pii),
        "rules": [_rule(rule) for rule in rules],
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _rule(rule: Rule) -> dict[str, Any]:
    said: dict[str, Any] = {
        "name": rule.name,
        "kind": rule.kind.value,
        "columns": list(rule.columns),
        "dimension": rule.dimension.value,
        "severity": rule.severity.value,
        "weight": float(rule.weight),
        "definition": rule.definition,
        "reference": [rule.reference.table, rule.reference.column] if rule.reference else None,
        "on_violation": rule.on_violation.value if rule.on_violation else None,
        "cast": dataclasses.astuple(rule.cast) if rule.cast else None,
    }
    # Only where it is said: contracts from before it could be keep their fingerprints.
    if rule.scope is not None and rule.scope is not UniqueScope.PARTITION:
        said["scope"] = rule.scope.value
    if rule.reference is not None and rule.reference.waits:
        said["waits"] = True
    return said
