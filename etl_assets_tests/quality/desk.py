"""A contract with every kind of rule, and a way to validate a few rows by it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl

from etl_assets.contracts.contract import Contract, RowContract
from etl_assets.contracts.declare import Reference, about, about_table, aggregate_check, row_check, rule, warn
from etl_assets.contracts.rules import compile_contract
from etl_assets.quality.flags import DELIVERED, Surroundings
from etl_assets.quality.outcome import PeriodOutcome, Tally
from etl_assets.quality.validation import Sinks, validate

MONDAY, TUESDAY, WEDNESDAY = "2024-01-01", "2024-01-02", "2024-01-03"
DAYS = (MONDAY, TUESDAY, WEDNESDAY)
COUNTRIES = ["DE", "FR"]


class Sales(RowContract):
    """Lines of orders."""

    order_id: int = pa.Field()
    line_no: int = pa.Field(nullable=True)
    sold_on: dt.date = pa.Field()
    country: str = pa.Field(nullable=True, metadata=about(references=Reference("countries", "code")))
    quantity: int = pa.Field(ge=1, le=100, metadata=about(le=warn("large orders are real")))
    customer: str = pa.Field(nullable=True, metadata=about(not_null=warn("guests"), pii=True))

    class Config:
        unique = ("order_id", "line_no")
        metadata = about_table(period_column="sold_on")

    @row_check()
    def even_orders_are_large(cls) -> nw.Expr:
        """Orders with an even number have more than one piece."""
        return (nw.col("order_id") % 2 == 1) | (nw.col("quantity") > 1)

    @aggregate_check()
    def something_is_sold(cls) -> nw.Expr:
        """More than ten pieces are sold."""
        return nw.col("quantity").sum() > 10


class Delivered(RowContract):
    """Every row once, as it was delivered."""

    a: str = pa.Field(nullable=True)
    b: int = pa.Field(nullable=True)

    class Config:
        metadata = about_table(unique_as_delivered=True)


class Quarantining(RowContract):
    """Later rows of a key are no duplicates, they are wrong; equal pairs are duplicates."""

    a: int = pa.Field(unique=True, metadata=about(unique=rule(on_violation="quarantine")))
    b: int = pa.Field(unique=True)


class Totals(Contract):
    """No provenance: gold."""

    country: str = pa.Field(unique=True)
    total: float = pa.Field(ge=0)


@dataclass
class Verdict:
    outcomes: dict[str, PeriodOutcome]
    accepted: pl.DataFrame
    quarantined: pl.DataFrame

    def __getitem__(self, period: str) -> PeriodOutcome:
        return self.outcomes[period]

    def tally(self, rule: str, period: str = MONDAY) -> Tally:
        return next(one for one in self.outcomes[period].tallies if one.rule == rule)

    @property
    def reasons(self) -> dict[str, str]:
        return dict(self.quarantined.select("_row_id", "_reasons").iter_rows())

    @property
    def kept(self) -> list[str]:
        return sorted(self.accepted["_row_id"])


def sale(line: int, **cells: Any) -> dict[str, Any]:
    """A good row; cells are text, as delivered."""
    good = {
        "order_id": str(2 * line + 1),
        "line_no": "1",
        "sold_on": cells.get("_period", MONDAY),
        "country": "DE",
        "quantity": "20",
        "customer": "ann",
        "_delivery": "d1",
        "_line": line,
        "_period": MONDAY,
    }
    return {**good, **cells}


def windows(periods: Sequence[str]) -> dict[str, Any]:
    starts = {key: dt.datetime.fromisoformat(key).replace(tzinfo=dt.UTC) for key in periods if key}
    return {key: (starts[key], starts[key] + dt.timedelta(days=1)) if key else None for key in periods}


def judge(
    rows: Sequence[Mapping[str, Any]] | pl.DataFrame | pl.LazyFrame,
    folder: Path,
    contract: type[Contract] = Sales,
    *,
    periods: Sequence[str] = (MONDAY,),
    countries: Sequence[str] = COUNTRIES,
    delivery_rank: Mapping[str, int] | None = None,
    expected_rows: int = 0,
    profile: bool = True,
) -> Verdict:
    """Validate rows; what the sinks got is read back from files below `folder`."""
    compiled = compile_contract(contract)
    frame = rows if isinstance(rows, pl.DataFrame | pl.LazyFrame) else text_frame(rows, compiled.schema)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scratch").mkdir()
    numbers = count()

    def sink(kind: str) -> Any:
        return lambda rows: rows.sink_parquet(folder / f"{kind}-{next(numbers)}.parquet", lazy=True)

    found = validate(
        frame.lazy(),
        compiled,
        Surroundings(
            periods=windows(periods),
            scratch=folder / "scratch",
            references={
                "country.in_countries": pl.DataFrame({"code": countries}, schema={"code": pl.String})
            },
            delivery_rank=delivery_rank or {},
            rows=expected_rows,
            profile=profile,
        ),
        Sinks(sink("accepted"), sink("quarantined")),
    )
    return Verdict(found, *(_read(folder, kind) for kind in ("accepted", "quarantined")))


def _read(folder: Path, kind: str) -> pl.DataFrame:
    files = sorted(folder.glob(f"{kind}-*.parquet"))
    none = dict.fromkeys(("_row_id", "_period", "_reasons"), pl.String())
    return pl.read_parquet(files) if files else pl.DataFrame(schema=none)


def text_frame(rows: Sequence[Mapping[str, Any]], schema: Mapping[str, pl.DataType]) -> pl.DataFrame:
    cells = [name for name in schema if not name.startswith("_")]
    frame = pl.DataFrame(
        [{**row, "_row_id": f"{row['_delivery']}:{row['_line']}"} for row in rows],
        schema={
            **dict.fromkeys(cells, pl.String()),
            "_delivery": pl.String(),
            "_line": pl.Int64(),
            "_row_id": pl.String(),
            "_period": pl.String(),
        },
    )
    return frame.with_columns(pl.col(name).alias(DELIVERED + name) for name in cells)
