"""The scorecard of a dataset: scores, rows, and what stands in the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console, Group, RenderableType
from rich.measure import Measurement
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from etl_assets.cli.output import counted, grid, listed, moment, number, percent, plain, speaks_unicode
from etl_assets.cli.published import publications_table
from etl_assets.contracts.dataset import Layer
from etl_assets.contracts.vocabulary import Dimension
from etl_assets.errors import ErrorKind
from etl_assets.pipeline.health import describe
from etl_assets.pipeline.pending import PartitionStanding, Standing
from etl_assets.pipeline.status import DatasetStatus, DimensionStatus, TableStatus
from etl_assets.quality.thresholds import Verdict

NOTES = 5
"""Remarks of one kind that are shown at most."""

_LAYERS = {"bronze": "dark_orange3", "silver": "grey70", "gold": "gold1"}
_STYLES = {Verdict.PASS: "green", Verdict.WARN: "yellow", Verdict.FAIL: "bold red", Verdict.UNKNOWN: "dim"}
_HEADINGS = {
    Dimension.COMPLETENESS: "complete",
    Dimension.VALIDITY: "valid",
    Dimension.UNIQUENESS: "unique",
    Dimension.CONSISTENCY: "consist.",
    Dimension.INTEGRITY: "integr.",
    Dimension.TIMELINESS: "timely",
}
_NARROW_HEADINGS = {
    Dimension.COMPLETENESS: "compl",
    Dimension.VALIDITY: "valid",
    Dimension.UNIQUENESS: "uniq",
    Dimension.CONSISTENCY: "consi",
    Dimension.INTEGRITY: "integ",
    Dimension.TIMELINESS: "time",
}


@dataclass(frozen=True)
class Glyphs:
    """The marks that a terminal can show."""

    marks: dict[Verdict, str]
    full: str
    partial: str
    rest: str
    unicode: bool

    @classmethod
    def of(cls, console: Console) -> Glyphs:
        """Choose what the terminal's encoding has."""
        if speaks_unicode(console):
            marks = {Verdict.PASS: " ", Verdict.WARN: "▾", Verdict.FAIL: "✗", Verdict.UNKNOWN: " "}
            return cls(marks, "█", " ▏▎▍▌▋▊▉", "░", True)
        marks = {Verdict.PASS: " ", Verdict.WARN: "!", Verdict.FAIL: "x", Verdict.UNKNOWN: " "}
        return cls(marks, "#", " ", ".", False)


def print_scorecard(console: Console, status: DatasetStatus, *, staging: str = "") -> None:
    """Print the scorecard of one dataset.

    Args:
        console: Where to; 80 columns are enough, with some 110 everything stands in one table.
        status: The dataset.
        staging: Where deliveries arrive, for a dataset that has none yet.
    """
    glyphs = Glyphs.of(console)
    console.print(_head(status, glyphs))
    if not status.has_data:
        console.print(Text("  no data yet", style="bold"))
        if staging:
            hint = f"  put files into {plain(staging)}, then: dq run {status.dataset}"
            console.print(Text(hint, style="dim"), soft_wrap=True)
        if status.findings or status.circuits:
            # Such as a staging area that could not be listed: then that is why.
            console.print(Group(*_obstacles(status, glyphs)))
        return
    for part in _tables(status, glyphs, console):
        console.print(part)
    if status.publications:
        console.print(Group(Text(""), publications_table(status.publications, unicode=glyphs.unicode)))
    notes = [
        *_broken_rules(status, glyphs, f"dq status {status.dataset} --json"),
        *_obstacles(status, glyphs),
    ]
    if notes:
        console.print(Group(*notes))


def print_trial_scorecard(console: Console, status: DatasetStatus, title: str) -> None:
    """Print scores, rows and broken rules of tables that a trial built.

    Args:
        console: Where to.
        status: The tables as the trial found them.
        title: What was tried.
    """
    glyphs = Glyphs.of(console)
    head = Text.assemble((status.dataset, "bold"), (f"  {plain(title)}", "dim"))
    console.print(Rule(head, align="left", style="dim", characters="─" if glyphs.unicode else "-"))
    for part in (*_tables(status, glyphs, console), *_broken_rules(status, glyphs, "dq try --json")):
        console.print(part)


def _head(status: DatasetStatus, glyphs: Glyphs) -> RenderableType:
    published = [table.last_published_at for table in status.tables if table.last_published_at]
    right = f"published {moment(max(published))} UTC" if published else "nothing published"
    title = Text.assemble((status.dataset, "bold"), ("  " + right, "dim"))
    return Rule(title, align="left", style="dim", characters="─" if glyphs.unicode else "-")


# -- tables -----------------------------------------------------------------------------------

_COUNTS = ("rows in", "accepted", "quarantined", "duplicates", "partitions")
_NARROW_COUNTS = ("rows in", "accepted", "quarant.", "dupl.", "parts")


@dataclass(frozen=True)
class _Look:
    """How much room a table takes: its headings, columns between cells, columns of the bar."""

    headings: dict[Dimension, str]
    counts: tuple[str, ...]
    gap: int
    bar: int


_LOOKS = (
    _Look(_HEADINGS, _COUNTS, 2, 8),
    _Look(_NARROW_HEADINGS, _NARROW_COUNTS, 2, 8),
    _Look(_NARROW_HEADINGS, _NARROW_COUNTS, 1, 5),
)
"""The roomiest that fits is taken."""


def _tables(status: DatasetStatus, glyphs: Glyphs, console: Console) -> Iterator[RenderableType]:
    """Scores and rows in one table where that fits, else below each other."""
    wide = [_table(status, glyphs, look, scores=True, rows=True) for look in _LOOKS]
    if found := _first_that_fits(wide, console):
        yield found
    else:
        scores = [_table(status, glyphs, look, scores=True, rows=False) for look in _LOOKS]
        rows = [_table(status, glyphs, look, scores=False, rows=True) for look in _LOOKS]
        yield _first_that_fits(scores, console) or scores[-1]
        yield Text("")
        yield _first_that_fits(rows, console) or rows[-1]
    if legend := _legend(status, glyphs):
        yield legend


def _first_that_fits(tables: Sequence[Table], console: Console) -> Table | None:
    # Measured as if there were room: the console's own width would hide what is too wide for it.
    unbounded = console.options.update(width=1000)
    return next(
        (one for one in tables if Measurement.get(console, unbounded, one).maximum <= console.width), None
    )


def _table(status: DatasetStatus, glyphs: Glyphs, look: _Look, *, scores: bool, rows: bool) -> Table:
    shown = [d for d in Dimension if any(d is one.dimension for t in status.tables for one in t.dimensions)]
    numbers = [
        *(["score", *(look.headings[d] for d in shown)] if scores else []),
        *(look.counts if rows else ()),
    ]
    table = grid("table", *numbers, right=numbers, unicode=glyphs.unicode)
    table.padding = (0, look.gap - 1, 0, 0)
    # Names give way where the numbers don't fit.
    for column in table.columns[1:]:
        column.no_wrap, column.overflow = True, "crop"
    table.columns[0].no_wrap = True
    for one, name in _named(status):
        cells = [_score(one, glyphs, look.bar), *(_dimension(one, d, glyphs) for d in shown)]
        table.add_row(name, *(cells if scores else ()), *(_counts(one) if rows else ()))
    return table


def _named(status: DatasetStatus) -> Iterator[tuple[TableStatus, Text]]:
    """Tables with their names; a layer's name stands with its first table only."""
    before = ""
    order = list(Layer)
    # Build order puts a table before those that refer to it, whatever their layers.
    for table in sorted(status.tables, key=lambda one: order.index(one.table.layer)):
        layer = str(table.table.layer)
        shown = layer if layer != before else ""
        yield table, Text.assemble((f"{shown:<7}", _LAYERS.get(layer, "")), table.table.name)
        before = layer


def _score(table: TableStatus, glyphs: Glyphs, width: int) -> Text:
    style = _STYLES[table.verdict]
    if table.score is None:
        return Text(f"{glyphs.rest * width} {'?':>5}", style="dim")
    eighths = int(table.score * width * 8)
    full, part = divmod(eighths, 8)
    bar = glyphs.full * full + (glyphs.partial[part % len(glyphs.partial)] if part and glyphs.unicode else "")
    rest = glyphs.rest * (width - len(bar))
    return Text.assemble((bar, style), (rest, "dim"), (f" {percent(table.score):>5}", style))


def _dimension(table: TableStatus, dimension: Dimension, glyphs: Glyphs) -> Text:
    found = next((one for one in table.dimensions if one.dimension is dimension), None)
    if found is None:
        return Text("")
    mark = glyphs.marks[found.verdict]
    return Text(f"{mark}{percent(found.score)}".lstrip(), style=_STYLES[found.verdict])


def _counts(table: TableStatus) -> tuple[Text, ...]:
    rows = table.rows
    quarantined = "yellow" if rows.quarantined else "dim"
    return (
        Text(number(rows.rows_in)),
        Text(number(rows.accepted)),
        Text(number(rows.quarantined), style=quarantined),
        Text(number(rows.duplicates), style="" if rows.duplicates else "dim"),
        _partitions(table),
    )


def _partitions(table: TableStatus) -> Text:
    """How many are published, of how many that could be."""
    if not table.partitioned:
        return Text("whole" if table.partitions else "-", style="dim")
    stopped = len(table.held) + len(table.failed)
    total = table.partitions + len({one.period for one in (*table.held, *table.failed)} | set(table.pending))
    text = number(table.partitions)
    return Text(text, style="red" if stopped else "yellow" if total > table.partitions else "")


def _legend(status: DatasetStatus, glyphs: Glyphs) -> Text | None:
    verdicts = {one.verdict for table in status.tables for one in table.dimensions}
    words = {Verdict.WARN: "below warn", Verdict.FAIL: "below fail", Verdict.UNKNOWN: "unknown"}
    parts = [
        (f"{'?' if verdict is Verdict.UNKNOWN else glyphs.marks[verdict]} {told}   ", _STYLES[verdict])
        for verdict, told in words.items()
        if verdict in verdicts
    ]
    return Text.assemble(*parts) if parts else None


# -- remarks ----------------------------------------------------------------------------------


def _broken_rules(status: DatasetStatus, glyphs: Glyphs, all_by: str) -> Iterator[RenderableType]:
    """The rules that rows broke: why scores are not 100."""
    found = [(table, tally) for table in status.tables for tally in table.broken]
    if not found:
        return
    found.sort(key=lambda item: (-item[1].failed, str(item[0].table), item[1].rule))
    table_ = grid(
        "broken rules", "rows", "share", "counts for", right=("rows", "share"), unicode=glyphs.unicode
    )
    for table, tally in found[:NOTES]:
        name = Text.assemble((f"{table.table} ", "dim"), plain(tally.rule))
        share = _share(tally.failed, tally.evaluated)
        told = f"{_HEADINGS[tally.dimension]}, {tally.severity}"
        table_.add_row(name, number(tally.failed), share, Text(told, style="dim"))
    table_.columns[0].overflow = "fold"
    yield Text("")
    yield table_
    if len(found) > NOTES:
        yield Text(f"and {counted(len(found) - NOTES, 'more rule')}: {all_by}", style="dim")


def _share(failed: int, evaluated: int) -> str:
    if not evaluated:
        return "-"
    return "<0.01%" if failed / evaluated < 0.0001 else f"{failed / evaluated:.2%}"


def _obstacles(status: DatasetStatus, glyphs: Glyphs) -> Iterator[RenderableType]:
    """What waits for a person first, then what goes on by itself."""
    remarks: list[tuple[Verdict, str, list[str], str]] = []
    low = [_low(table, one) for table in status.tables for one in table.dimensions]
    low = [told for told in low if told]
    remarks.append((Verdict.WARN, counted(len(low), "score") + " below its threshold", low, ""))
    sick = [describe(one) for one in status.circuits]
    reset = f"dq circuits reset {status.dataset}"
    remarks.append((Verdict.FAIL, counted(len(sick), "circuit") + " not closed", sick, reset))
    held = [_reasoned(table, one) for table in status.tables for one in table.held]
    hint = f"dq quarantine list {status.dataset} --held"
    remarks.append((Verdict.FAIL, counted(len(held), "gate") + " closed", held, hint))
    failed = [_reasoned(table, one) for table in status.tables for one in table.failed]
    retry = f"dq deliveries retry {status.dataset}"
    remarks.append((Verdict.FAIL, counted(len(failed), "partition") + " given up", failed, retry))
    on_hold = [f"{one.id} {one.key}: {one.reason}" for one in status.on_hold]
    hint = f"dq deliveries list {status.dataset} --state on_hold"
    remarks.append(
        (Verdict.FAIL, counted(len(on_hold), "delivery", "deliveries") + " on hold", on_hold, hint)
    )
    stuck = [f"{one.name}: {one.reason}" for one in status.publications if one.waits_for_person]
    hint = f"dq publications retry {status.dataset}"
    remarks.append((Verdict.FAIL, counted(len(stuck), "publication") + " to be looked at", stuck, hint))
    later = [
        f"{one.name}: {one.reason}"
        for one in status.publications
        if one.standing is Standing.WAITING and not one.waits_for_person
    ]
    remarks.append((Verdict.WARN, counted(len(later), "publication") + " to be tried again", later, ""))
    overdue = [str(one) for one in status.rows_waiting if one.overdue]
    title = counted(len(overdue), "partition") + " with rows that wait too long"
    remarks.append((Verdict.FAIL, title, overdue, ""))
    rows_waiting = [str(one) for one in status.rows_waiting if not one.overdue]
    title = counted(len(rows_waiting), "partition") + " with rows that wait"
    remarks.append((Verdict.WARN, title, rows_waiting, ""))
    waiting = [_reasoned(table, one) for table in status.tables for one in table.waiting]
    remarks.append((Verdict.WARN, counted(len(waiting), "partition") + " to be tried again", waiting, ""))
    blocked = [_reasoned(table, one) for table in status.tables for one in table.blocked]
    remarks.append((Verdict.WARN, counted(len(blocked), "partition") + " without all inputs", blocked, ""))
    void = [f"{one.decision.id} of {one.decision.who}: {one.reason}" for one in status.void]
    hint = f"dq audit {status.dataset} --void"
    remarks.append((Verdict.WARN, counted(len(void), "decision") + " to be made anew", void, hint))
    findings = [one.message for one in status.findings]
    remarks.append((Verdict.WARN, counted(len(findings), "finding") + " in staging", findings, ""))
    if missing := sorted({period for table in status.tables for period in table.missing}):
        title = counted(len(missing), "due period") + " without a delivery"
        remarks.append((Verdict.WARN, title, [listed(missing, 6)], ""))
    if pending := sum(len(table.pending) for table in status.tables):
        title = counted(pending, "partition") + " can be built now"
        remarks.append((Verdict.PASS, title, [""], f"dq run {status.dataset}"))
    kinds: Counter[str] = Counter()
    for one in status.errors:
        # Data trouble stands above, as a gate, a delivery, or rows; here is what went wrong beside the data.
        if one.error_kind != ErrorKind.DATA:
            kinds[one.error_kind] += one.count
    if errors := kinds.total():
        told_kinds = ", ".join(f"{number(count)} {kind}" for kind, count in kinds.most_common())
        title = f"{counted(errors, 'error')} so far"
        remarks.append((Verdict.PASS, title, [told_kinds], f"dq circuits list {status.dataset}"))
    for verdict, title, told, command in remarks:
        if told:
            yield from _remark(glyphs, verdict, title, told, command)


def _remark(
    glyphs: Glyphs, verdict: Verdict, title: str, told: Sequence[str], command: str
) -> Iterator[RenderableType]:
    style = _STYLES[verdict] if verdict is not Verdict.PASS else "cyan"
    mark = glyphs.marks[verdict] if verdict is not Verdict.PASS else ("→" if glyphs.unicode else ">")
    yield Text("")
    head = Text.assemble((f"{mark} {title}", style))
    if command:
        head.append(f"   {command}", style="dim")
    yield head
    for line in [line for line in told if line][:NOTES]:
        yield Padding(Text(plain(line)), (0, 0, 0, 2))
    if len(told) > NOTES:
        yield Text(f"  and {len(told) - NOTES:,} more", style="dim")


def _reasoned(table: TableStatus, standing: PartitionStanding) -> str:
    where = f"{table.table} {standing.period}".rstrip()
    return f"{where}: {standing.reason}"


def _low(table: TableStatus, one: DimensionStatus) -> str:
    if one.verdict not in (Verdict.WARN, Verdict.FAIL):
        return ""
    limit = one.threshold.fail if one.verdict is Verdict.FAIL else one.threshold.warn
    word = "an error" if one.verdict is Verdict.FAIL else "a warning"
    return f"{table.table} {one.dimension} {percent(one.score)}: {word} below {percent(limit)}"
