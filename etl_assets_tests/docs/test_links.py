"""Links of all pages. What is within the site Sphinx checks as well, whenever it is built."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def tokens(page: Path) -> Iterator[Token]:
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        yield token
        yield from token.children or ()


def links(page: Path) -> list[str]:
    """Where a page leads: links, bare addresses, pictures."""
    return [
        str(token.attrs[key])
        for token in tokens(page)
        for kind, key in (("link_open", "href"), ("image", "src"))
        if token.type == kind
    ]


def anchors(page: Path) -> set[str]:
    """The headings of a page, as links name them."""
    found = tokens(page)
    titles = [next(found).content for token in found if token.type == "heading_open"]
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def problem(page: Path, link: str) -> str:
    """What is wrong with a link, '' if nothing."""
    parts = urlsplit(link)
    if parts.scheme or link.startswith("//"):
        is_local = parts.hostname in ("127.0.0.1", "localhost")
        host = re.fullmatch(r"([a-z0-9-]+\.)+[a-z]{2,}", parts.hostname or "")
        return (
            "" if (parts.scheme == "https" and host) or (parts.scheme == "http" and is_local) else "malformed"
        )
    target = page if not parts.path else page.parent / parts.path
    if not target.exists():
        return "there is no such file"
    if not target.resolve().is_relative_to(ROOT):
        return "outside of the repository"
    if parts.fragment and parts.fragment not in anchors(target):
        return "there is no such heading"
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    assert {link: told for link in links(page) if (told := problem(page, link))} == {}


def test_there_are_links_to_check() -> None:
    assert len(links(ROOT / "README.md")) > 4
    assert any("reference/contracts.md#" in link for page in PAGES for link in links(page))


@pytest.mark.parametrize(
    "link",
    [
        "nothing.md",
        "README.md#no-such-heading",
        "http://example.com",
        "https://example",
        "https:/a.b/c",
        "#nowhere",
    ],
)
def test_a_dead_link_is_seen(link: str) -> None:
    assert problem(ROOT / "README.md", link)
