"""Promises about what is not left behind: answers that nobody sees, requests that are cancelled, and many at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, suppress
from types import ModuleType
from typing import Any

import anyio
from anyio.lowlevel import checkpoint

from ...bodies import leave
from ...loops import current_loop
from ..cancelling import cancel_at, count_awaits, ways_to_cancel
from .check import Wrap, require
from .probe import CHUNKS, Probe, probe, request_of

CROWD = 20
"""Requests at once: enough for a mix-up to show."""


async def fetch(transport: Any, request: Any) -> bytes:
    """Returns the body of an answer, and closes it in any case, as clients do."""
    response = await transport.handle_async_request(request)
    try:
        content: bytes = await response.aread()
    except BaseException:
        await response.aclose()
        raise
    await response.aclose()
    return content


async def glance(transport: Any, request: Any) -> None:
    """Reads the beginning of an answer, and closes it."""
    response = await transport.handle_async_request(request)
    try:
        chunks = aiter(response.stream)
        await anext(chunks)
        await leave(chunks, response.stream)
    finally:
        await response.aclose()


async def closes_what_it_discards(wrap: Wrap, family: ModuleType) -> None:
    """An answer that the caller does not get, of a failed attempt or of one that is refused, is closed."""
    broken = family.ReadError("broken")
    first: list[tuple[int, tuple[bytes | Exception, ...]]] = [
        *((status, CHUNKS) for status in (200, 302, 401, 404, 429, 500, 503)),
        (200, (b"[", broken)),
        (503, (b"[", broken)),
        (200, (b"no JSON",)),
    ]
    for status, chunks in first:

        async def answer(
            inner: Probe, _: Any, status: int = status, chunks: tuple[bytes | Exception, ...] = chunks
        ) -> Any:
            return inner.respond() if inner.bodies else inner.respond(status, chunks)

        inner = probe(family, answer)
        async with wrap(inner) as transport:
            with suppress(Exception):  # it may refuse the answer: all that counts is what it leaves behind
                await fetch(transport, request_of(family))
        what = f"{status} with the body {chunks}"
        require(inner.bodies, "the inner transport was never asked")
        require(inner.left_open == 0, f"after {what} {inner.left_open} of {len(inner.bodies)} bodies were left open")


async def cancellation_comes_out(wrap: Wrap, family: ModuleType) -> None:
    """A request that is cancelled ends with that: no answer, no other error, and no further attempt."""
    arrived, arrivals, ended = anyio.Event(), list[Any](), list[object]()

    async def answer(_: Probe, sent: Any) -> Any:
        arrivals.append(sent)
        arrived.set()
        await anyio.sleep_forever()

    async def ask(transport: Any) -> None:
        try:
            ended.append(await transport.handle_async_request(request_of(family)))
        except Exception as error:  # noqa: BLE001 - that there is one, is the question
            ended.append(error)

    async with wrap(probe(family, answer)) as transport, anyio.create_task_group() as tasks:
        tasks.start_soon(ask, transport)
        await arrived.wait()
        tasks.cancel_scope.cancel()
    require(not ended, f"it ended with {ended}")
    require(len(arrivals) == 1, f"{len(arrivals)} attempts were made")


async def cancelled_at_any_await_it_leaves_nothing_open(wrap: Wrap, family: ModuleType) -> None:
    """Wherever a request is cancelled, its answer is closed, no task is left, and the next request is served.

    One that is read, one that is closed early, and one whose first answer is a 503, which may be tried again.
    """
    statuses: list[int] = []

    async def answer(inner: Probe, sent: Any) -> Any:
        async for _ in sent.stream:
            pass
        await checkpoint()
        return inner.respond(statuses.pop() if statuses else 200)

    inner = probe(family, answer)
    async with wrap(inner) as transport:
        for read, first in ((fetch, 200), (glance, 200), (fetch, 503)):

            async def ask(read: Any = read, first: int = first) -> None:
                statuses[:] = [first]
                with suppress(Exception):  # it may refuse the answer: all that counts is what it leaves behind
                    await read(transport, request_of(family, "PUT", "/", b"x"))

            async with aclosing(cancelled_everywhere(ask)) as places:
                async for where in places:
                    require(inner.left_open == 0, f"{where} its answer was left open")
                    statuses.clear()
                    content = await fetch(transport, request_of(family, "PUT", "/", b"x"))
                    require(content == b"".join(CHUNKS), f"{where} the next request got {content!r}")


async def cancelled_everywhere(ask: Callable[[], Coroutine[Any, Any, None]]) -> AsyncGenerator[str]:
    """Cancels a request at each of its awaits in each way there is, and yields where it was, in words."""
    await ask()  # the first may open what is kept
    others, awaits = tasks_here(), await count_awaits(ask())
    for way in ways_to_cancel():
        for at in range(1, awaits + 1):
            await cancel_at(ask(), at, way)
            where = f"after it was cancelled ({way}) at await {at} of {awaits}"
            require(tasks_here() <= others, f"{where} a task was left")
            yield where


def tasks_here() -> set[Any]:
    """Returns the tasks of this loop; on trio task groups see to it that none is left."""
    return set() if current_loop().is_trio else asyncio.all_tasks()


async def concurrent_requests_do_not_mix(wrap: Wrap, family: ModuleType) -> None:
    """Requests at once get each their own answer, in whatever order those come."""

    async def answer(inner: Probe, sent: Any) -> Any:
        body = b"".join([chunk async for chunk in sent.stream])
        for _ in range(CROWD - int(body)):
            await checkpoint()
        return inner.respond(chunks=(sent.url.path.encode(), b" ", body))

    answers: dict[int, bytes] = {}

    async def ask(transport: Any, number: int) -> None:
        request = request_of(family, "POST", f"/{number}", str(number).encode())
        answers[number] = await fetch(transport, request)

    async with wrap(probe(family, answer)) as transport, anyio.create_task_group() as tasks:
        for number in range(CROWD):
            tasks.start_soon(ask, transport, number)
    wrong = {number: content for number, content in answers.items() if content != f"/{number} {number}".encode()}
    require(not wrong, f"some got the answers of others: {wrong}")
