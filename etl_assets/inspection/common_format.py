"""One way to read several files of a table, where each was looked at alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from etl_assets.inspection.records import Inspection
from etl_assets.staging.formats.options import Format

_EACH_ITS_OWN = {"encoding", "skip_pattern", "skip_repeated_header"}
"""What may differ from file to file, and of which one way does for all."""


def common_format(files: Sequence[Inspection]) -> tuple[Format, list[str]]:
    """Return one way to read some files, and what speaks against it.

    It is what most of them say, with the encoding of those that need one, and skips what is no row in any
    of them: a file may happen to have no line of totals.
    """
    counts = Counter(_alike(one.format) for one in files)
    most = counts.most_common(1)[0][0]
    alike = [one for one in files if _alike(one.format) == most]
    doubts = []
    if others := [one.path.name for one in files if _alike(one.format) != most]:
        doubts.append(f"unsure: {', '.join(others[:3])}: to be read in another way than most of the files")
    found = alike[0].format
    encodings = Counter(str(getattr(one.format, "encoding", "")) for one in alike)
    if len(encodings) > 1:
        # What is plain ASCII passes for UTF-8, and reads the same in the others' encoding.
        chosen = next(name for name, _ in encodings.most_common() if name not in ("utf-8", "ascii"))
        found = next(one.format for one in alike if getattr(one.format, "encoding", "") == chosen)
        told = ", ".join(f"{name} in {count:,} files" for name, count in encodings.most_common())
        doubts.append(f"unsure: encoding: {told}")
    skips: dict[str, object] = {}
    if pattern := _joined(getattr(one.format, "skip_pattern", None) for one in alike):
        skips["skip_pattern"] = pattern
    if any(getattr(one.format, "skip_repeated_header", False) for one in alike):
        skips["skip_repeated_header"] = True
    return found.model_copy(update=skips), doubts


def _alike(format: Format) -> str:
    return format.model_dump_json(exclude=_EACH_ITS_OWN)


def _joined(patterns: Iterable[str | None]) -> str:
    """One regular expression for the lines that any of some matches."""
    found = sorted({one for one in patterns if one}, key=lambda one: (-len(one), one))
    kept: list[str] = []
    for one in found:
        if not any(f"|{one}|" in f"|{other}|" for other in kept):
            kept.append(one)
    return "|".join(kept)
