"""Helpers that several test modules share."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import anyio

import gracy_transport
from gracy_transport.testing import ScriptedWire, Sent


def public_names() -> dict[str, Any]:
    """Returns all that the package exports, loaded, by name: what an example may use."""
    return {name: getattr(gracy_transport, name) for name in gracy_transport.__all__}


def worst_window(instants: Iterable[float], period: float) -> int:
    """Returns the greatest number of instants in any half-open window of that many seconds."""
    ordered = sorted(instants)
    worst = oldest = 0
    for newest, instant in enumerate(ordered):
        while not instant < ordered[oldest] + period:
            oldest += 1
        worst = max(worst, newest - oldest + 1)
    return worst


def sent_at(wire: ScriptedWire, part: str = "") -> list[float]:
    """Returns when the requests whose URL holds `part` reached the wire."""
    return [each.at for each in wire.sent if part in each.url]


async def gather(client: Any, urls: Iterable[str], *, in_turn: bool = True) -> list[Any]:
    """Gets all URLs at once and returns the responses in the order of the URLs; `in_turn` starts them in it too."""
    answers: dict[int, Any] = {}

    async def get(place: int, url: str) -> None:
        answers[place] = await client.get(url)

    async with anyio.create_task_group() as group:
        for place, url in enumerate(urls):
            group.start_soon(get, place, url)
            if in_turn:
                await anyio.lowlevel.checkpoint()
    return [answers[place] for place in sorted(answers)]


def sent_paths(sent: Iterable[Sent]) -> list[str]:
    """Returns the last segment of each URL that reached the wire, in order."""
    return [each.url.rpartition("/")[2] for each in sent]


def at_once(backends: tuple[str, ...], work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs the same coroutine function in a thread each, and raises what goes wrong in one of them."""
    failures: list[BaseException] = []
    together = threading.Barrier(len(backends))

    def run(backend: str) -> None:
        try:
            together.wait(10)
            anyio.run(work, backend=backend)
        except BaseException as error:  # noqa: BLE001 - it is raised below
            failures.append(error)

    threads = [threading.Thread(target=run, args=(backend,)) for backend in backends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    for failure in failures:
        raise failure


def heed_interrupts() -> None:
    """Lets a child process heed Ctrl-C also where the tests were started in the background, which makes it ignored."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
