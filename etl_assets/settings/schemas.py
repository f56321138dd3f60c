"""JSON Schemas of the settings files, for editors: completion, and red underlines before a run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from etl_assets.settings.app import AppSettings
from etl_assets.settings.dataset import DatasetSettings
from etl_assets.settings.layers import SECRET_KEYS

_NOT_IN_FILES = ("config_dir", "environment", "ledger_url")


def schemas() -> dict[str, str]:
    """Return file name -> JSON text, for `config/schemas/`."""
    return {"app.json": _text(_app_schema()), "dataset.json": _text(DatasetSettings.model_json_schema())}


def write_schemas(folder: Path) -> list[Path]:
    """Write the schemas; return the files whose content changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in schemas().items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed


def _app_schema() -> dict[str, Any]:
    schema = AppSettings.model_json_schema()
    for name in _NOT_IN_FILES:
        del schema["properties"][name]
    for name in SECRET_KEYS:
        del schema["$defs"]["StorageSettings"]["properties"][name]
    del schema["$defs"]["ConnectionSettings"]["properties"]["password"]
    # A dataset's overrides need not be complete: the dataset's own file has the rest.
    schema["$defs"]["DatasetSettings"].pop("required", None)
    schema["$defs"]["DatasetSettings"].pop("description", None)
    return schema


def _text(schema: dict[str, Any]) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
