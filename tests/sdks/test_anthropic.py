"""The SDK of Anthropic on top of a stack, with its own default client."""

from __future__ import annotations

import json
from typing import Any

import anthropic
import pytest
from anthropic import AsyncAnthropic, DefaultAsyncHttpxClient

from gracy_transport import GracefulRetry, GracyConfig, attach
from gracy_transport.testing.origin import Origin, Reply

# Not on trio: there the SDK leaves its own generators to the garbage collector.
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]

CONFIG = GracyConfig(
    retry=GracefulRetry(delay=0.001, methods="any", retry_on={429, 529}), concurrent_requests=1, deadline=30
)
QUESTION: dict[str, Any] = {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "Who is it?"}]}
MESSAGE: dict[str, Any] = {"id": "a", "type": "message", "role": "assistant", "model": "m", "stop_sequence": None}
OVERLOADED = Reply(529, json={"type": "error", "error": {"type": "overloaded_error", "message": "come back later"}})


def streamed(*words: str) -> Reply:
    """Returns an answer whose words come one by one."""
    start = MESSAGE | {"content": [], "stop_reason": None, "usage": {"input_tokens": 1, "output_tokens": 1}}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": word}} for word in words),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]
    chunks = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]
    return Reply(chunks=chunks, headers={"Content-Type": "text/event-stream"})


def sdk(origin: Origin) -> AsyncAnthropic:
    """Returns the SDK, whose own client has a stack in front of what it was made with."""
    client = DefaultAsyncHttpxClient(verify=False)
    attach(client, CONFIG)
    return AsyncAnthropic(api_key="none", base_url=origin.url, max_retries=0, http_client=client)


async def test_an_api_that_is_overloaded_is_asked_again() -> None:
    """The streams of both calls come word by word, one after the other."""
    async with Origin() as origin:
        origin.on("/v1/messages").reply(OVERLOADED, streamed("dit", "to"), streamed("pika", "chu"))
        said = []
        async with sdk(origin) as client:
            for _ in range(2):
                async with client.messages.stream(**QUESTION) as stream:
                    said.append([word async for word in stream.text_stream])
        assert said == [["dit", "to"], ["pika", "chu"]]
        assert origin.count == 3


async def test_the_last_answer_is_the_sdks_own_exception() -> None:
    """Its status and its message are those of the API."""
    async with Origin() as origin:
        origin.on("/v1/messages").reply(OVERLOADED)
        async with sdk(origin) as client:
            with pytest.raises(anthropic.APIStatusError, match="come back later") as caught:
                await client.messages.create(**QUESTION)
        assert (caught.value.status_code, origin.count) == (529, 4)
        assert "4 attempts" in str(caught.value.response.extensions["gracy"])
