"""Write the pages of the reference: `python -m docs.generator`."""

from __future__ import annotations

import sys
from pathlib import Path

from docs.generator.pages import write_pages

if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("docs/reference")
    for changed in write_pages(folder):
        print(f"written: {changed}")
