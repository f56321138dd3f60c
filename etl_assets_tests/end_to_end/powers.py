"""Giving up root's power over file permissions, so that tests mean the same for root as for anybody."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest

T = TypeVar("T")

_VERSION_3 = 0x20080522
# CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH: reading what one may not read.
_READ_ANYTHING = 0b110


def without_power_over_files(function: Callable[[], T]) -> T:
    """Call it in a thread that can't read files whose permissions forbid it, root or not."""
    if os.geteuid() != 0:
        return function()
    # Capabilities belong to a thread, and one that gave them up never has them again: it ends here.
    with ThreadPoolExecutor(1) as thread:
        thread.submit(_give_up).result()
        return thread.submit(function).result()


def _give_up() -> None:
    data = ctypes.create_string_buffer(24)
    _call("capget", data)
    effective, permitted, *others = struct.unpack("6I", data.raw)
    kept = (effective & ~_READ_ANYTHING, permitted & ~_READ_ANYTHING, *others)
    _call("capset", ctypes.create_string_buffer(struct.pack("6I", *kept), 24))


def _call(name: str, data: ctypes.Array[ctypes.c_char]) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name, None)
    header = ctypes.create_string_buffer(struct.pack("Ii", _VERSION_3, 0), 8)
    if function is None or function(header, data) != 0:
        pytest.skip("runs as root on a system without Linux' capabilities")
