"""Errors in place of an answer, and in the middle of one."""

from __future__ import annotations

import logging
import math
import pickle
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import ConcurrentRequestLimit, GracyConfig, GracyTransport
from gracy_transport.exceptions import GracyReplayRequestNotFound, QueueFull
from gracy_transport.replay import GracyReplay, GracyReplayStorage
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.replay.support import URL, Home, client_of, storage_in

pytestmark = pytest.mark.anyio

KINDS = [
    "ConnectError",
    "ConnectTimeout",
    "PoolTimeout",
    "ProxyError",
    "ReadError",
    "ReadTimeout",
    "RemoteProtocolError",
    "TooManyRedirects",
    "WriteTimeout",
]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_is_replayed_as_itself(family: ModuleType, home: Home, kind: str) -> None:
    """With its message and its request, and after it the answer that came then."""
    wire = ScriptedWire(getattr(family, kind)("it was late"), 204)
    async with client_of(family, "record", home, wire) as client:
        with pytest.raises(family.RequestError, match="it was late"):
            await client.get(URL)
        await client.get(URL)
    silent = ScriptedWire(500)
    async with client_of(family, "replay", home, silent) as client:
        with pytest.raises(family.RequestError) as raised:
            await client.get(URL)
        assert (type(raised.value), str(raised.value)) == (getattr(family, kind), "it was late")
        assert raised.value.request.url == URL
        assert (await client.get(URL)).status_code == 204
    assert silent.sent == []


async def test_what_one_family_recorded_the_other_raises(home: Home) -> None:
    """Each with errors of its own, before the headers and in the body."""
    httpx, httpx2 = pytest.importorskip("httpx"), pytest.importorskip("httpx2")
    broken = ScriptedResponse(chunks=[b"half", httpx.ReadError("broken")])
    async with client_of(httpx, "record", home, ScriptedWire(httpx.ConnectTimeout("late"), broken)) as client:
        with pytest.raises(httpx.ConnectTimeout):
            await client.get(URL)
        with pytest.raises(httpx.ReadError):
            await client.get(URL)
    for family in (httpx2, httpx):
        async with client_of(family, "replay", home) as client:
            with pytest.raises(family.ConnectTimeout, match="late"):
                await client.get(URL)
            with pytest.raises(family.ReadError, match="broken"):
                await client.get(URL)


async def test_an_error_of_ones_own_is_replayed_as_the_nearest(family: ModuleType, home: Home) -> None:
    """That of the family it is derived from; what has the name of something else there is no way around that."""

    class Stream(family.ReadTimeout):  # type: ignore[misc, name-defined]
        pass

    Stream.__name__ = "stream"  # a function of the package

    def fail(_request: Any) -> Any:
        raise Stream("late")

    async with client_of(family, "record", home, ScriptedWire(fail)) as client:
        with pytest.raises(Stream):
            await client.get(URL)
    async with client_of(family, "replay", home) as client:
        with pytest.raises(family.ReadTimeout) as raised:
            await client.get(URL)
    assert type(raised.value) is family.ReadTimeout


async def test_the_message_of_an_error_holds_no_secret(family: ModuleType, tmp_path: Path) -> None:
    """Neither one of the URL it names nor what it echoes of the request, before the headers and in the body."""
    url, headers = f"{URL}?api_key=secret-aaaaaaaaaaaaaaaaaaaa", {"authorization": "Bearer secret-bbbbbbbbbbbbbbbbbbbb"}
    message = f"no way to {url} with secret-bbbbbbbbbbbbbbbbbbbb"
    wire = ScriptedWire(family.ProxyError(message), ScriptedResponse(chunks=[b"a", family.ReadError(message)]))
    async with client_of(family, "record", tmp_path, wire) as client:
        for _ in range(2):
            with pytest.raises(family.TransportError, match="secret-b"):
                await client.get(url, headers=headers)
    errors = [each.error for each in storage_in(tmp_path).recordings()]
    assert [each.kind for each in errors if each is not None] == ["ProxyError", "ReadError"]
    assert b"secret-" not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    async with client_of(family, "replay", tmp_path) as client:
        with pytest.raises(family.ProxyError, match=r"no way to https://api\.test"):
            await client.get(url, headers=headers)


async def test_refusals_of_ours_are_not_recorded(family: ModuleType, tmp_path: Path) -> None:
    """They are no answers of a server; nor is an error of a user's own code, or cancelling."""
    clock = FakeClock()
    config = GracyConfig(concurrent_requests=ConcurrentRequestLimit(1, max_waiting=1))
    replay = GracyReplay("record", storage_in(tmp_path), disable_throttling=True)
    wire = ScriptedWire(ScriptedResponse(delay=math.inf), ValueError("a bug"), clock=clock)
    stack = GracyTransport(wire, config, replay=replay, clock=clock)
    async with family.AsyncClient(transport=stack) as client, anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(client.get, URL)
        await anyio.wait_all_tasks_blocked()
        with pytest.raises(QueueFull):
            await client.get(f"{URL}/refused")
        group.cancel_scope.cancel()
    async with client_of(family, "record", tmp_path, wire) as client:
        with pytest.raises(ValueError, match="a bug"):
            await client.get(URL)
    assert list(tmp_path.iterdir()) == []


async def test_errors_are_discarded_with_bad_responses(family: ModuleType, home: Home) -> None:
    """They are neither recorded nor replayed, whole or in the middle of a body."""
    steps = [family.ReadTimeout("late"), ScriptedResponse(chunks=[b"a", family.ReadError("broken")]), 204]

    async def run(mode: Any, *, discard: bool, times: int) -> list[int | str]:
        said: list[int | str] = []
        wire = ScriptedWire(*steps)
        async with client_of(family, mode, home, wire, discard_bad_responses=discard) as client:
            for _ in range(times):
                try:
                    said.append((await client.get(URL)).status_code)
                except family.TransportError as error:
                    said.append(type(error).__name__)
        return said

    await run("record", discard=True, times=3)
    assert await run("replay", discard=False, times=2) == [204, 204]
    await run("record", discard=False, times=3)
    assert await run("replay", discard=False, times=3) == ["ReadTimeout", "ReadError", 204]
    assert await run("replay", discard=True, times=1) == [204]
    await run("record", discard=False, times=1)
    assert await run("replay", discard=True, times=1) == ["GracyReplayRequestNotFound"]


async def test_a_body_that_broke_breaks_there_again(family: ModuleType, home: Home) -> None:
    """What came before it is there, and the headers too."""
    chunks = [b"data: 1\n\n", b"data: 2\n\n", family.RemoteProtocolError("the server went away")]
    wire = ScriptedWire(ScriptedResponse(chunks=chunks, headers={"content-type": "text/event-stream", "x-a": "b"}))

    async def read(client: Any) -> list[Any]:
        seen: list[Any] = []
        with pytest.raises(family.RemoteProtocolError, match="the server went away"):
            async with client.stream("GET", URL) as response:
                seen.append((response.status_code, response.headers["x-a"]))
                async for chunk in response.aiter_raw():
                    seen.append(chunk)  # noqa: PERF401 - it breaks
        return seen

    async with client_of(family, "record", home, wire) as client:
        live = await read(client)
    async with client_of(family, "replay", home) as client:
        assert [await read(client) for _ in range(2)] == [live, live]


async def test_a_body_that_breaks_for_another_reason_is_not_recorded(
    family: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """No replay could raise that."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"a", ValueError("a bug")]))
    with caplog.at_level(logging.WARNING, "gracy_transport"):
        async with client_of(family, "record", tmp_path, wire) as client:
            with pytest.raises(ValueError, match="a bug"):
                await client.get(URL)
    assert caplog.messages == [f"GET {URL} was not recorded: its body broke with a ValueError"]
    assert list(tmp_path.iterdir()) == []


async def test_an_error_before_all_was_sent_is_not_recorded(
    family: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody knows what would have been asked."""

    async def letters() -> AsyncIterator[bytes]:
        yield b"a"

    class Closed(ScriptedWire):
        async def handle_async_request(self, request: Any) -> Any:
            raise family.ConnectError("refused")

    with caplog.at_level(logging.WARNING, "gracy_transport"):
        async with client_of(family, "record", tmp_path, Closed()) as client:
            with pytest.raises(family.ConnectError):
                await client.post(URL, content=letters())
    assert caplog.messages == [f"POST {URL} was not recorded: the body of the request was not read to its end"]
    assert list(tmp_path.iterdir()) == []


async def test_a_storage_of_responses_is_given_no_errors(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """It has no place for them."""
    kept: list[Any] = []

    class Small(GracyReplayStorage):
        async def record(self, response: Any) -> None:
            kept.append(response.status_code)

        async def _load(self, request: Any) -> Any:
            return None

    steps = [family.ReadTimeout("late"), ScriptedResponse(chunks=[b"a", family.ReadError("broken")]), 204]
    with caplog.at_level(logging.WARNING, "gracy_transport"):
        async with client_of(family, "record", Small(), ScriptedWire(*steps)) as client:
            for kind in (family.ReadTimeout, family.ReadError):
                with pytest.raises(kind):
                    await client.get(URL)
            await client.get(URL)
    assert kept == [204]
    assert caplog.messages == []


async def test_an_exhausted_replay_survives_a_pickle(family: ModuleType, home: Home) -> None:
    """As all errors do."""
    async with client_of(family, "record", home, ScriptedWire(204)) as client:
        await client.get(URL)
    async with client_of(family, "replay", home, exhausted="error") as client:
        await client.get(URL)
        with pytest.raises(GracyReplayRequestNotFound) as raised:
            await client.get(URL)
    again = pickle.loads(pickle.dumps(raised.value))
    assert (type(again), str(again)) == (type(raised.value), str(raised.value))
