"""Large bodies: looked through beside the event loop, and recorded in their order all the same."""

from __future__ import annotations

import json
import threading
from types import ModuleType
from typing import Any

import anyio
import anyio.lowlevel
import anyio.to_thread
import pytest

from gracy_transport.replay import redacting
from gracy_transport.replay.apart import LARGE, InOrder
from gracy_transport.replay.memory import MemoryReplayStorage
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.replay.support import URL, client_of

pytestmark = pytest.mark.anyio

SECRET = "s3cret-of-9more-letters"


def body(size: int, **more: Any) -> bytes:
    return json.dumps({"access_token": SECRET, "note": "a " * (size // 2), **more}).encode()


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Notes the thread in which each body is looked through."""
    seen: list[int] = []
    real = redacting._redact_body

    def noted(*given: Any) -> bytes:
        seen.append(threading.get_ident())
        return real(*given)

    monkeypatch.setattr(redacting, "_redact_body", noted)
    return seen


@pytest.mark.parametrize("is_large", [True, False])
async def test_a_large_answer_does_not_hold_the_loop(is_large: bool, family: ModuleType, threads: list[int]) -> None:
    """It is looked through in another thread, and a small one here; either holds no secret afterwards."""
    storage = MemoryReplayStorage()
    content = body(LARGE if is_large else 100)
    wire = ScriptedWire(ScriptedResponse(content=content, headers={"content-type": "application/json"}))
    async with client_of(family, "record", storage, wire) as client:
        assert (await client.get(URL)).content == content
    assert (threading.get_ident() in threads) is not is_large
    (recording,) = storage.recordings()
    assert recording.response is not None
    assert SECRET.encode() not in recording.response.body


async def test_a_large_request_does_not_hold_the_loop(family: ModuleType, threads: list[int]) -> None:
    """While it is recorded and while it is looked up."""
    storage = MemoryReplayStorage()
    for mode in ("record", "replay"):
        threads.clear()
        async with client_of(family, mode, storage, ScriptedWire(ScriptedResponse(json=1))) as client:
            answer = await client.post(URL, content=body(LARGE), headers={"content-type": "application/json"})
        assert answer.json() == 1
        assert threading.get_ident() != threads[0]


async def test_what_is_cancelled_meanwhile_is_not_half_stored(
    family: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer was read to its end, so all of it may be; whoever waits is let go."""
    storage, begun = MemoryReplayStorage(), threading.Event()
    go_on, real = threading.Event(), redacting.redact_answer

    def slow(*given: Any) -> Any:
        begun.set()
        go_on.wait()
        return real(*given)

    monkeypatch.setattr("gracy_transport.replay.exchange.redact_answer", slow)
    wire = ScriptedWire(ScriptedResponse(content=body(LARGE)))
    async with client_of(family, "record", storage, wire) as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.get, URL)
        await anyio.to_thread.run_sync(begun.wait)
        tasks.cancel_scope.cancel()
        go_on.set()
    for recording in storage.recordings():
        assert recording.response is not None
        assert recording.response.body == body(LARGE).replace(
            SECRET.encode(), json.loads(recording.response.body)["access_token"].encode()
        )


async def test_large_requests_keep_their_order(family: ModuleType) -> None:
    """Those that are the same get their answers in the order in which they were asked."""
    storage = MemoryReplayStorage()
    replies = [ScriptedResponse(json=place) for place in range(6)]
    content = body(LARGE)
    asked = {"content": content, "headers": {"content-type": "application/json"}}
    async with client_of(family, "record", storage, ScriptedWire(*replies)) as client:
        for place in range(6):
            assert (await client.post(URL, **asked)).json() == place
    answers: dict[int, int] = {}

    async def ask(client: Any, place: int) -> None:
        answers[place] = (await client.post(URL, **asked)).json()

    async with client_of(family, "replay", storage) as client, anyio.create_task_group() as tasks:
        for place in range(6):
            tasks.start_soon(ask, client, place)
            await anyio.lowlevel.checkpoint()
    assert sorted(answers.values()) == list(range(6))


async def test_results_come_in_the_order_of_the_work() -> None:
    """Also when what was given first takes longest."""
    in_order, first, came = InOrder(), threading.Event(), list[int]()

    async def do(place: int) -> None:
        def work() -> int:
            if place == 0:
                first.wait()
            elif place == 2:
                first.set()
            return place

        came.append(await in_order.apart(work))

    async with anyio.create_task_group() as tasks:
        for place in range(3):
            tasks.start_soon(do, place)
            await anyio.lowlevel.checkpoint()
    assert came == [0, 1, 2]
