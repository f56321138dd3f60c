"""Write the JSON Schemas of the settings files: `python -m etl_assets.settings`, or `make schemas`."""

from __future__ import annotations

import sys
from pathlib import Path

from etl_assets.settings.schemas import write_schemas

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("config/schemas")
    for changed in write_schemas(folder):
        print(f"written: {changed}")
