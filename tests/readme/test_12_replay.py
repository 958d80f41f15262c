"""README, "Replay requests": record once, replay without hitting the API, and all other settings as usual."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import anyio
import pytest

from gracy_transport import (
    GracefulRetry,
    GracefulRetryState,
    GracefulValidator,
    GracyConfig,
    GracyReplay,
    GracyRequestContext,
    LogEvent,
    LogLevel,
    ReplayLogEvent,
    ThrottleRule,
)
from gracy_transport.exceptions import GracyReplayRequestNotFound, NonOkResponse
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.readme.support import PIKACHU, OnWire, PokeApiEndpoint, lines, wire_of

pytestmark = pytest.mark.anyio

FOUND = ScriptedResponse(json={"name": "pikachu", "order": 35})


@pytest.fixture(autouse=True)
def somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs each test in a directory of its own, because the README names no other."""
    monkeypatch.chdir(tmp_path)


class GracefulPokeAPI(OnWire):
    class Config(OnWire.Config):
        SETTINGS = GracyConfig(parser={"default": lambda r: r.json()["name"]})


def mode(name: Literal["record", "replay", "smart-replay"], **fields: Any) -> GracyReplay:
    """Returns what the README passes to an API."""
    return GracyReplay(name, SQLiteReplayStorage("pokeapi.sqlite3"), **fields)


async def test_recording_and_replaying(family: ModuleType) -> None:
    """The first step hits the API, the second does not; the file is in `.gracy`, as ever."""
    pokeapi = GracefulPokeAPI(family, wire_of(FOUND), mode("record"))
    assert await pokeapi.get_pokemon("pikachu") == "pikachu"
    assert len(pokeapi.wire.sent) == 1
    await pokeapi.aclose()
    assert Path(".gracy/pokeapi.sqlite3").is_file()

    pokeapi = GracefulPokeAPI(family, wire_of(500), mode("replay"))
    assert await pokeapi.get_pokemon("pikachu") == "pikachu"
    assert pokeapi.wire.sent == []
    assert pokeapi.get_report().total.replays == 1


async def upload(*pieces: bytes) -> AsyncIterator[bytes]:
    """Sends a body piece by piece."""
    for piece in pieces:
        yield piece


async def test_every_request_is_recorded(family: ModuleType) -> None:
    """Any method and body, redirects, and what is no success; each replays as what it was."""

    class API(OnWire):
        async def ask(self) -> list[Any]:
            file = {"file": ("berry.txt", b"cheri")}
            responses = [
                await self.get(PokeApiEndpoint.GET_POKEMON, {"NAME": "mew"}, params={"full": True}),
                await self.post(PokeApiEndpoint.BERRY_LIST, json={"name": "cheri"}),
                await self.post(PokeApiEndpoint.BERRY_LIST, json={"name": "pecha"}),
                await self.put(PokeApiEndpoint.BERRY_LIST, data={"name": "cheri"}),
                await self.patch(PokeApiEndpoint.BERRY_LIST, files=file),
                await self.post(PokeApiEndpoint.BERRY_LIST, content=upload(b"so", b"ft")),
                await self.get("/old", follow_redirects=True),
                await self.delete(PokeApiEndpoint.BERRY_LIST),
            ]
            with pytest.raises(NonOkResponse) as raised:
                await self.get("/broken")
            return [(response.status_code, response.text) for response in (*responses, raised.value.response)]

    answers: list[Any] = [ScriptedResponse(content=f"answer {number}".encode()) for number in range(6)]
    answers += [ScriptedResponse(status=302, headers={"location": "/new"}), ScriptedResponse(content=b"moved"), 204]
    async with API(family, wire_of(*answers, ScriptedResponse(status=503, content=b"sorry")), mode("record")) as api:
        recorded = await api.ask()
    async with API(family, wire_of(), mode("replay")) as api:
        assert await api.ask() == recorded
        assert api.wire.sent == []
    expected = [(200, f"answer {number}") for number in range(6)]
    assert recorded == [*expected, (200, "moved"), (204, ""), (503, "sorry")]


async def test_what_was_not_recorded_is_not_sent(family: ModuleType) -> None:
    """The error says which request it was, and what to do."""
    async with GracefulPokeAPI(family, wire_of(FOUND), mode("record")) as pokeapi:
        await pokeapi.get_pokemon("pikachu")
    async with GracefulPokeAPI(family, wire_of(FOUND), mode("replay")) as pokeapi:
        with pytest.raises(GracyReplayRequestNotFound, match=r"GET https://pokeapi.co/api/v2/pokemon/ditto.*record it"):
            await pokeapi.get_pokemon("ditto")
    assert pokeapi.wire.sent == []


async def test_smart_replay_sends_and_records_what_is_missing(family: ModuleType) -> None:
    """And replays it from then on."""
    for sent in (1, 0):
        async with GracefulPokeAPI(family, wire_of(FOUND), mode("smart-replay")) as pokeapi:
            assert await pokeapi.get_pokemon("pikachu") == "pikachu"
            assert len(pokeapi.wire.sent) == sent


class Wary(GracefulValidator):
    def check(self, response: Any) -> None:
        if response.json()["name"] == "missingno":
            raise ValueError("no such thing")


class ConfiguredPokeAPI(OnWire):
    """One with everything the README calls "similar configs"."""

    class Config(OnWire.Config):
        SETTINGS = GracyConfig(
            parser={"default": lambda r: r.json()["name"]},
            retry=GracefulRetry(delay=2, max_attempts=3, retry_on={503, ValueError}),
            validators=Wary(),
            throttling=ThrottleRule(r".*", 1, timedelta(seconds=5)),
            concurrent_requests=1,
            log_response=LogEvent(LogLevel.INFO, "{STATUS} {REPLAY}"),
            log_errors=None,
        )

    def __init__(self, *args: Any) -> None:
        self.hooks: list[Any] = []
        super().__init__(*args)

    async def before(self, context: GracyRequestContext) -> None:
        self.hooks.append(self.wire.clock.now())

    async def after(
        self, context: GracyRequestContext, response_or_exc: Any, retry_state: GracefulRetryState | None
    ) -> None:
        self.hooks.append((response_or_exc.status_code, retry_state and retry_state.cur_attempt))


async def test_similar_configs_work_as_usual(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """Parser, retry, validator, throttling, logs and hooks make of replays what they made of the answers."""
    caplog.set_level(logging.INFO, "gracy_transport")
    steps = (503, ScriptedResponse(json={"name": "missingno"}), FOUND)
    seen: list[Any] = []
    modes: tuple[Literal["record", "replay"], ...] = ("record", "replay")
    for name in modes:
        wire = wire_of(*steps)
        async with ConfiguredPokeAPI(family, wire, mode(name)) as pokeapi:
            assert await pokeapi.get_pokemon() == "pikachu"
            total = pokeapi.get_report().total
            seen.append((pokeapi.hooks, total.retries, total.throttles, wire.clock.now() - 1000))
    (recorded, replayed) = seen
    assert recorded == replayed
    assert recorded[1:] == (2, 2, 10)  # the second and the third attempt waited for the throttle
    assert [status for status in recorded[0] if isinstance(status, tuple)] == [(503, None), (200, 1), (200, 2)]
    assert lines(caplog) == [("INFO", "200 "), ("INFO", "200 REPLAYED")]


async def test_concurrency_limits_hold_for_replays(family: ModuleType) -> None:
    """Three at once take their turns; none is lost."""
    async with ConfiguredPokeAPI(family, wire_of(FOUND), mode("record")) as pokeapi:
        await pokeapi.get_pokemon()
    async with ConfiguredPokeAPI(family, wire_of(), mode("replay")) as pokeapi:
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(pokeapi.get_pokemon)
        assert pokeapi.get_report().total.replays == 3
        assert pokeapi.wire.clock.now() == 1010


async def test_throttling_can_be_left_out_for_replays(family: ModuleType) -> None:
    """`disable_throttling`, for tests that need not wait; what is really sent is throttled all the same."""
    async with ConfiguredPokeAPI(family, wire_of(FOUND), mode("smart-replay", disable_throttling=True)) as pokeapi:
        for name in ("pikachu", "pikachu", "ditto", "pikachu"):
            await pokeapi.get_pokemon(name)
        assert [sent.at for sent in pokeapi.wire.sent] == [1000, 1005]
        assert pokeapi.wire.clock.now() == 1005


async def test_bad_and_old_answers_can_be_discarded(family: ModuleType) -> None:
    """They count as not recorded."""
    async with OnWire(family, wire_of(404), mode("record")) as pokeapi:
        with pytest.raises(NonOkResponse):
            await pokeapi.get_pokemon()
    for fields in (
        {"discard_bad_responses": True},
        {"discard_replays_older_than": datetime.now().astimezone() + timedelta(1)},
    ):
        async with OnWire(family, wire_of(), mode("replay", **fields)) as pokeapi:
            with pytest.raises(GracyReplayRequestNotFound):
                await pokeapi.get_pokemon()


async def test_how_many_there_were_is_logged(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """Every so often, as `frequency` says."""
    caplog.set_level(logging.INFO, "gracy_transport")
    record = ReplayLogEvent(LogLevel.INFO, "{RECORDED_COUNT} recorded", frequency=2)
    replay = ReplayLogEvent(LogLevel.WARNING, "{REPLAYED_COUNT} replayed", frequency=1)
    async with GracefulPokeAPI(family, wire_of(FOUND), mode("record", log_record=record)) as pokeapi:
        for _ in range(3):
            await pokeapi.get_pokemon()
    async with GracefulPokeAPI(family, wire_of(), mode("replay", log_replay=replay)) as pokeapi:
        await pokeapi.get_pokemon()
    assert lines(caplog) == [("INFO", "2 recorded"), ("WARNING", "1 replayed")]


async def test_a_recording_can_be_shown_to_anybody(family: ModuleType) -> None:
    """It holds no secret and no pickle, so it can be committed beside the tests it is for."""

    class API(OnWire):
        def _create_client(self) -> Any:
            return self.family.AsyncClient(transport=self.wire, headers={"Authorization": "token hunter2-hunter2"})

    async with API(family, ScriptedWire(FOUND, clock=wire_of().clock), mode("record")) as pokeapi:
        await pokeapi.get("/pokemon?api_key=hunter3-hunter3")
        assert pokeapi.wire.sent[0].headers["authorization"] == "token hunter2-hunter2"
    stored = Path(".gracy/pokeapi.sqlite3").read_bytes()
    assert b"hunter" not in stored
    assert b"httpx" not in stored
    assert PIKACHU.rpartition("/")[0].encode() in stored
