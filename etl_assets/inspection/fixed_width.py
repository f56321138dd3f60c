"""Looks at text whose columns are stretches of each line."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from etl_assets.inspection.dialects import Record
from etl_assets.inspection.encodings import TextEncoding
from etl_assets.inspection.records import Certainty, Proposal
from etl_assets.inspection.sampling import Sample
from etl_assets.inspection.surroundings import find_surroundings
from etl_assets.inspection.table import Table, frame_of, named
from etl_assets.inspection.wording import counted
from etl_assets.staging.formats.options import FixedWidthColumn, FixedWidthFormat

_LINES = 2_000
_FEWEST_LINES = 5
_LONGEST_LINE = 2_000

Stretch = tuple[int, int]
"""First character, from 0, and the one behind the last."""


def find_stretches(text: str) -> list[Stretch]:
    """Return where columns stand that have a blank between them in each line; empty if there are none."""
    lines = [line.rstrip() for line in text.splitlines()[: _LINES + 1]]
    body = [line for line in lines[1:] if line.strip() and "\t" not in line]
    if len(body) < _FEWEST_LINES or max(map(len, body)) > _LONGEST_LINE:
        return []
    width = max(map(len, body))
    grid = np.frombuffer("".join(line.ljust(width) for line in body).encode("utf-32-le"), np.uint32)
    filled = (grid.reshape(len(body), width) != ord(" ")).sum(axis=0)
    # A remark or a line of totals below the table may cross its gaps.
    used = filled > max(0.01 * len(body), 0)
    if len(body) < 100:
        used = filled > 0
    edges = np.flatnonzero(np.diff(np.concatenate([[0], used.view(np.int8), [0]])))
    cores = list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
    gaps = [right[0] - left[1] for left, right in pairwise(cores)]
    if not gaps or (max(gaps) < 2 and len(cores) < 4):
        return []  # the one blank of "2024-01-31 12:00" makes no two columns
    rows = grid.reshape(len(body), width)
    well_filled = sum((rows[:, start:stop] != ord(" ")).any(axis=1).mean() >= 0.5 for start, stop in cores)
    if well_filled < 2 or well_filled < 0.5 * len(cores):
        return []  # lines of prose, some of them longer than others
    return _with_gaps(cores, rows, width)


def _with_gaps(cores: Sequence[Stretch], rows: npt.NDArray[np.uint32], width: int) -> list[Stretch]:
    """Give each gap to the column that needs it: longer cells may come."""
    starts = [0]
    for left, right in pairwise(cores):
        begins = (rows[:, right[0]] != ord(" ")).mean()
        ends = (rows[:, right[1] - 1] != ord(" ")).mean()
        right_aligned = ends > begins
        starts.append(min(left[1] + 1, right[0]) if right_aligned else right[0])
    return [(start, stop) for start, stop in zip(starts, [*starts[1:], width], strict=True)]


def read_fixed_width(
    sample: Sample, encoding: TextEncoding, text: str, stretches: Sequence[Stretch]
) -> Table:
    """Return the rows of text with these columns, and how to read it."""
    lines = text.splitlines()
    whole = lines if sample.complete else lines[:-1]
    records = [Record(n, _cut(line, stretches)) for n, line in enumerate(whole, 1)]
    around = find_surroundings(records, len(stretches), at_end=sample.complete)
    kept = [n for n in range(around.first, around.last) if records[n].cells and n not in around.skipped]
    rows = [[cell.strip() for cell in records[n].cells] for n in kept]
    if not sample.complete:
        for piece in sample.pieces[1:]:
            later = encoding.decode(piece).splitlines()[1:-1]
            rows += [[cell.strip() for cell in _cut(line, stretches)] for line in later if line.strip()]
    names, problems, _ = named(around.header.cells if around.header else None, len(stretches), rows)
    names = tuple(name.strip() for name in names)
    lengths = Counter(len(whole[n]) for n in kept)
    length, same = lengths.most_common(1)[0] if lengths else (0, 0)
    first = (
        around.header.line
        if around.header
        else records[around.first].line - 1
        if around.first < len(records)
        else 0
    )
    no_rows = [n for n in sorted(around.skipped) if tuple(records[n].cells) in around.skip_cells]
    if around.header is not None and around.repeated_header:
        no_rows.append(records.index(around.header))
    patterns = [*around.patterns, *(rf"^{re.escape(whole[n].rstrip())}\s*$" for n in no_rows)]
    footer = next((one.value for one in around.proposals if one.aspect == "footer"), 0)
    longest = max(lengths, default=0)
    ends = [*stretches[:-1], (stretches[-1][0], max(stretches[-1][1], longest))]
    format = FixedWidthFormat(
        encoding=encoding.name,
        skip_lines=first,
        skip_footer_lines=footer,
        skip_pattern="|".join(patterns) or None,
        columns=tuple(
            FixedWidthColumn(name=name, width=stop - start)
            for name, (start, stop) in zip(names, ends, strict=True)
        ),
        short_lines=len(lengths) > 1,
    )
    evidence = f"in each of {len(kept):,} lines a blank stands between {len(stretches):,} columns"
    evidence += f"; {counted(same, 'line')} of {length:,} characters"
    certainty = Certainty.LIKELY if len(kept) >= 20 else Certainty.UNSURE
    where = ", ".join(f"{start + 1}-{stop}" for start, stop in ends[:12])
    proposals = (
        Proposal("format", "fixed_width", certainty, evidence, ("csv",)),
        encoding.proposal,
        Proposal(
            "columns at",
            where,
            # The words of a header begin or end where their columns do; of blanks alone nobody knows.
            certainty if around.header is not None else Certainty.UNSURE,
            "characters, from 1; longer cells may come: compare with a description",
        ),
        *around.proposals,
    )
    return Table(
        format,
        frame_of(rows, names),
        proposals,
        (*encoding.problems, *around.problems, *problems),
        len(rows) if sample.complete else None,
        sample.complete,
    )


def _cut(line: str, stretches: Sequence[Stretch]) -> list[str]:
    if not line.strip():
        return []
    return [line[start:stop].strip() for start, stop in (*stretches[:-1], (stretches[-1][0], len(line)))]


def may_be_without_gaps(text: str) -> int:
    """The length that all lines have where columns may stand without gaps, 0 where they don't."""
    lines = [line for line in text.splitlines()[:_LINES] if line]
    lengths = set(map(len, lines))
    if len(lines) < 10 or len(lengths) != 1 or " " in lines[0].strip():
        return 0
    length = lengths.pop()
    mixed = sum(any(char.isdigit() for char in line) for line in lines) == len(lines)
    return length if length >= 16 and mixed else 0


def unsure_of(table: Table, length: int) -> Table:
    """The same table with a word on what else its file may be."""
    what = (
        f"Each line has {length:,} characters: it may be fixed width without gaps, and then only a "
        "description says where columns begin"
    )
    proposals = tuple(
        replace(
            one,
            certainty=Certainty.UNSURE,
            evidence=f"{one.evidence}; each line has {length:,} characters",
            alternatives=("fixed_width",),
        )
        if one.aspect == "format"
        else one
        for one in table.proposals
    )
    return replace(table, proposals=proposals, problems=(*table.problems, what))
