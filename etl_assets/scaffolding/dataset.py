"""A dataset drafted from files: its modules, its YAML and its test, tried out before anything is written."""

from __future__ import annotations

import datetime as dt
import math
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import yaml
from pydantic import ValidationError

from etl_assets.datasets import BUILT_IN
from etl_assets.errors import EtlError, SettingsError
from etl_assets.inspection.rhythm import Rhythm, common_rhythm, machine_timezone
from etl_assets.scaffolding.drafts import Material, TableDraft, draft_columns
from etl_assets.scaffolding.dry_run import Findings, load_draft, try_out
from etl_assets.scaffolding.existing import Existing
from etl_assets.scaffolding.generated_test import generated_test
from etl_assets.scaffolding.gold import gold_drafts, gold_module
from etl_assets.scaffolding.materials import gather
from etl_assets.scaffolding.modules import bronze_module, init_module, silver_module
from etl_assets.scaffolding.names import is_dataset_name
from etl_assets.scaffolding.rules import add_rules
from etl_assets.scaffolding.settings_file import TOLERANCE, settings_file
from etl_assets.settings.dataset import DatasetSettings
from etl_assets.staging.calendar import Calendar
from etl_assets.staging.matching import Match, match

_MOST_TRIES = 4
_MOST_TOLERATED = 0.5
_ROOM = 1.5
"""The next file may be so much worse than the worst of those that were looked at."""


class ScaffoldingError(EtlError):
    """The dataset can't be written as asked for; nothing was written."""


@dataclass(frozen=True)
class Doubt:
    """Something to be looked at.

    Attributes:
        file: The generated file, below the project's folder.
        line: Its line.
        text: What is unsure.
    """

    file: str
    line: int
    text: str


@dataclass(frozen=True)
class Draft:
    """A dataset that can be written.

    Attributes:
        name: Of the dataset.
        files: Path below the project's folder -> text.
        paths: Key below the staging area -> the file that was given.
        tables: What was drafted.
        findings: Table -> what the rows that were looked at come to.
        snapshot_keys: Keys of files of which the newest alone counts, oldest first.
        kept: Tables that the dataset has already, and that none of the files given belongs to.
        held: As `paths`, of files with another header than the others of their table: a run puts them on
            hold.
    """

    name: str
    files: dict[str, str]
    paths: dict[str, Path]
    tables: Sequence[TableDraft]
    findings: Mapping[str, Findings]
    snapshot_keys: Sequence[str]
    kept: Sequence[str] = ()
    held: Mapping[str, Path] = field(default_factory=dict)

    @property
    def doubts(self) -> list[Doubt]:
        """What is unsure, by file and line."""
        return [doubt for file, text in self.files.items() for doubt in _doubts(file, text)]


def draft_dataset(
    name: str,
    given: Sequence[Path],
    *,
    timezone: str | None = None,
    code_folder: str = "datasets",
    columns: Sequence[str] = (),
    existing: Existing | None = None,
) -> Draft:
    """Draft a dataset from files such as those that will be delivered.

    Args:
        name: Of the dataset.
        given: Files, or folders of files.
        timezone: Of the calendar; by default this machine's.
        code_folder: The project's folder of datasets, below the project's own.
        columns: Names of the columns, where the files have no header.
        existing: The dataset as it is, if it is there: its other tables are drafted anew from what is staged.

    Raises:
        TablesLostError: Nothing is staged of a table that the dataset has.
        ScaffoldingError: The name can't be used, or the files can't be told apart.
        StagingError: A file is not there, or holds no table.
    """
    _check_name(name)
    if len({*columns}) < len(columns) or not all(columns):
        raise ScaffoldingError("A column needs a name of its own", hint="Give each name once")
    gathered = gather(name, given, columns, existing=existing)
    rhythms = [one.layout.rhythm for one in gathered.materials if one.layout.rhythm is not None]
    rhythm = common_rhythm(rhythms) if rhythms else None
    days = [day for one in gathered.materials for day in one.layout.dates.values()]
    calendar = _calendar(rhythm, days, gathered.paths.values(), timezone or machine_timezone())
    description = _description(gathered.materials, len(gathered.paths))
    with tempfile.TemporaryDirectory(prefix="dq-new-") as folder:
        tables, modules, findings = _tried(name, description, gathered.materials, Path(folder))
    tolerance = _tolerance(tables)
    files = {f"{code_folder}/{name}/{module}": text for module, text in modules.items()}
    last = max(
        [*days, *(one.layout.last_day for one in gathered.materials if one.layout.last_day)], default=None
    )
    settings = settings_file(
        description, tables, rhythm, calendar, tolerance, last=last, zone_assumed=timezone is None
    )
    files[f"config/datasets/{name}.yaml"] = settings
    _check_settings(name, settings, tables, {**gathered.paths, **gathered.held})
    files[f"tests/test_{name}.py"] = generated_test(name, tables, code_folder)
    snapshots = [
        key for table in tables if not table.material.partitioned for key in table.material.layout.ordered
    ]
    held = gathered.held
    return Draft(name, files, gathered.paths, tables, findings, snapshots, gathered.kept, held)


def _check_name(name: str) -> None:
    if not is_dataset_name(name):
        raise ScaffoldingError(
            f"{name!r} is no name of a dataset",
            hint="Take lower-case letters, digits and _, such as sales; a word of Python can't be one",
        )
    if name in BUILT_IN:
        raise ScaffoldingError(f"There is a built-in dataset {name}", hint="Take another name")


def _calendar(
    rhythm: Rhythm | None, days: Sequence[dt.date], paths: Iterable[Path], timezone: str
) -> Calendar:
    if rhythm is not None:
        return rhythm.calendar(timezone)
    made = dt.datetime.fromtimestamp(min(path.stat().st_mtime for path in paths), dt.UTC).date()
    return Calendar(start=min(days, default=made), timezone=timezone)


def _description(materials: Sequence[Material], files: int) -> str:
    tables = ", ".join(one.name for one in materials)
    return f"{tables}: drafted by dq new from {files:,} {'file' if files == 1 else 'files'}"


# -- drafting -----------------------------------------------------------------------------------------


def _tried(
    name: str, description: str, materials: Sequence[Material], folder: Path
) -> tuple[list[TableDraft], dict[str, str], dict[str, Findings]]:
    """Draft, try, and soften the rules that refuse too much, until the rows that were looked at pass."""
    demoted: dict[str, set[str]] = {one.name: set() for one in materials}
    for number in range(_MOST_TRIES):
        tables = _draft_tables(materials, demoted)
        modules = _modules(name, description, tables)
        dataset = load_draft(name, modules, folder / str(number))
        findings = try_out(dataset, tables)
        new = {one: {*findings[one].failing} - demoted[one] for one in demoted}
        if not any(new.values()):
            break
        for one, rules in new.items():
            demoted[one] |= rules
    for table in tables:
        table.worst = findings[table.name].worst
    return tables, modules, findings


def _draft_tables(materials: Sequence[Material], demoted: Mapping[str, set[str]]) -> list[TableDraft]:
    drafts: dict[str, TableDraft] = {}
    for material in materials:
        rules = demoted[material.name]
        as_text = {rule.removesuffix(".castable") for rule in rules if rule.endswith(".castable")}
        drafts[material.name] = draft_columns(material, as_text)
        drafts[material.name].demoted = frozenset(rules)
    for draft in drafts.values():
        add_rules(draft, drafts, draft.demoted)
    return list(drafts.values())


def _modules(name: str, description: str, tables: Sequence[TableDraft]) -> dict[str, str]:
    gold = gold_drafts(tables)
    return {
        "__init__.py": init_module(name, description, tables, gold),
        "bronze.py": bronze_module(name, tables),
        "silver.py": silver_module(name, tables),
        "gold.py": gold_module(name, gold),
    }


def _tolerance(tables: Sequence[TableDraft]) -> float:
    """Five per cent, or as much as lets the files through that were looked at, and those a little worse."""
    needed = _ROOM * max((table.worst[0] for table in tables), default=0.0)
    if needed <= TOLERANCE:
        return TOLERANCE
    return min(_MOST_TOLERATED, math.ceil(round(needed * 20, 6)) / 20)


# -- checks -------------------------------------------------------------------------------------------


def _check_settings(name: str, text: str, tables: Sequence[TableDraft], paths: Mapping[str, Path]) -> None:
    """The YAML must be what the settings take, and give each file to its table alone."""
    try:
        settings = DatasetSettings(**yaml.safe_load(text))
    except (ValidationError, yaml.YAMLError) as error:
        raise SettingsError(f"The settings drafted for {name} are not sound: {error}") from error
    for table in tables:
        for key in (*table.material.layout.ordered, *table.material.held):
            found = match(key, settings.sources, key_format=settings.calendar.key_format)
            if found != Match(table.name, getattr(found, "period", None), getattr(found, "part", None)):
                raise ScaffoldingError(
                    "Which table a file belongs to can't be told by its name",
                    where={"file": paths.get(key, key)},
                    hint="Give the files of each table in a folder of its own, or make a dataset of each",
                )


def _doubts(file: str, text: str) -> Iterator[Doubt]:
    lines = text.split("\n")
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("# unsure: "):
            told = [line.strip().removeprefix("# unsure: ")]
            for following in lines[number:]:
                rest = following.strip()
                if not rest.startswith("#   "):
                    break
                told.append(rest.removeprefix("#   "))
            # One more than here: the line with the checksum comes first.
            yield Doubt(file, number + 1, " ".join(told))
