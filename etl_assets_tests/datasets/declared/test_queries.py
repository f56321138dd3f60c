"""Which queries may make a table."""

from __future__ import annotations

import polars as pl
import pytest

from etl_assets.datasets.declared.gold import run_query
from etl_assets.datasets.declared.queries import QueryError, check_periods, names_of, read_query

INPUTS = ("sales", "shops")
SALES = pl.LazyFrame(
    {
        "_period": ["a", "a", "a", "b", "b"],
        "shop": ["x", "y", "x", "x", "z"],
        "amount": [1, 2, 3, 4, 5],
    }
)
SHOPS = pl.LazyFrame({"_period": ["", ""], "shop": ["x", "z"], "city": ["X", "Z"]})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM READ_CSV ('/etc/passwd')",
        "SELECT * FROM \"read_csv\"('/etc/passwd')",
        "SELECT * FROM read_csv/* */('/etc/passwd')",
        "SELECT * FROM read_parquet('s3://bucket/x')",
        "SELECT * FROM sales, read_json('x')",
        "SELECT * FROM sales JOIN read_ndjson('x') x ON sales.shop = x.shop",
        "WITH x AS (SELECT * FROM read_ipc('x')) SELECT * FROM x",
        "SELECT shop FROM sales WHERE shop IN (SELECT shop FROM read_csv('x'))",
        "SELECT (SELECT MAX(shop) FROM scan_delta('x')) FROM sales",
        "SELECT * FROM sales UNION ALL SELECT * FROM read_csv('x')",
        "SELECT * FROM some_new_reader('x')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM other.sales",
        "SELECT * FROM unnest([1, 2])",
        "SELECT * FROM customers",
    ],
)
def test_a_query_reads_its_inputs_and_nothing_else(sql: str) -> None:
    with pytest.raises(QueryError, match=r"reads|can't be read"):
        read_query(sql, INPUTS)


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE sales",
        "DELETE FROM sales",
        "TRUNCATE TABLE sales",
        "CREATE TABLE x AS SELECT * FROM sales",
        "EXPLAIN SELECT * FROM sales",
        "SHOW TABLES",
        "COPY sales TO 'x'",
        "SELECT * FROM sales; SELECT * FROM shops",
        "",
        "nonsense",
        "SELECT FROM WHERE",
        "(" * 3000,
    ],
)
def test_a_query_is_one_select(sql: str) -> None:
    with pytest.raises(QueryError):
        read_query(sql, INPUTS)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT NOW() AS t FROM sales",
        "SELECT CURRENT_DATE AS t FROM sales",
        "SELECT RANDOM() AS x FROM sales",
        "SELECT FIRST(shop) AS x FROM sales",
        "SELECT * FROM sales LIMIT 3",
        "SELECT DISTINCT ON (shop) * FROM sales",
        "SELECT shop, ROW_NUMBER() OVER () AS n FROM sales",
        "SELECT shop, ROW_NUMBER() OVER (PARTITION BY _period) AS n FROM sales",
        "SELECT shop, ROW_NUMBER() OVER w AS n FROM sales WINDOW w AS (PARTITION BY _period)",
        "SELECT shop, NTILE(4) OVER (PARTITION BY _period) AS n FROM sales",
        "SELECT FIRST_VALUE(amount) OVER (PARTITION BY shop) AS n FROM sales",
        "SELECT LAST_VALUE(amount) OVER (PARTITION BY shop) AS n FROM sales",
        "SELECT NTH_VALUE(amount, 2) OVER (PARTITION BY shop) AS n FROM sales",
        "SELECT amount - LAG(amount) OVER (PARTITION BY shop) AS n FROM sales",
        "SELECT LEAD(amount) OVER (PARTITION BY shop) AS n FROM sales",
        "SELECT _period, ARRAY_AGG(shop) AS shops FROM sales GROUP BY _period",
        "SELECT _period, ARRAY_AGG(DISTINCT shop) AS shops FROM sales GROUP BY _period",
        "SELECT _period, STRING_AGG(shop, ',') AS shops FROM sales GROUP BY _period",
        "SELECT _period, GROUP_CONCAT(shop) AS shops FROM sales GROUP BY _period",
        "SELECT _period, LAST(shop) AS shop FROM sales GROUP BY _period",
        "SELECT x.n FROM (SELECT ROW_NUMBER() OVER () AS n FROM sales) AS x",
    ],
)
def test_a_query_gives_the_same_each_time(sql: str) -> None:
    with pytest.raises(QueryError):
        read_query(sql, INPUTS)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT shop, ROW_NUMBER() OVER (ORDER BY amount) AS n FROM sales",
        "SELECT shop, ROW_NUMBER() OVER w AS n FROM sales WINDOW w AS (PARTITION BY _period ORDER BY amount)",
        "SELECT shop, LAG(amount) OVER (PARTITION BY _period ORDER BY amount) AS n FROM sales",
        "SELECT shop, RANK() OVER (PARTITION BY _period ORDER BY amount) AS n FROM sales",
        "SELECT _period, ARRAY_AGG(amount ORDER BY amount) AS n FROM sales GROUP BY _period",
        "SELECT _period, STRING_AGG(shop, ',' ORDER BY amount) AS n FROM sales GROUP BY _period",
        "SELECT shop FROM sales UNION SELECT shop FROM shops",
        "SELECT * FROM sales UNION ALL SELECT * FROM sales",
        "SELECT shop FROM shops EXCEPT SELECT shop FROM sales",
        "SELECT shop FROM sales INTERSECT SELECT shop FROM shops",
    ],
)
def test_a_query_may_not_depend_on_the_order_of_its_rows(sql: str) -> None:
    read_query(sql, INPUTS)
    inputs = {"sales": SALES, "shops": SHOPS}
    turned = {name: rows.reverse() for name, rows in inputs.items()}
    rows, others = (run_query(sql, given).collect().rows() for given in (inputs, turned))
    assert sorted(rows, key=repr) == sorted(others, key=repr)


MIXING = [
    "SELECT SUM(amount) AS amount FROM sales",
    "SELECT shop, SUM(amount) AS amount FROM sales GROUP BY shop",
    "SELECT shop, SUM(amount) AS amount FROM sales GROUP BY 1",
    "SELECT shop, SUM(amount) AS amount FROM sales GROUP BY ALL",
    "SELECT DISTINCT shop FROM sales",
    "SELECT _period, shop, RANK() OVER (ORDER BY amount) AS place FROM sales",
    "SELECT _period, shop, amount FROM sales ORDER BY amount LIMIT 1",
    "SELECT a._period, a.shop FROM sales a JOIN sales b ON a.shop = b.shop",
    "SELECT a._period, a.shop FROM sales a CROSS JOIN sales b",
    "SELECT a._period, a.shop FROM sales a, sales b",
    "SELECT _period, shop FROM sales WHERE amount > (SELECT AVG(amount) FROM sales)",
    "SELECT _period, shop FROM sales WHERE shop IN (SELECT shop FROM sales WHERE amount > 2)",
    "SELECT _period, shop FROM sales WHERE amount >= ALL (SELECT amount FROM sales)",
    "SELECT _period, shop FROM sales WHERE amount > ANY (SELECT amount FROM sales)",
    "SELECT _period, shop FROM sales WHERE amount = SOME ((SELECT amount FROM sales))",
    "SELECT _period, shop FROM sales WHERE EXISTS (SELECT 1 FROM sales WHERE amount > 4)",
    "SELECT _period, shop FROM sales WHERE shop IN (SELECT shop FROM shops UNION SELECT shop FROM sales)",
    "SELECT shop, _period FROM sales UNION ALL SELECT _period, shop FROM sales",
    "SELECT _period, shop FROM sales UNION ALL SELECT _period, shop FROM shops",
    "SELECT _period, shop FROM shops EXCEPT SELECT _period, shop FROM sales",
    "SELECT _period, shop FROM sales INTERSECT SELECT shop AS _period, shop FROM sales",
    "SELECT shop FROM sales UNION SELECT shop FROM sales",
    "SELECT * FROM sales UNION ALL SELECT * FROM sales",
    "SELECT _period, shop FROM (SELECT _period, shop FROM sales EXCEPT SELECT shop, _period FROM sales) AS x",
    "SELECT a._period, a.shop FROM sales a JOIN sales b ON a.shop = b.shop OR a._period = b._period",
    "SELECT a._period, a.shop FROM sales a JOIN sales b ON a.shop = b.shop AND a._period <> b._period",
    "SELECT x._period, SUM(amount) AS n FROM sales JOIN shops x ON sales.shop = x.shop GROUP BY x._period",
    "SELECT shops._period, amount FROM sales JOIN shops ON sales.shop = shops.shop",
    "SELECT '2024-01-01' AS _period, shop FROM sales",
    "SELECT _period, shop FROM shops",
    "SELECT * FROM shops JOIN sales ON sales.shop = shops.shop",
    "SELECT shops.*, amount FROM sales JOIN shops ON sales.shop = shops.shop",
    "WITH t AS (SELECT shop, SUM(amount) AS amount FROM sales GROUP BY shop) "
    "SELECT sales._period, t.amount FROM sales JOIN t ON sales.shop = t.shop",
    "WITH t AS (SELECT _period, shop, amount FROM sales) "
    "SELECT sales._period, t.amount FROM sales JOIN t ON sales.shop = t.shop",
]
APART = [
    "SELECT * FROM sales",
    "SELECT _period, SUM(amount) AS amount FROM sales GROUP BY _period",
    "SELECT _period, shop, SUM(amount) AS amount FROM sales GROUP BY 1, 2",
    "SELECT _period, shop, SUM(amount) AS amount FROM sales GROUP BY ALL",
    "SELECT DISTINCT _period, shop FROM sales",
    "SELECT sales.*, city FROM sales JOIN shops ON sales.shop = shops.shop",
    "SELECT _period, shop, RANK() OVER (PARTITION BY _period ORDER BY amount) AS place FROM sales",
    "SELECT a._period, b.amount FROM sales a JOIN sales b ON a.shop = b.shop AND a._period = b._period",
    "SELECT sales._period, city, amount FROM sales LEFT JOIN shops ON sales.shop = shops.shop",
    "SELECT _period, shop FROM sales WHERE shop IN (SELECT shop FROM shops)",
    "WITH t AS (SELECT _period, MAX(amount) AS most FROM sales GROUP BY _period) "
    "SELECT sales._period, shop, most FROM sales JOIN t ON sales._period = t._period",
    "SELECT _period, COUNT(*) FROM sales GROUP BY _period",
    "SELECT _period, COUNT(*) AS n FROM (SELECT * FROM sales WHERE amount > 1) AS x GROUP BY _period",
    "SELECT _period, shop FROM sales UNION SELECT _period, shop FROM sales",
    "SELECT _period, shop FROM sales UNION ALL SELECT b._period, b.shop FROM sales AS b",
    "SELECT shop, _period FROM sales UNION ALL BY NAME SELECT _period, shop FROM sales",
    "SELECT _period, shop FROM sales EXCEPT SELECT _period, shop FROM sales WHERE amount > 2",
    "SELECT _period, shop FROM sales INTERSECT SELECT _period, shop FROM sales WHERE amount > 2",
    "WITH t AS (SELECT _period, shop FROM sales UNION SELECT _period, shop FROM sales WHERE amount > 2 "
    "UNION SELECT _period, 'other' AS shop FROM sales) SELECT _period, COUNT(*) FROM t GROUP BY _period",
    "SELECT _period, shop FROM sales WHERE shop IN (SELECT shop FROM shops UNION SELECT city FROM shops)",
    "SELECT _period, shop FROM sales WHERE shop = ANY (SELECT shop FROM shops)",
]


@pytest.mark.parametrize("sql", MIXING)
def test_a_query_of_a_partitioned_table_may_not_mix_periods(sql: str) -> None:
    tree = read_query(sql, INPUTS)
    with pytest.raises(QueryError, match=r"period"):
        check_periods(tree, ["sales"])


@pytest.mark.parametrize("sql", APART)
def test_what_comes_through_gives_each_period_as_if_it_were_alone(sql: str) -> None:
    check_periods(read_query(sql, INPUTS), ["sales"])
    together = run_query(sql, {"sales": SALES, "shops": SHOPS}).collect()
    alone = [
        run_query(sql, {"sales": SALES.filter(pl.col("_period") == period), "shops": SHOPS}).collect()
        for period in ("a", "b")
    ]
    rows = pl.concat(alone).rows()
    assert sorted(together.rows(), key=repr) == sorted(rows, key=repr)
    assert rows


def test_the_tables_that_a_query_makes_itself_are_no_inputs() -> None:
    tree = read_query("WITH t AS (SELECT * FROM sales) SELECT * FROM t JOIN shops ON t.shop = shops.shop")
    assert names_of(tree) == {"sales", "shops"}
