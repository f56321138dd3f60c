"""What a hard case is, and rows to fill it with."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

FIRST_NAMES = ("Anna", "Jürgen", "Zoë", "André", "Søren", "Mária", "Jean-Luc", "Peter", "Käthe", "José")
CITIES = ("Köln", "Zürich", "Málaga", "Besançon", "Ålborg", "Graz", "Łódź", "Porto", "Lyon", "Ghent")
GOODS = ("tea cup", "kettle", "tray, oak", "lamp", "mug 0.3 l", "napkins", "clock", "vase", "candle", "frame")


@dataclass(frozen=True)
class Case:
    """A file and the truth about it.

    Attributes:
        content: Its bytes.
        name: Its file name; the ending may lie.
        format: The format's type.
        read: Settings of that format that matter here, such as `separator`; a set means any of them.
        header_line: The 1-based line of the header, 0 without one, None where it is open.
        footer_lines: Lines after the last row.
        names: Names of the columns.
        columns: Column -> attributes of the `Column` found.
        unsure: Aspects or columns that must not be told as sure.
        told: Words that stand in what is told of it.
        proof: What the reader of the pipeline makes of it.
        rows: Rows of the table.
    """

    content: bytes
    name: str = "delivery.csv"
    format: str = "csv"
    read: Mapping[str, Any] = field(default_factory=dict)
    header_line: int | None = 1
    footer_lines: int = 0
    names: tuple[str, ...] = ()
    columns: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unsure: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    proof: str = "passed"
    rows: int | None = None


class Collection(dict[str, Case]):
    """Cases by name; its decorator adds what a function gives."""

    def add(self, function: Callable[[], Case]) -> Callable[[], Case]:
        """Add the case that a function gives, by the function's name."""
        self[function.__name__] = function()
        return function


def text(rows: Iterable[Sequence[object]], separator: str = ",", *, quote: str = '"', end: str = "\n") -> str:
    """Write rows as delimited text, with quotes where they are needed."""
    out = io.StringIO()
    csv.writer(out, delimiter=separator, quotechar=quote, lineterminator=end).writerows(rows)
    return out.getvalue()


def plain(rows: Iterable[Sequence[object]], separator: str = ",", *, end: str = "\n") -> str:
    """Write rows as delimited text without any quotes."""
    return "".join(separator.join(map(str, row)) + end for row in rows)


def goods(count: int = 40) -> list[list[object]]:
    """Rows of article, amount, price, city and day, without a header."""
    return [
        [
            GOODS[n * 7 % 10].replace(",", ""),
            n * 37 % 23 + 1,
            f"{n * 7919 % 5000 / 100:.2f}",
            CITIES[n * 3 % 10],
            f"2024-{n % 12 + 1:02}-{n * 11 % 28 + 1:02}",
        ]
        for n in range(count)
    ]


GOODS_HEADER = ["article", "amount", "price", "city", "day"]


def comma(number: str) -> str:
    """A number with a decimal comma."""
    return number.replace(".", ",")


def one_column(cells: Iterable[object], **expected: Any) -> Case:
    """A file with a number of the row and one column `value`, which is what matters."""
    rows = [[f"r{n:03}x", value] for n, value in enumerate(cells)]
    return Case(
        text([["line", "value"], *rows], ";").encode(),
        read={"separator": ";"},
        names=("line", "value"),
        columns={"value": expected},
        rows=len(rows),
    )
