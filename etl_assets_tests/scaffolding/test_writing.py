"""What `dq new` writes, and what it leaves alone."""

from __future__ import annotations

import json
import os
import shutil
import stat
from pathlib import Path
from typing import IO

import pytest

from etl_assets.errors import EtlError
from etl_assets.scaffolding.writing import is_untouched, marked, stage_files, state_of, write_files
from etl_assets_tests.scaffolding.conftest import Dq
from etl_assets_tests.scaffolding.test_drafting import HEADER, csv, orders

FILES = {"datasets/a/silver.py": "x = 1\n", "config/datasets/a.yaml": "a: 1\n"}
NEWER = {"datasets/a/silver.py": "x = 2\n", "config/datasets/a.yaml": "a: 2\n"}


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_what_nobody_changed_is_written_anew(tmp_path: Path) -> None:
    assert sorted(write_files(tmp_path, FILES).new) == sorted(FILES)
    assert sorted(write_files(tmp_path, FILES).unchanged) == sorted(FILES)
    assert sorted(write_files(tmp_path, NEWER).refreshed) == sorted(FILES)
    assert content(tmp_path) == {name: marked(text) for name, text in NEWER.items()}


def test_one_changed_file_protects_all_of_them(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    silver = tmp_path / "datasets/a/silver.py"
    silver.write_text(silver.read_text() + "y = 2\n")
    before = content(tmp_path)
    written = write_files(tmp_path, NEWER)
    assert sorted(written.suggested) == sorted(FILES)
    after = content(tmp_path)
    assert {name: after[name] for name in before} == before
    assert {name: after[f"{name}.suggested"] for name in FILES} == {
        name: marked(text) for name, text in NEWER.items()
    }


@pytest.mark.parametrize(
    "own", ["", "x = 1\n", "# my own\nx = 1\n", marked("x = 1\n").replace("x = 1", "x = 3")]
)
def test_a_file_that_is_not_ours_is_kept(tmp_path: Path, own: str) -> None:
    path = tmp_path / "datasets/a/silver.py"
    path.parent.mkdir(parents=True)
    path.write_text(own)
    assert not is_untouched(own)
    write_files(tmp_path, FILES)
    assert path.read_text() == own


def test_a_file_that_somebody_removed_stays_away_once_others_were_changed(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    (tmp_path / "config/datasets/a.yaml").unlink()
    (tmp_path / "datasets/a/silver.py").write_text("mine\n")
    write_files(tmp_path, FILES)
    assert not (tmp_path / "config/datasets/a.yaml").exists()
    assert (tmp_path / "config/datasets/a.yaml.suggested").exists()


def test_suggestions_that_are_of_no_use_any_more_go(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    silver = tmp_path / "datasets/a/silver.py"
    silver.write_text("mine\n")
    write_files(tmp_path, NEWER)
    silver.write_text(marked(FILES["datasets/a/silver.py"]))
    write_files(tmp_path, NEWER)
    assert content(tmp_path) == {name: marked(text) for name, text in NEWER.items()}


def test_all_or_nothing(tmp_path: Path) -> None:
    (tmp_path / "config").write_text("a file where a folder has to be\n")
    before = content(tmp_path)
    with pytest.raises(EtlError, match="nothing was"):
        write_files(tmp_path, FILES)
    assert content(tmp_path) == before
    assert not (tmp_path / "datasets").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_can_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(stat.S_IRUSR | stat.S_IXUSR)
    try:
        with pytest.raises(EtlError, match="can't be written"):
            write_files(tmp_path, FILES)
    finally:
        tmp_path.chmod(stat.S_IRWXU)


def test_a_suggestion_that_somebody_edited_is_kept(tmp_path: Path) -> None:
    write_files(tmp_path, FILES)
    silver = tmp_path / "datasets/a/silver.py"
    silver.write_text("mine\n")
    write_files(tmp_path, NEWER)
    suggested = tmp_path / "datasets/a/silver.py.suggested"
    suggested.write_text("my own notes\n")
    newest = {name: text + "more = 1\n" for name, text in NEWER.items()}
    for _ in range(2):  # what nobody edited is replaced
        written = write_files(tmp_path, newest)
        assert written.suggested["datasets/a/silver.py"] == "datasets/a/silver.py.suggested.1"
        assert written.suggested["config/datasets/a.yaml"] == "config/datasets/a.yaml.suggested"
    assert suggested.read_text() == "my own notes\n"
    assert is_untouched((tmp_path / "datasets/a/silver.py.suggested.1").read_text())
    silver.write_text(marked(FILES["datasets/a/silver.py"]))
    written = write_files(tmp_path, newest)
    assert written.kept == ["datasets/a/silver.py.suggested"]
    assert suggested.read_text() == "my own notes\n"
    assert sorted(path.name for path in tmp_path.rglob("*.suggested*")) == ["silver.py.suggested"]


# -- links ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", ["silver.py", "silver.py.suggested", ".silver.py.new", ".silver.py"])
@pytest.mark.parametrize("there", [True, False])
def test_nothing_is_written_through_a_link(tmp_path: Path, link: str, there: bool) -> None:
    project, victim = tmp_path / "project", tmp_path / "victim.py"
    (project / "datasets/a").mkdir(parents=True)
    if there:
        victim.write_text("precious")
    (project / "datasets/a" / link).symlink_to(victim)
    for files in (FILES, NEWER):
        write_files(project, files)
        (project / "datasets/a/../../config/datasets/a.yaml").write_text("changed: 1\n")
    assert (project / "datasets/a" / link).is_symlink()
    assert victim.exists() == there
    assert not there or victim.read_text() == "precious"


@pytest.mark.parametrize("link", ["datasets", "datasets/a", "config", "config/datasets"])
def test_a_linked_folder_must_lead_into_the_project(tmp_path: Path, link: str) -> None:
    project, outside = tmp_path / "project", tmp_path / "outside"
    (project / link).parent.mkdir(parents=True, exist_ok=True)
    outside.mkdir()
    (project / link).symlink_to(outside)
    with pytest.raises(EtlError, match="outside"):
        write_files(project, FILES)
    assert not content(outside)
    (project / link).unlink()
    (project / "inside").mkdir()
    (project / link).symlink_to(project / "inside")
    assert sorted(write_files(project, FILES).new) == sorted(FILES)


def test_a_link_in_the_staging_folder_is_not_followed(tmp_path: Path) -> None:
    staging, victim, source = tmp_path / "staging", tmp_path / "victim", tmp_path / "f.csv"
    staging.mkdir()
    source.write_text("a\n1\n")
    victim.write_text("precious")
    (staging / ".f.csv.part").symlink_to(victim)
    assert stage_files(staging, {"f.csv": source}, []) == ["f.csv"]
    assert victim.read_text() == "precious"
    (staging / "g.csv").symlink_to(tmp_path / "nowhere")
    with pytest.raises(EtlError, match="another file"):
        stage_files(staging, {"g.csv": source}, [])
    assert not (tmp_path / "nowhere").exists()
    assert sorted(path.name for path in staging.iterdir()) == [".f.csv.part", "f.csv", "g.csv"]


# -- staging --------------------------------------------------------------------------------------


def test_staged_files_are_whole_and_never_overwritten(tmp_path: Path) -> None:
    one, other = tmp_path / "one.csv", tmp_path / "other.csv"
    one.write_text("a\n1\n")
    other.write_text("a\n2\n")
    staging = tmp_path / "staging"
    assert stage_files(staging, {"x/one.csv": one}, []) == ["x/one.csv"]
    assert stage_files(staging, {"x/one.csv": one}, []) == []
    with pytest.raises(EtlError, match="another file"):
        stage_files(staging, {"x/one.csv": other}, [])
    assert content(staging) == {"x/one.csv": "a\n1\n"}


def test_a_file_that_still_grows_is_named_and_not_staged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, growing = tmp_path / "whole.csv", tmp_path / "growing.csv"
    for path in (growing, whole):
        path.write_text("a\n1\n")
    copy = shutil.copyfileobj

    def copied_while_it_grows(given: IO[bytes], target: IO[bytes]) -> None:
        copy(given, target)
        if given.name == str(growing):
            with growing.open("a") as more:
                more.write("2\n")

    monkeypatch.setattr(shutil, "copyfileobj", copied_while_it_grows)
    staging = tmp_path / "staging"
    with pytest.raises(EtlError, match="still grow") as told:
        stage_files(staging, {"growing.csv": growing, "whole.csv": whole}, [])
    assert str(growing) in str(told.value)
    assert str(whole) not in str(told.value)
    assert content(staging) == {"whole.csv": "a\n1\n"}


def test_a_file_that_has_grown_since_it_was_looked_at_is_not_staged(tmp_path: Path) -> None:
    growing = tmp_path / "growing.csv"
    growing.write_text("a\n1\n")
    looked_at = {growing: state_of(growing)}
    growing.write_text("a\n1\n2\n")
    staging = tmp_path / "staging"
    with pytest.raises(EtlError, match="still grow"):
        stage_files(staging, {"growing.csv": growing}, [], looked_at)
    assert content(staging) == {}
    assert stage_files(staging, {"growing.csv": growing}, [], {growing: state_of(growing)}) == ["growing.csv"]


def test_of_whole_lists_the_newest_stays_the_newest(tmp_path: Path) -> None:
    """Unpacked at once, or copied in any order."""
    paths = {}
    for number, age in ((1, 0), (2, 500), (3, 100)):
        path = tmp_path / f"list_{number}.csv"
        path.write_text(f"a\n{number}\n")
        os.utime(path, (1_700_000_000 - age, 1_700_000_000 - age))
        paths[path.name] = path
    staging = tmp_path / "staging"
    stage_files(staging, paths, sorted(paths))
    times = [(staging / name).stat().st_mtime_ns for name in sorted(paths)]
    assert times == sorted(times)
    assert len({*times}) == 3


# -- the verb -------------------------------------------------------------------------------------


def test_it_tells_what_was_written_what_is_unsure_and_what_comes_next(
    project: Path, tmp_path: Path, dq: Dq
) -> None:
    file = csv(tmp_path / "orders.csv", HEADER, orders())
    told = dq("new", "orders", file)
    assert told.exit_code == 0, told.output
    for name in (
        "datasets/orders/silver.py",
        "config/datasets/orders.yaml",
        "tests/test_orders.py",
        "config/app.yaml",
    ):
        assert name in told.stdout
        assert (project / name).exists()
    place = next(line.strip() for line in told.stdout.splitlines() if "period_from: column" in line)
    name, line, _ = place.split(":", 2)
    assert "unsure" in (project / name).read_text().splitlines()[int(line) - 1]
    first, *commands = told.stdout.split("next:")[1].strip().splitlines()
    assert first == "the same command with --stage puts the files into var/staging/orders"
    assert [command.split()[:2] for command in commands] == [["dq", "try"], ["dq", "run"]]
    assert not (project / "var/staging/orders").exists()


def test_what_comes_next_can_be_typed_in_the_project(project: Path, tmp_path: Path, dq: Dq) -> None:
    file = csv(tmp_path / "orders.csv", HEADER, orders())
    staged = dq("new", "orders", file, "--stage")
    assert "staged: 1 file in var/staging/orders" in staged.stdout
    assert "  dq try orders var/staging/orders/orders.csv\n" in staged.stdout
    there = os.path.relpath(file, project)
    assert f"  dq try orders {there}\n" in dq("new", "orders", file).stdout
    elsewhere = dq("new", "orders", file, "--folder", "other", "--stage").stdout
    assert "staged: 1 file in other/var/staging/orders" in elsewhere
    assert "  cd other\n  dq try orders var/staging/orders/orders.csv\n" in elsewhere


def test_a_second_call_keeps_what_was_edited(project: Path, tmp_path: Path, dq: Dq) -> None:
    file = csv(tmp_path / "orders.csv", HEADER, orders())
    dq("new", "orders", file)
    silver = project / "datasets/orders/silver.py"
    edited = silver.read_text().replace("One row of orders, typed and clean.", "Orders, as I see them.")
    silver.write_text(edited)
    csv(file, [*HEADER, "note"], [[*row, "x"] for row in orders()])
    told = dq("new", "orders", file, "--json")
    assert told.exit_code == 0, told.output
    assert "datasets/orders/silver.py.suggested" in json.loads(told.stdout)["suggested"]
    assert silver.read_text() == edited
    assert "note" in (project / "datasets/orders/silver.py.suggested").read_text()
    assert "note" not in (project / "datasets/orders/bronze.py").read_text()


def test_a_project_s_own_folder_of_datasets_is_used(project: Path, tmp_path: Path, dq: Dq) -> None:
    (project / "config").mkdir()
    (project / "own").mkdir()
    (project / "config/app.yaml").write_text("dataset_folders: [own]\n")
    file = csv(tmp_path / "orders.csv", HEADER, orders())
    told = dq("new", "orders", file, "--stage")
    assert told.exit_code == 0, told.output
    assert (project / "own/orders/silver.py").exists()
    tried = dq("try", "orders", project / "var/staging/orders/orders.csv")
    assert tried.exit_code == 0, tried.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("Orders", "orders.csv"), "no name of a dataset"),
        (("retail", "orders.csv"), "built-in"),
        (("orders", "nowhere.csv"), "There is no such file"),
        (("orders", "empty.csv"), "empty"),
        (("orders", "orders.csv", "--timezone", "Mars/Phobos"), "no timezone"),
    ],
)
def test_nothing_is_written_when_something_is_wrong(
    project: Path, tmp_path: Path, dq: Dq, arguments: tuple[str, ...], said: str
) -> None:
    csv(tmp_path / "orders.csv", HEADER, orders())
    (tmp_path / "empty.csv").write_text("")
    given = [str(tmp_path / one) if one.endswith(".csv") else one for one in arguments]
    told = dq("new", *given)
    assert told.exit_code == 2, told.output
    assert said in told.stderr
    assert not content(project)
