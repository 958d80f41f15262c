"""Namespaces: made with their API, with settings of their own over its settings, and with everything else in common."""

from __future__ import annotations

import gc
import sys
from collections.abc import AsyncIterator
from http import HTTPStatus
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest
import respx

import gracy_transport
from gracy_transport import (
    ConcurrentRequestLimit,
    GracefulRetry,
    Gracy,
    GracyConfig,
    GracyNamespace,
    GracyReplay,
    LogEvent,
    LogLevel,
    ThrottleRule,
    call_options,
    graceful,
    graceful_generator,
)
from gracy_transport.exceptions import GracyRequestFailed, NonOkResponse
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, PokeEndpoint, Scripted
from tests.support import sent_at

pytestmark = pytest.mark.anyio

README = """
from http import HTTPStatus
from gracy import BaseEndpoint, GracefulRetry, Gracy, GracyNamespace, GracyConfig

RETRY = GracefulRetry(delay=0, max_attempts=1)

class PokeApiEndpoint(BaseEndpoint):
    GET_POKEMON = "/pokemon/{NAME}"
    GET_BERRY = "/berry/{NAME}"

class PokemonNamespace(GracyNamespace[PokeApiEndpoint]):
    async def get_one(self, name: str):
        return await self.get(PokeApiEndpoint.GET_POKEMON, {"NAME": name})


class BerryNamespace(GracyNamespace[PokeApiEndpoint]):
    async def get_one(self, name: str):
        return await self.get(PokeApiEndpoint.GET_BERRY, {"NAME": name})


class GracefulPokeAPI(Gracy[PokeApiEndpoint]):
    class Config:
        BASE_URL = "https://pokeapi.co/api/v2/"
        SETTINGS = GracyConfig(
            retry=RETRY,
            allowed_status_code={HTTPStatus.NOT_FOUND},
            parser={HTTPStatus.NOT_FOUND: None},
        )

    # These will be automatically assigned on init
    berry: BerryNamespace
    pokemon: PokemonNamespace
"""


@pytest.mark.parametrize("future", ["", "from __future__ import annotations"])
async def test_the_section_of_the_readme(monkeypatch: pytest.MonkeyPatch, future: str) -> None:
    """As it is printed, and in a module whose annotations are text."""
    example = ModuleType("example_of_namespaces")
    monkeypatch.setitem(sys.modules, "gracy", gracy_transport)
    monkeypatch.setitem(sys.modules, example.__name__, example)
    exec(compile(future + README, "README", "exec", dont_inherit=True), vars(example))
    pokeapi = example.GracefulPokeAPI()
    with respx.mock:
        respx.get("https://pokeapi.co/api/v2/pokemon/pikachu").respond(json={})
        respx.get("https://pokeapi.co/api/v2/berry/cheri").respond(404)
        assert (await pokeapi.pokemon.get_one("pikachu")).status_code == 200
        assert await pokeapi.berry.get_one("cheri") is None
    await pokeapi.aclose()
    assert {row.url: row.attempts for row in pokeapi.get_report().rows} == {
        "https://pokeapi.co/api/v2/pokemon/{NAME}": 1,
        "https://pokeapi.co/api/v2/berry/{NAME}": 2,
    }


class Plain(GracyNamespace[str]):
    """A namespace without settings."""

    async def get_one(self, name: object = "pikachu", **options: Any) -> Any:
        return await self.get(PokeEndpoint.GET_POKEMON, {"NAME": name}, **options)


class Lenient(Plain):
    """A namespace with settings of its own."""

    class Config:
        SETTINGS = GracyConfig(allowed_status_code=404, parser={"default": lambda r: "mine"})


class Below(Plain):
    """Endpoints of a part of the site."""

    class Config:
        BASE_URL = "/shiny/"

    deeper: Deeper


class Deeper(Plain):
    """A part of the part."""

    class Config:
        BASE_URL = "very"


class Elsewhere(Plain):
    """Another site."""

    class Config:
        BASE_URL = "https://berries.test/v1"

    deeper: Deeper


class API(Scripted):
    """An API with all of them."""

    class Config:
        BASE_URL = BASE
        SETTINGS = GracyConfig(
            retry=GracefulRetry(delay=0, max_attempts=1),
            log_errors=None,
            parser={"default": lambda r: r.status_code},
        )

    plain: Plain
    lenient: Lenient
    below: Below
    elsewhere: Elsewhere


# ---------------------------------------------------------------- what it is made of


async def test_a_namespace_is_there_for_the_rest_of_the_constructor(family: ModuleType) -> None:
    """Right after `super().__init__()`."""

    class Eager(API):
        def __init__(self, *args: Any) -> None:
            super().__init__(*args)
            self.get_pokemon = self.plain.get_one  # type: ignore[method-assign]

    assert await Eager(family, ScriptedWire()).get_pokemon() == 200


async def test_a_namespace_can_be_made_by_hand(family: ModuleType) -> None:
    """Of an API, or of another namespace."""
    api = API(family, ScriptedWire())
    assert await Lenient(api).get_one() == "mine"
    assert await Lenient(Below(api)).get_one() == "mine"
    assert [each.url for each in api.wire.sent] == [f"{BASE}/pokemon/pikachu", f"{BASE}/shiny/pokemon/pikachu"]


@pytest.mark.parametrize("parent", [None, API, httpx.Client])
def test_a_parent_that_is_none_is_refused(parent: Any) -> None:
    """With what was given."""
    with pytest.raises(TypeError, match=r"^Plain was given .*: give it the API object it is a part of$"):
        Plain(parent)


def test_a_parent_that_is_not_ready_is_refused(family: ModuleType) -> None:
    """It has no connections yet."""

    class Hasty(Scripted):
        def __init__(self) -> None:
            Plain(self)

    with pytest.raises(AttributeError, match=r"^this Hasty cannot make requests yet: call super\(\)"):
        Hasty()


def test_a_namespace_says_what_it_is(family: ModuleType) -> None:
    """Its class, and whose part it is."""
    api = API(family, ScriptedWire())
    assert repr(api.plain) == "<Plain of API>"
    assert repr(api.below.deeper) == "<Deeper of Below>"


def test_what_goes_wrong_in_the_making_is_placed(family: ModuleType) -> None:
    """The error is the namespace's own, with a note on where it comes from."""

    class Wrong(Plain):
        class Config:
            SETTINGS = "retry"

    class Wronged(Scripted):
        wrong: Wrong

    with pytest.raises(TypeError, match=r"^Wrong\.Config\.SETTINGS is") as caught:
        Wronged(family, ScriptedWire())
    assert caught.value.__notes__ == ["raised while Wronged.wrong was made, as its annotation asks for"]


def test_no_class_is_touched(family: ModuleType) -> None:
    """Two APIs with the same namespaces have nothing in common."""

    class Other(API):
        class Config:  # pyright: ignore[reportIncompatibleVariableOverride]
            BASE_URL = "https://other.test"

    kinds = (API, Other, Plain, Lenient, Below, Deeper, Elsewhere)
    touchable = [*kinds, *(vars(kind)["Config"] for kind in kinds if "Config" in vars(kind))]
    before = [dict(vars(each)) for each in touchable]
    one, other = API(family, ScriptedWire()), Other(family, ScriptedWire())
    assert one.plain is not other.plain
    assert [dict(vars(each)) for each in touchable] == before


# ---------------------------------------------------------------- its settings


async def test_what_a_namespace_says_lies_over_what_its_api_says(family: ModuleType) -> None:
    """Field by field: the retry is the API's, the allowed code its own."""
    api = API(family, ScriptedWire(404))
    assert await api.lenient.get_one() == "mine"
    assert len(api.wire.sent) == 2
    with pytest.raises(NonOkResponse):
        await api.plain.get_one()
    with pytest.raises(NonOkResponse):
        await api.get_pokemon()


async def test_settings_go_down_through_all_levels(family: ModuleType) -> None:
    """A namespace of a namespace has both, its own first."""

    class Inner(Plain):
        class Config:
            SETTINGS = GracyConfig(allowed_status_code=404)

    class Outer(Plain):
        inner: Inner

        class Config:
            SETTINGS = GracyConfig(allowed_status_code=410, parser={"default": lambda r: "outer"}, retry=None)

    class Nested(API):
        outer: Outer

    api = Nested(family, ScriptedWire(404))
    assert await api.outer.inner.get_one() == "outer"
    with pytest.raises(NonOkResponse):
        await api.outer.get_one()
    assert len(api.wire.sent) == 2


async def test_none_switches_off_what_the_api_says(family: ModuleType) -> None:
    """But not the judging of status codes."""

    class Strict(Plain):
        class Config:
            SETTINGS = GracyConfig(allowed_status_code=None, retry=None)

    class Allowing(API):
        class Config:  # pyright: ignore[reportIncompatibleVariableOverride]
            SETTINGS = GracyConfig(allowed_status_code=404)

        strict: Strict

    api = Allowing(family, ScriptedWire(404))
    assert await api.plain.get_one() == 404
    with pytest.raises(NonOkResponse):
        await api.strict.get_one()
    assert len(api.wire.sent) == 3


async def test_a_config_of_none_says_nothing(family: ModuleType) -> None:
    """The base class of the original has one."""

    class Quiet(Plain):
        Config = None

    api = API(family, ScriptedWire())
    assert await Quiet(api).get_one() == 200


@pytest.mark.parametrize(
    ("names", "url"),
    [
        (["plain"], f"{BASE}/pokemon/pikachu"),
        (["below"], f"{BASE}/shiny/pokemon/pikachu"),
        (["below", "deeper"], f"{BASE}/shiny/very/pokemon/pikachu"),
        (["elsewhere"], "https://berries.test/v1/pokemon/pikachu"),
        (["elsewhere", "deeper"], "https://berries.test/v1/very/pokemon/pikachu"),
    ],
)
async def test_a_base_url_replaces_that_of_the_api_or_goes_below_it(
    family: ModuleType, names: list[str], url: str
) -> None:
    """A whole URL replaces it, a path goes below; requests, logs and the report agree."""
    api = API(family, ScriptedWire(404))
    part: Any = api
    for name in names:
        part = getattr(part, name)
    error: Any = None
    try:
        await part.get_one()
    except NonOkResponse as raised:
        error = raised
    assert {each.url for each in api.wire.sent} == {url}
    assert error.call.unformatted_url == url.replace("pikachu", "{NAME}")
    assert [row.url for row in api.get_report().rows] == [url.replace("pikachu", "{NAME}")]


async def test_a_path_goes_below_what_the_client_was_given(family: ModuleType) -> None:
    """Also when it is given another while the API is at work."""
    api = API(family, ScriptedWire())
    api._client.base_url = "https://staging.test/v3"
    await api.below.get_one()
    await api.elsewhere.get_one()
    assert [each.url for each in api.wire.sent] == [
        "https://staging.test/v3/shiny/pokemon/pikachu",
        "https://berries.test/v1/pokemon/pikachu",
    ]


async def test_a_path_below_nothing_is_refused(family: ModuleType) -> None:
    """A whole URL needs nothing above it."""

    class Rootless(Scripted):
        below: Below
        elsewhere: Elsewhere

    api = Rootless(family, ScriptedWire())
    assert (await api.elsewhere.get_one()).status_code == 200
    with pytest.raises(ValueError, match=r"endpoint '/pokemon/\{NAME\}' is no whole URL: set Config.BASE_URL"):
        await api.below.get_one()


@pytest.mark.parametrize(
    ("base_url", "kind", "message"),
    [
        (5, TypeError, "BASE_URL is 5: give a string"),
        ("/shiny?lang=en", ValueError, "with a query in front of the endpoints"),
        ("https://berries.test:port", Exception, "Invalid port"),
    ],
)
def test_a_wrong_base_url_is_refused_at_once(
    family: ModuleType, base_url: object, kind: type[Exception], message: str
) -> None:
    """When the API object is made, as that of an API is."""
    wrong = type("Wrong", (Plain,), {"Config": type("Config", (), {"BASE_URL": base_url})})
    api = API(family, ScriptedWire())
    with pytest.raises(kind, match=message):
        wrong(api)


async def test_a_timeout_of_its_own(family: ModuleType) -> None:
    """It holds where a request is given none; what is left out is the API's."""

    class Patient(Plain):
        class Config:
            REQUEST_TIMEOUT: float | None = 60

    class Inner(Patient):
        class Config(Patient.Config):
            REQUEST_TIMEOUT = None

    class Timed(Scripted):
        class Config:
            BASE_URL = BASE
            REQUEST_TIMEOUT = 5

        patient: Patient
        plain: Plain
        inner: Inner

        def _create_client(self) -> Any:
            return self.family.AsyncClient(transport=self.wire, timeout=5)

    api = Timed(family, ScriptedWire())

    async def timeout_of(part: Any, **options: Any) -> Any:
        return (await part.get_one(**options)).request.extensions["timeout"]["read"]

    assert [await timeout_of(part) for part in (api.plain, api.patient, api.inner)] == [5, 60, None]
    assert await timeout_of(api.patient, timeout=1) == 1
    assert await timeout_of(Plain(api.patient)) == 60


# ---------------------------------------------------------------- what it has in common with its API


async def test_limits_are_the_apis(family: ModuleType, clock: FakeClock) -> None:
    """Whoever makes the request, a permit is taken."""

    class Limited(API):
        class Config:  # pyright: ignore[reportIncompatibleVariableOverride]
            BASE_URL = BASE
            SETTINGS = GracyConfig(throttling=ThrottleRule(".*", 1))

    api = Limited(family, ScriptedWire(clock=clock), clock=clock)
    for part in (api.plain.get_one, api.get_pokemon, api.lenient.get_one, api.below.deeper.get_one):
        await part()
    first, *later = sent_at(api.wire)
    assert [at - first for at in later] == [1, 2, 3]


async def test_a_slot_is_shared_with_the_api(family: ModuleType, clock: FakeClock) -> None:
    """A limit of the API counts the requests of its namespaces."""

    class Limited(API):
        class Config:  # pyright: ignore[reportIncompatibleVariableOverride]
            BASE_URL = BASE
            SETTINGS = GracyConfig(concurrent_requests=ConcurrentRequestLimit(2, limit_per_uurl=False))

    api = Limited(family, ScriptedWire(ScriptedResponse(delay=1), clock=clock), clock=clock)
    async with anyio.create_task_group() as group:
        for part in (api.plain.get_one, api.get_pokemon, api.lenient.get_one, api.elsewhere.get_one) * 2:
            group.start_soon(part)
    assert api.wire.most_in_flight == 2


async def test_a_limit_of_its_own_never_forgets(
    family: ModuleType, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even when so many other configurations came that its chain was given up in between."""
    monkeypatch.setattr("gracy_transport.stack.MOST_CHAINS", 1)

    class Slow(Plain):
        class Config:
            SETTINGS = GracyConfig(throttling=ThrottleRule(".*pokemon.*", 1, 10))

    class Slowed(API):
        slow: Slow

    api = Slowed(family, ScriptedWire(clock=clock), clock=clock)
    await api.slow.get_one()
    await api.lenient.get_one()
    await api.lenient.get_one(extensions=call_options(retry=None))
    gc.collect()
    await api.slow.get_one()
    first, *_, last = sent_at(api.wire)
    assert last - first == 10


async def test_equal_limits_of_two_namespaces_are_one(family: ModuleType, clock: FakeClock) -> None:
    """As in all configurations of one stack; unequal ones are two."""

    class One(Plain):
        class Config:
            SETTINGS = GracyConfig(throttling=ThrottleRule(".*", 1, 10))

    class Twin(Plain):
        class Config:
            SETTINGS = GracyConfig(throttling=ThrottleRule(".*", 1, 10))

    class Other(Plain):
        class Config:
            SETTINGS = GracyConfig(throttling=ThrottleRule("https.*", 1, 10))

    api = API(family, ScriptedWire(clock=clock), clock=clock)
    for kind in (One, Twin, Other):
        await kind(api).get_one()
    first, *later = sent_at(api.wire)
    assert [at - first for at in later] == [10, 10]


async def test_the_report_and_the_client_are_the_apis(family: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    """From the inside as well."""
    api = API(family, ScriptedWire())
    await api.below.deeper.get_one()
    await api.get_pokemon()
    assert api.below.deeper.get_report() == api.get_report()
    assert api.get_report().total.attempts == 2
    assert api.below.deeper._client is api._client
    api.below.report_status("list")
    assert f"{BASE}/shiny/very/pokemon/{{NAME}}" in capsys.readouterr().out


def test_an_api_and_its_namespaces_may_have_a_metaclass(family: ModuleType) -> None:
    """Any of the user's own, such as one that keeps a register of classes."""
    registered: list[str] = []

    class Registered(type):
        def __init__(cls, *args: Any) -> None:
            super().__init__(*args)
            registered.append(cls.__name__)

    class Part(GracyNamespace[str], metaclass=Registered):
        pass

    class Whole(API, metaclass=Registered):
        part: Part

    api = Whole(family, ScriptedWire())
    assert api.part.get_report() == api.get_report()
    assert registered == ["Part", "Whole"]


async def test_a_namespace_goes_on_in_another_loop(family: ModuleType) -> None:
    """With the client of that loop."""
    api = API(family, ScriptedWire())
    await api.below.get_one()
    await anyio.to_thread.run_sync(lambda: anyio.run(api.below.get_one))
    assert [each.url for each in api.wire.sent] == [f"{BASE}/shiny/pokemon/pikachu"] * 2


async def test_a_namespace_is_closed_with_its_api(family: ModuleType) -> None:
    """It has nothing of its own to close."""
    async with API(family, ScriptedWire()) as api:
        await api.plain.get_one()
    with pytest.raises(RuntimeError, match="this API object is closed"):
        await api.plain.get_one()


async def test_a_namespace_is_recorded_and_replayed(family: ModuleType, tmp_path: Any) -> None:
    """With its API."""
    storage = SQLiteReplayStorage("api.sqlite3", str(tmp_path))
    async with API(family, ScriptedWire(201), replay=GracyReplay("record", storage)) as api:
        assert await api.below.get_one() == 201
    async with API(family, ScriptedWire(ConnectionError()), replay=GracyReplay("replay", storage)) as api:
        assert await api.below.get_one() == 201
        assert api.wire.sent == []


# ---------------------------------------------------------------- overrides and streams


class Overriding(Plain):
    """A namespace with decorated methods."""

    class Config:
        SETTINGS = GracyConfig(log_errors=LogEvent(LogLevel.ERROR, "failed"), retry=None)

    @graceful(allowed_status_code=HTTPStatus.NOT_FOUND, parser={404: None})
    async def maybe(self) -> Any:
        return await self.get_one()

    @graceful_generator(parser={"default": lambda r: "generated"}, allowed_status_code=404)
    async def some(self) -> AsyncIterator[Any]:
        for name in ("charmander", "pikachu"):
            yield await self.get_one(name)

    @graceful(allowed_status_code=404)
    async def all_of(self, others: Any) -> Any:
        return await others()


async def test_a_decorated_method_of_a_namespace(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """Overrides the settings of the namespace, which lie over those of the API."""
    api = API(family, ScriptedWire(404))
    part = Overriding(api)
    assert await part.maybe() is None
    assert [each async for each in part.some()] == ["generated", "generated"]
    assert (caplog.messages, len(api.wire.sent)) == ([], 3)
    with pytest.raises(NonOkResponse):
        await part.get_one()
    assert caplog.messages == ["failed"]


async def test_overrides_hold_for_one_object(family: ModuleType) -> None:
    """Not for the API, nor for another namespace, not even of the same class."""
    api = API(family, ScriptedWire(404))
    part, twin = Overriding(api), Overriding(api)
    assert await part.all_of(part.get_one) == 404
    for other in (twin.get_one, api.get_pokemon, api.plain.get_one):
        with pytest.raises(NonOkResponse):
            await part.all_of(other)


async def test_options_of_a_call_lie_over_all_the_others(family: ModuleType) -> None:
    """`call_options` works in a namespace."""
    api = API(family, ScriptedWire(404))
    assert await api.plain.get_one(extensions=call_options(allowed_status_code=404, retry=None)) == 404


async def test_a_namespace_streams(family: ModuleType) -> None:
    """By its own settings."""
    api = API(family, ScriptedWire(404))
    async with api.lenient.stream("GET", PokeEndpoint.GET_POKEMON, {"NAME": "pikachu"}) as response:
        assert response.status_code == 404


async def test_an_error_is_put_in_the_terms_of_the_api(family: ModuleType) -> None:
    """Also in a namespace."""
    api = API(family, ScriptedWire(family.ReadError("broken")))
    with pytest.raises(GracyRequestFailed, match="shiny/pokemon/pikachu"):
        await api.below.get_one()


def test_a_namespace_costs_no_chain_when_it_says_nothing(family: ModuleType) -> None:
    """Its requests go through that of the API, and it has no limits to keep."""
    api = API(family, ScriptedWire())
    assert api.plain._gracy._plain.own is None
    assert api.below._gracy._plain.own is None
    assert api.lenient._gracy._plain.own is not None


def test_an_api_may_be_spelt_in_three_ways() -> None:
    """As the README of the original has it."""
    assert gracy_transport.GracyApi is gracy_transport.GracyAPI is Gracy


class Slotted(API):
    """An API with slots for what it keeps, one of them filled early."""

    __slots__ = ("given", "part")

    part: Plain
    given: Plain

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        early: Any = "given"
        self.given = early
        super().__init__(*args, **kwargs)


def test_a_slot_takes_a_namespace_as_any_attribute_does(family: ModuleType) -> None:
    """A slot is no value, and what is in it stays."""
    api = Slotted(family, ScriptedWire())
    assert isinstance(api.part, Plain)
    assert vars(Slotted)["given"].__get__(api) == "given"
