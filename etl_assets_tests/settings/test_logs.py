from __future__ import annotations

import io
import json
import logging
from contextlib import suppress
from contextvars import copy_context
from threading import Thread
from typing import Any

import pytest

from etl_assets import logs


def records(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_record_says_run_dataset_table_and_partition() -> None:
    stream = io.StringIO()
    logs.configure("json", stream=stream)
    log = logs.get_logger("etl_assets.pipeline.hop")
    log.info("outside")
    with logs.context(run="r1", dataset="retail"), logs.context(table="silver/sales", partition="2010-12-01"):
        log.warning("published %d rows", 3, extra={"rows": 3})
    outside, inside = records(stream)
    assert {key: outside[key] for key in logs.CONTEXT} == dict.fromkeys(logs.CONTEXT)
    assert {key: inside[key] for key in logs.CONTEXT} == {
        "run": "r1",
        "dataset": "retail",
        "table": "silver/sales",
        "partition": "2010-12-01",
    }
    assert inside["event"] == "published 3 rows"
    assert inside["rows"] == 3
    assert inside["level"] == "warning"
    assert inside["logger"] == "etl_assets.pipeline.hop"
    assert inside["timestamp"].endswith("Z")


def test_an_inner_fact_hides_the_outer_one_until_its_block_ends() -> None:
    stream = io.StringIO()
    logs.configure("json", stream=stream)
    log = logs.get_logger("test")
    with logs.context(table="bronze/sales"):
        with suppress(ValueError), logs.context(table="silver/sales"):
            log.info("inner")
            raise ValueError("stop")
        log.info("outer")
    assert [record["table"] for record in records(stream)] == ["silver/sales", "bronze/sales"]


def test_a_thread_takes_the_context_along_when_it_is_copied() -> None:
    stream = io.StringIO()
    logs.configure("json", stream=stream)
    with logs.context(run="r1"):
        thread = Thread(target=copy_context().run, args=(logs.get_logger("test").info, "renewed"))
        thread.start()
        thread.join()
    assert records(stream)[0]["run"] == "r1"


@pytest.mark.parametrize("format", ["text", "json"])
def test_secrets_are_masked_wherever_they_turn_up(format: Any) -> None:
    stream = io.StringIO()
    logs.configure(format, secrets=["canary-1", 'canary-1"quoted'], stream=stream)
    log = logs.get_logger("test")
    log.info("key canary-1, %s", 'canary-1"quoted', extra={"facts": {"canary-1": ["canary-1"]}})
    try:
        raise RuntimeError("canary-1 in postgresql://etl:canary-2@db/ledger")
    except RuntimeError:
        log.exception("it broke")
    with logs.context(partition="canary-1"):
        log.info("in context")
    text = stream.getvalue()
    assert "canary" not in text
    assert "quoted" not in text
    assert "postgresql://etl:**********@db/ledger" in text
    assert "RuntimeError" in text


def test_text_is_for_people() -> None:
    stream = io.StringIO()
    logs.configure("text", stream=stream)
    with logs.context(dataset="retail"):
        logs.get_logger("test").info("published")
    line = stream.getvalue()
    assert "published" in line
    assert "dataset=retail" in line
    assert "partition" not in line
    assert "\x1b" not in line


def test_nothing_below_the_level_is_written_and_a_second_call_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    logs.configure("json", "debug", stream=first)
    logs.configure("json", "warning", stream=second)
    logs.get_logger("test").info("quiet")
    logs.get_logger("test").error("loud")
    assert first.getvalue() == ""
    assert [record["event"] for record in records(second)] == ["loud"]


def test_the_root_logger_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    logs.configure("json", "debug", stream=io.StringIO())
    assert (list(root.handlers), root.level) == (handlers, level)
    logs.get_logger("test").error("once")
    assert caplog.records == []


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("postgresql+psycopg2://u:p%40ss@h:5432/db", "postgresql+psycopg2://u:**********@h:5432/db"),
        ("a://b:c@d@host", "a://b:**********@host"),
        ("two a://b:c@d and e://f:g@h", "two a://b:**********@d and e://f:**********@h"),
        ("s3://bucket/2024-01-01T00:00:00@home", "s3://bucket/2024-01-01T00:00:00@home"),
        ("http://127.0.0.1:3000/runs", "http://127.0.0.1:3000/runs"),
        ("sqlite:////tmp/ledger.db", "sqlite:////tmp/ledger.db"),
    ],
)
def test_only_passwords_of_urls_are_masked(text: str, masked: str) -> None:
    assert logs.mask_url_passwords(text) == masked
