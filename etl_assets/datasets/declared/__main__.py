"""Write the JSON Schema of `dataset.yaml`: `python -m etl_assets.datasets.declared`, or `make schemas`."""

from __future__ import annotations

import sys
from pathlib import Path

from etl_assets.datasets.declared import declaration_schema

if __name__ == "__main__":
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "config/schemas") / "declared.json"
    if not path.exists() or path.read_text(encoding="utf-8") != declaration_schema():
        path.write_text(declaration_schema(), encoding="utf-8")
        print(f"written: {path}")
