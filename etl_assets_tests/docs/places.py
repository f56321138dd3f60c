"""Where a page is followed: an empty folder for the tutorial, a small project for a how-to."""

from __future__ import annotations

import atexit
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

from etl_assets_tests.docs.walkthrough import QuickReader, Reader
from etl_assets_tests.end_to_end.live_dagster import LiveDagster, end, free_port
from etl_assets_tests.orchestration.homes import make_template, quick_folder

ROOT = Path(__file__).parents[2]
TUTORIAL = ROOT / "docs" / "tutorial.md"
# These need a server: they are followed in etl_assets_tests/s3, postgres and publications.
ELSEWHERE = ("index", "s3", "publish", "postgresql")
HOW_TOS = sorted(path for path in (ROOT / "docs" / "how-to").glob("*.md") if path.stem not in ELSEWHERE)

SHOWN = """{ assetNodes { assetKey { path } assetMaterializations(limit: 1) { partition }
             assetChecksOrError { ... on AssetChecks { checks { name } } } } }"""


@contextmanager
def place_of(page: Path) -> Iterator[Reader]:
    """Somebody in front of a page."""
    with quick_folder() as folder:
        if page.resolve() == TUTORIAL:
            yield Newcomer(folder, {"CLONE": str(ROOT), "PWD": str(folder)})
            return
        # `orders`, unless the page's front matter says another.
        said = re.match(r"---\nproject: (\w+)\n---\n", page.read_text(encoding="utf-8"))
        project = ROOT / "examples" / (said[1] if said else "orders")
        shutil.copytree(project, folder, dirs_exist_ok=True)
        shutil.copytree(_dagster_home(), folder / "var" / "dagster")
        yield QuickReader(folder)


@cache
def _dagster_home() -> Path:
    """An empty DAGSTER_HOME, made once for all pages."""
    stack = ExitStack()
    atexit.register(stack.close)
    return make_template(stack.enter_context(quick_folder()))


class Newcomer(Reader):
    """Runs each command in a process of its own; leaves `dagster dev` running for a look at the tables."""

    def __init__(self, place: Path, environment: dict[str, str]) -> None:
        super().__init__(place, environment)
        # The folder's own settings hold, and nothing of ours.
        self.environment.pop("PYTHONPATH", None)
        self.seen: dict[tuple[str, ...], dict[str, object]] = {}

    def run(self, command: str) -> tuple[int, str]:
        """Run a command."""
        return self._look_around() if command.startswith("dagster dev") else super().run(command)

    def _look_around(self) -> tuple[int, str]:
        port, log = free_port(), self.place / "dagster.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                ["dagster", "dev", "-h", "127.0.0.1", "-p", str(port)],
                cwd=self.place,
                env=self.environment,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        live = LiveDagster(port, self.place / "var", log, self.environment)
        try:
            live.wait_for("the webserver", lambda: live.query("{ version }"))
            self.seen = {tuple(node["assetKey"]["path"]): node for node in live.query(SHOWN)["assetNodes"]}
        finally:
            end(process)
        return 0, ""
