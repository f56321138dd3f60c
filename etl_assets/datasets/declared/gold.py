"""Gold tables by SQL: a query over upstream tables, run by Polars, lazily."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from etl_assets.contracts.provenance import PERIOD, PROVENANCE
from etl_assets.contracts.rules import CompiledContract
from etl_assets.datasets.declared.queries import check_periods, read_query
from etl_assets.errors import ContractError


class SqlTransform:
    """Runs a query over LazyFrames: nothing is read before the result is asked for.

    Attributes:
        definition: The query without comments and layout: when it changes, the table is built again.
    """

    def __init__(
        self, name: str, sql: str, definition: str, contract: CompiledContract, partitioned: bool
    ) -> None:
        self.__name__ = name
        self.__doc__ = f"Runs the query {name}."
        self.definition = definition
        self._sql = sql
        self._schema = dict(contract.schema)
        self._partitioned = partitioned

    def __call__(self, **inputs: pl.LazyFrame) -> pl.LazyFrame:
        """Return the table's rows, cast to the contract's types where nothing can be lost."""
        rows = run_query(self._sql, inputs)
        kept = [PERIOD] if self._partitioned else []
        return rows.select(*kept, *(pl.col(name).cast(dtype) for name, dtype in self._schema.items()))


def run_query(sql: str, inputs: Mapping[str, pl.LazyFrame]) -> pl.LazyFrame:
    """Run a query that `read_query` let through."""
    # Only these frames: Polars would otherwise take any frame that it finds in our variables.
    with pl.SQLContext(dict(inputs), register_globals=False, eager=False) as context:
        found: pl.LazyFrame = context.execute(sql)
    return found


def sql_transform(
    name: str,
    sql: str,
    contract: CompiledContract,
    inputs: Mapping[str, tuple[CompiledContract, bool]],
    partitioned: bool,
) -> SqlTransform:
    """Build what makes a gold table by a query, and plan the query on tables without rows.

    Args:
        name: How messages call the query, such as `daily_revenue.sql`.
        sql: The query.
        contract: The contract of its table.
        inputs: Name in the query -> contract of the table, and whether it is partitioned.
        partitioned: Whether the gold table is.

    Raises:
        ContractError: The query may not be run, can't be planned, or gives other columns than the
            contract has.
    """
    tree = read_query(sql, inputs)
    if partitioned:
        check_periods(tree, [input for input, (_, is_partitioned) in inputs.items() if is_partitioned])
    frames = {
        input: pl.LazyFrame(schema={**upstream.schema, PERIOD: pl.String()})
        for input, (upstream, _) in inputs.items()
    }
    try:
        given = dict(run_query(sql, frames).collect_schema())
    except pl.exceptions.PolarsError as error:
        raise ContractError(f"The query can't be planned: {_first(error)}", hint=_columns(inputs)) from None
    _compare(given, contract, partitioned)
    return SqlTransform(name, sql, tree.sql(comments=False), contract, partitioned)


def _compare(given: Mapping[str, pl.DataType], contract: CompiledContract, partitioned: bool) -> None:
    wanted = {name: dtype for name, dtype in contract.schema.items() if name not in PROVENANCE}
    if partitioned and PERIOD not in given:
        raise ContractError(
            f"The query does not give {PERIOD}, the partition of each row",
            hint=f"Select {PERIOD}, and group by it; or say partitioned: false",
        )
    if missing := [name for name in wanted if name not in given]:
        raise ContractError(
            f"The query does not give {', '.join(missing)}, which the contract has",
            hint=f"It gives {', '.join(name for name in given if name != PERIOD)}",
        )
    if extra := [name for name in given if name not in wanted and not name.startswith("_")]:
        raise ContractError(
            f"The contract does not have {', '.join(extra)}",
            hint="Add it to the contract, or leave it out of the query",
        )
    for name, dtype in wanted.items():
        if not _keeps(given[name], dtype):
            raise ContractError(
                f"The query gives {name} as {given[name]}, the contract has {dtype}",
                hint=f"Write CAST(... AS ...) AS {name}: how it is rounded is yours to say",
            )


def _keeps(given: pl.DataType, wanted: pl.DataType) -> bool:
    """Whether every value is the same after the cast, or the cast fails."""
    if given == wanted or isinstance(given, pl.Null):
        return True
    if given.is_integer():
        return wanted.is_numeric()
    if isinstance(given, pl.Decimal):
        return wanted.is_float() or (isinstance(wanted, pl.Decimal) and given.scale <= wanted.scale)
    if isinstance(given, pl.Float32):
        return isinstance(wanted, pl.Float64)
    if isinstance(given, pl.Datetime) and isinstance(wanted, pl.Datetime):
        units = ["ms", "us", "ns"]
        is_finer = units.index(given.time_unit) <= units.index(wanted.time_unit)
        return is_finer and given.time_zone == wanted.time_zone
    return isinstance(given, pl.Date) and isinstance(wanted, pl.Datetime) and wanted.time_zone is None


def _columns(inputs: Mapping[str, tuple[CompiledContract, bool]]) -> str:
    return "; ".join(
        f"{name} has {', '.join((*upstream.schema, PERIOD))}" for name, (upstream, _) in inputs.items()
    )


def _first(error: Exception) -> str:
    return str(error).strip().splitlines()[0][:300]
