"""Tests of telling the two HTTP packages apart and of fitting in with each."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest

from gracy_transport import family as families
from gracy_transport.exceptions import (
    CompositionError,
    GracyException,
    GracyRefusal,
    GracyRequestFailed,
    NonOkResponse,
    UnexpectedResponse,
)
from gracy_transport.family import (
    Family,
    error_for,
    family_of,
    is_error_like,
    is_never_sent,
    package_of,
    refuse_foreign_wire,
    wire_package,
)

ROOT = Path(__file__).parents[2]


def request_of(family: ModuleType) -> Any:
    return family.Request("GET", "https://api.test/x")


def other_than(family: ModuleType) -> ModuleType:
    return httpx2 if family is httpx else httpx


def test_requests_responses_and_errors_show_their_family(family: ModuleType) -> None:
    """So do objects of classes that users derive from them."""
    derived = type("MyRequest", (family.Request,), {"__module__": "my.code"})
    things = (
        request_of(family),
        family.Response(200),
        family.ReadError("x"),
        derived("GET", "https://api.test"),
    )
    for thing in things:
        found = family_of(thing)
        assert found.name == family.__name__
        assert found.Request is family.Request
        assert found is family_of(request_of(family))
    assert repr(family_of(things[0])) == f"<Family {family.__name__}>"


def test_an_object_of_neither_is_refused_with_advice() -> None:
    """The message names the class and says which clients there are."""
    with pytest.raises(CompositionError, match=r"builtins\.object is neither .* httpx\.AsyncClient"):
        family_of(object())


def test_a_name_that_only_looks_like_a_family_is_none() -> None:
    """httpx_sse and the like are not httpx."""
    assert package_of(type("Event", (), {"__module__": "httpx_sse._models"})) is None


@pytest.mark.parametrize("kind", [NonOkResponse, UnexpectedResponse, GracyRefusal, GracyException])
def test_an_error_is_caught_as_one_of_the_clients_package(kind: type[GracyException], family: ModuleType) -> None:
    """`except httpx.HTTPError` (or httpx2's) catches it, and the other family's does not."""
    error = error_for(request_of(family), kind, "it broke")
    assert isinstance(error, family.HTTPError)
    assert isinstance(error, kind)
    assert not isinstance(error, other_than(family).HTTPError)
    assert type(error).__name__ == kind.__name__


def test_a_status_error_is_caught_as_httpx_raises_it(family: ModuleType) -> None:
    """Code written around `raise_for_status` goes on working."""
    response = family.Response(500)
    with pytest.raises(family.HTTPStatusError) as caught:
        raise error_for(request_of(family), NonOkResponse, "it broke", response=response)
    assert caught.value.response is response
    assert caught.value.request.url.host == "api.test"


def test_a_composition_error_stays_what_it_is(family: ModuleType) -> None:
    """A bug must not be caught by code that handles network trouble."""
    error = error_for(request_of(family), CompositionError, "wrong")
    assert type(error) is CompositionError


def test_the_class_of_a_family_is_made_once(family: ModuleType) -> None:
    """Also when two threads ask at the same moment."""
    fresh = Family(family)
    made: list[type] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait()
        made.append(fresh.mixed(NonOkResponse))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 8
    assert len(set(made)) == 1


def test_two_threads_that_come_first_together_have_one_family(monkeypatch: pytest.MonkeyPatch) -> None:
    """Else each would raise errors of classes that the other does not know."""
    found: list[Family] = []
    thread = threading.Thread(target=lambda: found.append(families._family("httpx")))

    def load(name: str) -> ModuleType:
        if not thread.ident:
            thread.start()
            thread.join(30)
        return sys.modules[name]

    monkeypatch.setattr(families, "_families", {})
    monkeypatch.setattr(families, "import_module", load)
    found.append(families._family("httpx"))
    assert found[0] is found[1] is families._family("httpx")


def test_errors_of_one_family_are_like_those_of_the_other(family: ModuleType) -> None:
    """`retry_on=httpx.ReadTimeout` works in an httpx2 client too, by the subclass rule."""
    other = other_than(family)
    error = family.ReadTimeout("slow")
    assert is_error_like(error, family.ReadTimeout)
    assert is_error_like(error, other.ReadTimeout)
    assert is_error_like(error, other.TimeoutException)
    assert is_error_like(error, other.TransportError)
    assert not is_error_like(error, other.ConnectTimeout)
    assert not is_error_like(error, other.NetworkError)


def test_foreign_errors_are_like_their_own_classes_only() -> None:
    """A class of the same name elsewhere is another class, and one that httpx lacks matches nothing there."""
    mine = type("ReadTimeout", (httpx.ReadTimeout,), {"__module__": "my.code"})
    odd = type("OddError", (httpx.HTTPError,), {"__module__": "httpx._odd"})
    assert is_error_like(ValueError("x"), ValueError)
    assert is_error_like(mine("x"), httpx2.ReadTimeout)
    assert not is_error_like(httpx2.ReadTimeout("x"), mine)
    assert not is_error_like(httpx2.ReadTimeout("x"), odd)
    assert not is_error_like(ValueError("x"), httpx.ReadTimeout)
    assert not is_error_like(ValueError("x"), KeyError)


def test_a_failed_request_is_any_request_error_of_any_family(family: ModuleType) -> None:
    """`retry_on=GracyRequestFailed` is what the original's users write for "no answer at all"."""
    assert is_error_like(family.ConnectError("x"), GracyRequestFailed)
    assert is_error_like(GracyRequestFailed("x"), GracyRequestFailed)
    assert not is_error_like(family.HTTPStatusError("x", request=request_of(family), response=None), GracyRequestFailed)
    assert not is_error_like(ValueError("x"), GracyRequestFailed)


def test_a_package_that_another_thread_is_just_loading_has_no_errors_yet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its module is there long before its classes are."""
    monkeypatch.setitem(sys.modules, "httpx2", ModuleType("httpx2"))
    assert is_error_like(httpx.ReadError("x"), GracyRequestFailed)
    assert not is_error_like(OSError("x"), GracyRequestFailed)
    assert not is_error_like(OSError("x"), httpx.ReadError)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("ConnectError", True),
        ("ConnectTimeout", True),
        ("PoolTimeout", True),
        ("ProxyError", True),
        ("UnsupportedProtocol", True),
        ("ReadTimeout", False),
        ("WriteError", False),
        ("RemoteProtocolError", False),
    ],
)
def test_only_errors_before_the_first_byte_mean_never_sent(name: str, answer: bool, family: ModuleType) -> None:
    """After that the server may have acted on the request."""
    family_of(request_of(family))
    assert is_never_sent(getattr(family, name)("x")) is answer


def test_wires_show_the_package_they_were_made_for(family: ModuleType) -> None:
    """Those of a package are for it; those which only derive from the abstract base fit both."""
    duck = type("Duck", (), {})
    base = type("Mine", (family.AsyncBaseTransport,), {})
    derived = type("Mine", (family.AsyncHTTPTransport,), {})
    assert wire_package(family.MockTransport(lambda request: None)) == family.__name__
    assert wire_package(derived()) == family.__name__
    assert wire_package(base()) is None
    assert wire_package(duck()) is None


def test_a_wire_of_the_other_family_is_refused_naming_both(family: ModuleType) -> None:
    """The message says what came, where it came to, and what to do."""
    other = other_than(family)
    wire = other.MockTransport(lambda request: None)
    message = (
        rf"request of {family.__name__} reached MockTransport of {other.__name__}: "
        rf"give the {family.__name__}\.AsyncClient"
    )
    with pytest.raises(CompositionError, match=message):
        refuse_foreign_wire(request_of(family), wire)
    refuse_foreign_wire(request_of(family), family.MockTransport(lambda request: None))


def test_httpx2_is_not_loaded_before_something_of_it_passes() -> None:
    """It costs 22 ms that most programs need not pay; an error of httpx is judged without it."""
    code = (
        "import sys, httpx\n"
        "from gracy_transport.family import family_of, is_error_like\n"
        "family_of(httpx.Request('GET', 'https://x'))\n"
        "assert not is_error_like(httpx.ReadError('x'), httpx.ConnectError)\n"
        "assert 'httpx2' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
