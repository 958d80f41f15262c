"""Storages of the user's own, written as the README says."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import httpx
import pytest

from gracy_transport import GracyReplayStorage
from gracy_transport.exceptions import GracyReplayRequestNotFound, UnreadableRecording
from gracy_transport.replay.placeholders import is_placeholder
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.replay.support import URL, client_of

pytestmark = pytest.mark.anyio


class MyCustomStorage(GracyReplayStorage):
    """The example of the README, with a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.is_prepared = False

    def prepare(self) -> None:
        self.is_prepared = True

    async def record(self, response: httpx.Response) -> None:
        request = response.request
        self.kept[f"{request.method} {request.url}"] = (request.content, response)

    async def _load(self, request: httpx.Request) -> httpx.Response:
        found: httpx.Response = self.kept[f"{request.method} {request.url}"][1]
        return found


class DatedStorage(MyCustomStorage):
    """One that wants to know which recordings are too old, as the original library had it."""

    asked_with: list[datetime | None]

    async def _load(self, request: httpx.Request, discard_before: datetime | None = None) -> httpx.Response:
        self.asked_with = [*getattr(self, "asked_with", []), discard_before]
        if f"{request.method} {request.url}" not in self.kept:
            raise GracyReplayRequestNotFound(request)  # type: ignore[arg-type] # as the original had it
        return await super()._load(request)


class NamedDateStorage(MyCustomStorage):
    """One that wants the date by its name."""

    asked_with: list[datetime | None]

    async def _load(self, request: httpx.Request, *, discard_before: datetime | None = None) -> httpx.Response:
        self.asked_with = [*getattr(self, "asked_with", []), discard_before]
        raise GracyReplayRequestNotFound(request)  # type: ignore[arg-type] # as the original had it


class EmptyStorage(MyCustomStorage):
    """One that says `None` for nothing."""

    flushed = 0

    async def _load(self, request: httpx.Request) -> Any:
        return None

    def flush(self) -> None:
        self.flushed += 1


async def test_a_storage_as_in_the_readme(family: ModuleType) -> None:
    """It gets a read response with its request, and what it gives out is played again."""
    storage = MyCustomStorage()
    wire = ScriptedWire(ScriptedResponse(json={"id": 1}))
    async with client_of(family, "record", storage, wire) as client:
        await client.post(URL, json={"a": 1})
    assert storage.is_prepared
    content, response = storage.kept[f"POST {URL}"]
    assert json.loads(content) == {"a": 1}
    assert isinstance(response, family.Response)
    assert response.json() == {"id": 1}
    async with client_of(family, "replay", storage) as client:
        for _ in range(2):
            replayed = await client.post(URL, json={"a": 1})
            assert (replayed.status_code, replayed.json()) == (200, {"id": 1})
            assert replayed.elapsed.total_seconds() >= 0


async def test_a_storage_sees_no_secret(family: ModuleType) -> None:
    """Neither when it stores nor when it looks up, so it finds again what it stored with another secret."""
    storage = DatedStorage()
    wire = ScriptedWire(ScriptedResponse(json={"access_token": "secret-3"}))
    async with client_of(family, "record", storage, wire) as client:
        await client.get(f"{URL}?api_key=secret-1", headers={"authorization": "Bearer secret-2"})
    (_content, response), *_ = storage.kept.values()
    shown = f"{response.request.url} {response.request.headers.raw} {response.text} {response.headers.raw}"
    assert "secret" not in shown.replace("api_key", "")
    async with client_of(family, "replay", storage) as client:
        replayed = await client.get(f"{URL}?api_key=other", headers={"authorization": "Bearer other"})
    assert is_placeholder(replayed.json()["access_token"])


@pytest.mark.parametrize("kind", [DatedStorage, NamedDateStorage])
async def test_a_storage_may_ask_for_the_date(family: ModuleType, kind: type[DatedStorage | NamedDateStorage]) -> None:
    """And may raise for what it has not."""
    storage = kind()
    date = datetime(2026, 1, 1, tzinfo=UTC)
    async with client_of(family, "replay", storage, discard_replays_older_than=date) as client:
        with pytest.raises(family.TransportError, match="nothing is recorded for GET") as raised:
            await client.get(URL)
    assert isinstance(raised.value, GracyReplayRequestNotFound)
    assert storage.asked_with[0] == date


async def test_nothing_counts_as_not_found(family: ModuleType) -> None:
    """A storage may just return `None`; smart-replay then sends the request and records it."""
    storage = EmptyStorage()
    async with client_of(family, "replay", storage) as client:
        with pytest.raises(GracyReplayRequestNotFound):
            await client.get(URL)
    assert storage.flushed == 1
    async with client_of(family, "smart-replay", storage, ScriptedWire(204)) as client:
        assert (await client.get(URL)).status_code == 204
    assert list(storage.kept) == [f"GET {URL}"]


async def test_bad_responses_of_a_storage_can_be_discarded(family: ModuleType) -> None:
    """They count as not found."""
    storage = MyCustomStorage()
    async with client_of(family, "record", storage, ScriptedWire(404)) as client:
        await client.get(URL)
    async with client_of(family, "replay", storage) as client:
        assert (await client.get(URL)).status_code == 404
    async with client_of(family, "replay", storage, discard_bad_responses=True) as client:
        with pytest.raises(GracyReplayRequestNotFound):
            await client.get(URL)


async def test_what_a_storage_gives_out_is_left_as_it_is(family: ModuleType) -> None:
    """Its encoding has been undone by reading it."""

    class Encoded(MyCustomStorage):
        async def _load(self, request: httpx.Request) -> httpx.Response:
            headers = {"content-encoding": "identity", "set-cookie": "a=b"}
            return httpx.Response(200, headers=headers, content=b'{"access_token":"mine"}')

    async with client_of(family, "replay", Encoded()) as client:
        response = await client.get(URL)
    assert isinstance(response, family.Response)
    assert response.json() == {"access_token": "mine"}
    assert response.cookies == {"a": "b"}
    assert "content-encoding" not in response.headers


async def test_finding_without_raising(family: ModuleType) -> None:
    """`find_replay` has a working default."""
    storage = MyCustomStorage()
    request = family.Request("GET", URL)
    storage.kept[f"GET {URL}"] = (b"", family.Response(200))
    found = await storage.find_replay(request)
    assert found is not None
    assert found.status_code == 200
    assert await EmptyStorage().find_replay(request) is None
    storage.flush()
    GracyReplayStorage.prepare(storage)


class BrokenStorage(MyCustomStorage):
    """One whose disk is full."""

    async def record(self, response: httpx.Response) -> None:
        raise OSError("the disk is full")

    async def _load(self, request: httpx.Request) -> httpx.Response:
        raise OSError("the disk is gone")


async def test_a_storage_that_fails_is_a_warning(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """It must neither look like a failure of the network nor lose the response."""
    with caplog.at_level(logging.WARNING, "gracy_transport"):
        async with client_of(family, "record", BrokenStorage(), ScriptedWire(200)) as client:
            assert (await client.get(URL)).status_code == 200
        async with client_of(family, "smart-replay", BrokenStorage(), ScriptedWire(200)) as client:
            assert (await client.get(URL)).status_code == 200
    assert [record.getMessage() for record in caplog.records] == [
        f"GET {URL} was not recorded; its answer is not affected",
        f"GET {URL} is sent, because looking for a recording failed",
        f"GET {URL} was not recorded; its answer is not affected",
    ]


async def test_a_replay_cannot_go_on_without_its_storage(family: ModuleType) -> None:
    """There is nothing to fall back on; the error names the storage and what to do, its cause is the storage's own."""
    async with client_of(family, "replay", BrokenStorage()) as client:
        with pytest.raises(UnreadableRecording, match=r"BrokenStorage .* failed with a OSError; mend") as raised:
            await client.get(URL)
    assert isinstance(raised.value.__cause__, OSError)


async def test_a_storage_may_not_say_by_a_key_error_that_it_has_nothing(family: ModuleType) -> None:
    """It might as well be a mistake; the message says how to say it."""

    class Plain(MyCustomStorage):
        async def _load(self, request: httpx.Request) -> httpx.Response:
            return dict[str, httpx.Response]()[str(request.url)]

    async with client_of(family, "replay", Plain()) as client:
        with pytest.raises(UnreadableRecording, match=r"failed with a KeyError; .* returns None, or raises"):
            await client.get(URL)
