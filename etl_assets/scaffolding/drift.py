"""Files of one table whose header has changed: they are the table's, and a run puts them on hold."""

from __future__ import annotations

from collections.abc import Mapping

from etl_assets.inspection.file_names import naming_of
from etl_assets.inspection.records import Inspection
from etl_assets.staging.formats.options import JsonRecordsFormat

_ALIKE = 0.5
"""Two headers that share so many of their names are one table's, before and after a change."""


def without_drift(
    parts: list[dict[str, Inspection]],
) -> list[tuple[dict[str, Inspection], list[str], list[str]]]:
    """Files that are named as those of another table and have nearly its header are that table's, changed.

    Returns:
        Of each table the files, what is to be looked at, and the keys of the changed ones.
    """
    ordered = sorted(parts, key=lambda files: (len(files), max(files)), reverse=True)
    kept: list[tuple[dict[str, Inspection], list[str], list[str]]] = []
    for files in ordered:
        host = next((one for one in kept if _drifted(one[0], files)), None)
        if host is None:
            kept.append((files, [], []))
            continue
        named = ", ".join(sorted(files)[:3]) + (f" and {len(files) - 3} more" if len(files) > 3 else "")
        told = f"another header, so that a run puts it on hold ({_difference(host[0], files)})"
        host[1].append(f"unsure: {named}: {told}; {_way_out(host[0], files)}")
        host[2].extend(files)
    return kept


def _header(files: Mapping[str, Inspection]) -> list[str]:
    return [column.name for column in next(iter(files.values())).columns]


def _drifted(host: Mapping[str, Inspection], files: Mapping[str, Inspection]) -> bool:
    one, other = {*_header(host)}, {*_header(files)}
    if len(one & other) < _ALIKE * len(one | other):
        return False
    naming, both = naming_of(sorted(host)), naming_of(sorted({*host, *files}))
    return both.pattern == naming.pattern or (bool(both.dates) and not both.left_out and not both.parts)


def _difference(host: Mapping[str, Inspection], files: Mapping[str, Inspection]) -> str:
    one, other = _header(host), _header(files)
    missing, extra = [name for name in one if name not in other], [name for name in other if name not in one]
    told = [
        f"missing: {', '.join(missing[:5])}" if missing else "",
        f"extra: {', '.join(extra[:5])}" if extra else "",
    ]
    return "; ".join(filter(None, told)) or "the order is another one"


def _way_out(host: Mapping[str, Inspection], files: Mapping[str, Inspection]) -> str:
    """What to do about files with another header."""
    if not isinstance(next(iter(host.values())).format, JsonRecordsFormat):
        return "have all files sent with one header, or make a dataset of those with the new one"
    extra = {*_header(files)} - {*_header(host)}
    if not extra:
        return "name under `optional` of the format what files may lack"
    return (
        "declare what is extra in bronze, with its path under `columns` of the format if it is nested, and "
        "name it under `optional`, since other files lack it; or name its path under `ignore`"
    )
