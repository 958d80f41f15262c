"""A program that ends while it shares limits."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from threading import Event

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
