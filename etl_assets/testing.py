"""For tests of a dataset: what becomes of rows as they are delivered, without files, lake or ledger."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path

import polars as pl

from etl_assets.contracts.dataset import Dataset, Layer, Table, TableId
from etl_assets.contracts.provenance import DELIVERY, LINE, PERIOD, PROVENANCE, ROW_ID
from etl_assets.contracts.rules import CompiledContract, compile_contract
from etl_assets.contracts.vocabulary import RuleKind
from etl_assets.quality.flags import DELIVERED, REASONS, Surroundings
from etl_assets.quality.outcome import PeriodOutcome
from etl_assets.quality.validation import Sinks, validate

Window = tuple[datetime, datetime]
"""The first instant of a period, and the first one after it."""

IN_PERIOD = "in_period"


@dataclass(frozen=True)
class Verdict:
    """What became of rows.

    Attributes:
        accepted: The rows that the table would have, in the contract's types.
        reasons: Place of a refused row, from 0, -> the `error` rules that it breaks, joined by `;`.
        outcomes: Period -> counts, tallies and statistics.
    """

    accepted: pl.DataFrame
    reasons: Mapping[int, str]
    outcomes: Mapping[str, PeriodOutcome]


def judge(
    dataset: Dataset,
    table: str,
    rows: Sequence[Mapping[str, object]] | pl.DataFrame,
    *,
    inputs: Mapping[str, pl.LazyFrame] | None = None,
    references: Mapping[str, pl.DataFrame] | None = None,
) -> Verdict:
    """Clean and validate rows of a silver table as a run would.

    Whether rows lie in their period is not asked, and references only as far as they are given.

    Args:
        dataset: The dataset.
        table: The silver table, such as `silver/sales`.
        rows: Cells as they are delivered, by the column of the bronze table; a column that is not named is
            empty.
        inputs: What the table's function gets beside bronze.
        references: Table that is referred to, such as `customers` -> its rows.

    Example:
        verdict = judge(DATASET, "silver/sales", [{"Betrag": "1.234,50 €", "Datum": "29.02.2024"}])
        assert not verdict.reasons
    """
    tables = {str(one.id): one for one in dataset.tables}
    silver = tables[table]
    if silver.id.layer is not Layer.SILVER:
        raise ValueError(f"{table} is no silver table")
    bronze = tables[str(next(iter(silver.inputs.values())))]
    schema = compile_contract(bronze.contract).schema
    cells = {name: dtype for name, dtype in schema.items() if name not in PROVENANCE}
    given = rows if isinstance(rows, pl.DataFrame) else pl.DataFrame([*rows], schema=cells)
    frame = given.with_columns(pl.lit("").alias(PERIOD))
    return judge_frame(silver, frame, cells, {"": None}, inputs=inputs or {}, references=references or {})


def judge_frame(
    table: Table,
    rows: pl.DataFrame,
    cells: Sequence[str] | Mapping[str, pl.DataType],
    periods: Mapping[str, Window | None],
    *,
    inputs: Mapping[str, pl.LazyFrame],
    references: Mapping[str, pl.DataFrame],
) -> Verdict:
    """Clean and validate the rows of several periods, which `_period` names.

    Args:
        table: The silver table.
        rows: Cells as delivered, and `_period`.
        cells: The columns of the bronze table.
        periods: Period -> its window; with None for all of them it is not asked.
        inputs: What the table's function gets beside its bronze table.
        references: Table that is referred to -> its rows; a reference to another is not asked.
    """
    first = next(iter(table.inputs))
    bronze = rows.with_row_index(LINE, 1).with_columns(
        pl.col(LINE).cast(pl.Int64),
        pl.lit("given").alias(DELIVERY),
        pl.format("given:{}", LINE).alias(ROW_ID),
        *(pl.col(name).alias(DELIVERED + name) for name in cells),
    )
    if table.transform is None:
        raise ValueError(f"{table.id} has no function")
    cleaned = table.transform(**{first: bronze.lazy(), **inputs})
    contract = _asked(compile_contract(table.contract), references, periods)
    with tempfile.TemporaryDirectory(prefix="etl-assets-") as folder:
        scratch = Path(folder) / "scratch"
        scratch.mkdir()
        around = Surroundings(
            periods=periods,
            scratch=scratch,
            references={
                rule.name: references[rule.reference.table].select(rule.reference.column).unique()
                for rule in contract.rules
                if rule.reference is not None
            },
            delivery_rank={"given": 0},
            rows=rows.height,
        )
        outcomes = validate(cleaned, contract, around, _into(Path(folder)))
        accepted, refused = _read(Path(folder), "accepted"), _read(Path(folder), "refused")
    reasons = {}
    if refused is not None:
        reasons = {int(line) - 1: str(why) for line, why in refused.select(LINE, REASONS).sort(LINE).rows()}
    if accepted is None:
        accepted = pl.DataFrame(schema={**contract.schema, PERIOD: pl.String()})
    return Verdict(accepted.sort(LINE), reasons, outcomes)


def table_of(dataset: Dataset, layer: Layer, name: str) -> Table:
    """The table of a dataset; KeyError when there is none."""
    return {one.id: one for one in dataset.tables}[TableId(layer, name)]


def _asked(
    contract: CompiledContract,
    references: Mapping[str, pl.DataFrame],
    periods: Mapping[str, Window | None],
) -> CompiledContract:
    """The contract without the rules that need to know what was not given."""
    timeless = not any(periods.values())
    rules = tuple(
        rule
        for rule in contract.rules
        if (rule.kind is not RuleKind.REFERENCE or (rule.reference and rule.reference.table in references))
        and not (timeless and rule.name == IN_PERIOD)
    )
    return replace(contract, rules=rules, period_column=None if timeless else contract.period_column)


def _into(folder: Path) -> Sinks:
    numbers = count()

    def accepted(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.sink_parquet(folder / f"accepted-{next(numbers)}.parquet", lazy=True)

    def refused(rows: pl.LazyFrame) -> pl.LazyFrame:
        return rows.sink_parquet(folder / f"refused-{next(numbers)}.parquet", lazy=True)

    return Sinks(accepted, refused)


def _read(folder: Path, kind: str) -> pl.DataFrame | None:
    files = sorted(folder.glob(f"{kind}-*.parquet"))
    return pl.read_parquet(files) if files else None
