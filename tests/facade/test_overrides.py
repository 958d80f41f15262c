"""`@graceful` and `@graceful_generator`: what they override, for whom, and for how long."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import anyio
import pytest
from pydantic import ValidationError

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
from gracy_transport.config import ConfigFields
from gracy_transport.exceptions import NonOkResponse, UnexpectedResponse
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, Scripted
from tests.support import sent_at

pytestmark = pytest.mark.anyio

PIKACHU = ScriptedResponse(json={"name": "pikachu", "order": 35})


class Refusing(GracefulValidator):
    """Turns everything down."""

    def check(self, response: Any) -> None:
        raise LookupError("no")


class API(Scripted):
    """The API of the README's section on overriding, and more methods of its kind."""

    class Config:
        BASE_URL = BASE
        SETTINGS = GracyConfig(
            retry=GracefulRetry(delay=1, max_attempts=2),
            log_errors=LogEvent(LogLevel.ERROR, "How can I be a pokemon master if {URL} keeps failing with {STATUS}"),
        )

    @graceful(
        retry=None,
        log_errors=None,
        allowed_status_code=404,
        parser={"default": lambda r: r.json()["order"], 404: None},
    )
    async def maybe_get_pokemon_order(self, name: str) -> int | None:
        """Returns the order of a pokemon, or None."""
        order: int | None = await self.get_pokemon(name)
        return order

    @graceful(strict_status_code=200, parser={"default": lambda r: r.json()["order"]})
    async def get_pokemon_order(self, name: str) -> int:
        order: int = await self.get_pokemon(name)
        return order

    @graceful_generator(parser={"default": lambda r: r.json()["order"]})
    async def get_2_pokemons(self) -> AsyncIterator[int]:
        """Yields the orders of two pokemons."""
        for name in ("charmander", "pikachu"):
            yield await self.get_pokemon(name)

    @graceful(parser={"default": lambda r: "outer"})
    async def outer(self) -> list[Any]:
        before = await self.get_pokemon()
        inner = await self.inner()
        return [before, inner, await self.get_pokemon()]

    @graceful(allowed_status_code=404, retry=None)
    async def inner(self) -> Any:
        return await self.get_pokemon()


async def test_the_methods_of_the_readme(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A field that is given replaces the one of the Config, `None` switches it off, any other is inherited."""
    api = API(family, ScriptedWire(PIKACHU, 404, 500, 201, 201, 201, PIKACHU), clock=clock)
    assert await api.maybe_get_pokemon_order("pikachu") == 35
    assert await api.maybe_get_pokemon_order("missingno") is None
    with pytest.raises(NonOkResponse):
        await api.maybe_get_pokemon_order("down")
    assert (clock.waits, caplog.messages) == ([], [])
    with pytest.raises(UnexpectedResponse):
        await api.get_pokemon_order("created")
    assert clock.waits == [1, 1]
    assert caplog.messages == [f"How can I be a pokemon master if {BASE}/pokemon/created keeps failing with 201"]
    assert await api.get_pokemon_order("pikachu") == 35
    assert [order async for order in api.get_2_pokemons()] == [35, 35]


async def test_throttling_can_be_overridden(family: ModuleType, clock: FakeClock) -> None:
    """The original had no such argument."""

    class Throttled(API):
        @graceful(throttling=ThrottleRule(r".*", 1))
        async def slowly(self) -> None:
            for _ in range(3):
                await self.get_pokemon()

    api = Throttled(family, ScriptedWire(clock=clock), clock=clock)
    await api.slowly()
    first, *later = sent_at(api.wire)
    assert [at - first for at in later] == [1, 2]


@pytest.mark.parametrize("limit", [2, ConcurrentRequestLimit(2)])
async def test_concurrency_can_be_overridden(family: ModuleType, clock: FakeClock, limit: Any) -> None:
    """With a number, as the README has it, or a limit."""

    class Limited(API):
        @graceful(concurrent_requests=limit)
        async def get_concurrently_two(self, name: str) -> None:
            await self.get_pokemon(name)

    api = Limited(family, ScriptedWire(ScriptedResponse(delay=1), clock=clock), clock=clock)
    async with anyio.create_task_group() as group:
        for number in range(6):
            group.start_soon(api.get_concurrently_two, str(number))
    assert api.wire.most_in_flight == 2


async def test_validators_logs_and_retries_can_be_overridden(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Every other field of the configuration as well."""
    caplog.set_level("DEBUG", "gracy_transport")

    class Strict(API):
        @graceful(
            validators=Refusing(),
            retry=GracefulRetry(delay=5, max_attempts=1),
            log_request=LogEvent(LogLevel.DEBUG, "asking"),
            log_response=LogEvent(LogLevel.INFO, "told"),
            log_errors=LogEvent(LogLevel.ERROR, "failed"),
        )
        async def strictly(self) -> None:
            await self.get_pokemon()

    with pytest.raises(LookupError):
        await Strict(family, ScriptedWire(), clock=clock).strictly()
    assert clock.waits == [5]
    lines = [record.getMessage() for record in caplog.records if record.name == "gracy_transport"]
    assert [line for line in lines if line in {"asking", "told", "failed"}] == ["asking", "told", "failed"]


def test_every_field_of_the_config_can_be_given() -> None:
    """What decorators take is what a config has."""
    assert set(ConfigFields.__annotations__) == set(GracyConfig.model_fields)


@pytest.mark.parametrize("decorator", [graceful, graceful_generator])
def test_a_wrong_override_is_an_error_at_decoration(decorator: Any) -> None:
    """And names the field."""
    with pytest.raises(ValidationError, match="retry"):
        decorator(retry="often")
    with pytest.raises(ValidationError, match="retrying"):
        decorator(retrying=None)


def test_the_wrong_decorator_is_refused() -> None:
    """With the name of the right one."""

    async def coroutine() -> None: ...
    async def generator() -> AsyncIterator[int]:
        yield 1

    def plain() -> None: ...

    with pytest.raises(TypeError, match="which is no async def: use @graceful_generator"):
        graceful()(generator)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="which is no async def: make it an async def"):
        graceful()(plain)  # type: ignore[arg-type]
    for function in (coroutine, plain):
        with pytest.raises(TypeError, match="no async def with a yield: use @graceful for one without"):
            graceful_generator()(function)  # type: ignore[arg-type]


def test_names_docs_signatures_and_kinds_are_kept() -> None:
    """F2. The original lost the name and the doc."""
    method, generator = API.maybe_get_pokemon_order, API.get_2_pokemons
    assert (method.__name__, method.__doc__) == ("maybe_get_pokemon_order", "Returns the order of a pokemon, or None.")
    assert str(inspect.signature(method)) == "(self, name: 'str') -> 'int | None'"
    assert inspect.iscoroutinefunction(method)
    assert (generator.__name__, generator.__doc__) == ("get_2_pokemons", "Yields the orders of two pokemons.")
    assert inspect.isasyncgenfunction(generator)


async def test_nothing_is_left_behind(family: ModuleType) -> None:
    """After the method, also when it raised."""
    api = API(family, ScriptedWire(PIKACHU, PIKACHU, 404, PIKACHU))
    assert await api.get_pokemon_order("pikachu") == 35
    assert isinstance(await api.get_pokemon(), family.Response)
    assert await api.maybe_get_pokemon_order("missingno") is None
    assert isinstance(await api.get_pokemon(), family.Response)


async def test_an_inner_method_has_its_own_overrides_alone(family: ModuleType) -> None:
    """What a decorated method asks for does not depend on who calls it; afterwards the outer one's hold again."""
    api = API(family, ScriptedWire(200, 404, 200))
    before, inner, after = await api.outer()
    assert (before, after) == ("outer", "outer")
    assert inner.status_code == 404


async def test_an_undecorated_method_inherits(family: ModuleType) -> None:
    """Of the same object: `get_pokemon` has no overrides of its own."""
    api = API(family, ScriptedWire(PIKACHU))
    assert await api.get_pokemon_order("pikachu") == 35
    assert not hasattr(API.get_pokemon, "__wrapped__")


async def test_another_object_is_not_touched(family: ModuleType) -> None:
    """F1. Not even one of the same class."""

    class Pair(API):
        other: API

        @graceful(parser={"default": lambda r: "mine"})
        async def both(self) -> tuple[Any, Any, Any]:
            return await self.get_pokemon(), await self.other.get_pokemon(), await self.other.get_pokemon_order("x")

    pair = Pair(family, ScriptedWire())
    pair.other = API(family, ScriptedWire(PIKACHU))
    mine, theirs, order = await pair.both()
    assert (mine, order) == ("mine", 35)
    assert isinstance(theirs, family.Response)


async def test_overrides_of_two_objects_hold_at_once(family: ModuleType) -> None:
    """When one calls the other and that one calls back."""

    class Caller(API):
        other: Any

        @graceful(parser={"default": lambda r: "mine"})
        async def there_and_back(self) -> Any:
            return await self.other.back(self)

    class Called(API):
        @graceful(parser={"default": lambda r: "theirs"})
        async def back(self, caller: Any) -> Any:
            return [await self.get_pokemon(), await caller.get_pokemon()]

    caller = Caller(family, ScriptedWire())
    caller.other = Called(family, ScriptedWire())
    assert await caller.there_and_back() == ["theirs", "mine"]


async def test_a_concurrent_task_is_not_touched(family: ModuleType, clock: FakeClock) -> None:
    """F1. Not even while both wait."""
    api = API(family, ScriptedWire(ScriptedResponse(delay=1, json={"order": 35}), clock=clock), clock=clock)
    results: dict[str, Any] = {}

    async def plain() -> None:
        await clock.sleep(0.5)
        results["plain"] = await api.get_pokemon()

    async def decorated() -> None:
        results["decorated"] = await api.get_pokemon_order("pikachu")

    async with anyio.create_task_group() as group:
        group.start_soon(decorated)
        group.start_soon(plain)
    assert results["decorated"] == 35
    assert isinstance(results["plain"], family.Response)


async def test_a_task_of_the_method_inherits(family: ModuleType) -> None:
    """Its requests are made inside the method, too."""

    class Spreading(API):
        @graceful(parser={"default": lambda r: "mine"})
        async def at_once(self) -> list[Any]:
            results: list[Any] = []

            async def one() -> None:
                results.append(await self.get_pokemon())

            async with anyio.create_task_group() as group:
                group.start_soon(one)
                group.start_soon(one)
            return results

    assert await Spreading(family, ScriptedWire()).at_once() == ["mine", "mine"]


async def test_a_generator_has_its_overrides_only_while_it_runs(family: ModuleType) -> None:
    """F1. Between two items the caller's requests are the caller's."""
    api = API(family, ScriptedWire(PIKACHU))
    between = [await api.get_pokemon() async for _order in api.get_2_pokemons()]
    assert [type(response) for response in between] == [family.Response] * 2


async def test_a_generator_that_is_broken_off_leaves_nothing(family: ModuleType) -> None:
    """F1. Closed or merely dropped."""
    api = API(family, ScriptedWire(PIKACHU))
    generator = api.get_2_pokemons()
    async for order in generator:
        assert order == 35
        break
    assert isinstance(await api.get_pokemon(), family.Response)
    await generator.aclose()
    assert isinstance(await api.get_pokemon(), family.Response)


async def test_a_generator_is_a_whole_generator(family: ModuleType) -> None:
    """It can be sent to, thrown into and closed, with its overrides in force while it hears of it."""
    heard: list[Any] = []

    class Talking(API):
        @graceful_generator(parser={"default": lambda r: "mine"})
        async def talk(self) -> AsyncIterator[Any]:
            try:
                heard.append((yield 1))
                try:
                    yield 2
                except KeyError:
                    heard.append(await self.get_pokemon())
                yield 3
            finally:
                heard.append(await self.get_pokemon())

    generator = Talking(family, ScriptedWire()).talk()
    assert await generator.__anext__() == 1
    assert await generator.asend("hello") == 2
    assert await generator.athrow(KeyError()) == 3
    await generator.aclose()
    assert heard == ["hello", "mine", "mine"]
    with pytest.raises(StopAsyncIteration):
        await generator.__anext__()


async def test_a_generator_passes_on_what_it_does_not_catch(family: ModuleType) -> None:
    """From itself and from its caller."""
    api = API(family, ScriptedWire(PIKACHU, 404), clock=FakeClock())
    generator = api.get_2_pokemons()
    await generator.__anext__()
    with pytest.raises(NonOkResponse):
        await generator.__anext__()
    generator = API(family, ScriptedWire(PIKACHU)).get_2_pokemons()
    await generator.__anext__()
    with pytest.raises(KeyError):
        await generator.athrow(KeyError())


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_coroutine_may_be_closed_from_anywhere(family: ModuleType) -> None:
    """Such as the garbage collector's, where the context that it ran in is gone."""
    loop = asyncio.get_running_loop()
    never = loop.create_future()

    class Waiting(API):
        @graceful(retry=None)
        async def wait(self) -> None:
            await never

    coroutine = Waiting(family, ScriptedWire()).wait()
    contextvars.copy_context().run(coroutine.send, None)
    coroutine.close()
    assert inspect.getcoroutinestate(coroutine) == inspect.CORO_CLOSED
    assert not never.cancelled()


async def test_a_decorated_function_that_is_no_method_is_harmless() -> None:
    """There is no object whose requests could be meant."""

    @graceful(retry=None)
    async def function() -> str:
        return "done"

    assert await function() == "done"


async def test_methods_that_are_made_on_the_fly_do_not_pile_up(
    family: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered of overrides is bounded."""
    monkeypatch.setattr("gracy_transport.facade.scope.MOST_KEPT", 3)
    api = API(family, ScriptedWire(404))
    for _ in range(10):

        @graceful(allowed_status_code=404, retry=None)
        async def once(self: API) -> Any:
            return await self.get_pokemon()

        assert (await once(api)).status_code == 404
    assert len(api._gracy._overridden) <= 3
