"""A table of a real PostgreSQL: what readers see, and what is refused."""

from __future__ import annotations

import datetime as dt
import threading
from dataclasses import replace
from decimal import Decimal

import polars as pl
import psycopg2
import pytest

from etl_assets.connections import Connection
from etl_assets.publications.content import Content
from etl_assets.publications.destination import (
    DestinationChangedError,
    PublicationError,
    RowsMiscountedError,
    StalePublisherError,
)
from etl_assets_tests.publications.material import (
    FRI,
    MON,
    SAT,
    TARGET,
    ask,
    content,
    days,
    destination,
    held,
)

pytestmark = pytest.mark.slow

DAILY = {"required": frozenset({"shop", "_period"}), "key": ("shop",)}


def test_what_is_written_is_what_was_published(warehouse: Connection) -> None:
    written = destination(warehouse).write(content(days(d01=3, d02=2), **DAILY))

    assert (written.rows, written.rows_written, written.replaced) == (5, 5, (FRI, SAT))
    assert held(warehouse)[0] == ("s0", 0, FRI)
    assert len(held(warehouse)) == 5


def test_again_changes_nothing(warehouse: Connection) -> None:
    destination(warehouse).write(content(days(d01=3), **DAILY))
    before = ask(warehouse, f"SELECT xmin::text FROM {TARGET}")

    written = destination(warehouse).write(content(days(d01=3), token=2, **DAILY))

    assert (written.rows, written.rows_written) == (3, 0)
    assert ask(warehouse, f"SELECT xmin::text FROM {TARGET}") == before


def test_only_changed_partitions_are_replaced(warehouse: Connection) -> None:
    destination(warehouse).write(content(days(d01=3, d02=2, d04=1), **DAILY))
    before = ask(warehouse, f"SELECT xmin::text FROM {TARGET} WHERE _period = '{FRI}'")

    written = destination(warehouse).write(content(days(d01=3, d02=4), token=2, **DAILY))

    assert (written.rows, written.rows_written, written.replaced) == (7, 4, (SAT, MON))
    assert ask(warehouse, f"SELECT xmin::text FROM {TARGET} WHERE _period = '{FRI}'") == before
    assert ask(warehouse, f"SELECT _period, count(*) FROM {TARGET} GROUP BY 1 ORDER BY 1") == [
        (FRI, 3),
        (SAT, 4),
    ]


def test_values_are_exact(warehouse: Connection) -> None:
    utc = dt.datetime(2024, 3, 31, 1, 30, 0, 1, tzinfo=dt.UTC)
    frame = pl.DataFrame(
        {
            "text": ["tab\t back\\slash \"quote\" 'q'\r\n\\N \\. ünï 💶", "", None],
            "whole": [2**63 - 1, -(2**63), None],
            "huge": pl.Series([2**64 - 1, 0, None], dtype=pl.UInt64),
            "money": pl.Series(
                [Decimal("99999999999999999999.999999999999999999"), Decimal("-0.000000000000000001"), None],
                dtype=pl.Decimal(38, 18),
            ),
            "float": [float("nan"), 5e-324, None],
            "single": pl.Series([float("-inf"), 16777216.0, None], dtype=pl.Float32),
            "day": [dt.date(1, 1, 1), dt.date(9999, 12, 31), None],
            "at": pl.Series([utc, utc.replace(year=1), None], dtype=pl.Datetime("us", "UTC")),
            "local": [dt.datetime(2024, 3, 31, 2, 30), dt.datetime(1900, 1, 1), None],
            "took": [dt.timedelta(days=-1, microseconds=1), dt.timedelta(days=40_000), None],
            "bytes": [b"\x00\xff\\", b"", None],
            "flag": [True, False, None],
            "kind": pl.Series(["a", "b", None], dtype=pl.Categorical),
            "list": pl.Series([[1.5, None], [], None], dtype=pl.List(pl.Float64)),
            "struct": pl.Series(
                [{"a": Decimal("1.10"), "b": "\\u0000 x"}, {"a": None, "b": None}, None],
                dtype=pl.Struct({"a": pl.Decimal(10, 2), "b": pl.String}),
            ),
        }
    )

    destination(warehouse).write(content({"": frame}, partitioned=False))

    assert ask(warehouse, f"SELECT extract(epoch FROM took)::text FROM {TARGET} WHERE whole > 0") == [
        ("-86399.999999",)
    ]
    ask(warehouse, f"ALTER TABLE {TARGET} DROP COLUMN took")
    rows = ask(warehouse, f"SELECT * FROM {TARGET} ORDER BY whole DESC NULLS LAST")
    text, whole, huge, money, nan, single, day, at, local, data, flag, kind, list_, struct = rows[0]
    assert (text, whole, huge, money) == (
        frame["text"][0],
        2**63 - 1,
        2**64 - 1,
        Decimal("99999999999999999999.999999999999999999"),
    )
    assert nan != nan
    assert (single, day, at, local) == (float("-inf"), dt.date(1, 1, 1), utc, dt.datetime(2024, 3, 31, 2, 30))
    assert (bytes(data), flag, kind) == (b"\x00\xff\\", True, "a")
    assert (list_, struct) == ([1.5, None], {"a": "1.10", "b": "\\u0000 x"})
    assert rows[1][0] == ""
    assert rows[1][4:6] == (5e-324, 16777216.0)
    assert rows[2] == (None,) * 14


@pytest.mark.parametrize(
    ("frame", "told"),
    [
        (pl.DataFrame({"at": pl.Series([1], dtype=pl.Datetime("ns"))}), "no exact type for column at"),
        (pl.DataFrame({"at": pl.Series([1], dtype=pl.Time)}), "no exact type for column at"),
        (pl.DataFrame({"x" * 64: [1]}), "longer than the 63 bytes"),
        (pl.DataFrame({"xmin": [1]}), "is a system column's"),
        (pl.DataFrame({"text": ["secret\0"]}), "Column text holds NUL characters in 1 rows"),
        (pl.DataFrame({"list": [["secret\0"]]}), "Column list holds NUL characters in 1 rows"),
    ],
)
def test_what_postgresql_can_not_hold_is_refused(
    warehouse: Connection, frame: pl.DataFrame, told: str
) -> None:
    with pytest.raises(PublicationError, match=told) as caught:
        destination(warehouse).write(content({"": frame}, partitioned=False))

    assert "secret" not in str(caught.value)
    assert ask(warehouse, "SELECT count(*) FROM pg_tables WHERE schemaname = 'reporting'") == [(0,)]


def test_a_value_that_breaks_a_constraint_is_not_quoted(warehouse: Connection) -> None:
    twice = pl.DataFrame({"shop": ["secret", "secret"]})

    with pytest.raises(PublicationError, match="break a constraint of the table: daily_pkey") as caught:
        destination(warehouse).write(content({"": twice}, partitioned=False, key=("shop",)))

    assert "secret" not in str(caught.value)


def test_what_the_contract_promises_is_said_at_the_destination(warehouse: Connection) -> None:
    made = content(days(d01=1), **DAILY, description="Sales per shop", descriptions={"amount": "in 'euros'"})
    destination(warehouse).write(made)

    assert ask(
        warehouse, f"SELECT obj_description('{TARGET}'::regclass), col_description('{TARGET}'::regclass, 2)"
    ) == [("Sales per shop", "in 'euros'")]
    columns = "SELECT attname, attnotnull FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0"
    assert dict(ask(warehouse, columns, TARGET)) == {"shop": True, "amount": False, "_period": True}
    key = (
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = %s::regclass AND contype = 'p'"
    )
    assert ask(warehouse, key, TARGET) == [("PRIMARY KEY (_period, shop)",)]


def test_grants_views_and_indexes_of_the_table_survive(warehouse: Connection) -> None:
    destination(warehouse).write(content(days(d01=3), **DAILY))
    for statement in (
        "CREATE ROLE analyst_of_publications",
        f"GRANT SELECT ON {TARGET} TO analyst_of_publications",
        f"CREATE VIEW reporting.sums AS SELECT _period, sum(amount) FROM {TARGET} GROUP BY 1",
        f"CREATE INDEX by_amount ON {TARGET} (amount)",
    ):
        ask(warehouse, statement)
    try:
        destination(warehouse).write(content(days(d01=4, d02=2), token=2, **DAILY))

        assert ask(warehouse, "SELECT * FROM reporting.sums ORDER BY 1") == [(FRI, 6), (SAT, 1)]
        may = "SELECT has_table_privilege('analyst_of_publications', %s, 'SELECT')"
        assert ask(warehouse, may, TARGET) == [(True,)]
        assert ask(warehouse, "SELECT count(*) FROM pg_indexes WHERE indexname = 'by_amount'") == [(1,)]
    finally:
        ask(warehouse, "DROP OWNED BY analyst_of_publications; DROP ROLE analyst_of_publications")


@pytest.mark.parametrize("partitioned", [True, False])
def test_a_transaction_that_began_before_sees_the_old_rows_to_its_end(
    warehouse: Connection, partitioned: bool
) -> None:
    def given(count: int, token: int) -> Content:
        rows = days(d01=count)
        return content(rows if partitioned else {"": rows[FRI]}, token=token, partitioned=partitioned)

    destination(warehouse).write(given(3, 1))
    count = f"SELECT count(*) FROM {TARGET}"
    with warehouse.transaction() as early:
        early.execute("SELECT 1")  # takes its snapshot; the table itself was not looked at
        destination(warehouse).write(given(2, 2))
        early.execute(count)
        assert early.fetchone() == (3,)
    assert ask(warehouse, count) == [(2,)]


def test_readers_that_poll_never_see_a_half(warehouse: Connection) -> None:
    sizes = (700, 1100)
    to = destination(warehouse)
    to.write(content(days(d01=sizes[0], d02=sizes[0]), **DAILY))
    seen: set[tuple[int, int]] = set()
    stop = threading.Event()

    def poll() -> None:
        of = "count(*) FILTER (WHERE _period = '{}')"
        query = f"SELECT {of.format(FRI)}, {of.format(SAT)} FROM {TARGET}"
        while not stop.is_set():
            seen.add(ask(warehouse, query)[0])

    readers = [threading.Thread(target=poll) for _ in range(2)]
    for reader in readers:
        reader.start()
    for token in range(2, 22):
        size = sizes[token % 2]
        to.write(content(days(d01=size, d02=size), token=token, **DAILY))
    stop.set()
    for reader in readers:
        reader.join()

    assert seen <= {(size, size) for size in sizes}
    assert len(seen) == 2


def test_an_older_writer_is_refused(warehouse: Connection) -> None:
    destination(warehouse).write(content(days(d01=2), token=7, **DAILY))

    with pytest.raises(StalePublisherError, match="newer run"):
        destination(warehouse).write(content(days(d01=1), token=6, **DAILY))

    # Also one that finds nothing to do shuts out those before it.
    destination(warehouse).write(content(days(d01=2), token=9, **DAILY))
    with pytest.raises(StalePublisherError):
        destination(warehouse).write(content(days(d01=1), token=8, **DAILY))
    assert len(held(warehouse)) == 2


def test_a_writer_that_lost_its_lease_changes_nothing(warehouse: Connection) -> None:
    destination(warehouse).write(content(days(d01=2), **DAILY))

    def lost() -> None:
        raise RuntimeError("the lease was taken over")

    with pytest.raises(RuntimeError, match="taken over"):
        destination(warehouse).write(content(days(d01=1), token=2, check=lost, **DAILY))
    assert len(held(warehouse)) == 2


def test_columns_follow_the_contract(warehouse: Connection) -> None:
    destination(warehouse).write(content(days(d01=3), **DAILY))
    ask(warehouse, f"CREATE VIEW reporting.shops AS SELECT DISTINCT shop FROM {TARGET}")
    changed = {
        FRI: pl.DataFrame({"shop": ["a"], "amount": [Decimal("1.50")], "note": ["x"]}),
        SAT: pl.DataFrame({"shop": ["b"], "amount": [Decimal("2.50")], "note": ["y"]}),
    }

    destination(warehouse).write(
        content(changed, token=2, key=("shop",), required=frozenset({"shop", "_period"}))
    )

    found = ask(warehouse, f"SELECT shop, amount, note, _period FROM {TARGET} ORDER BY 1")
    assert found == [("a", Decimal("1.50"), "x", FRI), ("b", Decimal("2.50"), "y", SAT)]
    assert ask(warehouse, "SELECT * FROM reporting.shops ORDER BY 1") == [("a",), ("b",)]

    ask(warehouse, f"CREATE VIEW reporting.notes AS SELECT note FROM {TARGET}")
    with pytest.raises(
        DestinationChangedError, match=r"no longer has amount, note .* which reporting.notes read"
    ):
        destination(warehouse).write(content(days(d01=3), token=3, **DAILY))
    assert len(found) == ask(warehouse, f"SELECT count(*) FROM {TARGET}")[0][0]


ALTERED = {
    "column dropped": (f"ALTER TABLE {TARGET} DROP COLUMN amount", "amount is gone"),
    "column added": (f"ALTER TABLE {TARGET} ADD COLUMN note text", "note was added"),
    "column retyped": (
        f"ALTER TABLE {TARGET} ALTER COLUMN amount TYPE integer",
        "amount is integer instead of bigint",
    ),
    "renamed": (f"ALTER TABLE {TARGET} RENAME TO monthly", r"was renamed to reporting\.monthly"),
    "moved": (f"ALTER TABLE {TARGET} SET SCHEMA public", "was renamed to daily"),
    "row edited": (f"UPDATE {TARGET} SET amount = amount + 1 WHERE shop = 's1'", f"changed rows .* {FRI}"),
    "row deleted": (f"DELETE FROM {TARGET} WHERE shop = 's1'", "2 rows are there, 3 were written"),
    "row added": (f"INSERT INTO {TARGET} VALUES ('x', 1, '2024-03-09')", "changed rows .* 2024-03-09"),
    "emptied": (f"TRUNCATE {TARGET}", "0 rows are there, 3 were written"),
    "made a view": (
        f"ALTER TABLE {TARGET} RENAME TO old; CREATE VIEW {TARGET} AS SELECT * FROM reporting.old",
        "no plain table",
    ),
}


@pytest.mark.parametrize(("statement", "told"), ALTERED.values(), ids=ALTERED)
def test_what_somebody_has_altered_is_noticed_before_anything_is_changed(
    warehouse: Connection, statement: str, told: str
) -> None:
    destination(warehouse).write(content(days(d01=3), **DAILY))
    ask(warehouse, statement)
    records = ask(warehouse, "SELECT * FROM reporting.etl_publications")

    with pytest.raises(DestinationChangedError, match=told) as caught:
        destination(warehouse).write(content(days(d01=3, d02=1), token=2, **DAILY))

    assert caught.value.hint
    assert ask(warehouse, "SELECT * FROM reporting.etl_publications") == records


def test_a_person_may_say_that_all_is_to_be_written_anew(warehouse: Connection) -> None:
    destination(warehouse).write(content(days(d01=3), **DAILY))
    ask(warehouse, f"ALTER TABLE {TARGET} DROP COLUMN amount, ADD COLUMN note text")
    with pytest.raises(DestinationChangedError) as caught:
        destination(warehouse).write(content(days(d01=3), token=2, **DAILY))

    ask(warehouse, caught.value.hint.partition("anew: ")[2])
    written = destination(warehouse).write(content(days(d01=3), token=2, **DAILY))

    assert (written.rows, written.rows_written) == (3, 3)
    assert ask(warehouse, f"SELECT shop, _period, amount FROM {TARGET} ORDER BY 1")[2] == ("s2", FRI, 2)


def test_a_table_of_somebody_else_is_never_touched(warehouse: Connection) -> None:
    ask(warehouse, f"CREATE TABLE {TARGET} (shop text, amount bigint, _period text)")
    with pytest.raises(DestinationChangedError, match="has not made"):
        destination(warehouse).write(content(days(d01=3), **DAILY))

    ask(warehouse, f"DROP TABLE {TARGET}")
    destination(warehouse).write(content(days(d01=3), **DAILY))
    with pytest.raises(DestinationChangedError, match=r"belongs to the publication tiny\.daily"):
        destination(warehouse).write(content(days(d01=1), name="tiny.other", token=2, **DAILY))
    assert len(held(warehouse)) == 3


def test_rows_that_do_not_arrive_are_noticed(warehouse: Connection) -> None:
    destination(warehouse).write(content(days(d01=3), **DAILY))
    ask(
        warehouse,
        "CREATE FUNCTION reporting.lose() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN IF NEW.shop = ''s1'' THEN RETURN NULL; END IF; RETURN NEW; END'",
    )
    ask(
        warehouse,
        f"CREATE TRIGGER loses BEFORE INSERT ON {TARGET} FOR EACH ROW EXECUTE FUNCTION reporting.lose()",
    )

    with pytest.raises(RowsMiscountedError, match="1 rows are there, 2 were written"):
        destination(warehouse).write(content(days(d01=2), token=2, **DAILY))

    assert len(held(warehouse)) == 3


def test_names_in_capitals_are_what_they_are(warehouse: Connection) -> None:
    frame = {"": pl.DataFrame({"Käufer": ["a"], 'a"b': [1], "select": [2], "50 %": [3]})}
    to = destination(warehouse, "reporting.Daily")
    to.write(content(frame, partitioned=False))
    ask(warehouse, 'UPDATE reporting."Daily" SET "select" = 3')

    with pytest.raises(DestinationChangedError, match="changed rows of reporting") as caught:
        to.write(content({"": frame[""].clear()}, partitioned=False, token=2))

    ask(warehouse, caught.value.hint.partition("anew: ")[2])
    assert to.write(content({"": frame[""].clear()}, partitioned=False, token=2)).rows == 0


def test_a_table_that_was_dropped_is_made_anew(warehouse: Connection) -> None:
    destination(warehouse).write(content(days(d01=3), **DAILY))
    ask(warehouse, f"DROP TABLE {TARGET}")

    written = destination(warehouse).write(content(days(d01=3), token=2, **DAILY))

    assert (written.rows, written.rows_written) == (3, 3)
    assert len(held(warehouse)) == 3


def test_rights_that_are_missing_are_named(warehouse: Connection) -> None:
    role = f"writer_{warehouse.database}"
    for statement in (
        f"CREATE ROLE {role} LOGIN",
        f"GRANT USAGE ON SCHEMA reporting TO {role}",
    ):
        ask(warehouse, statement)
    as_writer = replace(warehouse, user=role)
    try:
        with pytest.raises(DestinationChangedError, match="may not make a table in the schema reporting"):
            destination(as_writer).write(content(days(d01=3), **DAILY))
        with pytest.raises(DestinationChangedError, match="There is no schema elsewhere"):
            destination(as_writer, "elsewhere.daily").write(content(days(d01=3), **DAILY))

        ask(warehouse, f"GRANT CREATE ON SCHEMA reporting TO {role}")
        destination(as_writer).write(content(days(d01=3), **DAILY))
        ask(warehouse, f"ALTER TABLE {TARGET} OWNER TO {warehouse.user}; REVOKE ALL ON {TARGET} FROM {role}")
        ask(warehouse, f"GRANT SELECT ON {TARGET} TO {role}")
        with pytest.raises(DestinationChangedError, match="no INSERT, DELETE on reporting"):
            destination(as_writer).write(content(days(d01=4), token=2, **DAILY))

        ask(warehouse, f"GRANT INSERT, DELETE ON {TARGET} TO {role}")
        assert destination(as_writer).write(content(days(d01=4), token=2, **DAILY)).rows == 4
    finally:
        ask(warehouse, f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_a_foreign_key_and_a_lock_are_told(warehouse: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = {"": days(d01=2)[FRI]}
    to = destination(warehouse)
    to.write(content(frame, partitioned=False, key=("shop",)))
    ask(warehouse, f"CREATE TABLE reporting.visits (shop text REFERENCES {TARGET})")
    ask(warehouse, "INSERT INTO reporting.visits VALUES ('s1')")
    new = content({"": days(d01=3)[FRI]}, partitioned=False, key=("shop",), token=2)
    with pytest.raises(DestinationChangedError, match="visits_shop_fkey"):
        to.write(new)

    ask(warehouse, "DROP TABLE reporting.visits")
    monkeypatch.setitem(_session(), "lock_timeout", "200ms")
    other = psycopg2.connect(host=warehouse.host, dbname=warehouse.database, user=warehouse.user)
    other.cursor().execute(f"LOCK TABLE {TARGET} IN ROW EXCLUSIVE MODE")
    with pytest.raises(PublicationError, match="Somebody else has held the table") as caught:
        to.write(new)
    assert caught.value.kind == "transient"
    other.close()
    assert to.write(new).rows == 3


def _session() -> dict[str, str]:
    from etl_assets.publications.postgresql import session

    return session._SESSION
