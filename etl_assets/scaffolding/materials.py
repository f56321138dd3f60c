"""Sorts files into tables, and gathers what is known of each: layout, columns, suggestions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import polars as pl

from etl_assets.contracts.provenance import PERIOD
from etl_assets.errors import StagingError
from etl_assets.inspection.columns import describe_column
from etl_assets.inspection.common_format import common_format
from etl_assets.inspection.file_names import naming_of
from etl_assets.inspection.given_names import with_names
from etl_assets.inspection.inspect import inspect_file
from etl_assets.inspection.layout import Layout, propose_layout
from etl_assets.inspection.records import Certainty, Column, Inspection
from etl_assets.profiling.suggest import suggest
from etl_assets.scaffolding.drafts import Material
from etl_assets.scaffolding.drift import without_drift
from etl_assets.scaffolding.existing import Existing
from etl_assets.scaffolding.formats import renamed, typed_rows, types_of
from etl_assets.scaffolding.names import is_readable, snake_case
from etl_assets.staging.source import Mode, PeriodFrom, compile_pattern

MOST_READ = 100
"""Of more files only so many are looked at; of the others the names are."""
_MOST_ROWS = 40_000
_DAY_OR_MONTH = re.compile("%-?[dm]")


@dataclass(frozen=True)
class Group:
    """Files that make one table.

    Attributes:
        name: Of the table.
        files: Key -> what the file looks like.
        keys: Of all of them, also of those that were not looked at.
        doubts: What is to be looked at.
        held: Keys of further files of the table, with another header.
    """

    name: str
    files: dict[str, Inspection]
    keys: tuple[str, ...]
    doubts: tuple[str, ...] = ()
    held: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """The keys of all files that are named as the table's are."""
        return (*self.keys, *self.held)


@dataclass(frozen=True)
class Gathered:
    """All tables, and where each file goes.

    Attributes:
        materials: A table each.
        paths: Key below the staging area -> the file that was given, or that is staged.
        kept: Tables that the dataset has already, and that no file given belongs to.
        held: As `paths`, of files that have another header than the others of their table.
    """

    materials: list[Material]
    paths: dict[str, Path]
    kept: list[str] = field(default_factory=list)
    held: dict[str, Path] = field(default_factory=dict)


def gather(
    dataset: str, given: Sequence[Path], names: Sequence[str] = (), existing: Existing | None = None
) -> Gathered:
    """Look at the files, and sort them into tables by their headers.

    Args:
        dataset: Name of the dataset.
        given: Files, or folders of files.
        names: Of the columns, where the files have no header.
        existing: The dataset as it is: its other tables are looked at as they are staged.

    Raises:
        TablesLostError: Nothing is staged of such a table.
        StagingError: There is no file, or one of them holds no table.
        NoTableError: The names are not those of the file's columns.
    """
    paths = existing.keyed(keys_of(given)) if existing else keys_of(given)
    kept = existing.without(paths) if existing else []
    staged = existing.staged(kept) if existing else {}
    paths = {**staged, **paths}
    read = _spread(sorted(paths))
    seen = {key: inspect_file(paths[key], proof=number == 0) for number, key in enumerate(read)}
    if names:
        seen = {key: with_names(one, names) for key, one in seen.items()}
    groups = _groups(dataset, seen, [key for key in paths if key not in seen])
    if existing:
        groups = [replace(group, name=existing.name_of(group.keys) or group.name) for group in groups]
    if len(groups) > 1 and _collide(groups):
        # A folder for each table, so that no name can belong to two.
        paths = {f"{group.name}/{key}": paths[key] for group in groups for key in group.named}
        groups = [_below(group) for group in groups]
    layouts = {group.name: propose_layout(group.files, group.named) for group in groups}
    materials = [_material(group, layouts[group.name]) for group in groups]
    held = {key: paths[key] for group in groups for key in group.held}
    known = {key for group in groups for key in group.keys}
    paths = {key: path for key, path in paths.items() if key in known}
    if existing:
        existing.check_kept({**paths, **held}, staged)
    return Gathered(_with_suggestions(materials), paths, kept, held)


# -- files --------------------------------------------------------------------------------------------


def keys_of(given: Sequence[Path]) -> dict[str, Path]:
    """The keys that files, or folders of files, have below the staging area.

    Raises:
        StagingError: There is no such file.
    """
    return _keys(_files(given))


def _files(given: Sequence[Path]) -> list[Path]:
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            inside = sorted(
                one
                for one in path.rglob("*")
                if one.is_file() and not any(part.startswith(".") for part in one.relative_to(path).parts)
            )
            if not inside:
                raise StagingError("The folder is empty", where={"folder": path}, hint="Name files")
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise StagingError("There is no such file", where={"file": path}, hint="Name files, or a folder")
    return list(dict.fromkeys(one.absolute() for one in found))


def _keys(paths: Sequence[Path]) -> dict[str, Path]:
    """The files' own names where these tell them apart, else their paths below the folder of all."""
    names = Counter(path.name for path in paths)
    dated = re.compile(r"[0-9]{4}|=")
    folders = {path.parent for path in paths}
    plain = max(names.values()) == 1 and (
        len(folders) == 1 or all(dated.search(path.name) for path in paths) or len(paths) == 1
    )
    if plain:
        return {path.name.lstrip("."): path for path in paths}
    above = Path(*_shared([path.parent.parts for path in paths]))
    return {path.relative_to(above).as_posix(): path for path in paths}


def _shared(parts: Sequence[Sequence[str]]) -> list[str]:
    shared = []
    for level in zip(*parts, strict=False):
        if len(set(level)) > 1:
            break
        shared.append(level[0])
    return shared


def _spread(keys: Sequence[str]) -> list[str]:
    if len(keys) <= MOST_READ:
        return list(keys)
    places = {round(n * (len(keys) - 1) / (MOST_READ - 1)) for n in range(MOST_READ)}
    return [keys[place] for place in sorted(places)]


# -- tables -------------------------------------------------------------------------------------------


def _groups(dataset: str, seen: Mapping[str, Inspection], unseen: Iterable[str]) -> list[Group]:
    by_header: dict[tuple[object, ...], dict[str, Inspection]] = {}
    for key, inspection in seen.items():
        if not inspection.columns:
            raise StagingError("The file has no columns", where={"file": inspection.path})
        header = (inspection.format.type, *(column.name for column in inspection.columns))
        by_header.setdefault(header, {})[key] = inspection
    parts = without_drift(list(by_header.values()))
    names = _table_names(dataset, [sorted(files) for files, _, _ in parts])
    patterns = [compile_pattern(naming_of(sorted(files)).pattern).expression for files, _, _ in parts]
    keys: list[list[str]] = [list(files) for files, _, _ in parts]
    for key in unseen:
        owners = [n for n, pattern in enumerate(patterns) if pattern.fullmatch(key)]
        keys[owners[0] if owners else 0].append(key)
    return [
        Group(name, files, tuple(sorted(own)), tuple(doubts), tuple(sorted(held)))
        for name, (files, doubts, held), own in zip(names, parts, keys, strict=True)
    ]


def _table_names(dataset: str, keys: Sequence[Sequence[str]]) -> list[str]:
    if len(keys) == 1:
        return [dataset]
    stems = []
    for own in keys:
        pattern = naming_of(own).pattern
        stem = re.sub(
            r"\{[^}]*\}|\*",
            " ",
            PurePosixPath(pattern).name.partition(".")[0] if "{period" not in pattern else pattern,
        )
        stem = re.sub(r"\.[A-Za-z0-9.]+$", "", stem.rpartition("/")[2])
        stems.append(re.sub("^[^a-z]+", "", snake_case(stem)) or dataset)
    names: list[str] = []
    for stem in stems:
        name, number = stem, 1
        while name in names:
            number += 1
            name = f"{stem}_{number}"
        names.append(name)
    return names


def _collide(groups: Sequence[Group]) -> bool:
    patterns = [compile_pattern(_pattern(group)).expression for group in groups]
    return any(
        pattern.fullmatch(key)
        for n, pattern in enumerate(patterns)
        for m, group in enumerate(groups)
        if n != m
        for key in group.keys
    )


def _pattern(group: Group) -> str:
    return propose_layout(group.files, group.named).source.pattern


def _below(group: Group) -> Group:
    folder = f"{group.name}/"
    return replace(
        group,
        files={folder + key: one for key, one in group.files.items()},
        keys=tuple(folder + key for key in group.keys),
        held=tuple(folder + key for key in group.held),
    )


# -- one table ----------------------------------------------------------------------------------------


def _material(group: Group, layout: Layout) -> Material:
    doubts = list(group.doubts)
    if layout.left_out:
        told = ", ".join(layout.left_out[:3]) + (" and more" if len(layout.left_out) > 3 else "")
        doubts.append(f"unsure: {told}: not named as the others, so that no table takes it")
    if len(group.keys) > len(group.files):
        doubts.append(f"{len(group.files):,} of {len(group.keys):,} files were looked at")
    used = [layout.ordered[-1]] if layout.source.mode is Mode.SNAPSHOT else list(layout.ordered)
    format_, remarks = common_format([group.files[key] for key in layout.ordered])
    doubts += remarks
    each = max(1, _MOST_ROWS // len(used))
    samples = [group.files[key].sample.head(each) for key in used]
    sample = pl.concat(samples, how="vertical_relaxed")
    labels = pl.Series(
        "file",
        [key for key, part in zip(used, samples, strict=True) for _ in range(part.height)],
        dtype=pl.String,
    )
    columns = [_dated(one, layout) for one in _columns([group.files[key] for key in used], sample)]
    headers = [column.name for column in columns]
    types = types_of(group.files[layout.ordered[-1]])
    if not all(map(is_readable, headers)):
        format_, headers, remarks = renamed(format_, headers, group.files[layout.ordered[-1]].path)
        doubts += remarks
        columns = [replace(column, name=name) for column, name in zip(columns, headers, strict=True)]
        sample = sample.rename(dict(zip(sample.columns, headers, strict=True)))
    delivered = sample.with_columns(labels.alias(PERIOD))
    if types:
        delivered = pl.concat(
            [typed_rows(group.files[key], each, key) for key in used], how="vertical_relaxed"
        )
    complete = all(group.files[key].complete and group.files[key].sample.height <= each for key in used)
    doubts += [problem for key in used[:5] for problem in group.files[key].problems]
    return Material(
        name=group.name,
        files=group.files,
        layout=replace(layout, source=layout.source.model_copy(update={"format": format_})),
        format=format_,
        headers=headers,
        types=types,
        columns=columns,
        sample=sample,
        labels=labels,
        delivered=delivered,
        complete=complete and len(group.keys) == len(group.files),
        doubts=tuple(dict.fromkeys(doubts)),
        held=group.held,
    )


def _columns(files: Sequence[Inspection], sample: pl.DataFrame) -> list[Column]:
    """What the columns are, over the rows of all files: one file may lack what another has."""
    if len(files) == 1:
        return list(files[0].columns)
    return [
        describe_column(one.name, sample[one.name]) if sample.schema[one.name] == pl.String else one
        for one in files[-1].columns
    ]


def _dated(column: Column, layout: Layout) -> Column:
    """Of two ways to read a date the one that the files' names speak for."""
    formats = layout.period_formats
    if column.name != layout.period_column or not formats or not {*formats} < {*column.formats}:
        return column
    # Another reading of the same cells goes; another way to write a date stays.
    read = {_DAY_OR_MONTH.sub("", one) for one in formats}
    formats = tuple(one for one in column.formats if one in formats or _DAY_OR_MONTH.sub("", one) not in read)
    if formats == column.formats:
        return replace(column, personal=None)
    told = f"written {' or '.join(formats)}: read so, the dates fit the names of the files"
    # Digits that are a date are no telephone number.
    return replace(
        column, formats=formats, evidence=told, hints=(), certainty=Certainty.LIKELY, personal=None
    )


def _with_suggestions(materials: Sequence[Material]) -> list[Material]:
    out = []
    for material in materials:
        others = {
            other.name: other.sample.select(pl.all().cast(pl.String))
            for other in materials
            if other is not material and not other.partitioned and other.sample.height
        }
        text = material.sample.select(pl.all().cast(pl.String))
        source = material.layout.source
        # Where each file is a partition of its own, a key is unique within one.
        alone = source.partitioned and source.period_from is PeriodFrom.FILENAME
        own = material.labels if alone and source.files_per_period == "one" else None
        found = suggest(text, material.columns, others=others, files=material.labels, partitions=own)
        out.append(replace(material, suggestions=found))
    return out
