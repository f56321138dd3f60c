"""A condition in SQL and the rule that comes of it judge the same rows: Polars' own SQL is asked."""

from __future__ import annotations

import narwhals.stable.v1 as nw
import polars as pl
import pytest

from etl_assets.contracts.odcs.conditions import ConditionError, expression_of, parse
from etl_assets.contracts.odcs.sql_text import sql_of

ROWS = pl.DataFrame(
    {
        "n": [None, -7, 0, 1, 2, 3, 10],
        "m": [1, None, 0, 5, 2, -3, 10],
        "x": [None, 0.5, -1.5, 0.0, 2.0, 1e6, 3.25],
        "s": [None, "", "abc", "a_c", "C123456", "50%", "ÄB"],
        "b": [True, False, None, True, False, True, False],
    }
)

CONDITIONS = [
    "n > 1",
    "n <> m",
    "NOT (n >= m)",
    "n BETWEEN 0 AND 2",
    "s BETWEEN 'a' AND 'b'",
    "n IN (1, 2, 10)",
    "n NOT IN (1, 2)",
    "n IS NULL",
    "n IS NOT NULL OR m < 0",
    "n IS NULL AND m IS NOT NULL",
    "NOT (n IS NOT NULL)",
    "n NOT BETWEEN 0 AND 2",
    "s NOT LIKE 'a%'",
    "n + m * 2 > 4",
    "n - m = 0",
    "ABS(n) > 2",
    "x / 2 < 1.5",
    "-x > 0.25",
    "s = 'abc'",
    "s LIKE 'a%'",
    "s LIKE '%b%'",
    "ENDS_WITH(s, '%')",
    "STARTS_WITH(s, 'C')",
    "REGEXP_LIKE(s, '^C\\d{6}$')",
    "LENGTH(s) > 2",
    "UPPER(s) = s",
    "b = TRUE",
    "NOT b",
    "b AND n > 1",
    "n > 1 OR m > 1 AND x > 0",
    "(n > 1) = b",
]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_and_its_rule_judge_the_same_rows(condition: str) -> None:
    expression = expression_of(parse(f"SELECT {condition} FROM t").expressions[0], ROWS.schema)
    found = nw.from_native(ROWS).select(verdict=expression).to_native()["verdict"].to_list()
    for sql in (condition, sql_of(expression)):
        with pl.SQLContext({"t": ROWS}, eager=True) as context:
            assert context.execute(f"SELECT ({sql}) AS verdict FROM t")["verdict"].to_list() == found, sql
    assert len(set(found)) > 1


@pytest.mark.parametrize(
    "value",
    [
        "SUM(n)",
        "MIN(x)",
        "MAX(n)",
        "AVG(m)",
        "COUNT(*)",
        "COUNT(n)",
        "COUNT(DISTINCT s)",
        "SUM(n) * 2 - MAX(m)",
    ],
)
def test_a_figure_and_its_rule_are_the_same_number(value: str) -> None:
    expression = expression_of(parse(f"SELECT {value} FROM t").expressions[0], ROWS.schema)
    found = nw.from_native(ROWS).select(figure=expression).to_native().item()
    with pl.SQLContext({"t": ROWS}, eager=True) as context:
        assert context.execute(f"SELECT {value} AS figure FROM t").item() == found


@pytest.mark.parametrize(
    "condition",
    [
        "n IS DISTINCT FROM m",
        "s ILIKE 'a%'",
        "s SIMILAR TO 'a%'",
        "CASE WHEN n > 1 THEN TRUE ELSE FALSE END",
        "CAST(n AS TEXT) = '1'",
        "COALESCE(n, 0) > 1",
        "SUM(n) FILTER (WHERE m > 1) > 1",
        "n > ALL (SELECT 1)",
        "EXISTS (SELECT 1)",
        "n IN (SELECT 1)",
        "s LIKE 'a%' ESCAPE '!'",
        "SUM(n) OVER () > 1",
        "REGEXP_LIKE(s, 'a', 'i')",
        "n > :limit",
        "other.n > 1 AND q > 1",
    ],
)
def test_what_is_not_understood_is_refused(condition: str) -> None:
    tree = parse(f"SELECT {condition} FROM t").expressions[0]
    with pytest.raises(ConditionError):
        expression_of(tree, ROWS.schema)
