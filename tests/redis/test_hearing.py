"""Listening to other processes: what breaks, and what is none of ours."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest
from redis.exceptions import ConnectionError as Broken
from redis.exceptions import NoPermissionError

from gracy_transport.redis.gates import GateBook
from gracy_transport.redis.hearing import STRIKES, hear, listen


def pauses_while(error: Exception, *, is_reached: bool) -> list[float]:
    """Returns the pauses of who listens in vain, a few of them."""
    pauses: list[float] = []

    async def hearing_of() -> Any:
        raise error

    async def broke(_error: Exception) -> bool:
        return is_reached

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == STRIKES + 20:
            raise asyncio.CancelledError

    async def until_enough() -> None:
        with pytest.raises(asyncio.CancelledError):
            await listen(hearing_of, "n", "me", GateBook(), broke, sleep=sleep)

    asyncio.run(until_enough())
    return pauses


def test_whoever_may_not_listen_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """And tries again seldom, with what to look at."""
    pauses = pauses_while(NoPermissionError("no permissions to access a channel"), is_reached=True)
    [warning] = [record.getMessage() for record in caplog.records]
    assert warning.startswith("no word is heard from other processes (NoPermissionError: no permissions to access")
    assert warning.endswith("See that the server lets its user listen to the channels n:*")
    assert max(pauses[: STRIKES - 1]) <= 0.5
    assert min(pauses[STRIKES:]) >= 1.0


def test_a_server_that_is_away_is_told_of_by_others(caplog: pytest.LogCaptureFixture) -> None:
    """Who listens says nothing of it."""
    pauses_while(Broken("refused"), is_reached=False)
    assert not caplog.records


@pytest.mark.parametrize("word", [b"", b"hello", b"\xff\xfe", b"lent"])
def test_a_word_that_is_none_of_ours_does_no_harm(caplog: pytest.LogCaptureFixture, word: bytes) -> None:
    """Another version of this library may say it, or somebody else who uses the namespace: that is told."""
    with caplog.at_level(logging.WARNING):
        hear({"channel": b"n:all", "data": word}, GateBook())
    assert "nobody here understands" in caplog.text


@pytest.mark.parametrize("word", [b"pause x", b"pause x soon", b"later permits-1 what it says"])
def test_a_word_about_a_limit_that_is_not_here_is_no_news(caplog: pytest.LogCaptureFixture, word: bytes) -> None:
    """Whatever else it says: it may be for others."""
    with caplog.at_level(logging.WARNING):
        hear({"channel": b"n:all", "data": word}, GateBook())
    assert not caplog.records
