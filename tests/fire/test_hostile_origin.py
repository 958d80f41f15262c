"""A hostile HTTP/1.1 server on real sockets, in the clear and over TLS, in front of the full stack, by both ways in."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport import GracefulValidator, GracyConfig
from gracy_transport.exceptions import BodyTooLarge, GracyParseFailed
from gracy_transport.retry import GracefulRetry
from gracy_transport.testing import FakeClock
from gracy_transport.testing.origin import Origin, Reply, Visit
from tests.certificates import of_client, of_server
from tests.fire.hostile import CONFIG, PATIENCE, READABLE, Bench, bench, living_tasks

pytestmark = pytest.mark.anyio

WAYS = ["client", "facade"]


@dataclass(frozen=True)
class Told:
    """What the caller gets, and what the report says of it.

    Attributes:
        what: status and begin of the body, or the error.
        attempts: how often it was sent.
        aborts: how many of them gave no response.
        statuses: how many gave 2xx, 3xx, 4xx and 5xx.
    """

    what: str
    attempts: int
    aborts: int = 0
    statuses: tuple[int, int, int, int] = (0, 0, 0, 0)


@dataclass(frozen=True)
class Case:
    """A hostile answer, what a plain client and an API object are told, and what became of the last attempt."""

    name: str
    reply: Reply | Callable[[], Reply]
    client: Told
    facade: Told
    fate: str = "answered"

    @property
    def patience(self) -> float:
        """The read timeout: short where it is what ends the attempt."""
        return 0.05 if "ReadTimeout" in self.facade.what else PATIENCE


def fails(name: str, reply: Reply, error: str) -> Case:
    """Returns a case without a response: it is tried three times by both ways in."""
    facade = Told(f"GracyRequestFailed from {error}", 3, aborts=3)
    return Case(name, reply, Told(error, 3, aborts=3), facade, "maybe_applied")


def breaks(name: str, reply: Reply, error: str) -> Case:
    """Returns a case whose body breaks: a plain client reads it above the stack, the facade inside the attempt."""
    return Case(name, reply, Told(error, 1, aborts=1), Told(f"GracyRequestFailed from {error}", 3, aborts=3))


def garbles(name: str, reply: Reply) -> Case:
    """Returns a case whose body comes whole and cannot be decoded: to the wire, that is a success."""
    facade = Told("GracyRequestFailed from DecodingError", 3, aborts=3)
    return Case(name, reply, Told("DecodingError", 1, statuses=(1, 0, 0, 0)), facade)


def passes(name: str, reply: Reply | Callable[[], Reply], what: str) -> Case:
    """Returns a case that is no failure after all."""
    both = Told(what, 1, statuses=(1, 0, 0, 0))
    return Case(name, reply, both, both)


def raw(first: str, *lines: str, body: str = "") -> Reply:
    """Returns an answer that is written as it stands."""
    return Reply(raw="\r\n".join([first, *lines, "", body]).encode())


@cache
def bomb() -> Reply:
    """Returns 12 kB that decode to 12 MB, which is more than the stack holds in memory."""
    return Reply(content=gzip.compress(b"0" * 12_000_000), headers={"Content-Encoding": "gzip"})


TEN = "0123456789"
HUGE_LINES = [(f"X-{number}", "y" * 1_000) for number in range(1_000)]
CASES = [
    fails("stall", Reply(fault="stall"), "ReadTimeout"),
    fails("stall after 103", Reply(fault="stall", interim=[103]), "ReadTimeout"),
    fails("hangup", Reply(fault="hangup"), "RemoteProtocolError"),
    fails("reset", Reply(fault="reset"), "ReadError"),
    fails("no HTTP", Reply(fault="garbage"), "RemoteProtocolError"),
    fails("a line without end", Reply(raw=b"A" * 300_000), "RemoteProtocolError"),
    fails("1 MB header", Reply(headers={"X-Long": "y" * 1_000_000}), "RemoteProtocolError"),
    fails("1 MB of headers", Reply(headers=HUGE_LINES), "RemoteProtocolError"),
    fails("status OK", raw("HTTP/1.1 OK"), "RemoteProtocolError"),
    fails("status 1000", raw("HTTP/1.1 1000 High", "Content-Length: 0"), "RemoteProtocolError"),
    fails("status -200", raw("HTTP/1.1 -200 Low", "Content-Length: 0"), "RemoteProtocolError"),
    fails("other protocol", raw("ICY 200 OK", "Content-Length: 0"), "RemoteProtocolError"),
    fails("unasked 101", raw("HTTP/1.1 101 Switching Protocols", "Upgrade: x"), "RemoteProtocolError"),
    fails("NUL in a header", raw("HTTP/1.1 200 OK", "X: a\0b", "Content-Length: 0"), "RemoteProtocolError"),
    fails("negative length", raw("HTTP/1.1 200 OK", "Content-Length: -5", body="a"), "RemoteProtocolError"),
    fails("two lengths", raw("HTTP/1.1 200 OK", "Content-Length: 1", "Content-Length: 2"), "RemoteProtocolError"),
    breaks("reset after headers", Reply(text=TEN, fault="reset_after_headers"), "ReadError"),
    breaks("reset in the body", Reply(text=TEN, fault="reset_in_body"), "ReadError"),
    breaks("stall in the body", Reply(text=TEN, fault="stall_in_body"), "ReadTimeout"),
    breaks("truncated", Reply(text=TEN, fault="truncate"), "RemoteProtocolError"),
    breaks("truncated chunks", Reply(chunks=[b"01", b"23"], fault="truncate"), "RemoteProtocolError"),
    breaks("bad chunk", raw("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body="xyz\r\n"), "RemoteProtocolError"),
    breaks("huge chunk", raw("HTTP/1.1 200 OK", "Transfer-Encoding: chunked", body="F" * 30), "RemoteProtocolError"),
    garbles("bad gzip", Reply(text=TEN, fault="bad_gzip")),
    garbles("bad deflate", Reply(text=TEN, headers={"Content-Encoding": "deflate"})),
    garbles("a thousand codings", Reply(text=TEN, headers={"Content-Encoding": ",".join(["gzip"] * 1_000)})),
    passes("overlong", Reply(text=TEN, fault="overlong", fault_at=4), "200 0123"),
    passes("no length", raw("HTTP/1.1 200 OK", body="to the end"), "200 to the end"),
    passes("unknown coding", Reply(text=TEN, headers={"Content-Encoding": "rot13"}), f"200 {TEN}"),
    passes("gzip bomb", bomb, "200 0000000000"),
    passes("early close", Reply(text=TEN, fault="early_close"), f"200 {TEN}"),
    passes("interim answers", Reply(text=TEN, interim=[100, 102, *[103] * 100]), f"200 {TEN}"),
    passes("HTML", Reply(text="<html>no</html>", headers={"Content-Type": "text/html"}), "200 <html>no</"),
    passes("dripped headers", Reply(text="slow", header_delay=0.01), "200 slow"),
    passes("dripped body", Reply(text="slow", chunk_delay=0.02), "200 slow"),
    Case(
        "status 999",
        Reply(999, text="no such"),
        Told("999 no such", 1),
        Told("NonOkResponse", 3),
    ),
    Case(
        "redirect loop",
        Reply(302, headers={"Location": "/hostile"}),
        Told("TooManyRedirects", 21, statuses=(0, 21, 0, 0)),
        Told("GracyRequestFailed from TooManyRedirects", 21, statuses=(0, 21, 0, 0)),
    ),
    Case(
        "redirect to nowhere",
        Reply(302),
        Told("302", 1, statuses=(0, 1, 0, 0)),
        Told("NonOkResponse", 1, statuses=(0, 1, 0, 0)),
    ),
]

CHUNKED = ("HTTP/1.1 200 OK", "Transfer-Encoding: chunked")
OF_AIOHTTP = {
    case.name: case
    for case in (
        # It parses all that came at once, and refuses the whole answer for what is wrong with its body, or behind it.
        fails("bad chunk", raw(*CHUNKED, body="xyz\r\n"), "RemoteProtocolError"),
        fails("huge chunk", raw(*CHUNKED, body="F" * 30), "RemoteProtocolError"),
        fails("overlong", raw("HTTP/1.1 200 OK", "Content-Length: 4", body=TEN), "RemoteProtocolError"),
    )
}
"""The cases that end otherwise on the wire of aiohttp."""
OVER_TLS = (
    *("stall", "hangup", "reset", "no HTTP", "a line without end", "1 MB of headers", "status 999", "redirect loop"),
    *("reset after headers", "reset in the body", "stall in the body", "truncated", "truncated chunks", "bad gzip"),
    *("overlong", "no length", "gzip bomb", "early close", "interim answers", "dripped headers", "dripped body"),
)
"""The cases in which a connection breaks, ends or falls silent, or in which much is sent."""
SCENES = [
    *[pytest.param(case, False, id=case.name) for case in CASES],
    *[pytest.param(case, True, id=f"{case.name} over TLS") for case in CASES if case.name in OVER_TLS],
]

httpx_leaves_generators = pytest.mark.filterwarnings("ignore:Async generator 'http:ResourceWarning")
"""On trio a plain client leaves its own generators to the garbage collector when a body is not read to its end."""


def told(bench: Bench, what: str) -> Told:
    """Returns what the caller got, and what the report says."""
    row = bench.row
    return Told(
        what, row.attempts, row.aborts, (row.responses_2xx, row.responses_3xx, row.responses_4xx, row.responses_5xx)
    )


def steps(bench: Bench) -> int:
    """Returns how many attempts the line of the call counts; it has to be one that can be read."""
    line = str(bench.call)
    found = READABLE.fullmatch(line)
    assert found is not None, line
    told_by_error: Any = getattr(bench.error, "timeline", None)
    assert told_by_error is None or str(told_by_error) == line
    return int(found["attempts"])


@httpx_leaves_generators
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("case", "is_secure"), SCENES)
async def test_every_hostile_answer_has_a_name_and_leaves_nothing_behind(
    family: ModuleType, wire: str | None, case: Case, way: str, caplog: pytest.LogCaptureFixture, *, is_secure: bool
) -> None:
    """The caller is told what it was, the report counts it, and the one slot and the one connection are free."""
    caplog.set_level(logging.DEBUG, "gracy_transport")
    before = living_tasks()
    case = case if wire is None else OF_AIOHTTP.get(case.name, case)
    expected: Told = getattr(case, way)
    tls, verify = (of_server("http/1.1"), of_client()) if is_secure else (None, False)
    async with Origin(tls=tls) as origin:
        origin.on("/fine").reply(Reply(text="fine"))
        origin.on("/hostile").reply(case.reply if isinstance(case.reply, Reply) else case.reply())
        options: dict[str, Any] = {"patience": case.patience, "verify": verify, "follow_redirects": True}
        async with bench(family, origin.url, way, **options, wire=wire) as made:
            assert told(made, await made.ask()) == expected
            assert steps(made) == expected.attempts == origin.count
            assert (made.row.calls, made.call.attempt.fate) == (1, case.fate)
            await made.recover()
    assert living_tasks() == before
    assert [each.getMessage() for each in caplog.records if each.levelno > logging.DEBUG] == []
    hops = len(made.requests) - 1  # the last was the normal one
    assert len([each for each in caplog.records if each.getMessage().endswith("/hostile started")]) == hops


@pytest.mark.parametrize("way", WAYS)
async def test_five_callers_share_one_connection_to_a_hostile_server(
    family: ModuleType, wire: str | None, way: str
) -> None:
    """Each gets its own answer in its turn, whatever the others ran into."""
    async with Origin() as origin:
        origin.on("/fine").reply(Reply(text="fine"))
        origin.on("/stall").reply(Reply(fault="stall"))
        origin.on("/reset").reply(Reply(text=TEN, fault="reset_in_body"))
        origin.on("/hangup").reply(Reply(fault="hangup"))
        origin.on("/truncate").reply(Reply(text=TEN, fault="truncate"))
        answers: dict[str, str] = {}
        config = CONFIG.merged(GracyConfig(retry=None))
        async with bench(family, origin.url, way, config, patience=0.15, wire=wire) as made:

            async def ask(path: str) -> None:
                answers[path] = await made.ask(path)

            async with anyio.create_task_group() as group:
                for path in ("/stall", "/reset", "/hangup", "/truncate", "/fine"):
                    group.start_soon(ask, path)
            await made.recover()
        failed = "GracyRequestFailed from " if way == "facade" else ""
        assert answers == {
            "/stall": f"{failed}ReadTimeout",
            "/reset": f"{failed}ReadError",
            "/hangup": f"{failed}RemoteProtocolError",
            "/truncate": f"{failed}RemoteProtocolError",
            "/fine": "200 fine",
        }
        assert (origin.peak_in_flight, made.stack.get_report().total.calls) == (1, 7 - 1)


@pytest.mark.parametrize("way", WAYS)
async def test_a_connection_that_was_closed_while_idle_costs_an_attempt_at_most(
    family: ModuleType, wire: str | None, way: str
) -> None:
    """A server that hangs up on every second request of a connection never reaches the caller."""

    def every_other(visit: Visit) -> Reply:
        seen[visit.connection] = seen.get(visit.connection, 0) + 1
        return Reply(text="fine") if seen[visit.connection] == 1 else Reply(fault="hangup")

    seen: dict[int, int] = {}
    async with Origin() as origin:
        origin.on("*").handle(every_other)
        async with bench(family, origin.url, way, wire=wire) as made:
            assert [await made.ask() for _ in range(4)] == ["200 fine"] * 4
            row = made.row
            assert (row.calls, row.attempts, row.aborts, row.responses_2xx) == (4, 7, 3, 4)
            await made.recover()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "reply",
    [
        Reply(fault="stall"),
        Reply(header_delay=0.03),
        Reply(text=TEN, fault="stall_in_body"),
        Reply(text=TEN * 9, chunk_delay=0.03),
    ],
    ids=["stall", "dripped headers", "stall in the body", "dripped body"],
)
async def test_a_caller_that_will_not_wait_leaves_nothing_behind(
    family: ModuleType, wire: str | None, way: str, reply: Reply
) -> None:
    """Cancelled by a timeout of the caller's own, with a server that a read timeout never notices."""
    before = living_tasks()
    async with Origin() as origin:
        origin.on("/fine").reply(Reply(text="fine"))
        origin.on("/hostile").reply(reply)
        async with bench(family, origin.url, way, wire=wire) as made:
            with anyio.move_on_after(0.04) as scope:
                await made.ask()
            assert scope.cancelled_caught
            assert (made.row.cancelled, made.row.attempts) in {(1, 0), (0, 1)}
            await origin.until(lambda: origin.in_flight == 0)
            await made.recover()
    assert living_tasks() == before


async def test_a_stream_that_breaks_gives_its_slot_back_at_once(family: ModuleType, wire: str | None) -> None:
    """The caller has the error and still holds the response, while another request passes already."""
    async with Origin() as origin:
        origin.on("/fine").reply(Reply(text="fine"))
        origin.on("/hostile").reply(Reply(text=TEN, fault="reset_in_body", fault_at=7))
        async with (
            bench(family, origin.url, "client", wire=wire) as made,
            made.client.stream("GET", "/hostile") as response,
        ):
            assert made.slots_and_waiters == (1, 0)
            got = b""
            with pytest.raises(family.ReadError):
                async for piece in response.aiter_raw():
                    got += piece
            assert got == b"0123456"
            await made.recover()


@httpx_leaves_generators
async def test_a_stream_that_is_left_half_way_gives_its_slot_back(family: ModuleType, wire: str | None) -> None:
    """Ten megabytes are on their way; the connection cannot be used again, and is given up."""
    async with Origin() as origin:
        origin.on("/fine").reply(Reply(text="fine"))
        origin.on("/hostile").reply(Reply(content=b"x" * 10_000_000))
        async with bench(family, origin.url, "client", wire=wire) as made:
            async with made.client.stream("GET", "/hostile") as response:
                async for _ in response.aiter_raw():
                    break
            await made.recover()
            assert origin.connections == 2


PAST, FAR = "Fri, 31 Dec 1999 23:59:59 GMT", "Fri, 31 Dec 2199 23:59:59 GMT"


JUNK = ["-5", PAST, "soon", "", "inf", "nan", "5, 7", "\xb2", "0x10", "1_000", "9" * 5_000, "9" * 5_000 + "x"]


@pytest.mark.parametrize("way", WAYS)
async def test_a_retry_after_that_says_nothing_leaves_the_back_off_as_it_is(
    family: ModuleType, way: str, clock: FakeClock
) -> None:
    """Negative, past, and junk: the server is not asked sooner, nor later, than without it."""
    config = CONFIG.merged(GracyConfig(retry=GracefulRetry(delay=3, max_attempts=len(JUNK))))
    refusals = [Reply(503, headers={"Retry-After": hint}) for hint in JUNK]
    async with Origin() as origin:
        origin.on("/fine").reply(Reply(text="fine"))
        origin.on("/hostile").reply(*refusals, Reply(200, text="at last"))
        async with bench(family, origin.url, way, config, clock=clock) as made:
            assert await made.ask() == "200 at last"
            assert clock.waits == [3] * len(JUNK)
            assert (made.row.responses_5xx, made.row.responses_2xx) == (len(JUNK), 1)
            await made.recover()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("hint", ["31536000", FAR, "1e9"], ids=["a year", "a date", "a power"])
async def test_a_retry_after_of_a_year_is_not_waited_for(
    family: ModuleType, way: str, hint: str, clock: FakeClock
) -> None:
    """The caller has the answer at once, and is told why there was no other attempt."""
    async with Origin() as origin:
        origin.on("/fine").reply(Reply(text="fine"))
        origin.on("/hostile").reply(Reply(503, headers={"Retry-After": hint}))
        async with bench(family, origin.url, way, clock=clock) as made:
            assert await made.ask() == ("NonOkResponse" if way == "facade" else "503")
            assert clock.waits == []
            assert (made.row.attempts, origin.count) == (1, 1)
            assert "which is more than max_retry_after=60" in (made.call.gave_up or "")
            assert len(made.call.gave_up or "") < 300


async def test_a_retry_after_that_is_near_is_waited_for(family: ModuleType, clock: FakeClock) -> None:
    """The same server, telling the truth for once."""
    now, soon = (format_datetime(datetime.fromtimestamp(at, UTC), usegmt=True) for at in (0, 20))
    async with Origin() as origin:
        origin.on("/hostile").reply(Reply(503, headers={"Retry-After": soon, "Date": now}), Reply(text="at last"))
        async with bench(family, origin.url, "client", clock=clock) as made:
            assert await made.ask() == "200 at last"
            assert clock.waits == [20]


@pytest.mark.parametrize("way", WAYS)
async def test_expect_100_continue_is_answered_and_the_body_sent_once(
    family: ModuleType, wire: str | None, way: str
) -> None:
    """The interim answer of the server is no answer of the call."""
    async with Origin() as origin:
        origin.on("POST", "/hostile").handle(lambda visit: Reply(201, content=visit.body, interim=[103]))
        origin.on("/fine").reply(Reply(text="fine"))
        async with bench(family, origin.url, way, wire=wire) as made:
            made.send = lambda path: made.client.request(
                "POST" if path == "/hostile" else "GET", path, headers={"Expect": "100-continue"}, content=b"once"
            )
            assert await made.ask() == "201 once"
            assert origin.count == 1
            await made.recover()


async def test_html_where_json_was_expected_is_a_parse_error_with_the_page_at_hand(family: ModuleType) -> None:
    """The message says where and which status; the page itself is on the response."""
    config = CONFIG.merged(GracyConfig(parser={"default": lambda response: response.json()}))
    async with Origin() as origin:
        origin.on("/hostile").reply(Reply(text="<html>maintenance</html>", headers={"Content-Type": "text/html"}))
        async with bench(family, origin.url, "facade", config) as made:
            assert await made.ask() == "GracyParseFailed from JSONDecodeError"
            assert isinstance(made.error, GracyParseFailed)
            assert made.error.response.text == "<html>maintenance</html>"
            assert "maintenance" not in str(made.error)
            assert (made.row.attempts, made.row.successes) == (1, 1)


@pytest.mark.parametrize("way", WAYS)
async def test_a_gzip_bomb_is_refused_where_a_body_is_held_in_memory(
    family: ModuleType, wire: str | None, way: str
) -> None:
    """A validator would have all of it unpacked: the cap holds for what it decodes to, and nothing is tried again."""

    class Looks(GracefulValidator):
        def check(self, response: Any) -> None:
            raise AssertionError(len(response.content))

    config = CONFIG.merged(GracyConfig(validators=Looks()))
    async with Origin() as origin:
        origin.on("/fine").reply(Reply(204))
        origin.on("/hostile").reply(bomb())
        async with bench(family, origin.url, way, config, wire=wire) as made:
            assert await made.ask() == "BodyTooLarge"
            assert isinstance(made.error, BodyTooLarge)
            assert isinstance(made.error, family.TransportError)
            assert (origin.count, made.row.attempts, made.row.refused) == (1, 0, 1)
            assert made.slots_and_waiters == (0, 0)
            assert made.busy_connections == 0


async def test_a_rejected_gzip_bomb_is_an_error_about_its_status(family: ModuleType, wire: str | None) -> None:
    """What became of the body is the cause, and the body stays packed."""
    async with Origin() as origin:
        origin.on("/fine").reply(Reply(text="fine"))
        origin.on("/hostile").reply(Reply(500, content=bomb().content, headers={"Content-Encoding": "gzip"}))
        async with bench(family, origin.url, "facade", wire=wire) as made:
            assert await made.ask() == "NonOkResponse from BodyTooLarge"
            assert told(made, "") == Told("", 3, statuses=(0, 0, 0, 3))
            await made.recover()


async def test_a_server_that_goes_away_and_comes_back_is_found_again(family: ModuleType, wire: str | None) -> None:
    """While it is down nothing is sent; afterwards the same client works."""
    async with Origin() as origin:
        origin.on("*").reply(Reply(text="fine"))
        async with bench(family, origin.url, "client", wire=wire) as made:
            assert await made.ask() == "200 fine"
            async with origin.down():
                assert await made.ask() in {"ConnectError", "ReadError", "RemoteProtocolError"}
            assert made.call.attempt.fate == "never_sent"
            await made.recover()
