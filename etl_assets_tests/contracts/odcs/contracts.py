"""Contracts made at random, of pieces that the standard can say."""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v1 as nw
import polars as pl
from hypothesis import strategies as st

from etl_assets.contracts.contract import Contract
from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.odcs import (
    ReadContracts,
    parse_document,
    read_contracts,
    write_contracts,
    write_document,
)
from etl_assets.contracts.odcs.pieces import CheckPieces, ColumnPieces, TablePieces, build_model
from etl_assets.contracts.options import Cast, Dependency, Reference, RuleOptions
from etl_assets.contracts.vocabulary import Dimension, OnViolation, RuleKind, Severity, UniqueScope

# Names that are no identifiers, methods of Pandera's models, words of SQL.
NAMES = ("a", "b", "Order No", "validate", "select", 'with "quotes"', "größe")
LONG = {"eq": "equal_to", "ne": "not_equal_to", "ge": "greater_than_or_equal_to", "gt": "greater_than"}
LONG |= {"le": "less_than_or_equal_to", "lt": "less_than"}

INTEGERS = st.integers(-1000, 1000)
FLOATS = st.floats(-1e6, 1e6, allow_nan=False)
DECIMALS = st.decimals(-100, 100, places=2)
TEXTS = st.text("ab'%_\\\"{}€ ", max_size=4)
DATES = st.dates(dt.date(1990, 1, 1), dt.date(2030, 1, 1))
MOMENTS = st.datetimes(dt.datetime(1990, 1, 1), dt.datetime(2030, 1, 1))
PATTERNS = st.sampled_from([r"^C?\d{6}$", "x|y", r"^[a-z]+\.$", "é", r"\bword\b"])

DTYPES: list[tuple[pl.DataType, st.SearchStrategy[Any]]] = [
    (pl.String(), TEXTS),
    (pl.Int64(), INTEGERS),
    (pl.Int16(), INTEGERS),
    (pl.UInt8(), st.integers(0, 255)),
    (pl.Float64(), FLOATS),
    (pl.Float32(), FLOATS),
    (pl.Decimal(12, 2), DECIMALS),
    (pl.Date(), DATES),
    (pl.Datetime("us"), MOMENTS),
    (pl.Datetime("ms"), MOMENTS),
    (pl.Datetime("us", "UTC"), MOMENTS.map(lambda moment: moment.replace(tzinfo=dt.UTC))),
    (pl.Time(), st.times()),
]


def said(severities: tuple[Severity | None, ...] = (None, *Severity)) -> st.SearchStrategy[RuleOptions]:
    return st.builds(
        RuleOptions,
        severity=st.sampled_from(severities),
        dimension=st.none() | st.sampled_from(list(Dimension)),
        weight=st.sampled_from([1.0, 0.0, 2.5]),
        why=st.sampled_from(["", "because", "two words: and a colon"]),
    )


@st.composite
def columns(draw: st.DrawFn, name: str, is_gold: bool) -> ColumnPieces:
    dtype, values = draw(st.sampled_from(DTYPES))
    column = ColumnPieces(name, dtype, nullable=draw(st.booleans()), pii=draw(st.booleans()))
    kinds = [*LONG, "isin", "notin", *(["in_range"] if dtype != pl.String() else [])]
    for check in draw(st.sets(st.sampled_from(kinds), max_size=3)):
        column.checks[check] = draw(_argument(check, values))
    if dtype == pl.String():
        column.checks |= draw(_text_checks())
    for check in column.checks:
        if draw(st.booleans()):
            column.rules[LONG.get(check, check)] = draw(said())
    column.unique = draw(st.booleans())
    if column.unique and draw(st.booleans()):
        on_violation = draw(st.sampled_from(OnViolation))
        given = draw(said((None, Severity.ERROR)))
        column.rules["unique"] = RuleOptions(
            given.severity,
            given.dimension,
            given.weight,
            given.why,
            on_violation,
            draw(st.sampled_from([None, *UniqueScope])),
        )
    if draw(st.booleans()):
        wanted = Severity.WARN if column.nullable else Severity.ERROR
        column.rules["not_null"] = draw(said((None, wanted)))
    if dtype != pl.String() and not is_gold and draw(st.booleans()):
        column.rules["castable"] = draw(said())
    if dtype == pl.Date() and not is_gold:
        column.cast = draw(st.sampled_from([None, Cast(), Cast("%d.%m.%Y"), Cast("%-d/%-m/%y")]))
    if draw(st.booleans()):
        waits = draw(st.sampled_from([False, True, dt.timedelta(hours=36)]))
        column.references = Reference(draw(st.sampled_from(["others", "shops_2"])), "code", waits)
        column.rules[f"in_{column.references.table}"] = draw(said())
    return column


def _argument(check: str, values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    if check in ("isin", "notin"):
        return st.lists(values, min_size=1, max_size=3)
    if check == "in_range":
        return st.tuples(values, values, st.booleans(), st.booleans()).map(
            lambda one: (
                {
                    "min_value": min(one[:2]),
                    "max_value": max(one[:2]),
                    "include_min": one[2],
                    "include_max": one[3],
                }
                if one[0] != one[1]
                else {"min_value": one[0], "max_value": one[1]}
            )
        )
    return values


@st.composite
def _text_checks(draw: st.DrawFn) -> dict[str, Any]:
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "str_matches": PATTERNS.filter(lambda pattern: pattern != "x|y"),
        "str_contains": PATTERNS,
        "str_startswith": TEXTS,
        "str_endswith": TEXTS,
        "str_length": st.sampled_from(
            [{"min_value": 1}, {"max_value": 5}, {"min_value": 0, "max_value": 9}, {"exact_value": 3}]
        ),
    }
    return {kind: draw(kinds[kind]) for kind in draw(st.sets(st.sampled_from(list(kinds)), max_size=2))}


def values_of(name: str, dtype: pl.DataType, constants: st.SearchStrategy[Any]) -> st.SearchStrategy[nw.Expr]:
    """Conditions on one column."""
    value = nw.col(name)
    found = [
        constants.map(lambda limit: value > limit),
        constants.map(lambda limit: limit != value),
        st.just(~value.is_null()),
        st.lists(constants, min_size=1, max_size=3).map(value.is_in),
        st.tuples(constants, constants).map(lambda limits: value.is_between(*map(_bound, limits))),
    ]
    if dtype.is_numeric() and not isinstance(dtype, pl.Decimal):
        found += [
            st.just((value * 2 + 1) % 3 == 0),
            st.just((1 - value).abs() <= 5),
            st.just(-value / 2 < value),
        ]
    if dtype == pl.String():
        found += [
            PATTERNS.map(value.str.contains),
            TEXTS.map(value.str.starts_with),
            TEXTS.map(value.str.ends_with),
            st.just(value.str.to_uppercase() == value),
            st.just(value.str.len_chars() > 3),
        ]
    return st.one_of(found)


def _bound(limit: Any) -> Any:
    return nw.lit(limit) if isinstance(limit, str) else limit


@st.composite
def conditions(draw: st.DrawFn, schema: dict[str, tuple[pl.DataType, Any]]) -> nw.Expr:
    def one() -> nw.Expr:
        name = draw(st.sampled_from(sorted(schema)))
        return draw(values_of(name, *schema[name]))

    found = one()
    for _ in range(draw(st.integers(0, 3))):
        found = draw(st.sampled_from([lambda a, b: a | b, lambda a, b: a & b, lambda a, b: ~a | b]))(
            found, one()
        )
    return found


@st.composite
def aggregates(draw: st.DrawFn, schema: dict[str, tuple[pl.DataType, Any]]) -> nw.Expr:
    condition = draw(conditions(schema))
    column = nw.col(draw(st.sampled_from(sorted(schema))))
    limit = draw(st.integers(0, 100))
    return draw(
        st.sampled_from(
            [
                nw.len() > limit,
                nw.len() == limit,
                condition.sum() <= limit,
                condition.all(),
                condition.sum() * 100 / nw.len() < limit,
                column.drop_nulls().n_unique() >= limit,
                column.count() != limit,
                column.is_null().sum() * 2 < nw.len(),
            ]
        )
    )


@st.composite
def tables(draw: st.DrawFn) -> TablePieces:
    layer = draw(st.sampled_from([Layer.SILVER, Layer.GOLD]))
    table = TablePieces(
        TableId(layer, "things"), description=draw(st.sampled_from(["", "Things.", "A\n\nB."]))
    )
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True))
    for name in names:
        table.columns[name] = draw(columns(name, layer is Layer.GOLD))
    keys = st.lists(st.sampled_from(names), min_size=1, max_size=3, unique=True).map(tuple)
    table.keys = draw(st.lists(keys, max_size=2, unique=True))
    if table.keys and draw(st.booleans()):
        table.key_options = draw(said((None, Severity.ERROR)))
    dated = [name for name, column in table.columns.items() if isinstance(column.dtype, pl.Date)]
    if dated and draw(st.booleans()):
        table.period_column = dated[0]
        table.in_period = draw(said())
    if layer is Layer.SILVER and draw(st.booleans()):
        table.unique_as_delivered = draw(said((None, Severity.ERROR)))
    if len(names) > 1 and draw(st.booleans()):
        table.dependencies = [Dependency((names[0],), names[1], draw(said()))]
    by_name = {str(dtype): values for dtype, values in DTYPES}
    schema = {name: (column.dtype, by_name[str(column.dtype)]) for name, column in table.columns.items()}
    for number in range(draw(st.integers(0, 3))):
        kind = draw(st.sampled_from([RuleKind.ROW, RuleKind.AGGREGATE]))
        expression = draw((conditions if kind is RuleKind.ROW else aggregates)(schema))
        table.checks.append(
            CheckPieces(f"check_{number}", expression, kind, draw(said()), null_fails=draw(st.booleans()))
        )
    return table


def dataset_of(*pieces: TablePieces) -> Dataset:
    models = [(one.id, build_model(one)) for one in pieces]
    return Dataset("made", "", tuple(Table(id, model) for id, model in models))


def there_and_back(dataset: Dataset) -> tuple[dict[TableId, type[Contract]], ReadContracts, str]:
    text = write_document(write_contracts(dataset).document)
    read = read_contracts(parse_document(text, "made.odcs.yaml"))
    return {table.id: table.contract for table in read.tables}, read, text
