"""Which library finds what, on the hard cases of the tests and on real files.

    python -m benchmarks.inspection_libraries [FOLDER of real CSV files with commas and a header]

What is not installed is left out: DuckDB is no dependency of the project.
"""

from __future__ import annotations

import codecs
import csv
import sys
import tempfile
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

from etl_assets.inspection.inspect import inspect_file
from etl_assets.inspection.sampling import take_sample
from etl_assets_tests.inspection.hard_cases import CASES
from etl_assets_tests.inspection.hard_cases.case import Case

SNIFFED = 16_000
KINDS = {"BIGINT": "integer", "DOUBLE": "decimal", "DATE": "date", "TIME": "time", "BOOLEAN": "boolean"}

Found = dict[str, Any]
"""What a library says: separator, header_line, kinds; only what it speaks of."""


def main() -> None:
    """Print the tables of ADR 11."""
    warnings.simplefilter("ignore")
    cases = {name: case for name, case in CASES.items() if case.format in ("csv", "tsv")}
    libraries = {name: look for name, look in LIBRARIES.items() if works(look)}
    with tempfile.TemporaryDirectory() as folder:
        hits, seconds = on_cases(cases, libraries, Path(folder))
        report("hard cases", hits, seconds)
        report("encodings", *on_encodings(cases, Path(folder)))
    for given in sys.argv[1:]:
        real = {str(path): path for path in sorted(Path(given).rglob("*.csv"))}
        report(f"{len(real)} real files", *on_real_files(real, libraries))


def on_cases(cases: dict[str, Case], libraries: dict[str, Any], folder: Path) -> Any:
    """Count what each library finds in files that were made UTF-8 for it."""
    hits: dict[tuple[str, str], list[bool]] = defaultdict(list)
    seconds: Counter[str] = Counter()
    for name, case in cases.items():
        path = folder / f"{name}.csv"
        path.write_bytes(case.content)
        text = b"".join(take_sample(path).pieces)
        plain = text.decode(sorted(wanted(case.read.get("encoding", "utf-8")))[0], "replace")
        path.write_text(plain.removeprefix("\ufeff"), encoding="utf-8", newline="")
        truth = truth_of(case)
        for library, look in libraries.items():
            began = time.perf_counter()
            found = tried(look, path)
            seconds[library] += time.perf_counter() - began
            for what, value in truth.items():
                if found is None or what.partition(":")[0] in found or what in found:
                    hits[library, what.partition(":")[0]].append(
                        found is not None and found.get(what) == value
                    )
    return hits, seconds


def truth_of(case: Case) -> Found:
    """What is to be found in a case."""
    truth: Found = {}
    if separator := "\t" if case.format == "tsv" else case.read.get("separator"):
        truth["separator"] = separator
    if case.header_line is not None:
        truth["header_line"] = case.header_line
    for column, expected in case.columns.items():
        if "kind" in expected:
            truth[f"kind:{column}"] = expected["kind"]
    return truth


def on_encodings(cases: dict[str, Case], folder: Path) -> Any:
    """Count whose encoding is one of the right ones."""
    hits: dict[tuple[str, str], list[bool]] = defaultdict(list)
    seconds: Counter[str] = Counter()
    for name, case in cases.items():
        if "encoding" not in case.read or case.content.isascii() or name.startswith("gzip"):
            continue
        right = {codecs.lookup(one).name for one in wanted(case.read["encoding"])}
        path = folder / f"{name}.bytes"
        path.write_bytes(case.content)
        for library, detect in ENCODINGS.items():
            if works(detect):
                began = time.perf_counter()
                said = tried(detect, path)
                seconds[library] += time.perf_counter() - began
                hits[library, "encoding"].append(bool(said) and codecs.lookup(said).name in right)
    return hits, seconds


def on_real_files(paths: dict[str, Path], libraries: dict[str, Any]) -> Any:
    """Count whose separator is a comma, and whose header is line 1."""
    hits: dict[tuple[str, str], list[bool]] = defaultdict(list)
    seconds: Counter[str] = Counter()
    for path in paths.values():
        for library, look in libraries.items():
            began = time.perf_counter()
            found = tried(look, path) or {}
            seconds[library] += time.perf_counter() - began
            hits[library, "separator"].append(found.get("separator") == ",")
            if library != "CleverCSV":
                hits[library, "header_line"].append(found.get("header_line") == 1)
    return hits, seconds


# -- libraries ------------------------------------------------------------------------------------


def duckdb(path: Path) -> Found:
    """DuckDB's sniffer."""
    import duckdb

    query = "select Delimiter, SkipRows, HasHeader, Columns from sniff_csv(?)"
    separator, skipped, header, columns = duckdb.execute(query, [str(path)]).fetchone()  # type: ignore[misc]
    kinds = {
        f"kind:{one['name']}": KINDS.get(one["type"], "datetime" if "TIMESTAMP" in one["type"] else "text")
        for one in columns
    }
    return {"separator": separator, "header_line": skipped + 1 if header else 0, "kind": True, **kinds}


def clevercsv(path: Path) -> Found:
    """CleverCSV; its word on headers is that of the standard library."""
    import clevercsv

    dialect = clevercsv.Sniffer().sniff(path.read_text("utf-8")[:SNIFFED])
    return {"separator": dialect.delimiter if dialect else None}


def standard_library(path: Path) -> Found:
    """csv.Sniffer."""
    with path.open(encoding="utf-8", newline="") as file:
        text = file.read(SNIFFED)
    found: Found = {"separator": csv.Sniffer().sniff(text).delimiter}
    return {**found, "header_line": int(csv.Sniffer().has_header(text))}


def ours(path: Path) -> Found:
    """`dq inspect`, which asks CleverCSV and charset-normalizer and weighs."""
    found = inspect_file(path, proof=False)
    said = {one.aspect: one.value for one in found.proposals}
    kinds = {f"kind:{one.name}": one.kind.value for one in found.columns}
    return {"separator": said["separator"], "header_line": said["header_line"], "kind": True, **kinds}


def charset_normalizer(path: Path) -> str | None:
    """charset-normalizer."""
    from charset_normalizer import from_bytes

    best = from_bytes(path.read_bytes()).best()
    return best.encoding if best else None


def chardet(path: Path) -> str | None:
    """chardet 7."""
    import chardet

    return chardet.detect(path.read_bytes())["encoding"]


def our_encoding(path: Path) -> str | None:
    """`dq inspect`."""
    return str(inspect_file(path, proof=False).format.model_dump()["encoding"])


LIBRARIES: dict[str, Callable[[Path], Found]] = {
    "DuckDB": duckdb,
    "CleverCSV": clevercsv,
    "csv.Sniffer": standard_library,
    "dq inspect": ours,
}
ENCODINGS: dict[str, Callable[[Path], str | None]] = {
    "charset-normalizer": charset_normalizer,
    "chardet": chardet,
    "dq inspect": our_encoding,
}


# -- small things ---------------------------------------------------------------------------------


def wanted(value: Any) -> set[str]:
    """One or several right answers."""
    return value if isinstance(value, set) else {value}


def tried(look: Callable[[Path], Any], path: Path) -> Any:
    """What a library says; None where it stumbles."""
    try:
        return look(path)
    except Exception:
        return None


def works(look: Callable[[Path], Any]) -> bool:
    """Whether a library is installed."""
    try:
        look(Path(__file__))
    except ImportError:
        return False
    except Exception:
        return True
    return True


def report(title: str, hits: dict[tuple[str, str], list[bool]], seconds: Counter[str]) -> None:
    """Print hits of tries."""
    print(f"\n{title}")
    for (library, what), found in sorted(hits.items(), key=lambda one: one[0][::-1]):
        print(
            f"  {what:<12} {library:<20} {sum(found):>4} of {len(found):>4}   {seconds[library]:.1f} s in all"
        )


if __name__ == "__main__":
    main()
