from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from etl_assets.pipeline.usage import Usage

HELD = 200_000_000


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="Linux only")
def test_the_peak_is_that_of_the_work_and_not_of_what_came_before() -> None:
    before = bytearray(HELD)
    large = Usage().peak_memory_bytes
    del before
    work = Usage().peak_memory_bytes

    assert large > HELD
    assert work < large - HELD / 2


def test_what_is_held_meanwhile_counts_even_if_it_is_given_back() -> None:
    usage = Usage()
    before = usage.peak_memory_bytes
    held = bytearray(HELD)
    del held

    assert usage.peak_memory_bytes >= before + HELD * 0.9


def test_cpu_time_is_that_of_this_process_and_of_those_it_started() -> None:
    usage = Usage()
    spin = "import time\nend = time.process_time() + {}\nwhile time.process_time() < end: pass"
    exec(spin.format(0.1))
    own = usage.cpu_seconds
    subprocess.run([sys.executable, "-c", spin.format(0.3)], check=True)

    assert 0.09 <= own < 0.3
    assert usage.cpu_seconds >= own + 0.29
    assert usage.seconds > 0
