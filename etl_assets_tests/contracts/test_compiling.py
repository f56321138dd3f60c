import datetime as dt
import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated, Any

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl
import pytest

from etl_assets.contracts.contract import Contract, RowContract
from etl_assets.contracts.declare import (
    Cast,
    Dependency,
    Reference,
    about,
    about_table,
    aggregate_check,
    column_check,
    row_check,
    rule,
    warn,
)
from etl_assets.contracts.expressions import ExpressionError, shape_of
from etl_assets.contracts.options import Cast as CastOption
from etl_assets.contracts.rules import Rule, compile_contract
from etl_assets.contracts.verify import verify_contract
from etl_assets.contracts.vocabulary import Dimension, OnViolation, RuleKind, Severity


class Sales(RowContract):
    """One line of an invoice."""

    invoice: str = pa.Field(str_matches=r"^[AC]?\d{6}$", description="invoice number")
    country: str = pa.Field(
        isin={"France", "Spain"},
        metadata=about(references=Reference("countries", "name"), in_countries=warn("new markets")),
    )
    quantity: int = pa.Field(ne=0, unique=True, metadata=about(unique=rule(on_violation="quarantine")))
    price: float = pa.Field(ge=0, le=1_000, metadata=about(le=warn("booked by hand", weight=0.5)))
    customer: str = pa.Field(nullable=True, metadata=about(not_null=warn("guests"), pii=True))
    note: str = pa.Field(nullable=True)
    sold_at: dt.datetime = pa.Field(metadata=about(cast=Cast("%d.%m.%Y %H:%M")))
    paid_on: dt.date

    class Config:
        unique = ("invoice", "country")
        metadata = about_table(
            period_column="sold_at", in_period=warn("tills close late"), unique_as_delivered=True
        )

    @column_check("invoice", "country", dimension="consistency")
    def has_no_spaces(cls, column: nw.Expr) -> nw.Expr:
        """Without
        spaces."""
        return ~column.str.contains(" ", literal=True)

    @row_check(why="write-offs are booked without a price")
    def negative_is_cancelled(cls) -> nw.Expr:
        return nw.when(nw.col("quantity") < 0).then(nw.col("invoice").str.starts_with("C"))

    @aggregate_check(severity="warn")
    def prices_are_plausible(cls) -> nw.Expr:
        return nw.col("price").mean() < 100


def rule_of(name: str) -> Rule:
    return compile_contract(Sales).rule(name)


def test_every_rule_has_its_name() -> None:
    assert [rule.name for rule in compile_contract(Sales).rules] == [
        "invoice.not_null",
        "invoice.str_matches",
        "invoice.has_no_spaces",
        "country.not_null",
        "country.isin",
        "country.has_no_spaces",
        "country.in_countries",
        "quantity.castable",
        "quantity.not_null",
        "quantity.not_equal_to",
        "quantity.unique",
        "price.castable",
        "price.not_null",
        "price.greater_than_or_equal_to",
        "price.less_than_or_equal_to",
        "customer.not_null",
        "sold_at.castable",
        "sold_at.not_null",
        "paid_on.castable",
        "paid_on.not_null",
        "_delivery.not_null",
        "_line.not_null",
        "_row_id.not_null",
        "unique(invoice,country)",
        "unique_as_delivered",
        "in_period",
        "negative_is_cancelled",
        "prices_are_plausible",
    ]


@pytest.mark.parametrize(
    ("name", "kind", "dimension", "severity"),
    [
        ("invoice.not_null", RuleKind.ROW, Dimension.COMPLETENESS, Severity.ERROR),
        ("invoice.str_matches", RuleKind.ROW, Dimension.VALIDITY, Severity.ERROR),
        ("invoice.has_no_spaces", RuleKind.ROW, Dimension.CONSISTENCY, Severity.ERROR),
        ("country.in_countries", RuleKind.REFERENCE, Dimension.INTEGRITY, Severity.WARN),
        ("quantity.castable", RuleKind.ROW, Dimension.VALIDITY, Severity.ERROR),
        ("quantity.unique", RuleKind.UNIQUE, Dimension.UNIQUENESS, Severity.ERROR),
        ("price.less_than_or_equal_to", RuleKind.ROW, Dimension.VALIDITY, Severity.WARN),
        ("customer.not_null", RuleKind.ROW, Dimension.COMPLETENESS, Severity.WARN),
        ("in_period", RuleKind.ROW, Dimension.TIMELINESS, Severity.WARN),
        ("negative_is_cancelled", RuleKind.ROW, Dimension.CONSISTENCY, Severity.ERROR),
        ("prices_are_plausible", RuleKind.AGGREGATE, Dimension.VALIDITY, Severity.WARN),
    ],
)
def test_kinds_dimensions_and_severities(
    name: str, kind: RuleKind, dimension: Dimension, severity: Severity
) -> None:
    found = rule_of(name)
    assert (found.kind, found.dimension, found.severity) == (kind, dimension, severity)


def test_what_the_author_said_is_kept() -> None:
    dear = rule_of("price.less_than_or_equal_to")
    assert (dear.why, dear.weight) == ("booked by hand", 0.5)
    assert dear.description == "price is at most 1000"
    assert rule_of("country.isin").description == "country is one of France, Spain"
    assert rule_of("invoice.has_no_spaces").description == "Without spaces."
    assert rule_of("negative_is_cancelled").description == "negative is cancelled"
    assert rule_of("negative_is_cancelled").columns == ("invoice", "quantity")
    assert rule_of("country.in_countries").reference == Reference("countries", "name")


class Addresses(RowContract):
    zip: str = pa.Field(nullable=True)
    street: str = pa.Field(nullable=True)
    city: str = pa.Field(nullable=True)
    state: str = pa.Field(nullable=True)

    class Config:
        metadata = about_table(
            dependencies=[
                Dependency("zip", ("city", "state"), rule("error", why="by law", weight=2)),
                Dependency(("city", "street"), "zip"),
            ]
        )


def test_a_dependency_is_a_rule_for_each_column_that_is_determined() -> None:
    by_zip, state, zip = [one for one in compile_contract(Addresses).rules if one.columns[1:]]

    assert [by_zip.name, state.name, zip.name] == [
        "city.determined_by(zip)",
        "state.determined_by(zip)",
        "zip.determined_by(city,street)",
    ]
    assert {one.kind for one in (by_zip, state, zip)} == {RuleKind.DEPENDENCY}
    assert (by_zip.columns, zip.columns) == (("zip", "city"), ("city", "street", "zip"))
    assert (by_zip.dimension, by_zip.severity, by_zip.why) == (Dimension.CONSISTENCY, "error", "by law")
    assert zip.severity is Severity.WARN
    assert zip.description == "rows with the same city and street have the same zip"
    verify_contract(Addresses)


def test_unique_rules_say_what_becomes_of_later_rows() -> None:
    assert rule_of("quantity.unique").on_violation is OnViolation.QUARANTINE
    assert rule_of("unique(invoice,country)").on_violation is OnViolation.DUPLICATE
    assert rule_of("unique_as_delivered").columns == ("_delivered",)


def test_the_contract_as_a_whole() -> None:
    contract = compile_contract(Sales)
    assert contract.table == "Sales"
    assert contract.description == "One line of an invoice."
    assert contract.descriptions["invoice"] == "invoice number"
    assert list(contract.schema)[-4:] == ["paid_on", "_delivery", "_line", "_row_id"]
    assert contract.schema["sold_at"] == pl.Datetime("us")
    assert contract.schema["_line"] == pl.Int64
    assert contract.nullable == {"customer", "note"}
    assert contract.pii == {"customer"}
    assert contract.period_column == "sold_at"
    assert contract.casts["sold_at"] == CastOption("%d.%m.%Y %H:%M")
    assert set(contract.casts) == {"quantity", "price", "sold_at", "paid_on"}
    assert contract.dimensions == tuple(Dimension)
    assert compile_contract(Sales) is contract


def test_provenance_counts_only_where_nothing_else_is_demanded() -> None:
    class Delivered(RowContract):
        cell: str = pa.Field(nullable=True)

    assert rule_of("_delivery.not_null").weight == 0
    assert compile_contract(Delivered).rule("_delivery.not_null").weight == 1


def test_dtypes_with_parameters() -> None:
    class Precise(Contract):
        instant: Annotated[pl.Datetime, "ms", "Europe/London"]
        amount: Annotated[pl.Decimal, 12, 2] = pa.Field(ge=0)
        small: pl.Int16 = pa.Field(isin=[1, 2])

    schema = compile_contract(Precise).schema
    assert dict(schema) == {
        "instant": pl.Datetime("ms", "Europe/London"),
        "amount": pl.Decimal(12, 2),
        "small": pl.Int16(),
    }
    assert compile_contract(Precise).casts == {}


def test_a_derived_contract_takes_over_and_overrides() -> None:
    class Base(Contract):
        number: int = pa.Field(ge=0)
        text: str

        @row_check()
        def fits(cls) -> nw.Expr:
            return nw.col("number") < 10

    class Derived(Base):
        number: int = pa.Field(ge=5, metadata=about(ge=warn()))

        @row_check(severity="warn")
        def fits(cls) -> nw.Expr:
            return nw.col("number") < 20

    base, derived = compile_contract(Base), compile_contract(Derived)
    assert derived.rule("number.greater_than_or_equal_to").severity is Severity.WARN
    assert derived.rule("fits").severity is Severity.WARN
    assert base.rule("fits").severity is Severity.ERROR
    assert base.rule("number.greater_than_or_equal_to").severity is Severity.ERROR
    assert list(derived.schema) == list(base.schema)


def test_panderas_own_decorators_compile_too() -> None:
    class Plain(Contract):
        number: int = pa.Field(le=3, raise_warning=True)

        @pa.check("number", native=False, raise_warning=True)
        def odd(cls, column: nw.Expr) -> nw.Expr:
            return column % 2 == 1

        @pa.dataframe_check(native=False)
        def enough(cls, frame: nw.LazyFrame) -> nw.Expr:
            return nw.len() > 1

    contract = compile_contract(Plain)
    assert contract.rule("number.odd").severity is Severity.WARN
    assert contract.rule("number.less_than_or_equal_to").severity is Severity.WARN
    assert contract.rule("enough").kind is RuleKind.AGGREGATE
    with pytest.warns(pa.errors.SchemaWarning):
        Plain.validate(pl.DataFrame({"number": [2, 4]}))
    with pytest.raises(pa.errors.SchemaErrors):
        Plain.validate(pl.DataFrame({"number": [1]}), lazy=True)


def test_pandera_only_warns_of_what_is_a_warning() -> None:
    class Priced(Contract):
        price: float = pa.Field(ge=0, le=10, metadata=about(le=warn()))

    with pytest.warns(pa.errors.SchemaWarning, match="less_than_or_equal_to"):
        Priced.validate(pl.DataFrame({"price": [11.0]}), lazy=True)
    with pytest.raises(pa.errors.SchemaErrors, match="greater_than_or_equal_to"):
        Priced.validate(pl.DataFrame({"price": [-1.0]}), lazy=True)


def test_pandera_refuses_unknown_columns_and_allows_the_partition_key() -> None:
    class One(Contract):
        number: int

    frame = pl.DataFrame({"number": [1]})
    One.validate(frame, lazy=True)
    One.validate(frame.with_columns(_period=pl.lit("2020-02-29")), lazy=True)
    with pytest.raises(pa.errors.SchemaErrors, match="other"):
        One.validate(frame.with_columns(other=1), lazy=True)


def test_rules_run_in_groups_on_the_streaming_engine() -> None:
    class Counted(Contract):
        number: int = pa.Field(nullable=True, gt=1)

        @aggregate_check()
        def some(cls) -> nw.Expr:
            return nw.col("number").sum() > 3

        @aggregate_check()
        def mean_is_high(cls) -> nw.Expr:
            return (nw.col("number").mean() > 2) & (nw.len() > 1)

    contract = compile_contract(Counted)
    rows = pl.LazyFrame({"_period": ["a", "a", "b", "c"], "number": [2, 5, 1, None]})
    aggregates = [rule for rule in contract.rules if rule.kind is RuleKind.AGGREGATE]
    verdicts = nw.from_native(rows).group_by("_period").agg(**{r.name: r.expression for r in aggregates})
    assert verdicts.to_native().collect(engine="streaming").sort("_period").rows() == [
        ("a", True, True),
        ("b", False, False),
        ("c", False, False),
    ]
    greater = contract.rule("number.greater_than")
    flags = nw.from_native(rows).with_columns(holds=greater.expression, applies=greater.evaluated)
    flagged = flags.to_native().collect(engine="streaming")
    assert flagged["holds"].to_list() == [True, True, False, True]
    assert flagged["applies"].to_list() == [True, True, True, False]


def test_an_aggregate_of_nothing_is_unknown() -> None:
    class Averaged(Contract):
        number: float

        @aggregate_check()
        def high(cls) -> nw.Expr:
            return nw.col("number").mean() > 2

        @aggregate_check(ignore_na=False)
        def known(cls) -> nw.Expr:
            return nw.col("number").mean() > 2

    contract = compile_contract(Averaged)
    empty = nw.from_native(pl.DataFrame(schema={"number": pl.Float64}))
    found = empty.select(high=contract.rule("high").expression, known=contract.rule("known").expression)
    assert found.rows() == [(None, False)]


@pytest.mark.parametrize(
    ("dtype", "start", "inside", "outside"),
    [
        (pl.Date(), dt.datetime(2020, 2, 29), dt.date(2020, 2, 29), dt.date(2020, 3, 1)),
        (
            pl.Datetime("us"),
            dt.datetime(2020, 2, 29),
            dt.datetime(2020, 2, 29, 23, 59),
            dt.datetime(2020, 3, 1),
        ),
        (
            pl.Datetime("us", "UTC"),
            dt.datetime(2020, 2, 29, tzinfo=dt.UTC),
            dt.datetime(2020, 2, 29, tzinfo=dt.UTC),
            dt.datetime(2020, 2, 28, 23, 59, 59, 999999, tzinfo=dt.UTC),
        ),
    ],
)
def test_a_row_lies_in_its_period_from_the_start_up_to_the_end(
    dtype: pl.DataType, start: dt.datetime, inside: dt.date, outside: dt.date
) -> None:
    class Dated(Contract):
        at: dtype  # type: ignore[valid-type]

        class Config:
            metadata = about_table(period_column="at")

    in_period = compile_contract(Dated).rule("in_period")
    rows = pl.DataFrame({"at": [inside, outside, None]}, schema={"at": dtype}).with_columns(
        _period_start=pl.lit(start), _period_end=pl.lit(start + dt.timedelta(days=1))
    )
    found = nw.from_native(rows).select(holds=in_period.expression, applies=in_period.evaluated)
    assert found.rows() == [(True, True), (False, True), (True, False)]


def test_a_process_forked_after_compiling_can_use_polars() -> None:
    # Dagster's forkserver forks a process that has imported every contract; had compiling evaluated
    # anything, Polars' threads would be missing in the child and it would wait for ever.
    code = """
import os, signal
from etl_assets_tests.contracts.test_compiling import Sales
from etl_assets.contracts.rules import compile_contract
compile_contract(Sales)
import polars
if os.fork() == 0:
    signal.alarm(20)
    rows = polars.LazyFrame({"a": list(range(200_000))})
    rows.group_by(polars.col("a") % 100).agg(polars.len()).sort("a").collect(engine="streaming")
    os._exit(0)
raise SystemExit(os.waitstatus_to_exitcode(os.wait()[1]) != 0)
"""
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_a_rule_is_read_with_its_own_columns_alone_however_many_a_table_has() -> None:
    class Schema(dict[str, pl.DataType]):
        """Thousands of columns: who goes through all of them for each rule takes minutes."""

        def __iter__(self) -> Iterator[str]:
            raise AssertionError("all columns are looked at")

        def keys(self) -> Any:
            raise AssertionError("all columns are looked at")

        items = keys

    shape = shape_of(nw.col("a") > nw.col("b"), Schema({"a": pl.Int64(), "b": pl.Int64(), "c": pl.String()}))
    assert (shape.columns, shape.row) == (("a", "b"), True)
    with pytest.raises(ExpressionError, match="can't be evaluated"):
        shape_of(nw.col("z") > 1, Schema({"a": pl.Int64()}))
