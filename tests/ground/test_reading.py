"""A response whose body is in memory is like any other, and read in one step."""

from __future__ import annotations

import gzip
import pickle
from collections.abc import AsyncIterator, Awaitable, Callable
from types import ModuleType
from typing import Any

import pytest

from gracy_transport.family import family_of
from gracy_transport.reading import response_in_memory

pytestmark = pytest.mark.anyio

URL = "https://api.test/items"
BODY = '{"id": 1}\nmöre\n'.encode()

Answer = Callable[[Any], Any]
Use = Callable[[Any], Awaitable[Any]]


def client_of(family: ModuleType, answer: Answer, **settings: Any) -> Any:
    """Returns a client whose requests get that answer."""

    class Wire(family.AsyncBaseTransport):  # type: ignore[misc, name-defined]
        async def handle_async_request(self, request: Any) -> Any:
            return answer(request)

    return family.AsyncClient(transport=Wire(), **settings)


def plain(request: Any, body: bytes = BODY, **headers: str) -> Any:
    """Returns the answer as any transport does."""
    family = family_of(request)
    return family.Response(200, headers=headers, stream=family.ByteStream(body))


def quick(request: Any, body: bytes = BODY, **headers: str) -> Any:
    """Returns the answer that is read in one step."""
    return response_in_memory(family_of(request), 200, headers, body)


async def error_of(reading: Awaitable[bytes]) -> type[Exception] | None:
    """Returns which error reading ends with."""
    try:
        await reading
    except Exception as error:  # noqa: BLE001 - which it is is what is asked
        return type(error)
    return None


async def asked(client: Any) -> list[Any]:
    """Asks as most do."""
    response = await client.get(URL)
    again = await response.aread()
    return [response, response.content, response.text, again, response.elapsed is not None]


async def streamed(client: Any) -> list[Any]:
    """Reads a stream at once."""
    async with client.stream("GET", URL) as response:
        before = response.is_closed, response.is_stream_consumed, response.num_bytes_downloaded
        return [response, before, await response.aread(), response.is_closed, response.elapsed is not None]


async def in_pieces(client: Any) -> list[Any]:
    """Reads a stream in all the ways there are."""
    found: list[Any] = []
    for way, given in (("aiter_raw", (4,)), ("aiter_bytes", (4,)), ("aiter_text", ()), ("aiter_lines", ())):
        async with client.stream("GET", URL) as response:
            found.append([piece async for piece in getattr(response, way)(*given)])
            found.append(response)
    return found


async def read_raw(client: Any) -> list[Any]:
    """Reads a stream as it came, and then wants it decoded."""
    async with client.stream("GET", URL) as response:
        raw = b"".join([piece async for piece in response.aiter_raw()])
        return [response, raw, await error_of(response.aread())]


async def closed(client: Any) -> list[Any]:
    """Leaves a stream unread, and wants to read it then."""
    async with client.stream("GET", URL) as response:
        pass
    return [response, await error_of(response.aread())]


async def pickled(client: Any) -> list[Any]:
    """Pickles what was read, and what was not."""
    read = await client.get(URL)
    async with client.stream("GET", URL) as response:
        unread = pickle.loads(pickle.dumps(response))
    return [read, pickle.loads(pickle.dumps(read)).content, type(unread), unread.status_code]


def facts(found: list[Any]) -> list[Any]:
    """Returns what is found with what there is to see of the responses."""
    return [_facts(each) if hasattr(each, "status_code") else each for each in found]


def _facts(response: Any) -> tuple[Any, ...]:
    content = response.content if hasattr(response, "_content") else None
    state = response.is_closed, response.is_stream_consumed, response.num_bytes_downloaded, response.is_success
    return content, *state, response.headers, repr(response), response.extensions, set(vars(response)) - {"_decoder"}


@pytest.mark.parametrize("headers", [{}, {"content-encoding": "gzip"}], ids=["plain", "gzip"])
@pytest.mark.parametrize("use", [asked, streamed, in_pieces, read_raw, closed, pickled])
async def test_nothing_is_seen_of_it(family: ModuleType, use: Use, headers: dict[str, str]) -> None:
    """Whatever is done with it, it does what any other response does."""
    body = gzip.compress(BODY) if headers else BODY
    answers = [lambda request: plain(request, body, **headers), lambda request: quick(request, body, **headers)]
    found: list[Any] = []
    for answer in answers:
        async with client_of(family, answer) as client:
            found.append(facts(await use(client)))
    assert found[0] == found[1]


async def test_what_is_read_is_of_the_usual_class(family: ModuleType) -> None:
    """Who asks for the type of a response gets that of its family."""
    async with client_of(family, quick) as client:
        assert type(await client.get(URL)) is family.Response


async def test_it_is_read_in_one_step(family: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing goes through it piece by piece."""
    monkeypatch.delattr(family.Response, "aiter_bytes")
    async with client_of(family, quick) as client:
        assert (await client.get(URL)).content == BODY


async def test_who_is_around_the_body_sees_it_pass(family: ModuleType) -> None:
    """A transport that puts a stream of its own in place of the body is not passed over."""

    class Loud(family.AsyncByteStream):  # type: ignore[misc, name-defined]
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            async for piece in self._stream:
                yield piece.upper()

    def answer(request: Any) -> Any:
        response = quick(request, b"body")
        response.stream = Loud(response.stream)
        return response

    async with client_of(family, answer) as client:
        assert (await client.get(URL)).content == b"BODY"


async def test_a_client_that_covers_bodies_with_something_else(
    family: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such a response is read as any other."""
    monkeypatch.setattr(family_of(family.Request("GET", URL)), "BoundAsyncStream", None)
    async with client_of(family, quick) as client:
        response = await client.get(URL)
    assert response.content == BODY
    assert response.is_closed
