"""What a table's deliveries look like: file names, format, period. Part of a dataset's YAML file."""

from __future__ import annotations

import re
from datetime import datetime
from enum import StrEnum
from functools import lru_cache
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from etl_assets.staging.formats.options import ArrowFormat, CsvFormat, ExtractFormat, Format, ParquetFormat
from etl_assets.staging.query import Query

_MONTHS = "jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec"
_LONG_MONTHS = "january|february|march|april|may|june|july|august|september|october|november|december"

DIRECTIVES = {
    **dict.fromkeys("ymdHMSV", "[0-9]{2}"),
    **{"Y": "[0-9]{4}", "G": "[0-9]{4}", "j": "[0-9]{3}"},
    **{"b": f"(?i:{_MONTHS})", "B": f"(?i:{_LONG_MONTHS})"},
}
"""The directives that a `{period:...}` may hold, each with what it matches; months are named in English."""

UNPADDED = {"-d": "d", "-m": "m"}
"""Days and months without a nought before them, as glibc writes them -> what they are read by."""

_TOKEN = re.compile(r"\*\*/|\*|\{(?P<moment>period|version):(?P<format>[^{}]+)\}|\{(?P<name>[^{}]*)\}|[{}]")


EPOCHS = {"epoch_seconds": 1_000_000, "epoch_milliseconds": 1_000}
"""Words for a period column of numbers -> how many microseconds each of these counts, since 1970 in UTC."""


class PeriodFrom(StrEnum):
    """Where the period of a delivery's rows is written."""

    FILENAME = "filename"
    COLUMN = "column"
    ARRIVAL = "arrival"


class Mode(StrEnum):
    """What a newer delivery means to the older ones."""

    INCREMENT = "increment"
    SNAPSHOT = "snapshot"
    CORRECTION = "correction"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Model):
    """Which files of a staging area belong to a table, and how to read them.

    A pattern is matched against the whole key (the path below the staging area, with `/`):
    `{period:%Y-%m-%d}` is a date, several of them make one date together, `{part}` names a part
    of the period's delivery, `*` is anything within a name, `**/` any folders or none. Names that
    start with a dot are matched by a literal dot only. `%-d` and `%-m` are days and months without a
    leading nought, as in `8-Jun-2025`. `{period:%G-W%V}` is an ISO week, of which the
    period is its Monday. `{version:%Y%m}` in the name of a snapshot tells which file is the newest,
    whenever each was delivered.
    """

    pattern: str = Field("", description="Such as flights/{period:%Y-%m-%d}.csv")
    query: Query | None = Field(
        None, description="Instead of a pattern: what is read from a database, and delivered as files."
    )
    format: Format = Field(
        default_factory=CsvFormat,
        description="csv, tsv, fixed_width, jsonl, json, excel, parquet or arrow, with its options.",
    )
    period_from: PeriodFrom = Field(
        PeriodFrom.FILENAME,
        description="filename: from {period:...}; column: from each row; arrival: from the mtime.",
    )
    period_column: str | None = Field(
        None, description="With period_from column: the column that holds the date."
    )
    period_format: str | None = Field(
        None,
        description="With period_from column: its strptime format, such as %Y-%m-%d %H:%M:%S, or "
        "epoch_seconds or epoch_milliseconds, counted from 1970 in UTC. Columns that are dates or moments "
        "already, as in Parquet and Arrow, need none.",
    )
    files_per_period: Literal["one", "many"] | tuple[str, ...] = Field(
        "one", description="one, many, or the list of {part} names that make a period complete."
    )
    mode: Mode = Field(Mode.INCREMENT, description="What a newer delivery means to the older ones.")
    settle_seconds: float = Field(
        5.0,
        ge=0,
        allow_inf_nan=False,
        description="A file whose mtime is older than this counts as complete.",
    )

    @property
    def partitioned(self) -> bool:
        """True when each delivery belongs to periods; False for one table as a whole."""
        return self.period_from is not PeriodFrom.FILENAME or "{period:" in self.pattern

    def version(self, key: str) -> datetime:
        """Return the date of the version that a key's `{version:...}` names; the least date without one."""
        if self.query is not None:
            return datetime.min
        pattern = compile_pattern(self.pattern)
        found = pattern.expression.fullmatch(key) if pattern.of_version else None
        try:
            return (pattern.version(found) if found else None) or datetime.min
        except ValueError:
            return datetime.min

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, value: str) -> str:
        if value:
            compile_pattern(value)
        return value

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if (self.query is None) == (not self.pattern):
            raise ValueError("a source has a pattern, such as sales/{period:%Y-%m-%d}.csv, or a query")
        if self.query is not None:
            self._of_a_query(self.query)
        of_column = (self.period_column is not None, self.period_format is not None)
        typed = isinstance(self.format, ParquetFormat | ArrowFormat | ExtractFormat)
        if self.period_from is PeriodFrom.COLUMN and not (of_column[0] and (of_column[1] or typed)):
            raise ValueError("period_from: column needs period_column and period_format")
        if self.period_from is not PeriodFrom.COLUMN and any(of_column):
            raise ValueError("period_column and period_format go with period_from: column only")
        if "{version:" in self.pattern and self.mode is not Mode.SNAPSHOT:
            raise ValueError("{version:...} goes with mode: snapshot, where one file is the whole table")
        if isinstance(self.files_per_period, tuple):
            if "{part}" not in self.pattern:
                raise ValueError("a list of files_per_period needs {part} in the pattern")
            if not self.files_per_period or len(set(self.files_per_period)) < len(self.files_per_period):
                raise ValueError("files_per_period needs at least one name, and each name once")
        return self

    def _of_a_query(self, query: Query) -> None:
        if said := self.model_fields_set & {"format", "files_per_period", "settle_seconds"}:
            raise ValueError(f"{', '.join(sorted(said))}: not with a query, whose files are our own")
        if (query.watermark is None) != (self.mode is Mode.SNAPSHOT):
            raise ValueError(
                "a query has a watermark, or else mode: snapshot, which reads the whole table each time"
            )
        # Frozen: this is part of making it.
        object.__setattr__(self, "format", ExtractFormat())
        object.__setattr__(self, "files_per_period", "many")


class Pattern:
    """A compiled pattern: a regular expression, and the directives of the dates that it captures."""

    def __init__(
        self, expression: re.Pattern[str], directives: tuple[str, ...], of_version: tuple[str, ...] = ()
    ) -> None:
        self.expression = expression
        self.directives = directives
        self.of_version = of_version
        self.strptime = " ".join(f"%{directive}" for directive in directives)

    def moment(self, found: re.Match[str]) -> datetime | None:
        """Return the naive local time that the name gives, None without `{period:...}`.

        Raises:
            ValueError: The digits are no date.
        """
        return _moment(found, self.directives, "p_")

    def version(self, found: re.Match[str]) -> datetime | None:
        """Return the date of the version that the name gives, None without `{version:...}`.

        Raises:
            ValueError: The digits are no date.
        """
        return _moment(found, self.of_version, "v_")


def _moment(found: re.Match[str], directives: tuple[str, ...], prefix: str) -> datetime | None:
    if not directives:
        return None
    if "V" in directives:
        # strptime takes the 53rd week of any year.
        return datetime.fromisocalendar(int(found[f"{prefix}G"]), int(found[f"{prefix}V"]), 1)
    digits = " ".join(found[prefix + directive] for directive in directives)
    return datetime.strptime(digits, " ".join(f"%{directive}" for directive in directives))


@lru_cache(maxsize=1024)
def compile_pattern(pattern: str) -> Pattern:
    """Compile a source's pattern.

    Raises:
        ValueError: Something in it is not understood; the message says what.
    """
    if pattern.startswith("/") or not pattern or pattern.endswith("/"):
        raise ValueError("a pattern is a path below the staging area, without a slash at either end")
    out: list[str] = []
    directives: dict[str, list[str]] = {"period": [], "version": []}
    has_part = False
    position = 0
    for token in _TOKEN.finditer(pattern):
        out.append(re.escape(pattern[position : token.start()]))
        starts_name = token.start() == 0 or pattern[token.start() - 1] == "/"
        # As in a shell: a temporary `.sales.csv.x7` is not caught by `*`.
        no_dot = r"(?!\.)" if starts_name else ""
        text = token[0]
        if text == "**/":
            if not starts_name:
                raise ValueError("`**/` must stand at the start of a folder name")
            out.append(r"(?:(?!\.)[^/]+/)*")
        elif text == "*":
            out.append(no_dot + "[^/]*")
        elif token["format"]:
            out.append(_moment_expression(token["moment"], token["format"], directives[token["moment"]]))
        elif token["name"] == "part":
            if has_part:
                raise ValueError("{part} may appear once")
            has_part = True
            out.append(no_dot + "(?P<part>[^/]+)")
        else:
            raise ValueError(f"{text!r} is not understood; expected {{period:%Y-%m-%d}} or {{part}}")
        position = token.end()
    out.append(re.escape(pattern[position:]))
    for name, given in directives.items():
        _check_directives(name, given)
    of_period, of_version = (tuple(directives[name]) for name in ("period", "version"))
    return Pattern(re.compile("".join(out), re.DOTALL), of_period, of_version)


def _check_directives(name: str, directives: list[str]) -> None:
    if {"G", "V"} & {*directives}:
        if {*directives} != {"G", "V"}:
            raise ValueError(f"an ISO week is {{{name}:%G-W%V}}: both %G and %V, and no other part of a date")
    elif directives and not ("Y" in directives or "y" in directives):
        raise ValueError(f"the {{{name}:...}} of a pattern needs a year (%Y or %y)")


def _moment_expression(name: str, strptime: str, directives: list[str]) -> str:
    out, prefix = "", name[0]
    position = 0
    for token in re.finditer(r"%(-?.?)", strptime):
        out += re.escape(strptime[position : token.start()])
        directive = UNPADDED.get(token[1], token[1])
        # Digits beside it would make it another number.
        wanted = DIRECTIVES.get(directive) if directive == token[1] else "(?<![0-9])[0-9]{1,2}(?![0-9])"
        if wanted is None:
            known = " ".join(f"%{one}" for one in (*DIRECTIVES, *UNPADDED))
            raise ValueError(f"'%{directive}' is not understood in {{{name}:...}}; expected some of {known}")
        if directive in directives:
            out += f"(?P={prefix}_{directive})"
        else:
            directives.append(directive)
            out += f"(?P<{prefix}_{directive}>{wanted})"
        position = token.end()
    return out + re.escape(strptime[position:])
