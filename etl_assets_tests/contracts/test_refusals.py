import datetime as dt
import re
from collections.abc import Callable
from typing import Any, Optional

import narwhals as main_narwhals
import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl
import pytest
from pandera.api.dataframe.model_components import parser

from etl_assets.contracts.contract import Contract, RowContract
from etl_assets.contracts.declare import (
    Cast,
    Dependency,
    about,
    about_table,
    aggregate_check,
    column_check,
    row_check,
    rule,
    warn,
)
from etl_assets.contracts.rules import compile_contract
from etl_assets.contracts.verify import verify_contract
from etl_assets.errors import ContractError


def contract(base: type = Contract, config: dict[str, Any] | None = None, **body: Any) -> type[Contract]:
    annotations = {"number": int, "text": str, "real": float, "day": dt.date, "at": dt.datetime}
    body["__annotations__"] = annotations
    if config:
        body["Config"] = type("Config", (), config)
    return type("Refused", (base,), body)


def dependencies(*given: Any) -> dict[str, Any]:
    return about_table(dependencies=given)


FIELDS: dict[str, tuple[str, Any]] = {
    "coerce": ("number", lambda: pa.Field(coerce=True)),
    "default": ("number", lambda: pa.Field(default=0)),
    "A pattern names the columns": ("number", lambda: pa.Field(regex=True)),
    "optional": ("number", lambda: pa.Field(required=False)),
    "reserved": ("number", lambda: pa.Field(alias="_number")),
    "'a' can't be compared with Int64": ("number", lambda: pa.Field(ge="a")),
    "True can't be compared with Int64": ("number", lambda: pa.Field(isin=[2, True])),
    "3 can't be compared with String": ("text", lambda: pa.Field(eq=3)),
    "None can't be compared": ("number", lambda: pa.Field(isin=[1, None])),
    "can't be compared with Date": ("day", lambda: pa.Field(ge=dt.datetime(2020, 1, 1))),
    "can't be compared with Datetime": ("at", lambda: pa.Field(ge=dt.date(2020, 1, 1))),
    "tzinfo=datetime.timezone.utc) can't be compared": (
        "at",
        lambda: pa.Field(ge=dt.datetime(2020, 1, 1, tzinfo=dt.UTC)),
    ),
    "Use about": ("number", lambda: pa.Field(metadata=about_table(period_column="day"))),
    "The check is for text": ("number", lambda: pa.Field(str_matches="1")),
    "looks ahead or behind": ("text", lambda: pa.Field(str_contains="a(?!b)")),
    "refers back": ("text", lambda: pa.Field(str_matches=r"(a)\1")),
    "Only the first alternative": ("text", lambda: pa.Field(str_matches="A|B")),
    "no Narwhals form": ("number", lambda: pa.Field(unique_values_eq=[1, 2])),
    "have the same name": ("number", lambda: pa.Field(in_range=(1, 3), between=(1, 2))),
    "about() speaks of le": ("number", lambda: pa.Field(ge=1, metadata=about(le=warn()))),
    "about() speaks of in_airlines": ("number", lambda: pa.Field(metadata=about(in_airlines=warn()))),
    "not_null can't be of severity warn": ("number", lambda: pa.Field(metadata=about(not_null=warn()))),
    "not_null can't be of severity error": (
        "number",
        lambda: pa.Field(nullable=True, metadata=about(not_null=rule("error"))),
    ),
    "a rule that is not unique": (
        "number",
        lambda: pa.Field(ge=1, metadata=about(ge=rule(on_violation="quarantine"))),
    ),
    "scope is said of a rule that is not unique": (
        "number",
        lambda: pa.Field(ge=1, metadata=about(ge=rule(scope="table"))),
    ),
    "can't be a warning": ("number", lambda: pa.Field(unique=True, metadata=about(unique=warn()))),
    "not cast": ("number", lambda: pa.Field(metadata=about(cast=Cast()))),
}


@pytest.mark.parametrize("reason", FIELDS)
def test_a_field_that_can_not_be_compiled(reason: str) -> None:
    name, field = FIELDS[reason]
    with pytest.raises(ContractError, match=re.escape(reason.removeprefix("about() "))) as refusal:
        compile_contract(contract(**{name: field()}))
    assert refusal.value.where["contract"] == "Refused"
    assert str(refusal.value.where["rule"]).startswith((name, "_number"))


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"coerce": True}, "Config.coerce"),
        ({"drop_invalid_rows": True}, "Config.drop_invalid_rows"),
        ({"add_missing_columns": True}, "Config.add_missing_columns"),
        ({"strict": False}, "Config.strict"),
        ({"strict": "filter"}, "Config.strict"),
        ({"in_range": (1, 2)}, "no options of contracts: in_range"),
        ({"unique": ("number", "nowhere")}, "names no column: nowhere"),
        ({"metadata": about_table(period_column="text")}, "no Date or Datetime"),
        ({"metadata": about_table(period_column="nowhere")}, "no Date or Datetime"),
        ({"metadata": about_table(unique_as_delivered=True)}, "come from no delivery"),
        ({"metadata": about(pii=True)}, "Use about_table"),
        ({"metadata": dependencies(Dependency("nowhere", "text"))}, "names no column: nowhere"),
        ({"metadata": dependencies(Dependency("text", ("number", "there")))}, "names no column: there"),
        ({"metadata": dependencies(Dependency("text", "text"))}, "another column that they determine"),
        ({"metadata": dependencies(Dependency((), "text"))}, "needs determinants"),
        ({"metadata": dependencies(Dependency("text", ("real", "real")))}, "the same name"),
        (
            {"metadata": dependencies(Dependency("text", "real", rule(on_violation="duplicate")))},
            "on_violation",
        ),
        ({"metadata": dependencies(Dependency("text", "real", rule(scope="table")))}, "scope"),
        ({"metadata": dependencies(("zip", "city"))}, "something else than dependencies"),
    ],
)
def test_a_table_option_that_can_not_be_compiled(config: dict[str, Any], reason: str) -> None:
    with pytest.raises(ContractError, match=reason):
        compile_contract(contract(config=config))


CHECKS: dict[str, Callable[[], Any]] = {
    "written for one engine": lambda: pa.check("number")(lambda cls, data: data),
    "element_wise": lambda: pa.check("number", native=False, element_wise=True)(lambda cls, cell: cell > 1),
    "groupby": lambda: pa.check("number", native=False, groupby="text")(lambda cls, groups: True),
    "instead of an expression": lambda: row_check()(lambda cls: True),
    "gives narwhals.expr.Expr instead": lambda: row_check()(lambda cls: main_narwhals.col("number") > 1),
    "gives Int64 instead of Boolean": lambda: row_check()(lambda cls: nw.col("number") + 1),
    "ColumnNotFoundError": lambda: row_check()(lambda cls: nw.col("nowhere") > 1),
    "fails with ZeroDivisionError": lambda: row_check()(lambda cls: nw.col("number") > 1 / 0),
    "declared a row check": lambda: row_check()(lambda cls: nw.len() > 1),
    "declared a aggregate check": lambda: aggregate_check()(lambda cls: nw.col("number") > 1),
    "map_batches": lambda: row_check()(lambda cls: nw.col("number").map_batches(lambda s: s > 1)),
    "name them with nw.col": lambda: row_check()(lambda cls: nw.max_horizontal(nw.all()) > 1),
    "without a format": lambda: row_check()(lambda cls: nw.col("text").str.to_datetime().is_null()),
    "as if it read a clock": lambda: row_check()(lambda cls: nw.col("at") < dt.datetime.now()),
    "looks ahead": lambda: row_check()(lambda cls: nw.col("text").str.contains("(?=a)")),
    "pattern '(a' is wrong": lambda: row_check()(lambda cls: nw.col("text").str.contains("(a")),
    "order of the rows": lambda: aggregate_check()(lambda cls: nw.col("number").last() > 1),
}


@pytest.mark.parametrize("reason", CHECKS)
def test_a_custom_check_that_can_not_be_compiled(reason: str) -> None:
    check = CHECKS[reason]()
    with pytest.raises(ContractError, match=re.escape(reason)) as refusal:
        compile_contract(contract(suspicious=check))
    assert refusal.value.where["contract"] == "Refused"
    assert "rule" in refusal.value.where


@pytest.mark.parametrize(
    "expression",
    [
        lambda: (nw.col("real") - nw.col("real").mean()).abs() < 150,
        lambda: nw.col("real") > nw.col("real").max().over("text"),
        lambda: nw.col("number").is_unique(),
        lambda: nw.when(nw.col("number") > 1).then(nw.col("real") > nw.col("real").min()),
        lambda: nw.all_horizontal(nw.col("number") > 0, nw.len() > 1, ignore_nulls=True),
        lambda: nw.lit(True),
    ],
)
@pytest.mark.parametrize("decorator", [row_check, aggregate_check])
def test_a_check_that_mixes_rows(decorator: Callable[[], Any], expression: Callable[[], nw.Expr]) -> None:
    check = decorator()(lambda cls: expression())
    with pytest.raises(ContractError, match=r"mixes rows|can't be evaluated"):
        compile_contract(contract(mixing=check))


@pytest.mark.parametrize(
    "expression", [lambda: nw.col("number").shift(1) > 0, lambda: nw.col("number").cum_sum() > 0]
)
def test_a_check_that_depends_on_order(expression: Callable[[], nw.Expr]) -> None:
    with pytest.raises(ContractError, match="order of the rows"):
        compile_contract(contract(ordered=row_check()(lambda cls: expression())))


def test_column_check_needs_columns() -> None:
    with pytest.raises(ContractError, match="names no columns"):

        class Forgetful(Contract):
            number: int

            @column_check  # type: ignore[arg-type]
            def positive(cls, column: nw.Expr) -> nw.Expr:
                return column > 0


def test_parsers_are_refused() -> None:
    class Parsing(Contract):
        number: int

        @parser("number")
        def halve(cls, column: Any) -> Any:  # noqa: N805
            return column

    with pytest.raises(ContractError, match="parsers"):
        compile_contract(Parsing)


def test_nested_contracts_and_optional_columns_are_refused() -> None:
    class Inner(Contract):
        number: int

    class Outer(Contract):
        inner: Inner

    class Absent(Contract):
        number: Optional[int]  # noqa: UP045 (what an author might write)

    with pytest.raises(ContractError, match="nested contract"):
        compile_contract(Outer)
    with pytest.raises(ContractError, match="nullable=True"):
        compile_contract(Absent)


def test_provenance_can_not_be_taken_over() -> None:
    class Taking(RowContract):
        etl_line: int

    with pytest.raises(ContractError, match="takes the place of _line"):
        compile_contract(Taking)


def test_a_format_for_a_number_is_refused() -> None:
    class Formatted(RowContract):
        number: int = pa.Field(metadata=about(cast=Cast("%Y")))

    with pytest.raises(ContractError, match="A format does not apply to Int64"):
        compile_contract(Formatted)


@pytest.mark.parametrize("weight", [-1.0, float("nan"), float("inf")])
def test_a_weight_is_a_finite_number(weight: float) -> None:
    with pytest.raises(ContractError, match="weight"):
        warn(weight=weight)


def test_something_else_is_no_contract() -> None:
    class Bare(pa.DataFrameModel):
        number: int

    with pytest.raises(ContractError, match="Derive it from Contract"):
        compile_contract(Bare)  # type: ignore[arg-type]


@pytest.mark.parametrize("pattern", ["^(A|B)$", "a[|]b", r"a\|b", "(?:A|B)C", "[]|]"])
def test_patterns_that_polars_understands_pass(pattern: str) -> None:
    verify_contract(contract(text=pa.Field(str_matches=pattern)))


def test_patterns_that_only_polars_knows_pass_in_custom_checks() -> None:
    verify_contract(contract(capital=row_check()(lambda cls: nw.col("text").str.contains(r"^\p{Lu}"))))


def test_what_only_shows_when_it_runs_is_found_by_trying() -> None:
    bad = contract(compared=row_check()(lambda cls: nw.col("text") > 3))
    compile_contract(bad)
    with pytest.raises(ContractError, match="can't be evaluated") as refusal:
        verify_contract(bad)
    assert refusal.value.where == {"contract": "Refused", "rule": "<lambda>"}


def test_trying_a_good_contract_says_nothing() -> None:
    class Good(RowContract):
        number: int = pa.Field(ge=0, nullable=True)
        at: dt.datetime
        amount: pl.Float32 = pa.Field(in_range=(0, 1))

        class Config:
            metadata = about_table(period_column="at")

        @aggregate_check()
        def some(cls) -> nw.Expr:
            return nw.col("number").max() > 0

    assert verify_contract(Good) is compile_contract(Good)
