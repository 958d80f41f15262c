"""The promise about rates, in virtual time: whatever the network, the clocks and the processes do."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random
from typing import NamedTuple, TypeAlias

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from redis import Redis

from tests.redis.simulation import Process, SlotProcess, World

TINY = 1e-6


@pytest.fixture(scope="module")
def server(valkey: str) -> Iterator[Redis]:
    """Gives a client of the server."""
    with Redis.from_url(valkey) as client:
        yield client


def tightest(world: World, limit: int, gate: str = "") -> float:
    """Returns the shortest time in which one more than the limit went out, of all or of those that passed a gate."""
    stamps = sorted(world.passed[gate] if gate else [at for at, _name in world.sent])
    gaps = [later - earlier for earlier, later in zip(stamps, stamps[limit:], strict=False)]
    return min(gaps, default=float("inf"))


numbers = iter(range(1_000_000))

Rule: TypeAlias = tuple[int, float]
"""A limit and its period."""


def fleet_of(processes: int, world: World, chance: Random, slowest: float, loss: float, *rules: Rule) -> list[Process]:
    """Returns processes that share rules, with clocks that differ, delays, late loops and lost exchanges."""
    return [
        Process(
            world,
            f"p{number}",
            *rules[0],
            more=rules[1:],
            skew=chance.uniform(-100, 100),
            delay=lambda: chance.uniform(0.0001, slowest),
            lag=lambda: chance.expovariate(1 / 0.003),
            is_lost=lambda: chance.random() < loss,
        )
        for number in range(processes)
    ]


@settings(max_examples=30)
@given(
    limit=st.integers(1, 12),
    period=st.sampled_from([0.1, 1.0, 5.0]),
    processes=st.integers(1, 4),
    slowest=st.sampled_from([0.0005, 0.01, 0.08]),
    loss=st.sampled_from([0.0, 0.1]),
    seed=st.integers(0, 10_000),
)
def test_no_window_holds_more_than_the_limit(
    server: Redis,
    namespace: str,
    *,
    limit: int,
    period: float,
    processes: int,
    slowest: float,
    loss: float,
    seed: int,
) -> None:
    """Over all processes, with clocks that differ, delays, lost exchanges, late loops and frozen processes."""
    world = World(server, f"{namespace}-{next(numbers)}", seed)
    chance = Random(seed)
    fleet = fleet_of(processes, world, chance, slowest, loss, (limit, period))
    for _ in range(25):
        world.at(chance.uniform(0, 4 * period), lambda: chance.choice(fleet).begin(chance.randint(1, limit)))
    for _ in range(3):
        world.at(chance.uniform(0, 4 * period), lambda: chance.choice(fleet).freeze(chance.uniform(0, period)))
    world.run(8 * period)
    assert tightest(world, limit) >= period - TINY
    world.run(60 * (period + 8 * slowest))
    assert [process.waiting for process in fleet] == [0] * processes, "everybody goes in the end"
    assert tightest(world, limit) >= period - TINY


RULES = ((3, 0.1), (40, 1.0), (1_000, 5.0), (5, 1.0))
"""Limit and period of each: of some there is plenty, of others there is not."""


@settings(max_examples=20)
@given(
    processes=st.integers(1, 3),
    slowest=st.sampled_from([0.0005, 0.01, 0.08]),
    loss=st.sampled_from([0.0, 0.1]),
    seed=st.integers(0, 10_000),
)
def test_no_window_of_any_rule_holds_more_than_its_limit(
    server: Redis, namespace: str, *, processes: int, slowest: float, loss: float, seed: int
) -> None:
    """Requests need several rules at once, not all of them the same ones, and all go in the end."""
    world = World(server, f"{namespace}-{next(numbers)}", seed)
    chance = Random(seed)
    fleet = fleet_of(processes, world, chance, slowest, loss, *RULES)

    def begin() -> None:
        process = chance.choice(fleet)
        process.begin(chance.randint(1, 4), chance.sample(process.gates_here, chance.randint(1, len(RULES))))

    for process in fleet:
        process.later(1.0, process.look_after)
    for _ in range(60):
        world.at(chance.uniform(0, 8.0), begin)
    for _ in range(3):
        world.at(chance.uniform(0, 8.0), lambda: chance.choice(fleet).freeze(chance.uniform(0, 1.0)))
    world.run(150.0)
    assert [process.waiting for process in fleet] == [0] * processes, "everybody goes in the end"
    for gate, (limit, period) in zip(fleet[0].gates_here, RULES, strict=True):
        assert tightest(world, limit, gate.name) >= period - TINY


@pytest.mark.parametrize("rules", [1, 20])
def test_many_rules_are_asked_for_together(server: Redis, namespace: str, rules: int) -> None:
    """A request that needs many is not kept waiting for one after the other: as many trips as for one rule."""
    world = World(server, namespace, 11)
    process = Process(world, "p", 100_000, 1.0, more=[(100_000 + place, 1.0) for place in range(1, rules)])
    for place in range(1_000):
        world.at(0.001 * place, lambda: process.begin(1))
    world.run(2.0)
    assert process.sent == 1_000
    assert world.exchanges <= 30 * rules


class Crowd(NamedTuple):
    """A process with more requests than it can send: when they come, in periods, and how far the server is at most."""

    begins: float = 0.0
    delay: float = 0.0005


@settings(max_examples=30)
@example(limit=2, processes=4, slowest=0.02, loss_and_lease=(0.0, 1.0), seed=198)  # one told late was not renewed
@given(
    limit=st.integers(1, 8),
    processes=st.integers(1, 4),
    slowest=st.sampled_from([0.0005, 0.02]),
    loss_and_lease=st.sampled_from([(0.0, 30.0), (0.1, 30.0), (0.0, 1.0)]),
    seed=st.integers(0, 10_000),
)
def test_no_more_slots_are_in_use_than_there_are(
    server: Redis,
    namespace: str,
    *,
    limit: int,
    processes: int,
    slowest: float,
    loss_and_lease: tuple[float, float],
    seed: int,
) -> None:
    """Over all processes, whatever is lost, and also when requests take longer than a lease; all go in the end."""
    loss, lease = loss_and_lease
    world = World(server, f"{namespace}-{next(numbers)}", seed)
    chance = Random(seed)
    fleet = [
        SlotProcess(
            world,
            f"p{number}",
            limit,
            takes=lambda: chance.choice([0.01, 0.1, 3.0]),
            lease=lease,
            skew=chance.uniform(-100, 100),
            delay=lambda: chance.uniform(0.0001, slowest),
            is_lost=lambda: chance.random() < loss,
        )
        for number in range(processes)
    ]
    for _ in range(25):
        world.at(chance.uniform(0, 4), lambda: chance.choice(fleet).begin(chance.randint(1, 2 * limit)))
    for step in range(2_000):
        world.run(step * 0.005)
        assert sum(process.gate.held for process in fleet) <= limit
    world.run(1_000.0)
    assert [process.waiting for process in fleet] == [0] * processes, "everybody goes in the end"
    assert [process.gate.held for process in fleet] == [0] * processes


def saturated(world: World, crowds: Sequence[Crowd], limit: int, period: float, seconds: float) -> int:
    """Lets processes with more requests than they can send run for so long; returns how many were sent."""
    chance = world.random
    for number, crowd in enumerate(crowds):
        process = Process(
            world,
            f"p{number}",
            limit,
            period,
            skew=number * 5.0,
            delay=lambda longest=crowd.delay: chance.uniform(longest / 2, longest),  # type: ignore[misc]
            lag=lambda: chance.expovariate(1 / 0.001),
        )
        world.at(crowd.begins * period, lambda process=process: process.begin(30 * limit))  # type: ignore[misc]
    world.run(seconds)
    return len(world.sent)


@pytest.mark.parametrize(("limit", "period"), [(2, 1.0), (10, 1.0), (50, 1.0), (30, 10.0), (10, 0.5)])
@pytest.mark.parametrize("processes", [1, 2, 4])
def test_what_the_limit_allows_is_used(
    server: Redis, namespace: str, limit: int, period: float, processes: int
) -> None:
    """At least 95 in 100 permits are used while there is more to send than that, however many processes share them."""
    world = World(server, namespace, 1)
    sent = saturated(world, [Crowd()] * processes, limit, period, 12 * period)
    assert tightest(world, limit) >= period - TINY
    assert sent >= 0.95 * limit * 12


@pytest.mark.parametrize("other", [Crowd(delay=0.015), Crowd(begins=5.3, delay=0.02), Crowd(delay=0.1)])
@pytest.mark.parametrize(("limit", "period"), [(20, 1.0), (100, 1.0), (20, 60.0), (100, 60.0)])
def test_nobody_gets_less_than_half_of_its_part(
    server: Redis, namespace: str, limit: int, period: float, other: Crowd
) -> None:
    """In no minute: not who is farther from the server, nor who comes when others have queued up long ago."""
    world = World(server, namespace, 3)
    saturated(world, [Crowd(), other, Crowd(delay=0.02)], limit, period, 16 * period)
    begins, minute = 6.5 * period, max(5 * period, 60.0)
    while begins + minute <= 16 * period:
        names = [name for at, name in world.sent if begins <= at < begins + minute]
        assert min(names.count(name) for name in ("p0", "p1", "p2")) >= 0.5 * len(names) / 3
        begins += period


def in_use(world: World, fleet: Sequence[SlotProcess], seconds: float) -> float:
    """Returns how many slots were in use on average, of those that were looked at every few milliseconds."""
    began, step, total = world.now, 0.003, 0
    looks = int(seconds / step)
    for look in range(1, looks + 1):
        world.run(began + look * step)
        total += sum(process.gate.held for process in fleet)
    return total / looks


@pytest.mark.parametrize(("takes", "delay"), [(0.03, 0.001), (0.2, 0.01)])
@pytest.mark.parametrize("processes", [2, 4, 8, 20])
def test_slots_are_used_and_everybody_gets_some(
    server: Redis, namespace: str, processes: int, takes: float, delay: float
) -> None:
    """At least 95 in 100 of the time, though they change hands; nobody gets less than half of its part."""
    world = World(server, namespace, 13)
    chance = world.random
    fleet = [
        SlotProcess(
            world,
            f"p{number}",
            6,
            takes=lambda: takes * chance.uniform(0.8, 1.2),
            lease=30.0,
            delay=lambda: chance.uniform(delay / 2, delay),
            lag=lambda: chance.expovariate(1 / 0.0003),
        )
        for number in range(processes)
    ]
    for process in fleet:
        process.begin(3_000)
    world.run(2.0)
    assert in_use(world, fleet, 8.0) >= 0.955 * 6
    names = [name for at, name in world.sent if at >= 2.0]
    assert min(names.count(process.owner) for process in fleet) >= 0.5 * len(names) / processes


@pytest.mark.parametrize("seconds", [-0.5, -3600.0, 3600.0])
def test_the_clock_of_the_server_may_be_set(server: Redis, namespace: str, seconds: float) -> None:
    """Back costs nothing; forward everything that was lent seems to be back, so that it is lent once more."""
    world = World(server, namespace, 5)

    def set_clock() -> None:
        world.epoch += seconds

    world.at(4.35, set_clock)
    sent = saturated(world, [Crowd(), Crowd()], 10, 1.0, 12.0)
    assert tightest(world, 10 if seconds < 0 else 20) >= 1.0 - TINY
    assert sent >= 0.9 * 10 * 12


def test_a_high_limit_is_used_by_one_process_that_does_one_after_the_other(server: Redis, namespace: str) -> None:
    """It takes no more permits than it can use before they have lain too long, however many wait."""
    world = World(server, namespace, 7)
    free_at = 0.0

    def lag() -> float:
        nonlocal free_at
        free_at = max(world.now, free_at) + 0.0004
        return free_at - world.now

    process = Process(world, "p", 1000, 1.0, lag=lag)
    process.begin(5000)
    world.run(4.0)
    assert tightest(world, 1000) >= 1.0 - TINY
    assert len(world.sent) >= 0.95 * 4000
