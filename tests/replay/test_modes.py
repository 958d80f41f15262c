"""The modes: what is sent, what is replayed, and what is recorded afterwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracefulRetry, GracyConfig, GracyTransport
from gracy_transport.exceptions import GracyReplayExhausted, GracyReplayRequestNotFound
from gracy_transport.replay import (
    GracyReplay,
    RecordedRequest,
    RecordedResponse,
    Recording,
    RecordingStorage,
    ReplayState,
)
from gracy_transport.replay.asked import Asked
from gracy_transport.replay.config import Mode
from gracy_transport.replay.lines import JSONLinesReplayStorage
from gracy_transport.replays.storages.memory import MemoryReplayStorage
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.replay.support import URL, Home, client_of, storage_in
from tests.support import gather

pytestmark = pytest.mark.anyio

OTHER = f"{URL}/other"


@dataclass(frozen=True)
class Scene:
    """What was recorded two hours ago, what is asked now, and the options of the replay."""

    recorded: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    asked: int = 1
    options: dict[str, Any] = field(default_factory=dict[str, Any])


SCENES = {
    "empty": Scene(asked=2),
    "recorded": Scene([(URL, 200)]),
    "missing": Scene([(OTHER, 200)]),
    "exhausted": Scene([(URL, 200)], asked=3),
    "exhausted is an error": Scene([(URL, 200)], asked=3, options={"exhausted": "error"}),
    "too old": Scene([(URL, 200)], options={"discard_replays_older_than": timedelta(hours=1)}),
    "old enough": Scene([(URL, 200)], options={"discard_replays_older_than": timedelta(hours=2)}),
    "bad": Scene([(URL, 500)], options={"discard_bad_responses": True}),
}

NONE, OVER = "GracyReplayRequestNotFound", "GracyReplayExhausted"

TABLE: dict[str, dict[str, tuple[list[str], list[str]]]] = {
    "record": {
        "empty": (["live 1", "live 2"], ["live 1", "live 2"]),
        "recorded": (["live 1"], ["live 1"]),
        "missing": (["live 1"], ["live 1", "old 1"]),
        "exhausted": (["live 1", "live 2", "live 3"], ["live 1", "live 2", "live 3"]),
        "exhausted is an error": (["live 1", "live 2", "live 3"], ["live 1", "live 2", "live 3"]),
        "too old": (["live 1"], ["live 1"]),
        "old enough": (["live 1"], ["live 1"]),
        "bad": (["live 1"], ["live 1"]),
    },
    "replay": {
        "empty": ([NONE, NONE], []),
        "recorded": (["old 1"], ["old 1"]),
        "missing": ([NONE], ["old 1"]),
        "exhausted": (["old 1", "old 1", "old 1"], ["old 1"]),
        "exhausted is an error": (["old 1", OVER, OVER], ["old 1"]),
        "too old": ([NONE], ["old 1"]),
        "old enough": (["old 1"], ["old 1"]),
        "bad": ([NONE], ["old 1"]),
    },
    "smart-replay": {
        "empty": (["live 1", "live 1"], ["live 1"]),
        "recorded": (["old 1"], ["old 1"]),
        "missing": (["live 1"], ["live 1", "old 1"]),
        "exhausted": (["old 1", "old 1", "old 1"], ["old 1"]),
        "exhausted is an error": (["old 1", "live 1", "live 2"], ["old 1", "live 1", "live 2"]),
        "too old": (["live 1"], ["live 1"]),
        "old enough": (["old 1"], ["old 1"]),
        "bad": (["live 1"], ["live 1"]),
    },
}
TABLE["once"] = TABLE["replay"] | {"empty": TABLE["record"]["empty"]}
TABLE["refresh"] = TABLE["record"] | {"missing": (["live 1"], ["live 1"])}


def live(word: str = "live") -> ScriptedWire:
    """Returns a wire whose answers are numbered."""
    numbers = count(1)
    return ScriptedWire(lambda _request: ScriptedResponse(content=f"{word} {next(numbers)}".encode()))


async def ask(family: ModuleType, client: Any, times: int) -> list[str]:
    """Asks for the same several times; an error is its name."""
    said: list[str] = []
    for _ in range(times):
        try:
            said.append((await client.get(URL)).text)
        except (GracyReplayRequestNotFound, family.RequestError) as error:
            said.append(type(error).__name__)
    return said


def stored(home: Path | Home) -> list[str]:
    """Returns the bodies of what is recorded, in its order."""
    recordings = storage_in(home).recordings()
    return [each.response.body.decode() for each in recordings if each.response is not None]


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("mode", TABLE)
async def test_each_mode_in_each_scene(family: ModuleType, home: Home, mode: Mode, scene: str) -> None:
    """What is answered, and what is recorded afterwards."""
    given, clock = SCENES[scene], FakeClock()
    for url, status in given.recorded:
        wire = ScriptedWire(ScriptedResponse(status=status, content=b"old 1"))
        async with client_of(family, "record", home, wire, options={"clock": clock}) as client:
            await client.get(url)
    await clock.advance(2 * 3600)
    wire = live()
    async with client_of(family, mode, home, wire, options={"clock": clock}, **given.options) as client:
        said = await ask(family, client, given.asked)
    expected, kept = TABLE[mode][scene]
    assert said == expected
    assert len(wire.sent) == sum(each.startswith("live") for each in dict.fromkeys(said))
    assert stored(home) == kept


async def test_pending_pending_done(family: ModuleType, home: Home) -> None:
    """Each answer in its turn; then the last again or an error, as it is said."""
    wire = ScriptedWire(*(ScriptedResponse(content=word) for word in (b"pending", b"pending", b"done")))
    async with client_of(family, "record", home, wire) as client:
        await ask(family, client, 3)
    async with client_of(family, "replay", home) as client:
        assert await ask(family, client, 5) == ["pending", "pending", "done", "done", "done"]
    async with client_of(family, "replay", home, exhausted="error") as client:
        assert await ask(family, client, 3) == ["pending", "pending", "done"]
        with pytest.raises(GracyReplayExhausted) as raised:
            await client.get(URL)
        assert isinstance(raised.value, GracyReplayRequestNotFound)
        assert isinstance(raised.value, family.TransportError)
        assert str(raised.value) == (
            f"all recorded answers to GET {URL} were replayed, and it is asked once more; record it again, or let "
            'GracyReplay(exhausted="repeat") give the last one again'
        )


async def test_what_is_asked_more_often_follows_on_what_was_recorded(family: ModuleType, home: Home) -> None:
    """In smart-replay, also when two ask at once and some was given up before."""
    async with client_of(family, "record", home, live("old")) as client:
        await ask(family, client, 2)
        async with client.stream("GET", URL):
            pass  # so that there is a hole among the positions
        await ask(family, client, 1)
    clock = FakeClock()
    answers = [ScriptedResponse(content=b"slow", delay=5), ScriptedResponse(content=b"fast", delay=1)]
    wire, options = ScriptedWire(*answers, clock=clock), {"clock": clock}
    async with client_of(family, "smart-replay", home, wire, options=options, exhausted="error") as client:
        old = await ask(family, client, 3)
        # Which of the two goes first, a storage that asks a server does not say.
        assert sorted([each.text for each in await gather(client, [URL, URL])]) == ["fast", "slow"]
    assert stored(home) == [*old, "slow", "fast"]


async def test_once_records_also_for_a_client_that_is_made_while_another_begins_to_record(family: ModuleType) -> None:
    """In another thread, say: both belong to the run that began with nothing."""

    class Overtaken(MemoryReplayStorage):
        """Another client is made, and records, while somebody looks whether it is empty."""

        def is_empty(self) -> bool:
            looks.append(self)
            if len(looks) > 1:
                return True
            others.append(ReplayState(GracyReplay("once", self)))
            return False

    looks: list[object] = []
    others: list[ReplayState] = []
    async with client_of(family, "once", Overtaken(), ScriptedWire(200)) as client:
        assert (await client.get(URL)).status_code == 200
    assert [other.mode for other in others] == ["record"]


async def test_once_records_for_as_long_as_its_run_lasts(family: ModuleType, home: Home) -> None:
    """Also where another transport on the storage has recorded by then; the next run replays."""
    storage = storage_in(home)
    async with client_of(family, "once", storage, live("one")) as client:
        assert await ask(family, client, 1) == ["one 1"]
    async with client_of(family, "once", storage, live("two")) as client:
        assert await ask(family, client, 1) == ["two 1"]
    async with client_of(family, "once", home) as client:
        assert await ask(family, client, 3) == ["one 1", "two 1", "two 1"]


async def test_a_refresh_that_fails_forgets_nothing(
    family: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Nor does one that records nothing: there may be more to come that was recorded before."""
    async with client_of(family, "record", tmp_path, live("old")) as client:
        await client.get(OTHER)
    async with client_of(family, "refresh", tmp_path, ScriptedWire(500), discard_bad_responses=True) as client:
        await client.get(URL)
    assert stored(tmp_path) == ["old 1"]
    with pytest.raises(KeyError, match="half-way"):
        async with client_of(family, "refresh", tmp_path, live()) as client:
            await client.get(URL)
            raise KeyError("half-way")
    assert stored(tmp_path) == ["live 1", "old 1"]
    (message,) = caplog.messages
    assert message.startswith("what was not recorded again is kept in <SQLiteReplayStorage")
    assert message.endswith("because the run ended with KeyError")


async def test_a_refresh_of_a_stack_forgets_too(family: ModuleType, home: Home) -> None:
    """And keeps what is recorded through any of its chains, even when the time of day is set back."""
    async with client_of(family, "record", home, live("old")) as client:
        await client.get(OTHER)
    clock = SetBack()
    replay = GracyReplay("refresh", storage_in(home))
    stack = GracyTransport(live(), GracyConfig(), replay=replay, clock=clock)
    async with family.AsyncClient(transport=stack) as client:
        await client.get(URL)
        await client.get(OTHER)
    assert stored(home) == ["live 1", "live 2"]


class SetBack(FakeClock):
    """A clock whose time of day is an hour earlier each time that it is read."""

    def __init__(self) -> None:
        super().__init__(wall=datetime.now(UTC).timestamp() + 3600)
        self._read = 0

    def wall(self) -> float:
        """Returns virtual seconds since 1970 UTC."""
        self._read += 1
        return super().wall() - self._read


async def test_a_refresh_that_cannot_forget_says_so(
    family: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """And closing goes on."""

    class Stubborn(SQLiteReplayStorage):
        async def forget_unrecorded(self, since: datetime) -> None:
            raise OSError("the disk is full")

    wire = live()
    async with client_of(family, "refresh", Stubborn("test.sqlite3", dir=tmp_path), wire) as client:
        await client.get(URL)
    assert wire.closed == 1
    assert "what was not recorded again is still in <SQLiteReplayStorage" in caplog.text
    assert "the disk is full" in caplog.text


async def test_transports_on_one_storage_record_one_run(family: ModuleType, home: Home) -> None:
    """They do not replace each other's answers; each replays from the beginning."""
    storage = storage_in(home)
    async with (
        client_of(family, "record", storage, live("a")) as one,
        client_of(family, "record", storage, live("b")) as other,
    ):
        await one.get(URL)
        await other.get(URL)
        await one.get(URL)
    assert stored(home) == ["a 1", "b 1", "a 2"]
    async with client_of(family, "replay", storage) as one, client_of(family, "replay", storage) as other:
        assert await ask(family, one, 2) == ["a 1", "b 1"]
        assert await ask(family, other, 1) == ["a 1"]


async def test_what_becomes_too_old_meanwhile_is_recorded_anew(family: ModuleType, home: Home) -> None:
    """An age counts from each look-up, and the file does not grow with each answer."""
    clock = FakeClock()
    options, limit = {"clock": clock}, timedelta(hours=1)
    wire = live()
    async with client_of(
        family, "smart-replay", home, wire, options=options, discard_replays_older_than=limit
    ) as client:
        for hour in range(1, 4):
            assert await ask(family, client, 3) == [f"live {hour}"] * 3
            await clock.advance(3601)
    assert stored(home) == ["live 3"]


@pytest.mark.parametrize("mode", ["record", "refresh", "smart-replay"])
async def test_what_is_too_old_gets_a_new_date_when_it_is_recorded_again_unchanged(
    family: ModuleType, tmp_path: Path, mode: Mode
) -> None:
    """Also where nobody asked for it before; what is not too old stays as it is."""
    lines, clock = tmp_path / "api.jsonl", FakeClock()
    limit: dict[str, Any] = {"discard_replays_older_than": timedelta(hours=1), "options": {"clock": clock}}

    def wire() -> ScriptedWire:
        return ScriptedWire(lambda _request: ScriptedResponse(content=b"as ever"))

    async with client_of(family, mode, JSONLinesReplayStorage(lines), wire(), **limit) as client:
        await client.get(URL)
    before = lines.read_bytes()
    await clock.advance(1800)
    async with client_of(family, mode, JSONLinesReplayStorage(lines), wire(), **limit) as client:
        await client.get(URL)
    assert lines.read_bytes() == before
    await clock.advance(1801)
    async with client_of(family, mode, JSONLinesReplayStorage(lines), wire(), **limit) as client:
        await client.get(URL)
    async with client_of(family, "replay", JSONLinesReplayStorage(lines), **limit) as client:
        assert (await client.get(URL)).text == "as ever"


async def test_fifty_tasks_each_get_their_own_answer(family: ModuleType, home: Home) -> None:
    """Half of them recorded and half of them missing, all at once."""
    urls = [f"https://api.test/{place}?n={place}" for place in range(50)]
    clock = FakeClock()
    wire = ScriptedWire(
        lambda request: ScriptedResponse(content=str(request.url).encode(), delay=len(wire.sent) * 7 % 5), clock=clock
    )
    options = {"clock": clock}
    async with client_of(family, "smart-replay", home, wire, options=options) as client:
        await gather(client, urls[::2], in_turn=False)
    async with client_of(family, "smart-replay", home, wire, options=options) as client:
        assert [each.text for each in await gather(client, urls, in_turn=False)] == urls
    assert len(wire.sent) == 50
    async with client_of(family, "replay", home) as client:
        assert [each.text for each in await gather(client, urls[::-1], in_turn=False)] == urls[::-1]


async def test_retries_see_the_recorded_sequence(family: ModuleType, home: Home) -> None:
    """A timeout, a 503 and an answer are replayed to the retry layer as they came, and waited for in between."""
    retry = GracyConfig(retry=GracefulRetry(delay=3, max_attempts=3, retry_on={family.ReadTimeout, 503}))

    async def run(mode: Mode, wire: ScriptedWire) -> tuple[str, list[str | int | None], float]:
        clock = FakeClock()
        stack = GracyTransport(wire, retry, replay=GracyReplay(mode, storage_in(home)), clock=clock)
        async with family.AsyncClient(transport=stack) as client:
            response = await client.get(URL)
        attempts = response.extensions["gracy"].attempts
        return response.text, [each.error or each.status for each in attempts], clock.now()

    wire = ScriptedWire(family.ReadTimeout("slow"), 503, ScriptedResponse(content=b"done"))
    recorded = await run("record", wire)
    assert recorded[:2] == ("done", ["ReadTimeout", 503, 200])
    silent = ScriptedWire(500)
    assert await run("replay", silent) == recorded
    assert silent.sent == []


async def test_a_storage_that_cannot_count_loses_no_request(
    family: ModuleType, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is sent all the same, with a warning."""

    class Uncounted(SQLiteReplayStorage):
        async def next_position(self, asked: Asked, credential: str | None) -> int:
            raise OSError("the disk is gone")

    async with client_of(family, "record", tmp_path, live("old")) as client:
        await client.get(URL)
    storage = Uncounted("test.sqlite3", dir=tmp_path)
    async with client_of(family, "smart-replay", storage, live(), exhausted="error") as client:
        assert await ask(family, client, 2) == ["old 1", "live 1"]
    assert "because looking for its place failed" in caplog.text
    assert stored(tmp_path) == ["live 1"]


class Kept(RecordingStorage):
    """A storage that keeps recordings in a list, and does nothing it need not."""

    def __init__(self) -> None:
        self.kept: list[tuple[int, Recording]] = []

    async def save(self, asked: Asked, recording: Recording, position: int, *, is_first: bool) -> None:
        if is_first:
            self.kept = [(key, each) for key, each in self.kept if key != asked.key]
        self.kept.append((asked.key, recording))

    async def find(self, asked: Asked, position: int, wanted: Any = None) -> Recording | None:
        fit = [each for key, each in self.kept if key == asked.key]
        return fit[position] if -1 <= position < len(fit) and fit else None

    def recordings(self) -> Any:
        yield from (each for _key, each in self.kept)


async def test_any_storage_of_recordings_knows_what_it_has(family: ModuleType) -> None:
    """Whether it is empty and where a sequence ends; to forget it has to be taught."""
    storage = Kept()
    assert storage.is_empty()
    asked = Asked(family.Request("GET", URL), b"")
    assert await storage.next_position(asked, None) == 0
    recording = Recording(RecordedRequest("GET", URL), datetime.now(UTC), RecordedResponse(200))
    for place in range(2):
        await storage.save(asked, recording, place, is_first=not place)
    assert not storage.is_empty()
    assert await storage.next_position(asked, None) == 2
    with pytest.raises(NotImplementedError, match="Kept cannot forget"):
        await storage.forget_unrecorded(datetime.now(UTC))


async def test_a_sqlite_file_knows_what_it_has(family: ModuleType, tmp_path: Path) -> None:
    """Before and after it is written, with holes, by credential or for all."""
    storage = storage_in(tmp_path)
    alice, bob = (Asked(family.Request("GET", URL), b"", name) for name in ("alice", "bob"))
    assert storage.is_empty()
    assert await storage.next_position(alice, None) == 0
    for asked, place in ((alice, 0), (alice, 7), (bob, 2)):
        recording = Recording(
            RecordedRequest("GET", URL, credential=asked.credential), datetime(2026, 1, 1, tzinfo=UTC)
        )
        await storage.save(asked, recording, place, is_first=place != 7)
    assert not storage.is_empty()
    assert [await storage.next_position(alice, each) for each in ("alice", "bob", "carol", None)] == [8, 3, 0, 8]
    await storage.forget_unrecorded(datetime(2026, 1, 1, tzinfo=UTC))
    assert len(list(storage.recordings())) == 3
    await storage.forget_unrecorded(datetime(2026, 1, 2, tzinfo=UTC))
    assert storage.is_empty()
    storage.flush()
