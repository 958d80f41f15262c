"""Asks how much each layer adds alone, to a direct call of the transport with its body read to the end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import httpx

from gracy_transport.concurrency import ConcurrencyLimitTransport, ConcurrentRequestLimit
from gracy_transport.layer import Layer
from gracy_transport.logevents import LogEvent, LogLevel
from gracy_transport.logs import LoggingTransport
from gracy_transport.metrics import MetricsTransport
from gracy_transport.retry import GracefulRetry, RetryTransport
from gracy_transport.throttle import ThrottleRule, ThrottleTransport
from gracy_transport.validation import ValidationTransport

from .figures import Figure
from .harness import Step, race
from .subjects import URL, read, stack_on, wire_of

TITLE = "A layer alone, µs added to a direct call of the transport, its body read"
GOALS = {"throttle, one rule for all": 0.8, "concurrency, one limit for all": 1.2, "metrics": 1.5}
"""Microseconds, on a machine where a bare `client.get` takes about 90, and seven empty layers 0.7."""


def layers(wire: Any) -> dict[str, Layer]:
    """Returns each layer in front of the wire, set up so that it has something to do."""
    event = LogEvent(LogLevel.DEBUG)
    return {
        "an empty layer": Layer(wire),
        "throttle, one rule for all": ThrottleTransport(wire, ThrottleRule(".*", 1_000_000, 0.5)),
        "throttle, a pattern": ThrottleTransport(wire, ThrottleRule(r"https://api\.example\.com/.*", 1_000_000, 0.5)),
        "concurrency, one limit for all": ConcurrencyLimitTransport(wire, 100),
        "concurrency, per origin": ConcurrencyLimitTransport(wire, ConcurrentRequestLimit(100)),
        "retry": RetryTransport(wire, GracefulRetry(delay=1, max_attempts=3)),
        "validation": ValidationTransport(wire, allowed_status_code=404),
        "logging, level off": LoggingTransport(wire, log_request=event, log_response=event, log_errors=event),
        "metrics": MetricsTransport(wire),
    }


async def ask(*, quick: bool) -> list[Figure]:
    """Compares each layer with the bare wire."""
    return [figure for is_streamed in (False, True) for figure in await _over(is_streamed, quick=quick)]


async def _over(is_streamed: bool, *, quick: bool) -> list[Figure]:  # noqa: FBT001 - one of the two kinds of body
    wire = wire_of(httpx, is_streamed=is_streamed)
    subjects: dict[str, Any] = {"bare": wire, **layers(wire), "everything": stack_on(wire)}
    steps = {name: _sender(transport) for name, transport in subjects.items()}
    took = await race(steps, _requests, rounds=9 if quick else 41, steps=500)
    bare = took.pop("bare")
    body = "body from a connection" if is_streamed else "body in memory"
    figures = [Figure(f"the bare wire, {body}", bare.median, "µs", bare.best)]
    for name, timing in took.items():
        added, best = timing.added_to(bare)
        figures.append(Figure(f"{name}, {body}", added, "µs", best, at_most=GOALS.get(name)))
    return figures


def _sender(transport: Any) -> Step:
    send = transport.handle_async_request

    async def step(request: httpx.Request) -> None:
        await read(await send(request))

    return step


def _requests(count: int) -> Sequence[Any]:
    url = httpx.URL(URL)
    return [httpx.Request("GET", url) for _ in range(count)]
