"""All pages of the reference."""

from __future__ import annotations

from pathlib import Path

from docs.generator import commands, contracts, declared, metadata, settings


def pages() -> dict[str, str]:
    """Return file name -> Markdown, for `docs/reference/`."""
    return {
        "settings.md": settings.page(),
        "dq.md": commands.page(),
        "contracts.md": contracts.page(),
        "declared.md": declared.page(),
        "metadata.md": metadata.page(),
    }


def write_pages(folder: Path) -> list[Path]:
    """Write the pages; return the files whose content changed."""
    folder.mkdir(parents=True, exist_ok=True)
    changed = []
    for name, text in pages().items():
        path = folder / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            changed.append(path)
    return changed
