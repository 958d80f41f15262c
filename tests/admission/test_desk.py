"""Where requests wait: wake-ups, cancellation, closing, several loops and threads, in virtual time."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator

import anyio
import anyio.lowlevel
import pytest

from gracy_transport.admission import Desk, Gate
from gracy_transport.admission.refusals import DeskClosed
from gracy_transport.admission.rooms import Guest, Room
from gracy_transport.clock import SYSTEM_CLOCK
from gracy_transport.loops import current_loop
from gracy_transport.testing import FakeClock

pytestmark = pytest.mark.anyio


async def admit(desk: Desk, *gates: Gate) -> None:
    """Takes a unit of each gate, waiting if need be."""
    if not desk.try_now(gates):
        await desk.wait(gates)


async def test_waiters_go_in_order_exactly_when_a_permit_comes_back(clock: FakeClock) -> None:
    """Twenty callers of a 5 per 10 s gate go in fives, each five exactly one window after the last."""
    desk, gate = Desk(clock), Gate(5, 10.0)
    went: list[tuple[int, float]] = []

    async def caller(number: int) -> None:
        await admit(desk, gate)
        went.append((number, clock.now() - 1000.0))

    async with anyio.create_task_group() as group:
        for number in range(20):
            group.start_soon(caller, number)
            await anyio.lowlevel.checkpoint()
    assert [at for _number, at in sorted(went, key=lambda each: each[1])] == sorted([0.0, 10.0, 20.0, 30.0] * 5)
    assert desk.waiting == 0


async def test_a_permit_is_stamped_when_the_waiter_really_goes_on(clock: FakeClock) -> None:
    """The window runs from the instant of going on, however late that is after the timer."""
    desk, gate = Desk(clock), Gate(1, 10.0)
    assert desk.try_now((gate,))
    await desk.wait((gate,))
    assert list(gate.returns) == [1020.0]


async def test_a_slot_that_is_released_wakes_the_first(clock: FakeClock) -> None:
    """Without any rate the release alone lets the next one go, at once."""
    desk, gate = Desk(clock), Gate(1)
    assert desk.try_now((gate,))
    order: list[int] = []

    async def caller(number: int) -> None:
        await admit(desk, gate)
        order.append(number)
        await clock.sleep(1.0)
        desk.release((gate,))

    async with anyio.create_task_group() as group:
        for number in range(4):
            group.start_soon(caller, number)
            await anyio.lowlevel.checkpoint()
        await clock.sleep(5.0)
        desk.release((gate,))
    assert sorted(order) == [0, 1, 2, 3]
    assert clock.now() == 1009.0
    assert gate.free == 1


@pytest.mark.parametrize("victim", [0, 1, 2], ids=["the leader", "one in the middle", "the last"])
async def test_a_cancelled_waiter_leaves_the_others_on_time(clock: FakeClock, victim: int) -> None:
    """Whoever gives up, the rest go exactly when they would have gone one place earlier."""
    desk, gate = Desk(clock), Gate(1, 10.0)
    assert desk.try_now((gate,))
    went: list[float] = []
    scopes = [anyio.CancelScope() for _ in range(3)]

    async def caller(scope: anyio.CancelScope) -> None:
        with scope:
            await admit(desk, gate)
            went.append(clock.now() - 1000.0)

    async with anyio.create_task_group() as group:
        for scope in scopes:
            group.start_soon(caller, scope)
        await clock.sleep(1.0)
        scopes[victim].cancel()
    assert went == [10.0, 20.0]
    assert desk.waiting == 0


async def test_cancelled_in_the_tick_of_the_grant_hands_the_slot_on(clock: FakeClock) -> None:
    """A grant that nobody takes is not lost: the next one has it, and it comes back in the end."""
    desk, gate = Desk(clock), Gate(1)
    assert desk.try_now((gate,))
    first_scope = anyio.CancelScope()
    went: list[str] = []

    async def caller(name: str, scope: anyio.CancelScope) -> None:
        with scope:
            await admit(desk, gate)
            went.append(name)
            desk.release((gate,))

    async with anyio.create_task_group() as group:
        group.start_soon(caller, "first", first_scope)
        await clock.sleep(1.0)
        group.start_soon(caller, "second", anyio.CancelScope())
        await clock.sleep(1.0)
        desk.release((gate,))
        first_scope.cancel()
    assert went[-1] == "second"
    assert gate.free == 1
    assert desk.waiting == 0


async def test_any_mix_of_starts_and_cancels_conserves_units(clock: FakeClock) -> None:
    """After ten thousand random starts, cancels, time-outs and releases nothing is held and nothing was exceeded."""
    desk, slot, rate = Desk(clock), Gate(3), Gate(20, 1.0)
    chance = random.Random(7)
    running = most = 0

    async def caller(patience: float, work: float, gates: tuple[Gate, ...]) -> None:
        nonlocal running, most
        with clock.timeout(patience):
            if not desk.try_now(gates):
                await desk.wait(gates)
            running += slot in gates
            most = max(most, running)
            try:
                await clock.sleep(work)
            finally:
                running -= slot in gates
                desk.release(tuple(gate for gate in gates if gate.period is None))

    async with anyio.create_task_group() as group:
        for _ in range(5_000):
            gates = chance.choice([(slot,), (rate,), (rate, slot)])
            group.start_soon(caller, chance.choice([0.001, 0.1, 1.0, 50.0]), chance.random() / 5, gates)
            if chance.random() < 0.2:
                await clock.sleep(chance.random() / 5)
    assert most <= 3
    assert slot.free == 3
    assert desk.waiting == 0
    assert desk._rooms == {}
    await clock.sleep(2.0)
    assert rate.has_room(clock.now()) and rate.free == 20


async def test_closing_sends_everybody_away_and_later_callers_are_served(clock: FakeClock) -> None:
    """Waiters raise, nothing stays behind, and the desk can be used again."""
    desk, gate = Desk(clock), Gate(1)
    assert desk.try_now((gate,))
    closed = 0

    async def caller() -> None:
        nonlocal closed
        with pytest.raises(DeskClosed):
            await desk.wait((gate,))
        closed += 1

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(caller)
        await clock.sleep(1.0)
        desk.close()
    assert closed == 5
    assert desk.waiting == 0
    desk.release((gate,))
    assert desk.try_now((gate,))


async def test_a_pause_holds_those_who_wait_and_those_who_come(clock: FakeClock) -> None:
    """A server's hint moves everybody's turn, and they leave at the limited rate."""
    desk, gate = Desk(clock), Gate(2, 1.0)
    went: list[float] = []

    async def caller() -> None:
        await admit(desk, gate)
        went.append(clock.now() - 1000.0)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(caller)
        await clock.sleep(0.5)
        desk.pause((gate,), 10.0)
        group.start_soon(caller)
        assert desk.next_permit((gate,)) == 10.0
    assert went == [0.0, 0.0, 10.5, 10.5, 11.5]


async def test_a_release_in_the_middle_of_a_decision_is_worked_off_afterwards(clock: FakeClock) -> None:
    """A destructor may give a slot back while the lock is held, in the same thread, without a dead lock."""
    desk, gate = Desk(clock), Gate(1)
    assert desk.try_now((gate,))
    with desk._lock:
        desk.release((gate,))
        assert gate.free == 0, "it could not be worked off yet"
    assert not desk.try_now((gate,)), "and this decision came first"
    assert gate.free == 1, "but saw to it afterwards"
    assert desk.try_now((gate,))


async def test_a_slot_freed_from_another_thread_wakes_the_waiter() -> None:
    """A release may come from anywhere; the waiter is woken in its own loop."""
    desk, gate = Desk(SYSTEM_CLOCK), Gate(1)
    assert desk.try_now((gate,))
    async with anyio.create_task_group() as group:
        group.start_soon(desk.wait, (gate,))
        await anyio.wait_all_tasks_blocked()
        await anyio.to_thread.run_sync(desk.release, (gate,))
    assert gate.free == 0


async def test_a_waiter_that_does_not_lead_is_woken_from_another_thread() -> None:
    """The second in line sleeps on an event, not on the timer: it too is reached from outside."""
    desk, first, second = Desk(SYSTEM_CLOCK), Gate(1), Gate(1)
    assert desk.try_now((first, second))
    async with anyio.create_task_group() as group:
        group.start_soon(desk.wait, (first,))
        await anyio.wait_all_tasks_blocked()
        group.start_soon(desk.wait, (second,))
        await anyio.wait_all_tasks_blocked()
        await anyio.to_thread.run_sync(desk.release, (second,))
        await anyio.wait_all_tasks_blocked()
        assert desk.waiting == 1
        desk.release((first,))
    assert desk.waiting == 0


def in_threads(*functions: Callable[[], object]) -> None:
    """Runs each function in a thread of its own and waits for all."""
    threads = [threading.Thread(target=function) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()


@pytest.mark.parametrize("backends", [("asyncio", "asyncio"), ("asyncio", "trio"), ("trio", "trio")], ids=str)
def test_two_loops_in_two_threads_share_a_limit(backends: tuple[str, str]) -> None:
    """Slots pass between threads and backends; together they never hold more than the limit."""
    desk, gate = Desk(SYSTEM_CLOCK), Gate(3)
    lock = threading.Lock()
    running = most = done = 0

    async def caller() -> None:
        nonlocal running, most, done
        await admit(desk, gate)
        with lock:
            running += 1
            most = max(most, running)
        await anyio.lowlevel.checkpoint()
        with lock:
            running -= 1
            done += 1
        desk.release((gate,))

    async def many() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(300):
                group.start_soon(caller)

    in_threads(*(lambda backend=backend: anyio.run(many, backend=backend) for backend in backends))
    assert done == 600
    assert most <= 3
    assert gate.free == 3
    assert desk.waiting == 0


def test_successive_loops_find_the_gates_as_they_were_left() -> None:
    """Three runs one after the other, under contention: no loop-bound error, no lost permit."""
    desk, gate = Desk(SYSTEM_CLOCK), Gate(2)

    async def caller() -> None:
        await admit(desk, gate)
        await anyio.lowlevel.checkpoint()
        desk.release((gate,))

    async def many() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(caller)

    for backend in ("asyncio", "trio", "asyncio"):
        anyio.run(many, backend=backend)
    assert gate.free == 2
    assert desk.waiting == 0


def run_and_abandon(main: Callable[[], Awaitable[None]]) -> None:
    """Runs a coroutine in a loop that is closed with its other tasks still waiting."""
    loop = asyncio.new_event_loop()
    loop.set_task_factory(None)
    loop.run_until_complete(main())
    for task in asyncio.all_tasks(loop):
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.close()


@pytest.mark.parametrize("waiters", [1, 3])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_loop_that_ends_with_waiters_does_not_block_the_next(waiters: int) -> None:
    """Whoever waited in a loop that is gone is passed by as soon as its turn comes."""
    desk, gate = Desk(SYSTEM_CLOCK), Gate(1)
    tasks: list[asyncio.Future[float]] = []

    async def leave_some_behind() -> None:
        assert desk.try_now((gate,))
        tasks.extend(asyncio.ensure_future(desk.wait((gate,))) for _ in range(waiters))
        for _ in range(3):
            await asyncio.sleep(0)

    run_and_abandon(leave_some_behind)
    assert desk.waiting == waiters

    async def next_one() -> None:
        desk.release((gate,))
        with anyio.fail_after(5):
            await admit(desk, gate)

    anyio.run(next_one)
    assert desk.waiting == 0
    assert gate.free == 0
    tasks.clear()
    gc.collect()


async def test_the_estimate_and_the_next_permit_are_told(clock: FakeClock) -> None:
    """What a newcomer would wait, and when the gates open, as far as rates can tell."""
    desk, gate, slot = Desk(clock), Gate(1, 10.0), Gate(1)
    assert desk.next_permit(()) == desk.next_permit((gate, slot)) == 0.0
    assert desk.try_now((gate, slot))
    assert desk.next_permit((gate, slot)) == 10.0
    assert desk.estimate((gate,)) == 10.0
    assert desk.estimate((slot,)) == 0.0


async def test_counted_gates_are_used_without_waiting(clock: FakeClock) -> None:
    """A call that may pass still leaves less for those who have to wait."""
    desk, gate, own = Desk(clock), Gate(1, 10.0), Gate(1, 1.0)
    assert desk.try_now((), (gate,))
    assert desk.try_now((own,), (gate,))
    await desk.wait((own,), (gate,))
    assert gate.held == 3
    assert clock.now() == 1001.0


async def test_the_next_permit_is_asked_for_without_forgetting_a_release(clock: FakeClock) -> None:
    """A slot given back while somebody only asks for the state of things still wakes who waits for it."""
    gate = Gate(1)

    class Nosy(FakeClock):
        def now(self) -> float:
            if is_armed.pop() if is_armed else False:
                desk.release((gate,))
            return super().now()

    is_armed: list[bool] = []
    nosy = Nosy()
    desk = Desk(nosy)
    assert desk.try_now((gate,))
    async with anyio.create_task_group() as group:
        group.start_soon(desk.wait, (gate,))
        await anyio.wait_all_tasks_blocked()
        is_armed.append(True)
        desk.next_permit((gate,))
    assert desk.waiting == 0


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_thousand_waiters_of_a_loop_that_ended_are_passed_by() -> None:
    """However many there are, the next loop gets its turn, without running out of stack."""
    desk, gate = Desk(SYSTEM_CLOCK), Gate(1)

    async def leave_some_behind() -> None:
        assert desk.try_now((gate,))
        tasks.extend(asyncio.ensure_future(desk.wait((gate,))) for _ in range(1_000))
        for _ in range(3):
            await asyncio.sleep(0)

    async def next_one() -> None:
        desk.release((gate,))
        with anyio.fail_after(20):
            await admit(desk, gate)

    tasks: list[asyncio.Future[float]] = []
    run_and_abandon(leave_some_behind)
    anyio.run(next_one)
    assert desk.waiting == 0
    tasks.clear()
    gc.collect()


async def test_who_leads_next_is_found_though_another_thread_takes_one_out_meanwhile(clock: FakeClock) -> None:
    """As it does where the loop of all of them has ended, and several threads would wake them."""

    class Overtaken(OrderedDict[Guest, None]):
        """The last of them is taken out just when somebody has begun to look for it."""

        def __reversed__(self) -> Iterator[Guest]:
            found = super().__reversed__()
            if len(self) == 2:
                self.popitem()
            return found

    desk, room = Desk(clock), Room(current_loop())
    room.waiters = Overtaken()
    guests = [Guest((), room) for _ in range(3)]
    room.waiters.update(dict.fromkeys(guests))
    room.leader = guests[0]
    desk._check_out(guests[0])
    assert room.leader is guests[1]
