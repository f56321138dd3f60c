"""What can be wrong with somebody else's database: told with what to do, nothing lost, and on it goes."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import polars as pl
import pytest

from etl_assets.object_storage import ObjectStorage
from etl_assets.pipeline.extraction import extract
from etl_assets.staging.extracts.log import ExtractLog
from etl_assets.staging.extracts.rows import RowSink
from etl_assets.staging.query import Query
from etl_assets.staging.source import Source
from etl_assets_tests.postgres.erp import CUSTOMERS, SILVER, Erp, orders_source


@pytest.mark.slow
def test_columns_that_change_stop_reading_until_they_agree_again(erp: Erp) -> None:
    erp.put(1, 0)
    erp.work()
    erp.sql("ALTER TABLE shop.orders RENAME COLUMN amount TO total")
    erp.sql("INSERT INTO shop.customers VALUES (1, 'Ada')")
    erp.work()
    told = erp.findings()["not_extracted orders"]
    assert "renamed? 'amount' is now 'total'" in told
    assert "Nothing is read until they agree again" in told
    assert erp.rows(CUSTOMERS, ["id"]) == Counter({(1,): 1})  # the other source goes on

    erp.sql("ALTER TABLE shop.orders RENAME COLUMN total TO amount; "
            "ALTER TABLE shop.orders ALTER COLUMN amount TYPE text")  # fmt: skip
    erp.put(2, 1, amount="1")
    erp.work()
    assert (
        "types differ; 'amount' is text, the contract has Decimal" in erp.findings()["not_extracted orders"]
    )

    erp.sql("ALTER TABLE shop.orders ALTER COLUMN amount TYPE numeric(12, 2) USING amount::numeric")
    erp.work()
    assert erp.findings() == {}
    assert erp.rows(SILVER, ["id"]) == Counter({(1,): 1, (2,): 1})


@pytest.mark.slow
def test_a_column_that_the_contract_gains_is_read_from_then_on(erp: Erp) -> None:
    erp.sql("ALTER TABLE shop.orders DROP COLUMN note")
    named = "SELECT id, changed_at, placed_on, amount, NULL::text AS note FROM shop.orders"
    erp.open(orders_source(table=None, sql=named))
    erp.sql("INSERT INTO shop.orders VALUES (1, '2024-03-05', '2024-03-05', 1)")
    erp.work()
    first = next((erp.home / "extracts" / "orders").glob("*.parquet"))
    # As if it had been read with a contract that had no such column yet.
    pl.read_parquet(first).drop("note").write_parquet(first)
    for ledger in erp.home.glob("ledger.db*"):
        ledger.unlink()
    erp.open()
    erp.work()
    assert erp.rows(SILVER, ["id", "note"]) == Counter({(1, None): 1})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("REVOKE ALL ON shop.orders FROM reader_of_test", "grant it to reader_of_test"),
        ("REVOKE USAGE ON SCHEMA shop FROM reader_of_test", "grant it to reader_of_test"),
        ("ALTER TABLE shop.orders RENAME TO sales", "no such table"),
        ("ALTER ROLE reader_of_test NOLOGIN", "Is the password wrong, or has it expired"),
        ("ALTER TABLE shop.orders ALTER COLUMN changed_at TYPE text", "types differ; 'changed_at' is text"),
    ],
)
def test_what_is_refused_is_told_and_goes_on_when_it_is_granted(erp: Erp, change: str, told: str) -> None:
    erp.sql("DO $$ BEGIN CREATE ROLE reader_of_test; EXCEPTION WHEN duplicate_object THEN NULL; END $$; "
            "ALTER ROLE reader_of_test LOGIN; GRANT USAGE ON SCHEMA shop TO reader_of_test; "
            "GRANT SELECT ON ALL TABLES IN SCHEMA shop TO reader_of_test")  # fmt: skip
    reader = replace(erp.connection, user="reader_of_test")
    erp.put(1, 0)
    erp.open(connection=reader)
    erp.sql(change)
    intake = erp.look(seconds=20)
    assert told in erp.findings()["not_extracted orders"]
    assert (intake.sick is not None) == ("NOLOGIN" in change)

    erp.sql("ALTER ROLE reader_of_test LOGIN; GRANT USAGE ON SCHEMA shop TO reader_of_test; "
            "ALTER TABLE IF EXISTS shop.sales RENAME TO orders; "
            "GRANT SELECT ON ALL TABLES IN SCHEMA shop TO reader_of_test; ALTER TABLE shop.orders "
            "ALTER COLUMN changed_at TYPE timestamptz USING changed_at::timestamptz")  # fmt: skip
    erp.look(seconds=20)

    assert erp.findings() == {}
    assert [sum(one.values()) for one in erp.extracted()] == [1]


@pytest.mark.slow
def test_a_server_that_stops_in_the_middle_loses_nothing(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    erp.put(1, 0), erp.put(2, 1), erp.put(3, 2)
    write = RowSink.write

    def stopping(self: RowSink, line: bytes) -> None:
        write(self, line)
        monkeypatch.setattr(RowSink, "write", write)
        erp.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                "AND datname = current_database()")  # fmt: skip

    # More than the client has in its hands already.
    erp.sql("INSERT INTO shop.orders SELECT i, now(), '2024-03-05', 1, repeat('x', 2000) "
            "FROM generate_series(10, 9000) AS i")  # fmt: skip
    monkeypatch.setattr(RowSink, "write", stopping)
    intake = erp.look(seconds=20)
    assert "It is tried again" in erp.findings()["not_extracted orders"]
    assert not [one for one in intake.registered if one.table == "orders"]
    assert not list((erp.home / "extracts").glob("orders/*"))

    erp.look(seconds=20)

    assert erp.findings() == {}
    assert sum(sum(one.values()) for one in erp.extracted()) == 3 + 8991


@pytest.mark.slow
def test_a_look_that_takes_too_long_says_how_to_read(erp: Erp, monkeypatch: pytest.MonkeyPatch) -> None:
    erp.put(1, 0)
    slow = "SELECT o.* FROM shop.orders o, LATERAL (SELECT pg_sleep(0.5)) s"
    erp.open(orders_source(table=None, sql=slow))
    monkeypatch.setattr("etl_assets.pipeline.extraction.STATEMENT_SECONDS", 0.1)
    erp.look(seconds=20)
    assert "run `dq run erp`, which waits" in erp.findings()["not_extracted orders"]
    erp.look()
    assert erp.findings() == {}


@pytest.mark.slow
def test_a_watermark_that_does_not_fit_is_told(erp: Erp) -> None:
    for source, told in (
        (orders_source(overlap=10), "overlap must be a span such as 15 minutes"),
        (orders_source(watermark="id"), "overlap must be a number such as 1000"),
        (orders_source(watermark="note"), "A watermark is one of int2"),
        (orders_source(watermark="changed"), "The query has no such column"),
    ):
        erp.open(source)
        erp.look()
        assert told in erp.findings()["not_extracted orders"]
    erp.put(1, 0)
    erp.open(orders_source())
    erp.look()
    erp.open(orders_source(watermark="id", overlap=10))
    erp.look()
    assert (
        "The watermark was changed_at timestamptz and is now id int4"
        in erp.findings()["not_extracted orders"]
    )


@pytest.mark.slow
def test_numbers_and_dates_are_watermarks_too(erp: Erp) -> None:
    for watermark, overlap in (("id", 2), ("placed_on", "1 day")):
        erp.sql("TRUNCATE shop.orders")
        for id in (1, 2, 3):
            erp.put(id, 0, day=f"2024-03-0{id}")
        home = erp.home / watermark
        home.mkdir()
        erp.pipeline = replace(erp.pipeline, extracts=ExtractLog(str(home), ObjectStorage()))
        log = erp.pipeline.extracts
        assert log is not None
        source = orders_source(mode="increment", watermark=watermark, overlap=overlap)
        sources = {"orders": source}
        pipeline = replace(erp.pipeline, sources=sources)
        assert not extract(pipeline, seconds=None).failed
        erp.put(4, 0, day="2024-03-04")
        assert not extract(pipeline, seconds=None).failed
        entries = log.entries(log.objects("orders"))
        assert [log.entry(key).rows for key in entries.values()] == [3, 1]


# -- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT 1; SELECT 2", "found 2 statements"),
        ("DELETE FROM t", "found DELETE"),
        ("WITH gone AS (DELETE FROM t RETURNING *) SELECT * FROM gone", "found DELETE"),
        ("SELECT * INTO copy FROM t", "found INTO"),
        ("SELECT * FROM t FOR UPDATE", "found LOCK"),
        ("DROP TABLE t", "found DROP"),
        ("", "found 0 statements"),
        ("SELECT FROM WHERE (", "can't be understood"),
    ],
)
def test_sql_that_is_not_one_select_is_refused(sql: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Query(connection="erp", sql=sql)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1;",
        "SELECT ';' AS x -- a comment",
        "WITH a AS (SELECT 1 AS x) SELECT * FROM a UNION ALL SELECT 2",
        "SELECT * FROM t WHERE a LIKE '%s' AND b = '{}'",
    ],
)
def test_one_select_is_taken(sql: str) -> None:
    assert Query(connection="erp", sql=sql).text.startswith("(")


def test_names_are_quoted_as_postgresql_reads_them() -> None:
    assert Query(connection="erp", table='Shop."Or""ders"').text == '"shop"."Or""ders"'
    with pytest.raises(ValueError, match="a query goes into sql"):
        Query(connection="erp", table="orders; DROP TABLE x")


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ({}, "a source has a pattern, such as .*, or a query"),
        ({"pattern": "a.csv", "query": {"connection": "erp", "table": "t"}}, "has a pattern, .* or a query"),
        ({"query": {"connection": "erp", "table": "t"}}, "a watermark, or else mode: snapshot"),
        (
            {
                "query": {"connection": "erp", "table": "t", "watermark": "w", "overlap": 1},
                "mode": "snapshot",
            },
            "a watermark, or else mode: snapshot",
        ),
        (
            {"query": {"connection": "erp", "table": "t", "watermark": "w"}},
            "watermark and overlap go together",
        ),
        ({"query": {"connection": "erp"}}, "a table or sql, one of them"),
        (
            {"query": {"connection": "erp", "table": "t", "watermark": "w", "overlap": "soon"}},
            "expected a span such as 15 minutes",
        ),
        (
            {"query": {"connection": "erp", "table": "t"}, "mode": "snapshot", "format": {"type": "csv"}},
            "format: not with a query",
        ),
    ],
)
def test_sources_that_do_not_fit_together_are_refused(source: dict[str, object], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Source.model_validate(source)
