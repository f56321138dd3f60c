"""From records to rows and back: a column is named as the record's attribute is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from sqlalchemy import Connection, Row, Table, func, select, update

from etl_assets.ledger.database import upsert
from etl_assets.ledger.schema import datasets

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

R = TypeVar("R", bound="DataclassInstance")

AnyRow: TypeAlias = "Row[*tuple[Any, ...]]"


def to_row(record: object, table: Table, **others: object) -> dict[str, object]:
    """Return the values of a record for the columns of `table`; `others` come on top."""
    values = {c.name: getattr(record, c.name) for c in table.columns if hasattr(record, c.name)}
    return values | others


def to_record(kind: type[R], row: AnyRow, **others: object) -> R:
    """Return the record of a row; columns that the record lacks are left out."""
    known = kind.__dataclass_fields__
    values = {name: value for name, value in row._asdict().items() if name in known}
    return kind(**(values | others))


def lock_dataset(connection: Connection, dataset: str) -> AnyRow:
    """Make the other writers of `dataset` wait until this transaction ends; return its row of counters."""
    connection.execute(
        upsert(connection, datasets)
        .values(dataset=dataset, last_sequence=0, last_token=0)
        .on_conflict_do_nothing(index_elements=["dataset"])
    )
    # SQLite needs no FOR UPDATE: there, one writer at a time is all there can be.
    return connection.execute(select(datasets).where(datasets.c.dataset == dataset).with_for_update()).one()


def note_change(connection: Connection, dataset: str) -> None:
    """Count a change of what is to be done for `dataset`, in the transaction that makes it."""
    own = datasets.c.dataset == dataset
    count = func.coalesce(datasets.c.changes, 0) + 1
    connection.execute(update(datasets).where(own).values(changes=count))
