"""Canaries: secrets of every kind go in by every way; none comes out in anything that is shown."""

from __future__ import annotations

import gc
import logging
import math
import pickle
import traceback
from collections.abc import Iterator
from copy import copy
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import anyio
import pytest
from pydantic import BaseModel

from gracy_transport import (
    ConcurrentRequestLimit,
    GracefulRetry,
    GracefulThrottle,
    GracefulValidator,
    Gracy,
    GracyConfig,
    GracyLinkPaginator,
    GracyReplay,
    GracyTransport,
    LogEvent,
    LogLevel,
    RedactingFilter,
    ReplayLogEvent,
    ThrottleRule,
    attach,
    call_options,
)
from gracy_transport.exceptions import GracyException, GracyUserDefinedException, GracyVeto
from gracy_transport.logevents import PLACEHOLDERS
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.secret_names import SECRET_HEADERS
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire

pytestmark = pytest.mark.anyio

CANARY = "c4n4ry"
"""Part of every secret, so that one search finds them all."""


def secret(name: str) -> str:
    """Returns a secret that says where it was put."""
    return f"{CANARY}-{name}-7f3a9b"


PATH = f"/bot{secret('path')}/send"
URL = f"https://{secret('user')}:{secret('password')}@api.test{PATH}"
QUERY = {name: secret(name) for name in ("api_key", "token", "access_token", "sig", "X-Amz-Signature", "password")}
HEADERS = {
    **{name: secret(name) for name in sorted(SECRET_HEADERS - {"cookie"})},
    "X-Of-The-Users-Own": secret("own-header"),
}
COOKIES = {"session": secret("cookie")}
ANSWERED = {
    "Set-Cookie": f"id={secret('set-cookie')}",
    "X-Auth-Token": secret("answered-token"),
    "X-Other": secret("answered-other"),
    "Link": f"<https://elsewhere.test{PATH}?token={secret('link')}>; rel=next",
}
JSON = {"password": secret("json"), "deep": [{"x": secret("json-deep")}]}
FORM = {"client_secret": secret("form"), "x": secret("form-other")}
EVERYTHING = " ".join(f"{name}={{{name}}}" for name in sorted(PLACEHOLDERS))
SAY = LogEvent(LogLevel.INFO, EVERYTHING)
REDACT = r"/bot([^/]+)"


class Shown:
    """Everything that was shown while a test ran."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def add(self, where: str, text: object) -> None:
        """Keeps a text, and where it was seen."""
        self.texts.append((where, text if isinstance(text, str) else repr(text)))

    def add_error(self, error: BaseException) -> None:
        """Keeps all that can be made of an error, and of its copy and its pickle."""
        kind = type(error).__name__
        self.add(f"traceback of {kind}", "".join(traceback.format_exception(error)))
        self.add(f"notes of {kind}", getattr(error, "__notes__", []))
        if not isinstance(error, GracyException):
            return  # what httpx makes of it is told of in the traceback, and is not ours to pickle
        pickled = pickle.dumps(error)
        self.add(f"pickle of {kind}", pickled.decode("latin-1"))
        for each in (error, copy(error), pickle.loads(pickled)):
            facts = (each.args, each.url, each.method, each.status, each.timeline, each.fate, each.call)
            self.add(f"text of {kind}", f"{each} {each!r} {facts!r} {facts[4]}")

    def assert_clean(self) -> None:
        """Asserts that something was seen, and no canary in any of it."""
        assert self.texts
        found = [(where, text) for where, text in self.texts if CANARY in text]
        assert not found, "\n\n".join(f"{where}: {text}" for where, text in found)


@pytest.fixture
def shown(caplog: pytest.LogCaptureFixture) -> Iterator[Shown]:
    """Collects what the library logs, and in the end looks for canaries in everything; a warning would be an error."""
    made = Shown()
    caplog.set_level(logging.DEBUG)
    yield made
    formatter = logging.Formatter("%(message)s")
    for record in caplog.get_records("call"):
        if record.name.startswith("gracy_transport"):
            made.add("log record", f"{formatter.format(record)} {record.__dict__.get('gracy')!r}")
    made.assert_clean()


class Refusing(GracefulValidator):
    """Turns everything down."""

    def check(self, response: Any) -> None:
        raise LookupError("not what was asked for")


def config(**fields: Any) -> GracyConfig:
    """Returns a config with every concern and every log line there is."""
    retry = GracefulRetry(delay=1, max_attempts=2, log_before=SAY, log_after=SAY, log_exhausted=SAY, methods="any")
    everything = GracyConfig(
        log_request=SAY,
        log_response=SAY,
        log_errors=SAY,
        retry=retry,
        throttling=ThrottleRule(".*", 1, per_time=5),
        concurrent_requests=ConcurrentRequestLimit(1),
        redact=REDACT,
    )
    return everything.merged(GracyConfig(**fields))


def note_stack(shown: Shown, stack: GracyTransport, capsys: pytest.CaptureFixture[str]) -> None:
    """Keeps what a stack shows of itself: its layers, its config, and its report in every form."""
    shown.add("repr of the stack", stack)
    for layer in stack.chain():
        shown.add("repr of a layer", layer)
    shown.add("repr of the config", stack.config)
    report = stack.get_report()
    shown.add("report", f"{report} {report!r} {report.as_dict()} {report.timeline!r} {report._repr_html_()}")
    shown.add("pickled report", pickle.dumps(report).decode("latin-1"))
    for kind in ("rich", "list", "logger"):
        stack.report_status(kind)
    shown.add("printed", "".join(capsys.readouterr()))


def answers(family: ModuleType) -> dict[str, Any]:
    """Returns what a server may do, by name."""
    ok = ScriptedResponse(headers=ANSWERED, json={"token": secret("answered-json"), "name": secret("answered-name")})
    elsewhere = f"https://x:{secret('redirect')}@api.test{PATH}2?code={secret('redirect-query')}#{secret('fragment')}"
    return {
        "accepted": [ok],
        "refused": [ScriptedResponse(status=503, headers=ANSWERED, json={"token": secret("answered-json")})],
        "unknown to allowed": [ScriptedResponse(status=404, headers=ANSWERED)],
        "unreachable": [family.ConnectError("no route")],
        "silent": [family.ReadTimeout("")],
        "broken": [ScriptedResponse(headers=ANSWERED, chunks=[secret("chunk").encode(), family.ReadError("reset")])],
        "too large": [ScriptedResponse(chunks=[secret("chunk").encode() * 60_000] * 10)],
        "moved": [ScriptedResponse(status=302, headers={"Location": elsewhere}), ok],
        "moved in circles": [ScriptedResponse(status=302, headers={"Location": elsewhere})],
        "retried": [503, family.ReadError("x"), ok],
    }


OUTCOMES = sorted(answers(pytest.importorskip("httpx")))


async def ask(shown: Shown, made: Any) -> None:
    """Awaits a request, or an error, and keeps what is shown of either."""
    try:
        response = await made
        if hasattr(response, "extensions"):
            shown.add("call", f"{response.extensions['gracy']} {response.extensions['gracy']!r}")
    except Exception as error:  # noqa: BLE001 - of whatever kind, it must not tell
        shown.add_error(error)


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize("way", ["transport", "attach"])
async def test_a_plain_client_tells_no_secret(  # noqa: PLR0917
    family: ModuleType, way: str, outcome: str, shown: Shown, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever the server does, with JSON and with a form, with and without a template, judged and not."""
    wire = ScriptedWire(*answers(family)[outcome], clock=clock)
    events = [lambda event: shown.add("event", event)]
    wanted = config(validators=Refusing() if outcome == "too large" else None, allowed_status_code=201)
    if way == "transport":
        stack = GracyTransport(wire, wanted, clock=clock, observers=events)
        client = family.AsyncClient(transport=stack, follow_redirects=True, cookies=COOKIES)
    else:
        client = family.AsyncClient(transport=wire, follow_redirects=True, cookies=COOKIES)
        stack = attach(client, wanted, clock=clock, observers=events)
    arguments = {"TOKEN": secret("arg"), "KEY": secret("key")}
    template = call_options(template="/bot{TOKEN}/send?api_key={KEY}", args=arguments)
    async with client:
        for body in ({"json": JSON}, {"data": FORM}, {"json": JSON, "extensions": template}):
            await ask(shown, client.post(URL, params=QUERY, headers=HEADERS, **body))
        note_stack(shown, stack, capsys)
        shown.add("figure", stack.report_status("plotly").to_json())
    assert any(CANARY in each.url for each in wire.sent)


async def test_a_request_that_waits_when_the_transport_closes_tells_no_secret(
    family: ModuleType, shown: Shown, clock: FakeClock
) -> None:
    """It is sent away, and so is everybody in the queue."""
    wire = ScriptedWire(200, clock=clock)
    stack = GracyTransport(wire, config(throttling=ThrottleRule(".*", 1, per_time=60)), clock=clock)
    client = family.AsyncClient(transport=stack)
    await client.post(URL, params=QUERY, headers=HEADERS)
    async with anyio.create_task_group() as group:
        group.start_soon(ask, shown, client.post(URL, params=QUERY, headers=HEADERS, json=JSON))
        await clock.sleep(1)
        shown.add("repr of the stack", stack)
        await client.aclose()
    assert any("TransportClosed" in text for _, text in shown.texts)


@pytest.mark.parametrize(
    "step", [ScriptedResponse(delay=math.inf), 503, ScriptedResponse(content=b"x" * 9, chunk_delay=9)]
)
async def test_a_call_that_is_out_of_time_tells_no_secret(
    family: ModuleType, step: Any, shown: Shown, clock: FakeClock
) -> None:
    """In an attempt, before a back-off, in the body, and before the wait for a permit."""
    wire = ScriptedWire(step, clock=clock)
    wanted = config(deadline=0.5, throttling=GracefulThrottle(ThrottleRule(".*", 1, per_time=60), max_waiting=1))
    async with family.AsyncClient(transport=GracyTransport(wire, wanted, clock=clock)) as client:
        for _ in range(3):
            await ask(shown, client.post(URL, params=QUERY, headers=HEADERS, json=JSON))
    assert any("DeadlineExceeded" in where for where, _ in shown.texts)


async def test_a_request_for_which_the_queue_is_full_tells_no_secret(
    family: ModuleType, shown: Shown, clock: FakeClock
) -> None:
    """It is refused, and says where it was to go."""
    wanted = config(throttling=GracefulThrottle(ThrottleRule(".*", 1, per_time=60), max_waiting=1))
    stack = GracyTransport(ScriptedWire(200), wanted, clock=clock)
    async with family.AsyncClient(transport=stack) as client, anyio.create_task_group() as group:
        for _ in range(3):
            group.start_soon(ask, shown, client.post(URL, params=QUERY, headers=HEADERS, json=JSON))
    assert any("QueueFull" in where for where, _ in shown.texts)


async def test_a_response_that_is_dropped_unread_tells_no_secret(
    family: ModuleType, shown: Shown, clock: FakeClock
) -> None:
    """The warning names the path without what the user's pattern hides."""
    wire = ScriptedWire(ScriptedResponse(content=b"x"), clock=clock)
    client = family.AsyncClient(transport=GracyTransport(wire, config(), clock=clock))
    response = await client.send(client.build_request("GET", URL, params=QUERY), stream=True)
    with pytest.warns(ResourceWarning, match="was dropped unread") as caught:
        del response
        gc.collect()
    shown.add("warning", [str(each.message) for each in caught])
    await client.aclose()


class Model(BaseModel):
    """What an answer never is."""

    token: int


class Told(GracyUserDefinedException):
    """Says all that it may."""

    BASE_MESSAGE = "{METHOD} {URL} {UURL} {ENDPOINT} {UENDPOINT} {STATUS} {ELAPSED}"


class API(Gracy[str]):
    """An API with secrets in its base URL and in its endpoints."""

    veto: ClassVar[bool] = False

    class Config:
        BASE_URL = f"https://{secret('user')}:{secret('password')}@api.test/bot{secret('base-path')}/"
        REQUEST_TIMEOUT = None

    def __init__(self, family: ModuleType, wire: Any, settings: GracyConfig, **options: Any) -> None:
        self.family, self.wire = family, wire
        type(self).Config.SETTINGS = settings  # type: ignore[attr-defined]
        super().__init__(**options)

    def _create_client(self) -> Any:
        return self.family.AsyncClient(transport=self.wire, cookies=COOKIES, follow_redirects=True)

    async def before(self, context: Any) -> None:
        """Fails, or refuses with all that a context shows."""
        if self.veto:
            raise GracyVeto(f"{context!r} {context.url} {context.unformatted_url} {context.endpoint}")
        raise LookupError("a hook that fails")

    async def after(self, context: Any, response_or_exc: Any, retry_state: Any) -> None:
        """Says what a retry knows."""
        logging.getLogger("gracy_transport").info("%r %r", context, retry_state)


class Refuses(API):
    """One whose hook refuses."""

    veto = True


PARSERS: dict[str, Any] = {
    "a type": {"default": Model},
    "a list of a type": {"default": list[Model]},
    "a function": {"default": lambda response: Model},
    "a failing function": {"default": lambda response: int(response.status_code * "x")},
    "an exception": {"default": Told},
    "nothing": None,
}


@pytest.mark.parametrize(
    ("parser", "outcome"),
    [*((parser, "accepted") for parser in PARSERS), *(("a type", outcome) for outcome in OUTCOMES[1:])],
)
async def test_an_api_object_tells_no_secret(  # noqa: PLR0917
    family: ModuleType, parser: str, outcome: str, shown: Shown, clock: FakeClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the events of `debug=True`, failing hooks, parsers that fail, and exceptions of the user's own."""
    settings = config(parser=PARSERS[parser], log_errors=LogEvent(LogLevel.ERROR))
    api = API(family, ScriptedWire(*answers(family)[outcome], clock=clock), settings, debug=True, clock=clock)
    arguments = {"TOKEN": secret("arg"), "ID": 7, "KEY": secret("key")}
    async with api:
        made = api.post("/u/bot{TOKEN}/{ID}?api_key={KEY}", arguments, json=JSON, headers=HEADERS, params=QUERY)
        await ask(shown, made)
        await ask(shown, api.get(f"https://me:{secret('literal')}@api.test{PATH}", params=QUERY, headers=HEADERS))
        shown.add("repr of the API", api)
        note_stack(shown, api._gracy.sessions.newest.stack, capsys)


async def test_what_is_said_of_a_call_in_advance_tells_no_secret(family: ModuleType, shown: Shown) -> None:
    """A request shows its extensions to whoever prints them, on its way, too."""
    arguments = {"TOKEN": secret("arg")}
    shown.add("options", call_options(template="/bot{TOKEN}/x", args=arguments))

    def answer(request: Any) -> int:
        shown.add("extensions at the wire", request.extensions)
        shown.add("options of a call with hooks", request.extensions["gracy"].options)
        return 200

    async with API(family, ScriptedWire(answer), GracyConfig(redact=REDACT)) as api:
        await api.get("/bot{TOKEN}/x", arguments, params=QUERY, headers=HEADERS)
    assert len(shown.texts) == 3


class Raises(API):
    """One whose hooks fail with the errors of httpx, whose text is the whole URL."""

    async def before(self, context: Any) -> None:
        """Fails with a path that only the user's pattern knows."""
        raise LookupError(PATH)

    async def after(self, context: Any, response_or_exc: Any, retry_state: Any) -> None:
        """Does what many a hook does."""
        response_or_exc.raise_for_status()


def fail(about: Any) -> str:
    """Fails with the whole URL in the text: an observer with that of a call, a message with that of a response."""
    raise LookupError(str(about.request.url if hasattr(about, "request") else about.call.url))


async def test_what_fails_in_code_of_the_users_own_tells_no_secret_in_the_log(
    family: ModuleType, shown: Shown, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """A hook, an observer and a message raise with secrets in the text; the traceback is there all the same."""
    wanted = GracyConfig(redact=REDACT, log_response=LogEvent(LogLevel.INFO, fail))
    api = Raises(family, ScriptedWire(404, clock=clock), wanted, clock=clock, observers=[fail])
    async with api:
        await ask(shown, api.get("/bot{TOKEN}/x", {"TOKEN": secret("arg")}, params=QUERY, headers=HEADERS))
    failed = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    for kind, raiser in (("LookupError", "in before"), ("HTTPStatusError", "in after"), ("LookupError", "in fail")):
        assert any(kind in text and raiser in text for text in failed), raiser


async def test_a_veto_with_the_context_in_it_tells_no_secret(
    family: ModuleType, shown: Shown, clock: FakeClock
) -> None:
    """All that a context shows is without secrets; its arguments it gives on request alone."""
    async with Refuses(family, ScriptedWire(200, clock=clock), config(), clock=clock) as api:
        await ask(shown, api.get("/u/bot{TOKEN}?api_key={KEY}", {"TOKEN": secret("arg"), "KEY": secret("key")}))
    assert any("GracyRequestContext" in text for _, text in shown.texts)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        (f"https://elsewhere.test{PATH}?token={secret('link')}", "NextPageRefused"),
        (f"{PATH}?token={secret('link')}", "RepeatedPage"),
        (f"http://api.test:none{PATH}?token={secret('link')}", "NextPageRefused"),
    ],
)
async def test_a_paginator_tells_no_secret(
    family: ModuleType, target: str, error: str, shown: Shown, clock: FakeClock
) -> None:
    """Of the next page neither, be it on another host, one of those before, or none at all."""
    wire = ScriptedWire(ScriptedResponse(headers={"Link": f"<{target}>; rel=next"}), clock=clock)
    client = family.AsyncClient(transport=GracyTransport(wire, config(), clock=clock))

    async def page(url: str = f"https://api.test{PATH}") -> Any:
        return await client.get(url, headers=HEADERS)

    pages = GracyLinkPaginator[Any](page)

    async def walk() -> None:
        while True:
            shown.add("repr of the paginator", pages)
            await pages.next_page()

    async with client:
        await ask(shown, walk())
    assert any(error in where for where, _ in shown.texts)


@pytest.mark.parametrize("mode", ["record", "replay", "smart-replay"])
async def test_recording_and_replaying_tell_no_secret(  # noqa: PLR0917
    family: ModuleType, mode: Any, shown: Shown, clock: FakeClock, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor does a request that nothing was recorded for, whose error names the nearest one."""
    every = ReplayLogEvent(LogLevel.INFO, EVERYTHING, 1)
    storage = SQLiteReplayStorage(str(tmp_path / "x.sqlite3"))
    wire = ScriptedWire(*answers(family)["accepted"], clock=clock)

    async def send(mode: Any, *names: str) -> None:
        replay = GracyReplay(mode, storage, log_record=every, log_replay=every)
        client = family.AsyncClient(transport=wire)
        stack = attach(client, config(), replay=replay, clock=clock)
        async with client:
            for name in names:
                asked = client.post(URL.replace("send", name), params=QUERY, headers=HEADERS, json=JSON)
                await ask(shown, asked)
            note_stack(shown, stack, capsys)
        shown.add("repr of the replay", f"{replay!r} {storage!r}")

    await send("record", "send")
    await send(mode, "send", "sent")


@pytest.fixture
def filtered(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Filters what is captured, and takes the filter away again: the handler is that of the whole session."""
    wanted = RedactingFilter(REDACT)
    caplog.handler.addFilter(wanted)
    yield
    caplog.handler.removeFilter(wanted)


@pytest.mark.usefixtures("filtered")
async def test_the_logs_of_httpx_tell_no_secret_once_they_are_filtered(
    family: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """Of a request over real sockets: URL, headers of request and response, redirect target."""
    from gracy_transport.testing.origin import Origin, Reply

    caplog.set_level(logging.DEBUG)
    target = f"/bot{secret('path')}?code={secret('redirect-query')}"
    headers = {name: value for name, value in ANSWERED.items() if name != "X-Other"}
    async with Origin() as origin:
        origin.on("POST", "*").reply(Reply(303, headers={**headers, "Location": target}))
        origin.on("GET", "*").reply(Reply(headers=headers))
        url = f"http://{secret('user')}:{secret('password')}@127.0.0.1:{origin.port}{PATH}"
        async with family.AsyncClient(follow_redirects=True, verify=False, cookies=COOKIES) as client:
            attach(client, config(throttling=None))
            await client.post(url, params=QUERY, headers=HEADERS, json=JSON)
    theirs = [record for record in caplog.records if not record.name.startswith("gracy_transport")]
    assert {record.name.partition(".")[0].removesuffix("2") for record in theirs} >= {"httpx", "httpcore"}
    assert [record.getMessage() for record in theirs if CANARY in record.getMessage()] == []
