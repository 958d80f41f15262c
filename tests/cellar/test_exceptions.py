"""Tests of the errors: what they keep, what they show, and that they survive pickle and copy."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from types import ModuleType
from typing import Any, Self

import pytest

from gracy_transport import exceptions
from gracy_transport.call import Call, CallOptions, Wait
from gracy_transport.exceptions import (
    BadResponse,
    CompositionError,
    GracyException,
    GracyRefusal,
    GracyRequestFailed,
    NonOkResponse,
)
from gracy_transport.family import error_for

SECRET = "hunter2"
URL = f"https://user:{SECRET}@api.test/pokemon?api_key={SECRET}&page=2"
SHOWN = "https://[redacted]@api.test/pokemon?api_key=[redacted]&page=2"

ALL = [
    kind
    for kind in vars(exceptions).values()
    if isinstance(kind, type)
    and issubclass(kind, GracyException)
    and kind.__module__ == exceptions.__name__
    # Its constructor takes other arguments: tests/facade/test_custom_exceptions.py makes some.
    and kind is not exceptions.GracyUserDefinedException
]


class TwoArguments(NonOkResponse):
    """A user's error whose constructor wants something else than a message."""

    def __init__(self, name: str, *, number: int, response: Any = None, request: Any = None) -> None:
        super().__init__(f"{name} is not number {number}", request=request, response=response)
        self.number = number


class NoConstructor(GracyException):
    """A user's error that forgets about the constructor above."""

    def __init__(self, first: str, second: str) -> None:
        self.both = first + second


class NewArguments(GracyException):
    """A user's error that takes its arguments even earlier."""

    made_with: tuple[object, ...]

    def __new__(cls, *args: object) -> Self:
        made = super().__new__(cls, *args)
        made.made_with = args
        return made


def again_by_pickle(error: Any) -> Any:
    """Sends an error through a pickle."""
    return pickle.loads(pickle.dumps(error))


AGAIN = pytest.mark.parametrize("again", [again_by_pickle, copy.copy, copy.deepcopy])


def exchange(family: ModuleType, status: int = 500) -> tuple[Any, Any]:
    """Makes a request with secrets and its response."""
    request = family.Request("GET", URL, headers={"authorization": SECRET})
    return request, family.Response(status, request=request, content=b"sorry")


@AGAIN
@pytest.mark.parametrize("kind", ALL)
def test_every_error_survives_with_type_message_status_and_url(
    kind: type[GracyException], again: Callable[[Any], Any], family: ModuleType
) -> None:
    """The type stays, the plain facts stay, the objects that hold secrets do not."""
    request, response = exchange(family)
    error = again(kind("it broke", request=request, response=response))
    assert type(error) is kind
    assert str(error) == "it broke"
    assert (error.status, error.method, error.url) == (500, "GET", SHOWN)
    assert (error.request, error.response, error.call) == (None, None, None)


@AGAIN
@pytest.mark.parametrize("kind", ALL)
def test_every_error_of_a_family_survives_too(
    kind: type[GracyException], again: Callable[[Any], Any], family: ModuleType
) -> None:
    """The class that is also an error of httpx is made again on the other side, and is the same class."""
    request, response = exchange(family)
    raised = error_for(request, kind, "it broke", response=response)
    error = again(raised)
    assert type(error) is type(raised)
    assert isinstance(error, kind)
    assert str(error) == "it broke"
    assert (error.status, error.method, error.url) == (500, "GET", SHOWN)
    assert (error.request, error.response, error.call) == (None, None, None)


def test_a_pickle_of_an_earlier_version_loads() -> None:
    """What it names is where it was."""
    kept = b"cgracy_transport.exceptions\nrebuild\n(cgracy_transport.exceptions\nNonOkResponse\n(Vit broke\nt(dtR."
    error = pickle.loads(kept)
    assert (type(error), str(error), error.request) == (NonOkResponse, "it broke", None)


@AGAIN
def test_a_users_error_with_another_constructor_survives(again: Callable[[Any], Any], family: ModuleType) -> None:
    """Its constructor is not called again, and what it stored is there.

    The original lost the type in a pickle and died with an IndexError in a process pool.
    """
    request, response = exchange(family)
    for raised in (
        TwoArguments("pikachu", number=26, request=request, response=response),
        error_for(request, _TwoArgumentsByPosition, "pikachu", number=26, response=response),
    ):
        error = again(raised)
        assert type(error) is type(raised)
        assert str(error) == "pikachu is not number 26"
        assert error.number == 26
        assert error.status == 500


class _TwoArgumentsByPosition(TwoArguments):
    pass


@AGAIN
def test_a_users_error_without_our_constructor_survives(again: Callable[[Any], Any]) -> None:
    """Forgetting `super().__init__` costs the facts and not the error."""
    error = again(NoConstructor("pika", "chu"))
    assert type(error) is NoConstructor
    assert error.both == "pikachu"
    assert error.args == ("pika", "chu")
    assert (error.request, error.response, error.call, error.status, error.method, error.url) == (None,) * 6


@AGAIN
def test_a_users_error_with_its_own_new_survives(again: Callable[[Any], Any]) -> None:
    """`__new__` gets the message, as it would from Python's own exceptions."""
    error = again(NewArguments("it broke"))
    assert type(error) is NewArguments
    assert error.made_with == ("it broke",)


@AGAIN
def test_notes_survive(again: Callable[[Any], Any]) -> None:
    """What was added with `add_note` is a plain fact."""
    raised = GracyException("it broke")
    raised.add_note("on a Sunday")
    assert again(raised).__notes__ == ["on a Sunday"]


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Gives a process that shares nothing with this one."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as made:
        yield made


def raise_in_worker(family: str, kind: type[GracyException]) -> None:
    """Raises an error in another process."""
    import importlib

    request, response = exchange(importlib.import_module(family))
    raise error_for(request, kind, "it broke", response=response)


def raise_users_error() -> None:
    """Raises a user's error in another process."""
    raise TwoArguments("pikachu", number=26)


@pytest.mark.parametrize("kind", ALL)
def test_every_error_crosses_a_process_pool(
    pool: ProcessPoolExecutor, family: ModuleType, kind: type[GracyException]
) -> None:
    """What a worker raises arrives as the error it was, and is still one of its family."""
    with pytest.raises(kind, match="it broke") as caught:
        pool.submit(raise_in_worker, family.__name__, kind).result(timeout=60)
    assert caught.value.status == 500
    assert isinstance(caught.value, family.HTTPError) is (kind.httpx_base is not None)


def test_a_users_error_crosses_a_process_pool(pool: ProcessPoolExecutor) -> None:
    """Odd constructors included."""
    with pytest.raises(TwoArguments, match="pikachu is not number 26") as caught:
        pool.submit(raise_users_error).result(timeout=60)
    assert caught.value.number == 26


def fail_in_a_stack(family: str) -> None:
    """Lets a whole stack fail in another process: one attempt, a back-off, another attempt, a rejection."""
    import asyncio
    import importlib

    from gracy_transport import GracefulRetry, GracyConfig, GracyTransport
    from gracy_transport.testing import FakeClock, ScriptedWire

    module, clock = importlib.import_module(family), FakeClock()
    config = GracyConfig(retry=GracefulRetry(delay=2, max_attempts=1), allowed_status_code=404)
    stack = GracyTransport(ScriptedWire(503, clock=clock), config, clock=clock)
    asyncio.run(stack.handle_async_request(module.Request("GET", URL)))


def test_what_a_stack_raises_crosses_a_process_pool(pool: ProcessPoolExecutor, family: ModuleType) -> None:
    """With its status and its timeline, and without the secrets of its URL."""
    with pytest.raises(NonOkResponse) as caught:
        pool.submit(fail_in_a_stack, family.__name__).result(timeout=60)
    assert isinstance(caught.value, family.HTTPStatusError)
    assert (caught.value.status, caught.value.url, caught.value.fate) == (503, SHOWN, "answered")
    assert str(caught.value.timeline) == "GET /pokemon 503 in 2.0 s: back-off 2.0, 2 attempts"
    assert SECRET not in f"{caught.value!r} {caught.value.__cause__}"


def test_an_error_keeps_request_response_and_call(family: ModuleType) -> None:
    """In the process where it happened, everything is at hand."""
    request, response = exchange(family)
    call = Call(request, CallOptions(), 0.0)
    for error in (
        BadResponse("it broke", request=request, response=response, call=call),
        error_for(request, BadResponse, "it broke", response=response, call=call),
    ):
        assert error.request is request
        assert error.response is response
        assert error.call is call


@AGAIN
def test_an_error_tells_what_its_call_went_through(again: Callable[[Any], Any], family: ModuleType) -> None:
    """The timeline and the fate of the newest attempt are there as values when the call itself has been dropped."""
    request, _ = exchange(family)
    call = Call(request, CallOptions(template="/pokemon/{NAME}"), 0.0)
    call.waits = (Wait("throttle", 3.0, "2 requests per second", 0.0),)
    call.attempt.ended, call.attempt.error, call.attempt.was_sent = 3.0, "TransportClosed", False
    error = again(GracyRequestFailed("it failed", request=request, call=call))
    assert str(error.timeline) == "GET /pokemon/{NAME} TransportClosed in 3.0 s: throttle 3.0, 1 attempt"
    assert error.fate == "never_sent"


def test_an_error_without_facts_has_none() -> None:
    """A message is enough, and not even that is needed."""
    error = GracyException()
    assert str(error) == ""
    assert (error.request, error.response, error.call) == (None, None, None)
    assert (error.status, error.method, error.url) == (None, None, None)


def test_a_request_may_be_set_later(family: ModuleType) -> None:
    """The client itself sets it on errors that pass it."""
    request, _ = exchange(family)
    error = error_for(request, GracyRefusal, "it broke")
    other = family.Request("GET", "https://other.test")
    error.request = other
    assert error.request is other


def test_nothing_of_an_error_shows_a_secret(family: ModuleType) -> None:
    """Neither text nor repr nor pickle, and the traceback's last line neither."""
    request, response = exchange(family)
    call = Call(request, CallOptions(args={"TOKEN": SECRET}), 0.0)
    error = error_for(request, NonOkResponse, "it broke", response=response, call=call)
    for shown in (str(error), repr(error), str(error.url)):
        assert SECRET not in shown
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert SECRET.encode() not in pickle.dumps(error, protocol)


def test_which_errors_are_errors_of_httpx() -> None:
    """A stack put together wrongly is a bug; the facade's wrappers are the facade's own."""
    outside = {kind.__name__ for kind in ALL if kind.httpx_base is None}
    assert outside == {
        "CompositionError",
        "GracyParseFailed",
        "GracyRequestFailed",
        "NextPageRefused",
        "PagingStopped",
        "RepeatedPage",
        "TooManyPages",
        "UnreadableRecording",
    }
    assert issubclass(CompositionError, TypeError)
    assert GracyRequestFailed.httpx_base is None
