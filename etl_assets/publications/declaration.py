"""What an operator says of a publication: `publications` in `config/datasets/<name>.yaml`."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from etl_assets.logs import mask_url_passwords
from etl_assets.object_storage import is_s3, parse_place

_NAME = "[a-z][a-z0-9_]*"
_IDENTIFIER = "[A-Za-z_][A-Za-z0-9_]{0,62}"

RECORDS = "etl_publications"
"""The table in which we write down, beside the tables that we keep, what they hold."""

PublishedTable = Annotated[
    str,
    StringConstraints(pattern=f"^(bronze|silver|gold)/{_NAME}$"),
    Field(description="a table of the dataset, such as gold/daily_revenue"),
]


class _Publication(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    table: PublishedTable = Field(description="The table that is written out, such as gold/daily_revenue.")
    columns: tuple[str, ...] | None = Field(
        None,
        min_length=1,
        description="Its columns that are written; default: all of the contract, without the provenance of "
        "rows. A table with partitions has its period in `_period` as well.",
    )
    personal_data: Literal["refused", "allowed"] = Field(
        "refused",
        description="allowed: columns that the contract marks as personal data are written in clear. Else "
        "they have to be left out by `columns`.",
    )

    @field_validator("columns")
    @classmethod
    def _no_column_twice(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        if value is not None and (twice := sorted({name for name in value if value.count(name) > 1})):
            raise ValueError(f"the column {twice[0]} is named twice")
        return value


class PostgresPublication(_Publication):
    """A table of a PostgreSQL database. Its readers see the old rows or the new ones, never a half."""

    to: Literal["postgresql"]
    connection: str = Field(
        pattern=f"^{_NAME}$", description="The database: a name from `connections` in app.yaml."
    )
    target: str = Field(
        pattern=f"^({_IDENTIFIER}[.])?{_IDENTIFIER}$",
        description="The table there, such as reporting.daily_revenue; without a schema it is in public. "
        "It is made when it is not there; a table that was not made so is never touched.",
    )
    primary_key: bool = Field(
        True,
        description="Whether the table is made with a primary key where the contract promises one.",
    )

    @field_validator("target")
    @classmethod
    def _not_our_records(cls, value: str) -> str:
        if value.rpartition(".")[2] == RECORDS:
            raise ValueError(f"{RECORDS} is where etl_assets keeps what it has written; choose another name")
        return value


class _Files(_Publication):
    url: str = Field(
        description="Where to: a folder or s3://bucket/prefix; with `single_file` the file itself, such as "
        "s3://bucket/reports/daily.csv."
    )
    single_file: bool = Field(
        False, description="One file under a name that stays, instead of a file for each partition."
    )
    retention_days: float = Field(
        7, ge=0, allow_inf_nan=False, description="How long files that were replaced can still be read."
    )

    @field_validator("url")
    @classmethod
    def _a_place(cls, value: str) -> str:
        if mask_url_passwords(value) != value:
            raise ValueError("a URL without a password: credentials belong to the environment of the process")
        if is_s3(value):
            parse_place(value)
        elif "://" in value:
            raise ValueError("expected a folder, or s3://bucket/prefix")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _named_as_what_it_is(self) -> Self:
        ending = f".{self.to}"  # type: ignore[attr-defined]
        if self.single_file and not self.url.endswith(ending):
            raise ValueError(f"single_file: the url must name the file and end in {ending}")
        return self


class ParquetPublication(_Files):
    """Parquet files, with a manifest that says which of them are the table now."""

    to: Literal["parquet"]


class CsvPublication(_Files):
    """CSV files, with a manifest that says which of them are the table now."""

    to: Literal["csv"]
    separator: str = Field(",", min_length=1, max_length=1, description="Between two cells.")
    decimal: Literal[".", ","] = Field(".", description="The decimal mark of numbers.")
    quoting: Literal["necessary", "always"] = Field(
        "necessary", description="necessary: only cells that need it; an empty text is always quoted."
    )
    encoding: Literal["utf-8", "utf-8-bom"] = Field(
        "utf-8", description="utf-8-bom: with the mark by which Excel knows UTF-8."
    )
    formulas: Literal["as_they_are", "escaped"] = Field(
        "as_they_are",
        description="escaped: a text that a spreadsheet would compute (it begins with =, +, -, @, a tab or "
        "a line end) gets a ' in front. The data then differs from the table's.",
    )

    @model_validator(mode="after")
    def _separable(self) -> Self:
        if self.separator in '"\r\n' or not self.separator.isascii():
            raise ValueError("separator: expected one ASCII character that is neither a quote nor a line end")
        if self.separator == self.decimal:
            raise ValueError("separator and decimal must differ")
        return self


Publication = Annotated[PostgresPublication | ParquetPublication | CsvPublication, Field(discriminator="to")]
