"""Promise P4: the compiled rules and Pandera's own lazy validation say the same."""

import datetime as dt
import math
import warnings
from typing import Any

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandera.backends.narwhals.checks import NarwhalsCheckBackend
from pandera.errors import SchemaErrorReason

from etl_assets.contracts.contract import Contract
from etl_assets.contracts.declare import about, aggregate_check, column_check, row_check, rule
from etl_assets.contracts.pandera_schema import UNIQUE_KEY
from etl_assets.contracts.rules import CompiledContract, Rule, compile_contract
from etl_assets.contracts.vocabulary import RuleKind, Severity

INTEGERS = st.integers(-3, 3)
FLOATS = st.sampled_from([-2.5, -0.0, 0.0, 1.0, 2.5, math.inf, -math.inf, math.nan])
TEXTS = st.text("aBé1 -", max_size=3)
DATES = st.dates(dt.date(2020, 2, 27), dt.date(2020, 3, 2))
TIMES = st.datetimes(dt.datetime(2020, 2, 29), dt.datetime(2020, 2, 29, 0, 0, 2))
CELLS: dict[str, tuple[Any, Any, st.SearchStrategy[Any]]] = {
    "i": (int, pl.Int64(), INTEGERS),
    "x": (float, pl.Float64(), FLOATS),
    "s": (str, pl.String(), TEXTS),
    "d": (dt.date, pl.Date(), DATES),
    "t": (dt.datetime, pl.Datetime("us"), TIMES),
    "b": (bool, pl.Boolean(), st.booleans()),
}


def comparisons(values: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    ordered = st.tuples(values, values).map(lambda pair: tuple(sorted(pair)))
    return st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("eq", "ne", "gt", "ge", "lt", "le"), values),
            "in_range": st.one_of(
                ordered,
                st.tuples(ordered, st.booleans(), st.booleans())
                .filter(lambda bounds: bounds[0][0] < bounds[0][1])
                .map(lambda bounds: (*bounds[0], *bounds[1:])),
            ),
            "isin": st.sets(values, min_size=1, max_size=3),
            "notin": st.lists(values, min_size=1, max_size=3),
        },
    )


CHECKS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "i": comparisons(INTEGERS),
    "x": comparisons(FLOATS.filter(lambda value: not math.isnan(value))),
    "d": comparisons(DATES),
    "t": comparisons(TIMES),
    "b": st.fixed_dictionaries({}, optional={"eq": st.booleans(), "ne": st.booleans()}),
    "s": st.fixed_dictionaries(
        {},
        optional={
            "eq": TEXTS,
            "isin": st.frozensets(TEXTS, min_size=1, max_size=3),
            "str_matches": st.sampled_from(["a", "^B.*$", r"[aB]\s?", r"(a|1)+$"]),
            "str_contains": st.sampled_from(["a", r"\d", "é$"]),
            "str_startswith": TEXTS,
            "str_endswith": TEXTS,
            "str_length": st.sampled_from([(1, 2), {"min_value": 1}, {"max_value": 2}, 2]),
        },
    ),
}


@st.composite
def contracts(draw: st.DrawFn) -> type[Contract]:
    body: dict[str, Any] = {"__annotations__": {}}
    names = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, unique=True))
    for name in names:
        checks = draw(CHECKS[name])
        body["__annotations__"][name] = CELLS[name][0]
        body[name] = pa.Field(
            **checks,
            nullable=draw(st.booleans()),
            unique=draw(st.integers(0, 4)) == 0,
            ignore_na=draw(st.booleans()),
        )
    pairs = st.permutations(names).map(lambda shuffled: tuple(shuffled[:2]))
    keys = draw(st.lists(pairs, max_size=2, unique_by=frozenset))
    if len(names) > 1 and keys:
        body["Config"] = type("Config", (), {"unique": keys})
    return type("Drawn", (Contract,), body)


@st.composite
def frames(draw: st.DrawFn, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    height = draw(st.integers(0, 6))
    columns = []
    for name, dtype in schema.items():
        values = st.none() | CELLS[name][2]
        columns.append(pl.Series(name, draw(st.lists(values, min_size=height, max_size=height)), dtype=dtype))
    return pl.DataFrame(columns)


def broken_by_rules(contract: CompiledContract, frame: pl.DataFrame) -> dict[str, set[int]]:
    rules = [rule for rule in contract.rules if rule.kind is RuleKind.ROW and rule.expression is not None]
    if not rules:
        return {}
    verdicts = nw.from_native(frame.lazy()).select(**{rule.name: rule.expression for rule in rules})
    table = verdicts.to_native().collect(engine="streaming")
    assert sum(table.null_count().row(0)) == 0
    found = {name: set((~table[name]).arg_true()) for name in table.columns} if frame.height else {}
    return {name: rows for name, rows in found.items() if rows}


def repeated_keys(rule: Rule, frame: pl.DataFrame) -> set[tuple[Any, ...]]:
    rows = frame.select(rule.columns).rows()
    keys = [tuple(map(comparable, row)) for row in rows if None not in row]
    return {key for key in keys if keys.count(key) > 1}


def comparable(cell: Any) -> Any:
    # Python tells -0.0 from 0.0 no more than Polars does, but takes NaN for unlike itself.
    return "NaN" if isinstance(cell, float) and math.isnan(cell) else cell


def pandera_errors(model: type[Contract], frame: pl.DataFrame) -> list[Any]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.validate(frame, lazy=True)
        except pa.errors.SchemaErrors as errors:
            return list(errors.schema_errors)
    return []


def failing(output: Any) -> set[int]:
    table = output.collect() if isinstance(output, pl.LazyFrame) else output
    return set((~table.to_series(table.columns.index("check_output"))).arg_true())


def broken_by_pandera(model: type[Contract], frame: pl.DataFrame) -> dict[str, set[int]]:
    found = {}
    for error in pandera_errors(model, frame):
        if error.reason_code is SchemaErrorReason.SERIES_CONTAINS_NULLS:
            found[f"{error.schema.name}.not_null"] = failing(error.check_output)
        elif error.reason_code is SchemaErrorReason.DATAFRAME_CHECK:
            if UNIQUE_KEY not in error.check.statistics:
                found[f"{error.schema.name}.{error.check.name}"] = failing(error.check_output)
        else:
            raise error
    return found


@given(st.data())
@settings(max_examples=100)
def test_row_rules_and_pandera_name_the_same_rows(data: st.DataObject) -> None:
    model = data.draw(contracts())
    contract = compile_contract(model)
    frame = data.draw(frames(dict(contract.schema)))
    assert broken_by_rules(contract, frame) == broken_by_pandera(model, frame)


@given(st.data())
@settings(max_examples=100)
def test_unique_rules_and_pandera_find_the_same_keys(data: st.DataObject) -> None:
    model = data.draw(contracts())
    contract = compile_contract(model)
    frame = data.draw(frames(dict(contract.schema)))
    unique = [rule for rule in contract.rules if rule.kind is RuleKind.UNIQUE]
    expected = {rule.columns: keys for rule in unique if (keys := repeated_keys(rule, frame))}
    found: dict[tuple[str, ...], set[tuple[Any, ...]]] = {}
    for error in pandera_errors(model, frame):
        if UNIQUE_KEY in getattr(error.check, "statistics", {}):
            key = tuple(error.check.statistics[UNIQUE_KEY])
            rows = frame[sorted(failing(error.check_output))].select(key).rows()
            found[key] = {tuple(map(comparable, row)) for row in rows}
    assert found == expected


@given(st.data())
@settings(max_examples=100)
def test_pandera_accepts_every_accepted_table(data: st.DataObject) -> None:
    model = data.draw(contracts())
    contract = compile_contract(model)
    frame = data.draw(frames(dict(contract.schema)))
    broken = set().union(*broken_by_rules(contract, frame).values())
    rows = [row for index, row in enumerate(frame.rows(named=True)) if index not in broken]
    accepted = pl.DataFrame(rows, schema=frame.schema)
    for rule_ in contract.rules:
        if rule_.kind is RuleKind.UNIQUE:
            has_null = pl.any_horizontal(pl.col(name).is_null() for name in rule_.columns)
            accepted = accepted.filter(has_null | pl.struct(rule_.columns).is_first_distinct())
    assert pandera_errors(model, accepted) == []


@given(st.data())
@settings(max_examples=60)
def test_a_row_is_judged_alike_alone_and_among_others(data: st.DataObject) -> None:
    contract = compile_contract(data.draw(contracts()))
    frame = data.draw(frames(dict(contract.schema)))
    alone: dict[str, set[int]] = {}
    for index in range(frame.height):
        for name in broken_by_rules(contract, frame[index : index + 1]):
            alone.setdefault(name, set()).add(index)
    assert broken_by_rules(contract, frame) == alone


@given(st.data())
@settings(max_examples=60)
def test_a_rule_fails_only_where_it_applies(data: st.DataObject) -> None:
    contract = compile_contract(data.draw(contracts()))
    frame = data.draw(frames(dict(contract.schema)))
    for rule_ in contract.rules:
        if rule_.kind is RuleKind.ROW and rule_.evaluated is not None:
            both = nw.from_native(frame).select(holds=rule_.expression, applies=rule_.evaluated)
            assert all(row["holds"] or row["applies"] for row in both.iter_rows(named=True))


class Custom(Contract):
    i: int = pa.Field(nullable=True)
    x: float = pa.Field(nullable=True)
    s: str = pa.Field(nullable=True, metadata=about(not_null=rule(weight=2)))

    @column_check("i", "x")
    def small(cls, column: nw.Expr) -> nw.Expr:
        return column < 2

    @column_check("s", ignore_na=False)
    def short(cls, column: nw.Expr) -> nw.Expr:
        return column.str.len_chars() < 3

    @row_check()
    def ordered(cls) -> nw.Expr:
        return nw.col("i") <= nw.col("x")

    @row_check(ignore_na=False)
    def told_apart(cls) -> nw.Expr:
        return (nw.col("i") > 0) | nw.col("s").str.contains("a")

    @aggregate_check()
    def some_are_positive(cls) -> nw.Expr:
        return nw.col("i").max() > 0

    @aggregate_check(ignore_na=False)
    def mean_is_known(cls) -> nw.Expr:
        return nw.col("x").mean() > -1

    @aggregate_check(severity="warn")
    def many(cls) -> nw.Expr:
        return nw.len() > 2


AGGREGATES = {"some_are_positive", "mean_is_known"}


def broken_in_custom(contract: CompiledContract, frame: pl.DataFrame) -> set[str]:
    rules = {rule.name: rule for rule in contract.rules if rule.severity is Severity.ERROR}
    broken = {name for name in broken_by_rules(contract, frame) if name in rules}
    for name in AGGREGATES:
        verdict = nw.from_native(frame.lazy()).select(verdict=rules[name].expression).to_native().collect()
        if verdict.item() is False:
            broken.add(name)
    return broken


@given(st.data())
@settings(max_examples=100)
def test_custom_checks_agree_with_pandera(data: st.DataObject) -> None:
    contract = compile_contract(Custom)
    frame = data.draw(frames(dict(contract.schema)))
    broken = set()
    for error in pandera_errors(Custom, frame):
        if error.reason_code is SchemaErrorReason.SERIES_CONTAINS_NULLS:
            broken.add(f"{error.schema.name}.not_null")
        elif error.schema.name == "Custom":
            broken.add(error.check.name)
        else:
            broken.add(f"{error.schema.name}.{error.check.name}")
    assert broken == broken_in_custom(contract, frame)


@given(st.data())
@settings(max_examples=50)
def test_custom_checks_run_on_panderas_narwhals_backend(data: st.DataObject) -> None:
    contract = compile_contract(Custom)
    frame = data.draw(frames(dict(contract.schema)))
    schema = Custom.to_schema()
    checks = [(check.name, check, None) for check in schema.checks]
    for name, column in schema.columns.items():
        checks += [(f"{name}.{check.name}", check, name) for check in column.checks]
    broken = set()
    for name, check, column_name in checks:
        result = NarwhalsCheckBackend(check)(nw.from_native(frame.lazy()), column_name)
        if not result.check_passed.collect().item() and not check.raise_warning:
            broken.add(name)
    assert broken == {name for name in broken_in_custom(contract, frame) if not name.endswith("not_null")}


@pytest.mark.parametrize("column", ["a", "b"])
def test_nulls_are_distinct_keys_and_whole_keys_are_not(column: str) -> None:
    class Keyed(Contract):
        a: str = pa.Field(nullable=True)
        b: str = pa.Field(nullable=True)

        class Config:
            unique = ("a", "b")

    frame = pl.DataFrame({"a": ["x", "x"], "b": ["y", "y"]})
    assert pandera_errors(Keyed, frame)
    assert not pandera_errors(Keyed, frame.with_columns(pl.lit(None, dtype=pl.String).alias(column)))
