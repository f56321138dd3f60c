"""Small contracts that are compiled while the page is written: it says what the compiler did with them."""

# No postponed annotations here: Pandera reads the annotations of these classes.
import datetime
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Optional

import narwhals.stable.v1 as nw
import pandera.polars as pa
import polars as pl
from pandera.api.dataframe.model_components import parser

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
    warn,
)
from etl_assets.contracts.rules import CompiledContract, compile_contract
from etl_assets.errors import ContractError
from etl_assets.quality.casting import cast_column


def compiled(annotation: Any, field: Any = None, *, base: type = Contract) -> CompiledContract:
    """Compile a contract with the one column `column`."""
    body = {"__annotations__": {"column": annotation}, "column": pa.Field() if field is None else field}
    return compile_contract(type("Specimen", (base,), body))


# -- arguments of pa.Field -------------------------------------------------------------------------

CHECKS: dict[str, tuple[Any, dict[str, Any]]] = {
    "eq": (int, {"eq": 1}),
    "ne": (int, {"ne": 0}),
    "gt": (int, {"gt": 0}),
    "ge": (int, {"ge": 0}),
    "lt": (int, {"lt": 100}),
    "le": (int, {"le": 100}),
    "in_range": (int, {"in_range": {"min_value": 0, "max_value": 100}}),
    "isin": (str, {"isin": ["new", "paid"]}),
    "notin": (str, {"notin": ["test"]}),
    "str_contains": (str, {"str_contains": r"\d"}),
    "str_endswith": (str, {"str_endswith": ".csv"}),
    "str_length": (str, {"str_length": {"min_value": 1, "max_value": 40}}),
    "str_matches": (str, {"str_matches": r"^[A-Z]{3}$"}),
    "str_startswith": (str, {"str_startswith": "A"}),
}
"""Argument of `pa.Field` that is a check -> a column's type, and the argument as it is written."""

OTHERS: dict[str, tuple[Any, str]] = {
    "nullable": (True, "nulls are allowed; the rule `not_null` is left out, or a warning if `about` says so"),
    "unique": (True, "the rule `unique`: later rows of a value in one partition are duplicates"),
    "alias": ("Order No", "the column's name where it is no Python name"),
    "description": ("what it holds", "shown in Dagster and in reports"),
    "metadata": (about(), "what `about(...)` says"),
    "dtype_kwargs": ({}, "parameters of the dtype; `Annotated[...]` says the same"),
    "ignore_na": (False, "with `False`, a null breaks the column's checks"),
    "raise_warning": (True, "the column's checks are of severity `warn`; `about` says it for one check"),
    "required": (False, ""),
    "coerce": (True, ""),
    "regex": (True, ""),
    "default": (0, ""),
    "title": ("Order", "nothing"),
    "n_failure_cases": (3, "nothing: all rows are counted"),
    "check_name": (True, "nothing: a column's name is part of its rules' names"),
    "on_missing": ("fill", "nothing: a column that is missing stops the partition"),
}
"""The other arguments -> a value to try, and what it does where it is not refused."""


def fields() -> Iterator[tuple[str, str]]:
    """Return each argument of `pa.Field` that is no check, with what becomes of it."""
    for name, (value, meaning) in OTHERS.items():
        try:
            compiled(int, pa.Field(**{name: value}))
        except (ContractError, ValueError) as error:
            # Pandera's own words speak of its inner parts.
            said = (
                told(error) if not str(error).startswith("Pandera") else "Pandera knows it for other engines"
            )
            yield name, f"refused: {said}"
        else:
            yield name, meaning


# -- rules that no check asks for -------------------------------------------------------------------


class Specimen(RowContract):
    """One of each rule that does not come from a check."""

    code: str = pa.Field(unique=True)
    zip: str = pa.Field(nullable=True)
    city: str = pa.Field(nullable=True)
    amount: float = pa.Field()
    country: str = pa.Field(metadata=about(references=Reference("countries", "name")))
    ordered_on: datetime.date = pa.Field(metadata=about(cast=Cast("%d.%m.%Y")))

    class Config:
        """Keys, period and dependencies."""

        unique = ("country", "ordered_on")
        metadata = about_table(
            period_column="ordered_on", unique_as_delivered=True, dependencies=[Dependency("zip", "city")]
        )

    @column_check("code")
    def is_upper_case(cls, code: nw.Expr) -> nw.Expr:
        """The code is in upper case."""
        return code == code.str.to_uppercase()

    @row_check()
    def city_needs_zip(cls) -> nw.Expr:
        """A city comes with its zip."""
        return nw.col("city").is_null() | ~nw.col("zip").is_null()

    @aggregate_check()
    def some_turnover(cls) -> nw.Expr:
        """There is turnover."""
        return nw.col("amount").sum() > 0


ORIGINS = {
    "castable": ("of a `RowContract`'s column that is no text", "`amount: float`"),
    "not_null": ("of each column that is not `nullable`", "`pa.Field()`"),
    "unique": ("of a column", "`pa.Field(unique=True)`"),
    "in_<table>": ("of a column that refers to another table", "`about(references=Reference(...))`"),
    "unique(<columns>)": ("of a key", "`Config.unique`"),
    "unique_as_delivered": ("of the row as delivered", "`about_table(unique_as_delivered=True)`"),
    "determined_by(<columns>)": ("of columns that depend on others", "`about_table(dependencies=[...])`"),
    "in_period": ("of the table", '`about_table(period_column="...")`'),
    "<method> of a column": ("of each column named", '`@column_check("code")`'),
    "<method> of a row": ("of the row, over any columns", "`@row_check()`"),
    "<method> of a partition": ("of all rows of a partition", "`@aggregate_check()`"),
}
"""Rule -> what it is of, and how it comes about."""

EXAMPLES = {
    "castable": "amount.castable",
    "not_null": "amount.not_null",
    "unique": "code.unique",
    "in_<table>": "country.in_countries",
    "unique(<columns>)": "unique(country,ordered_on)",
    "unique_as_delivered": "unique_as_delivered",
    "determined_by(<columns>)": "city.determined_by(zip)",
    "in_period": "in_period",
    "<method> of a column": "code.is_upper_case",
    "<method> of a row": "city_needs_zip",
    "<method> of a partition": "some_turnover",
}


# -- dtypes and how text is read --------------------------------------------------------------------

Price = Annotated[pl.Decimal, 12, 2]
Moment = Annotated[pl.Datetime, "us", "Europe/Berlin"]

DTYPES: dict[str, tuple[Any, Cast | None, list[str]]] = {
    "str": (str, None, ["any text"]),
    "int": (int, None, ["12", "-3", "12.0", " 12", "1,200"]),
    "float": (float, None, ["12", "1.5", "1e3", "1,5", "nan"]),
    "Annotated[pl.Decimal, 12, 2]": (Price, None, ["12", "1.5", "1.999", "1,5"]),
    "bool": (bool, None, ["true", "Y", "1", "no", "maybe"]),
    "datetime.date": (datetime.date, None, ["2024-02-29", "2024-02-30", "29.02.2024"]),
    'datetime.date with Cast("%d.%m.%Y")': (datetime.date, Cast("%d.%m.%Y"), ["29.02.2024", "2024-02-29"]),
    "datetime.datetime": (
        datetime.datetime,
        None,
        ["2024-02-29 13:45:00", "2024-02-29T13:45:00", "2024-02-29", "29.02.2024 13:45"],
    ),
    'Annotated[pl.Datetime, "us", "Europe/Berlin"]': (
        Moment,
        None,
        ["2024-02-29 13:45:00", "2024-03-31 02:30:00"],
    ),
    "datetime.time": (datetime.time, None, ["13:45:00", "13:45"]),
}
"""How a column is annotated -> annotation, cast, cells to try."""


def read_as(
    annotation: Any, cast: Cast | None, cells: list[str]
) -> tuple[pl.DataType, list[tuple[str, str]]]:
    """Return the dtype, and each cell with what it is read as, '' where it can't be."""
    field = pa.Field(metadata=about(cast=cast)) if cast else pa.Field()
    dtype = compiled(annotation, field, base=RowContract).schema["column"]
    frame = pl.DataFrame({"column": cells}, schema={"column": pl.String})
    read = frame.select(cast_column("column", pl.String(), dtype, cast).alias("read"))["read"].to_list()
    return dtype, [
        (cell, "" if value is None else str(value)) for cell, value in zip(cells, read, strict=True)
    ]


# -- what is refused ---------------------------------------------------------------------------------


def _model(
    annotation: Any = int, field: Any = None, config: dict[str, Any] | None = None, **body: Any
) -> type:
    body |= {"__annotations__": {"column": annotation}, "column": pa.Field() if field is None else field}
    if config:
        body["Config"] = type("Config", (), config)
    return type("Specimen", (Contract,), body)


REFUSED: dict[str, Callable[[], type]] = {
    "`pa.Field(coerce=True)`": lambda: _model(field=pa.Field(coerce=True)),
    "`pa.Field(default=0)`": lambda: _model(field=pa.Field(default=0)),
    "`pa.Field(regex=True)`": lambda: _model(field=pa.Field(regex=True)),
    "`Optional[int]` without `nullable=True`": lambda: _model(Optional[int]),  # noqa: UP045
    "a name that begins with `_`": lambda: _model(field=pa.Field(alias="_column")),
    "`Config.coerce`, `drop_invalid_rows`, `add_missing_columns`": lambda: _model(config={"coerce": True}),
    "`Config.strict = False`": lambda: _model(config={"strict": False}),
    "a parser": lambda: _model(parse=parser("column")(lambda cls, column: column)),
    "`element_wise=True`": lambda: _model(
        check=pa.check("column", element_wise=True)(lambda cls, value: value > 0)
    ),
    "Pandera's own `@pa.check` with native frames": lambda: _model(
        check=pa.check("column")(lambda cls, data: data.lazyframe)
    ),
    "a row check that mixes rows": lambda: _model(
        check=row_check()(lambda cls: nw.col("column") < nw.col("column").mean())
    ),
    "a check that depends on the rows' order": lambda: _model(
        check=row_check()(lambda cls: nw.col("column").diff() > 0)
    ),
    "a regular expression that looks ahead": lambda: _model(str, pa.Field(str_contains="a(?!b)")),
    "`str_matches` with open alternatives": lambda: _model(str, pa.Field(str_matches="A|B")),
    "a constant of another type": lambda: _model(field=pa.Field(ge="a")),
    "a check for text on a number": lambda: _model(field=pa.Field(str_matches="1")),
    "`unique_values_eq`": lambda: _model(field=pa.Field(unique_values_eq=[1, 2])),
    "options of a rule that is not there": lambda: _model(field=pa.Field(ge=1, metadata=about(le=warn()))),
}
"""What somebody might write -> a contract that says it."""


def refusals() -> Iterator[tuple[str, str, str]]:
    """Return what is refused, with the compiler's words and its hint."""
    for what, build in REFUSED.items():
        try:
            compile_contract(build())
        except ContractError as error:
            yield what, error.what, error.hint
        else:
            raise AssertionError(f"{what} is not refused any more: the page would be wrong")


def told(error: Exception) -> str:
    """Return an error's words and its hint."""
    if not isinstance(error, ContractError):
        return str(error)
    return f"{error.what}. {error.hint}" if error.hint else error.what
