"""Put what commands print now into pages: `make pages`, then look at the difference before it is kept.

What a page leaves out with a line `...` stays as it is; where it fits no more, that is told.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from etl_assets_tests.docs.places import place_of
from etl_assets_tests.docs.walkthrough import BLOCK, Command, Reader, commands, is_shown, steps

# What differs each time: ids of runs, moments, folders.
DIFFERING = [
    (re.compile(r"\brun [0-9a-f]{8}\b"), "run ..."),
    (re.compile(r"published \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC ─+"), "published ..."),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"), "..."),
]


def refilled(page: str, reader: Reader) -> str:
    """Return the page with the output that its commands have now."""
    out, position = "", 0
    for block in BLOCK.finditer(page):
        if block["info"].strip() != "console":
            for step in steps(block[0]):
                reader.do(step)
            continue
        told = "".join(_told(one, reader) for one in commands(block["body"].splitlines()))
        out += page[position : block.start("body")] + told
        position = block.end("body")
    return out + page[position:]


def _told(command: Command, reader: Reader) -> str:
    code, printed = reader.run(command.text)
    if code != command.exit_code:
        print(f"  exit code {code}, not {command.exit_code}: {command.text}")
    if command.shown and not is_shown(command.shown, printed):
        if "..." in command.shown:
            print(f"  fits no more: {command.text}\n{printed}")
        else:
            command.shown = _plain(printed, reader.place)
    return "".join(f"{line}\n" for line in (f"$ {command.text}", *command.shown))


def _plain(printed: str, place: Path) -> list[str]:
    lines = [line.rstrip().replace(str(place), "...") for line in printed.strip("\n").splitlines()]
    for pattern, instead in DIFFERING:
        lines = [pattern.sub(instead, line) for line in lines]
    return lines


if __name__ == "__main__":
    for name in sys.argv[1:]:
        page = Path(name)
        print(page)
        text = page.read_text(encoding="utf-8")
        with place_of(page) as reader:
            page.write_text(refilled(text, reader), encoding="utf-8")
