"""What happens to a fleet and its server, and what has to hold nevertheless."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from types import MappingProxyType
from typing import Any, Final

from .crew import Crew
from .server import Server

__all__ = ["TROUBLES", "TWICE", "Scene", "Trouble"]

NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})
WORTH: Final = 0.95
"""The part of a limit that has to be used."""
TWICE: Final = 2.0
"""Times a limit that a window may hold in which processes begin to go by their own share."""


@dataclass(frozen=True)
class Scene:
    """Those to whom things happen, and for how long."""

    crew: Crew
    server: Server
    seconds: float


@dataclass(frozen=True)
class Trouble:
    """Something that happens, and what has to hold meanwhile.

    Attributes:
        name: what it is called.
        happen: makes it happen; returns when the time of the scene is over.
        most: times the limit that a window or an instant may hold.
        least_used: the part of the limit that has to be used, 0 for any.
        is_fair: whether no process may get less than half its share.
        is_open: whether there is no limit for a while, so that nothing can be said of windows.
        spares: processes that are prepared, and begin in the course of it.
        delay: seconds by which the network is slow, each way. `is_kept`: whether the server writes everything down.
        job: what is different in the job of the processes.
        kinds: the limits for which it makes sense.
    """

    name: str
    happen: Callable[[Scene], None]
    most: float = 1.0
    least_used: float = 0.0
    is_fair: bool = False
    is_open: bool = False
    spares: int = 0
    delay: float = 0.0
    is_kept: bool = False
    job: Mapping[str, Any] = field(default_factory=lambda: NOTHING)
    kinds: frozenset[str] = frozenset({"rate", "slots"})


def nothing(scene: Scene) -> None:
    """Lets them work."""
    time.sleep(scene.seconds)


def kill(scene: Scene) -> None:
    """Kills one process after the other, and lets another one begin for each."""
    crew = scene.crew
    first = [name for name in crew.members if name.startswith("p")]
    spares = [name for name in crew.members if name.startswith("q")]
    pause = scene.seconds / (len(spares) + 1)
    for old, new in zip(first, spares, strict=False):
        time.sleep(pause)
        crew.kill(old)
        crew.begin(new)
        crew.disturbed.add(new)
    time.sleep(pause)


def stop(scene: Scene) -> None:
    """Stops one process after the other for two thirds of a second."""
    names = list(scene.crew.members)
    until = time.monotonic() + scene.seconds
    for number in count():
        if time.monotonic() + 1.0 > until:
            break
        name = names[number % len(names)]
        time.sleep(0.33)
        scene.crew.freeze(name)
        time.sleep(0.67)
        scene.crew.thaw(name)
    time.sleep(max(0.0, until - time.monotonic()))


def each(seconds: float, act: Callable[[Scene], object]) -> Callable[[Scene], None]:
    """Returns what lets something happen again and again, first after so many seconds, last as long before the end."""

    def happen(scene: Scene) -> None:
        until = time.monotonic() + scene.seconds
        while time.monotonic() + 2 * seconds <= until:
            time.sleep(seconds)
            act(scene)
        time.sleep(max(0.0, until - time.monotonic()))

    return happen


def once(act: Callable[[Scene], object]) -> Callable[[Scene], None]:
    """Returns what lets something happen in the middle of the time."""

    def happen(scene: Scene) -> None:
        until = time.monotonic() + scene.seconds
        time.sleep(scene.seconds / 2)
        act(scene)
        time.sleep(max(0.0, until - time.monotonic()))

    return happen


def away(seconds: float) -> Callable[[Scene], object]:
    """Returns what restarts the server after it was away for so long."""
    return lambda scene: scene.server.restart(seconds)


RATE: Final = frozenset({"rate"})
SLOTS: Final = frozenset({"slots"})
SKEWED: Final = MappingProxyType({"skews": (0.0, 5.0, -5.0)})
SHORT: Final = MappingProxyType({"lease": 1.0})

TROUBLES: Final = (
    Trouble("none", nothing, least_used=WORTH, is_fair=True),
    Trouble("clocks 5 s off", nothing, least_used=WORTH, is_fair=True, job=SKEWED),
    Trouble("SIGKILL of clients", kill, spares=3, job=SHORT),
    Trouble("SIGSTOP of clients", stop),
    Trouble("SIGSTOP past a lease", stop, job=MappingProxyType({"lease": 0.3}), most=TWICE, kinds=SLOTS),
    Trouble("event loops busy", nothing, job=MappingProxyType({"busy": 0.3})),
    Trouble("4 loops on trio", nothing, job=MappingProxyType({"loops": 4, "backend": "trio", "origin": ""})),
    Trouble(
        "SCRIPT FLUSH", each(0.5, lambda scene: scene.server.client.script_flush()), least_used=WORTH, is_fair=True
    ),
    Trouble("network 5 ms", nothing, delay=0.005, least_used=WORTH, is_fair=True, kinds=RATE),
    Trouble("network 30 ms", nothing, delay=0.03, is_fair=True),
    Trouble("server restarts, forgets", once(away(0.5)), most=TWICE),
    Trouble("server restarts, remembers", once(away(0.5)), most=TWICE, is_kept=True),
    Trouble("server stopped 0.7 s", each(2.0, lambda scene: scene.server.freeze(0.7)), most=TWICE),
    Trouble("CLIENT PAUSE 0.5 s", each(2.0, lambda scene: scene.server.client.client_pause(500, all=True)), most=TWICE),
    # Slots are told of again when they are renewed, each ten seconds; until then each FLUSHALL may lend them once more.
    Trouble("FLUSHALL", once(lambda scene: scene.server.client.flushall()), most=TWICE),
    Trouble("FLUSHALL each 2 s", each(2.0, lambda scene: scene.server.client.flushall()), most=TWICE, kinds=RATE),
    Trouble("away: closed", once(away(1.0)), is_kept=True, job=MappingProxyType({"away": "closed"})),
    Trouble("away: open", once(away(1.0)), is_open=True, job=MappingProxyType({"away": "open"})),
)
"""All of them, in the order of the table."""
