from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from etl_assets.inspection.inspect import inspect_file
from etl_assets.inspection.records import Certainty, Inspection, Proposal
from etl_assets_tests.inspection.hard_cases import CASES
from etl_assets_tests.inspection.hard_cases.case import Case


@pytest.mark.parametrize("name", CASES)
def test_it_is_read_rightly(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    path = tmp_path / case.name
    path.write_bytes(case.content)

    found = inspect_file(path)

    proposals = {one.aspect: one for one in found.proposals}
    assert found.format.type == case.format
    for setting, wanted in case.read.items():
        assert is_one_of(getattr(found.format, setting), wanted), (setting, proposals.get(setting))
    if case.header_line is not None and "header_line" in proposals:
        assert proposals["header_line"].value == case.header_line, proposals["header_line"]
    assert value_of(proposals.get("footer")) == case.footer_lines
    assert not case.names or tuple(column.name for column in found.columns) == case.names
    assert case.rows is None or found.rows == case.rows
    for name, wanted in case.columns.items():
        for attribute, value in wanted.items():
            assert getattr(found.column(name), attribute) == value, (name, attribute, found.column(name))
    for what in case.unsure:
        certainty = proposals[what].certainty if what in proposals else found.column(what).certainty
        assert certainty is Certainty.UNSURE, what
    for words in case.told:
        assert words in all_that_is_told(found)
    assert proposals["proof"].value == case.proof, proposals["proof"]


def is_one_of(found: object, wanted: object) -> bool:
    return found in wanted if isinstance(wanted, set) else found == wanted


def value_of(footer: Proposal | None) -> Any:
    return 0 if footer is None else footer.value


def all_that_is_told(found: Inspection) -> str:
    columns = (text for column in found.columns for text in (column.evidence, *column.hints))
    return " ".join([*found.problems, *(one.evidence for one in found.proposals), *columns])


def test_each_case_is_a_case_of_its_own() -> None:
    files = [(case.name, case.content) for case in CASES.values()]

    assert len(set(files)) == len(files) >= 40


def test_a_wrong_finding_is_seen(tmp_path: Path) -> None:
    """The comparison itself can fail: a case with a wrong truth does."""
    CASES["a wrong truth"] = Case(b"a;b\n1;2\n", read={"separator": ","})
    try:
        with pytest.raises(AssertionError):
            test_it_is_read_rightly("a wrong truth", tmp_path)
    finally:
        del CASES["a wrong truth"]
