"""Whatever servers say and whenever: nothing is sent in a pause, nor more than is left, and all get through."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gracy_transport import GracefulThrottle, GracyConfig, GracyTransport, ThrottleRule
from gracy_transport.testing import FakeClock

pytestmark = pytest.mark.anyio

CAP = 20.0


@dataclass
class Word:
    """What a server said, and to which request, both by their place in the order of all that happened."""

    at: float
    place: int
    asked: int
    pause: float = 0.0
    left: int | None = None
    until: float = 0.0


@dataclass
class Server(httpx.AsyncBaseTransport):
    """Answers by a script, and notes in one order what was sent and what was said."""

    clock: FakeClock
    script: list[tuple[float, str, int, int]]
    sent: list[tuple[int, float]] = field(default_factory=list[tuple[int, float]])
    said: list[Word] = field(default_factory=list[Word])
    happened: int = 0

    def count(self) -> int:
        """Returns the place of what happens now."""
        self.happened += 1
        return self.happened

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Answers the n-th request with the n-th step, and with 200 when there are no more."""
        number, asked = len(self.sent), self.count()
        self.sent.append((asked, self.clock.now()))
        delay, kind, left, seconds = self.script[number] if number < len(self.script) else (0.25, "", 0, 0)
        await self.clock.sleep(delay)
        now = self.clock.now()
        if kind == "pause":
            self.said.append(Word(now, self.count(), asked, pause=float(seconds)))
            return httpx.Response(429, headers={"retry-after": str(seconds)})
        if kind == "left":
            self.said.append(Word(now, self.count(), asked, left=left, until=now + seconds))
            return httpx.Response(200, headers={"ratelimit": f'"a";r={left};t={seconds}'})
        return httpx.Response(200)

    def check(self) -> None:
        """Compares what was sent with what had been said before."""
        for word in self.said:
            end = word.at + min(word.pause, CAP)
            assert not [at for place, at in self.sent if place > word.place and at < end], word
            if word.left is None:
                continue
            # A word counts until the answer to a request that was sent after it says something else.
            newer = min([w.place for w in self.said if w.left is not None and w.asked > word.place], default=10**9)
            until = min(word.until, word.at + CAP)
            used = [at for place, at in self.sent if word.place < place < newer and at < until]
            assert len(used) <= word.left, (word, used)


STEPS = st.tuples(
    st.sampled_from([0.0, 0.25, 0.5, 1.0, 4.0]),
    st.sampled_from(["", "pause", "left"]),
    st.integers(0, 4),
    st.integers(0, 9),
)
CALLERS = st.tuples(st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.0]), st.sampled_from([None, None, None, 0.5, 2.0]))


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(STEPS, max_size=12),
    callers=st.lists(CALLERS, min_size=1, max_size=15),
    rate=st.sampled_from([None, 1, 3]),
    slots=st.sampled_from([None, 1, 2]),
)
@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_words_are_kept_and_everybody_gets_through(
    backend: str,
    script: list[tuple[float, str, int, int]],
    callers: list[tuple[float, float | None]],
    rate: int | None,
    slots: int | None,
) -> None:
    """Arrivals, answers, words, rates, slots and callers who give up, in any order and at the same instants."""
    rules = [] if rate is None else [ThrottleRule(".*", rate)]
    throttle = GracefulThrottle(rules, follow_server=True, max_pause=CAP)
    config = GracyConfig(throttling=throttle, concurrent_requests=slots)

    async def main() -> None:
        clock = FakeClock()
        server = Server(clock, script)
        stack = GracyTransport(server, config, clock=clock)
        done: list[Any] = []

        async def call(client: httpx.AsyncClient, patience: float | None) -> None:
            with clock.timeout(1e6 if patience is None else patience):
                await client.get("https://api.test/a")
            done.append(patience)

        async with httpx.AsyncClient(transport=stack) as client, anyio.create_task_group() as group:
            for gap, patience in callers:
                await clock.sleep(gap)
                group.start_soon(call, client, patience)
        server.check()
        assert len(done) == len(callers)
        assert clock.now() - 1000 < 60 + 25 * (len(script) + len(callers))
        assert stack._shared.desk.waiting == 0

    anyio.run(main, backend=backend)
