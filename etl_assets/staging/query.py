"""A source that is a query in somebody's PostgreSQL. Part of a dataset's YAML file."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    field_validator,
    model_validator,
)

_UNITS = {"s": "seconds", "sec": "seconds", "min": "minutes", "h": "hours", "d": "days"}
_UNITS |= {f"{word}{s}": f"{word}s" for word in ("second", "minute", "hour", "day") for s in ("", "s")}
_SPAN = re.compile(r"\s*(\d+)\s*([a-z]+)\s*")
_NAME = re.compile(r"""(?:[A-Za-z_][A-Za-z0-9_$]*|"(?:[^"]|"")+")""")


def _span(value: Any) -> int | timedelta:
    """Read `15 minutes`, or a number."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    if isinstance(value, timedelta) and value >= timedelta(0):
        return value
    found = _SPAN.fullmatch(value) if isinstance(value, str) else None
    if found is None or found[2] not in _UNITS:
        raise ValueError("expected a span such as 15 minutes, 6 hours or 2 days, or for a number one as 1000")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


_Overlap = Annotated[
    int | timedelta,
    PlainValidator(_span, json_schema_input_type=int | str),
    PlainSerializer(lambda value: value if isinstance(value, int) else f"{value.total_seconds():g} s"),
]


class Query(BaseModel):
    """Rows of a database as deliveries: each look reads what is new, and keeps it as a file of our own.

    With a `watermark`, a column that grows with each insert or update, only rows at or above the highest
    value seen are read, less `overlap`. Without one (`mode: snapshot`), the whole table is read, and is a
    delivery when anything in it has changed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    connection: str = Field(description="Which of app.yaml's connections leads to the database.")
    table: str | None = Field(None, description="A table or view, with its schema: shop.orders.")
    sql: str | None = Field(None, description="Or one SELECT statement; its columns are the contract's.")
    watermark: str | None = Field(
        None, description="A column that grows with each change: a time, a date or a number."
    )
    overlap: _Overlap | None = Field(
        None,
        description="How far below the highest value rows may still appear or change, since a transaction "
        "may commit late: such as 15 minutes, or for a number 1000.",
    )
    every_minutes: float = Field(
        0,
        ge=0,
        allow_inf_nan=False,
        description="The sensor reads at most so often; 0 is at every look. `dq run` reads always.",
    )
    max_rows: int = Field(
        1_000_000, ge=1, description="With a watermark: about so many new rows go into one file."
    )
    compare: Literal["count", "content"] | None = Field(
        "count",
        description="How changes behind the watermark are noticed: count the rows there, or read them again; "
        "null for not at all.",
    )
    compare_hours: float = Field(24, ge=0, allow_inf_nan=False, description="Compare at most so often.")
    reading: int = Field(
        1,
        ge=1,
        le=9999,
        description="Raise it to read everything anew: what was read before no longer counts.",
    )

    @field_validator("sql")
    @classmethod
    def _one_select(cls, value: str | None) -> str | None:
        return value if value is None else _checked(value)

    @field_validator("table")
    @classmethod
    def _a_name(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(rf"{_NAME.pattern}(?:\.{_NAME.pattern})?", value):
            raise ValueError("expected a name such as orders or shop.orders; a query goes into sql")
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.table is None) == (self.sql is None):
            raise ValueError("a query has a table or sql, one of them")
        if (self.watermark is None) != (self.overlap is None):
            raise ValueError(
                "watermark and overlap go together: overlap says how late a transaction may commit, such as "
                "15 minutes, or for a watermark that is a number 1000"
            )
        return self

    @property
    def text(self) -> str:
        """What stands in FROM: the table, quoted, or the statement in parentheses."""
        if self.table is not None:
            return ".".join(_quoted(name) for name in _NAME.findall(self.table))
        return f"({self.sql}\n)"


def _quoted(name: str) -> str:
    # As PostgreSQL reads it: what is not quoted is folded to lower case.
    return name if name.startswith('"') else f'"{name.lower()}"'


def _checked(sql: str) -> str:
    """One statement that only reads, without its semicolon; the server's transaction has the last word.

    Raises:
        ValueError: It is another kind, or can't be understood.
    """
    import sqlglot
    from sqlglot import exp

    try:
        statements = [one for one in sqlglot.parse(sql, read="postgres") if one is not None]
    except sqlglot.errors.SqlglotError as error:
        first = str(error).partition("\n")[0]
        raise ValueError(f"sql can't be understood: {first[:200]}") from None
    if len(statements) != 1:
        raise ValueError(f"sql: expected one SELECT, found {len(statements)} statements")
    found = statements[0]
    kinds = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Lock, exp.Merge)
    # A SELECT counts as DDL there, for it may be the body of a view.
    writing = [node for node in found.find_all(*kinds) if not isinstance(node, exp.Query)]
    if writing or not isinstance(found, exp.Query):
        kind = (writing or [found])[0].key.upper()
        raise ValueError(f"sql: expected one SELECT, which changes nothing; found {kind}")
    return sql.strip().removesuffix(";")
