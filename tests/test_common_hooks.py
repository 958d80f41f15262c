"""README: "Common Hooks"."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterator
from contextlib import nullcontext
from email.utils import formatdate
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import (
    BaseEndpoint,
    GracefulRetry,
    GracefulRetryState,
    GracyConfig,
    GracyReplay,
    GracyRequestContext,
    LogEvent,
    LogLevel,
    ThrottleRule,
)
from gracy_transport.common_hooks import HookResult, HttpHeaderRetryAfterBackOffHook, RateLimitBackOffHook
from gracy_transport.exceptions import CompositionError, GracyRequestFailed, NonOkResponse
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, Scripted
from tests.support import sent_at, worst_window

pytestmark = pytest.mark.anyio


class Endpoint(BaseEndpoint):
    """Two that can be told apart."""

    GET_POKEMON = "/pokemon/{NAME}"
    GET_BERRY = "/berry/{NAME}"


def limited(after: str | None = "30", **fields: Any) -> ScriptedResponse:
    return ScriptedResponse(status=429, headers={} if after is None else {"retry-after": after}, **fields)


class Hooked(Scripted):
    """An API with one of the hooks, as the README has it."""

    def __init__(self, hook: Any, family: ModuleType, wire: ScriptedWire, clock: FakeClock, **options: Any) -> None:
        self.hook = hook
        self.results: list[HookResult] = []
        super().__init__(family, wire, clock=clock, **options)

    async def before(self, context: GracyRequestContext) -> None:
        assert not (await self.hook.before(context)).executed

    async def after(
        self, context: GracyRequestContext, response_or_exc: Any, retry_state: GracefulRetryState | None
    ) -> None:
        self.results.append(await self.hook.after(context, response_or_exc))

    async def berry(self, name: str = "cheri") -> Any:
        return await self.get(Endpoint.GET_BERRY, {"NAME": name})


class API(Hooked):
    """One that takes a 429 for an answer."""

    class Config:
        BASE_URL = BASE
        SETTINGS = GracyConfig(allowed_status_code=429)


BOTH = pytest.mark.parametrize(
    "kind", [HttpHeaderRetryAfterBackOffHook, lambda *args, **more: RateLimitBackOffHook(30, *args, **more)]
)
"""Each of the hooks, made to pause for 30 s."""


# ---------------------------------------------------------------- the README


def readme_blocks() -> list[str]:
    """Returns the two examples of the README as printed, with the import renamed."""
    retry_after = """
from gracy.common_hooks import HttpHeaderRetryAfterBackOffHook

class GracefulAPI(GracyAPI[Endpoint]):
  def __init__(self):
    self._retry_after_hook = HttpHeaderRetryAfterBackOffHook(
        self._reporter,
        lock_per_endpoint=True,
        log_event=LogEvent(
            LogLevel.WARNING,
            custom_message=(
                "{ENDPOINT} produced {STATUS} and requested to wait {RETRY_AFTER}s "
                "- waiting {RETRY_AFTER_ACTUAL_WAIT}s"
            ),
        ),
        # Wait +10s to avoid this from happening again too soon
        seconds_processor=lambda secs_requested: secs_requested + 10,
    )

    super().__init__()

  async def before(self, context: GracyRequestContext):
    await self._retry_after_hook.before(context)

  async def after(
    self,
    context: GracyRequestContext,
    response_or_exc: httpx.Response | Exception,
    retry_state: GracefulRetryState | None,
  ):
    retry_after_result = await self._retry_after_hook.after(context, response_or_exc)
"""
    rate_limit = """
from gracy.common_hooks import RateLimitBackOffHook

class GracefulAPI(GracyAPI[Endpoint]):
  def __init__(self):
    self._ratelimit_backoff_hook = RateLimitBackOffHook(
      30,
      self._reporter,
      lock_per_endpoint=True,
      log_event=LogEvent(
          LogLevel.INFO,
          custom_message="{UENDPOINT} got rate limited, waiting for {WAIT_TIME}s",
      ),
    )

    super().__init__()

  async def before(self, context: GracyRequestContext):
    await self._ratelimit_backoff_hook.before(context)

  async def after(
    self,
    context: GracyRequestContext,
    response_or_exc: httpx.Response | Exception,
    retry_state: GracefulRetryState | None,
  ):
    backoff_result = await self._ratelimit_backoff_hook.after(context, response_or_exc)
from gracy.common_hooks import HttpHeaderRetryAfterBackOffHook, RateLimitBackOffHook
"""
    return [re.sub(r"\bfrom gracy\b", "from gracy_transport", block) for block in (retry_after, rate_limit)]


@pytest.mark.parametrize(
    "example",
    [
        (0, 40, "/pokemon/mew produced 429 and requested to wait 30s - waiting 40s"),
        (1, 30, "/pokemon/{NAME} got rate limited, waiting for 30s"),
    ],
)
async def test_the_examples_of_the_readme_run_as_printed(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture, example: tuple[int, float, str]
) -> None:
    """Over a wire that answers 429 once: that endpoint waits, the other does not."""
    number, pause, line = example
    caplog.set_level(logging.INFO, "gracy_transport")
    wire = ScriptedWire(limited(), 200, clock=clock)

    class GracyAPI(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(allowed_status_code=429)

        def __init__(self) -> None:
            super().__init__(family, wire, clock=clock)

        def __class_getitem__(cls, _endpoint: object) -> Any:
            return cls

    names: dict[str, Any] = {
        "GracyAPI": GracyAPI,
        "Endpoint": Endpoint,
        "LogEvent": LogEvent,
        "LogLevel": LogLevel,
        "GracyRequestContext": GracyRequestContext,
        "GracefulRetryState": GracefulRetryState,
        "httpx": family,
    }
    exec(compile(readme_blocks()[number], "README", "exec", dont_inherit=True), names)
    api = names["GracefulAPI"]()
    assert (await api.get(Endpoint.GET_POKEMON, {"NAME": "mew"})).status_code == 429
    async with anyio.create_task_group() as group:
        for endpoint in Endpoint:
            group.start_soon(api.get, endpoint, {"NAME": "mew"})
    assert sent_at(wire, "pokemon") == [1000, 1000 + pause]
    assert sent_at(wire, "berry") == [1000]
    assert line in caplog.messages


# ---------------------------------------------------------------- pausing


@BOTH
async def test_a_429_pauses_all_requests(family: ModuleType, clock: FakeClock, kind: Any) -> None:
    """The caller of the limited one gets its answer at once: the hook itself does not wait."""
    wire = ScriptedWire(limited(), 200, clock=clock)
    api = API(kind(), family, wire, clock)
    assert (await api.get_pokemon()).status_code == 429
    assert clock.now() == 1000
    assert api.results == [HookResult(executed=True, awaited=30, dry_run=False)]
    await api.berry()
    assert sent_at(wire) == [1000, 1030]


@BOTH
async def test_lock_per_endpoint_pauses_that_endpoint_alone(family: ModuleType, clock: FakeClock, kind: Any) -> None:
    """Whatever its arguments."""
    wire = ScriptedWire(limited(), 200, clock=clock)
    api = API(kind(None, lock_per_endpoint=True), family, wire, clock)
    await api.get_pokemon("pikachu")
    async with anyio.create_task_group() as group:
        group.start_soon(api.get_pokemon, "mew")
        group.start_soon(api.berry)
    assert (sent_at(wire, "mew"), sent_at(wire, "berry")) == ([1030], [1000])


@BOTH
async def test_four_429s_at_once_pause_once(family: ModuleType, clock: FakeClock, kind: Any) -> None:
    """Not four times as long."""
    wire = ScriptedWire(*[limited(delay=1)] * 4, 200, clock=clock)
    api = API(kind(), family, wire, clock)
    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(api.get_pokemon)
    await api.berry()
    assert [result.awaited for result in api.results] == [30, 30, 30, 30, 0]
    assert sent_at(wire) == [1000] * 4 + [1031]


async def test_a_retry_waits_at_the_pause_too(family: ModuleType, clock: FakeClock) -> None:
    """However short its own delay, and the timeline says for what."""

    class Retrying(Hooked):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(retry=GracefulRetry(delay=1, respect_retry_after=False, max_attempts=1))

    wire = ScriptedWire(limited(), 200, clock=clock)
    api = Retrying(HttpHeaderRetryAfterBackOffHook(), family, wire, clock)
    response = await api.get_pokemon()
    assert sent_at(wire) == [1000, 1030]
    waits = response.extensions["gracy"].waits
    assert [(wait.kind, wait.seconds) for wait in waits] == [("back-off", 1), ("pause", 29)]
    assert api.get_report().total.throttles == 0


async def test_what_waited_leaves_at_the_rate_of_the_throttle(clock: FakeClock) -> None:
    """10/s and a pause of 30 s: never more than 10 in a window."""
    import httpx

    class Throttled(Hooked):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(allowed_status_code=429, throttling=ThrottleRule(".*", 10))

    wire = ScriptedWire(limited(), 200, clock=clock)
    api = Throttled(RateLimitBackOffHook(30), httpx, wire, clock)
    await api.get_pokemon()
    async with anyio.create_task_group() as group:
        for _ in range(100):
            group.start_soon(api.get_pokemon)
            await clock.sleep(0.3)
    instants = sent_at(wire)[1:]
    assert (len(instants), min(instants), worst_window(instants, 1.0)) == (100, 1030, 10)


async def test_a_later_429_makes_the_pause_longer_never_shorter(family: ModuleType, clock: FakeClock) -> None:
    """The longest holds."""
    wire = ScriptedWire(limited("30", delay=0.5), limited("5", delay=1), 200, clock=clock)
    api = API(HttpHeaderRetryAfterBackOffHook(), family, wire, clock)
    async with anyio.create_task_group() as group:
        group.start_soon(api.get_pokemon)
        group.start_soon(api.get_pokemon)
    await api.berry()
    assert sent_at(wire, "berry") == [1030.5]


@BOTH
@pytest.mark.parametrize("step", [200, 503, OSError], ids=str)
async def test_nothing_else_pauses(family: ModuleType, clock: FakeClock, kind: Any, step: Any) -> None:
    """A 503 with a Retry-After neither: the README says 429."""
    answer: Any = family.ReadTimeout if step is OSError else ScriptedResponse(status=step, headers={"retry-after": "9"})
    api = API(kind(), family, ScriptedWire(answer, clock=clock), clock)
    with nullcontext() if step == 200 else pytest.raises((NonOkResponse, GracyRequestFailed)):
        await api.get_pokemon()
    assert api.results == [HookResult(executed=False)]
    assert "not paused" in repr(api)


@BOTH
async def test_a_dry_run_logs_and_pauses_nothing(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture, kind: Any
) -> None:
    """The result says what would have been."""
    wire = ScriptedWire(limited(), 200, clock=clock)
    api = API(kind(log_event=LogEvent(LogLevel.WARNING), dry_run=True), family, wire, clock)
    await api.get_pokemon()
    await api.berry()
    assert sent_at(wire) == [1000, 1000]
    assert api.results == [
        HookResult(executed=True, awaited=30, dry_run=True),
        HookResult(executed=False, dry_run=True),
    ]
    assert len(caplog.messages) == 1


@BOTH
async def test_a_replayed_429_pauses_nothing(family: ModuleType, clock: FakeClock, tmp_path: Any, kind: Any) -> None:
    """It says nothing of the server now."""
    storage = SQLiteReplayStorage("rec.sqlite3", dir=str(tmp_path))
    for mode, executed in [("record", True), ("replay", False)]:
        replay = GracyReplay(mode, storage)  # type: ignore[arg-type]
        api = API(kind(), family, ScriptedWire(limited(), clock=clock), clock, replay=replay)
        await api.get_pokemon()
        await api.aclose()
        assert [result.executed for result in api.results] == [executed]


async def test_a_hook_may_be_shared_by_two_apis(family: ModuleType, clock: FakeClock) -> None:
    """It pauses the one whose request was limited: it keeps no state of its own."""
    hook = RateLimitBackOffHook(30)
    slow, fast = (API(hook, family, ScriptedWire(limited(), clock=clock), clock) for _ in range(2))
    await slow.get_pokemon()
    await fast.get_pokemon()
    assert clock.now() == 1000
    await slow.get_pokemon()
    assert clock.now() == 1030


# ---------------------------------------------------------------- Retry-After


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Tokyo"])
def _zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Lets this process live in another time zone."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("_zone")
async def test_a_date_is_right_in_every_time_zone(clock: FakeClock) -> None:
    """30 seconds ahead are 30 seconds."""
    import httpx

    wire = ScriptedWire(limited(formatdate(clock.wall() + 30, usegmt=True)), 200, clock=clock)
    api = API(HttpHeaderRetryAfterBackOffHook(), httpx, wire, clock)
    await api.get_pokemon()
    await api.berry()
    assert sent_at(wire) == [1000, 1030]


@pytest.mark.parametrize("after", [None, "0", "soon", "Thu, 01 Jan 2015 00:00:00 GMT"])
async def test_without_a_wait_asked_for_there_is_no_pause(
    family: ModuleType, clock: FakeClock, after: str | None
) -> None:
    """Nothing said, nothing understood, or a date that is past."""
    api = API(HttpHeaderRetryAfterBackOffHook(log_event=LogEvent()), family, ScriptedWire(limited(after)), clock)
    await api.get_pokemon()
    assert api.results == [HookResult(executed=False)]


@pytest.mark.parametrize(("made", "awaited"), [(0.5, 0.5), (-1.0, 0.0)])
async def test_the_processor_has_the_last_word(
    family: ModuleType, clock: FakeClock, made: float, awaited: float
) -> None:
    """Less than nothing is nothing."""
    asked: list[float] = []

    def process(seconds: float) -> float:
        asked.append(seconds)
        return made

    wire = ScriptedWire(limited("2.5"), 200, clock=clock)
    hook = HttpHeaderRetryAfterBackOffHook(seconds_processor=process)
    api = API(hook, family, wire, clock)
    await api.get_pokemon()
    await api.berry()
    assert (asked, api.results[0]) == ([2.5], HookResult(executed=True, awaited=awaited))
    assert sent_at(wire) == [1000, 1000 + awaited]


@pytest.mark.parametrize("made", [None, "5", float("nan"), float("inf"), ZeroDivisionError("no")])
async def test_a_processor_that_fails_leaves_what_the_server_asked_for(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture, made: Any
) -> None:
    """A slip in it is logged, and no reason to run on into the limit, nor to wait for ever."""

    def process(seconds: float) -> Any:
        if isinstance(made, Exception):
            raise made
        return made

    wire = ScriptedWire(limited("2.5"), 200, clock=clock)
    api = API(HttpHeaderRetryAfterBackOffHook(seconds_processor=process), family, wire, clock)
    with anyio.fail_after(5):
        await api.get_pokemon()
        await api.berry()
    assert sent_at(wire) == [1000, 1002.5]
    assert "API.after failed" in caplog.text
    assert isinstance(made, Exception) or f"seconds_processor made {made!r} of 2.5 seconds" in caplog.text


# ---------------------------------------------------------------- logs


@BOTH
async def test_the_log_event_has_all_placeholders_of_a_response(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture, kind: Any
) -> None:
    """And those of its own."""
    text = "{METHOD} {URL} {UURL} {ENDPOINT} {UENDPOINT} {STATUS} {ELAPSED} {IS_REPLAY}|{REPLAY}|"
    wire = ScriptedWire(limited(delay=0.25), clock=clock)
    api = API(kind(log_event=LogEvent(LogLevel.WARNING, text)), family, wire, clock)
    await api.get_pokemon("mew")
    assert caplog.messages == [
        f"GET {BASE}/pokemon/mew {BASE}/pokemon/{{NAME}} /pokemon/mew /pokemon/{{NAME}} 429 0.250 FALSE||"
    ]


async def test_the_message_can_be_made_from_the_response(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """With placeholders in what it returns."""
    event = LogEvent(LogLevel.WARNING, lambda r: f"{r.json()['why']}: {{WAIT_TIME}}")
    wire = ScriptedWire(ScriptedResponse(status=429, json={"why": "quota"}), clock=clock)
    await API(RateLimitBackOffHook(0.5, log_event=event), family, wire, clock).get_pokemon()
    assert caplog.messages == ["quota: 0.5"]


async def test_the_default_messages_say_what_happens(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Enough to know it without looking it up."""
    event = LogEvent(LogLevel.WARNING)
    for hook in (HttpHeaderRetryAfterBackOffHook(log_event=event), RateLimitBackOffHook(5, log_event=event)):
        await API(hook, family, ScriptedWire(limited("2"), clock=clock), clock).get_pokemon()
    assert caplog.messages == [
        f"GET {BASE}/pokemon/pikachu gave 429 and asks to wait 2s: pausing for 2s",
        "GET /pokemon/{NAME} gave 429: pausing for 5s",
    ]


async def test_without_a_log_event_nothing_is_logged(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """As for all of the library."""
    caplog.set_level(logging.DEBUG, "gracy_transport")
    await API(RateLimitBackOffHook(1), family, ScriptedWire(limited()), clock).get_pokemon()
    assert caplog.messages == []


# ---------------------------------------------------------------- misuse


@pytest.mark.parametrize("delay", [-1, float("nan"), float("inf"), "5", None])
def test_a_delay_that_is_none_is_refused(delay: Any) -> None:
    """As it is given, not as the first 429 comes."""
    with pytest.raises(ValueError, match="give the seconds"):
        RateLimitBackOffHook(delay)


async def test_a_context_of_no_api_is_refused() -> None:
    """There is nothing to pause."""
    import httpx

    context = GracyRequestContext("GET", BASE, "/x")
    with pytest.raises(CompositionError, match="belongs to no API"):
        await RateLimitBackOffHook(1).after(context, httpx.Response(429))


def test_a_hook_says_what_it_is() -> None:
    """For a log, or a debugger."""
    assert repr(RateLimitBackOffHook(30)) == "<RateLimitBackOffHook 30 s for all requests>"
    hook = HttpHeaderRetryAfterBackOffHook(None, True, dry_run=True)
    assert repr(hook) == "<HttpHeaderRetryAfterBackOffHook for the endpoint, dry run>"
