"""Recordings in memory."""

from __future__ import annotations

from datetime import timedelta
from types import ModuleType

import anyio
import httpx
import pytest

from gracy_transport import GracyReplay
from gracy_transport.replay import Recording, ReplayTransport
from gracy_transport.replay.asked import Asked
from gracy_transport.replay.sequence import LAST
from gracy_transport.replay.storage import Wanted
from gracy_transport.replays.storages.memory import MemoryReplayStorage
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.replay.support import AT, URL, client_of, recording

pytestmark = pytest.mark.anyio


def asked_for(url: str = URL, credential: str = "") -> Asked:
    """Returns a request."""
    return Asked(httpx.Request("GET", url), b"", credential)


async def test_it_records_and_replays(family: ModuleType) -> None:
    """For as long as it lives."""
    storage = MemoryReplayStorage()
    assert storage.is_empty()
    wire = ScriptedWire(ScriptedResponse(json=1), ScriptedResponse(json=2))
    async with client_of(family, "record", storage, wire) as client:
        assert [(await client.get(URL)).json() for _ in range(2)] == [1, 2]
    async with client_of(family, "replay", storage) as client:
        assert [(await client.get(URL)).json() for _ in range(3)] == [1, 2, 2]
        with pytest.raises(family.TransportError, match=r"the nearest recording is of GET https://api.test/items/1;"):
            await client.get("https://api.test/items/2")
    assert repr(storage) == "<MemoryReplayStorage 2 recordings>"


async def test_it_begins_with_what_it_is_given() -> None:
    """Several of one request are its answers in that order, those of each credential for themselves."""
    one, other, theirs = asked_for(), asked_for(f"{URL}0"), asked_for(credential="credential-1")
    given = [recording(other, b"a"), recording(one, b"b"), recording(theirs, b"c"), recording(one, b"d")]
    storage = MemoryReplayStorage(given)
    assert [await storage.find(one, place, Wanted(credential="")) for place in (0, 1, 2)] == [given[1], given[3], None]
    assert await storage.find(one, LAST) == given[3]
    assert await storage.find(theirs, LAST, Wanted(credential="credential-1")) == given[2]
    assert list(storage.recordings()) == [given[1], given[3], given[2], given[0]]
    assert storage.credentials() == {"credential-1"}
    assert await storage.next_position(one, "") == 2
    assert await storage.next_position(one, "credential-1") == 1
    assert await storage.next_position(asked_for("https://other.test"), None) == 0


async def test_what_is_wanted_is_found_while_more_comes() -> None:
    """Also what comes late, at its position, and what replaces all."""
    storage, asked, good = MemoryReplayStorage(), asked_for(), Wanted(AT, only_good=True)

    async def found() -> list[bytes]:
        answers = [await storage.find(asked, place, good) for place in range(5)]
        return [each.response.body for each in answers if each is not None and each.response is not None]

    for place, status in ((3, 200), (1, 200), (2, 500), (4, 200), (0, 200)):
        await storage.save(asked, recording(asked, b"%d" % place, status), place, is_first=False)
        await found()
    assert await found() == [b"0", b"1", b"3", b"4"]
    await storage.save(asked, recording(asked, b"old", at=AT - timedelta(days=1)), 5, is_first=False)
    assert await found() == [b"0", b"1", b"3", b"4"]
    await storage.forget_unrecorded(AT)
    assert len(list(storage.recordings())) == 5
    await storage.save(asked, recording(asked, b"new"), 0, is_first=True)
    assert await found() == [b"new"]


class SlowAtFirst(MemoryReplayStorage):
    """A storage that takes long to save what replaces the answers of earlier runs."""

    def __init__(self) -> None:
        super().__init__()
        self.may_go_on = anyio.Event()

    async def save(self, asked: Asked, recording: Recording, position: int, *, is_first: bool) -> None:
        """Saves a recording, the first once it may."""
        if is_first:
            await self.may_go_on.wait()
        await super().save(asked, recording, position, is_first=is_first)


async def test_the_first_answer_does_not_replace_one_that_came_while_it_was_saved() -> None:
    """It replaces what earlier runs recorded: the others of this run wait until it has."""
    storage = SlowAtFirst()
    transport = ReplayTransport(ScriptedWire(), GracyReplay("record", storage))
    async with httpx.AsyncClient(transport=transport) as client, anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(client.get, URL)
        await anyio.wait_all_tasks_blocked()
        storage.may_go_on.set()
    assert len(list(storage.recordings())) == 3
