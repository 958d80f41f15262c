"""README, "Common Hooks": both of them, as their examples use them."""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import (
    GracefulRetry,
    GracefulRetryState,
    GracyConfig,
    GracyRequestContext,
    LogEvent,
    LogLevel,
    ThrottleRule,
)
from gracy_transport.common_hooks import HttpHeaderRetryAfterBackOffHook, RateLimitBackOffHook
from gracy_transport.testing import ScriptedResponse
from tests.readme.support import OnWire, PokeApiEndpoint, lines, times, wire_of

pytestmark = pytest.mark.anyio

LIMITED = ScriptedResponse(status=429, headers={"retry-after": "30"})


class Limited(OnWire):
    """What both examples leave out: settings in which a 429 is an answer, and a hook that is not theirs."""

    class Config(OnWire.Config):
        SETTINGS = GracyConfig(allowed_status_code=429)

    async def get_berry(self) -> Any:
        return await self.get(PokeApiEndpoint.BERRY_GET, {"KEY": "cheri"})


class RetryAfterAPI(Limited):
    def __init__(self, *args: Any, lock_per_endpoint: bool = True, **options: Any) -> None:
        self._retry_after_hook = HttpHeaderRetryAfterBackOffHook(
            self._reporter,
            lock_per_endpoint=lock_per_endpoint,
            log_event=LogEvent(
                LogLevel.WARNING,
                custom_message=(
                    "{ENDPOINT} produced {STATUS} and requested to wait {RETRY_AFTER}s "
                    "- waiting {RETRY_AFTER_ACTUAL_WAIT}s"
                ),
            ),
            # Wait +10s to avoid this from happening again too soon
            seconds_processor=lambda secs_requested: secs_requested + 10,
            **options,
        )

        super().__init__(*args)

    async def before(self, context: GracyRequestContext) -> None:
        await self._retry_after_hook.before(context)

    async def after(
        self, context: GracyRequestContext, response_or_exc: Any, retry_state: GracefulRetryState | None
    ) -> None:
        self.result = await self._retry_after_hook.after(context, response_or_exc)


class RateLimitAPI(Limited):
    def __init__(self, *args: Any, lock_per_endpoint: bool = True, **options: Any) -> None:
        self._ratelimit_backoff_hook = RateLimitBackOffHook(
            30,
            self._reporter,
            lock_per_endpoint=lock_per_endpoint,
            log_event=LogEvent(
                LogLevel.INFO,
                custom_message="{UENDPOINT} got rate limited, waiting for {WAIT_TIME}s",
            ),
            **options,
        )

        super().__init__(*args)

    async def before(self, context: GracyRequestContext) -> None:
        await self._ratelimit_backoff_hook.before(context)

    async def after(
        self, context: GracyRequestContext, response_or_exc: Any, retry_state: GracefulRetryState | None
    ) -> None:
        self.result = await self._ratelimit_backoff_hook.after(context, response_or_exc)


RETRY_AFTER_LINE = ("WARNING", "/pokemon/mew produced 429 and requested to wait 30s - waiting 40s")
RATE_LIMIT_LINE = ("INFO", "/pokemon/{NAME} got rate limited, waiting for 30s")
BOTH = pytest.mark.parametrize(
    ("kind", "pause", "line"), [(RetryAfterAPI, 40, RETRY_AFTER_LINE), (RateLimitAPI, 30, RATE_LIMIT_LINE)]
)


async def limited_once(api: Any) -> None:
    """Gets a pokemon, which is answered with a 429, then a pokemon and a berry at once."""
    await api.get_pokemon("mew")
    async with anyio.create_task_group() as group:
        group.start_soon(api.get_pokemon, "mewtwo")
        group.start_soon(api.get_berry)


@BOTH
async def test_the_examples(
    family: ModuleType, caplog: pytest.LogCaptureFixture, kind: Any, pause: float, line: tuple[str, str]
) -> None:
    """With `lock_per_endpoint` the endpoint waits, with other arguments too; any other endpoint does not."""
    caplog.set_level("INFO", "gracy_transport")
    wire = wire_of(LIMITED, 200)
    async with kind(family, wire) as api:
        await limited_once(api)
    assert times(wire, "pokemon") == [0, pause]
    assert times(wire, "berry") == [0]
    assert lines(caplog) == [line]


@BOTH
async def test_all_requests_pause(family: ModuleType, kind: Any, pause: float, line: object) -> None:
    """Without it the whole client waits until the time is over; then nothing is held up any more."""
    wire = wire_of(LIMITED, 200)
    async with kind(family, wire, lock_per_endpoint=False) as api:
        await limited_once(api)
        await api.get_berry()
    assert times(wire) == [0, pause, pause, pause]


@BOTH
async def test_four_at_once_wait_once(family: ModuleType, kind: Any, pause: float, line: object) -> None:
    """Pauses do not add up, and the retries wait for the end of the pause as everybody does."""

    class Retrying(kind):  # type: ignore[misc]
        class Config(OnWire.Config):
            SETTINGS = GracyConfig(retry=GracefulRetry(delay=1, max_attempts=1, respect_retry_after=False))

    wire = wire_of(*[replace(LIMITED, delay=1)] * 4, 200)
    async with Retrying(family, wire) as api, anyio.create_task_group() as group:
        for name in "abcd":
            group.start_soon(api.get_pokemon, name)
    assert times(wire) == [*[0] * 4, *[1 + pause] * 4]


@BOTH
async def test_a_dry_run_only_logs(
    family: ModuleType, caplog: pytest.LogCaptureFixture, kind: Any, pause: float, line: tuple[str, str]
) -> None:
    """The result of the hook says what it did, or would have."""
    caplog.set_level("INFO", "gracy_transport")
    wire = wire_of(LIMITED, 200)
    async with kind(family, wire, dry_run=True) as api:
        await api.get_pokemon("mew")
        assert (api.result.executed, api.result.awaited, api.result.dry_run) == (True, pause, True)
        await api.get_pokemon("mew")
        assert (api.result.executed, api.result.awaited) == (False, 0)
    assert times(wire) == [0, 0]
    assert lines(caplog) == [line]


@BOTH
@pytest.mark.parametrize("step", [200, 503, "ConnectError"])
async def test_only_a_429_pauses(family: ModuleType, kind: Any, pause: float, line: object, step: int | str) -> None:
    """No other status, whatever its headers say, and no failed connection."""
    first = (
        getattr(family, step) if isinstance(step, str) else ScriptedResponse(status=step, headers={"retry-after": "30"})
    )

    class Calm(kind):  # type: ignore[misc]
        class Config(OnWire.Config):
            SETTINGS = GracyConfig(retry=GracefulRetry(1, 1, respect_retry_after=False), log_errors=None)

    wire = wire_of(first, 200)
    async with Calm(family, wire) as api:
        await api.get_pokemon()
        await api.get_pokemon()
    assert times(wire)[-1] == (0 if step == 200 else 1)


async def test_without_the_header_there_is_no_pause(family: ModuleType) -> None:
    """`If the value is set`, says the README of the first hook."""
    wire = wire_of(429, 200)
    async with RetryAfterAPI(family, wire) as api:
        await limited_once(api)
    assert times(wire) == [0, 0, 0]


async def test_what_waited_leaves_at_the_limited_rate(family: ModuleType) -> None:
    """All of them at once would only be sent away again."""

    class Throttled(RateLimitAPI):
        class Config(RateLimitAPI.Config):
            SETTINGS = GracyConfig(allowed_status_code=429, throttling=ThrottleRule(r".*", 1))

    wire = wire_of(LIMITED, 200)
    async with Throttled(family, wire) as api:
        await api.get_pokemon()
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(api.get_pokemon)
    assert times(wire) == [0, 30, 31, 32]
