"""Looks at JSON: one object a line, or a list of objects somewhere in one text."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etl_assets.inspection.encodings import TextEncoding
from etl_assets.inspection.records import Certainty, Proposal
from etl_assets.inspection.sampling import Sample
from etl_assets.inspection.table import NoTableError, Table, frame_of
from etl_assets.staging.formats.json_fields import RecordError, cell_text, parse_record
from etl_assets.staging.formats.json_stream import ArrayError, ArrayReader
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
        return _table(path, sample, encoding, _elements(start, ()), "json", None)
    lines = [line for line in text.splitlines() if line.strip()]
    first = _parsed(lines[0]) if lines else None
    if isinstance(first, dict) and (len(lines) > 1 or not any(_lists(first, ()))):
        whole = lines if sample.complete else lines[:-1]
        for piece in sample.pieces[1:]:
            whole += encoding.decode(piece).splitlines()[1:-1]
        return _table(path, sample, encoding, _records(whole), "jsonl", None)
    where, found = _list_within(start)
    if where is None:
        raise NoTableError(
            "It is JSON without a list of objects", where={"file": path}, hint="Export one object a line"
        )
    return _table(path, sample, encoding, found, "json", where)


def _parsed(text: str) -> object:
    try:
        return _DECODER.decode(text)
    except (ValueError, RecursionError):
        return None


# -- records, as the pipeline reads them ----------------------------------------------------------


@dataclass(frozen=True)
class _Found:
    """What a text holds.

    Attributes:
        records: Each with its text.
        broken: How many more can't be read.
        trouble: Why there is nothing behind these; "" at the regular end.
    """

    records: list[tuple[Record, str]]
    broken: int = 0
    trouble: str = ""


def _records(lines: Sequence[str]) -> _Found:
    found: list[tuple[Record, str]] = []
    broken = 0
    for line in lines:
        if not line.strip():
            continue
        try:
            found.append((parse_record(line), line.strip(" \t\r\n")))
        except RecordError:
            broken += 1
    return _Found(found, broken)


def _elements(text: str, path: tuple[str, ...]) -> _Found:
    """Objects of the list at a path, up to its end or the end of the sample."""
    found: list[tuple[Record, str]] = []
    broken = 0
    chunks = iter([text.encode("utf-8", "replace")])
    reader = ArrayReader(chunks, path, JsonFormat().max_record_bytes, "utf-8")
    try:
        for element in reader.elements():
            if element.reason:
                broken += 1
            else:
                found.append((element.fields, element.text))
    except ArrayError as error:
        return _Found(found, broken, str(error))
    return _Found(found, broken)


def _list_within(text: str) -> tuple[str | None, _Found]:
    """The longest list of objects below the keys of one object."""
    whole = _parsed(text)
    if isinstance(whole, dict):
        lists = sorted(_lists(whole, ()), key=lambda one: -len(one[1]))
        return (".".join(lists[0][0]), _elements(text, lists[0][0])) if lists else (None, _Found([]))
    # Cut off: take the first list that begins within the sample, below keys of the top.
    began = re.match(
        r'\s*\{(?:\s*"[^"]+"\s*:\s*(?:"[^"]*"|[\d.eE+-]+|true|false|null)\s*,)*\s*"([^".]+)"\s*:\s*\[', text
    )
    found = _elements(text, (began[1],)) if began else _Found([])
    return (began[1] if began and found.records else None), found


def _lists(value: Record, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[Record]]]:
    for key, below in value.items():
        if isinstance(below, list) and below and all(isinstance(one, dict) for one in below):
            yield (*path, key), below
        elif isinstance(below, dict) and len(path) < _MAX_DEPTH:
            yield from _lists(below, (*path, key))


# -- records to rows ------------------------------------------------------------------------------


def _table(
    path: Path, sample: Sample, encoding: TextEncoding, found: _Found, kind: str, where: str | None
) -> Table:
    records = found.records
    if not records:
        raise NoTableError("It is JSON without a single object", where={"file": path})
    flat = [dict(_leaves(record, ())) for record, _ in records]
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
    rows = [
        [cell_text(one.get(steps), text, steps) for steps in paths]
        for one, (_, text) in zip(flat, records, strict=True)
    ]
    what = (
        f"one JSON object a line, {len(records):,} of them"
        if kind == "jsonl"
        else f"a JSON list of {len(records):,} objects"
    )
    if where:
        what += f" under {where}"
    complete = sample.complete and not found.trouble
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
    if found.broken:
        problems.append(_broken(found.broken, "line" if kind == "jsonl" else "element"))
    if found.trouble and sample.complete:
        problems.append(found.trouble[:1].upper() + found.trouble[1:])
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


def _broken(count: int, what: str) -> str:
    if count == 1:
        return f"1 {what} is no JSON object: it goes to quarantine"
    return f"{count:,} {what}s are no JSON objects: they go to quarantine"
