"""A hostile HTTP/2 server on real sockets, in front of the full stack, by both ways in."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import anyio
import pytest
from h2.errors import ErrorCodes

from tests.certificates import of_client, of_server
from tests.fire.h2_origin import OK, Exchange, Play, h2_origin
from tests.fire.hostile import PATIENCE, READABLE, bench, living_tasks

pytestmark = pytest.mark.anyio


async def silent(_: Exchange) -> None:
    """Says nothing."""
    await anyio.lowlevel.checkpoint()


async def begins(exchange: Exchange) -> None:
    """Sends headers and half of a body, and then nothing."""
    exchange.h2.send_headers(exchange.stream, OK)
    exchange.h2.send_data(exchange.stream, b"01234")
    await exchange.send()


async def drips(exchange: Exchange) -> None:
    """Sends a body byte by byte."""
    exchange.h2.send_headers(exchange.stream, OK)
    for place, byte in enumerate(b"slow"):
        await anyio.sleep(0.01)
        exchange.h2.send_data(exchange.stream, bytes([byte]), end_stream=place == 3)
        await exchange.send()


async def resets(exchange: Exchange) -> None:
    """Resets the stream; the connection stays."""
    exchange.h2.reset_stream(exchange.stream, ErrorCodes.REFUSED_STREAM)
    await exchange.send()


async def resets_in_the_body(exchange: Exchange) -> None:
    """Resets the stream when half of the body is sent."""
    await begins(exchange)
    exchange.h2.reset_stream(exchange.stream, ErrorCodes.INTERNAL_ERROR)
    await exchange.send()


async def goes_away(exchange: Exchange) -> None:
    """Ends the connection before it looked at the request."""
    exchange.h2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM, last_stream_id=0)
    await exchange.send()


async def answers_and_goes_away(exchange: Exchange) -> None:
    """Announces the end of the connection together with the answer."""
    exchange.h2.send_headers(exchange.stream, OK)
    exchange.h2.send_data(exchange.stream, b"last", end_stream=True)
    exchange.h2.close_connection(last_stream_id=exchange.stream)
    await exchange.send()


async def hangs_up(exchange: Exchange) -> None:
    """Closes the socket."""
    await exchange.socket.aclose()


async def hangs_up_in_the_body(exchange: Exchange) -> None:
    """Closes the socket when half of the body is sent."""
    await begins(exchange)
    await exchange.socket.aclose()


async def sends_hints(exchange: Exchange) -> None:
    """Sends an interim answer before the answer."""
    exchange.h2.send_headers(exchange.stream, [(":status", "103")])
    await exchange.answer(b"fine")


async def sends_too_many_headers(exchange: Exchange) -> None:
    """Sends more of them than a client takes."""
    await exchange.answer(b"", [*OK, *[(f"x-{number}", "y" * 1_000) for number in range(100)]])


async def sends_more_than_announced(exchange: Exchange) -> None:
    """Lies about the length of the body."""
    await exchange.answer(b"0123456789", [*OK, ("content-length", "4")])


async def sends_less_than_announced(exchange: Exchange) -> None:
    """Lies about the length of the body."""
    await exchange.answer(b"0123", [*OK, ("content-length", "10")])


async def sends_bad_gzip(exchange: Exchange) -> None:
    """Announces what it does not send."""
    await exchange.answer(b"0123", [*OK, ("content-encoding", "gzip")])


async def sends_a_word_for_a_status(exchange: Exchange) -> None:
    """Has no number where there should be one."""
    await exchange.answer(b"", [(":status", "fine")])


async def refuses(exchange: Exchange) -> None:
    """Is not available, and asks to come back yesterday."""
    await exchange.answer(b"", [(":status", "503"), ("retry-after", "-5")])


@dataclass(frozen=True)
class Case:
    """What the server plays, the error or answer it makes, and how often it is asked by either way in."""

    play: Play
    what: str
    client: int
    facade: int
    aborts: bool = True

    @property
    def is_error(self) -> bool:
        """Whether there is no response."""
        return not self.what[0].isdigit()

    def told(self, way: str) -> str:
        """Returns what the caller gets."""
        if way == "client" or not (self.is_error or self.what == "503"):
            return self.what
        # httpcore takes the status for a number unseen: its ValueError is no error of httpx.
        return {"503": "NonOkResponse", "ValueError": "ValueError"}.get(
            self.what, f"GracyRequestFailed from {self.what}"
        )


CASES = [
    Case(silent, "ReadTimeout", 3, 3),
    Case(begins, "ReadTimeout", 1, 3),
    Case(resets, "RemoteProtocolError", 3, 3),
    Case(resets_in_the_body, "RemoteProtocolError", 1, 3),
    Case(goes_away, "RemoteProtocolError", 3, 3),
    Case(hangs_up, "RemoteProtocolError", 3, 3),
    Case(hangs_up_in_the_body, "RemoteProtocolError", 1, 3),
    Case(sends_too_many_headers, "LocalProtocolError", 3, 3),
    Case(sends_more_than_announced, "LocalProtocolError", 3, 3),
    Case(sends_less_than_announced, "LocalProtocolError", 3, 3),
    Case(sends_a_word_for_a_status, "ValueError", 3, 3),
    Case(sends_bad_gzip, "DecodingError", 1, 3),
    Case(refuses, "503", 3, 3, aborts=False),
    Case(sends_hints, "200 fine", 1, 1, aborts=False),
    Case(answers_and_goes_away, "200 last", 1, 1, aborts=False),
    Case(drips, "200 slow", 1, 1, aborts=False),
]


@pytest.mark.filterwarnings("ignore:Async generator 'http:ResourceWarning")  # left by a plain client on trio
@pytest.mark.parametrize("way", ["client", "facade"])
@pytest.mark.parametrize("is_secure", [False, True], ids=["prior knowledge", "TLS"])
@pytest.mark.parametrize("case", [pytest.param(case, id=case.play.__name__) for case in CASES])
async def test_every_hostile_answer_has_a_name_and_leaves_nothing_behind(
    family: ModuleType, case: Case, way: str, *, is_secure: bool
) -> None:
    """The caller is told what it was, the report counts it, and what comes after it passes."""
    before, attempts = living_tasks(), getattr(case, way)
    patience = 0.05 if case.what == "ReadTimeout" else PATIENCE
    spare = 1 if family.__name__ == "httpx" else 9  # the next test says why
    # Over TLS the client offers both protocols, and the server takes the newer one.
    tls = of_server("h2", "http/1.1") if is_secure else None
    options: dict[str, Any] = {"verify": of_client()} if is_secure else {"http1": False}
    async with (
        h2_origin(case.play, tls) as origin,
        bench(family, origin.url, way, patience=patience, connections=spare, http2=True, **options) as made,
    ):
        assert await made.ask() == case.told(way)
        assert set(origin.protocols) == {"h2" if is_secure else None}
        row, line = made.row, READABLE.fullmatch(str(made.call))
        assert line is not None, str(made.call)
        assert (row.calls, row.attempts, origin.count, int(line["attempts"])) == (1, attempts, attempts, attempts)
        is_decoded_above = case.what == "DecodingError" and way == "client"
        assert row.aborts == (attempts if case.aborts and not is_decoded_above else 0)
        await made.recover()
    assert living_tasks() == before


async def test_a_dead_connection_of_http2_makes_room_for_another(
    family: ModuleType, request: pytest.FixtureRequest
) -> None:
    """In a pool of one. That of httpx2 keeps the dead one for good, with a stack in front of it or without."""
    if family.__name__ == "httpx2":
        request.applymarker(pytest.mark.xfail(reason="httpcore2 keeps a connection of HTTP/2 that has ended"))
    async with h2_origin(hangs_up) as origin:
        limits, timeout = family.Limits(max_connections=1), family.Timeout(5, pool=0.1)
        async with family.AsyncClient(
            base_url=origin.url, http1=False, http2=True, limits=limits, timeout=timeout, verify=False
        ) as client:
            with pytest.raises(family.RemoteProtocolError):
                await client.get("/hostile")
            assert (await client.get("/fine")).text == "fine"
