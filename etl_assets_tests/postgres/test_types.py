from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg2 import sql

from etl_assets.connections import Connection
from etl_assets.staging.extracts.columns import RAW, described
from etl_assets.staging.extracts.fitting import misfits
from etl_assets.staging.extracts.rows import HASH, RowSink
from etl_assets_tests.postgres.erp import ORDERS, Erp, reached

pytestmark = pytest.mark.slow

UTC = dt.UTC
EXACT: list[tuple[str, str, pl.DataType, object]] = [
    ("bool", "true", pl.Boolean(), True),
    ("int2", "-32768", pl.Int16(), -32768),
    ("int4", "2147483647", pl.Int32(), 2147483647),
    ("int8", "-9223372036854775808", pl.Int64(), -(2**63)),
    ("float4", "'0.1'", pl.Float32(), 0.10000000149011612),
    ("float8", "'5e-324'", pl.Float64(), 5e-324),
    ("float8", "'-Infinity'", pl.Float64(), -math.inf),
    ("numeric(12,2)", "-9999999999.99", pl.Decimal(12, 2), Decimal("-9999999999.99")),
    ("numeric(38,0)", "9" * 38, pl.Decimal(38, 0), Decimal("9" * 38)),
    ("numeric", "1" * 30 + "." + "2" * 30, pl.String(), "1" * 30 + "." + "2" * 30),
    ("numeric(50,10)", "1.5", pl.String(), "1.5000000000"),
    ("numeric", "'NaN'", pl.String(), "NaN"),
    ("date", "'0001-01-01'", pl.Date(), dt.date(1, 1, 1)),
    ("date", "'9999-12-31'", pl.Date(), dt.date(9999, 12, 31)),
    ("time", "'23:59:59.999999'", pl.Time(), dt.time(23, 59, 59, 999999)),
    ("timestamp", "'2024-02-29 12:00:00.000001'", pl.Datetime("us"), dt.datetime(2024, 2, 29, 12, 0, 0, 1)),
    (
        "timestamptz",
        "'2024-01-31 06:00:00.123456+05:30'",
        pl.Datetime("us", "UTC"),
        dt.datetime(2024, 1, 31, 0, 30, 0, 123456, UTC),
    ),
    (
        "uuid",
        "'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11'",
        pl.String(),
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11",
    ),
    ("bytea", r"'\x00ff0a220d'", pl.Binary(), b'\x00\xff\n"\r'),
    ("bytea", "''", pl.Binary(), b""),
    ("json", """'{"a" : 1.0}'""", pl.String(), '{"a" : 1.0}'),
    ("jsonb", """'{"a" : 1.0}'""", pl.String(), '{"a": 1.0}'),
    ("text", "''", pl.String(), ""),
    ("text", r"E'\\N, \"q\"\r\n\t;'", pl.String(), '\\N, "q"\r\n\t;'),
    ("char(4)", "'ab'", pl.String(), "ab  "),
    ("mood", "'ok'", pl.String(), "ok"),
    ("positive", "1.5", pl.Decimal(8, 3), Decimal("1.500")),
    ("interval", "'1 day 2 hours'", pl.String(), "P1DT2H"),
    ("inet", "'10.0.0.0/8'", pl.String(), "10.0.0.0/8"),
    ("int4[]", "'{1,NULL,3}'", pl.List(pl.Int32()), [1, None, 3]),
    ("int4[]", "'{}'", pl.List(pl.Int32()), []),
    ("bool[]", "'{t,NULL,f}'", pl.List(pl.Boolean()), [True, None, False]),
    ("numeric(10,2)[]", "'{1.20,NaN}'", pl.List(pl.String()), ["1.20", "NaN"]),
    ("date[]", "'{2024-01-01}'", pl.List(pl.Date()), [dt.date(2024, 1, 1)]),
    (
        "text[]",
        """ARRAY['a,b', NULL, '', 'NULL', '[[', E'\\n"']""",
        pl.List(pl.String()),
        ["a,b", None, "", "NULL", "[[", '\n"'],
    ),
]
LOST = [
    ("numeric(12,2)", "'NaN'", "NaN"),
    ("date", "'infinity'", "infinity"),
    ("date", "'0044-03-15 BC'", "0044-03-15 BC"),
    ("timestamp", "'-infinity'", "-infinity"),
    ("timestamptz", "'12024-01-01 00:00+00'", "12024-01-01 00:00:00+00"),
    ("time", "'24:00'", "24:00:00"),
    ("int4[]", "'{{1,2},{3,4}}'", '[["1","2"],["3","4"]]'),
    ("date[]", "'{infinity}'", '["infinity"]'),
]


@pytest.fixture(scope="module")
def database(make_database: Callable[[], str]) -> Connection:
    connection = reached(make_database())
    with connection.transaction(read_only=False) as cursor:
        cursor.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
        cursor.execute("CREATE DOMAIN positive AS numeric(8, 3) CHECK (value > 0)")
        cursor.execute("CREATE TABLE cells (n int, word text)")
    return connection


def extracted(connection: Connection, query: str, folder: Path) -> pl.DataFrame:
    """The rows of a query as they lie in an extract."""
    with connection.transaction() as cursor:
        cursor.execute(f"{query} LIMIT 0")
        columns = described(cursor)
        sink = RowSink(columns, Counter(), folder)
        names = [sql.SQL(one.selected).format(sql.Identifier(one.name)) for one in columns]
        statement = sql.SQL("COPY (SELECT 1, {} FROM ({}) q) TO STDOUT (FORMAT csv, FORCE_QUOTE *)")
        cursor.copy_expert(statement.format(sql.SQL(", ").join(names), sql.SQL(query)), sink)
    return pl.read_parquet(sink.file()).drop(HASH)


def test_every_type_comes_as_it_is_and_nulls_stay_nulls(database: Connection, tmp_path: Path) -> None:
    cells = ", ".join(f"CAST({text} AS {type}) AS c{n}" for n, (type, text, _, _) in enumerate(EXACT))
    nulls = ", ".join(f"NULL::{type}" for type, *_ in EXACT)

    found = extracted(database, f"SELECT * FROM (SELECT {cells} UNION ALL SELECT {nulls}) q", tmp_path)

    assert found[RAW].null_count() == 2
    for n, (type, text, dtype, value) in enumerate(EXACT):
        assert found.schema[f"c{n}"] == dtype, type
        assert found[f"c{n}"].to_list() == [value, None], (type, text)


def test_nan_of_a_float_is_nan(database: Connection, tmp_path: Path) -> None:
    found = extracted(
        database, "SELECT 'NaN'::float8 AS a, 'NaN'::float4 AS b, '{NaN}'::float8[] AS c", tmp_path
    )
    a, b, c, raw = found.row(0)
    assert math.isnan(a)
    assert math.isnan(b)
    assert math.isnan(c[0])
    assert raw is None


def test_what_no_type_can_hold_is_kept_as_text_never_null(database: Connection, tmp_path: Path) -> None:
    for type, text, kept in LOST:
        cells = f"SELECT 1 AS id, CAST({text} AS {type}) AS cell UNION ALL SELECT 2, CAST(NULL AS {type})"
        query = f"SELECT * FROM ({cells}) q"
        found = extracted(database, query, tmp_path)
        assert found["cell"].to_list() == [None, None], type
        assert found[RAW].to_list() == [f"1\t{kept}", None], type


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    cells=st.lists(
        st.one_of(
            st.none(),
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12),
            st.text(st.sampled_from("\",\r\n\\N\t;' "), max_size=8),
        ),
        max_size=60,
    )
)
def test_hostile_text_comes_as_it_is(
    database: Connection, tmp_path_factory: pytest.TempPathFactory, cells: list[str | None]
) -> None:
    with database.transaction(read_only=False) as cursor:
        cursor.execute("TRUNCATE cells")
        for n, cell in enumerate(cells):
            cursor.execute("INSERT INTO cells VALUES (%s, %s)", [n, cell])
    found = extracted(database, "SELECT * FROM cells", tmp_path_factory.mktemp("cells"))
    assert found.sort("n")["word"].to_list() == cells


def test_many_rows_take_bounded_memory_and_come_in_order(database: Connection, tmp_path: Path) -> None:
    query = "SELECT i, repeat(E'line\\n\"', 200) AS text FROM generate_series(1, 40000) AS i"
    found = extracted(database, query, tmp_path)
    assert found["i"].to_list() == list(range(1, 40001))
    assert found["text"].n_unique() == 1
    assert len(list(tmp_path.glob("0*.parquet"))) > 2  # 48 MB of text, written as it came


@pytest.mark.parametrize(
    ("contract", "query", "told"),
    [
        (pl.Int64(), "SELECT 1::int2 AS x", ""),
        (pl.Int64(), "SELECT '1'::text AS x", "'x' is text, the contract has Int64"),
        (pl.Int64(), "SELECT 1::numeric(4,0) AS x", "'x' is numeric"),
        (pl.Decimal(10, 2), "SELECT 1::numeric AS x", ""),
        (pl.Decimal(10, 2), "SELECT 1::float8 AS x", "'x' is float8"),
        (pl.String(), "SELECT 1::numeric AS x", ""),
        (pl.String(), "SELECT '{1}'::int[] AS x", "'x' is int4[]"),
        (pl.Datetime("us", "UTC"), "SELECT now()::timestamp AS x", "'x' is timestamp"),
        (pl.List(pl.Int64()), "SELECT '{1}'::int[] AS x", ""),
        (pl.Date(), "SELECT now() AS x", "'x' is timestamptz"),
    ],
)
def test_types_of_another_kind_than_the_contracts_are_told(
    database: Connection, contract: pl.DataType, query: str, told: str
) -> None:
    with database.transaction() as cursor:
        cursor.execute(query)
        found = misfits(described(cursor), {"x": contract})
    assert told in found
    assert bool(found) == bool(told)


def test_a_row_that_no_type_can_hold_is_in_quarantine_of_bronze(erp: Erp) -> None:
    erp.put(1, 0), erp.put(2, 1, note="secret")
    erp.sql("UPDATE shop.orders SET amount = 'NaN' WHERE id = 2")
    erp.work()
    table = erp.pipeline.quarantine(ORDERS)
    found = table.scan({"_raw": pl.String(), "_reasons": pl.String(), "_line": pl.Int64()}).collect()
    assert found["_reasons"].to_list() == ["unrepresentable_value"]
    assert "NaN" in found["_raw"][0]
    assert erp.rows(ORDERS, ["id"]) == Counter({(1,): 1})
