"""How Sphinx makes the site: `make docs`."""

project = "etl_assets"
html_title = "etl_assets"
extensions = ["myst_parser", "sphinx.ext.githubpages"]
exclude_patterns = ["generator"]

myst_enable_extensions = ["attrs_block", "colon_fence"]
# `page.md#a-heading` is a link that can be checked; deeper headings are rarely linked to.
myst_heading_anchors = 4
# Nothing like `10:30` or `v1.2` may turn into a link by itself.
myst_linkify_fuzzy_links = False

html_theme = "furo"
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
html_copy_source = False
html_show_sphinx = False
highlight_language = "none"
