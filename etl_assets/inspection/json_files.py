"""Looks at JSON: one object a line, or a list of objects somewhere in one text."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from etl_assets.inspection.encodings import TextEncoding
from etl_assets.inspection.records import Certainty, Proposal
from etl_assets.inspection.sampling import Sample
from etl_assets.inspection.table import NoTableError, Table, frame_of
from etl_assets.staging.formats.options import JsonFormat, JsonLinesFormat

_MAX_DEPTH = 4
_RARE = 0.05
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)

Record = dict[str, Any]


def looks_like_json(text: str) -> bool:
    """True when a text begins as JSON objects do."""
    start = text[:1_000].lstrip()
    return start.startswith("{") or (start.startswith("[") and start[1:].lstrip()[:1] in ("{", "[", "]"))


def read_json(path: Path, sample: Sample, encoding: TextEncoding, text: str) -> Table:
    """Return the records of JSON as rows, nested objects flattened, and how to read it.

    Raises:
        NoTableError: There is no list of objects in it.
    """
    start = text.lstrip()
    if start.startswith("["):
        records, ended = _items(start, 1)
        return _table(path, sample, encoding, records, "json", None, ended)
    lines = [line for line in text.splitlines() if line.strip()]
    first = _parsed(lines[0]) if lines else None
    if isinstance(first, dict) and (len(lines) > 1 or not any(_lists(first, ()))):
        whole = lines if sample.complete else lines[:-1]
        for piece in sample.pieces[1:]:
            whole += encoding.decode(piece).splitlines()[1:-1]
        parsed = [_parsed(line) for line in whole if line.strip()]
        records = [one for one in parsed if isinstance(one, dict)]
        table = _table(path, sample, encoding, records, "jsonl", None, ended=sample.complete)
        broken = len(parsed) - len(records)
        one, many = "1 line is no JSON object: it goes", f"{broken:,} lines are no JSON objects: they go"
        told = one if broken == 1 else many
        return _with_problem(table, f"{told} to quarantine") if broken else table
    where, records, ended = _list_within(start)
    if where is None:
        raise NoTableError(
            "It is JSON without a list of objects", where={"file": path}, hint="Export one object a line"
        )
    return _table(path, sample, encoding, records, "json", where, ended)


def _with_problem(table: Table, problem: str) -> Table:
    from dataclasses import replace

    return replace(table, problems=(*table.problems, problem))


def _parsed(text: str) -> object:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


def _items(text: str, position: int) -> tuple[list[Record], bool]:
    """Objects of a list that begins at a position, up to its end or the end of the sample."""
    found: list[Record] = []
    while True:
        while text[position : position + 1] in (" ", "\n", "\r", "\t", ","):
            position += 1
        if text[position : position + 1] == "]":
            return found, True
        try:
            value, position = _DECODER.raw_decode(text, position)
        except (ValueError, RecursionError):
            return found, False
        if isinstance(value, dict):
            found.append(value)


def _list_within(text: str) -> tuple[str | None, list[Record], bool]:
    """The longest list of objects below the keys of one object."""
    whole = _parsed(text)
    if isinstance(whole, dict):
        lists = sorted(_lists(whole, ()), key=lambda one: -len(one[1]))
        return (".".join(lists[0][0]), lists[0][1], True) if lists else (None, [], True)
    # Cut off: take the first list that begins within the sample, below keys of the top.
    import re

    found = re.match(
        r'\s*\{(?:\s*"[^"]+"\s*:\s*(?:"[^"]*"|[\d.eE+-]+|true|false|null)\s*,)*\s*"([^".]+)"\s*:\s*\[', text
    )
    if found is None:
        return None, [], False
    records, ended = _items(text, found.end())
    return (found[1] if records else None), records, ended


def _lists(value: Record, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[Record]]]:
    for key, below in value.items():
        if isinstance(below, list) and below and all(isinstance(one, dict) for one in below):
            yield (*path, key), below
        elif isinstance(below, dict) and len(path) < _MAX_DEPTH:
            yield from _lists(below, (*path, key))


# -- records to rows ------------------------------------------------------------------------------


def _table(
    path: Path,
    sample: Sample,
    encoding: TextEncoding,
    records: Sequence[Record],
    kind: str,
    where: str | None,
    ended: bool,
) -> Table:
    if not records:
        raise NoTableError("It is JSON without a single object", where={"file": path})
    flat = [dict(_leaves(record, ())) for record in records]
    counts: Counter[tuple[str, ...]] = Counter()
    for one in flat:
        counts.update(one.keys())
    # An object in one record and null in another: the column of its own name is empty then.
    parents = {steps[:depth] for steps in counts for depth in range(1, len(steps))}
    paths = [steps for steps in counts if steps not in parents]
    names = {steps: _name(steps) for steps in paths}
    columns = {names[steps]: ".".join(steps) for steps in paths if len(steps) > 1 or "." in steps[0]}
    settings: dict[str, Any] = {"encoding": encoding.name, "columns": columns if _plain(paths) else {}}
    rare = tuple(names[steps] for steps in paths if counts[steps] < _RARE * len(records))
    settings["optional"] = rare
    format = JsonLinesFormat(**settings) if kind == "jsonl" else JsonFormat(path=where, **settings)
    rows = [[_text(one.get(steps)) for steps in paths] for one in flat]
    what = (
        f"one JSON object a line, {len(records):,} of them"
        if kind == "jsonl"
        else f"a JSON list of {len(records):,} objects"
    )
    if where:
        what += f" under {where}"
    complete = sample.complete and ended
    proposals = [Proposal("format", kind, Certainty.SURE, what), encoding.proposal]
    if columns:
        nested = len({steps[0] for steps in paths if len(steps) > 1})
        proposals.append(
            Proposal(
                "flattened",
                f"{len(columns):,} columns",
                Certainty.LIKELY,
                f"{nested:,} fields hold objects: a column for each leaf",
            )
        )
    missing = [names[steps] for steps in paths if counts[steps] < len(records)]
    problems = list(encoding.problems)
    if not complete and sample.complete:
        problems.append("The text ends before its list does: it was cut off")
    if missing:
        shown = ", ".join(missing[:5])
        problems.append(f"{len(missing):,} fields are missing from some objects: {shown}")
    hints = {
        names[steps]: ("holds lists; take single ones by a path such as items[0].name, or keep the text",)
        for steps in paths
        if any(isinstance(one.get(steps), list) for one in flat[:1_000])
    }
    return Table(
        format, frame_of(rows, list(names.values())), tuple(proposals), tuple(problems),
        len(rows) if complete else None, complete, hints=hints,
    )  # fmt: skip


def _leaves(value: Record, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    for key, below in value.items():
        if isinstance(below, dict) and below and len(path) < _MAX_DEPTH:
            yield from _leaves(below, (*path, key))
        else:
            yield (*path, key), below


def _name(steps: tuple[str, ...]) -> str:
    return "_".join(steps)


def _plain(paths: Sequence[tuple[str, ...]]) -> bool:
    return all(step and not set(step) & set(".[]\"'") for steps in paths if len(steps) > 1 for step in steps)


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
