"""How Sphinx makes the site: `make docs`."""

from typing import Any

project = "etl_assets"
html_title = "etl_assets"
extensions = ["myst_parser"]
exclude_patterns = ["generator"]

myst_enable_extensions = ["attrs_block"]
# `page.md#a-heading` is a link that can be checked; deeper headings are rarely linked to.
myst_heading_anchors = 4

html_theme = "furo"
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
html_static_path = ["_static"]
html_css_files = ["wide.css"]
html_copy_source = False
html_show_sphinx = False
# Styles that tell the lines of a change apart.
pygments_style = "default"
pygments_dark_style = "monokai"


def setup(app: Any) -> None:
    """Put the decisions below their list, which reads well on its own, too."""

    def below(_app: Any, docname: str, source: list[str]) -> None:
        if docname == "adr/README":
            source[0] += "\n```{toctree}\n:hidden:\n:glob:\n\n0*\n```\n"

    app.connect("source-read", below)
