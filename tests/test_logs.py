"""Tests of logging: one line for a request, one for its response, one for its failure, and no secret in any."""

from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from gracy_transport.bodies import BODY_CAP
from gracy_transport.call import EXTENSION, Call, CallOptions
from gracy_transport.exceptions import NonOkResponse, TransportClosed
from gracy_transport.family import error_for
from gracy_transport.layer import Layer
from gracy_transport.logevents import LOGGER_NAME, LogEvent, LogLevel
from gracy_transport.logs import LoggingTransport
from gracy_transport.testing import NEVER, FakeClock, ScriptedResponse, ScriptedWire
from gracy_transport.validation import GracefulValidator, ValidationTransport
from gracy_transport.values import ABSENT

pytestmark = pytest.mark.anyio

URL = "https://user:hunter2@api.test/pokemon/pika?api_key=hunter2"
SHOWN = "https://[redacted]@api.test/pokemon/pika?api_key=[redacted]"

ALL: dict[str, Any] = {
    "log_request": LogEvent(LogLevel.DEBUG),
    "log_response": LogEvent(LogLevel.INFO),
    "log_errors": LogEvent(LogLevel.ERROR),
}


@pytest.fixture(autouse=True)
def _listening(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, LOGGER_NAME)


def lines(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Returns level and message of what the library logged."""
    return [(record.levelname, record.getMessage()) for record in caplog.records if record.name == LOGGER_NAME]


def client_of(family: ModuleType, inner: Any, clock: FakeClock, **events: Any) -> Any:
    return family.AsyncClient(transport=LoggingTransport(inner, **events, clock=clock))


class Passing(Layer):
    """Hands on what was rejected, as a retry with `behavior="pass"` does."""

    async def handle(self, request: Any, call: Call) -> Any:
        try:
            return await self.inner.handle_async_request(request)
        except NonOkResponse:
            assert call.rejected is not None
            return call.rejected.response


class Rejects(GracefulValidator):
    """Raises an error of the user's own."""

    def check(self, response: Any) -> None:
        raise KeyError("hunter2")


# ---------------------------------------------------------------- what is logged


async def test_a_request_and_its_response_are_one_line_each(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """With the level asked for; nothing of it is an error."""
    wire = ScriptedWire(ScriptedResponse(delay=1.23456), clock=clock)
    async with client_of(family, wire, clock, **ALL) as client:
        await client.get(URL)
    assert lines(caplog) == [("DEBUG", f"GET {SHOWN} started"), ("INFO", f"GET {SHOWN} gave 200 in 1.235s")]


async def test_the_request_is_logged_before_it_is_sent(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """So a call that hangs leaves a trace."""
    seen: list[list[tuple[str, str]]] = []

    def answers(request: Any) -> int:
        seen.append(lines(caplog))
        return 200

    async with client_of(family, ScriptedWire(answers), clock, **ALL) as client:
        await client.get(URL)
    assert seen == [[("DEBUG", f"GET {SHOWN} started")]]


async def test_elapsed_is_measured_to_the_headers(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The body may still have to come."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"x"] * 5, delay=0.5, chunk_delay=10.0), clock=clock)
    event = LogEvent(LogLevel.INFO, "{URL} took {ELAPSED}")
    async with client_of(family, wire, clock, log_response=event) as client:
        await client.get(URL)
    assert lines(caplog) == [("INFO", f"{SHOWN} took 0.500")]
    assert clock.now() == 1050.5


async def test_a_rejected_response_is_logged_as_response_and_as_error(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The original lost the response line when validation failed."""
    inner = ValidationTransport(ScriptedWire(ScriptedResponse(status=500, delay=2.0), clock=clock), clock=clock)
    async with client_of(family, inner, clock, **ALL) as client:
        with pytest.raises(NonOkResponse):
            await client.get(URL)
    assert lines(caplog)[1:] == [
        ("INFO", f"GET {SHOWN} gave 500 in 2.000s"),
        ("ERROR", f"GET {SHOWN} was rejected after 2.000s: status 500, NonOkResponse"),
    ]


async def test_a_response_that_a_validator_rejects_is_logged_by_the_class_of_its_error(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The text of a foreign error may hold anything."""
    inner = ValidationTransport(ScriptedWire(clock=clock), validators=Rejects(), clock=clock)
    async with client_of(family, inner, clock, **ALL) as client:
        with pytest.raises(KeyError):
            await client.get(URL)
    assert lines(caplog)[1:] == [
        ("INFO", f"GET {SHOWN} gave 200 in 0.000s"),
        ("ERROR", f"GET {SHOWN} was rejected after 0.000s: status 200, KeyError"),
    ]


async def test_a_rejected_response_that_is_handed_on_is_an_error_too(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """`behavior="pass"` spares the caller the exception and not the log the news."""
    inner = Passing(ValidationTransport(ScriptedWire(404, 200, clock=clock), clock=clock))
    async with client_of(family, inner, clock, log_errors=LogEvent(LogLevel.ERROR)) as client:
        assert (await client.get(URL)).status_code == 404
        assert (await client.get(URL)).status_code == 200
    assert lines(caplog) == [("ERROR", f"GET {SHOWN} was rejected after 0.000s: status 404, NonOkResponse")]


async def test_a_request_that_failed_has_no_response_line(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The error is named by its class, because its text may hold a secret."""

    async def fails(request: Any) -> Any:
        await clock.sleep(3.0)
        return httpx.ReadTimeout("hunter2")

    async with client_of(family, ScriptedWire(fails, clock=clock), clock, **ALL) as client:
        with pytest.raises(family.ReadTimeout):
            await client.get(URL)
    assert lines(caplog)[1:] == [("ERROR", f"GET {SHOWN} failed after 3.000s: ReadTimeout")]


async def test_without_a_response_the_status_is_aborted(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """As the original has it; the other placeholders work too."""
    event = LogEvent(LogLevel.ERROR, "{METHOD} {ENDPOINT} {STATUS} {ERROR} {ELAPSED} {IS_REPLAY}")
    async with client_of(family, ScriptedWire(httpx.ConnectError), clock, log_errors=event) as client:
        with pytest.raises(family.ConnectError):
            await client.post(URL)
    assert lines(caplog) == [("ERROR", "POST /pokemon/pika ABORTED ConnectError 0.000 FALSE")]


async def test_a_refusal_of_our_own_is_a_failure_without_response(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A full queue or a closed transport is worth a line."""

    class Refusing(Layer):
        async def handle(self, request: Any, call: Call) -> Any:
            raise error_for(request, TransportClosed, "closed", call=call)

    async with client_of(family, Refusing(ScriptedWire()), clock, **ALL) as client:
        with pytest.raises(TransportClosed):
            await client.get(URL)
    assert lines(caplog)[1:] == [("ERROR", f"GET {SHOWN} failed after 0.000s: TransportClosed")]


async def test_a_cancelled_call_is_no_error(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller did not want it any more: nothing went wrong."""
    wire = ScriptedWire(ScriptedResponse(delay=float("inf")), clock=clock)
    async with client_of(family, wire, clock, **ALL) as client:
        with clock.timeout(1.0):
            await client.get(URL)
    assert lines(caplog) == [("DEBUG", f"GET {SHOWN} started")]


async def test_each_hop_is_logged(family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """A redirect that the client follows passes the stack twice; the template stays."""
    moved = ScriptedResponse(status=302, headers={"location": "https://other.test/there"})
    events = {
        "log_request": LogEvent(LogLevel.INFO, "{UENDPOINT} {URL}"),
        "log_response": LogEvent(LogLevel.INFO, "{STATUS}"),
    }
    options = {EXTENSION: CallOptions(template="/pokemon/{NAME}", args={"NAME": "pika"})}
    async with client_of(family, ScriptedWire(moved, 200), clock, **events) as client:
        await client.get(URL, extensions=options, follow_redirects=True)
    assert [message for _, message in lines(caplog)] == [
        f"/pokemon/{{NAME}} {SHOWN}",
        "302",
        "/pokemon/{NAME} https://other.test/there",
        "200",
    ]


async def test_a_replayed_response_says_so(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """By default in words, and by its placeholders."""

    class Replaying(Layer):
        async def handle(self, request: Any, call: Call) -> Any:
            call.is_replayed = True
            return await super().handle(request, call)

    for event in (LogEvent(), LogEvent(LogLevel.INFO, "{REPLAY} {IS_REPLAY} {STATUS}")):
        async with client_of(family, Replaying(ScriptedWire()), clock, log_response=event) as client:
            await client.get(URL)
    assert [message for _, message in lines(caplog)] == [
        f"GET {SHOWN} gave 200 in 0.000s, from a recording",
        "REPLAYED TRUE 200",
    ]


# ---------------------------------------------------------------- messages of the user's own


async def test_a_callable_sees_the_response_with_its_request(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The README's lambda, on responses, rejections and failures; the request line has no response."""

    def words(response: Any) -> str:
        if response is None:
            return "nothing with {METHOD}"
        which = "redirected" if response.is_redirect else "NOT redirected"
        return f"{response.request.method} gave {{STATUS}}, {which}"

    event = LogEvent(LogLevel.WARNING, words)
    every = dict.fromkeys(ALL, event)
    inner = ValidationTransport(ScriptedWire(204, 500, httpx.ReadError, clock=clock), clock=clock)
    async with client_of(family, inner, clock, **every) as client:
        await client.get(URL)
        for error in (NonOkResponse, family.ReadError):
            with pytest.raises(error):
                await client.get(URL)
    assert [message for _, message in lines(caplog)] == [
        "nothing with GET",
        "GET gave 204, NOT redirected",
        "nothing with GET",
        "GET gave 500, NOT redirected",
        "GET gave 500, NOT redirected",
        "nothing with GET",
        "nothing with GET",
    ]


async def test_a_validators_rejection_shows_its_request_too(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Even where only the headers were looked at."""
    rejects = Rejects()
    rejects.needs_body = False
    event = LogEvent(LogLevel.ERROR, lambda r: f"{r.request.method} {r.status_code}")
    inner = ValidationTransport(ScriptedWire(), validators=rejects, clock=clock)
    async with client_of(family, inner, clock, log_errors=event) as client:
        with pytest.raises(KeyError):
            await client.get(URL)
    assert lines(caplog) == [("ERROR", "GET 200")]


async def test_a_callable_that_raises_does_not_break_the_call(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The default message takes its place, and the response arrives."""
    event = LogEvent(LogLevel.INFO, lambda r: r.no_such_thing)
    async with client_of(family, ScriptedWire(), clock, **dict.fromkeys(ALL, event)) as client:
        assert (await client.get(URL)).status_code == 200
    assert [level for level, _ in lines(caplog)] == ["ERROR", "INFO", "ERROR", "INFO"]
    assert lines(caplog)[-1] == ("INFO", f"GET {SHOWN} gave 200 in 0.000s")


async def test_a_url_cannot_break_a_message(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Braces and percent signs are just characters."""
    async with client_of(family, ScriptedWire(), clock, log_response=LogEvent()) as client:
        await client.get("https://api.test/%7BSTATUS%7D/%25s?q={METHOD}%d")
    ((_, message),) = lines(caplog)
    assert message.startswith("GET https://api.test/%7BSTATUS%7D/%25s?q=")
    assert message.endswith(" gave 200 in 0.000s")


# ---------------------------------------------------------------- no secrets, no side effects


async def test_no_line_holds_a_secret(family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """Neither message, nor arguments, nor the attribute for structured handlers."""
    step = ScriptedResponse(status=500, headers={"set-cookie": "session=hunter2"})
    inner = ValidationTransport(ScriptedWire(step, httpx.ReadError("hunter2"), clock=clock), clock=clock)
    headers = {"authorization": "Bearer hunter2", "cookie": "a=hunter2"}
    async with client_of(family, inner, clock, **ALL) as client:
        for error in (NonOkResponse, family.ReadError):
            with pytest.raises(error):
                await client.get(URL, headers=headers)
    ours = [record for record in caplog.records if record.name == LOGGER_NAME]
    assert len(ours) == 5
    assert "hunter2" not in repr([(record.__dict__, record.getMessage()) for record in ours])


async def test_records_carry_their_facts(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """For handlers that write JSON."""
    inner = ValidationTransport(ScriptedWire(503, clock=clock), clock=clock)
    async with client_of(family, inner, clock, log_errors=LogEvent()) as client:
        with pytest.raises(NonOkResponse):
            await client.get(URL)
    facts: dict[str, object] = vars(caplog.records[-1])["gracy"]
    assert (facts["STATUS"], facts["ELAPSED"], facts["ERROR"]) == (503, "0.000", "NonOkResponse")


async def test_nothing_is_made_for_a_level_that_is_off(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """No clock is read and no message is formatted."""
    caplog.set_level(logging.CRITICAL, LOGGER_NAME)
    called: list[object] = []

    def message(response: object) -> str:
        called.append(response)
        return ""

    class Untouchable(FakeClock):
        def now(self) -> float:
            called.append("now")
            return super().now()

    events: dict[str, Any] = dict.fromkeys(ALL, LogEvent(LogLevel.ERROR, message))
    layer = LoggingTransport(ScriptedWire(), **events, clock=Untouchable())
    async with family.AsyncClient(transport=Layer(layer)) as client:
        await client.get(URL)
    assert called == []
    assert lines(caplog) == []


async def test_without_events_it_only_delegates(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Silence is the default."""
    async with client_of(family, ScriptedWire(), clock) as client:
        assert (await client.get(URL)).status_code == 200
    assert lines(caplog) == []


async def test_a_body_that_breaks_where_the_call_reads_it_is_a_failure(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller gets no response, so there is none in the log; its time is that to the break."""
    step = ScriptedResponse(chunks=[b"half", family.ReadError("reset")], chunk_delay=0.5)
    wire = ScriptedWire(step, clock=clock)
    async with client_of(family, wire, clock, **ALL) as client:
        with pytest.raises(family.ReadError):
            await client.get(URL, extensions={EXTENSION: CallOptions(reads_body=True)})
    assert lines(caplog)[1:] == [("ERROR", f"GET {SHOWN} failed after 1.000s: ReadError")]
    assert wire.open_bodies == 0


async def test_a_body_that_the_call_reads_is_whole_when_it_is_logged(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """The caller reads it as ever; it may be larger than what is held otherwise."""
    wire = ScriptedWire(ScriptedResponse(chunks=[bytes(BODY_CAP), b"x"], delay=1.0, chunk_delay=0.5), clock=clock)
    async with client_of(family, wire, clock, **ALL) as client:
        response = await client.get(URL, extensions={EXTENSION: CallOptions(reads_body=True)})
    assert len(response.content) == BODY_CAP + 1
    assert lines(caplog)[1:] == [("INFO", f"GET {SHOWN} gave 200 in 2.000s")]


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("CONNECT", 200), ("GET", 101)])
async def test_what_has_no_body_to_read_is_left_alone(
    family: ModuleType, clock: FakeClock, method: str, status: int
) -> None:
    """A connection that was handed over has no end to wait for."""
    wire = ScriptedWire(ScriptedResponse(status=status, chunks=[b"x"], chunk_delay=NEVER), clock=clock)
    options = {EXTENSION: CallOptions(reads_body=True)}
    async with client_of(family, wire, clock, **ALL) as client:
        request = client.build_request(method, URL, extensions=options)
        with clock.timeout(1.0):
            response = await client.send(request, stream=True)
        assert response.status_code == status
        await response.aclose()


async def test_a_response_that_was_read_before_is_logged_as_it_is(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """There is nothing more to read."""
    wire = family.MockTransport(lambda _request: family.Response(200, content=b"x"))
    async with client_of(family, wire, clock, **ALL) as client:
        await client.get(URL, extensions={EXTENSION: CallOptions(reads_body=True)})
    assert lines(caplog)[1:] == [("INFO", f"GET {SHOWN} gave 200 in 0.000s")]


async def test_a_stream_stays_a_stream(family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture) -> None:
    """Logging looks at no body."""
    wire = ScriptedWire(ScriptedResponse(chunks=[b"a", b"b"], chunk_delay=1.0), clock=clock)
    async with client_of(family, wire, clock, **ALL) as client, client.stream("GET", URL) as response:
        assert clock.now() == 1000.0
        assert len(lines(caplog)) == 2
        assert [chunk async for chunk in response.aiter_raw()] == [b"a", b"b"]


def test_logging_is_left_to_the_application() -> None:
    """Importing and using it sets no handler and no level anywhere, and prints nothing."""
    code = """if True:
        import asyncio, httpx, logging
        from gracy_transport.logs import LoggingTransport
        from gracy_transport.logevents import LogEvent, LogLevel
        from gracy_transport.testing import ScriptedWire

        async def main():
            events = dict.fromkeys(("log_request", "log_response", "log_errors"), LogEvent(LogLevel.INFO))
            async with httpx.AsyncClient(transport=LoggingTransport(ScriptedWire(), **events)) as client:
                await client.get("https://api.test")

        asyncio.run(main())
        root, ours = logging.getLogger(), logging.getLogger("gracy_transport")
        assert (root.handlers, root.level) == ([], logging.WARNING)
        assert (ours.handlers, ours.level) == ([], logging.NOTSET)
    """
    run = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[1]
    )
    assert (run.stdout, run.stderr) == ("", "")


# ---------------------------------------------------------------- one call's own events


class Config:
    """As much of a call's own config as logging asks for."""

    def __init__(self, **fields: Any) -> None:
        self.log_request = fields.get("log_request", ABSENT)
        self.log_response = fields.get("log_response", ABSENT)
        self.log_errors = fields.get("log_errors", ABSENT)


async def test_a_call_brings_events_of_its_own(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """Absent keeps the layer's, `None` silences, an event replaces."""
    events = {"log_request": LogEvent(LogLevel.INFO, "base"), "log_response": LogEvent(LogLevel.INFO, "base")}

    async def get(client: Any, **own: Any) -> list[str]:
        caplog.clear()
        await client.get(URL, extensions={EXTENSION: CallOptions(config=Config(**own))})
        return [message for _, message in lines(caplog)]

    async with client_of(family, ScriptedWire(), clock, **events) as client:
        assert await get(client) == ["base", "base"]
        assert await get(client, log_request=None) == ["base"]
        assert await get(client, log_response=LogEvent(LogLevel.INFO, "own")) == ["base", "own"]
        assert await get(client, log_request=None, log_response=None) == []


# ---------------------------------------------------------------- construction


@pytest.mark.parametrize("field", list(ALL))
@pytest.mark.parametrize("wrong", ["INFO", LogLevel.INFO, 20, True])
def test_a_wrong_event_is_refused_by_name(field: str, wrong: Any) -> None:
    """At construction, with the name of the argument."""
    with pytest.raises(ValidationError, match=field):
        LoggingTransport(ScriptedWire(), **{field: wrong})


def test_it_shows_what_it_logs() -> None:
    """For an issue report."""
    assert repr(LoggingTransport(ScriptedWire())) == "<LoggingTransport nothing>"
    shown = "<LoggingTransport request DEBUG, response INFO, errors ERROR>"
    assert repr(LoggingTransport(ScriptedWire(), **ALL)) == shown
