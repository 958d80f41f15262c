"""Promises about what passes through: requests, answers and errors."""

from __future__ import annotations

import gzip
from types import ModuleType
from typing import Any

from .check import Wrap, require
from .probe import CHUNKS, Probe, probe, request_of


async def passes_the_request_on(wrap: Wrap, family: ModuleType) -> None:
    """Method, URL, headers and body reach the inner transport; other headers may be added."""
    seen: list[tuple[str, str, set[tuple[bytes, bytes]], bytes]] = []

    async def answer(inner: Probe, sent: Any) -> Any:
        body = b"".join([chunk async for chunk in sent.stream])
        seen.append((sent.method, str(sent.url), set(sent.headers.raw), body))
        return inner.respond()

    request = request_of(family, "PUT", "/a%20b?c=d&c=e", b"a body")
    async with wrap(probe(family, answer)) as transport:
        response = await transport.handle_async_request(request)
        await response.aread()
    require(seen, "the inner transport was never asked")
    method, url, headers, body = seen[-1]
    require((method, url) == (request.method, str(request.url)), f"it asked for {method} {url}")
    require(set(request.headers.raw) <= headers, f"it sent the headers {sorted(headers)}")
    require(body == b"a body", f"it sent the body {body!r}")


async def passes_the_extensions_of_the_request_on(wrap: Wrap, family: ModuleType) -> None:
    """What the client says in the extensions of a request reaches the inner transport: its timeouts, and all else."""
    seen: list[dict[str, Any]] = []

    async def answer(inner: Probe, sent: Any) -> Any:
        seen.append(dict(sent.extensions))
        return inner.respond()

    request, marker = request_of(family), object()
    request.extensions["own"] = marker
    async with wrap(probe(family, answer)) as transport:
        response = await transport.handle_async_request(request)
        await response.aread()
    require(seen, "the inner transport was never asked")
    kept = seen[-1].get("own") is marker and set(seen[-1].get("timeout", ())) == set(request.extensions["timeout"])
    require(kept, f"it was asked with the extensions {seen[-1]}")


async def leaves_the_request_alone(wrap: Wrap, family: ModuleType) -> None:
    """The caller's request stays as it was: URL, headers, body, and what its extensions hold; an entry may be added."""
    request = request_of(family, "POST", "/own", b"a body")
    marker, timeouts, stream = object(), request.extensions["timeout"], request.stream
    request.extensions["own"] = marker
    before = (request.method, str(request.url), list(request.headers.raw), dict(timeouts))
    async with wrap(probe(family)) as transport:
        response = await transport.handle_async_request(request)
        await response.aread()
    after = (request.method, str(request.url), list(request.headers.raw), dict(timeouts))
    require(after == before, f"{before} became {after}")
    require(request.stream is stream, "its body is another object now")
    kept = request.extensions.get("timeout") is timeouts and request.extensions.get("own") is marker
    require(kept, f"its extensions became {request.extensions}")


async def answers_in_the_family_of_the_request(wrap: Wrap, family: ModuleType) -> None:
    """A client gets a response of its own package whose body is a stream of that package: it asserts that."""
    async with wrap(probe(family)) as transport:
        response = await transport.handle_async_request(request_of(family))
        require(isinstance(response, family.Response), f"the response is a {type(response)}")
        require(isinstance(response.stream, family.AsyncByteStream), f"its body is a {type(response.stream)}")
        await response.aread()


async def passes_the_answer_on(wrap: Wrap, family: ModuleType) -> None:
    """Status, headers and body of an answer come out as they are; other headers may be added."""
    headers = [("content-type", "application/json"), ("x-own", "1"), ("x-own", "2")]

    async def answer(inner: Probe, _: Any) -> Any:
        return inner.respond(201, headers=headers)

    async with wrap(probe(family, answer)) as transport:
        response = await transport.handle_async_request(request_of(family, "POST"))
        content = await response.aread()
    require(response.status_code == 201, f"the status became {response.status_code}")
    require(set(headers) <= set(response.headers.multi_items()), f"the headers became {response.headers}")
    require(content == b"".join(CHUNKS), f"the body became {content!r}")


async def passes_a_compressed_answer_on(wrap: Wrap, family: ModuleType) -> None:
    """A body that is compressed can be read: who decodes it takes the `Content-Encoding` away, too."""

    async def answer(inner: Probe, _: Any) -> Any:
        compressed = gzip.compress(b"".join(CHUNKS))
        headers = {"content-encoding": "gzip", "content-length": str(len(compressed))}
        return inner.respond(chunks=(compressed[:5], compressed[5:]), headers=headers)

    async with wrap(probe(family, answer)) as transport:
        response = await transport.handle_async_request(request_of(family))
        is_read = response.is_stream_consumed  # then it holds what it decoded itself
        content = await response.aread() if is_read else b"".join([chunk async for chunk in response.stream])
        await response.aclose()
    encoding, is_gzip = response.headers.get("content-encoding"), content.startswith(b"\x1f\x8b")
    require(is_read or is_gzip == (encoding == "gzip"), f"{content!r} came with the content encoding {encoding}")
    content = gzip.decompress(content) if is_gzip else content
    require(content == b"".join(CHUNKS), f"the body became {content!r}")


async def keeps_the_extensions_of_the_answer(wrap: Wrap, family: ModuleType) -> None:
    """What the wire says in the extensions of a response is there still: the HTTP version, the network stream."""
    given = {"http_version": b"HTTP/1.1", "reason_phrase": b"Fine", "network_stream": object()}

    async def answer(inner: Probe, _: Any) -> Any:
        return inner.respond(extensions=given)

    async with wrap(probe(family, answer)) as transport:
        response = await transport.handle_async_request(request_of(family))
        await response.aread()
    lost = [name for name, value in given.items() if response.extensions.get(name) is not value]
    require(not lost, f"{' and '.join(lost)} did not come through")


async def errors_come_out_unchanged(wrap: Wrap, family: ModuleType) -> None:
    """What the inner transport raises comes out with its own type, so that `except` clauses keep working."""
    kinds = ("ConnectError", "ConnectTimeout", "ReadTimeout", "WriteError", "PoolTimeout", "RemoteProtocolError")
    for kind in (*(getattr(family, name) for name in kinds), OSError, LookupError):

        async def answer(_: Probe, __: Any, kind: type[Exception] = kind) -> Any:
            raise kind("of the inner transport")

        raised: Exception | None = None
        async with wrap(probe(family, answer)) as transport:
            try:
                await transport.handle_async_request(request_of(family))
            except Exception as error:  # noqa: BLE001 - which one it is, is the question
                raised = error
        require(type(raised) is kind, f"{kind.__name__} came out as {raised!r}")


async def passes_answers_without_a_body(wrap: Wrap, family: ModuleType) -> None:
    """Answers to HEAD, 204 and 304 come through, with the headers that speak of a body, and are closed once read."""
    cases: list[tuple[str, int, dict[str, str]]] = [
        ("HEAD", 200, {"content-length": "1000", "content-type": "text/html"}),
        ("GET", 204, {"x-own": "1"}),
        ("GET", 304, {"etag": '"1"'}),
    ]
    for method, status, headers in cases:

        async def answer(inner: Probe, _: Any, status: int = status, headers: dict[str, str] = headers) -> Any:
            return inner.respond(status, (), headers)

        inner = probe(family, answer)
        async with wrap(inner) as transport:
            response = await transport.handle_async_request(request_of(family, method))
            content = await response.aread()
        what = f"{method} {status}"
        require(response.status_code == status, f"{what} came out as {response.status_code}")
        require(set(headers.items()) <= set(response.headers.items()), f"{what} has the headers {response.headers}")
        require(content == b"", f"{what} has the body {content!r}")
        require(inner.left_open == 0, f"{what} was left open")


async def passes_an_upgrade(wrap: Wrap, family: ModuleType) -> None:
    """A 101 comes through with its network stream, which nobody reads or closes before the caller does."""
    network = object()

    async def answer(inner: Probe, _: Any) -> Any:
        headers = {"connection": "upgrade", "upgrade": "websocket"}
        return inner.respond(101, (b"what follows is no HTTP",), headers, {"network_stream": network})

    inner = probe(family, answer)
    request = request_of(family)
    request.headers.update({"connection": "upgrade", "upgrade": "websocket"})
    async with wrap(inner) as transport:
        response = await transport.handle_async_request(request)
        (body,) = inner.bodies
        require(response.status_code == 101, f"the status became {response.status_code}")
        require(response.headers.get("upgrade") == "websocket", f"the headers became {response.headers}")
        require(response.extensions.get("network_stream") is network, "the network stream did not come through")
        require((body.given, body.closed) == (0, 0), "it was read or closed on the way")
        await response.aclose()
    require(body.closed, "closing the response did not close it")
