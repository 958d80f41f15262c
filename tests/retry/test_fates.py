"""One truth about what became of a request: the verdict of the retries and the fate on the call say the same."""

from __future__ import annotations

import inspect
import io
import pickle
from collections.abc import AsyncIterator
from types import ModuleType
from typing import Any

import httpx
import pytest

from gracy_transport import (
    GracefulRetry,
    GracefulValidator,
    GracyConfig,
    GracyTransport,
    LogEvent,
    RetryTransport,
    ValidationTransport,
)
from gracy_transport.exceptions import BodyConsumed, GracyRefusal, GracyRequestFailed, GracyVeto, NonOkResponse
from gracy_transport.family import error_for
from gracy_transport.layer import Layer
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import Scripted, ScriptedAPI
from tests.ground.test_resending import Pipe
from tests.retry.support import URL, call_of, pieces, retrying
from tests.retry.test_safety import Afresh

pytestmark = pytest.mark.anyio

NEVER_SENT = {"ConnectError", "ConnectTimeout", "PoolTimeout", "ProxyError", "UnsupportedProtocol"}
ERRORS = [name for name, kind in inspect.getmembers(httpx, inspect.isclass) if issubclass(kind, httpx.RequestError)]


@pytest.mark.parametrize("policy", ["idempotent", "any", "keyed", "unnamed", "only once"])
@pytest.mark.parametrize("name", ERRORS)
async def test_a_post_is_sent_again_if_and_only_if_its_fate_or_the_policy_allows_it(
    family: ModuleType, clock: FakeClock, name: str, policy: str
) -> None:
    """The matrix of all errors of httpx and all policies, and what each leaves on the call."""
    config = GracefulRetry(
        max_attempts=1,
        methods="any" if policy == "any" else "idempotent",
        idempotency_key=policy == "keyed",
        retry_on=ValueError if policy == "unnamed" else None,
    )
    wire = ScriptedWire(getattr(family, name), clock=clock)
    async with retrying(family, wire, clock, config) as client:
        with pytest.raises(getattr(family, name)) as caught:
            await client.post(URL, content=pieces(b"x") if policy == "only once" else b"x")
    fate = call_of(caught.value).attempt.fate
    assert fate == ("never_sent" if name in NEVER_SENT else "maybe_applied")
    allowed = policy in {"any", "keyed"} or (policy == "idempotent" and fate == "never_sent")
    assert len(wire.sent) == (2 if allowed else 1)


class Unreachable(httpx.ConnectError):
    """What a transport of a user's own may raise."""


async def test_a_class_of_the_users_own_has_the_fate_of_its_base(clock: FakeClock) -> None:
    """Subclasses count."""
    wire = ScriptedWire(Unreachable("no"), 201, clock=clock)
    async with retrying(httpx, wire, clock) as client:
        response = await client.post(URL)
    assert response.status_code == 201
    assert [each.fate for each in call_of(response).attempts] == ["never_sent", "answered"]


@pytest.mark.parametrize("name", sorted(NEVER_SENT | {"ReadError", "ReadTimeout"}))
@pytest.mark.parametrize("method", ["POST", "GET"])
async def test_a_body_that_breaks_was_answered_whatever_broke_it(
    family: ModuleType, clock: FakeClock, name: str, method: str
) -> None:
    """The headers came, so the server had the request: a POST is not sent again even for a ConnectError."""
    broken = ScriptedResponse(chunks=[b"half", getattr(family, name)("in the body")])
    wire = ScriptedWire(broken, clock=clock)
    config = GracefulRetry(max_attempts=1, buffer_body=True)
    async with retrying(family, wire, clock, config) as client:
        with pytest.raises(getattr(family, name)) as caught:
            await client.request(method, URL)
    attempts = call_of(caught.value).attempts
    assert [each.fate for each in attempts] == ["answered"] * (2 if method == "GET" else 1)


class Raiser(GracefulValidator):
    """Asks another server, which cannot be reached."""

    async def check(self, response: Any) -> None:
        raise httpx.ConnectError("the other server is down")


async def test_an_error_of_a_validators_own_request_is_not_ours(clock: FakeClock) -> None:
    """Our request was answered."""
    wire = ScriptedWire(200, clock=clock)
    layer = RetryTransport(ValidationTransport(wire, validators=Raiser(), clock=clock), GracefulRetry(), clock=clock)
    async with httpx.AsyncClient(transport=layer) as client:
        with pytest.raises(httpx.ConnectError) as caught:
            await client.post(URL)
    assert len(wire.sent) == 1
    assert call_of(caught.value).attempt.fate == "answered"


class Between(Layer):
    """Puts an error of its own in place of a judgement, as a layer of a user's may."""

    async def handle(self, request: Any, call: Any) -> Any:
        try:
            return await self.pass_on(request, call)
        except NonOkResponse:
            raise httpx.ConnectError("what I make of it") from None


async def test_an_error_in_place_of_a_judgement_does_not_undo_the_answer(clock: FakeClock) -> None:
    """A ConnectError that stands for a response of 503 does not make a POST safe."""
    wire = ScriptedWire(503, clock=clock)
    between = Between(ValidationTransport(wire, validators=[], allowed_status_code=404, clock=clock), clock=clock)
    async with httpx.AsyncClient(transport=RetryTransport(between, GracefulRetry(), clock=clock)) as client:
        with pytest.raises(httpx.ConnectError) as caught:
            await client.post(URL)
    assert len(wire.sent) == 1
    assert call_of(caught.value).attempt.fate == "answered"


@pytest.mark.parametrize("was_sent", [True, False])
async def test_a_refusal_of_ours_is_never_retried_and_knows_its_fate(
    family: ModuleType, clock: FakeClock, was_sent: bool
) -> None:
    """Not even by methods="any"."""
    kind = type("Refused", (GracyRefusal,), {"was_sent": was_sent})

    def refuse(request: Any) -> Any:
        raise error_for(request, kind, "no", call=request.extensions["gracy"])

    wire = ScriptedWire(refuse, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(methods="any")) as client:
        with pytest.raises(GracyRefusal) as caught:
            await client.get(URL)
    assert len(wire.sent) == 1
    assert caught.value.fate == ("maybe_applied" if was_sent else "never_sent")


class Retrying(Scripted):
    """An API that tries twice."""

    class Config:
        BASE_URL = "https://api.test"
        SETTINGS = GracyConfig(retry=GracefulRetry(max_attempts=1))


class OutOfBudget(GracyVeto):
    """A user's error that forgets about the constructor above."""

    def __init__(self, spent: int) -> None:
        self.spent = spent


class Vetoing(GracefulValidator):
    """Turns an answer down with an error of this library."""

    def check(self, response: Any) -> None:
        raise OutOfBudget(3)


async def test_an_error_that_a_validator_raises_knows_its_call(family: ModuleType, clock: FakeClock) -> None:
    """It was made without one, and says all the same what the call went through."""
    config = GracyConfig(validators=Vetoing(), log_errors=LogEvent(), retry=GracefulRetry(), deadline=9)
    stack = GracyTransport(ScriptedWire(clock=clock), config, clock=clock)
    async with family.AsyncClient(transport=stack) as client:
        with pytest.raises(OutOfBudget) as caught:
            await client.get(URL)
    assert caught.value.fate == "answered"
    assert str(caught.value.timeline).startswith("GET /")


@pytest.mark.parametrize(("place", "fate"), [("before", "never_sent"), ("after", "answered")])
async def test_a_veto_of_a_hook_knows_its_call(family: ModuleType, clock: FakeClock, place: str, fate: str) -> None:
    """A hook need not know how to make an error that does."""

    class API(ScriptedAPI):
        async def before(self, context: Any) -> None:
            if place == "before":
                raise OutOfBudget(3)

        async def after(self, context: Any, response_or_exc: Any, retry_state: Any) -> None:
            raise OutOfBudget(3)

    api = API(family, ScriptedWire(clock=clock), clock=clock)
    async with api:
        with pytest.raises(OutOfBudget) as caught:
            await api.get("/pokemon")
    kept = pickle.loads(pickle.dumps(caught.value))
    assert (caught.value.fate, kept.fate) == (fate, fate)
    assert str(kept.timeline) == str(caught.value.timeline)


@pytest.mark.parametrize(("name", "fate"), [("ConnectError", "never_sent"), ("ReadTimeout", "maybe_applied")])
async def test_the_errors_of_an_api_say_the_fate_and_keep_it_in_a_pickle(
    family: ModuleType, clock: FakeClock, name: str, fate: str
) -> None:
    """Whoever catches one knows whether sending again may do harm."""
    api = Retrying(family, ScriptedWire(getattr(family, name), clock=clock), clock=clock)
    with pytest.raises(GracyRequestFailed) as caught:
        await api.get_pokemon()
    assert caught.value.fate == fate
    assert pickle.loads(pickle.dumps(caught.value)).fate == fate


STATUSES = [400, 403, 404, 408, 409, 421, 425, 429, 500, 501, 502, 503, 504, 505, 511]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("method", "settings", "sends"),
    [
        ("GET", {}, 2),
        ("POST", {}, 1),
        ("POST", {"idempotency_key": True}, 2),
        ("POST", {"methods": "any"}, 2),
        ("GET", {"retry_on": 418}, 1),
    ],
)
async def test_no_status_is_an_exception_to_the_rule(  # noqa: PLR0917 - two fixtures and a table
    family: ModuleType, clock: FakeClock, status: int, method: str, settings: dict[str, Any], sends: int
) -> None:
    """`retry_on=None` is every status that is no success; method and key alone say what may be repeated."""
    wire = ScriptedWire(status, clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(max_attempts=1, **settings)) as client:
        response = await client.request(method, URL)
    assert len(wire.sent) == sends
    assert call_of(response).attempt.fate == "answered"


@pytest.mark.parametrize("name", ["x-should-retry", "Stripe-Should-Retry"])
async def test_a_server_that_says_not_to_retry_is_heeded(family: ModuleType, clock: FakeClock, name: str) -> None:
    """The reason names the header, and the response is the caller's."""
    wire = ScriptedWire(ScriptedResponse(status=503, headers={name: "False "}, content=b"no"), clock=clock)
    async with retrying(family, wire, clock) as client:
        response = await client.get(URL)
    assert (response.content, len(wire.sent)) == (b"no", 1)
    assert call_of(response).gave_up == (
        f"[Bad Status Code: 503]: the server says not to retry ({name.lower()}: false); "
        "respect_retry_after=False retries all the same"
    )


@pytest.mark.parametrize(
    ("answer", "settings", "method", "sends"),
    [
        ((503, "false"), {"respect_retry_after": False}, "GET", 2),
        ((503, "true"), {}, "GET", 2),
        ((503, "perhaps"), {}, "GET", 2),
        ((503, "true"), {}, "POST", 1),
        ((404, "true"), {"retry_on": 503}, "GET", 1),
    ],
)
async def test_what_a_server_says_opens_nothing(  # noqa: PLR0917 - two fixtures and a table
    family: ModuleType, clock: FakeClock, answer: tuple[int, str], settings: Any, method: str, sends: int
) -> None:
    """Only "false" counts, and only where the server's words are heeded at all."""
    status, word = answer
    wire = ScriptedWire(ScriptedResponse(status=status, headers={"x-should-retry": word}), clock=clock)
    async with retrying(family, wire, clock, GracefulRetry(max_attempts=1, **settings)) as client:
        await client.request(method, URL)
    assert len(wire.sent) == sends


class Strict(GracefulValidator):
    """Turns down what is not ready."""

    async def check(self, response: Any) -> None:
        raise ValueError("not ready")


async def test_the_servers_word_about_a_success_does_not_count(clock: FakeClock) -> None:
    """It was said of an answer that the server thinks well of; the validator knows better."""
    wire = ScriptedWire(ScriptedResponse(status=200, headers={"x-should-retry": "false"}), clock=clock)
    stack = GracyTransport(wire, GracyConfig(retry=GracefulRetry(max_attempts=1), validators=Strict()), clock=clock)
    async with httpx.AsyncClient(transport=stack) as client:
        with pytest.raises(ValueError, match="not ready"):
            await client.get(URL)
    assert len(wire.sent) == 2


class File:
    """An open file of an asynchronous library."""

    def __init__(self) -> None:
        self.left = [b"one", b"two"]

    async def aread(self, _size: int = -1) -> bytes:
        return self.left.pop(0) if self.left else b""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while self.left:
            yield self.left.pop(0)


ONE_SHOTS = {
    "generator": lambda: {"content": pieces(b"one", b"two")},
    "asynchronous file": lambda: {"content": File()},
    "multipart of a pipe": lambda: {"files": {"f": Pipe()}},
}


@pytest.mark.parametrize("body", ONE_SHOTS.values(), ids=ONE_SHOTS)
@pytest.mark.parametrize("first", [307, 308, 401])
async def test_a_later_hop_does_not_send_what_is_left_of_a_body(
    family: ModuleType, clock: FakeClock, body: Any, first: int
) -> None:
    """A redirect or a challenge would have nothing sent in its place: a named error says what to give."""
    wire = ScriptedWire(ScriptedResponse(status=first, headers={"Location": "/b"}), 200, clock=clock)

    class Auth(family.Auth):  # type: ignore[misc, name-defined]
        def auth_flow(self, request: Any) -> Any:
            answer = yield request
            if answer.status_code == 401:
                request.headers["Authorization"] = "token"
                yield request

    async with retrying(family, wire, clock) as client:
        with pytest.raises(BodyConsumed, match="give bytes or a seekable file") as caught:
            await client.put(URL, **body(), follow_redirects=True, auth=Auth())
    assert isinstance(caught.value, family.TransportError)
    assert len(wire.sent) == 1
    assert [each.fate for each in call_of(caught.value).attempts] == ["answered", "never_sent"]


@pytest.mark.parametrize("body", ONE_SHOTS.values(), ids=ONE_SHOTS)
async def test_a_hop_without_the_body_is_retried_as_any(family: ModuleType, clock: FakeClock, body: Any) -> None:
    """After a 303 there is only a GET, which can be sent as often as need be."""
    wire = ScriptedWire(ScriptedResponse(status=303, headers={"Location": "/b"}), 503, 200, clock=clock)
    async with retrying(family, wire, clock) as client:
        response = await client.post(URL, **body(), follow_redirects=True)
    assert (response.status_code, [sent.method for sent in wire.sent]) == (200, ["POST", "GET", "GET"])


@pytest.mark.parametrize(
    "body",
    [
        lambda: {"content": b"all of it"},
        lambda: {"content": Afresh()},
        lambda: {"files": {"f": io.BytesIO(b"all of it")}},
    ],
    ids=["bytes", "iterable", "multipart"],
)
async def test_a_body_that_can_be_read_again_goes_on_to_the_next_hop(
    family: ModuleType, clock: FakeClock, body: Any
) -> None:
    """Byte by byte, and with retries there."""
    wire = ScriptedWire(ScriptedResponse(status=307, headers={"Location": "/b"}), 503, 200, clock=clock)
    async with retrying(family, wire, clock) as client:
        await client.put(URL, **body(), follow_redirects=True)
    [content] = {sent.content for sent in wire.sent}
    assert (len(wire.sent), bool(content)) == (3, True)
