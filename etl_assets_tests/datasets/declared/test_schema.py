from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import yaml

from etl_assets.datasets.declared import declaration_schema

ROOT = Path(__file__).parents[3]


def test_the_schema_is_current() -> None:
    shipped = (ROOT / "config" / "schemas" / "declared.json").read_text(encoding="utf-8")
    assert shipped == declaration_schema(), "run `make schemas`"


def test_the_schema_knows_the_shipped_declarations_and_a_misspelt_key() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(declaration_schema()))
    shipped = [
        ROOT / "examples" / "bakery" / "datasets" / "bakery" / "dataset.yaml",
        ROOT / "etl_assets" / "datasets" / "declared" / "starter" / "dataset.yaml",
    ]
    for path in shipped:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
        validator.validate(values)
        values["tabels"] = {}
        assert not validator.is_valid(values)
