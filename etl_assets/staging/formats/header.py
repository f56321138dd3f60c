"""The names of a file's columns, made fit only as far as the file's settings ask for it."""

from __future__ import annotations

from collections.abc import Sequence


def fit_names(names: Sequence[str], *, trim: bool = False, unique: bool = False) -> tuple[str, ...]:
    """Return the header's names as a source's `trim_header` and `unique_header` ask for."""
    found = [name.strip() for name in names] if trim else list(names)
    return unique_names(found) if unique else tuple(found)


def unique_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return non-empty names, each once: `column_3` for an empty one, `price_2` for the second `price`.

    A name that stands in the header as it is keeps it; a made one gives way to it.
    """
    taken = {name for name in names if name}
    seen: set[str] = set()
    out: list[str] = []
    for position, name in enumerate(names, 1):
        wanted = name or f"column_{position}"
        if name and name not in seen:
            seen.add(name)
            out.append(name)
            continue
        made, number = wanted, 1
        while made in taken or made in seen:
            number += 1
            made = f"{wanted}_{number}"
        seen.add(made)
        out.append(made)
    return tuple(out)
