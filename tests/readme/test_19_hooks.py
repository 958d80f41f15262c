"""README, "Hooks before/after request"."""

from __future__ import annotations

import typing as t
from collections import defaultdict
from contextlib import suppress
from http import HTTPStatus
from types import ModuleType

import pytest

from gracy_transport import (
    GracefulRetry,
    GracefulRetryState,
    GracyConfig,
    GracyNamespace,
    GracyRequestContext,
    ThrottleRule,
)
from gracy_transport.exceptions import GracyException, GracyRequestFailed, GracyVeto
from tests.readme.support import BASE, PIKACHU, OnWire, PokeApiEndpoint, waits, wire_of

pytestmark = pytest.mark.anyio

RETRY = GracefulRetry(delay=1, max_attempts=2, retry_on={HTTPStatus.NOT_FOUND, Exception})


class GracefulPokeAPI(OnWire):
    class Config(OnWire.Config):
        BASE_URL = "https://pokeapi.co/api/v2/"
        SETTINGS = GracyConfig(
            retry=RETRY,
            allowed_status_code={HTTPStatus.NOT_FOUND},
            parser={HTTPStatus.NOT_FOUND: None},
            log_errors=None,
        )

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        self.before_count = 0

        self.after_status_counter = defaultdict[HTTPStatus, int](int)
        self.after_aborts = 0
        self.after_retries_counter = 0

        super().__init__(*args, **kwargs)

    async def before(self, context: GracyRequestContext) -> None:
        self.before_count += 1

    async def after(
        self,
        context: GracyRequestContext,  # Current request context
        response_or_exc: t.Any,  # Either the request or an error
        retry_state: GracefulRetryState | None,  # Set when this is generated from a retry
    ) -> None:
        if retry_state:
            self.after_retries_counter += 1

        if isinstance(response_or_exc, self.family.Response):
            self.after_status_counter[HTTPStatus(response_or_exc.status_code)] += 1
        else:
            self.after_aborts += 1


async def test_the_example(family: ModuleType) -> None:
    """Both run for each request, and for each retry."""
    async with GracefulPokeAPI(family, wire_of(200, 404)) as pokeapi:
        await pokeapi.get_pokemon()
        assert (pokeapi.before_count, pokeapi.after_status_counter) == (1, {HTTPStatus.OK: 1})
        assert await pokeapi.get_pokemon("missingno") is None
    assert pokeapi.before_count == 4
    assert pokeapi.after_status_counter == {HTTPStatus.OK: 1, HTTPStatus.NOT_FOUND: 3}
    assert (pokeapi.after_aborts, pokeapi.after_retries_counter) == (0, 2)


async def test_after_hears_of_what_was_not_answered(family: ModuleType) -> None:
    """An error in place of the response."""
    async with GracefulPokeAPI(family, wire_of(family.ConnectError)) as pokeapi:
        with pytest.raises(GracyRequestFailed):
            await pokeapi.get_pokemon()
    assert (pokeapi.before_count, pokeapi.after_aborts, pokeapi.after_retries_counter) == (3, 3, 2)


class TellingAPI(OnWire):
    """One whose hooks tell what they were given, in order."""

    class Config(OnWire.Config):
        SETTINGS = GracyConfig(retry=RETRY, throttling=ThrottleRule(r".*", 1, 5))

    def __init__(self, *args: t.Any) -> None:
        self.told: list[t.Any] = []
        super().__init__(*args)

    async def before(self, context: GracyRequestContext) -> None:
        self.told.append((context.method, context.url, context.unformatted_url, dict(context.endpoint_args)))

    async def after(
        self, context: GracyRequestContext, response_or_exc: t.Any, retry_state: GracefulRetryState | None
    ) -> None:
        state = retry_state and (retry_state.cur_attempt, retry_state.max_attempts, retry_state.cause)
        self.told.append((response_or_exc.status_code, response_or_exc.text, state))


async def test_in_sequence(family: ModuleType) -> None:
    """What `before` and `after` are given of the request, the response and the retry."""
    async with TellingAPI(family, wire_of(404, 200)) as pokeapi:
        await pokeapi.get_pokemon()
    request = ("GET", PIKACHU, f"{BASE}/pokemon/{{NAME}}", {"NAME": "pikachu"})
    again = (1, 2, "[Bad Status Code: 404]")
    assert pokeapi.told == [request, (404, "", None), request, (200, "", again)]


class AskingAPI(GracefulPokeAPI):
    """One whose hooks make requests, as an example of the original does."""

    class Config(GracefulPokeAPI.Config):
        SETTINGS = GracyConfig(
            retry=RETRY,
            parser={"default": lambda r: r.status_code},
            throttling=ThrottleRule(r".*", 3, 10),
            concurrent_requests=1,
        )

    async def before(self, context: GracyRequestContext) -> None:
        await super().before(context)
        self.inner = await self.get(PokeApiEndpoint.BERRY_LIST)

    async def after(
        self, context: GracyRequestContext, response_or_exc: t.Any, retry_state: GracefulRetryState | None
    ) -> None:
        await super().after(context, response_or_exc, retry_state)
        assert (await self.get(PokeApiEndpoint.BERRY_LIST)).status_code == 404


async def test_configs_are_disabled_inside(family: ModuleType) -> None:
    """A request of a hook is not parsed, judged, retried or held up, and triggers no hook; nothing locks up."""
    wire = wire_of(404, 200, 404, 200)
    async with AskingAPI(family, wire) as pokeapi:
        assert await pokeapi.get_pokemon() == 200
        assert pokeapi.inner.status_code == 404
        assert pokeapi.before_count == 1
        assert len(wire.sent) == 3
        assert waits(wire) == [0, 0]
        # Those of the hooks were counted, so the limit of three is used up.
        assert pokeapi.get_report().total.attempts == 3
        with suppress(GracyException):
            await pokeapi.get_pokemon()
    assert [sent.at for sent in wire.sent[3:5]] == [1000, 1010]


class Berries(GracyNamespace[str]):
    async def get_one(self) -> t.Any:
        return await self.get(PokeApiEndpoint.BERRY_GET, {"KEY": "cheri"})


class PartedAPI(GracefulPokeAPI):
    berry: Berries


async def test_they_run_for_namespaces_too(family: ModuleType) -> None:
    """The hooks of an API are hooks of all its requests."""
    async with PartedAPI(family, wire_of()) as pokeapi:
        await pokeapi.berry.get_one()
    assert (pokeapi.before_count, pokeapi.after_status_counter) == (1, {HTTPStatus.OK: 1})


async def test_a_hook_that_breaks_breaks_no_request(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """It is logged, and the request goes on."""

    class Broken(OnWire):
        async def before(self, context: GracyRequestContext) -> None:
            raise RuntimeError("oops")

    async with Broken(family, wire_of()) as pokeapi:
        assert (await pokeapi.get_pokemon()).status_code == 200
    assert [record.getMessage().partition(" ")[0] for record in caplog.records] == ["Broken.before"]


async def test_a_hook_may_veto(family: ModuleType) -> None:
    """By raising an exception of the library, or one derived from it: nothing is sent, nothing retried."""

    class Closed(GracyVeto):
        pass

    class Guarded(GracefulPokeAPI):
        async def before(self, context: GracyRequestContext) -> None:
            raise Closed("not on Sundays")

    async with Guarded(family, wire_of()) as pokeapi:
        with pytest.raises(Closed, match="not on Sundays"):
            await pokeapi.get_pokemon()
    assert pokeapi.wire.sent == []
