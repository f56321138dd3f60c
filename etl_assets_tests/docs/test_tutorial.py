"""The tutorial is done line by line, as somebody new would: every command in a process of its own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from etl_assets_tests.docs.walkthrough import Command, Reader, steps
from etl_assets_tests.end_to_end.live_dagster import LiveDagster, end, free_port

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "tutorial.md"

TABLES = {
    ("sales", "bronze", "sales"),
    ("sales", "bronze", "customers"),
    ("sales", "silver", "sales"),
    ("sales", "silver", "customers"),
}
SHOWN = """{ assetNodes { assetKey { path } assetMaterializations(limit: 1) { partition }
             assetChecksOrError { ... on AssetChecks { checks { name } } } } }"""


class Newcomer(Reader):
    """Leaves `dagster dev` running for a look at the tables."""

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
            nodes = {tuple(node["assetKey"]["path"]): node for node in live.query(SHOWN)["assetNodes"]}
        finally:
            end(process)
        assert set(nodes) > TABLES, log.read_text()
        for table in TABLES:
            assert nodes[table]["assetMaterializations"], table
            checks = {check["name"] for check in nodes[table]["assetChecksOrError"]["checks"]}
            assert {"completeness", "gate", "row_reconciliation"} <= checks
        return 0, ""


@pytest.mark.slow
def test_the_tutorial_goes_as_it_is_told(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert sum(isinstance(step, Command) for step in steps(text)) > 10
    # The folder's own settings hold, and nothing of ours.
    reader = Newcomer(tmp_path, {"CLONE": str(ROOT), "PWD": str(tmp_path)})
    reader.environment.pop("PYTHONPATH", None)
    reader.follow(text)
    assert [path.name for path in (tmp_path / "var" / "staging").iterdir()] == ["sales"]
