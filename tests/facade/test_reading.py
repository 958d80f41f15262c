"""A response of a verb has been read within its attempt, and is in all else the one that a client gives."""

from __future__ import annotations

import gzip
import pickle
import zlib
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracefulRetry, GracyConfig, LogEvent, LogLevel
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, Scripted

pytestmark = pytest.mark.anyio

JSON = {"content-type": "application/json; charset=latin-1"}
TEXT = b'{"name": "pikach\xfc"}'
ANSWERS = {
    "json": ScriptedResponse(headers=JSON, content=TEXT),
    "pieces": ScriptedResponse(headers=JSON, chunks=[TEXT[:5], b"", TEXT[5:]]),
    "nothing": ScriptedResponse(headers=JSON),
    "no content": ScriptedResponse(status=204),
    "gzip": ScriptedResponse(headers={**JSON, "Content-Encoding": "gzip"}, content=gzip.compress(TEXT)),
    "two codings": ScriptedResponse(
        headers={**JSON, "content-encoding": "deflate, gzip"}, content=gzip.compress(zlib.compress(TEXT))
    ),
    "no coding": ScriptedResponse(headers={**JSON, "content-encoding": "identity"}, content=TEXT),
    "an unknown coding": ScriptedResponse(headers={**JSON, "content-encoding": "rot13"}, content=TEXT),
    "a redirect": ScriptedResponse(status=302, headers={"location": "/elsewhere"}, content=b"there"),
    "not found": ScriptedResponse(status=404, content=b"nowhere"),
}


def facts_of(response: Any) -> dict[str, Any]:
    """Returns what can be known of a response after it was read."""
    return {
        "status": response.status_code,
        "headers": response.headers.raw,
        "content": response.content,
        "text": response.text,
        "encoding": response.encoding,
        "closed": response.is_closed,
        "consumed": response.is_stream_consumed,
        "bytes": response.num_bytes_downloaded,
        "timed": isinstance(response.elapsed, timedelta),
        "asked": (response.request.method, str(response.request.url), str(response.url)),
        "hops": [(hop.status_code, hop.content, hop.is_closed) for hop in response.history],
        "next": None if response.next_request is None else str(response.next_request.url),
        "pieces": [*response.iter_bytes(4)],
        "lines": [*response.iter_lines()],
        "pickled": pickle.loads(pickle.dumps(response)).content,
    }


async def seen_by(make: Any, options: dict[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Returns the facts of a response, and what a hook of the client saw of it."""
    heard: list[Any] = []

    async def hook(response: Any) -> None:
        heard.append((response.status_code, await response.aread()))

    client, get = make()
    client.event_hooks = {"response": [hook]}
    response = await get(**options)
    await response.aread()
    await response.aclose()
    return facts_of(response), heard


@pytest.mark.parametrize("follow_redirects", [False, True])
@pytest.mark.parametrize("retry", [GracefulRetry(delay=0, retry_on={503}), None])
@pytest.mark.parametrize("answer", ANSWERS)
async def test_a_response_is_that_of_a_client(
    answer: str, retry: GracefulRetry | None, follow_redirects: bool, family: ModuleType
) -> None:
    """Whatever its coding, its status and its pieces, with a hook of the client's own on the way, and after a hop."""
    script: tuple[Any, ...] = (ANSWERS[answer], ScriptedResponse(content=b"arrived"))
    if answer != "a redirect":
        script = script[:1]

    class API(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(retry=retry, allowed_status_code={302, 404}, log_errors=LogEvent(LogLevel.DEBUG))

    def bare() -> tuple[Any, Any]:
        client = family.AsyncClient(transport=ScriptedWire(*script))
        return client, lambda **options: client.get(f"{BASE}/x", **options)

    def ours() -> tuple[Any, Any]:
        api = API(family, ScriptedWire(*script))
        return api._client, lambda **options: api.get("/x", **options)

    options = {"follow_redirects": follow_redirects}
    assert await seen_by(ours, options) == await seen_by(bare, options)
