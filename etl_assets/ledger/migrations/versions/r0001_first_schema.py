"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create every table."""
    _deliveries()
    _validations()
    _runs_and_findings()


def _deliveries() -> None:
    op.create_table(
        "datasets",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("last_sequence", sa.BigInteger(), nullable=False),
        sa.Column("last_token", sa.BigInteger(), nullable=False),
        sa.Column("listed_at", sa.Text()),
        sa.PrimaryKeyConstraint("dataset", name="pk_datasets"),
    )
    op.create_table(
        "leases",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("owner", sa.Text(), nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("process_started_at", sa.Double(), nullable=False),
        sa.Column("acquired_at", sa.Text(), nullable=False),
        sa.Column("renewed_at", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["dataset"], ["datasets.dataset"], name="fk_leases_dataset"),
        sa.PrimaryKeyConstraint("dataset", name="pk_leases"),
    )
    op.create_table(
        "seen_objects",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False),
        sa.Column("first_seen_at", sa.Text(), nullable=False),
        sa.Column("last_seen_at", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text()),
        sa.Column("gone", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("dataset", "key", name="pk_seen_objects"),
    )
    op.create_table(
        "deliveries",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("table", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("modified_ns", sa.BigInteger(), nullable=False),
        sa.Column("period", sa.Text()),
        sa.Column("part", sa.Text()),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("registered_at", sa.Text(), nullable=False),
        sa.Column("ingested_at", sa.Text()),
        sa.Column("sequence", sa.BigInteger(), nullable=False),
        sa.Column("superseded_by", sa.Text()),
        sa.UniqueConstraint("dataset", "sequence", name="uq_deliveries_dataset"),
        sa.PrimaryKeyConstraint("id", name="pk_deliveries"),
    )
    op.create_index("ix_deliveries_key", "deliveries", ["dataset", "key"])
    op.create_table(
        "delivery_periods",
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["delivery_id"], ["deliveries.id"], name="fk_delivery_periods_delivery_id"),
        sa.PrimaryKeyConstraint("delivery_id", "period", name="pk_delivery_periods"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_delivery_periods_period", "delivery_periods", ["period"])


def _validations() -> None:
    op.create_table(
        "validations",
        sa.Column("id", ID, nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("table", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("state_id", sa.Text(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("rows_read", sa.BigInteger(), nullable=False),
        sa.Column("rows_in", sa.BigInteger(), nullable=False),
        sa.Column("accepted", sa.BigInteger(), nullable=False),
        sa.Column("quarantined", sa.BigInteger(), nullable=False),
        sa.Column("duplicates", sa.BigInteger(), nullable=False),
        sa.Column("unreadable", sa.BigInteger(), nullable=False),
        sa.Column("score", sa.Double()),
        sa.Column("row_score", sa.Double()),
        sa.Column("gate_reason", sa.Text(), nullable=False),
        sa.Column("error_class", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("contract_fingerprint", sa.Text(), nullable=False),
        sa.Column("lake_version", sa.BigInteger()),
        sa.Column("quarantine_version", sa.BigInteger()),
        sa.Column("held_path", sa.Text()),
        sa.Column("tolerance", sa.Double()),
        sa.Column("started_at", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text(), nullable=False),
        sa.CheckConstraint(
            "outcome <> 'published' OR rows_in = accepted + quarantined + duplicates",
            name=op.f("ck_validations_rows_add_up"),
        ),
        sa.PrimaryKeyConstraint("id", name="pk_validations"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_validations_partition", "validations", ["dataset", "layer", "table", "period", "id"])
    op.create_index("ix_validations_run_id", "validations", ["run_id"])
    op.create_table(
        "tallies",
        sa.Column("validation_id", ID, nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("evaluated", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["validation_id"], ["validations.id"], name="fk_tallies_validation_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("validation_id", "rule", name="pk_tallies"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "statistics",
        sa.Column("validation_id", ID, nullable=False),
        sa.Column("column", sa.Text(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("nulls", sa.BigInteger(), nullable=False),
        sa.Column("minimum", sa.Text()),
        sa.Column("maximum", sa.Text()),
        sa.Column("mean", sa.Double()),
        sa.Column("distinct", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["validation_id"], ["validations.id"], name="fk_statistics_validation_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("validation_id", "column", name="pk_statistics"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "scores",
        sa.Column("validation_id", ID, nullable=False),
        sa.Column("dimension", sa.Text(), nullable=False),
        sa.Column("score", sa.Double()),
        sa.Column("evaluated", sa.BigInteger(), nullable=False),
        sa.Column("failed", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["validation_id"], ["validations.id"], name="fk_scores_validation_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("validation_id", "dimension", name="pk_scores"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "publications",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("layer", sa.Text(), nullable=False),
        sa.Column("table", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("validation_id", ID, nullable=False),
        sa.Column("state_id", sa.Text(), nullable=False),
        sa.Column("published_at", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["validation_id"], ["validations.id"], name="fk_publications_validation_id"),
        sa.PrimaryKeyConstraint("dataset", "layer", "table", "period", name="pk_publications"),
    )


def _runs_and_findings() -> None:
    op.create_table(
        "findings",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("table", sa.Text(), nullable=False),
        sa.Column("period", sa.Text(), nullable=False),
        sa.Column("delivery_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.Text(), nullable=False),
        sa.Column("last_seen_at", sa.Text(), nullable=False),
        sa.Column("resolved_at", sa.Text()),
        sa.PrimaryKeyConstraint("dataset", "table", "period", "delivery_id", "kind", name="pk_findings"),
    )
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("started_at", sa.Text(), nullable=False),
        sa.Column("ended_at", sa.Text()),
        sa.Column("heartbeat_at", sa.Text(), nullable=False),
        sa.Column("host", sa.Text(), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("process_started_at", sa.Double(), nullable=False),
        sa.Column("rows", sa.BigInteger()),
        sa.Column("error_class", sa.Text(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_started_at", "runs", ["dataset", "started_at"])
