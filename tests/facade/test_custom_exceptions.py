"""Custom exceptions: simple, with a message of their own, and what survives a pickle."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import pickle
import weakref
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from types import ModuleType
from typing import Any

import httpx
import pytest

from gracy_transport import (
    DEFAULT_CONFIG,
    GracefulRetry,
    GracyConfig,
    GracyRequestContext,
    call_options,
    graceful,
)
from gracy_transport.exceptions import GracyException, GracyParseFailed, GracyUserDefinedException, GracyVeto
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, Scripted


class MyCustomException(GracyUserDefinedException):
    """The simplest there is."""


class PokemonNotFound(GracyUserDefinedException):
    """The one of the README."""

    BASE_MESSAGE = "Unable to find a pokemon with the name [{NAME}] at {URL} due to {STATUS} status"

    def _format_message(self, request_context: GracyRequestContext, response: httpx.Response) -> str:
        format_args = self._build_default_args()
        name = request_context.endpoint_args.get("NAME", "Unknown")
        return self.BASE_MESSAGE.format(NAME=name, **format_args)


class Wordy(GracyUserDefinedException):
    """One that uses every placeholder, and keeps something of its own."""

    BASE_MESSAGE = "{METHOD} {URL} {UURL} {ENDPOINT} {UENDPOINT} {STATUS} {ELAPSED}"

    def __init__(self, request_context: GracyRequestContext, response: Any) -> None:
        super().__init__(request_context, response)
        self.name = request_context.endpoint_args["NAME"]


class Wrong(GracyUserDefinedException):
    """One whose message asks for something that is not there."""

    BASE_MESSAGE = "{WHAT}"


class API(Scripted):
    """The API of the README, with an exception for some statuses."""

    class Config:
        BASE_URL = BASE
        SETTINGS = GracyConfig(
            retry=GracefulRetry(delay=1, max_attempts=1, retry_on=418),
            parser={400: MyCustomException, 404: PokemonNotFound, 418: Wordy, 422: Wrong},
        )


@pytest.mark.anyio
async def test_the_simplest_custom_exception(family: ModuleType) -> None:
    """A class with nothing in it has a message that says what happened."""
    with pytest.raises(MyCustomException) as caught:
        await API(family, ScriptedWire(400)).get_pokemon()
    assert str(caught.value) == f"GET {BASE}/pokemon/pikachu returned 400"
    assert isinstance(caught.value, GracyException)


@pytest.mark.anyio
async def test_a_message_of_ones_own(family: ModuleType) -> None:
    """As the README has it."""
    with pytest.raises(PokemonNotFound) as caught:
        await API(family, ScriptedWire(404)).get_pokemon("missingno")
    assert str(caught.value) == (
        f"Unable to find a pokemon with the name [missingno] at {BASE}/pokemon/missingno due to 404 status"
    )


@pytest.mark.anyio
async def test_every_placeholder(family: ModuleType, clock: FakeClock) -> None:
    """The time is that of all attempts, and secrets of the query are not in it."""
    tea = ScriptedResponse(status=418, delay=0.25)
    wire = ScriptedWire(tea, clock=clock)
    with pytest.raises(Wordy) as caught:
        await API(family, wire, clock=clock).get_pokemon("mr. mime", params={"api_key": "hunter2", "page": 2})
    assert str(caught.value) == (
        f"GET {BASE}/pokemon/mr.%20mime?api_key=[redacted]&page=2 {BASE}/pokemon/{{NAME}} "
        "/pokemon/mr.%20mime /pokemon/{NAME} 418 1.500"
    )


@pytest.mark.anyio
async def test_the_context_says_what_was_asked_for(family: ModuleType) -> None:
    """In the terms of the API."""

    class Overriding(API):
        @graceful(retry=None)
        async def patch_pokemon(self) -> Any:
            return await self.patch("pokemon/{NAME}", {"NAME": 25}, params={"page": 2})

        class Config(API.Config):
            BASE_URL = "https://me:hunter2@api.test/v2"

    api = Overriding(family, ScriptedWire(400))
    with pytest.raises(MyCustomException) as caught:
        await api.patch_pokemon()
    context: GracyRequestContext = caught.value.request_context
    assert (context.method, context.base_url) == ("PATCH", "https://api.test/v2/")
    assert (context.endpoint, context.unformatted_endpoint) == ("pokemon/25", "pokemon/{NAME}")
    assert (context.endpoint_args, context.endpoint_params) == ({"NAME": "25"}, {"page": 2})
    assert context.url == "https://api.test/v2/pokemon/25"
    assert context.unformatted_url == "https://api.test/v2/pokemon/{NAME}"
    assert context.active_config.retry is None
    assert context.active_config.allowed_status_code is None
    assert context.active_config.log_errors is not None
    assert repr(context) == "<GracyRequestContext PATCH https://api.test/v2/pokemon/{NAME}>"


class Everywhere(GracyUserDefinedException):
    """One that tells all it knows of the place."""

    BASE_MESSAGE = "{URL} {UURL} {ENDPOINT} {UENDPOINT}"


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("endpoint", "args", "shown"),
    [
        ("/x?api_key={K}&page={P}", {"K": "hunter2", "P": 2}, "/x?api_key=[redacted]&page=2"),
        ("/x?api_key=hunter2", None, "/x?api_key=[redacted]"),
        ("https://{U}:{P}@api.test/x", {"U": "hunter2", "P": "hunter2"}, "https://api.test/x"),
        ("https://me:hunter2@api.test/x?sig={S}", {"S": "hunter2"}, "https://api.test/x?sig=[redacted]"),
        ("https://{U}@api.test/x", {"U": "a@hunter2"}, "https://api.test/x"),
    ],
)
async def test_no_secret_of_an_endpoint_is_shown(family: ModuleType, endpoint: str, args: Any, shown: str) -> None:
    """Neither what its query takes as an argument, nor who it says is asking."""
    wire = ScriptedWire(404)

    class Telling(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(parser={404: Everywhere})

    with pytest.raises(Everywhere) as caught:
        await Telling(family, wire).get(endpoint, args)
    context: GracyRequestContext = caught.value.request_context
    assert context.endpoint == shown
    assert context.url == context.base_url + shown.partition("?")[0]
    assert "hunter2" not in f"{caught.value} {context!r} {context.url} {context.unformatted_url}"
    assert "hunter2" in wire.sent[0].url


def test_a_context_can_be_made_by_hand() -> None:
    """For tests of a user's exceptions."""
    context = GracyRequestContext("GET", BASE, "/pokemon/x", {"NAME": "x"})
    response = httpx.Response(404, request=httpx.Request("GET", f"{BASE}/pokemon/x"))
    assert str(PokemonNotFound(context, response)).startswith("Unable to find a pokemon with the name [x] at https://")
    assert context.unformatted_url == f"{BASE}/pokemon/x"


@pytest.mark.anyio
async def test_an_exception_that_cannot_be_made_is_a_parse_failure(family: ModuleType) -> None:
    """With what its making raised as the cause."""
    with pytest.raises(GracyParseFailed, match="the parser raised KeyError on the response with status 422") as caught:
        await API(family, ScriptedWire(422)).get_pokemon()
    assert isinstance(caught.value.__cause__, KeyError)


@pytest.mark.anyio
@pytest.mark.parametrize("given", [{}, {"allowed_status_code": {400, 404, 422}}])
@pytest.mark.parametrize("status", [400, 404, 422])
async def test_what_is_raised_is_freed_when_it_is_dropped(family: ModuleType, given: Any, status: int) -> None:
    """No circle of references keeps a body in memory until the garbage collector comes."""
    api = API(family, ScriptedWire(status))
    gc.collect()
    gc.disable()
    try:
        known = None
        try:
            await api.get_pokemon(extensions=call_options(**given))
        except GracyException as error:
            known = weakref.ref(error)
        assert known is not None
        assert known() is None
    finally:
        gc.enable()


class Kept(GracyUserDefinedException):
    """One that keeps the context under a name of its own."""

    def __init__(self, request_context: GracyRequestContext, response: Any) -> None:
        super().__init__(request_context, response)
        self.context = request_context


class KeptVeto(GracyVeto):
    """A veto that keeps the context."""

    def __init__(self, context: GracyRequestContext) -> None:
        super().__init__("no")
        self.context = context


class Vetoing(Scripted):
    """An API whose hook raises one."""

    class Config:
        BASE_URL = BASE
        SETTINGS = GracyConfig(parser={"default": lambda r: r.json()})

    async def before(self, context: GracyRequestContext) -> None:
        raise KeptVeto(context)


class Keeping(Scripted):
    """An API whose exception keeps the context."""

    class Config:
        BASE_URL = BASE
        SETTINGS = GracyConfig(parser={"default": lambda r: r.json(), 404: Kept})


@pytest.mark.anyio
@pytest.mark.parametrize("kind", [Vetoing, Keeping])
async def test_an_error_may_keep_the_context_and_be_pickled(family: ModuleType, kind: type[Scripted]) -> None:
    """Configurations hold functions, and what the hooks know holds locks: neither goes along, nor do the parameters."""
    with pytest.raises((Kept, KeptVeto)) as caught:
        await kind(family, ScriptedWire(404)).get_pokemon(params={"api_key": "hunter2"})
    context: GracyRequestContext = again_by_pickle(caught.value).context
    assert (context.method, context.url, context.endpoint_args) == (
        "GET",
        f"{BASE}/pokemon/pikachu",
        {"NAME": "pikachu"},
    )
    assert context.unformatted_url == f"{BASE}/pokemon/{{NAME}}"
    assert (context.endpoint_params, context.active_config) == (None, DEFAULT_CONFIG)
    assert b"hunter2" not in pickle.dumps(caught.value)
    assert again_by_copy(caught.value).context is vars(caught.value)["context"]


async def raised(family: ModuleType) -> Wordy:
    """Returns an exception as the facade raised it."""
    with pytest.raises(Wordy) as caught:
        await API(
            family, ScriptedWire(ScriptedResponse(status=418, content=b"hunter2")), clock=FakeClock()
        ).get_pokemon(headers={"authorization": "hunter2"})
    return caught.value


def again_by_pickle(error: Any) -> Any:
    return pickle.loads(pickle.dumps(error))


def again_by_copy(error: Any) -> Any:
    return copy.deepcopy(error)


@pytest.mark.anyio
@pytest.mark.parametrize("again", [again_by_pickle, copy.copy, copy.deepcopy])
async def test_a_custom_exception_survives_with_its_own_type(family: ModuleType, again: Callable[[Any], Any]) -> None:
    """The original lost the type. What holds secrets (response, context) stays behind."""
    error = await raised(family)
    twin = again(error)
    assert type(twin) is Wordy
    assert str(twin) == str(error)
    assert (twin.name, twin.status, twin.method) == ("pikachu", 418, "GET")
    assert (twin.request_context, twin.response, twin.call) == (None, None, None)
    assert b"hunter2" not in pickle.dumps(error)


def raise_in_worker(family: str) -> None:
    """Raises a custom exception in another process."""
    import importlib

    import anyio

    raise anyio.run(raised, importlib.import_module(family))


def test_a_custom_exception_crosses_a_process_pool() -> None:
    """The original died with an IndexError."""
    with (
        ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool,
        pytest.raises(Wordy, match=r"^GET") as caught,
    ):
        pool.submit(raise_in_worker, "httpx").result(timeout=60)
    assert caught.value.name == "pikachu"
