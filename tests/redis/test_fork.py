"""A process that is forked off shares the limits as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

AT_WORK = """
import asyncio, os, threading, time, warnings
from gracy_transport.redis.thread import LoopThread

warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, which is what is tried
lock = threading.Lock()
turns = []


async def main(wake):
    while not thread.is_stopping:
        with lock:
            turns.append(time.sleep(0.002))
        await asyncio.sleep(0)


thread = LoopThread("at work", main)
thread.rouse()
while not turns:
    time.sleep(0.001)
for _ in range(20):
    child = os.fork()
    if not child:
        os._exit(0 if lock.acquire(blocking=False) else 1)
    assert os.waitpid(child, 0)[1] == 0, "a lock that nobody will ever give back"
before = len(turns)
while len(turns) == before:
    time.sleep(0.001)
thread.stop()
"""

SCRIPT = """
import asyncio, os, sys, warnings
import httpx
from gracy_transport import GracefulThrottle, GracyConfig, GracyTransport, ThrottleRule
from gracy_transport.events import RequestDispatched
from gracy_transport.redis import RedisLimits

warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads, which is what is tried
shared = RedisLimits(sys.argv[1], namespace=sys.argv[2])
config = GracyConfig(throttling=GracefulThrottle(ThrottleRule(".*", 3, 0.3), shared=shared))
sent = []


def observe(event):
    if isinstance(event, RequestDispatched):
        sent.append(event.at)


async def send():
    stack = GracyTransport(httpx.MockTransport(lambda _request: httpx.Response(200)), config, observers=[observe])
    async with httpx.AsyncClient(transport=stack) as client:
        await asyncio.gather(*[client.get("https://api.test") for _ in range(6)])


asyncio.run(send())
child = os.fork()
if not child:
    sent.clear()
asyncio.run(send())
shared.close()
os.write(1, "".join(f"{at:.6f}\\n" for at in sent).encode())
if child:
    os.waitpid(child, 0)
else:
    os._exit(0)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
def test_parent_and_child_keep_the_limit_together(valkey: str, namespace: str) -> None:
    """The child has neither the thread of its parent nor what that was lent."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, valkey, namespace], capture_output=True, text=True, timeout=60, check=True
    )
    stamps = sorted(float(line) for line in done.stdout.split())
    assert len(stamps) == 18
    assert all(later - earlier >= 0.3 - 1e-5 for earlier, later in zip(stamps, stamps[3:], strict=False))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nothing is forked here")
def test_a_fork_finds_the_thread_at_rest() -> None:
    """A child never inherits a lock that the thread of its parent holds, though it holds one nearly all the time."""
    subprocess.run([sys.executable, "-c", AT_WORK], timeout=60, check=True)
