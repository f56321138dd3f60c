from __future__ import annotations

import contextvars
import threading

import pytest

from etl_assets.deadline import NoAnswerError, within

WHO = contextvars.ContextVar("who", default="nobody")


def test_what_answers_is_given() -> None:
    WHO.set("somebody")
    assert within(30, WHO.get) == "somebody"


def test_an_error_is_raised_as_it_is() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        within(30, fail)


def test_what_hangs_is_given_up() -> None:
    release = threading.Event()
    with pytest.raises(NoAnswerError, match="no answer within 0 s"):
        within(0.01, release.wait)
    release.set()
