"""The reference says what the code says, and leaves nothing out."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import typer

from docs.generator import commands, contracts, settings, specimens
from docs.generator.pages import pages
from etl_assets.cli.main import app
from etl_assets.contracts.declare import SHORT_NAMES
from etl_assets.errors import SettingsError
from etl_assets.settings import load_settings
from etl_assets.settings.schemas import schemas

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "reference"
ORDERS = """
sources: {orders: {pattern: "{period:%Y-%m-%d}.csv"}}
calendar: {start: 2024-01-01}
"""


@pytest.mark.parametrize("name", ["settings.md", "dq.md", "contracts.md", "declared.md", "metadata.md"])
def test_the_pages_are_current(name: str) -> None:
    assert (FOLDER / name).read_text(encoding="utf-8") == pages()[name], "run `make reference`"


def properties(schema: object) -> set[str]:
    """The keys that a JSON Schema knows, at any depth."""
    if isinstance(schema, list):
        return set().union(*map(properties, schema))
    if not isinstance(schema, dict):
        return set()
    found = set(schema["properties"]) if isinstance(schema.get("properties"), dict) else set()
    return found.union(*map(properties, schema.values()))


def test_every_setting_of_the_schema_is_on_the_page() -> None:
    text = settings.page()
    known = set().union(*(properties(json.loads(schema)) for schema in schemas().values()))
    assert len(known) > 60
    assert {key for key in known if f"| `{key}` |" not in text} == set()


def test_every_variable_can_be_set(tmp_path: Path) -> None:
    """What stands in the last column is a variable that the settings know."""
    (tmp_path / "config" / "datasets").mkdir(parents=True)
    (tmp_path / "config" / "datasets" / "orders.yaml").write_text(ORDERS, encoding="utf-8")
    found = [one for part in (settings.app_sections(), settings.dataset_sections()) for one in part]
    variables = {one.variable: one for section in found for one in section.settings if one.variable}
    assert len(variables) > 60
    unknown = []
    for name in variables:
        real = name.replace("<DATASET>", "ORDERS").replace("<TABLE>", "ORDERS")
        real = real.replace("<SCOPE>", "SILVER").replace("<DIMENSION>", "VALIDITY").replace("<NAME>", "ERP")
        assert "<" not in real, name
        # Hardly ever a good value: it has to be refused for what it says, not for its name. Which options a
        # format has depends on its type.
        told = refusal(tmp_path / "config", {real: "?"})
        if "Unknown setting" in told and "__FORMAT__" not in real:
            unknown.append(real)
    assert unknown == []


def refusal(config: Path, environment: dict[str, str]) -> str:
    """What the settings say against these variables, or against what they make of a dataset."""
    try:
        broken = load_settings(config, environment).broken_datasets
    except SettingsError as error:
        return str(error)
    return " ".join(map(str, broken.values()))


def test_every_verb_and_option_is_on_the_page() -> None:
    text = commands.page()
    verbs = list(commands.verbs(typer.main.get_command(app), "dq"))
    assert len(verbs) > 8
    for verb, command in verbs:
        (section,) = re.findall(rf"^## `{verb}`$(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        for parameter in command.params:
            for option in parameter.opts if parameter.name != "help" else ():
                assert option in section or parameter.metavar in section or option.upper() in section


def test_every_argument_of_a_field_is_told() -> None:
    assert contracts.untold() == set()
    assert set(SHORT_NAMES) - {"between"} <= set(specimens.CHECKS)


def test_what_is_said_to_be_refused_is_refused() -> None:
    assert len(list(specimens.refusals())) == len(specimens.REFUSED)
