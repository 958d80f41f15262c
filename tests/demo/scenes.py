"""Scenes for the views, made by hand: nothing is sent."""

from __future__ import annotations

from collections import Counter

from gracy_transport.demo.board import Board
from gracy_transport.demo.judge import judge
from gracy_transport.demo.plan import RULES, SLOTS, Plan
from gracy_transport.demo.scene import Scene
from gracy_transport.metrics import GracyReport, ReportRow
from gracy_transport.testing import FakeClock

URL = "http://127.0.0.1:45678"


def a_scene(clock: FakeClock, seconds: float = 15.0) -> Scene:
    """Returns a scene at its beginning, in virtual time."""
    plan = Plan.for_seconds(seconds)
    return Scene(seconds, 7, plan, Board(plan.calls, clock.now), url=URL)


def in_the_middle(clock: FakeClock, seconds: float = 15.0) -> Scene:
    """Returns a scene four seconds after the calls began."""
    scene = a_scene(clock, seconds)
    scene.phase = "with the stack"
    scene.naive = Counter({"answered": 79, "429": 90, "5xx": 6, "broken off": 4, "silent": 1})
    scene.board.start()
    began = clock.now()
    clock._now += 4.0
    for template, tally in scene.board.tallies.items():
        tally.asked = tally.planned
        tally.answered = tally.planned // 2
        tally.in_flight, tally.peak, tally.retries, tally.waited = 2, 3, 7, 30.0
        tally.outcomes.update({"answered": tally.answered, "429": 5, "5xx": 3, "broken off": 2, "silent": 1})
        tally.dispatched += [began + second for second in range(4) for _ in range(10)]
        scene.board.dispatched += [(at, URL + template) for at in tally.dispatched[:3]]
    for number in range(40):
        scene.board.note("/elements/Au", "429", f"again in {number / 10:.2f} s, as it asks")
    return scene


def at_the_end(clock: FakeClock) -> Scene:
    """Returns a scene in which everything was answered and judged."""
    scene = in_the_middle(clock)
    for tally in scene.board.tallies.values():
        tally.answered, tally.in_flight = tally.planned, 0
    scene.board.stop()
    rows = [ReportRow(url=f"{URL}/elements/{{SYMBOL}}", calls=456, attempts=535, successes=456, retries=79)]
    scene.board.sources.append(lambda: GracyReport(tuple(rows)))
    arrived = [(at, URL + "/elements/Au") for at in (1.0, 1.1, 1.2)]
    scene.findings = judge(scene.board, RULES, SLOTS, arrived)
    return scene
