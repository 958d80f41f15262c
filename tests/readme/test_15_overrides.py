"""README, "Customizing/Overriding configs per method": `@graceful` and `@graceful_generator`, every field."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import aclosing
from http import HTTPStatus
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import (
    ConcurrentRequestLimit,
    GracefulRetry,
    GracefulValidator,
    GracyConfig,
    LogEvent,
    LogLevel,
    ThrottleRule,
    graceful,
    graceful_generator,
)
from gracy_transport.exceptions import GracyException, NonOkResponse, UnexpectedResponse
from gracy_transport.testing import ScriptedResponse
from tests.readme.support import PIKACHU, OnWire, PokeApiEndpoint, lines, waits, wire_of

pytestmark = pytest.mark.anyio

retry = GracefulRetry(delay=1, max_attempts=2, retry_on={503})
FAILS = f"How can I become a pokemon master if {PIKACHU} keeps failing with "


class GracefulPokeAPI(OnWire):
    class Config(OnWire.Config):
        BASE_URL = "https://pokeapi.co/api/v2/"
        SETTINGS = GracyConfig(
            retry=retry,
            log_errors=LogEvent(
                LogLevel.ERROR, "How can I become a pokemon master if {URL} keeps failing with {STATUS}"
            ),
        )

    @graceful(
        retry=None,  # 👈 Disables retry set in Config
        log_errors=None,  # 👈 Disables log_errors set in Config
        allowed_status_code=HTTPStatus.NOT_FOUND,
        parser={
            "default": lambda r: r.json()["order"],
            HTTPStatus.NOT_FOUND: None,
        },
    )
    async def maybe_get_pokemon_order(self, name: str) -> Any:
        val: str | None = await self.get(PokeApiEndpoint.GET_POKEMON, {"NAME": name})
        return val

    @graceful(  # 👈 Retry and log_errors are still set for this one
        strict_status_code=HTTPStatus.OK,
        parser={"default": lambda r: r.json()["order"]},
    )
    async def get_pokemon_order(self, name: str) -> Any:
        val: str = await self.get(PokeApiEndpoint.GET_POKEMON, {"NAME": name})
        return val

    @graceful_generator(  # 👈 Retry and log_errors are still set for this one
        parser={"default": lambda r: r.json()["order"]},
    )
    async def get_2_pokemons(self) -> AsyncIterator[Any]:
        names = ["charmander", "pikachu"]

        for name in names:
            r = await self.get(PokeApiEndpoint.GET_POKEMON, {"NAME": name})
            yield r


FOUND = ScriptedResponse(json={"order": 35})


async def test_the_first_method_of_the_example(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """No retry, no line in the log, and nothing where nothing was found."""
    wire = wire_of(404, FOUND, 503)
    async with GracefulPokeAPI(family, wire) as api:
        assert await api.maybe_get_pokemon_order("pikachu") is None
        assert await api.maybe_get_pokemon_order("pikachu") == 35
        with pytest.raises(NonOkResponse):
            await api.maybe_get_pokemon_order("pikachu")
    assert len(wire.sent) == 3
    assert lines(caplog) == []


async def test_the_second_method_of_the_example(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """Only 200 will do; retry and log are the API's."""
    wire = wire_of(503, FOUND, 201)
    async with GracefulPokeAPI(family, wire) as api:
        assert await api.get_pokemon_order("pikachu") == 35
        with pytest.raises(UnexpectedResponse):
            await api.get_pokemon_order("pikachu")
    assert waits(wire) == [1, 0]
    assert lines(caplog) == [("ERROR", f"{FAILS}201")]


async def test_the_generator_of_the_example(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """Each item is parsed; retry and log are the API's; between two items nothing of it holds."""
    wire = wire_of(FOUND, FOUND, 503, FOUND, 404)
    async with GracefulPokeAPI(family, wire) as api:
        orders = aiter(api.get_2_pokemons())
        assert await anext(orders) == 35
        assert (await api.get_pokemon()).json() == {"order": 35}
        assert await anext(orders) == 35
        with pytest.raises(StopAsyncIteration):
            await anext(orders)
        with pytest.raises(NonOkResponse):
            await api.get_pokemon()
    assert waits(wire) == [0, 0, 1, 0]
    assert lines(caplog) == [("ERROR", f"{FAILS}404")]


class Refusing(GracefulValidator):
    def check(self, response: Any) -> None:
        raise LookupError("refused")


async def call(api: Any) -> list[Any]:
    """Returns what three calls at once give, of which the first two are of the decorated method."""
    results: list[Any] = []

    async def one(ask: Any) -> None:
        try:
            results.append(await ask())
        except (GracyException, LookupError) as error:
            results.append(type(error).__name__)

    async with anyio.create_task_group() as group:
        for ask in (api.method, api.method, api.get_pokemon):
            group.start_soon(one, ask)
            await anyio.lowlevel.checkpoint()
    return results


def event(text: str) -> LogEvent:
    """Returns one that says who logs."""
    return LogEvent(LogLevel.INFO, text)


NAME, SHOWN, HIDDEN = "/([a-z]+)$", "/pokemon/pikachu", "/pokemon/[redacted]"
SLOW_200, SLOW_404 = (ScriptedResponse(status=status, delay=1) for status in (200, 404))
FIELDS: list[tuple[dict[str, Any], dict[str, Any], ScriptedResponse, Any, Any]] = [
    # the API's, the method's, the answers, what tells how it went, and how it should have gone
    ({}, {"strict_status_code": 201}, SLOW_200, "raised", ["UnexpectedResponse"] * 2),
    ({}, {"strict_status_code": {200, 201}}, SLOW_404, "raised", ["NonOkResponse"] + ["UnexpectedResponse"] * 2),
    ({"strict_status_code": 201}, {"strict_status_code": None}, SLOW_200, "raised", ["UnexpectedResponse"]),
    ({}, {"allowed_status_code": 404}, SLOW_404, "raised", ["NonOkResponse"]),
    ({"allowed_status_code": 404}, {"allowed_status_code": None}, SLOW_404, "raised", ["NonOkResponse"] * 2),
    ({}, {"validators": Refusing()}, SLOW_200, "raised", ["LookupError"] * 2),
    ({"validators": Refusing()}, {"validators": None}, SLOW_200, "raised", ["LookupError"]),
    ({}, {"retry": GracefulRetry(3, 1)}, SLOW_404, "sent", [0, 0, 0, 4, 4]),
    ({"retry": GracefulRetry(3, 1)}, {"retry": None}, SLOW_404, "sent", [0, 0, 0, 4]),
    ({"log_request": event("API")}, {"log_request": event("method")}, SLOW_200, "logged", ["API", "method", "method"]),
    ({"log_response": event("API")}, {"log_response": event("own")}, SLOW_200, "logged", ["API", "own", "own"]),
    ({"log_errors": event("API")}, {"log_errors": event("own")}, SLOW_404, "logged", ["API", "own", "own"]),
    ({"log_request": event("API")}, {"log_request": None}, SLOW_200, "logged", ["API"]),
    ({"log_response": event("API")}, {"log_response": None}, SLOW_200, "logged", ["API"]),
    ({"log_errors": event("API")}, {"log_errors": None}, SLOW_404, "logged", ["API"]),
    ({}, {"parser": {"default": lambda r: "own"}}, SLOW_200, "parsed", ["own", "own"]),
    (
        {"parser": {"default": lambda r: "API"}},
        {"parser": {200: lambda r: "own"}},
        SLOW_200,
        "parsed",
        ["API", "own", "own"],
    ),
    ({"parser": {"default": lambda r: "API"}}, {"parser": None}, SLOW_200, "parsed", ["API"]),
    ({}, {"throttling": ThrottleRule(r".*", 1, 5)}, SLOW_200, "sent", [0, 0, 5]),
    # What a method sends past the limits of the API is counted there all the same.
    ({"throttling": ThrottleRule(r".*", 1, 5)}, {"throttling": None}, SLOW_200, "sent", [0, 0, 5]),
    ({}, {"concurrent_requests": 1}, SLOW_200, "sent", [0, 0, 1]),
    ({}, {"concurrent_requests": ConcurrentRequestLimit(1)}, SLOW_200, "sent", [0, 0, 1]),
    ({"concurrent_requests": 1}, {"concurrent_requests": None}, SLOW_200, "sent", [0, 0, 1]),
    ({}, {"deadline": 0.5}, SLOW_200, "raised", ["DeadlineExceeded", "DeadlineExceeded"]),
    ({"deadline": 0.5}, {"deadline": None}, SLOW_200, "raised", ["DeadlineExceeded"]),
    ({"log_request": event("{ENDPOINT}")}, {"redact": NAME}, SLOW_200, "logged", [HIDDEN, HIDDEN, SHOWN]),
    (
        {"log_request": event("{ENDPOINT}"), "redact": NAME},
        {"redact": None},
        SLOW_200,
        "logged",
        [HIDDEN, SHOWN, SHOWN],
    ),
]


def decorated(settings: dict[str, Any], overrides: dict[str, Any], *, is_generator: bool) -> type[OnWire]:
    """Returns an API with a method that overrides its settings; `method` gives what it returns or yields."""

    class API(OnWire):
        class Config(OnWire.Config):
            SETTINGS = GracyConfig(**{"log_errors": None, **settings})

        @graceful(**overrides)
        async def returning(self) -> Any:
            return await self.get_pokemon()

        @graceful_generator(**overrides)
        async def yielding(self) -> AsyncIterator[Any]:
            yield await self.get_pokemon()

        async def method(self) -> Any:
            if not is_generator:
                return await self.returning()
            [item] = [item async for item in self.yielding()]
            return item

    return API


@pytest.mark.parametrize("is_generator", [False, True], ids=["graceful", "graceful_generator"])
@pytest.mark.parametrize(("settings", "overrides", "answer", "figure", "expected"), FIELDS)
async def test_every_field_can_be_overridden(  # noqa: PLR0917 - pytest gives them by name
    family: ModuleType,
    caplog: pytest.LogCaptureFixture,
    settings: dict[str, Any],
    overrides: dict[str, Any],
    answer: ScriptedResponse,
    figure: str,
    expected: Any,
    is_generator: bool,
) -> None:
    """For two calls of the method, and not for one of another method at the same time; `None` switches it off."""
    caplog.set_level(logging.INFO, "gracy_transport")
    wire = wire_of(answer)
    async with decorated(settings, overrides, is_generator=is_generator)(family, wire) as api:
        results = await call(api)
    texts = sorted(result for result in results if isinstance(result, str))
    figures = {
        "raised": texts,
        "parsed": texts,
        "sent": [round(sent.at - 1000, 6) for sent in wire.sent],
        "logged": sorted(text for _, text in lines(caplog)),
    }
    assert figures[figure] == expected


def test_the_list_has_every_field() -> None:
    """Of `GracyConfig`, so that none is forgotten when one is added; only the wire is for all calls."""
    assert {field for _, overrides, *_ in FIELDS for field in overrides} == set(GracyConfig.model_fields) - {"wire"}


async def test_nothing_stays_after_a_break(family: ModuleType) -> None:
    """A loop over a generator that is left early leaves no override behind."""
    async with GracefulPokeAPI(family, wire_of(FOUND)) as api:
        async with aclosing(api.get_2_pokemons()) as orders:  # which trio asks for, where a loop is left early
            async for order in orders:
                assert order == 35
                break
        assert (await api.get_pokemon()).json() == {"order": 35}
