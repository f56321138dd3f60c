"""`dataset.yaml`, its contracts and its queries -> the same `Dataset` that one writes in Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from etl_assets.contracts.contract import Contract
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.odcs.documents import read_document
from etl_assets.contracts.odcs.findings import Finding, Loss
from etl_assets.contracts.odcs.pieces import ColumnPieces, TablePieces, build_model
from etl_assets.contracts.odcs.placing import compile_table
from etl_assets.contracts.odcs.reading import ReadTable, read_contracts
from etl_assets.contracts.rules import compile_contract
from etl_assets.datasets.declared.declaration import Declaration, TableSection, read_declaration
from etl_assets.datasets.declared.gold import sql_transform
from etl_assets.datasets.declared.queries import names_of, read_query
from etl_assets.datasets.declared.silver import silver_transform
from etl_assets.errors import ContractError
from etl_assets.yaml_text import LARGEST, YamlText

DECLARATION = "dataset.yaml"


def load_declared(path: Path | str) -> Dataset:
    """Load a declared dataset, called as its folder.

    Args:
        path: `dataset.yaml`, or the folder that holds it.

    Raises:
        ContractError: Something in its files is wrong; names file, line and key.
    """
    path = Path(path)
    path = path / DECLARATION if path.is_dir() else path
    declaration, text = read_declaration(path, str(path))
    return _Loader(path, declaration, text).load()


class _Loader:
    def __init__(self, path: Path, declaration: Declaration, text: YamlText) -> None:
        self.path, self.declaration, self.text = path, declaration, text
        self.tables: dict[TableId, Table] = {}

    def load(self) -> Dataset:
        described = self._contracts()
        for id, section in self.declaration.ids.items():
            if id.layer is Layer.BRONZE:
                model = self._bronze(id, section, described)
                self.tables[id] = Table(id, model, partitioned=section.partitioned)
        for id, section in self.declaration.ids.items():
            if id.layer is Layer.SILVER:
                self.tables[id] = self._silver(id, section, self._contract(id, described))
        for id in self._gold_order():
            section = self.declaration.ids[id]
            self.tables[id] = self._gold(id, section, self._contract(id, described))
        return Dataset(
            name=self.path.absolute().parent.name,
            description=self.declaration.description,
            tables=tuple(self.tables.values()),
            owners=self.declaration.owners,
        )

    # -- contracts ------------------------------------------------------------------------------

    def _contracts(self) -> dict[TableId, ReadTable]:
        found: dict[TableId, ReadTable] = {}
        ids = self.declaration.ids
        for index, file in enumerate(self.declaration.contracts):
            path = self.path.parent / file
            if not path.is_file():
                raise self._error(f"There is no file {file}", ("contracts", str(index)))
            document = read_document(path)
            read = read_contracts(document, known=tuple(ids))
            if not self.declaration.allow_unchecked:
                _refuse_losses(read.findings, document)
            for table in read.tables:
                if table.id not in ids or table.id in found:
                    what = "is described twice" if table.id in found else "is none of the dataset's tables"
                    raise ContractError(
                        f"The table {table.id} {what}",
                        where=document.where((*table.path, "name")),
                        hint=f"{DECLARATION} has {', '.join(map(str, ids))}",
                    )
                compile_table(table, document)
                found[table.id] = table
        return found

    def _contract(self, id: TableId, described: Mapping[TableId, ReadTable]) -> type[Contract]:
        if id not in described:
            raise self._error(
                f"No contract describes {id}",
                ("tables", str(id)),
                f"Add an object with physicalName: {id} to {self.declaration.contracts[0]}",
            )
        return described[id].contract

    # -- bronze ---------------------------------------------------------------------------------

    def _bronze(
        self, id: TableId, section: TableSection, described: Mapping[TableId, ReadTable]
    ) -> type[Contract]:
        key = ("tables", str(id))
        if section.columns is None:
            return self._contract(id, described)
        if id in described:
            raise self._error("The columns are said here and in the contract", (*key, "columns"))
        names = list(section.columns)
        for index, name in enumerate(names):
            if name in names[:index] or not name or name.startswith("_"):
                what = "is there twice" if name in names[:index] else "is no name of a column"
                raise self._error(f"{name!r} {what}", (*key, "columns", str(index)))
        if unknown := [name for name in section.pii if name not in names]:
            raise self._error(f"{unknown[0]} is no column of the table", (*key, "pii"))
        personal = {*section.pii, *self._personal_sources(id, described)}
        pieces = TablePieces(id, description=f"{id.name} as delivered.")
        for name in names:
            pieces.columns[name] = ColumnPieces(name, pl.String(), pii=name in personal)
        return build_model(pieces)

    def _personal_sources(self, bronze: TableId, described: Mapping[TableId, ReadTable]) -> set[str]:
        """What is personal in silver was so when it came."""
        found: set[str] = set()
        for id, section in self.declaration.ids.items():
            if id.layer is not Layer.SILVER or id not in described or self._source(id, section) != bronze:
                continue
            said = section.columns if isinstance(section.columns, Mapping) else {}
            for name in compile_contract(described[id].contract).pii:
                source = said.get(name)
                given = source if isinstance(source, str) or source is None else source.source
                found.add(given or name)
        return found

    # -- silver and gold ------------------------------------------------------------------------

    def _source(self, id: TableId, section: TableSection) -> TableId:
        return TableId.parse(section.source) if section.source else TableId(Layer.BRONZE, id.name)

    def _silver(self, id: TableId, section: TableSection, contract: type[Contract]) -> Table:
        source = self._source(id, section)
        if source not in self.tables:
            key = ("tables", str(id), "from")
            raise self._error(f"There is no table {source}", key, f"There is {self._known()}")
        if section.partitioned != self.tables[source].partitioned:
            raise self._error(f"{id} and {source} must both be partitioned, or none", ("tables", str(id)))
        try:
            transform = silver_transform(id, section, contract, self.tables[source].contract)
        except ContractError as error:
            raise self._placed(error, ("tables", str(id))) from None
        return Table(id, contract, transform, {"bronze": source}, section.partitioned)

    def _gold_order(self) -> list[TableId]:
        """Gold tables, each after those that it reads."""
        ids = {id: one for id, one in self.declaration.ids.items() if id.layer is Layer.GOLD}
        reads = {id: set(self._inputs(id, section).values()) & ids.keys() for id, section in ids.items()}
        order: list[TableId] = []
        while len(order) < len(ids):
            ready = [id for id in ids if id not in order and reads[id] <= set(order)]
            if not ready:
                stuck = next(id for id in ids if id not in order)
                raise self._error("The table is made from itself, in a circle", ("tables", str(stuck)))
            order += ready
        return order

    def _inputs(self, id: TableId, section: TableSection) -> dict[str, TableId]:
        if section.inputs is not None:
            return {name: TableId.parse(table) for name, table in section.inputs.items()}
        sql, file, _ = self._sql(id, section)
        try:
            names = sorted(names_of(read_query(sql)))
        except ContractError as error:
            raise self._in_query(error, id, file) from None
        inputs = {}
        for name in names:
            known = [TableId(layer, name) for layer in (Layer.SILVER, Layer.GOLD)]
            inputs[name] = next((one for one in known if one in self.declaration.ids), known[0])
        return inputs

    def _sql(self, id: TableId, section: TableSection) -> tuple[str, str, str]:
        """The query, the file that it is in, and how it is called."""
        if section.query is not None:
            return section.query, str(self.path), str(id)
        path = self.path.parent / str(section.sql)
        key = ("tables", str(id), "sql")
        try:
            raw = path.read_bytes()[: LARGEST + 1]
            return raw.decode("utf-8-sig"), str(path), path.name
        except (OSError, UnicodeDecodeError) as error:
            told = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
            raise self._error(f"The file {section.sql} can't be read: {told}", key) from None

    def _gold(self, id: TableId, section: TableSection, contract: type[Contract]) -> Table:
        inputs = self._inputs(id, section)
        for name, upstream in inputs.items():
            if upstream not in self.tables or upstream.layer is Layer.BRONZE:
                what = f"The query reads {name}, and there is no table {upstream}"
                said = ("tables", str(id), "inputs", name)
                raise self._error(what, said, f"There is {self._known()}; or say inputs")
        sql, file, called = self._sql(id, section)
        try:
            transform = sql_transform(
                called,
                sql,
                compile_contract(contract),
                {
                    name: (compile_contract(self.tables[one].contract), self.tables[one].partitioned)
                    for name, one in inputs.items()
                },
                section.partitioned,
            )
        except ContractError as error:
            raise self._in_query(error, id, file) from None
        return Table(id, contract, transform, inputs, section.partitioned)

    # -- errors ---------------------------------------------------------------------------------

    def _known(self) -> str:
        return ", ".join(str(id) for id in self.declaration.ids if id.layer is not Layer.BRONZE) or "none"

    def _error(self, what: str, key: tuple[str, ...], hint: str = "") -> ContractError:
        return ContractError(what, where=self.text.where(key), hint=hint)

    def _placed(self, error: ContractError, key: tuple[str, ...]) -> ContractError:
        said = tuple(str(error.where.get("key", "")).split(".")) if "key" in error.where else key
        return ContractError(error.what, where=self.text.where(said), hint=error.hint)

    def _in_query(self, error: ContractError, id: TableId, file: str) -> ContractError:
        where: dict[str, object] = {"file": file}
        if file == str(self.path):
            where = self.text.where(("tables", str(id), "query"))
        elif "line" in error.where:
            where["line"] = error.where["line"]
        return ContractError(error.what, where=where | {"table": str(id)}, hint=error.hint)


def _refuse_losses(findings: tuple[Finding, ...], document: YamlText) -> None:
    lost = [one for one in findings if one.loss in (Loss.TABLE, Loss.RULE)]
    if not lost:
        return
    first = lost[0]
    where: dict[str, object] = {"file": document.name, "line": first.line or 1, "key": first.path}
    more = f" ({len(lost) - 1} more: dq contract import {document.name})" if len(lost) > 1 else ""
    raise ContractError(
        f"The contract says what is not checked here: {first.what}{more}",
        where=where,
        hint=f"Write it otherwise, or say allow_unchecked: true in {DECLARATION}",
    )
