"""Tries a contract's rules on made-up rows.

Compiling evaluates nothing, for it happens while modules are imported. What only shows when an
expression runs, such as a comparison of text with a number in a custom check, is found here: call it
from tests and from diagnosis, never at import.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import narwhals.stable.v1 as nw
import polars as pl

from etl_assets.contracts.contract import Contract
from etl_assets.contracts.provenance import PERIOD_END, PERIOD_START
from etl_assets.contracts.rules import CompiledContract, Rule, compile_contract
from etl_assets.contracts.vocabulary import RuleKind
from etl_assets.errors import ContractError

_NOON = dt.datetime(2020, 2, 29, 12)
_VALUES: dict[Any, list[Any]] = {
    pl.String: ["", "a", "0", "C536379", "zzz"],
    pl.Boolean: [True, False],
    pl.Date: [_NOON.date(), dt.date(1970, 1, 1)],
    pl.Time: [_NOON.time(), dt.time(0)],
    pl.Datetime: [_NOON, dt.datetime(1970, 1, 1)],
    pl.Duration: [dt.timedelta(0), dt.timedelta(days=1)],
}


def verify_contract(model: type[Contract]) -> CompiledContract:
    """Run each rule of a contract on a few made-up rows, together and one by one.

    Returns:
        The compiled contract.

    Raises:
        ContractError: It does not compile, a rule can't be evaluated, or its verdict on a row depends
            on the rows beside it.
    """
    contract = compile_contract(model)
    rows = _probe(contract)
    for rule in contract.rules:
        if rule.expression is None:
            continue
        try:
            together = _evaluate(rows, rule)
            alone = [_evaluate(rows[index : index + 1], rule)[0] for index in range(rows.height)]
        except Exception as error:  # Polars and Narwhals have no common base class
            reason = str(error).strip().splitlines()[:1]
            what = f"The rule can't be evaluated: {type(error).__name__} {' '.join(reason)}"
            raise ContractError(what, where={"contract": contract.table, "rule": rule.name}) from error
        if rule.kind is RuleKind.ROW and together != alone:
            what = "The rule's verdict on a row depends on the rows beside it"
            raise ContractError(what, where={"contract": contract.table, "rule": rule.name})
    return contract


def _probe(contract: CompiledContract) -> pl.DataFrame:
    count = 12
    columns = []
    for place, (name, dtype) in enumerate(contract.schema.items()):
        values = _values(dtype)
        # Each column repeats its values at a pace of its own, so that rows differ in many ways.
        cells = [([*values, None])[(row * (place + 1)) % (len(values) + 1)] for row in range(count)]
        columns.append(pl.Series(name, cells, dtype=dtype, strict=False))
    rows = pl.DataFrame(columns)
    if contract.period_column is not None:
        dtype = contract.schema[contract.period_column]
        bound = pl.Datetime("us") if dtype == pl.Date else dtype
        rows = rows.with_columns(pl.lit(None, dtype=bound).alias(name) for name in (PERIOD_START, PERIOD_END))
    return rows


def _values(dtype: pl.DataType) -> list[Any]:
    if dtype.is_numeric():
        return [0, 1, 17, -1] if not dtype.is_unsigned_integer() else [0, 1, 17]
    return next((values for known, values in _VALUES.items() if dtype == known), [])


def _evaluate(rows: pl.DataFrame, rule: Rule) -> list[Any]:
    assert rule.expression is not None
    frame = nw.from_native(rows.lazy()).select(verdict=rule.expression).to_native()
    return frame.collect(engine="streaming")["verdict"].to_list()
