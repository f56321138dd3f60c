"""The page of `dataset.yaml`, from the models that read it."""

from __future__ import annotations

from docs.generator.markdown import document, prose
from docs.generator.settings import model_sections
from etl_assets.datasets.declared.declaration import Declaration


def page() -> str:
    """Return the page."""
    return document(
        "# `dataset.yaml`",
        prose(Declaration.__doc__ or ""),
        "A key that is not on this page is refused, with its line.",
        *model_sections(Declaration),
    )
