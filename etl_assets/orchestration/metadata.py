"""What Dagster's UI shows of a table: schema, lineage, figures per partition."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg

from etl_assets.contracts.rules import CompiledContract, Rule
from etl_assets.contracts.vocabulary import Dimension, RuleKind
from etl_assets.errors import Circuit, ErrorKind
from etl_assets.pipeline.hop import Built
from etl_assets.pipeline.usage import Usage

Metadata = dict[str, dg.MetadataValue]

BROKEN_RULES_SHOWN = 20


def column_schema(contract: CompiledContract) -> dg.TableSchema:
    """Columns, types, descriptions and constraints of a contract."""
    alone: dict[str, list[Rule]] = {name: [] for name in contract.schema}
    for rule in contract.rules:
        if len(rule.columns) == 1 and rule.columns[0] in alone:
            alone[rule.columns[0]].append(rule)
    columns = [
        dg.TableColumn(
            name,
            type=str(dtype),
            description=contract.descriptions.get(name) or None,
            constraints=dg.TableColumnConstraints(
                nullable=name in contract.nullable,
                unique=any(rule.kind is RuleKind.UNIQUE for rule in alone[name]),
                other=[_told(rule) for rule in alone[name] if rule.kind is not RuleKind.UNIQUE],
            ),
            tags={"pii": ""} if name in contract.pii else None,
        )
        for name, dtype in contract.schema.items()
    ]
    whole = [_told(rule) for rule in contract.rules if len(rule.columns) != 1]
    return dg.TableSchema(columns, constraints=dg.TableConstraints(other=whole))


def _told(rule: Rule) -> str:
    return f"{rule.description} ({rule.severity})"


def partition_metadata(built: Built, uri: str) -> Metadata:
    """The figures of one partition: counts, scores, and where its rows are.

    Names are the same for every table, so that plots line up; unknown scores are left out,
    and what people decided where they decided nothing.
    """
    outcome, score = built.outcome, built.score
    numbers: dict[str, float | int | None] = {
        "dagster/partition_row_count": outcome.accepted,
        "rows_in": outcome.rows_in,
        "accepted": outcome.accepted,
        "quarantined": outcome.quarantined,
        "duplicates": outcome.duplicates,
        "unreadable": outcome.unreadable,
        "corrected": outcome.corrected or None,
        "waived": outcome.waived or None,
        "discarded": outcome.discarded or None,
        "waiting": outcome.waiting or None,
        "score": score.score,
        "row_score": score.row_score,
        **{str(one.dimension): one.score for one in score.dimensions},
    }
    return {
        **{name: _number(value) for name, value in numbers.items() if value is not None},
        "dagster/uri": dg.MetadataValue.text(uri),
        "state_id": dg.MetadataValue.text(built.validation.state_id),
    }


def usage_metadata(usage: Usage) -> Metadata:
    """What a step took: time on the clock, time on all cores, memory."""
    return {
        "seconds": dg.MetadataValue.float(round(usage.seconds, 3)),
        "cpu_seconds": dg.MetadataValue.float(round(usage.cpu_seconds, 3)),
        "peak_memory_bytes": dg.MetadataValue.int(usage.peak_memory_bytes),
    }


def _number(value: float | int) -> dg.MetadataValue:
    return dg.MetadataValue.int(value) if isinstance(value, int) else dg.MetadataValue.float(round(value, 6))


def broken_rules(
    built: Mapping[str, Built], dimension: Dimension | None = None, *, limit: int = BROKEN_RULES_SHOWN
) -> str:
    """The rules that rows broke, the most broken first, as a Markdown table; '' if none did.

    Args:
        built: What a hop came to, by partition.
        dimension: Only rules of this one.
        limit: How many rules are listed; the others are counted.
    """
    failed: dict[str, list[int]] = {}
    severities: dict[str, str] = {}
    for one in built.values():
        for tally in one.outcome.tallies:
            if dimension not in (None, tally.dimension):
                continue
            sums = failed.setdefault(tally.rule, [0, 0])
            sums[0] += tally.failed
            sums[1] += tally.evaluated
            severities[tally.rule] = f"{tally.dimension} | {tally.severity}"
    worst = sorted((item for item in failed.items() if item[1][0]), key=lambda item: (-item[1][0], item[0]))
    if not worst:
        return ""
    lines = ["| rule | dimension | severity | failed | evaluated |", "| --- | --- | --- | --- | --- |"]
    lines += [
        f"| `{name}` | {severities[name]} | {sums[0]:,} | {sums[1]:,} |" for name, sums in worst[:limit]
    ]
    if len(worst) > limit:
        lines.append(f"| and {len(worst) - limit} more | | | | |")
    return "\n".join(lines)


def failure_metadata(
    kind: ErrorKind, error_class: str, circuit: Circuit | None = None, hint: str = ""
) -> dict[str, dg.MetadataValue]:
    """What a failed step tells of its error, beside its words."""
    said = {
        "error_kind": kind,
        "error_class": error_class,
        "circuit": circuit,
        "what_now": WHAT_NOW[kind],
        "hint": hint,
    }
    return {name: dg.MetadataValue.text(str(value)) for name, value in said.items() if value}


WHAT_NOW = {
    ErrorKind.TRANSIENT: "it is tried again by itself",
    ErrorKind.RESOURCE: "it is tried again by itself; make room, or give it more memory",
    ErrorKind.CONFIGURATION: "somebody has to set it right; it is tried now and then until somebody has",
    ErrorKind.DATA: "it is held until something else is delivered, or somebody asks for another try",
    ErrorKind.BUG: "it is stopped until the code changes, or somebody asks for another try",
}
