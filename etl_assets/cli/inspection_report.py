"""What was found about a file, on a terminal: short, with the evidence for each line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from etl_assets.cli.output import cell, counted, grid, listed, number, percent, plain, size, speaks_unicode

if TYPE_CHECKING:
    from etl_assets.inspection.comparing import FileGroup
    from etl_assets.inspection.records import Column, Inspection, Proposal

COLUMNS_SHOWN = 60
"""A wider table is cut; JSON has all of it."""

HINTS_SHOWN = 30

ROOMY = 100
"""Characters of a line that examples need."""

_MARKS = {"sure": "✓", "likely": "~", "unsure": "?"}
_ASCII_MARKS = {"sure": "+", "likely": "~", "unsure": "?"}
_STYLES = {"sure": "green", "likely": "yellow", "unsure": "bold red"}
_WORDS = {"header_line": "header", "line_end": "line ends"}


def print_group(console: Console, group: FileGroup) -> None:
    """Print what was found about the files of one table."""
    unicode = speaks_unicode(console)
    found = group.together
    console.print(_head(group, unicode))
    console.print(Padding(_proposals(found.proposals, unicode), (0, 0, 0, 2)))
    if found.columns:
        console.print(_title("columns"))
        console.print(Padding(_columns(found.columns[:COLUMNS_SHOWN], found, console), (0, 0, 0, 2)))
        if (rest := len(found.columns) - COLUMNS_SHOWN) > 0:
            console.print(Text(f"  and {rest:,} more: --json shows all", style="dim"))
    if hints := list(_hints(group, unicode)):
        console.print(_title("look at"))
        console.print(Padding(Group(*hints[:HINTS_SHOWN]), (0, 0, 0, 2)))
        if (rest := len(hints) - HINTS_SHOWN) > 0:
            console.print(Text(f"  and {rest:,} more: --json shows all", style="dim"))
    if found.keys:
        console.print(_title("may identify a row"))
        console.print(Padding(_keys(found, unicode), (0, 0, 0, 2)))


def print_legend(console: Console) -> None:
    """Print what the marks mean."""
    marks = _MARKS if speaks_unicode(console) else _ASCII_MARKS
    told = "   ".join(
        f"{marks[name]} {meaning}"
        for name, meaning in (("sure", "sure"), ("likely", "likely"), ("unsure", "unsure: look yourself"))
    )
    console.print(Text("\n" + told, style="dim"))


def print_yaml(console: Console, snippet: str) -> None:
    """Print how to declare it."""
    console.print(_title("for config/datasets/<name>.yaml"))
    for line in snippet.rstrip().split("\n"):
        console.print(Text("  " + plain(line), style="cyan"), soft_wrap=True)


def _head(group: FileGroup, unicode: bool) -> RenderableType:
    found, paths = group.together, group.paths
    name = found.path.name if len(paths) == 1 else f"{len(paths):,} files, such as {found.path.name}"
    parts = [size(found.size), counted(len(found.columns), "column")]
    if found.complete and found.rows is not None:
        parts.insert(1, counted(found.rows, "row"))
    else:
        whole = f" of {found.rows:,}" if found.rows is not None else ""
        parts.insert(1, f"a sample of {found.sample.height:,}{whole} rows")
    title = Text.assemble((plain(name), "bold"), ("  " + (" · " if unicode else " - ").join(parts), "dim"))
    return Rule(title, align="left", style="dim", characters="─" if unicode else "-")


def _title(text: str) -> Text:
    return Text(f"\n{text}", style="bold")


def _mark(certainty: str, unicode: bool) -> Text:
    return Text((_MARKS if unicode else _ASCII_MARKS)[certainty], style=_STYLES[certainty])


# -- how to read it -------------------------------------------------------------------------------


def _proposals(proposals: Sequence[Proposal], unicode: bool) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(style="bold", no_wrap=True, max_width=24, overflow="ellipsis")
    table.add_column(overflow="fold")
    for one in proposals:
        evidence = plain(one.evidence)
        if one.alternatives and one.certainty.value != "sure":
            evidence += f" (or {' or '.join(_value(one.aspect, other) for other in one.alternatives)})"
        table.add_row(
            _mark(one.certainty.value, unicode),
            _WORDS.get(one.aspect, one.aspect),
            cell(_value(one.aspect, one.value)),
            Text(evidence),
        )
    return table


def _value(aspect: str, value: object) -> str:
    if aspect == "header_line":
        return f"line {value}" if value else "none"
    if aspect in ("preamble", "footer") and isinstance(value, int):
        return counted(value, "line")
    if aspect in ("separator", "quote"):
        return "none" if value is None else {"\t": "tab", " ": "space"}.get(str(value), str(value))
    return plain(value)


# -- columns --------------------------------------------------------------------------------------


def _columns(columns: Sequence[Column], found: Inspection, console: Console) -> Table:
    """A line a column; where there is little room, without examples and with short names."""
    unicode, roomy = speaks_unicode(console), console.width >= ROOMY
    headings = ["", "column", "kind", "fits %", "filled %", "distinct", "written as"]
    table = grid(
        *headings, *(["such as"] if roomy else []), right=("fits %", "filled %", "distinct"), unicode=unicode
    )
    table.columns[1].max_width = 28 if roomy else 20
    for index in (1, 2, 3, 4, 5):
        table.columns[index].no_wrap = True
    table.columns[6].overflow = "fold"
    if roomy:
        # Examples give way to how cells are written, which must be seen as a whole.
        table.columns[7].overflow = "fold"
    for one in columns:
        row: list[RenderableType] = [
            _mark(one.certainty.value, unicode),
            cell(one.name),
            cell(one.kind.value),
            percent(one.share) if one.filled else "-",
            percent(one.filled / found.sample.height) if found.sample.height else "-",
            number(one.distinct),
            cell("; ".join(_written(one))),
        ]
        if roomy:
            row.append(cell(", ".join(one.examples)[:40], "dim" if one.personal else ""))
        table.add_row(*row)
    return table


def _written(one: Column) -> Iterator[str]:
    if one.personal:
        yield f"personal: {one.personal}"
    if one.formats:
        shares = one.shares if len(one.formats) > 1 else ()
        yield ", ".join(
            f"{form} {percent(share)} %" if shares else form
            for form, share in zip(one.formats, shares or (0.0,) * len(one.formats), strict=True)
        )
    if one.kind.value in ("integer", "decimal") and (one.thousands or one.decimal != "." or one.affixes):
        before, behind = one.affixes or ("", "")
        grouped = f"1{one.thousands}234" if one.thousands else "1234"
        yield f"{before}{grouped}{one.decimal + '56' if one.kind.value == 'decimal' else ''}{behind}"
    if one.true_words:
        yield f"{'/'.join(one.true_words)} or {'/'.join(one.false_words)}"
    if one.leading_zeros:
        yield "codes with leading zeros"
    if one.null_words:
        yield f"not known: {listed(one.null_words, 5)}"
    if one.padded:
        yield "spaces around"


def _hints(group: FileGroup, unicode: bool) -> Iterator[Text]:
    mark = "▸ " if unicode else "! "
    for told in (*group.findings, *group.together.problems):
        yield Text.assemble((mark, "yellow"), plain(told))
    for one in group.together.columns:
        hints = [*one.hints]
        if one.misfits and one.kind.value != "text":
            misfits = counted(one.filled - one.fitting, "cell")
            hints.insert(0, f"{misfits} no {one.kind.value}: {listed(one.misfits, 5)}")
        for hint in hints:
            yield Text.assemble((mark, "yellow"), (plain(one.name), "bold"), ": ", plain(hint))


def _keys(found: Inspection, unicode: bool) -> Table:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    for key in found.keys:
        rows = f"{number(key.distinct)} of {number(key.rows)} rows differ"
        table.add_row(
            _mark(key.certainty.value, unicode),
            Text(" + ".join(map(plain, key.columns)), style="bold"),
            Text(rows, style="dim"),
        )
    return table
