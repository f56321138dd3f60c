"""What several files look like together: which of them are of one table, and how the others differ."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import islice
from pathlib import Path

import polars as pl

from etl_assets.errors import EtlError
from etl_assets.inspection.columns import describe_column
from etl_assets.inspection.common_format import common_format
from etl_assets.inspection.dialects import records_of
from etl_assets.inspection.inspect import inspect_file
from etl_assets.inspection.keys import find_keys
from etl_assets.inspection.records import Certainty, Column, Inspection, Proposal
from etl_assets.inspection.sampling import SAMPLE_BYTES, take_sample
from etl_assets.staging.formats.header import fit_names
from etl_assets.staging.formats.options import DelimitedFormat, Format

WHOLE_FILES = 24
"""Of more files, only these are looked at closely, from the first to the last; of the others the header."""

_ROWS = 200_000
_GLANCE_BYTES = 65_536
_SHOWN = 5
_SAME_NAME = 0.75
_SAME_TABLE = 0.3


@dataclass(frozen=True)
class Failure:
    """A file that can't be looked at, and why."""

    path: Path
    what: str
    hint: str = ""


@dataclass(frozen=True)
class FileGroup:
    """Files with the same columns.

    Attributes:
        files: What was found about each that was looked at closely.
        only_header: Further files, of which only the header was compared.
        together: All of them as if they were one: columns and keys by the rows of all.
        findings: In what the files differ from one another, one sentence each.
    """

    files: tuple[Inspection, ...]
    only_header: tuple[Path, ...]
    together: Inspection
    findings: tuple[str, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files of the group."""
        return (*(one.path for one in self.files), *self.only_header)


@dataclass(frozen=True)
class Comparison:
    """What several files look like together.

    Attributes:
        groups: Files of the same columns, the largest group first.
        findings: How the columns of the other groups differ from those of the first.
        failures: Files that can't be looked at.
    """

    groups: tuple[FileGroup, ...]
    findings: tuple[str, ...]
    failures: tuple[Failure, ...]


def inspect_files(
    paths: Sequence[Path], *, sample_bytes: int = SAMPLE_BYTES, whole_files: int = WHOLE_FILES
) -> Comparison:
    """Look at several files, and say which of them are of one table.

    Args:
        paths: The files.
        sample_bytes: As in `inspect_file`, for each of them.
        whole_files: Of more files, the others are only asked for their header.
    """
    closely = set(_spread(paths, whole_files))
    found: dict[Path, Inspection] = {}
    failures: list[Failure] = []
    only_header: list[Path] = []

    def look(path: Path) -> None:
        try:
            found[path] = inspect_file(path, sample_bytes=sample_bytes)
        except EtlError as error:
            failures.append(Failure(path, error.what, error.hint))

    for path in paths:
        if path in closely:
            look(path)
    grouped: dict[tuple[str, ...], list[Inspection]] = {}
    for one in found.values():
        grouped.setdefault(_header(one), []).append(one)
    others: dict[tuple[str, ...], list[Path]] = {}
    for path in paths:
        if path in closely:
            continue
        header = next((names for names, some in grouped.items() if _has_header(path, some[0])), None)
        if header is not None:
            others.setdefault(header, []).append(path)
            only_header.append(path)
            continue
        look(path)
        if path in found:
            grouped.setdefault(_header(found[path]), []).append(found[path])
    groups = sorted(
        (_group(some, others.get(header, [])) for header, some in grouped.items()),
        key=lambda one: -len(one.paths),
    )
    return Comparison(tuple(groups), tuple(_differences(groups)), tuple(failures))


def _spread(paths: Sequence[Path], count: int) -> list[Path]:
    """The first, the last, and some between them."""
    if len(paths) <= count:
        return list(paths)
    return [paths[n * (len(paths) - 1) // (count - 1)] for n in range(count)]


def _header(one: Inspection) -> tuple[str, ...]:
    return tuple(column.name for column in one.columns)


def _has_header(path: Path, known: Inspection) -> bool:
    """Whether a file has the header of a known one, read in the same way."""
    format = known.format
    if not isinstance(format, DelimitedFormat) or not format.header:
        return False
    try:
        head = take_sample(path, _GLANCE_BYTES).head
        text = head.decode(format.encoding, "replace").removeprefix("\ufeff")
    except (EtlError, LookupError):
        return False
    records = islice(records_of(text, format.separator, format.quote), format.skip_lines + 1)
    header = next((one.cells for one in records if one.line == format.skip_lines + 1), None)
    if header is None:
        return False
    names = fit_names(header, trim=format.trim_header, unique=format.unique_header)
    return names == _header(known)


# -- files of the same columns --------------------------------------------------------------------


def _group(files: Sequence[Inspection], only_header: Sequence[Path]) -> FileGroup:
    first = files[0]
    if len(files) == 1:
        rows = None if only_header else first.rows
        together = replace(first, rows=rows, facts={**first.facts, "files": 1 + len(only_header)})
        return FileGroup(tuple(files), tuple(only_header), together)
    each = max(_ROWS // len(files), 1)
    sample = pl.concat([one.sample.head(each) for one in files])
    if first.facts.get("types"):
        columns = first.columns  # the files say themselves what they are
    else:
        columns = tuple(describe_column(name, sample[name]) for name in sample.columns)
    total = (
        None if only_header or any(one.rows is None for one in files) else sum(one.rows or 0 for one in files)
    )
    together = Inspection(
        path=first.path,
        size=sum(one.size for one in files),
        format=common_format(files)[0],
        proposals=tuple(_proposals(files)),
        columns=tuple(_with_kinds(column, files) for column in columns),
        keys=find_keys(sample, columns),
        sample=sample,
        rows=total,
        complete=all(one.complete for one in files) and not only_header and sample.height == total,
        problems=tuple(_problems(files)),
        facts={"files": len(files) + len(only_header)},
    )
    findings = list(_disagreements(files))
    if only_header:
        findings.append(
            f"{len(files):,} files were looked at closely, of {len(only_header):,} only the header"
        )
    return FileGroup(tuple(files), tuple(only_header), together, tuple(findings))


def _proposals(files: Sequence[Inspection]) -> Iterator[Proposal]:
    """The first file's, with how many files agree; the proof of all."""
    for one in files[0].proposals:
        same = [
            p for file in files for p in file.proposals if p.aspect == one.aspect and p.value == one.value
        ]
        if one.aspect == "proof":
            rows = sum(file.rows or 0 for file in files)
            evidence = f"the pipeline's reader read {len(same):,} of {len(files):,} files so: {rows:,} rows"
            passed = one.value == "passed" and len(same) == len(files)
            yield Proposal("proof", one.value, Certainty.SURE if passed else Certainty.UNSURE, evidence)
            continue
        certainty = max((p.certainty for p in same), key=list(Certainty).index)
        if len(same) == len(files):
            yield replace(one, certainty=certainty, evidence=f"in all {len(files):,} files; {one.evidence}")
        else:
            told = f"in {len(same):,} of {len(files):,} files; {one.evidence}"
            yield replace(one, certainty=Certainty.UNSURE, evidence=told)


def _with_kinds(column: Column, files: Sequence[Inspection]) -> Column:
    """Say so where single files would be taken for something else: whoever reads one file is misled."""
    kinds = Counter(one.column(column.name).kind for one in files if one.column(column.name).filled)
    if len(kinds) < 2:
        return column
    told = ", ".join(f"{kind.value} in {count:,}" for kind, count in kinds.most_common())
    return replace(column, hints=(*column.hints, f"looked at file by file: {told} files"))


def _problems(files: Sequence[Inspection]) -> Iterator[str]:
    found: dict[str, list[Path]] = {}
    for one in files:
        for problem in one.problems:
            found.setdefault(problem, []).append(one.path)
    for problem, paths in found.items():
        where = "in all files" if len(paths) == len(files) else _named(paths)
        yield f"{problem} ({where})"


def _disagreements(files: Sequence[Inspection]) -> Iterator[str]:
    """Settings in which the files differ: one source has one format."""
    settings = [_settings(one.format) for one in files]
    for name in dict.fromkeys(name for one in settings for name in one):
        values: dict[str, list[Path]] = {}
        for one, file in zip(settings, files, strict=True):
            values.setdefault(repr(one.get(name)), []).append(file.path)
        if len(values) > 1:
            ordered = sorted(values.items(), key=lambda one: -len(one[1]))
            told = "; ".join(f"{value} in {_named(paths)}" for value, paths in ordered[:3])
            yield f"They are not read alike, {name}: {told}"


def _settings(format: Format) -> dict[str, object]:
    # What is no row in one file is skipped in all of them.
    return format.model_dump(exclude={"compression", "columns", "skip_pattern", "skip_repeated_header"})


def _named(paths: Sequence[Path]) -> str:
    more = f" and {len(paths) - 3:,} more" if len(paths) > 3 else ""
    return ", ".join(path.name for path in paths[:3]) + more


# -- files of other columns -----------------------------------------------------------------------


def _differences(groups: Sequence[FileGroup]) -> Iterator[str]:
    if len(groups) < 2:
        return
    usual = _header(groups[0].together)
    for group in groups[1:]:
        names = _header(group.together)
        alike = len(set(usual) & set(names)) + len(_renamed(usual, names))
        if alike < _SAME_TABLE * max(len(usual), len(names)):
            yield f"{_named(group.paths)}: another table, with {len(names):,} columns of its own"
            continue
        yield f"{_named(group.paths)}: {'; '.join(_difference(usual, names))}"


def _difference(usual: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    renamed = _renamed(usual, names)
    missing = [name for name in usual if name not in names and name not in renamed]
    extra = [name for name in names if name not in usual and name not in renamed.values()]
    if missing:
        yield f"missing: {_listed(missing)}"
    if extra:
        yield f"extra: {_listed(extra)}"
    if renamed:
        yield "renamed? " + _listed([f"{old} is {new} here" for old, new in renamed.items()])
    if not missing and not extra and not renamed:
        yield "the same columns in another order"


def _renamed(usual: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Names that differ in their writing only, or stand alone in the other's place."""
    free = [name for name in names if name not in usual]
    out: dict[str, str] = {}
    for n, name in enumerate(usual):
        if name in names or not free:
            continue
        alike = max(free, key=lambda other: SequenceMatcher(None, name.lower(), other.lower()).ratio())
        # In a table that is otherwise the same, what stands in its place is its new name.
        same_place = len(usual) == len(names) and names[n] in free and len(free) * 2 <= len(names)
        if SequenceMatcher(None, name.lower(), alike.lower()).ratio() >= _SAME_NAME:
            out[name] = alike
        elif same_place:
            out[name] = names[n]
        else:
            continue
        free.remove(out[name])
    return out


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
