"""From what an operator says of a publication to the publication: shape, destination, and what is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from pathlib import Path

import polars as pl

from etl_assets.connections import Connection
from etl_assets.contracts.dataset import Dataset, Table, TableId
from etl_assets.contracts.provenance import PERIOD, PROVENANCE
from etl_assets.contracts.rules import CompiledContract, compile_contract
from etl_assets.contracts.vocabulary import RuleKind, Severity
from etl_assets.errors import EtlError, SettingsError
from etl_assets.object_storage import ObjectStorage
from etl_assets.publications import declaration
from etl_assets.publications.content import Shape
from etl_assets.publications.destination import Destination
from etl_assets.publications.json_text import is_nested


@dataclass(frozen=True)
class Publication:
    """A table that is written out, and where to."""

    name: str
    table: TableId
    shape: Shape
    destination: Destination


@dataclass(frozen=True)
class Means:
    """What destinations are reached by.

    Attributes:
        connection: Gives a named connection to a database.
        storage: How object storage is reached.
        folder: What folders are relative to.
    """

    connection: Callable[[str], Connection]
    storage: ObjectStorage
    folder: Path


def open_publications(
    dataset: Dataset, declared: Mapping[str, declaration.Publication], means: Means
) -> dict[str, Publication]:
    """Put the publications of a dataset together; nothing is asked of a destination yet.

    Raises:
        SettingsError: One of them can't be what it is declared to be; names its key.
    """
    found: dict[str, Publication] = {}
    for name, said in declared.items():
        try:
            found[name] = _open(dataset, name, said, means)
        except EtlError as error:
            key = str(error.where.get("key", ""))
            key = key if key.startswith("publications") else f"publications.{name}"
            where: dict[str, object] = {"file": f"config/datasets/{dataset.name}.yaml", "key": key}
            raise SettingsError(error.what, where=where, hint=error.hint) from None
        _check_place(found, name)
    return found


def _open(dataset: Dataset, name: str, said: declaration.Publication, means: Means) -> Publication:
    table = next((one for one in dataset.tables if str(one.id) == said.table), None)
    if table is None:
        known = [str(one.id) for one in dataset.tables]
        raise _wrong(name, "table", f"The dataset has no table {said.table}", said.table, known)
    shape = _shape(name, table, said)
    to = _destination(said, means)
    to.check(shape)
    return Publication(name, table.id, shape, to)


def _shape(name: str, table: Table, said: declaration.Publication) -> Shape:
    contract = compile_contract(table.contract)
    columns = said.columns or tuple(one for one in contract.schema if one not in PROVENANCE)
    for column in columns:
        if column not in contract.schema:
            what = f"{said.table} has no column {column}"
            raise _wrong(name, "columns", what, column, list(contract.schema))
    personal = [column for column in columns if column in contract.pii]
    if personal and said.personal_data != "allowed":
        raise SettingsError(
            f"{', '.join(personal)} of {said.table} is personal data, which would leave the lake in clear",
            where={"key": f"publications.{name}"},
            hint="Leave it out by `columns`; or say `personal_data: allowed`, if everybody who can read the "
            "destination may see it",
        )
    schema = {column: contract.schema[column] for column in columns}
    required = {column for column in columns if column not in contract.nullable}
    if table.partitioned:
        schema[PERIOD] = pl.String()
        required.add(PERIOD)
    return Shape(
        columns=schema,
        required=frozenset(required),
        key=_key(contract, schema, required),
        description=contract.description,
        descriptions={one: told for one, told in contract.descriptions.items() if one in schema},
        partitioned=table.partitioned,
    )


def _key(contract: CompiledContract, schema: Mapping[str, object], required: set[str]) -> tuple[str, ...]:
    """The shortest key that the contract promises of all rows; null is no part of any."""
    keys = [
        rule.columns
        for rule in contract.rules
        if rule.kind is RuleKind.UNIQUE
        and rule.severity is Severity.ERROR
        and rule.columns
        and required.issuperset(rule.columns)
        and not any(is_nested(contract.schema[column]) for column in rule.columns)
    ]
    return min(keys, key=len, default=())


def _destination(said: declaration.Publication, means: Means) -> Destination:
    if isinstance(said, declaration.PostgresPublication):
        from etl_assets.publications.postgresql.destination import PostgresDestination
        from etl_assets.publications.postgresql.session import Table as Target

        connection = means.connection(said.connection)
        return PostgresDestination(connection, Target.parse(said.target), said.primary_key)
    from etl_assets.publications.files.destination import FileDestination
    from etl_assets.publications.files.formats import Csv, FileFormat, Parquet

    format: FileFormat = Parquet()
    if isinstance(said, declaration.CsvPublication):
        format = Csv(said.separator, said.decimal, said.quoting, said.encoding, said.formulas)
    return FileDestination(
        url=said.url if "://" in said.url else str(means.folder / Path(said.url).expanduser()),
        format=format,
        storage=means.storage,
        single_file=said.single_file,
        retention=timedelta(days=said.retention_days),
        said=said.url,
    )


def _check_place(found: Mapping[str, Publication], name: str) -> None:
    """Two publications must not write to one place."""
    place = found[name].destination.place
    for other, one in found.items():
        if other != name and one.destination.place == place:
            raise SettingsError(
                f"The publications {other} and {name} go to the same place, {place}",
                where={"key": f"publications.{name}"},
                hint="Give each a place of its own",
            )


def _wrong(name: str, key: str, what: str, word: str, known: list[str]) -> SettingsError:
    near = get_close_matches(word, known, n=1)
    hint = (f"Did you mean {near[0]}? " if near else "") + f"There are {', '.join(known)}"
    return SettingsError(what, where={"key": f"publications.{name}.{key}"}, hint=hint)
