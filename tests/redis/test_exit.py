"""A program that ends while it shares limits."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from threading import Event
from threading import enumerate as all_threads
from typing import Any, cast

import pytest

from gracy_transport.redis.thread import LoopThread

SCRIPT = """
import asyncio, sys
import httpx
from gracy_transport import ConcurrentRequestLimit, GracyConfig, GracyTransport
from gracy_transport.redis import RedisLimits

shared = RedisLimits(sys.argv[1], namespace=sys.argv[2])
config = GracyConfig(concurrent_requests=ConcurrentRequestLimit(3, shared=shared))


async def send():
    stack = GracyTransport(httpx.MockTransport(lambda _request: httpx.Response(200)), config)
    async with httpx.AsyncClient(transport=stack) as client:
        await client.get("https://api.test")


asyncio.run(send())
"""


@pytest.mark.parametrize("is_there", [True, False])
def test_a_program_ends_without_a_word(valkey: str, namespace: str, *, is_there: bool) -> None:
    """Also where the server has a name, which threads of asyncio look up; but for the warning that it is away."""
    url = valkey.replace("127.0.0.1", "localhost") if is_there else "redis://localhost:1"
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, url, namespace], capture_output=True, text=True, timeout=120, check=True
    )
    assert "Traceback" not in done.stderr


def test_a_thread_ends_that_is_stopped_from_within() -> None:
    """It may be the one that drops the last reference to what it works for."""
    told: list[bool] = []
    ended = Event()

    async def main(_wake: asyncio.Event) -> None:
        thread.stop()
        told.append(thread.is_stopping)
        ended.set()

    thread = LoopThread("stopped", main)
    thread.rouse()
    assert ended.wait(60)
    assert told == [True]


class Delayed:
    """A lock that is got only after something else has happened, once."""

    def __init__(self, lock: Any, first: Callable[[], object]) -> None:
        self.lock, self.first = lock, first

    def __enter__(self) -> None:
        self.first()
        self.lock.acquire()

    def __exit__(self, *_error: object) -> None:
        self.lock.release()


def test_to_stop_ends_the_thread_that_began_while_one_waited_to_stop_another() -> None:
    """Two may stop it at once, and somebody may need it in between."""
    began: list[Event] = []

    async def main(wake: asyncio.Event) -> None:
        began.append(Event())
        began[-1].set()
        while not thread.is_stopping:
            await wake.wait()
            wake.clear()

    def stop_and_begin_anew() -> None:
        thread._lock = lock
        thread.stop()
        thread.rouse()
        while len(began) < 2 or not began[1].wait(60):
            Event().wait(0.001)

    thread = LoopThread("stopped twice", main)
    thread.rouse()
    while not began:
        Event().wait(0.001)
    lock = thread._lock
    thread._lock = cast("Any", Delayed(lock, stop_and_begin_anew))
    thread.stop()
    assert [each.name for each in all_threads() if each.name == "stopped twice"] == []
