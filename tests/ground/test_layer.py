"""Tests of what every layer shares: entering, closing, refusing what does not fit, observers."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any
from weakref import WeakSet

import anyio
import httpx
import httpx2
import pytest

from gracy_transport.call import Call, Outcome, call_inside
from gracy_transport.events import CallEnded, CallStarted, Event
from gracy_transport.exceptions import CompositionError
from gracy_transport.layer import Layer
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire, capture_events

pytestmark = pytest.mark.anyio

URL = "https://api.test/x"


class Steps:
    """A duck-typed wire that remembers what was entered and left in which order, and fails where it shall."""

    def __init__(self, fails_at: str = "") -> None:
        self.steps: list[str] = []
        self.fails_at = fails_at

    def note(self, step: str) -> None:
        self.steps.append(step)
        if step.endswith(self.fails_at) and self.fails_at:
            raise OSError(step)

    async def handle_async_request(self, request: Any) -> Any:
        raise NotImplementedError

    async def __aenter__(self) -> None:
        self.note("wire entered")

    async def __aexit__(self, *_: object) -> None:
        self.note("wire left")

    async def aclose(self) -> None:
        self.note("wire closed")


class Noting(Layer):
    """A layer that notes on the wire when it lets go of what it holds."""

    def __init__(self, inner: Any, name: str, log: Steps) -> None:
        super().__init__(inner)
        self.name, self.log = name, log

    async def let_go(self) -> None:
        self.log.note(f"{self.name} let go")


def two_layers(wire: Steps) -> Layer:
    return Noting(Noting(wire, "lower", wire), "upper", wire)


class Duck:
    """The least that a layer can wrap."""

    def __init__(self) -> None:
        self.closed = 0

    async def handle_async_request(self, request: Any) -> Any:
        package = httpx if isinstance(request, httpx.Request) else httpx2
        return package.Response(204)

    async def aclose(self) -> None:
        self.closed += 1


# ---------------------------------------------------------------- entering and closing


async def test_entering_and_leaving_reach_the_wire_once_in_order() -> None:
    """The layers let go from the outside in, then the wire is left."""
    wire = Steps()
    async with two_layers(wire):
        assert wire.steps == ["wire entered"]
    assert wire.steps == ["wire entered", "upper let go", "lower let go", "wire left"]


async def test_closing_reaches_the_wire_once_in_order() -> None:
    """As leaving does."""
    wire = Steps()
    await two_layers(wire).aclose()
    assert wire.steps == ["upper let go", "lower let go", "wire closed"]


@pytest.mark.parametrize("fails_at", ["upper let go", "lower let go"])
async def test_a_layer_that_fails_to_let_go_does_not_keep_the_wire_open(fails_at: str) -> None:
    """The rest is closed all the same, and the error is raised."""
    wire = Steps(fails_at)
    with pytest.raises(OSError, match=fails_at):
        await two_layers(wire).aclose()
    assert wire.steps == ["upper let go", "lower let go", "wire closed"]
    wire = Steps(fails_at)
    with pytest.raises(OSError, match=fails_at):
        async with two_layers(wire):
            pass
    assert wire.steps == ["wire entered", "upper let go", "lower let go", "wire left"]


async def test_the_wires_error_in_closing_is_raised() -> None:
    """Nothing hides it."""
    with pytest.raises(OSError, match="wire closed"):
        await two_layers(Steps("closed")).aclose()


async def test_a_wire_that_cannot_be_entered_may_be_tried_again() -> None:
    """The failed entry does not count: the next one reaches the wire too, and leaving it as well."""
    wire = Steps("entered")
    layer = two_layers(wire)
    with pytest.raises(OSError, match="wire entered"):
        await layer.__aenter__()
    wire.fails_at = ""
    async with layer:
        pass
    assert wire.steps == ["wire entered", "wire entered", "upper let go", "lower let go", "wire left"]


async def test_two_clients_share_a_layer(family: ModuleType) -> None:
    """The wire is entered with the first and left with the last, however they overlap."""
    wire = ScriptedWire()
    layer = Layer(Layer(wire))
    first, second = family.AsyncClient(transport=layer), family.AsyncClient(transport=layer)
    await first.__aenter__()
    await second.__aenter__()
    assert (wire.entered, wire.closed) == (1, 0)
    await first.__aexit__(None, None, None)
    assert (await second.get(URL)).status_code == 200
    assert (wire.entered, wire.closed) == (1, 0)
    await second.__aexit__(None, None, None)
    assert (wire.entered, wire.closed) == (1, 1)


async def test_a_layer_on_two_mounts_is_entered_and_left_once(family: ModuleType) -> None:
    """The client does both once for each mount."""
    wire = ScriptedWire()
    layer = Layer(wire)
    mounts = {"https://a.test": layer, "https://b.test": layer}
    async with family.AsyncClient(transport=layer, mounts=mounts) as client:
        for host in ("a", "b", "c"):
            assert (await client.get(f"https://{host}.test")).status_code == 200
    assert (wire.entered, wire.closed) == (1, 1)


async def test_closing_twice_does_no_harm(family: ModuleType) -> None:
    """A real wire can be closed as often as one likes, and a layer adds nothing to that."""
    wire = family.AsyncHTTPTransport()
    layer = Layer(wire)
    before = repr(layer)
    await layer.aclose()
    await layer.aclose()
    async with family.AsyncClient(transport=layer) as client:
        await client.aclose()
    assert layer.inner is wire
    assert repr(layer) == before


async def test_leaving_without_entering_closes(family: ModuleType) -> None:
    """A client that was never entered may still be left."""
    wire = ScriptedWire()
    layer = Layer(wire)
    await layer.__aexit__()
    assert wire.closed == 1
    async with layer:
        pass
    assert (wire.entered, wire.closed) == (1, 2)


async def test_a_duck_typed_wire_is_enough(family: ModuleType) -> None:
    """It need not be enterable; leaving closes it."""
    duck = Duck()
    async with family.AsyncClient(transport=Layer(Layer(duck))) as client:
        assert (await client.get(URL)).status_code == 204
    assert duck.closed == 1


# ---------------------------------------------------------------- refusing what does not fit


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        (
            httpx.AsyncHTTPTransport,
            "the class AsyncHTTPTransport was given as inner transport: give an instance",
        ),
        (httpx.HTTPTransport(), "HTTPTransport is a synchronous transport: wrap an asynchronous one"),
        (httpx.WSGITransport(app=lambda *_: []), "WSGITransport is a synchronous transport"),
        (httpx.AsyncClient(), r"AsyncClient is a client, not a transport: use attach\(client, config\)"),
        (httpx.Client(), "Client is a client"),
        (None, "NoneType has no handle_async_request: wrap a transport, such as"),
    ],
)
def test_what_cannot_be_wrapped_is_refused_with_advice(inner: Any, message: str) -> None:
    """At construction, and the message says what to give instead."""
    with pytest.raises(CompositionError, match=message):
        Layer(inner)


def test_a_synchronous_client_is_refused_with_advice(family: ModuleType) -> None:
    """With and without `with`, and closing it afterwards makes no second error."""
    layer: Any = Layer(ScriptedWire())
    advice = r"Layer is asynchronous: give it to an httpx\.AsyncClient .*, not to a synchronous Client"
    client = family.Client(transport=layer)
    with pytest.raises(CompositionError, match=advice):
        client.get(URL)
    client.close()
    with pytest.raises(CompositionError, match=advice), family.Client(transport=layer):
        pass
    layer.__exit__(None, None, None)


async def test_a_wire_of_the_other_family_is_refused_naming_both(family: ModuleType) -> None:
    """However deep it is, and before anything is sent."""
    other: Any = httpx2 if family is httpx else httpx
    wire = other.MockTransport(lambda request: other.Response(200))
    async with family.AsyncClient(transport=Layer(Layer(wire))) as client:
        with pytest.raises(CompositionError, match=rf"request of {family.__name__} reached .* of {other.__name__}"):
            await client.get(URL)


async def test_one_stack_serves_clients_of_both_families() -> None:
    """When its wire fits both."""
    layer = Layer(ScriptedWire())
    for family in (httpx, httpx2, httpx):
        async with family.AsyncClient(transport=layer) as client:
            assert type(await client.get(URL)) is family.Response


async def test_a_mock_transport_works_with_elapsed(family: ModuleType) -> None:
    """Layers never ask a response for `elapsed`, which such a wire cannot tell them."""
    wire = family.MockTransport(lambda request: family.Response(200, json={"a": 1}))
    async with family.AsyncClient(transport=Layer(Layer(wire))) as client:
        assert (await client.get(URL)).json() == {"a": 1}


# ---------------------------------------------------------------- calls and observers


async def test_the_first_layer_opens_the_call_and_the_others_find_it(family: ModuleType) -> None:
    """All layers see the same one, and it has left when the client has its answer."""
    seen: list[Call] = []

    class Seeing(Layer):
        async def handle(self, request: Any, call: Call) -> Any:
            assert call_inside(request) is call
            seen.append(call)
            return await super().handle(request, call)

    async with family.AsyncClient(transport=Seeing(Seeing(ScriptedWire()))) as client:
        response = await client.get(URL)
    assert seen[0] is seen[1] is response.extensions["gracy"]
    assert not seen[0].is_inside


async def test_observers_hear_the_start_and_the_end(family: ModuleType, clock: FakeClock) -> None:
    """With the status, at the clock's time; each observer hears what happens from its layer on."""
    outer, inner = list[Event](), list[Event]()
    wire = ScriptedWire(ScriptedResponse(status=404, delay=2.0), clock=clock)
    layer = Layer(Layer(wire, clock=clock, observers=[inner.append]), clock=clock, observers=[outer.append])
    async with family.AsyncClient(transport=layer) as client:
        call = (await client.get(URL)).extensions["gracy"]
    assert outer == [CallStarted(call, 1000.0), CallEnded(call, 1002.0, 404, None)]
    assert inner == [CallEnded(call, 1002.0, 404, None)]


async def test_observers_hear_of_an_error(family: ModuleType, clock: FakeClock) -> None:
    """By the name of its class."""
    heard: list[Event] = []
    layer = Layer(ScriptedWire(httpx.ReadTimeout), clock=clock, observers=[heard.append])
    async with family.AsyncClient(transport=layer) as client:
        with pytest.raises(family.ReadTimeout):
            await client.get(URL)
    ended = heard[-1]
    assert isinstance(ended, CallEnded)
    assert (ended.status, ended.error) == (None, "ReadTimeout")


async def test_observers_hear_of_a_cancelled_call(clock: FakeClock, family: ModuleType) -> None:
    """It ended too; the request is free to be sent again."""
    heard: list[Event] = []
    wire = ScriptedWire(ScriptedResponse(delay=float("inf")), 200, clock=clock)
    layer = Layer(wire, clock=clock, observers=[heard.append])
    async with family.AsyncClient(transport=layer) as client:
        request = client.build_request("GET", URL)
        with clock.timeout(1.0):
            await client.send(request)
        assert [type(event) for event in heard] == [CallStarted, CallEnded]
        assert (await client.send(request)).status_code == 200


async def test_an_observer_that_fails_does_not_change_the_outcome(
    family: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """It is logged, and that is all."""

    def broken(_event: Event) -> None:
        raise ValueError("broken")

    layer = Layer(ScriptedWire(), observers=[broken])
    async with family.AsyncClient(transport=layer) as client:
        assert (await client.get(URL)).status_code == 200
    assert [record.levelno for record in caplog.records] == [logging.ERROR, logging.ERROR]


async def test_events_can_be_captured_for_a_while(family: ModuleType) -> None:
    """Only while the block runs, beside the observers that are there anyway."""
    always: list[Event] = []
    layer = Layer(ScriptedWire(), observers=[always.append])
    async with family.AsyncClient(transport=layer) as client:
        with capture_events(layer) as captured:
            await client.get(URL)
        await client.get(URL)
    assert [type(event) for event in captured] == [CallStarted, CallEnded]
    assert len(always) == 4


async def test_many_calls_at_once_do_not_meet(family: ModuleType, clock: FakeClock) -> None:
    """State belongs to the call, not to the layer."""
    layer = Layer(ScriptedWire(ScriptedResponse(delay=1.0), clock=clock), clock=clock)
    calls: list[Call] = []
    async with family.AsyncClient(transport=layer) as client, anyio.create_task_group() as tasks:

        async def get(number: int) -> None:
            response = await client.get(f"{URL}/{number}")
            calls.append(response.extensions["gracy"])

        for number in range(50):
            tasks.start_soon(get, number)
    assert len({id(call) for call in calls}) == 50
    assert {str(call.url) for call in calls} == {f"{URL}/{number}" for number in range(50)}


class Rejecting(Layer):
    """A layer that turns every response down without reading it."""

    async def handle(self, request: Any, call: Call) -> Any:
        response = await self.inner.handle_async_request(request)
        error = ValueError("not good enough")
        call.rejected = Outcome(response, error)
        raise error


async def test_a_rejected_response_that_nobody_takes_is_closed(family: ModuleType, clock: FakeClock) -> None:
    """The error reaches the caller without the response, so its connection would stay open for ever."""
    wire = ScriptedWire(clock=clock)
    async with family.AsyncClient(transport=Layer(Rejecting(wire))) as client:
        with pytest.raises(ValueError, match="not good enough"):
            await client.get(URL)
    assert wire.open_bodies == 0


# ---------------------------------------------------------------- showing itself


def test_the_chain_goes_down_to_the_wire() -> None:
    """Outermost first."""
    wire = ScriptedWire()
    inner = Layer(wire)
    outer = Layer(inner)
    assert list(outer.chain()) == [outer, inner, wire]
    assert outer.wire is wire


def test_a_layer_shows_its_class_and_state() -> None:
    """A layer without a state shows its class."""

    class Stateful(Layer):
        def state(self) -> str:
            return "2 rules"

    assert repr(Layer(ScriptedWire())) == "<Layer>"
    assert repr(Stateful(ScriptedWire())) == "<Stateful 2 rules>"


@pytest.mark.parametrize("heavy", ["rich", "trio", "httpx2"])
def test_importing_a_layer_loads_nothing_of_weight(heavy: str) -> None:
    """The rest, rich among it, is loaded where it is used; httpx may load that for a command of its own."""
    code = (
        "import sys, anyio, httpx, pydantic; before = set(sys.modules); import gracy_transport.layer; "
        f"assert {heavy!r} not in set(sys.modules) - before"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


def test_typing_of_wires() -> None:
    """Type checkers accept a transport of either family, a layer and a duck; a layer fits both clients."""
    layers = [Layer(httpx.AsyncHTTPTransport()), Layer(httpx2.AsyncHTTPTransport()), Layer(Duck())]
    for layer in [*layers, Layer(layers[0])]:
        httpx.AsyncClient(transport=layer)
        httpx2.AsyncClient(transport=layer)


@pytest.mark.parametrize(
    ("failure", "fate"),
    [
        ("ConnectError", "never_sent"),
        ("ConnectTimeout", "never_sent"),
        ("PoolTimeout", "never_sent"),
        ("ReadTimeout", "maybe_applied"),
        ("WriteError", "maybe_applied"),
        ("RemoteProtocolError", "maybe_applied"),
    ],
)
async def test_an_error_leaves_the_fate_of_the_request_on_its_call(
    failure: str, fate: str, family: ModuleType, clock: FakeClock
) -> None:
    """Whoever catches the error finds out by the request whether the server may have carried it out."""
    wire = ScriptedWire(getattr(family, failure), clock=clock)
    async with family.AsyncClient(transport=Layer(wire, clock=clock)) as client:
        with pytest.raises(getattr(family, failure)) as caught:
            await client.post(URL)
    call = caught.value.request.extensions["gracy"]
    assert (call.attempt.fate, call.attempt.error) == (fate, failure)


async def test_an_answer_leaves_its_status_and_time_on_the_call(family: ModuleType, clock: FakeClock) -> None:
    """One layer alone is enough for a timeline that is true."""
    wire = ScriptedWire(ScriptedResponse(status=503, delay=2), clock=clock)
    async with family.AsyncClient(transport=Layer(wire, clock=clock)) as client:
        response = await client.get(URL)
    assert str(response.extensions["gracy"]) == "GET /x 503 in 2.0 s: 1 attempt"


async def test_events_of_a_layer_inside_can_be_captured(family: ModuleType) -> None:
    """Its neighbour above was made when it had no observers, and finds the way to them."""
    inside = Layer(ScriptedWire())
    async with family.AsyncClient(transport=Layer(Layer(inside))) as client:
        await client.get(URL)
        with capture_events(inside) as events:
            await client.get(URL)
        await client.get(URL)
    assert [type(event) for event in events] == [CallEnded]


async def test_captures_may_overlap(family: ModuleType) -> None:
    """Each ends its own collection, whichever ends first."""
    layer = Layer(ScriptedWire())
    async with family.AsyncClient(transport=layer) as client:
        with ExitStack() as second:
            with capture_events(layer) as early:
                late = second.enter_context(capture_events(layer))
            await client.get(URL)
    assert (len(early), len(late)) == (0, 2)
    assert layer.observers == ()


def meanwhile(work: Any) -> Any:
    """Returns what lets a thread do some work the first time, and waits until it is through, or has to wait itself."""
    thread = threading.Thread(target=work)

    def do() -> None:
        if not thread.ident:
            thread.start()
            thread.join(0.5)

    return thread, do


async def test_observers_that_come_while_another_thread_makes_the_layer_above_hear(family: ModuleType) -> None:
    """A stack builds chains whenever a call has a config of its own, in whichever thread."""

    class Overtaken(Layer):
        """It gets observers from another thread just when somebody has looked whether there are any."""

        @property
        def observers(self) -> Any:
            seen = super().observers
            come()
            return seen

        @observers.setter
        def observers(self, observers: Any) -> None:
            plain.__set__(self, observers)

    plain = vars(Layer)["observers"]
    heard: list[Event] = []
    inside = Overtaken(ScriptedWire())
    thread, come = meanwhile(lambda: plain.__set__(inside, [heard.append]))
    above = Layer(inside)
    thread.join(30)
    async with family.AsyncClient(transport=above) as client:
        await client.get(URL)
    assert [type(event) for event in heard] == [CallEnded]


def test_a_layer_may_be_made_while_another_thread_sets_the_observers_of_the_one_below() -> None:
    """It comes before or after, and is not in the way."""

    class Overtaken(WeakSet[Layer]):
        """A layer more comes in while somebody goes through it."""

        def __iter__(self) -> Iterator[Layer]:
            for each in super().__iter__():
                come()
                yield each

    inside, made = Layer(ScriptedWire()), list[Layer]()
    inside._above = Overtaken()
    made += [Layer(inside), Layer(inside)]
    thread, come = meanwhile(lambda: made.append(Layer(inside)))
    inside.observers = [print]
    thread.join(30)
    assert [layer.pass_on for layer in made] == [inside.take] * 3


@pytest.mark.parametrize("leave", [False, True])
async def test_clients_of_two_threads_enter_and_leave_the_transports_below_once(leave: bool) -> None:
    """Also when they do so at the same moment."""
    wire = Steps()

    class Overtaken(Layer):
        """Its count of clients changes in another thread just after it was changed in this one."""

        @property
        def _entered(self) -> int:
            if self.is_watched and self.count == 1:
                come()
            return self.count

        @_entered.setter
        def _entered(self, count: int) -> None:
            self.count = count

        is_watched = False
        count = 0

    layer = Overtaken(wire)
    change = Layer.__aexit__ if leave else Layer.__aenter__
    thread, come = meanwhile(lambda: anyio.run(change, layer))
    if leave:
        await layer.__aenter__()
        await layer.__aenter__()
    layer.is_watched = True
    await change(layer)
    thread.join(30)
    assert wire.steps == (["wire entered", "wire left"] if leave else ["wire entered"])
