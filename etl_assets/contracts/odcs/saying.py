"""What is said about one rule: dimension, severity, weight, reason; the standard's words <-> ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from etl_assets.contracts.odcs.findings import Findings, Loss
from etl_assets.contracts.options import RuleOptions
from etl_assets.contracts.rules import Rule
from etl_assets.contracts.vocabulary import Dimension, OnViolation, Severity, UniqueScope
from etl_assets.errors import ContractError

ENGINE = "etl_assets"
"""The engine of custom rules that only we know."""

_DIMENSIONS = {
    "completeness": Dimension.COMPLETENESS,
    "conformity": Dimension.VALIDITY,
    "consistency": Dimension.CONSISTENCY,
    "timeliness": Dimension.TIMELINESS,
    "uniqueness": Dimension.UNIQUENESS,
}
# Their words that have no word of their own here: what comes nearest.
_NEAREST = {"accuracy": Dimension.VALIDITY, "coverage": Dimension.COMPLETENESS}
_STANDARD = {dimension: word for word, dimension in _DIMENSIONS.items()}

_WARNINGS = frozenset({"warn", "warning", "info", "information", "notice", "low", "minor", "medium"})
_ERRORS = frozenset({"error", "high", "critical", "major", "severe", "fatal", "blocker"})

_OTHERS = ("authoritativeDefinitions", "method", "schedule", "scheduler", "tags", "id")


def options_of(said: Mapping[str, Any], path: tuple[str, ...], findings: Findings) -> RuleOptions:
    """Read what a quality entry, or the custom properties of a relationship, say of the rule."""
    custom = custom_properties(said, path, findings)
    known = {"dimension", "severity", "weight", "why", "onViolation", "scope", "waits", "nullFails"}
    for name in custom.keys() - known:
        findings.add((*path, "customProperties"), f"{name} is not known", Loss.NOTE)
    for key in _OTHERS:
        if key in said and key != "id":
            findings.add((*path, key), "kept by nobody: rules run with each delivery", Loss.NOTE)
    weight = custom.get("weight", 1.0)
    if isinstance(weight, bool) or not isinstance(weight, int | float):
        findings.add((*path, "customProperties"), f"{weight!r} is no weight; 1 counts", Loss.MEANING)
        weight = 1.0
    try:
        on_violation = OnViolation(custom["onViolation"]) if "onViolation" in custom else None
    except ValueError:
        findings.add((*path, "customProperties"), "onViolation is duplicate or quarantine", Loss.MEANING)
        on_violation = None
    try:
        scope = UniqueScope(custom["scope"]) if "scope" in custom else None
    except ValueError:
        findings.add((*path, "customProperties"), "scope is partition or table", Loss.MEANING)
        scope = None
    return RuleOptions(
        severity=_severity(said.get("severity", custom.get("severity")), path, findings),
        dimension=_dimension(custom.get("dimension", said.get("dimension")), path, findings),
        weight=_weight(float(weight), path, findings),
        why=str(said.get("businessImpact") or custom.get("why") or ""),
        on_violation=on_violation,
        scope=scope,
    )


def waits_of(said: Mapping[str, Any], path: tuple[str, ...], findings: Findings) -> bool | timedelta:
    """Read whether rows may wait for what they refer to: `waits` is true, or a number of hours."""
    value = custom_properties(said, path, Findings()).get("waits", False)
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value > 0:
        return timedelta(hours=value)
    findings.add((*path, "customProperties"), "waits is true, or a number of hours", Loss.MEANING)
    return False


def custom_properties(said: Mapping[str, Any], path: tuple[str, ...], findings: Findings) -> dict[str, Any]:
    """Read `customProperties` as a mapping."""
    found: dict[str, Any] = {}
    for index, one in enumerate(said.get("customProperties") or ()):
        if one["property"] in found:
            findings.add((*path, "customProperties", str(index)), "said twice; the first counts", Loss.NOTE)
        found.setdefault(one["property"], one["value"])
    return found


def sayings(rule: Rule, *, is_entry: bool = True) -> dict[str, Any]:
    """Return the keys that say of a rule what `options_of` reads back.

    Args:
        rule: The rule.
        is_entry: For a quality entry; else as custom properties alone, as relationships have them.
    """
    custom: dict[str, Any] = {}
    keys: dict[str, Any] = {}
    if rule.weight != 1.0:
        custom["weight"] = rule.weight
    if rule.on_violation is not None and rule.on_violation is not OnViolation.DUPLICATE:
        custom["onViolation"] = str(rule.on_violation)
    if rule.scope is UniqueScope.TABLE:
        custom["scope"] = str(rule.scope)
    if rule.reference is not None and rule.reference.waits:
        waits = rule.reference.waits
        custom["waits"] = waits if isinstance(waits, bool) else waits / timedelta(hours=1)
    severity = "warning" if rule.severity is Severity.WARN else "error"
    if is_entry:
        keys["dimension"] = _STANDARD.get(rule.dimension, "consistency")
        keys["severity"] = severity
        if rule.dimension not in _STANDARD:
            custom["dimension"] = str(rule.dimension)
        if rule.why:
            keys["businessImpact"] = rule.why
    else:
        custom |= {"dimension": str(rule.dimension)} if rule.dimension is not Dimension.INTEGRITY else {}
        custom |= {"severity": severity} if severity != "error" else {}
        custom |= {"why": rule.why} if rule.why else {}
    if custom:
        keys["customProperties"] = [{"property": name, "value": value} for name, value in custom.items()]
    return keys


def is_plain(rule: Rule, dimension: Dimension) -> bool:
    """Whether nothing is said of a rule beyond that it holds."""
    return (
        rule.severity is Severity.ERROR
        and rule.weight == 1.0
        and not rule.why
        and rule.dimension is dimension
        and rule.on_violation in (None, OnViolation.DUPLICATE)
        and rule.scope in (None, UniqueScope.PARTITION)
    )


def _severity(word: object, path: tuple[str, ...], findings: Findings) -> Severity:
    text = str(word if word is not None else "error").lower()
    if text in _WARNINGS:
        return Severity.WARN
    if text not in _ERRORS:
        findings.add((*path, "severity"), f"{text!r} is not known; error counts", Loss.MEANING)
    return Severity.ERROR


def _dimension(word: object, path: tuple[str, ...], findings: Findings) -> Dimension | None:
    if word is None:
        return None
    text = str(word).lower()
    if text in _DIMENSIONS:
        return _DIMENSIONS[text]
    if text in _NEAREST:
        what = f"{text} counts as {_NEAREST[text]}"
        findings.add((*path, "dimension"), what, Loss.MEANING)
        return _NEAREST[text]
    try:
        return Dimension(text)
    except ValueError:
        findings.add((*path, "dimension"), f"{text!r} is not known", Loss.MEANING)
        return None


def _weight(weight: float, path: tuple[str, ...], findings: Findings) -> float:
    try:
        RuleOptions(weight=weight)
    except ContractError:
        findings.add((*path, "customProperties"), f"{weight} is no weight; 1 counts", Loss.MEANING)
        return 1.0
    return weight
