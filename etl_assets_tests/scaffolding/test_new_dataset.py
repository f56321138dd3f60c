"""`dq new` and then the real thing: files of domains unknown here get to a scored silver table."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from etl_assets.contracts.dataset import Layer, TableId
from etl_assets.orchestration.pipelines import load_pipelines
from etl_assets.pipeline.dataset_pipeline import DatasetPipeline
from etl_assets.project import load_project
from etl_assets.settings import load_settings
from etl_assets_tests.end_to_end.desk import accepted, quarantined
from etl_assets_tests.scaffolding import senders
from etl_assets_tests.scaffolding.conftest import Dq

WITH_TEST = (senders.meters, senders.gyms)
"""Of these the generated test is run, too: a process each, which takes seconds."""


def pipeline_of(project: Path, name: str) -> DatasetPipeline:
    settings = load_settings(project / "config")
    loaded = load_project(settings, [name])
    assert not loaded.failures
    return load_pipelines(settings, loaded.datasets)[name]


def passes_ruff(project: Path) -> str:
    told = ""
    for command in (["format", "--diff"], ["check", "--select", "E4,E7,E9,F,W,N,UP,B,C4,SIM,RUF100"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", command[0], "--isolated", *command[1:], "datasets", "tests"],
            cwd=project, capture_output=True, text=True, check=False,
        )  # fmt: skip
        told += done.stdout if done.returncode else ""
    return told


def run_generated_test(project: Path, name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"tests/test_{name}.py"],
        cwd=project, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("send", senders.ALL, ids=lambda one: one.__name__)
def test_files_of_an_unknown_domain_get_to_a_scored_table(
    send: Callable[[Path], senders.Sent], project: Path, tmp_path: Path, dq: Dq
) -> None:
    sent = send(tmp_path / "sent")
    made = dq("new", sent.name, *sent.files, "--stage", "--timezone", "UTC")
    assert made.exit_code == 0, made.output
    assert not passes_ruff(project)

    run = dq("run", sent.name, "--json")
    assert run.exit_code == 0, run.output
    tables = json.loads(run.stdout)["tables"]
    assert all(table["score"] is not None for table in tables), tables
    silver = {table["table"]: table["rows_in"] for table in tables if table["layer"] == "silver"}
    assert len(silver) == sent.tables
    assert any(table["layer"] == "gold" for table in tables)

    pipeline = pipeline_of(project, sent.name)
    largest = max(silver, key=lambda name: silver[name])
    table = TableId(Layer.SILVER, largest)
    good, bad = accepted(pipeline, table), quarantined(pipeline, table)
    lost = quarantined(pipeline, TableId(Layer.BRONZE, largest))
    assert lost.height == 0
    assert (good.height, bad.height) == (sent.rows - sent.bad, sent.bad)
    assert good["_period"].n_unique() == (sent.partitions or 1)

    if send in WITH_TEST:
        tested = run_generated_test(project, sent.name)
        assert tested.returncode == 0, tested.stdout
        assert " passed" in tested.stdout
        assert "skipped" not in tested.stdout


@pytest.mark.slow
def test_a_file_with_a_new_field_is_staged_told_and_put_on_hold(
    project: Path, tmp_path: Path, dq: Dq
) -> None:
    files = []
    for day in range(1, 5):
        more = {"signal": -60} if day == 4 else {}
        records = [
            {"id": f"E{day}{n:03}", "device": {"name": f"d{n % 7}", **more}, "value": n % 19 + 0.5}
            for n in range(40)
        ]
        files.append(tmp_path / f"events_2024-05-0{day}.jsonl")
        files[-1].write_text("".join(json.dumps(one) + "\n" for one in records))

    made = dq("new", "events", *files, "--stage", "--timezone", "UTC")

    assert made.exit_code == 0, made.output
    assert "staged: 4 files" in made.stdout
    assert "another header, so that a run puts on hold: events_2024-05-04.jsonl" in made.stdout
    assert "(extra: device_signal)" in made.stdout
    assert not passes_ruff(project)
    tested = run_generated_test(project, "events")
    assert tested.returncode == 0, tested.stdout
    dq("run", "events")
    held = dq("deliveries", "list", "events", "--state", "on_hold")
    assert "events_2024-05-04.jsonl" in held.stdout
    assert "events_2024-05-03.jsonl" not in held.stdout

    # The way out that was told.
    settings = project / "config/datasets/events.yaml"
    assert "name its path under `ignore`" in " ".join(settings.read_text().replace("#", "").split())
    written = settings.read_text()
    settings.write_text(written.replace("type: jsonl", "type: jsonl, ignore: [device.signal]"))
    tried = dq("try", "events", files[-1])
    assert tried.exit_code == 0, tried.output

    again = json.loads(dq("new", "events", *files, "--stage", "--json").stdout)
    assert again["staged"] == []
    assert again["another_header"] == ["events_2024-05-04.jsonl"]
