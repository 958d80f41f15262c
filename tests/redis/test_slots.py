"""Slots that were lent: how long they count, and how often the server is told that they are still in use."""

from __future__ import annotations

from typing import Any

import pytest
from redis import Redis

from gracy_transport.admission import Desk
from gracy_transport.redis.gate import Away, SharedGate, tick
from gracy_transport.redis.scripts import script
from gracy_transport.redis.slots import TURN, SharedSlots
from gracy_transport.testing import FakeClock

pytestmark = pytest.mark.anyio


class Engine:
    """Notes what was ordered, and whether a loss was told."""

    away: Away = "local_share"
    owner = "me"
    namespace = "n"
    processes = 2
    is_away = False
    round_trip = 0.001
    ahead = 0.05
    presence = 60.0

    def __init__(self, lease: float = 30.0) -> None:
        self.lease = lease
        self.ordered = 0
        self.gates = self

    def number_of(self, desk: Desk) -> int:
        """Returns the only number there is."""
        return 1

    def order(self, gate: SharedGate) -> None:
        """Notes it."""
        self.ordered += 1

    def pause(self, gate: SharedGate, seconds: float) -> None:
        """Is not asked to."""

    def lost(self, gate: SharedGate, count: int) -> None:
        """Is not told."""


def a_gate(clock: FakeClock, lease: float = 30.0) -> tuple[SharedSlots, Engine]:
    """Returns a gate of three slots."""
    engine = Engine(lease)
    return SharedSlots("name", engine, Desk(clock), 3, subject="three at once"), engine


def answer(
    gate: SharedSlots, *granted: str, lost: tuple[str, ...] = (), is_queued: bool = False, number: int = 0
) -> None:
    """Lets the gate ask, and be answered at once."""
    now = gate.desk.clock.now()
    gate.order(now)
    reply: list[Any] = [1_000_000, 2, 0, 0, int(is_queued), list(granted), list(lost), number]
    gate.desk.change(gate.taking_in(reply, now, now))


async def test_a_slot_whose_lease_may_have_ended_starts_nothing(clock: FakeClock) -> None:
    """A process that was stopped for longer than a lease asks first whether its slots are still its own."""
    gate, _engine = a_gate(clock)
    answer(gate, "me.1:1", "me.1:2")
    assert gate.has_room(clock.now())
    await clock.advance(29.0)
    assert gate.has_room(clock.now())
    await clock.advance(2.0)
    assert not gate.has_room(clock.now())
    assert gate.opens_at(clock.now()) is None
    assert gate.is_shut(clock.now())
    answer(gate, lost=("me.1:1",))
    assert gate.has_room(clock.now())
    assert not gate.has_room(clock.now(), spared=1)


async def test_those_who_wait_at_leases_that_may_have_ended_have_them_renewed(clock: FakeClock) -> None:
    """At once, and not only when it is looked after."""
    gate, engine = a_gate(clock)
    answer(gate, "me.1:1")
    await clock.advance(31.0)
    gate.queued = 1
    before = engine.ordered
    gate.ask(clock.now())
    assert engine.ordered == before + 1
    assert gate.order(clock.now()).arguments[9:12] == [1, 1, "me.1:1"]


async def test_a_slot_that_was_handed_over_long_ago_is_asked_for_again(clock: FakeClock) -> None:
    """The word of it reaches a stopped process when it goes on, and its lease may have ended meanwhile."""
    gate, engine = a_gate(clock)
    answer(gate, is_queued=True)
    await clock.advance(40.0)
    before = engine.ordered
    gate.lent(["me.1:7"])
    assert not gate.has_room(clock.now())
    assert engine.ordered > before
    answer(gate, "me.1:7")
    assert gate.has_room(clock.now())


async def test_a_slot_that_is_handed_over_is_used_at_once(clock: FakeClock) -> None:
    """Who stands in the queue was heard of lately."""
    gate, _engine = a_gate(clock)
    answer(gate, is_queued=True)
    await clock.advance(0.5)
    gate.lent(["me.1:7"])
    assert gate.has_room(clock.now())


@pytest.mark.parametrize("lease", [0.6, 3.0, 6.0, 30.0, 300.0])
async def test_who_waits_is_heard_of_before_patience_ends(clock: FakeClock, lease: float) -> None:
    """Else it would lose its place in the queue; and leases are renewed well before their end."""
    gate, _engine = a_gate(clock, lease)
    patience = gate.order(clock.now()).arguments[3]
    assert isinstance(patience, int)
    assert patience / 1e6 >= 2 * tick(lease)
    assert lease / 3 + 2 * tick(lease) < 0.7 * lease
    assert tick(lease) <= 1.0


def test_whoever_wants_slots_is_heard_by_those_who_want_more_themselves(valkey: str, namespace: str) -> None:
    """However close together they ask: nobody heeds a word of its own."""
    keys = [f"{{{namespace}}}:{part}" for part in ("leases", "queue", "state", "present")]

    def ask(owner: str, wanted: int) -> None:
        arguments: list[Any] = [owner, 2, 30_000_000, 5_000_000, wanted, 0, 60_000_000, f"{namespace}:", "name", 0, 0]
        client.eval(script("slots").text, 4, *keys, *arguments)

    with Redis.from_url(valkey) as client, client.pubsub(ignore_subscribe_messages=True) as hearing:
        hearing.subscribe(f"{namespace}:all")
        for owner in ("one", "other", "one", "other", "third"):
            ask(owner, 3)
        heard = [hearing.get_message(timeout=0.2) for _ in range(8)]
    words = [message["data"].decode() for message in heard if message is not None]
    assert any(not word.endswith(" one") for word in words)
    assert len(words) < 5, "everybody hears it, so not too often"


def test_a_process_that_was_forked_off_has_nothing_to_give_back(clock: FakeClock) -> None:
    """A request of its parent that the garbage collector ends there leaves no slot behind."""
    gate, _engine = a_gate(clock)
    answer(gate, "me.1:1")
    gate.use(clock.now())
    gate.forget()
    gate.give_back()
    assert not gate.has_room(clock.now())


def test_a_late_word_brings_no_slot_back_that_was_given_back(clock: FakeClock) -> None:
    """The answer that told of all slots came before it, and what it told of is over."""
    gate, _engine = a_gate(clock)
    answer(gate, "me.1:7", number=7)
    gate.others_wait(0)
    answer(gate, number=7)
    gate.lent(["me.1:7"])
    assert not gate.has_room(clock.now())
    gate.lent(["me.1:8"])
    assert gate.has_room(clock.now())


def test_words_count_again_when_the_server_has_forgotten_its_numbers(clock: FakeClock) -> None:
    """They begin at one then."""
    gate, _engine = a_gate(clock)
    answer(gate, "me.1:7", number=7)
    gate.others_wait(0)
    answer(gate, number=0)
    gate.lent(["me.1:1"])
    assert gate.has_room(clock.now())


def test_a_word_that_comes_before_the_first_answer_is_asked_about(clock: FakeClock) -> None:
    """Also when that answer comes in between."""
    gate, engine = a_gate(clock)
    now = clock.now()
    gate.order(now)
    gate.lent(["me.1:1"])
    gate.desk.change(gate.taking_in([1_000_000, 2, 0, 0, 1, [], [], 0], now, now))
    assert engine.ordered
    assert gate.order(now).arguments[9] == 1, "all that are lent are asked for"


async def test_a_slot_goes_to_those_who_wait_here_until_its_turn_is_over(clock: FakeClock) -> None:
    """While it changes hands nobody uses it; what is this process's own part stays here."""
    gate, _engine = a_gate(clock)
    answer(gate, "me.1:1", "me.1:2", number=2)
    for _ in range(2):
        gate.use(clock.now())
    gate.queued = 5
    gate.others_wait(1)
    await clock.advance(TURN / 2)
    gate.give_back()
    assert list(gate.leases) == ["me.1:1", "me.1:2"]
    gate.use(clock.now())
    await clock.advance(TURN)
    gate.give_back()
    assert list(gate.leases) == ["me.1:2"], "the one that was here longest"
    gate.give_back()
    assert list(gate.leases) == ["me.1:2"]
    assert gate.order(clock.now()).arguments[11:] == ["me.1:1"]


async def test_a_turn_is_that_of_the_slot_that_came_last(clock: FakeClock) -> None:
    """The part of a process is what it has had for long: what comes on top stays for a whole turn."""
    gate, _engine = a_gate(clock)
    answer(gate, "me.1:1")
    await clock.advance(5 * TURN)
    answer(gate, "me.1:1", "me.1:2", number=2)
    for _ in range(2):
        gate.use(clock.now())
    gate.queued = 5
    gate.others_wait(1)
    gate.give_back()
    assert len(gate.leases) == 2
    gate.use(clock.now())
    await clock.advance(1.1 * TURN)
    gate.give_back()
    assert len(gate.leases) == 1


async def test_a_turn_is_longer_where_the_server_is_farther_away(clock: FakeClock) -> None:
    """It takes longer to change hands there, but nobody keeps a slot for ever, nor where very many share it."""
    gate, engine = a_gate(clock)
    answer(gate, "me.1:1")
    gate.queued = 1

    async def turn() -> float:
        """Returns for how long a slot is kept that has just been lent."""
        gate.leases["me.1:1"] = began = clock.now()
        gate.others_wait(0)
        while gate.leases:
            await clock.advance(0.01)
            gate.others_wait(0)
        answer(gate)
        answer(gate, "me.1:1")
        return clock.now() - began

    assert await turn() == pytest.approx(TURN, abs=0.011)
    engine.round_trip = 0.02
    assert await turn() == pytest.approx(0.4, abs=0.011)
    engine.round_trip = 5.0
    assert await turn() == pytest.approx(0.5, abs=0.011)
    gate.processes = 300
    gate.leases["me.1:1"] = clock.now()
    await clock.advance(0.11)
    gate.others_wait(0)
    assert not gate.leases


async def test_a_slot_that_nobody_wants_here_goes_to_others_at_once(clock: FakeClock) -> None:
    """Its turn is over with the last who waits."""
    gate, _engine = a_gate(clock)
    answer(gate, "me.1:1", "me.1:2")
    gate.use(clock.now())
    gate.others_wait(1)
    assert len(gate.leases) == 1
    gate.give_back()
    assert not gate.leases


async def test_an_answer_tells_that_others_wait(clock: FakeClock) -> None:
    """As their own word does, which may have been missed."""
    gate, _engine = a_gate(clock)
    gate.order(clock.now())
    now = clock.now()
    gate.desk.change(gate.taking_in([1_000_000, 2, 1, 0, 0, ["me.1:1"], [], 1], now, now))
    assert not gate.leases


async def test_who_holds_slots_asks_who_waits_after_words_were_missed(clock: FakeClock) -> None:
    """Else others would have to repeat theirs, a second later."""
    gate, engine = a_gate(clock)
    gate.missed_words(clock.now())
    assert not engine.ordered
    answer(gate, "me.1:1")
    gate.use(clock.now())
    gate.missed_words(clock.now())
    assert engine.ordered
