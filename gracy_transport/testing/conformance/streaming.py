"""Promises about bodies, which pass piece by piece, in both directions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from types import ModuleType
from typing import Any

from ...bodies import leave
from .check import Wrap, require
from .probe import CHUNKS, Probe, probe, request_of


async def sends_the_body_as_it_is_pulled(wrap: Wrap, family: ModuleType) -> None:
    """The body of a request is pulled by the inner transport, piece by piece: nothing reads it ahead."""
    made: list[bytes] = []
    seen: list[int] = []

    async def body() -> AsyncIterator[bytes]:
        for chunk in CHUNKS:
            made.append(chunk)
            yield chunk

    async def answer(inner: Probe, sent: Any) -> Any:
        seen.append(len(made))
        seen.extend([len(made) async for _ in sent.stream])
        return inner.respond()

    async with wrap(probe(family, answer)) as transport:
        response = await transport.handle_async_request(request_of(family, "POST", "/", body()))
        await response.aread()
    require(seen, "the inner transport was never asked")
    require(seen == [0, 1, 2, 3], f"of 3 pieces so many were made as they were asked for one by one: {seen}")


async def sends_no_other_body(wrap: Wrap, family: ModuleType) -> None:
    """A request that is sent again has the body it had, or is not sent: one that can be read once is gone by then."""
    whole = b"".join(CHUNKS)

    async def once() -> AsyncIterator[bytes]:
        for chunk in CHUNKS:
            yield chunk

    for content in (whole, once()):
        sent_bodies: list[bytes] = []

        async def answer(inner: Probe, sent: Any, sent_bodies: list[bytes] = sent_bodies) -> Any:
            sent_bodies.append(b"".join([chunk async for chunk in sent.stream]))
            return inner.respond(503 if len(sent_bodies) == 1 else 200)

        async with wrap(probe(family, answer)) as transport:
            with suppress(Exception):  # it may refuse the answer, and say that it cannot send again
                response = await transport.handle_async_request(request_of(family, "PUT", "/", content))
                await response.aread()
        require(sent_bodies, "the inner transport was never asked")
        require(set(sent_bodies) == {whole}, f"{whole!r} was sent as {sent_bodies}")


async def answers_before_the_body_is_over(wrap: Wrap, family: ModuleType) -> None:
    """The response is there as soon as its headers are: its body is not read before the caller reads it."""
    inner = probe(family)
    async with wrap(inner) as transport:
        response = await transport.handle_async_request(request_of(family))
        given = inner.bodies[-1].given
        await response.aread()
    require(given == 0, f"{given} of its {len(CHUNKS)} pieces were read by then")


async def chunks_arrive_one_by_one(wrap: Wrap, family: ModuleType) -> None:
    """Each piece of a body comes when it is there, as it is: an event of a stream does not wait for the next."""
    inner, chunks, given = probe(family), list[bytes](), list[int]()
    async with wrap(inner) as transport:
        response = await transport.handle_async_request(request_of(family))
        async for chunk in response.stream:
            chunks.append(chunk)
            given.append(inner.bodies[-1].given)
        await response.aclose()
    require(chunks == list(CHUNKS), f"{list(CHUNKS)} came as {chunks}")
    require(given == [1, 2, 3], f"so many pieces were read as each of them came: {given}")


async def reading_to_the_end_closes_the_body_once(wrap: Wrap, family: ModuleType) -> None:
    """The inner body is closed once when the caller has read all of it and closes the response again."""
    inner = probe(family)
    async with wrap(inner) as transport:
        response = await transport.handle_async_request(request_of(family))
        await response.aread()
        await response.aclose()
    closed = inner.bodies[-1].closed
    require(closed == 1, f"it was closed {closed} times")


async def closing_early_closes_the_body_once(wrap: Wrap, family: ModuleType) -> None:
    """The inner body is closed once, and read no further, when the caller closes a response unread or half read."""
    for pieces in (0, 1):
        inner = probe(family)
        async with wrap(inner) as transport:
            response = await transport.handle_async_request(request_of(family))
            chunks = aiter(response.stream)
            for _ in range(pieces):
                await anext(chunks)
            await leave(chunks, response.stream)
            await response.aclose()
            await response.aclose()
        body = inner.bodies[-1]
        require(body.closed == 1, f"after {pieces} pieces it was closed {body.closed} times")
        require(body.given <= pieces, f"after {pieces} pieces {body.given} were read")


async def errors_of_the_body_come_out(wrap: Wrap, family: ModuleType) -> None:
    """A body that breaks raises its own error after the pieces that came, and is closed when the response is."""
    error = family.ReadError("broken")

    async def answer(inner: Probe, _: Any) -> Any:
        return inner.respond(chunks=(b"one", error))

    inner, chunks = probe(family, answer), list[bytes]()
    raised: Exception | None = None
    async with wrap(inner) as transport:
        response = await transport.handle_async_request(request_of(family))
        try:
            async for chunk in response.stream:
                chunks.append(chunk)
        except Exception as caught:  # noqa: BLE001 - which one it is, is the question
            raised = caught
        await response.aclose()
    require(type(raised) is family.ReadError, f"ReadError came out as {raised!r}")
    require(chunks == [b"one"], f"before it came {chunks}")
    require(inner.left_open == 0, "it was left open")
