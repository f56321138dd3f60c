"""A document of the Open Data Contract Standard -> contracts."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import narwhals.stable.v1 as nw
import polars as pl

from etl_assets.contracts.contract import Contract
from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.contracts.odcs.conditions import ConditionError, typed
from etl_assets.contracts.odcs.findings import Finding, Findings, Loss
from etl_assets.contracts.odcs.pieces import CheckPieces, ColumnPieces, TablePieces, build_model
from etl_assets.contracts.odcs.quality import QualityReader, refuse_wrong_pattern
from etl_assets.contracts.odcs.saying import custom_properties, options_of, waits_of
from etl_assets.contracts.odcs.shapes import pattern_check
from etl_assets.contracts.odcs.types import dtype_of, strftime_of
from etl_assets.contracts.options import Cast, Reference, RuleOptions
from etl_assets.contracts.vocabulary import RuleKind
from etl_assets.errors import ContractError
from etl_assets.yaml_text import YamlText

_PUBLIC = frozenset({"public", "internal", "open", "none", "unclassified", "non-personal"})
_PERSONAL = frozenset(
    {"pii", "personal", "sensitive", "confidential", "restricted", "private", "secret", "phi", "spi", "pci"}
)
_NAME = re.compile(r"\W+")

_DOCUMENT_NOTES = {
    "slaProperties": "when deliveries are due is said in the dataset's settings (calendar)",
    "servers": "where deliveries arrive is said in the dataset's settings (staging)",
    "team": "owners are said in the dataset itself",
}
_DOCUMENT_READ = frozenset({"version", "apiVersion", "kind", "id", "name", "status", "schema", "description"})
_OBJECT_NOTES = ("tags", "authoritativeDefinitions", "dataGranularityDescription", "businessName")
_PROPERTY_NOTES = (
    "authoritativeDefinitions",
    "businessName",
    "criticalDataElement",
    "encryptedName",
    "examples",
    "tags",
    "transformDescription",
    "transformLogic",
    "transformSourceObjects",
)


@dataclass(frozen=True)
class ReadTable:
    """One object of the document's schema.

    Attributes:
        id: Layer and name: from `physicalName` (`silver/sales`) where it says both, else by the
            object's name.
        name: The object's name in the document.
        contract: The Pandera model.
        path: Where the object stands in the document.
    """

    id: TableId
    name: str
    contract: type[Contract]
    path: tuple[str, ...]


@dataclass(frozen=True)
class ReadContracts:
    """What a document says: a contract for each of its objects, and what has no counterpart."""

    tables: tuple[ReadTable, ...]
    findings: tuple[Finding, ...]


def read_contracts(document: YamlText, known: Sequence[TableId] = ()) -> ReadContracts:
    """Build the contracts of a document that `read_document` read.

    Args:
        document: The document.
        known: The tables that there are: an object called `sales` or `silver_sales` is the table
            `silver/sales`, else `gold/sales`. Without them, or where none fits, it is silver.

    Raises:
        ContractError: Two objects are the same table, or one has no columns; names file and line.
    """
    findings = Findings(lines=dict(document.lines))
    for key in document.values.keys() - _DOCUMENT_READ:
        findings.add((key,), _DOCUMENT_NOTES.get(key, "words for people and other tools"))
    objects = list(document.values.get("schema") or ())
    ids = [_id_of(one, known) for one in objects]
    tables = []
    for index, (said, id) in enumerate(zip(objects, ids, strict=True)):
        path = ("schema", str(index))
        if id in ids[:index]:
            raise ContractError(f"The table {id} is described twice", where=document.where((*path, "name")))
        pieces = _ObjectReader(said, id, path, dict(zip(ids, objects, strict=True)), findings).read()
        if not pieces.columns:
            raise ContractError(
                f"The table {id} has no columns", where=document.where(path), hint="Say its properties"
            )
        tables.append(ReadTable(id, said["name"], build_model(pieces), path))
    order = sorted(findings.found, key=lambda one: (one.line or 0, one.path))
    return ReadContracts(tuple(tables), tuple(order))


def _id_of(said: Mapping[str, Any], known: Sequence[TableId]) -> TableId:
    layer, _, name = str(said.get("physicalName") or "").partition("/")
    if layer in set(Layer) and name:
        return TableId(Layer(layer), name)
    for one in (Layer.SILVER, Layer.GOLD, Layer.BRONZE):
        for id in known:
            if id.layer is one and said["name"] in (id.name, f"{one}_{id.name}"):
                return id
    return TableId(Layer.SILVER, _NAME.sub("_", said["name"]).strip("_").lower() or "table")


class _ObjectReader:
    def __init__(
        self,
        said: Mapping[str, Any],
        id: TableId,
        path: tuple[str, ...],
        objects: Mapping[TableId, Mapping[str, Any]],
        findings: Findings,
    ) -> None:
        self.said, self.path, self.objects, self.findings = said, path, objects, findings
        self.table = TablePieces(id, description=str(said.get("description") or "").strip())
        self.properties = list(self._properties())
        self.columns = {
            one["name"]: str(one.get("physicalName") or one["name"]) for _, one in self.properties
        }

    def _properties(self) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
        for index, one in enumerate(self.said.get("properties") or ()):
            yield (*self.path, "properties", str(index)), one

    def read(self) -> TablePieces:
        for key in _OBJECT_NOTES:
            if self.said.get(key):
                self.findings.add((*self.path, key), "words for people and other tools")
        for name in custom_properties(self.said, self.path, self.findings):
            self.findings.add((*self.path, "customProperties"), f"{name} is not known")
        for path, one in self.properties:
            self._column(one, path)
        self._primary_key()
        self._relationships_of_none()
        rules = QualityReader(self.table, self.said["name"], self.columns, self.findings)
        for path, one in self.properties:
            column = self.table.columns.get(self.columns[one["name"]])
            for index, entry in enumerate(one.get("quality") or ()):
                place = (*path, "quality", str(index))
                if column is None:
                    self.findings.add(place, "its column could not be read", Loss.RULE)
                else:
                    rules.read(entry, place, column)
        for index, entry in enumerate(self.said.get("quality") or ()):
            rules.read(entry, (*self.path, "quality", str(index)), None)
        return self.table

    # -- columns --------------------------------------------------------------------------------

    def _column(self, said: Mapping[str, Any], path: tuple[str, ...]) -> None:
        dtype = dtype_of(said, path, self.findings)
        name = self.columns[said["name"]]
        if dtype is None:
            return
        if name in self.table.columns or name.startswith("_"):
            what = "there is a column of this name" if name in self.table.columns else "names with _ are ours"
            self.findings.add((*path, "name"), f"the column is left out: {what}", Loss.TABLE)
            return
        for key in _PROPERTY_NOTES:
            if said.get(key):
                self.findings.add((*path, key), "words for people and other tools")
        for custom in custom_properties(said, path, self.findings):
            self.findings.add((*path, "customProperties"), f"{custom} is not known")
        column = ColumnPieces(
            name,
            dtype,
            nullable=not (said.get("required") or said.get("primaryKey")),
            unique=bool(said.get("unique")),
            description=said.get("description"),
            pii=self._is_personal(said, path),
        )
        self.table.columns[name] = column
        self._type_options(column, said.get("logicalTypeOptions") or {}, (*path, "logicalTypeOptions"))
        self._relationships(column, said, path)
        if said.get("partitionKeyPosition", 1) > 1:
            self.findings.add((*path, "partitionKeyPosition"), "tables are partitioned by one date alone")
        if said.get("partitioned"):
            if self.table.period_column is None and isinstance(dtype, pl.Date | pl.Datetime):
                self.table.period_column = name
            else:
                what = "tables are partitioned by one date alone"
                self.findings.add((*path, "partitioned"), what, Loss.MEANING)

    def _is_personal(self, said: Mapping[str, Any], path: tuple[str, ...]) -> bool:
        word = str(said.get("classification") or "public").lower()
        if word in _PERSONAL or word in _PUBLIC:
            return word in _PERSONAL
        what = f"{word!r} is not known: the column is treated as personal, its values are never shown"
        self.findings.add((*path, "classification"), what, Loss.MEANING)
        return True

    def _type_options(self, column: ColumnPieces, said: Mapping[str, Any], path: tuple[str, ...]) -> None:
        bounds = {"minimum": "ge", "exclusiveMinimum": "gt", "maximum": "le", "exclusiveMaximum": "lt"}
        length = {
            {"minLength": "min_value", "maxLength": "max_value"}[key]: said[key]
            for key in ("minLength", "maxLength")
            if key in said
        }
        try:
            for key, check in bounds.items():
                if key in said:
                    column.checks[check] = typed(said[key], column.dtype)
            if length:
                column.checks["str_length"] = length
            if "pattern" in said:
                refuse_wrong_pattern(said["pattern"], column.dtype)
                check, pattern = pattern_check(said["pattern"])
                column.checks[check] = pattern
        except ConditionError as error:
            self.findings.add(path, f"it is not checked: {error}", Loss.RULE)
        if "multipleOf" in said:
            self._multiple(column, said["multipleOf"])
        if "format" in said:
            self._format(column, str(said["format"]), (*path, "format"))

    def _multiple(self, column: ColumnPieces, of: float) -> None:
        holds = nw.col(column.name) % (int(of) if float(of).is_integer() else of) == 0
        name = self.table.free_name("multiple_of", column.name)
        what = f"{column.name} is a multiple of {of}"
        self.table.checks.append(
            CheckPieces(name, holds, RuleKind.ROW, RuleOptions(), column.name, description=what)
        )

    def _format(self, column: ColumnPieces, said: str, path: tuple[str, ...]) -> None:
        if not column.dtype.is_temporal():
            if not column.dtype.is_numeric():
                self.findings.add(
                    path, f"that it is written as {said} is not checked: say a pattern", Loss.RULE
                )
            return
        if self.table.id.layer is not Layer.SILVER:
            self.findings.add(path, f"only silver tables are read from text; {said} is not used")
            return
        format = strftime_of(said)
        if format is None:
            self.findings.add(path, f"{said} has no counterpart among strftime's formats", Loss.RULE)
            return
        column.cast = Cast(format=format)

    # -- keys -----------------------------------------------------------------------------------

    def _primary_key(self) -> None:
        keys = [
            (one.get("primaryKeyPosition", -1), index, self.columns[one["name"]])
            for index, (_, one) in enumerate(self.properties)
            if one.get("primaryKey") and self.columns[one["name"]] in self.table.columns
        ]
        if keys:
            self.table.keys.append(tuple(name for _, _, name in sorted(keys)))

    def _relationships(self, column: ColumnPieces, said: Mapping[str, Any], path: tuple[str, ...]) -> None:
        places = [
            ((*path, "relationships", str(index)), one)
            for index, one in enumerate(said.get("relationships") or ())
        ]
        for index, one in enumerate(self.said.get("relationships") or ()):
            place = (*self.path, "relationships", str(index))
            if isinstance(one["from"], str) and self._is_said(one["from"], said):
                places.append((place, one))
        for place, one in places:
            self._relationship(column, one, place)

    def _relationships_of_none(self) -> None:
        for index, one in enumerate(self.said.get("relationships") or ()):
            place = (*self.path, "relationships", str(index))
            if isinstance(one["from"], list):
                what = "references of several columns together have no counterpart"
                self.findings.add(place, what, Loss.RULE)
            elif not any(self._is_said(one["from"], said) for _, said in self.properties):
                self.findings.add(place, f"{one['from']} is no column of this table", Loss.RULE)

    def _is_said(self, source: str, said: Mapping[str, Any]) -> bool:
        if "/" in source:
            ids = [self.said.get("id"), said.get("id")]
            return None not in ids and source.endswith(f"schema/{ids[0]}/properties/{ids[1]}")
        return source == f"{self.said['name']}.{said['name']}"

    def _relationship(self, column: ColumnPieces, said: Mapping[str, Any], path: tuple[str, ...]) -> None:
        to = said["to"]
        target = self._target(to) if isinstance(to, str) else None
        if target is None:
            self.findings.add(path, f"{to} is no column of a table of the same dataset", Loss.RULE)
            return
        if column.references is not None:
            self.findings.add(path, "a column refers to one table; the first one counts", Loss.RULE)
            return
        column.references = dataclasses.replace(target, waits=waits_of(said, path, self.findings))
        options = options_of(said, path, self.findings)
        column.rules[f"in_{target.table}"] = options

    def _target(self, to: str) -> Reference | None:
        if "#" in to:
            return None
        by: Callable[[Mapping[str, Any]], Any]
        if "/" in to:
            parts = to.removeprefix("/").split("/")
            if len(parts) != 4:
                return None
            table, column, by = parts[1], parts[3], lambda one: one.get("id")
        else:
            table, _, column = to.partition(".")
            by = lambda one: one.get("name")  # noqa: E731
        for id, said in self.objects.items():
            if by(said) == table:
                found = next((one for one in said.get("properties") or () if by(one) == column), None)
                if id.layer is not Layer.SILVER or found is None:
                    return None
                return Reference(id.name, str(found.get("physicalName") or found["name"]))
        if "/" in to:
            return None
        # A table of the same dataset that is described in another document.
        return Reference(table.removeprefix("silver_"), column)
