"""Paths into JSON objects, such as `address.city` or `items[0].sku`."""

from __future__ import annotations

import re
from functools import lru_cache

Step = str | int
"""A key of an object, or a position in a list from 0."""

_STEP = re.compile(r'(?P<dot>\.)?(?P<name>[^.\[\]"]+)|\[(?P<index>\d{1,6})\]|\["(?P<quoted>[^"]*)"\]')


@lru_cache(maxsize=4096)
def parse_path(path: str) -> tuple[Step, ...]:
    """Return the steps of a path; a key that holds a dot is written `["a.b"]`.

    Raises:
        ValueError: It is no path; the message says what is expected.
    """
    steps: list[Step] = []
    position = 0
    while position < len(path):
        found = _STEP.match(path, position)
        if found is None or (found["name"] is not None and bool(found["dot"]) != bool(steps)):
            raise ValueError(
                f'{path!r} is no path; expected one such as address.city, items[0].sku or ["a.b"]'
            )
        if found["index"] is not None:
            steps.append(int(found["index"]))
        else:
            steps.append(found["name"] if found["name"] is not None else found["quoted"])
        position = found.end()
    return tuple(steps)


def written_path(steps: tuple[Step, ...]) -> str:
    """Return a path as it is written."""
    out = ""
    for step in steps:
        if isinstance(step, int):
            out += f"[{step}]"
        elif re.search(r'[.\[\]"]', step) or not step:
            out += f'["{step}"]'
        else:
            out += f".{step}" if out else step
    return out
