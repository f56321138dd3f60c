"""The ledger's tables. A change here needs a migration beside it; a test compares the two."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    UniqueConstraint,
)

from etl_assets.errors import ErrorKind
from etl_assets.ledger.circuit_records import CircuitState
from etl_assets.ledger.column_types import EnumText, Id, JsonText, Message, Number, PlainText, UtcTime
from etl_assets.ledger.decision_records import DecisionKind
from etl_assets.ledger.records import DeliveryState, Outcome, RunStatus
from etl_assets.ledger.writing_records import WritingOutcome

SCHEMA_VERSION = "0009"
"""The newest migration's revision: what a ledger must have before this code works with it."""
VERSION_TABLE = "ledger_version"
"""Where Alembic keeps it; its default name is taken where Dagster's own storage shares the database."""

# Constraints need names, or a later migration can't drop them on SQLite.
NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ix": "ix_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

metadata = MetaData(naming_convention=NAMING)

# One row a dataset. Whoever writes a dataset locks its row first, which makes the writers of one dataset
# queue on PostgreSQL as all writers do on SQLite; the counters only ever grow.
datasets = Table(
    "datasets",
    metadata,
    Column("dataset", PlainText, nullable=False),
    Column("last_sequence", BigInteger, nullable=False),
    Column("last_token", BigInteger, nullable=False),
    Column("listed_at", UtcTime),
    # Where the next slice of a large area begins; null or "" for its beginning.
    Column("listed_through", PlainText),
    # Grows with everything that may change what is to be done; null for 0.
    Column("changes", BigInteger),
    PrimaryKeyConstraint("dataset"),
)

leases = Table(
    "leases",
    metadata,
    Column("dataset", PlainText, ForeignKey("datasets.dataset"), nullable=False),
    Column("owner", PlainText, nullable=False),
    Column("token", BigInteger, nullable=False),
    Column("host", PlainText, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("process_started_at", Double, nullable=False),
    Column("acquired_at", UtcTime, nullable=False),
    Column("renewed_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("dataset"),
)

seen_objects = Table(
    "seen_objects",
    metadata,
    Column("dataset", PlainText, nullable=False),
    Column("key", PlainText, nullable=False),
    Column("fingerprint", PlainText, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("modified_ns", BigInteger, nullable=False),
    Column("first_seen_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False),
    Column("delivery_id", PlainText),
    Column("gone", Boolean, nullable=False),
    PrimaryKeyConstraint("dataset", "key"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", PlainText, nullable=False),
    Column("dataset", PlainText, nullable=False),
    Column("table", PlainText, nullable=False),
    Column("key", PlainText, nullable=False),
    Column("fingerprint", PlainText, nullable=False),
    Column("sha256", PlainText, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("modified_ns", BigInteger, nullable=False),
    Column("period", PlainText),
    Column("part", PlainText),
    Column("state", EnumText(DeliveryState), nullable=False),
    Column("reason", Message, nullable=False),
    Column("content", JsonText, nullable=False),
    Column("registered_at", UtcTime, nullable=False),
    Column("ingested_at", UtcTime),
    Column("sequence", BigInteger, nullable=False),
    Column("superseded_by", PlainText),
    PrimaryKeyConstraint("id"),
    UniqueConstraint("dataset", "sequence"),
    Index("ix_deliveries_key", "dataset", "key"),
)

delivery_periods = Table(
    "delivery_periods",
    metadata,
    Column("delivery_id", PlainText, ForeignKey("deliveries.id"), nullable=False),
    Column("period", PlainText, nullable=False),
    PrimaryKeyConstraint("delivery_id", "period"),
    Index("ix_delivery_periods_period", "period"),
    sqlite_with_rowid=False,
)

validations = Table(
    "validations",
    metadata,
    Column("id", Id, nullable=False),
    Column("dataset", PlainText, nullable=False),
    Column("layer", PlainText, nullable=False),
    Column("table", PlainText, nullable=False),
    Column("period", PlainText, nullable=False),
    Column("attempt", PlainText, nullable=False),
    Column("run_id", PlainText, nullable=False),
    Column("state_id", PlainText, nullable=False),
    Column("outcome", EnumText(Outcome), nullable=False),
    Column("rows_read", BigInteger, nullable=False),
    Column("rows_in", BigInteger, nullable=False),
    Column("accepted", BigInteger, nullable=False),
    Column("quarantined", BigInteger, nullable=False),
    Column("duplicates", BigInteger, nullable=False),
    Column("unreadable", BigInteger, nullable=False),
    Column("corrected", BigInteger, nullable=False, server_default="0"),
    Column("waived", BigInteger, nullable=False, server_default="0"),
    Column("discarded", BigInteger, nullable=False, server_default="0"),
    Column("score", Number),
    Column("row_score", Number),
    Column("gate_reason", Message, nullable=False),
    Column("error_class", PlainText, nullable=False),
    Column("error", Message, nullable=False),
    # One of ErrorKind, or "".
    Column("error_kind", PlainText, nullable=False, server_default=""),
    # Of a failure that is the circuit's business and none of the partition's; else "".
    Column("circuit", PlainText, nullable=False, server_default=""),
    Column("contract_fingerprint", PlainText, nullable=False),
    Column("lake_version", BigInteger),
    Column("quarantine_version", BigInteger),
    Column("held_path", PlainText),
    Column("tolerance", Number),
    Column("waiting", BigInteger, nullable=False, server_default="0"),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("id"),
    # The last line of defence of "rows add up": no code path may publish what does not.
    CheckConstraint(
        "outcome <> 'published' OR rows_in = accepted + quarantined + duplicates", name="rows_add_up"
    ),
    Index("ix_validations_partition", "dataset", "layer", "table", "period", "id"),
    Index("ix_validations_run_id", "run_id"),
    # Without it SQLite may give a deleted last row's id again, and "newest" would lie.
    sqlite_autoincrement=True,
)

tallies = Table(
    "tallies",
    metadata,
    Column("validation_id", Id, ForeignKey("validations.id", ondelete="CASCADE"), nullable=False),
    Column("rule", PlainText, nullable=False),
    Column("dimension", PlainText, nullable=False),
    Column("severity", PlainText, nullable=False),
    Column("evaluated", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    PrimaryKeyConstraint("validation_id", "rule"),
    sqlite_with_rowid=False,
)

statistics = Table(
    "statistics",
    metadata,
    Column("validation_id", Id, ForeignKey("validations.id", ondelete="CASCADE"), nullable=False),
    Column("column", PlainText, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("nulls", BigInteger, nullable=False),
    Column("minimum", Message),
    Column("maximum", Message),
    Column("mean", Number),
    Column("distinct", BigInteger),
    PrimaryKeyConstraint("validation_id", "column"),
    sqlite_with_rowid=False,
)

scores = Table(
    "scores",
    metadata,
    Column("validation_id", Id, ForeignKey("validations.id", ondelete="CASCADE"), nullable=False),
    Column("dimension", PlainText, nullable=False),
    Column("score", Number),
    Column("evaluated", BigInteger, nullable=False),
    Column("failed", BigInteger, nullable=False),
    PrimaryKeyConstraint("validation_id", "dimension"),
    sqlite_with_rowid=False,
)

# What people decided: rows are added, never changed. What holds follows from all of them.
decisions = Table(
    "decisions",
    metadata,
    Column("id", Id, nullable=False),
    Column("dataset", PlainText, nullable=False),
    Column("layer", PlainText, nullable=False),
    Column("table", PlainText, nullable=False),
    Column("kind", EnumText(DecisionKind), nullable=False),
    Column("row_id", PlainText, nullable=False),
    Column("target", JsonText, nullable=False),
    # Cells that people typed, personal ones among them: shown masked.
    Column("content", JsonText, nullable=False),
    Column("replaces", JsonText, nullable=False),
    Column("who", PlainText, nullable=False),
    Column("why", Message, nullable=False),
    Column("until", UtcTime),
    Column("batch", PlainText, nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("id"),
    Index("ix_decisions_dataset", "dataset", "id"),
    sqlite_autoincrement=True,
)

decision_effects = Table(
    "decision_effects",
    metadata,
    Column("validation_id", Id, ForeignKey("validations.id", ondelete="CASCADE"), nullable=False),
    Column("decision_id", Id, ForeignKey("decisions.id"), nullable=False),
    Column("rows", BigInteger, nullable=False),
    PrimaryKeyConstraint("validation_id", "decision_id"),
    sqlite_with_rowid=False,
)

publications = Table(
    "publications",
    metadata,
    Column("dataset", PlainText, nullable=False),
    Column("layer", PlainText, nullable=False),
    Column("table", PlainText, nullable=False),
    Column("period", PlainText, nullable=False),
    Column("validation_id", Id, ForeignKey("validations.id"), nullable=False),
    Column("state_id", PlainText, nullable=False),
    Column("published_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("dataset", "layer", "table", "period"),
)

findings = Table(
    "findings",
    metadata,
    Column("dataset", PlainText, nullable=False),
    Column("table", PlainText, nullable=False),
    Column("period", PlainText, nullable=False),
    Column("delivery_id", PlainText, nullable=False),
    Column("kind", PlainText, nullable=False),
    Column("message", Message, nullable=False),
    Column("first_seen_at", UtcTime, nullable=False),
    Column("last_seen_at", UtcTime, nullable=False),
    Column("resolved_at", UtcTime),
    # '' stands for "none": nulls would be distinct, and a finding would be two.
    PrimaryKeyConstraint("dataset", "table", "period", "delivery_id", "kind"),
)

runs = Table(
    "runs",
    metadata,
    Column("id", PlainText, nullable=False),
    Column("dataset", PlainText, nullable=False),
    Column("status", EnumText(RunStatus), nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    Column("heartbeat_at", UtcTime, nullable=False),
    Column("host", PlainText, nullable=False),
    Column("pid", BigInteger, nullable=False),
    Column("process_started_at", Double, nullable=False),
    Column("rows", BigInteger),
    Column("error_class", PlainText, nullable=False),
    Column("error", Message, nullable=False),
    Column("error_kind", PlainText, nullable=False, server_default=""),
    Column("cpu_seconds", Double),
    Column("peak_memory_bytes", BigInteger),
    PrimaryKeyConstraint("id"),
    Index("ix_runs_started_at", "dataset", "started_at"),
)

# A row for each circuit that ever failed.
circuits = Table(
    "circuits",
    metadata,
    Column("dataset", PlainText, nullable=False),
    Column("circuit", PlainText, nullable=False),
    Column("state", EnumText(CircuitState), nullable=False),
    Column("failures", BigInteger, nullable=False),
    Column("probes", BigInteger, nullable=False),
    Column("in_run", Boolean, nullable=False),
    Column("opened_at", UtcTime),
    Column("failed_at", UtcTime),
    # While half open: when the probe that is under way counts as lost.
    Column("probe_at", UtcTime),
    Column("error_kind", PlainText, nullable=False),
    Column("error_class", PlainText, nullable=False),
    Column("error", Message, nullable=False),
    PrimaryKeyConstraint("dataset", "circuit"),
)

error_counts = Table(
    "error_counts",
    metadata,
    Column("dataset", PlainText, nullable=False),
    # A circuit, or "" for what is the dataset's own.
    Column("origin", PlainText, nullable=False),
    Column("error_kind", EnumText(ErrorKind), nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("first_at", UtcTime, nullable=False),
    Column("last_at", UtcTime, nullable=False),
    Column("error_class", PlainText, nullable=False),
    Column("error", Message, nullable=False),
    PrimaryKeyConstraint("dataset", "origin", "error_kind"),
)

query_looks = Table(
    "query_looks",
    metadata,
    Column("dataset", PlainText, nullable=False),
    Column("table", PlainText, nullable=False),
    # read or compared
    Column("kind", PlainText, nullable=False),
    Column("at", UtcTime, nullable=False),
    PrimaryKeyConstraint("dataset", "table", "kind"),
)

writings = Table(
    "writings",
    metadata,
    Column("id", Id, nullable=False),
    Column("dataset", PlainText, nullable=False),
    Column("publication", PlainText, nullable=False),
    Column("run_id", PlainText, nullable=False),
    Column("state_id", PlainText, nullable=False),
    Column("outcome", EnumText(WritingOutcome), nullable=False),
    Column("place", PlainText, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("rows_written", BigInteger, nullable=False),
    Column("partitions", BigInteger, nullable=False),
    Column("error_kind", PlainText, nullable=False),
    Column("error_class", PlainText, nullable=False),
    Column("error", Message, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime, nullable=False),
    PrimaryKeyConstraint("id"),
    Index("ix_writings_publication", "dataset", "publication", "id"),
    Index("ix_writings_run_id", "run_id"),
    sqlite_autoincrement=True,
)
