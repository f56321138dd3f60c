"""Contracts -> a document of the Open Data Contract Standard."""

from __future__ import annotations

import decimal
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl

from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.odcs.documents import KIND, VERSION
from etl_assets.contracts.odcs.findings import Finding, Findings, Loss
from etl_assets.contracts.odcs.saying import ENGINE, is_plain, sayings
from etl_assets.contracts.odcs.shapes import check_sql
from etl_assets.contracts.odcs.sql_text import NoSqlError, sql_of
from etl_assets.contracts.odcs.types import java_of, type_keys
from etl_assets.contracts.pandera_schema import UNIQUE_KEY, field_options, is_built_in, name_of
from etl_assets.contracts.provenance import PROVENANCE
from etl_assets.contracts.rules import CompiledContract, Rule, compile_contract
from etl_assets.contracts.vocabulary import Dimension, RuleKind

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_BOUNDS = {
    "greater_than_or_equal_to": "minimum",
    "greater_than": "exclusiveMinimum",
    "less_than_or_equal_to": "maximum",
    "less_than": "exclusiveMaximum",
}
_ROW_COUNTS = {
    "__eq__": "mustBe",
    "__ne__": "mustNotBe",
    "__gt__": "mustBeGreaterThan",
    "__ge__": "mustBeGreaterOrEqualTo",
    "__lt__": "mustBeLessThan",
    "__le__": "mustBeLessOrEqualTo",
}
_OURS = "said as a custom rule of engine etl_assets: other tools don't check it"


@dataclass(frozen=True)
class WrittenContracts:
    """A document, and what it could not say so that other tools understand it."""

    document: dict[str, Any]
    findings: tuple[Finding, ...]


def write_contracts(dataset: Dataset, tables: Sequence[TableId] = ()) -> WrittenContracts:
    """Describe a dataset's tables as one document; without tables all of them.

    A table is called `silver_sales` in it, and `silver/sales` as its physical name. The provenance
    `_delivery`, `_line`, `_row_id` is left out: every table of ours has it.
    """
    findings = Findings()
    chosen = [table for table in dataset.tables if not tables or table.id in tables]
    document: dict[str, Any] = {
        "version": "1.0.0",
        "apiVersion": VERSION,
        "kind": KIND,
        "id": f"etl_assets_{dataset.name}",
        "name": dataset.name,
        "status": "active",
    }
    if dataset.description:
        document["description"] = {"purpose": dataset.description}
    if dataset.owners:
        document["team"] = {"name": ", ".join(owner.removeprefix("team:") for owner in dataset.owners)}
    document["schema"] = [_TableWriter(table, findings).write() for table in chosen]
    return WrittenContracts(document, tuple(findings.found))


def object_name(id: TableId) -> str:
    """Return what a table is called in a document."""
    return f"{id.layer}_{id.name}"


class _TableWriter:
    def __init__(self, table: Table, findings: Findings) -> None:
        self.id, self.findings = table.id, findings
        self.contract: CompiledContract = compile_contract(table.contract)
        self.schema: pa.DataFrameSchema = table.contract.to_schema()
        self.rules = {rule.name: rule for rule in self.contract.rules}
        self.said: set[str] = set()

    def write(self) -> dict[str, Any]:
        columns = [name for name in self.contract.schema if name not in PROVENANCE]
        written: dict[str, Any] = {
            "name": object_name(self.id),
            "physicalName": str(self.id),
            "physicalType": "table",
            "logicalType": "object",
        }
        if self.contract.description:
            written["description"] = self.contract.description
        properties = {name: self._property(name) for name in columns}
        quality = [*self._keys(properties), *self._table_rules(properties), *self._checks()]
        written["properties"] = list(properties.values())
        if quality:
            written["quality"] = quality
        for rule in self.contract.rules:
            if rule.name not in self.said and not set(rule.columns) & set(PROVENANCE):
                self._lose(rule, f"{rule.description}: the standard has no counterpart", Loss.RULE)
        return written

    # -- columns --------------------------------------------------------------------------------

    def _property(self, name: str) -> dict[str, Any]:
        column = self.schema.columns[name]
        dtype = self.contract.schema[name]
        written: dict[str, Any] = {"name": name, **type_keys(dtype, f"{self.id}: {name}", self.findings)}
        if column.description:
            written["description"] = column.description
        if name in self.contract.pii:
            written["classification"] = "pii"
        quality: list[dict[str, Any]] = []
        self._nulls(name, written, quality)
        self._cast(name, written, quality)
        for check in column.checks:
            rule = self.rules[f"{name}.{name_of(check)}"]
            if is_built_in(check):
                quality += self._built_in(rule, name, check, written)
            else:
                quality.append(self._custom(rule, check, nw.col(name)))
        if unique := self._take(f"{name}.unique"):
            if is_plain(unique, Dimension.UNIQUENESS):
                written["unique"] = True
            else:
                quality.append(_entry(unique, metric="duplicateValues", mustBe=0))
        self._reference(name, written, quality)
        if quality:
            written["quality"] = quality
        return written

    def _nulls(self, name: str, written: dict[str, Any], quality: list[dict[str, Any]]) -> None:
        written["required"] = name not in self.contract.nullable
        rule = self._take(f"{name}.not_null")
        if rule is not None and not is_plain(rule, Dimension.COMPLETENESS):
            quality.append(_entry(rule, metric="nullValues", mustBe=0))

    def _cast(self, name: str, written: dict[str, Any], quality: list[dict[str, Any]]) -> None:
        rule = self._take(f"{name}.castable")
        if rule is None:
            return
        if rule.cast is not None and rule.cast.format is not None:
            java = java_of(rule.cast.format)
            if java is None:
                self._lose(rule, f"the format {rule.cast.format} has no counterpart", Loss.MEANING)
            else:
                written.setdefault("logicalTypeOptions", {})["format"] = java
        if not is_plain(rule, Dimension.VALIDITY):
            quality.append(self._ours(rule, rule="castable"))

    def _built_in(
        self, rule: Rule, name: str, check: pa.Check, written: dict[str, Any]
    ) -> list[dict[str, Any]]:
        self.said.add(rule.name)
        arguments, kind = check._check_kwargs, name_of(check)
        if is_plain(rule, Dimension.VALIDITY) and check.ignore_na:
            options = _type_options(kind, arguments, self.contract.schema[name])
            if options is not None:
                written.setdefault("logicalTypeOptions", {}).update(options)
                return []
        if check.ignore_na and (metric := _metric(kind, arguments)):
            return [_entry(rule, named=kind, metric="invalidValues", arguments=metric, mustBe=0)]
        try:
            condition = check_sql(name, kind, arguments)
        except NoSqlError as error:
            condition = None
            self._lose(rule, str(error), Loss.RULE)
        if condition is None or not check.ignore_na:
            self._lose(rule, f"{rule.description}: it has no counterpart", Loss.RULE)
            return [_entry(rule, named=kind, type="text")]
        query = f"SELECT COUNT(*) FROM {{object}} WHERE NOT ({condition})"
        return [_entry(rule, named=kind, type="sql", query=query, mustBe=0)]

    def _reference(self, name: str, written: dict[str, Any], quality: list[dict[str, Any]]) -> None:
        reference = field_options(self.schema.columns[name].metadata).references
        if reference is None:
            return
        rule = self.rules[f"{name}.in_{reference.table}"]
        self.said.add(rule.name)
        if not _IDENTIFIER.fullmatch(reference.column):
            self._lose(rule, f"{reference.column} can't be named in a relationship", Loss.RULE)
            return
        to = f"{object_name(TableId(Layer.SILVER, reference.table))}.{reference.column}"
        written["relationships"] = [{"type": "foreignKey", "to": to, **sayings(rule, is_entry=False)}]

    # -- the table ------------------------------------------------------------------------------

    def _keys(self, properties: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
        entries: list[dict[str, Any]] = []
        for rule in self.contract.rules:
            is_key = rule.kind is RuleKind.UNIQUE and set(rule.columns) <= properties.keys()
            if not is_key or rule.name in self.said:
                continue
            self.said.add(rule.name)
            required = all(properties[name]["required"] for name in rule.columns)
            first = not entries and not any("primaryKey" in one for one in properties.values())
            if required and first and is_plain(rule, Dimension.UNIQUENESS):
                for position, name in enumerate(rule.columns, start=1):
                    properties[name] |= {"primaryKey": True, "primaryKeyPosition": position}
                continue
            arguments = {"properties": list(rule.columns)}
            entries.append(_entry(rule, metric="duplicateValues", arguments=arguments, mustBe=0))
        return entries

    def _table_rules(self, properties: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
        entries = []
        if rule := self._take("unique_as_delivered"):
            entries.append(self._ours(rule, rule="unique_as_delivered"))
        for rule in self.contract.rules:
            if rule.kind is RuleKind.DEPENDENCY:
                self.said.add(rule.name)
                *determinants, dependent = rule.columns
                said = {"rule": "determined_by", "determinants": determinants, "dependent": dependent}
                entries.append(self._ours(rule, **said))
        period = self.contract.period_column
        if period is not None and (rule := self._take("in_period")):
            properties[period] |= {"partitioned": True, "partitionKeyPosition": 1}
            if not is_plain(rule, Dimension.TIMELINESS):
                entries.append(self._ours(rule, rule="in_period", column=period))
        return entries

    def _checks(self) -> list[dict[str, Any]]:
        frame = nw.from_native(pl.LazyFrame(schema=self.contract.schema))
        return [
            self._custom(self.rules[name_of(check)], check, frame)
            for check in self.schema.checks
            if UNIQUE_KEY not in (check.statistics or {})
        ]

    def _custom(self, rule: Rule, check: pa.Check, seen: Any) -> dict[str, Any]:
        self.said.add(rule.name)
        name = name_of(check)
        expression = check._check_fn(seen, **check._check_kwargs)
        try:
            if rule.kind is RuleKind.AGGREGATE:
                entry = _row_count(rule, expression, name) or _entry(
                    rule,
                    named=name,
                    type="sql",
                    query=f"SELECT {sql_of(expression)} FROM {{object}}",
                    mustBe=True,
                )
                return entry if check.ignore_na else _with_property(entry, "nullFails", True)
            violated = f"NOT {sql_of(expression)}" if check.ignore_na else f"{sql_of(expression)} IS NOT TRUE"
            query = f"SELECT COUNT(*) FROM {{object}} WHERE {violated}"
            return _entry(rule, named=name, type="sql", query=query, mustBe=0)
        except NoSqlError as error:
            self._lose(rule, f"{error}; it is said in words", Loss.RULE)
            return _entry(rule, named=name, type="text")

    # -- helpers --------------------------------------------------------------------------------

    def _take(self, name: str) -> Rule | None:
        if name not in self.rules:
            return None
        self.said.add(name)
        return self.rules[name]

    def _ours(self, rule: Rule, /, **implementation: Any) -> dict[str, Any]:
        self._lose(rule, _OURS, Loss.MEANING)
        return _entry(rule, type="custom", engine=ENGINE, implementation=implementation)

    def _lose(self, rule: Rule, what: str, loss: Loss) -> None:
        self.said.add(rule.name)
        self.findings.add(f"{self.id}: {rule.name}", what, loss)


def _entry(rule: Rule, *, named: str = "", **keys: Any) -> dict[str, Any]:
    """One quality entry: what is demanded, then what is said of it."""
    names = {"name": named} if named else {}
    return {**names, "description": rule.description, **keys, **sayings(rule)}


def _with_property(entry: dict[str, Any], name: str, value: Any) -> dict[str, Any]:
    entry.setdefault("customProperties", []).append({"property": name, "value": value})
    return entry


def _type_options(kind: str, arguments: Mapping[str, Any], dtype: pl.DataType) -> dict[str, Any] | None:
    if kind in _BOUNDS:
        value = arguments.get("min_value", arguments.get("max_value"))
        if dtype.is_numeric() and isinstance(value, int | float) and not isinstance(dtype, pl.Decimal):
            return {_BOUNDS[kind]: value}
        if isinstance(dtype, pl.Decimal) and isinstance(value, int):
            return {_BOUNDS[kind]: value}
        return (
            {_BOUNDS[kind]: value.isoformat()}
            if dtype.is_temporal() and hasattr(value, "isoformat")
            else None
        )
    if kind == "str_length" and arguments.get("exact_value") is None:
        keys = {"minLength": arguments.get("min_value"), "maxLength": arguments.get("max_value")}
        return {key: value for key, value in keys.items() if value is not None}
    if _is_pattern_of(kind, arguments):
        return {"pattern": arguments["pattern"]}
    return None


def _is_pattern_of(kind: str, arguments: Mapping[str, Any]) -> bool:
    """Whether the standard's pattern, which may match anywhere unless it is anchored, means the check."""
    is_anchored = str(arguments.get("pattern", "")).startswith("^")
    return kind == ("str_matches" if is_anchored else "str_contains")


def _metric(kind: str, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
    if _is_pattern_of(kind, arguments):
        return {"pattern": arguments["pattern"]}
    if kind != "isin":
        return None
    values = arguments["allowed_values"]
    if any(isinstance(value, decimal.Decimal | bytes) for value in values):
        return None
    plain = [value.isoformat() if hasattr(value, "isoformat") else value for value in values]
    return {"validValues": sorted(plain, key=lambda value: (str(type(value)), value))}


def _row_count(rule: Rule, expression: Any, name: str) -> dict[str, Any] | None:
    first, *others = expression._nodes
    if first.name != "len" or len(others) != 1 or others[0].name not in _ROW_COUNTS:
        return None
    limit = others[0].exprs[0]
    if isinstance(limit, bool) or not isinstance(limit, int | float):
        return None
    return _entry(rule, named=name, metric="rowCount", **{_ROW_COUNTS[others[0].name]: limit})
