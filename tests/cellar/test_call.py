"""Tests of the Call: what it knows, when it goes on, and that it keeps nothing alive."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Generator, Iterator
from types import ModuleType
from typing import Any

import httpx
import pytest

from gracy_transport.call import (
    EXTENSION,
    Attempt,
    Call,
    CallOptions,
    Outcome,
    Wait,
    call_inside,
    extensions_of,
    extensions_with,
    open_call,
    options_of,
)
from gracy_transport.clock import SYSTEM_CLOCK
from gracy_transport.layer import Layer
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from gracy_transport.values import ABSENT

pytestmark = pytest.mark.anyio

URL = "https://api.test/pokemon/pika?page=2"
DIGEST = ScriptedResponse(status=401, headers={"www-authenticate": 'Digest realm="r", nonce="n", qop="auth"'})


def request_of(family: ModuleType = httpx, url: str = URL, **fields: Any) -> Any:
    return family.Request("GET", url, **fields)


def rejected_call() -> Call:
    call = Call(request_of(), CallOptions(), 1.0)
    call.is_replayed, call.rejected = True, Outcome(error=ValueError())
    return call


def to(place: str, status: int = 302) -> ScriptedResponse:
    return ScriptedResponse(status=status, headers={"location": place})


# ---------------------------------------------------------------- what it knows


def test_options_say_nothing_unless_given() -> None:
    """A plain request has no template, no arguments, no config, and may be followed by others."""
    assert CallOptions() == CallOptions(None, "", {}, None, reads_body=False, is_followed=True)


@pytest.mark.parametrize(
    ("options", "unformatted"),
    [
        (CallOptions(), "https://api.test/pokemon/pika"),
        (CallOptions(template="/pokemon/{NAME}"), "https://api.test/pokemon/{NAME}"),
        (CallOptions(template="/{NAME}", base="https://api.test/v2"), "https://api.test/v2/{NAME}"),
        (CallOptions(template="https://other.test/{NAME}"), "https://other.test/{NAME}"),
        (CallOptions(base="https://api.test/v2"), "https://api.test/v2/pokemon/pika"),
    ],
)
def test_the_unformatted_url_has_the_template_in_place_of_the_endpoint(options: CallOptions, unformatted: str) -> None:
    """It is what reports and limits group by; without a template it is origin and path."""
    call = Call(request_of(), options, 0.0)
    assert call.unformatted_url == unformatted
    assert call.unformatted_url is call.unformatted_url


def test_template_and_arguments_come_from_the_options() -> None:
    """They stay as the user gave them."""
    call = Call(request_of(), CallOptions(template="/{NAME}", args={"NAME": "pika"}), 0.0)
    assert (call.template, call.args) == ("/{NAME}", {"NAME": "pika"})


def test_an_override_is_the_field_of_the_calls_own_config() -> None:
    """`None` is an override; a field that is absent, or no config at all, is none."""

    class Config:
        retry = None
        parser = ABSENT

    call = Call(request_of(), CallOptions(config=Config()), 0.0)
    assert call.override("retry") is None
    assert call.override("parser") is ABSENT
    assert call.override("unknown") is ABSENT
    assert Call(request_of(), CallOptions(), 0.0).override("retry") is ABSENT


def test_a_new_attempt_starts_clean() -> None:
    """It is numbered on, and what is known of the last answer is forgotten."""
    call = rejected_call()
    attempt = call.begin_attempt(2.0)
    assert call.attempt is attempt
    assert [each.number for each in call.attempts] == [1, 2]
    assert (call.is_replayed, call.rejected) == (False, None)


def test_latency_runs_from_dispatch_to_the_end_of_the_body() -> None:
    """Where no gate stood in between it runs from the start, and there is none before the end."""
    assert Attempt(1, 1.0).latency is None
    assert Attempt(1, 1.0, ended=4.0).latency == 3.0
    assert Attempt(1, 1.0, dispatched=2.0, ended=4.0).latency == 2.0
    assert (Attempt(1, 1.0).began, Attempt(1, 1.0, dispatched=2.0).began) == (1.0, 2.0)


def test_a_call_says_in_one_line_where_the_time_went() -> None:
    """Without the URL's query and without arguments, which may be secrets."""
    call = Call(request_of(), CallOptions(template="/pokemon/{NAME}", args={"NAME": "pika"}), 0.0)
    assert str(call) == "GET /pokemon/{NAME} under way in 0.0 s: 1 attempt"
    call.waits = (
        Wait("throttle", 1.0, "2/s", 0.0),
        Wait("back-off", 2.0, "503", 1.5),
        Wait("throttle", 0.5, "2/s", 3.5),
    )
    call.begin_attempt(3.5)
    call.attempt.status, call.attempt.ended = 200, 4.0
    assert call.waited == 3.5
    assert str(call) == "GET /pokemon/{NAME} 200 in 4.0 s: throttle 1.5, back-off 2.0, 2 attempts"
    assert repr(call) == "<Call GET /pokemon/{NAME} attempt 2>"


def test_a_call_without_a_template_is_named_by_its_path() -> None:
    """An attempt that failed is named by its error."""
    call = Call(request_of(), CallOptions(), 0.0)
    call.attempt.error, call.attempt.ended = "ReadTimeout", 5.0
    assert str(call) == "GET /pokemon/pika ReadTimeout in 5.0 s: 1 attempt"
    assert repr(call) == "<Call GET /pokemon/pika attempt 1>"


@pytest.mark.parametrize(
    ("url", "options", "where"),
    [
        ("https://api.test/a%0ab%1b", CallOptions(), "/a%0ab%1b"),
        ("https://api.test/x?key=hunter2", CallOptions(template="/x\n?key=hunter2"), "/x%0A?key=[redacted]"),
    ],
)
def test_a_call_is_named_on_one_line_and_without_secrets(url: str, options: CallOptions, where: str) -> None:
    """Whatever stands in its path or its template."""
    call = Call(request_of(url=url), options, 0.0)
    assert str(call) == f"GET {where} under way in 0.0 s: 1 attempt"
    assert repr(call) == f"<Call GET {where} attempt 1>"
    assert call.unformatted_url == f"https://api.test{where}"


# ---------------------------------------------------------------- opening and going on


def test_opening_a_call_takes_the_options_of_the_request(family: ModuleType) -> None:
    """The entry in the extensions is the only thing that changes on the caller's request."""
    options = CallOptions(template="/{NAME}")
    request = request_of(family, extensions={EXTENSION: options, "timeout": {"read": 5}}, headers={"a": "b"})
    headers, stream = list(request.headers.raw), request.stream
    assert options_of(request) is options
    call = open_call(request, 1.0)
    assert call.options is options
    assert options_of(request) is options
    assert call_inside(request) is call
    assert request.extensions == {EXTENSION: call, "timeout": {"read": 5}}
    assert (list(request.headers.raw), request.stream) == (headers, stream)


def test_what_is_no_option_is_ignored() -> None:
    """Somebody else's extension of the same name breaks nothing."""
    request = request_of(extensions={EXTENSION: "mine"})
    assert options_of(request) == CallOptions()
    assert call_inside(request) is None


def test_a_call_that_has_left_is_not_inside(family: ModuleType) -> None:
    """It stands in the response too."""
    request, response = request_of(family), family.Response(200)
    call = open_call(request, 0.0)
    call.rejected = Outcome(response)
    call.leave(request, response)
    assert call_inside(request) is None
    assert response.extensions[EXTENSION] is call
    assert call.rejected is None


def test_extensions_are_copied_with_changes(family: ModuleType) -> None:
    """For requests of our own making; those of a response are shared with its copies."""
    request, response = request_of(family, extensions={"a": 1, "b": 2}), family.Response(200)
    assert extensions_with(request, b=3) == {"a": 1, "b": 3}
    assert request.extensions == {"a": 1, "b": 2}
    assert extensions_of(response) is response.extensions


async def test_redirects_are_hops_of_one_call(family: ModuleType) -> None:
    """One call, one attempt for each hop; method and URL are those of the request in the stack now."""
    wire = ScriptedWire(to("/2", 303), to("https://other.test/3"), 200)
    options = CallOptions(template="/{NAME}")
    async with family.AsyncClient(transport=Layer(wire), follow_redirects=True) as client:
        response = await client.post(URL, extensions={EXTENSION: options})
    call = response.extensions[EXTENSION]
    assert [each.number for each in call.attempts] == [1, 2, 3]
    assert (call.method, str(call.url)) == ("GET", "https://other.test/3")
    assert call.unformatted_url == "https://other.test/{NAME}"
    assert {id(each.extensions[EXTENSION]) for each in response.history} == {id(call)}


async def test_an_auth_round_is_a_hop_of_one_call(family: ModuleType) -> None:
    """Digest auth sends the same request again with an answer to the challenge."""
    wire = ScriptedWire(DIGEST, 200)
    async with family.AsyncClient(transport=Layer(wire), auth=family.DigestAuth("u", "p")) as client:
        response = await client.get(URL)
    assert len(response.extensions[EXTENSION].attempts) == 2


async def test_a_proxy_challenge_is_answered_in_the_same_call(family: ModuleType) -> None:
    """407 is to a proxy what 401 is to a server."""

    class ProxyAuth(family.Auth):  # type: ignore[name-defined,misc]
        def auth_flow(self, request: Any) -> Generator[Any, Any, None]:
            response = yield request
            if response.status_code == 407:
                request.headers["proxy-authorization"] = "Basic eDp5"
                yield request

    async with family.AsyncClient(transport=Layer(ScriptedWire(407, 200)), auth=ProxyAuth()) as client:
        response = await client.get(URL)
    assert len(response.extensions[EXTENSION].attempts) == 2


@pytest.mark.parametrize("status", [200, 302, 401, 404])
async def test_sending_the_same_request_again_starts_another_call(family: ModuleType, status: int) -> None:
    """A final answer ends a call; with the same options the next one begins at attempt 1."""
    options = CallOptions(template="/{NAME}")
    async with family.AsyncClient(transport=Layer(ScriptedWire(status))) as client:
        request = client.build_request("GET", URL, extensions={EXTENSION: options})
        first, second = [(await client.send(request)).extensions[EXTENSION] for _ in range(2)]
    assert first is not second
    assert second.options is options
    assert len(second.attempts) == 1


async def test_sending_a_request_again_after_an_error_starts_another_call(family: ModuleType) -> None:
    """The first ended with the error."""
    wire = ScriptedWire(httpx.ReadError, 200)
    async with family.AsyncClient(transport=Layer(wire)) as client:
        request = client.build_request("GET", URL)
        with pytest.raises(family.ReadError):
            await client.send(request)
        response = await client.send(request)
    assert len(response.extensions[EXTENSION].attempts) == 1


async def test_a_call_that_nothing_follows_does_not_go_on(family: ModuleType) -> None:
    """The facade knows when a redirect is final: the next request is a call of its own then."""
    options = CallOptions(is_followed=False)
    async with family.AsyncClient(transport=Layer(ScriptedWire(to("/2"), 200))) as client:
        response = await client.get(URL, extensions={EXTENSION: options})
        following = await client.send(response.next_request)
    assert following.extensions[EXTENSION] is not response.extensions[EXTENSION]
    assert following.extensions[EXTENSION].options is options


async def test_two_calls_with_the_same_extensions_do_not_meet(family: ModuleType) -> None:
    """Users keep such a mapping in a constant."""
    extensions = {EXTENSION: CallOptions(template="/{NAME}")}
    async with family.AsyncClient(transport=Layer(ScriptedWire())) as client:
        calls = [(await client.get(URL, extensions=extensions)).extensions[EXTENSION] for _ in range(2)]
    assert calls[0] is not calls[1]
    assert extensions == {EXTENSION: CallOptions(template="/{NAME}")}


# ---------------------------------------------------------------- keeping nothing alive


@pytest.fixture
def _no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("_no_collector")
async def test_a_response_is_freed_by_its_last_reference(family: ModuleType, clock: FakeClock) -> None:
    """The call must not refer back to it, or each body would stay until the collector comes by."""
    layer = Layer(Layer(ScriptedWire(clock=clock), clock=clock), clock=clock)
    request = request_of(family)
    response = await layer.handle_async_request(request)
    await response.aread()
    watched = weakref.ref(response)
    call = response.extensions[EXTENSION]
    del response
    assert watched() is None
    assert call.attempts


@pytest.mark.usefixtures("_no_collector")
async def test_a_request_is_freed_by_its_last_reference(family: ModuleType) -> None:
    """Its call stands in its extensions, and knows only its URL."""
    request = request_of(family)
    await (await Layer(ScriptedWire()).handle_async_request(request)).aread()
    watched, call = weakref.ref(request), request.extensions[EXTENSION]
    del request
    assert watched() is None
    assert str(call.url) == URL


@pytest.mark.usefixtures("_no_collector")
async def test_an_error_is_freed_by_its_last_reference(family: ModuleType) -> None:
    """The traceback refers to the frames of the stack, and none of them back to the error."""
    layer = Layer(Layer(ScriptedWire(httpx.ReadError)), clock=SYSTEM_CLOCK)
    watched: list[weakref.ref[BaseException]] = []
    try:
        await layer.handle_async_request(request_of(family))
    except family.ReadError as error:
        watched.append(weakref.ref(error))
    assert watched[0]() is None
