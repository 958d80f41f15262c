"""The SDK of OpenAI on top of a stack: it keeps its answers, streams and exceptions, and the stack does the waiting."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletion

from gracy_transport import (
    GracefulRetry,
    GracefulThrottle,
    GracyConfig,
    GracyReplay,
    ThrottleRule,
    attach,
)
from gracy_transport.exceptions import DeadlineExceeded
from gracy_transport.replays.storages.lines import JSONLinesReplayStorage
from gracy_transport.testing.origin import Origin, Reply

# Not on trio: there the SDK leaves its own generators to the garbage collector.
pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("anyio_backend", ["asyncio"])]

SECRET = "sk-proj-0123456789abcdefghijklmnopqrstuvwxyz"
RETRY = GracefulRetry(delay=0.001, methods="any", retry_on={429, 500, 503, Exception})
PATH = "/v1/chat/completions"
QUESTION: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "Who is it?"}]}


def chunk_of(word: str) -> bytes:
    """Returns one event of a streamed answer."""
    choice = f'{{"index":0,"delta":{{"content":"{word}"}},"finish_reason":null}}'
    chunk = f'{{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{choice}]}}'
    return f"data: {chunk}\n\n".encode()


def reply(text: str = "ditto") -> Reply:
    """Returns a whole answer."""
    message = {"role": "assistant", "content": text}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return Reply(json={"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": choices})


STREAM = Reply(
    chunks=[chunk_of("dit"), chunk_of("to"), b"data: [DONE]\n\n"], headers={"Content-Type": "text/event-stream"}
)


def sdk(origin: Origin, family: ModuleType, *, key: str = SECRET, retries: int = 0, **options: Any) -> AsyncOpenAI:
    """Returns the SDK, whose client has a stack."""
    client = family.AsyncClient(verify=False)
    attach(client, GracyConfig(**options.pop("config", {})), **options)
    return AsyncOpenAI(api_key=key, base_url=f"{origin.url}/v1", max_retries=retries, http_client=client)


async def ask(client: AsyncOpenAI) -> str | None:
    """Returns what the model says."""
    answer: ChatCompletion = await client.chat.completions.create(**QUESTION)
    return answer.choices[0].message.content


async def test_what_the_api_turns_down_is_asked_again(family: ModuleType) -> None:
    """By the stack, once it is there; the SDK counts no retries of its own."""
    async with Origin() as origin:
        origin.on(PATH).reply(Reply(429, headers={"Retry-After-Ms": "1"}), Reply(503), reply())
        async with sdk(origin, family, config={"retry": RETRY}) as client:
            assert await ask(client) == "ditto"
        assert origin.count == 3
        assert {visit.headers["x-stainless-retry-count"] for visit in origin.visits} == {"0"}
        assert len({visit.body for visit in origin.visits}) == 1


async def test_a_stream_comes_in_pieces_and_frees_its_slot(family: ModuleType) -> None:
    """The only slot is taken until the stream is over, and by nobody afterwards."""
    async with Origin() as origin:
        origin.on(PATH).reply(Reply(503), STREAM, STREAM)
        async with sdk(origin, family, config={"retry": RETRY, "concurrent_requests": 1, "deadline": 30}) as client:
            for _ in range(2):
                async with await client.chat.completions.create(**QUESTION, stream=True) as stream:
                    assert [each.choices[0].delta.content async for each in stream] == ["dit", "to"]
        assert origin.count == 3


async def test_a_stream_that_is_left_early_frees_its_slot(family: ModuleType) -> None:
    """As soon as it is closed."""
    async with Origin() as origin:
        origin.on(PATH).reply(STREAM, reply())
        async with sdk(origin, family, config={"concurrent_requests": 1, "deadline": 30}) as client:
            async with await client.chat.completions.create(**QUESTION, stream=True) as stream:
                assert (await anext(aiter(stream))).choices[0].delta.content == "dit"
            assert await ask(client) == "ditto"


async def test_the_last_answer_is_the_sdks_own_exception(family: ModuleType) -> None:
    """It carries what happened to the call."""
    async with Origin() as origin:
        origin.on(PATH).reply(Reply(429, json={"error": {"message": "too much"}}))
        async with sdk(origin, family, config={"retry": RETRY}) as client:
            with pytest.raises(openai.RateLimitError, match="too much") as caught:
                await ask(client)
        assert "4 attempts" in str(caught.value.response.extensions["gracy"])
        assert origin.count == 4


async def test_a_deadline_is_the_sdks_timeout(family: ModuleType) -> None:
    """With ours as its cause."""
    async with Origin() as origin:
        origin.on(PATH).reply(Reply(fault="stall"))
        async with sdk(origin, family, config={"deadline": 0.05}) as client:
            with pytest.raises(openai.APITimeoutError) as caught:
                await ask(client)
    assert isinstance(caught.value.__cause__, DeadlineExceeded)


async def test_what_the_api_says_about_its_limits_holds_all_callers(family: ModuleType) -> None:
    """Of its headers, as it sends them."""
    headers = {
        "x-ratelimit-limit-requests": "2",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "10m",
    }
    throttling = GracefulThrottle(ThrottleRule(".*", 1000), follow_server=True)
    async with Origin() as origin:
        origin.on(PATH).reply(replace(reply(), headers=headers))
        async with sdk(origin, family, config={"throttling": throttling, "deadline": 5}) as client:
            await ask(client)
            with pytest.raises(openai.APITimeoutError) as caught:
                await ask(client)
        assert isinstance(caught.value.__cause__, DeadlineExceeded)
        assert origin.count == 1


async def test_retries_on_both_sides_are_warned_about(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """They multiply: the SDK's own are two unless it is told otherwise."""
    async with Origin() as origin:
        origin.on(PATH).reply(Reply(503, headers={"Retry-After-Ms": "1"}))
        async with sdk(origin, family, retries=1, config={"retry": RETRY}) as client:
            with pytest.raises(openai.InternalServerError):
                await ask(client)
        assert origin.count == 8
    assert "make the SDK with max_retries=0" in caplog.text


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_recorded_replays_without_a_key(family: ModuleType, tmp_path: Path, stream: bool) -> None:
    """Nor does the file hold one; the recorded stream has its pieces."""
    path = tmp_path / "openai.jsonl"
    said: list[Any] = []
    async with Origin() as origin:
        origin.on(PATH).reply(STREAM if stream else reply())
        for mode, key in (("record", SECRET), ("replay", "none")):
            replay = GracyReplay(mode, JSONLinesReplayStorage(path))  # type: ignore[arg-type]
            async with sdk(origin, family, key=key, replay=replay) as client:
                if stream:
                    async with await client.chat.completions.create(**QUESTION, stream=True) as pieces:
                        said.append([each.choices[0].delta.content async for each in pieces])
                else:
                    said.append(await ask(client))
        assert origin.count == 1
    assert said[0] == said[1]
    assert SECRET not in path.read_text("utf-8")
