"""Any interleaving at a `Desk`, in virtual time, against a small model that knows only what was promised.

The model keeps what went to the wire and what came back, in plain lists, and asks of each dispatch: did any window hold
more than N, were more slots out than there are, did it pass somebody who needed the same gates and came earlier? It
knows nothing of lanes, tickets, timers or wakes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio
import anyio.lowlevel
import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from gracy_transport.admission import Desk, Gate
from gracy_transport.admission.pausing import PauseGate
from gracy_transport.admission.refusals import DeskClosed, DeskLate
from gracy_transport.testing import FakeClock

pytestmark = pytest.mark.anyio


@dataclass
class Model:
    """What was promised of each gate, and what was seen."""

    windows: dict[int, tuple[int, float]]
    slots: dict[int, int]
    stamps: dict[int, list[float]] = field(default_factory=dict)
    counted: dict[int, list[float]] = field(default_factory=dict)
    out: dict[int, int] = field(default_factory=dict)
    forced: dict[int, int] = field(default_factory=dict)
    paused_until: dict[int, float] = field(default_factory=dict)
    queue: list[tuple[int, frozenset[int]]] = field(default_factory=list)
    passed_at: dict[int, float] = field(default_factory=dict)

    def goes(self, number: int, needs: frozenset[int], at: float, *, has_waited: bool) -> None:
        """Checks a dispatch."""
        for gate in needs:
            assert at >= self.paused_until.get(gate, at), "went during a pause"
            if gate in self.windows:
                limit, period = self.windows[gate]
                self.stamps.setdefault(gate, []).append(at)
                # Who was let through does not look again for those who never ask.
                seen = self.stamps[gate] + ([] if has_waited else self.counted.get(gate, []))
                assert sum(stamp + period > at for stamp in seen) <= limit, "a window held too many"
            elif gate in self.slots:
                self.out[gate] = self.out.get(gate, 0) + 1
                assert self.out[gate] <= self.slots[gate], "more slots than there are"
        earlier = [other for other, theirs in self.queue if theirs == needs and other < number]
        assert has_waited or not earlier, "a newcomer passed somebody who waits for the same gates"
        # Of those who may go in one instant trio wakes any first.
        assert at <= self.passed_at.get(number, at), "was passed by one who came later, for the same gates"
        for other in earlier:
            self.passed_at.setdefault(other, at)

    def is_open(self, gate: int, now: float) -> bool:
        """Tells whether a unit of a gate could go out now."""
        if now < self.paused_until.get(gate, now):
            return False
        if gate in self.slots:
            return self.out.get(gate, 0) < self.slots[gate]
        limit, period = self.windows.get(gate, (1, 0.0))
        return sum(now < stamp + period for stamp in self.stamps.get(gate, []) + self.counted.get(gate, [])) < limit

    def look(self, now: float) -> None:
        """Checks, when everybody has settled, that the first of all does not wait in front of open gates."""
        for _number, needs in self.queue[:1]:
            assert not all(self.is_open(gate, now) for gate in needs), "was forgotten"

    def comes_back(self, needs: frozenset[int]) -> None:
        """Notes that a request is over."""
        for gate in needs & set(self.slots):
            self.out[gate] -= 1


@dataclass(frozen=True)
class Act:
    """One thing that happens: what, to whom, for how long."""

    what: str
    needs: frozenset[int] = frozenset()
    seconds: float = 0.0
    patience: float = 0.0


# Few kinds of requests and a coarse grid of time, so that they get into each other's way and meet in one instant.
SECONDS = st.sampled_from([0.0, 0.25, 0.5, 0.5, 1.0, 2.0, 5.0])
NEEDS = st.sampled_from([frozenset(needs) for needs in ({0}, {1}, {3}, {0, 1}, {0, 3}, {1, 3, 4}, {2, 4}, {0, 5}, {2})])
ARRIVALS = st.builds(
    Act, st.just("come"), NEEDS, seconds=SECONDS, patience=st.sampled_from([0.5, 5.0, 1e6, 1e6, 1e6, 1e6])
)
ACTS = st.one_of(
    ARRIVALS,
    ARRIVALS,
    ARRIVALS,
    ARRIVALS,
    st.builds(Act, st.just("wait"), seconds=SECONDS),
    st.builds(Act, st.just("wait"), seconds=SECONDS),
    st.just(Act("look")),
    st.builds(Act, st.just("stall"), seconds=SECONDS),
    st.builds(Act, st.just("pause"), NEEDS, seconds=SECONDS),
    st.builds(Act, st.just("count"), st.sampled_from([frozenset({0}), frozenset({1, 2})])),
    st.builds(Act, st.just("cancel"), seconds=st.integers(0, 20)),
    st.builds(Act, st.just("close")),
)


class Play:
    """Plays acts at a desk, with the model watching."""

    group: anyio.abc.TaskGroup

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.desk = Desk(self.clock)
        self.gates: list[Gate] = [Gate(2, 5.0), Gate(3, 2.0), Gate(1, 0.5), Gate(1), Gate(2), PauseGate()]
        self.model = Model({0: (2, 5.0), 1: (3, 2.0), 2: (1, 0.5)}, {3: 1, 4: 2})
        self.scopes: list[anyio.CancelScope] = []
        self.came = self.over = self.refused = 0

    async def act(self, act: Act) -> None:
        """Does one thing."""
        if act.what == "come":
            self.came += 1
            self.group.start_soon(self.come, self.came, act)
            await anyio.lowlevel.checkpoint()
        elif act.what == "wait":
            await self.clock.sleep(act.seconds)
        elif act.what == "look":
            await self.clock.sleep(1e-9)  # what is overdue after a stall comes first
            for _ in range(30):
                await anyio.lowlevel.checkpoint()
            self.model.look(self.clock.now())
        else:
            self.interfere(act, self.clock.now())

    def interfere(self, act: Act, now: float) -> None:
        """Does one of the things that do not wait."""
        if act.what == "pause":
            for gate in act.needs:
                self.model.paused_until[gate] = max(self.model.paused_until.get(gate, 0.0), now + act.seconds)
            self.desk.pause([self.gates[gate] for gate in sorted(act.needs)], act.seconds)
        elif act.what == "count":
            assert self.desk.try_now((), tuple(self.gates[gate] for gate in sorted(act.needs))) == now
            for gate in act.needs:
                self.model.counted.setdefault(gate, []).append(now)
        elif act.what == "stall":
            self.clock._now += act.seconds  # the loop stands still: whoever comes next finds all timers overdue
        elif act.what == "cancel" and self.scopes:
            self.scopes[int(act.seconds) % len(self.scopes)].cancel()
        elif act.what == "close":
            self.desk.close()

    async def come(self, number: int, act: Act) -> None:
        """Comes, waits if need be, works, and gives the slots back, unless it is told to stop on the way."""
        gates = tuple(self.gates[gate] for gate in sorted(act.needs))
        scope, began = anyio.CancelScope(), self.clock.now()
        self.scopes.append(scope)
        try:
            with scope, self.clock.timeout(act.patience):
                await self.pass_through(number, act, gates)
        except DeskClosed:
            self.refused += 1
        except DeskLate:
            self.refused += 1
            assert any(gate.paused_until >= began + act.patience for gate in gates), (
                "was sent away though no pause is that long"
            )
        finally:
            self.scopes.remove(scope)
            self.over += 1

    async def pass_through(self, number: int, act: Act, gates: tuple[Gate, ...]) -> None:
        """Waits at the gates, is judged by the model as it goes, and works."""
        at = self.desk.try_now(gates)
        has_waited = at is None
        if at is None:
            place = (number, act.needs)
            self.model.queue.append(place)
            try:
                at = await self.desk.wait(gates, until=self.clock.now() + act.patience)
            finally:
                self.model.queue.remove(place)
        slots = tuple(gate for gate in gates if gate.period is None)
        try:
            self.model.goes(number, act.needs, at, has_waited=has_waited)
            await self.clock.sleep(act.seconds)
        finally:
            self.model.comes_back(act.needs)
            self.desk.release(slots)

    def assert_nothing_is_left(self) -> None:
        """Checks that everybody went, one way or the other, and left nothing behind."""
        desk, admission = self.desk, self.desk._admission
        assert self.over == self.came
        assert (desk.waiting, desk._rooms, list(desk._returned)) == (0, {}, [])
        assert (admission._lanes, len(admission._timers), admission._guarded) == ({}, 0, None)
        assert self.clock._wakes == {}
        for gate in self.gates:
            assert (gate.queued, gate.waiting, gate.parked, gate.timer_at) == (0, 0, [], None)
            assert gate.is_idle(self.clock.now() + 1e4)
        assert not any(self.model.out.values())


def played(backend: str, acts: list[Act]) -> None:
    """Plays acts on a backend to the end and checks that nothing is left."""
    play = Play()

    async def main() -> None:
        async with anyio.create_task_group() as group:
            play.group = group
            for act in acts:
                await play.act(act)

    anyio.run(main, backend=backend)
    # Each of them works for 7 s at most, and no pause and no forced unit holds for longer.
    assert play.clock.now() <= 1000.0 + 40.0 * (len(acts) + 1), "somebody was kept for longer than anything takes"
    play.assert_nothing_is_left()


COME = Act("come", frozenset({0}), patience=1e6)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@example(acts=[COME, COME, COME, Act("stall", seconds=5.0), COME])
@example(acts=[Act("pause", frozenset({0}), 0.25), COME, Act("stall", seconds=0.25), COME, Act("stall", seconds=0.25)])
@settings(
    max_examples=250,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
@given(acts=st.lists(ACTS, min_size=5, max_size=60))
def test_any_interleaving_at_the_desk_keeps_what_was_promised(backend: str, acts: list[Act]) -> None:
    """Arrivals, time-outs, cancels, closing, pauses, overrides, stalls and time, in any order."""
    played(backend, acts)
