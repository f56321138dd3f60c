from __future__ import annotations

from pathlib import Path

import pytest

from etl_assets_tests.cli import shop
from etl_assets_tests.cli.conftest import Dq, data


def uci(path: Path) -> Path:
    rows = [f"53636{n},85123A,A LAMP,6,12/{n}/2010 8:26,2.55,17850,France" for n in (1, 1, 2, 2)]
    path.write_text("\n".join([shop.HEADER, *rows, ""]), encoding="utf-8")
    return path


def test_the_uci_file_becomes_a_delivery_a_day(empty_home: Path, tmp_path: Path, dq: Dq) -> None:
    told = data(dq("retail", "split", str(uci(tmp_path / "uci.csv")), "--json"))

    staging = empty_home / "staging" / "retail"
    assert told == {"folder": str(staging), "new": 2, "changed": 0, "unchanged": 0}
    assert sorted(file.name for file in staging.iterdir()) == ["2010-12-01.csv", "2010-12-02.csv"]
    assert "2 unchanged" in dq("retail", "split", str(tmp_path / "uci.csv")).stdout


@pytest.mark.parametrize(
    ("content", "hint"),
    [(b"PK\x03\x04", "Save its sheet as CSV"), (b"a,b\n1,2\n", "split")],
)
def test_what_is_not_the_uci_file_is_wrong_use(
    empty_home: Path, tmp_path: Path, dq: Dq, content: bytes, hint: str
) -> None:
    (tmp_path / "other").write_bytes(content)
    result = dq("retail", "split", str(tmp_path / "other"))

    assert result.exit_code == 2
    assert hint in result.stderr or str(tmp_path / "other") in result.stderr


def test_the_demo_makes_a_project_where_there_is_none(
    tmp_path: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch
) -> None:
    from etl_assets.cli import run
    from etl_assets.cli.problems import ExitCode

    monkeypatch.setattr(run, "run_and_report", lambda *_, **__: ExitCode.DONE)
    monkeypatch.chdir(tmp_path)
    result = dq("demo")
    assert result.exit_code == 0, result.output
    assert f"7 files of a project written to {tmp_path}" in result.stderr
    assert (tmp_path / "var" / "staging" / "flights" / "planes.csv").is_file()
    assert "of a project" not in dq("demo").stderr


def test_the_demo_lays_out_and_runs_flights(
    empty_home: Path, dq: Dq, monkeypatch: pytest.MonkeyPatch
) -> None:
    from etl_assets.cli import demo, run
    from etl_assets.cli.problems import ExitCode

    ran: list[str] = []

    def note(_settings: object, pipeline: object, *, json: bool) -> ExitCode:
        ran.append(pipeline.name)  # type: ignore[attr-defined]
        return ExitCode.DONE

    monkeypatch.setattr(run, "run_and_report", note)
    result = dq("demo")

    assert result.exit_code == 0, result.output
    assert ran == [demo.DATASET]
    staging = empty_home / "staging" / "flights"
    assert len(list((staging / "flights").iterdir())) == 31 + 28 + 31
    assert (staging / "planes.csv").is_file()
