from __future__ import annotations

import os
from pathlib import Path

import pytest

from etl_assets.errors import StagingError
from etl_assets.staging.area import ProblemKind, StagingFolder, VanishedError


def problems(area: StagingFolder) -> dict[str, ProblemKind]:
    return {problem.key: problem.kind for problem in area.list().problems}


def test_lists_all_files_below_sorted_by_key(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "b" / "c" / "deep.csv").write_bytes(b"12345")
    (tmp_path / "a.csv").write_bytes(b"")
    (tmp_path / "é ☃.csv").write_bytes(b"1")
    listing = StagingFolder(tmp_path).list()
    assert [(found.key, found.size) for found in listing.objects] == [
        ("a.csv", 0),
        ("b/c/deep.csv", 5),
        ("é ☃.csv", 1),
    ]
    assert listing.problems == ()


def test_a_file_url_names_the_same_folder(tmp_path: Path) -> None:
    folder = tmp_path / "with space"
    folder.mkdir()
    (folder / "a.csv").write_bytes(b"1")
    assert StagingFolder(folder.as_uri()).list() == StagingFolder(str(folder)).list()


@pytest.mark.parametrize("url", ["s3://bucket/prefix", "file://server/share", "https://example.org/a"])
def test_other_places_are_not_supported_yet(url: str) -> None:
    with pytest.raises(StagingError):
        StagingFolder(url)


def test_a_folder_that_does_not_exist_is_a_problem(tmp_path: Path) -> None:
    assert problems(StagingFolder(tmp_path / "none")) == {"": ProblemKind.NO_AREA}


def test_a_name_that_is_no_text_does_not_stop_the_listing(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.csv")).write_bytes(b"1")
    (tmp_path / "good.csv").write_bytes(b"1")
    area = StagingFolder(tmp_path)
    assert [found.key for found in area.list().objects] == ["good.csv"]
    assert problems(area) == {"caf�.csv": ProblemKind.NAME_NOT_UTF8}


def test_links_do_not_lead_out_of_the_area(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    (root / "folder").mkdir(parents=True)
    outside.mkdir()
    (outside / "secret.csv").write_bytes(b"1")
    (root / "folder" / "real.csv").write_bytes(b"1")
    (root / "out.csv").symlink_to(outside / "secret.csv")
    (root / "out_folder").symlink_to(outside)
    (root / "loop").symlink_to(root)
    (root / "broken.csv").symlink_to(root / "none")
    (root / "inside.csv").symlink_to(root / "folder" / "real.csv")
    area = StagingFolder(root)
    assert [found.key for found in area.list().objects] == ["folder/real.csv", "inside.csv"]
    assert set(problems(area)) == {"out.csv", "out_folder", "loop", "broken.csv"}
    assert set(problems(area).values()) == {ProblemKind.LINK}
    for key in ("out.csv", "out_folder/secret.csv"):
        with pytest.raises(StagingError):
            area.open(key)


def test_links_that_lead_in_a_circle_do_not_stop_the_listing(tmp_path: Path) -> None:
    (tmp_path / "good.csv").write_bytes(b"1")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "a.csv").symlink_to("b.csv")
    (tmp_path / "b.csv").symlink_to("a.csv")
    area = StagingFolder(tmp_path)
    assert [found.key for found in area.list().objects] == ["good.csv"]
    assert problems(area) == dict.fromkeys(("a.csv", "b.csv", "loop"), ProblemKind.LINK)
    for look in (area.open, area.stat):
        with pytest.raises(StagingError, match="loop"):
            look("loop")


def test_what_is_no_file_is_a_problem_and_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    assert problems(StagingFolder(tmp_path)) == {"pipe.csv": ProblemKind.NOT_A_FILE}


def test_a_file_without_permission_is_a_problem(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "locked.csv").write_bytes(b"1")
    (tmp_path / "locked.csv").chmod(0)
    # The tests may run as root, whom no file is closed to.
    monkeypatch.setattr(os, "access", lambda path, mode: not str(path).endswith("locked.csv"))
    assert problems(StagingFolder(tmp_path)) == {"locked.csv": ProblemKind.NO_PERMISSION}


@pytest.mark.parametrize("key", ["../secret.csv", "/etc/passwd", "a/../../secret.csv", "", ".", "a\0b"])
def test_a_key_does_not_lead_out_of_the_area(tmp_path: Path, key: str) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "secret.csv").write_bytes(b"1")
    with pytest.raises(StagingError):
        StagingFolder(tmp_path / "root").open(key)


def test_a_vanished_object_says_so(tmp_path: Path) -> None:
    for action in (StagingFolder(tmp_path).open, StagingFolder(tmp_path).stat):
        with pytest.raises(VanishedError):
            action("gone.csv")


def test_the_fingerprint_sees_a_copy_that_keeps_size_and_time(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"1")
    area = StagingFolder(tmp_path)
    before, status = area.stat("a.csv"), path.stat()
    assert area.stat("a.csv") == before
    (tmp_path / "b").write_bytes(b"2")
    os.utime(tmp_path / "b", ns=(status.st_atime_ns, status.st_mtime_ns))
    (tmp_path / "b").replace(path)
    after = area.stat("a.csv")
    assert (after.size, after.modified_ns) == (before.size, before.modified_ns)
    assert after.fingerprint != before.fingerprint
