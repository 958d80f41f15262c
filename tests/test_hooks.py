"""The layer that runs hooks: when they run, what they see, and what their errors do."""

from __future__ import annotations

import logging
from types import ModuleType
from typing import Any

import anyio
import pytest

from gracy_transport.call import EXTENSION, Call, CallOptions
from gracy_transport.exceptions import GracyException, GracyUserDefinedException, GracyVeto
from gracy_transport.hooks import HooksTransport
from gracy_transport.metrics import MetricsTransport
from gracy_transport.retry import GracefulRetry, RetryTransport
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from gracy_transport.validation import ValidationTransport

pytestmark = pytest.mark.anyio

URL = "https://user:hunter2@api.test/pokemon"


class Noted:
    """Hooks that note what they see, and do what they are told to."""

    def __init__(self, **doing: Any) -> None:
        self.seen: list[Any] = []
        self.states: list[Any] = []
        self.doing = doing

    async def before(self, request: Any, call: Call) -> None:
        self.seen.append("before")
        await self._do("before", request)

    async def after(self, request: Any, call: Call, result: Any) -> None:
        self.seen.append(type(result).__name__ if isinstance(result, Exception) else result.status_code)
        self.states.append(getattr(call.retry_state, "cur_attempt", None))
        await self._do("after", result)

    async def _do(self, name: str, given: Any) -> None:
        action = self.doing.get(name)
        if isinstance(action, BaseException):
            raise action
        if action is not None:
            await action(given)


async def get(client: Any, hooks: object, **options: Any) -> Any:
    """Gets with these hooks, reading the body in the attempt unless told otherwise."""
    told = CallOptions(hooks=hooks, **{"reads_body": True, **options})
    return await client.get(URL, extensions={EXTENSION: told})


def hooked(family: ModuleType, wire: ScriptedWire) -> Any:
    return family.AsyncClient(transport=HooksTransport(wire))


def retried(family: ModuleType, wire: ScriptedWire, clock: FakeClock, **retry: Any) -> Any:
    """Returns a client with retries and validation above the hooks, and its metrics."""
    layers = ValidationTransport(HooksTransport(wire, clock=clock), clock=clock)
    metrics = MetricsTransport(RetryTransport(layers, GracefulRetry(delay=1, **retry), clock=clock), clock=clock)
    return family.AsyncClient(transport=metrics), metrics


# ---------------------------------------------------------------- when they run


async def test_a_call_without_hooks_passes_untouched(family: ModuleType) -> None:
    """The very response of the wire comes out, its body unread."""
    wire = ScriptedWire(200)
    async with hooked(family, wire) as client, client.stream("GET", URL) as response:
        assert not hasattr(response, "_content")


async def test_before_and_after_run_around_an_attempt(family: ModuleType) -> None:
    """The response is the caller's as it would be without hooks."""
    hooks = Noted()
    async with hooked(family, ScriptedWire(ScriptedResponse(status=404, json={"a": 1}))) as client:
        response = await get(client, hooks)
    assert hooks.seen == ["before", 404]
    assert response.json() == {"a": 1}


async def test_before_runs_before_the_request_is_sent(family: ModuleType) -> None:
    """It could still be stopped."""
    wire, sent = ScriptedWire(200), []

    async def look(_request: Any) -> None:
        sent.append(len(wire.sent))

    async with hooked(family, wire) as client:
        await get(client, Noted(before=look, after=look))
    assert sent == [0, 1]


async def test_after_sees_the_body_the_request_and_the_time(family: ModuleType) -> None:
    """All that a user expects of a response."""
    seen: list[Any] = []

    async def look(response: Any) -> None:
        seen.append((response.json(), str(response.request.url.path), response.elapsed.total_seconds() >= 0))

    async with hooked(family, ScriptedWire(ScriptedResponse(json=[1]))) as client:
        await get(client, Noted(after=look))
    assert seen == [([1], "/pokemon", True)]


async def test_after_sees_the_error_of_an_attempt(family: ModuleType) -> None:
    """As the wire raised it."""
    hooks = Noted()
    async with hooked(family, ScriptedWire(family.ConnectError)) as client:
        with pytest.raises(family.ConnectError):
            await get(client, hooks)
    assert hooks.seen == ["before", "ConnectError"]


async def test_a_streamed_response_is_unread(family: ModuleType) -> None:
    """Its body is the caller's."""
    seen: list[bool] = []

    async def look(response: Any) -> None:
        seen.append(response.is_closed or response.is_stream_consumed)
        assert response.request.method == "GET"

    wire = ScriptedWire(ScriptedResponse(chunks=[b"a", b"b"]))
    told = CallOptions(hooks=Noted(after=look))
    async with (
        hooked(family, wire) as client,
        client.stream("GET", URL, extensions={EXTENSION: told}) as response,
    ):
        assert [chunk async for chunk in response.aiter_raw()] == [b"a", b"b"]
    assert seen == [False]


async def test_hooks_run_for_each_attempt_and_know_the_retry(family: ModuleType, clock: FakeClock) -> None:
    """The first attempt is none; its call forgets the state when it is over, since that refers to responses."""
    hooks = Noted()
    client, _ = retried(family, ScriptedWire(503, family.ConnectError, 200, clock=clock), clock)
    async with client:
        response = await get(client, hooks)
    assert hooks.seen == ["before", 503, "before", "ConnectError", "before", 200]
    assert hooks.states == [None, 1, 2]
    assert response.extensions[EXTENSION].retry_state is None


async def test_nothing_follows_a_cancelled_attempt(clock: FakeClock) -> None:
    """There is no result to tell of."""
    import httpx

    hooks = Noted()
    wire = ScriptedWire(ScriptedResponse(delay=60), clock=clock)
    async with hooked(httpx, wire) as client:
        with clock.timeout(1):
            await get(client, hooks)
    assert hooks.seen == ["before"]


# ---------------------------------------------------------------- bodies


async def test_a_body_that_breaks_is_the_error_of_the_attempt(family: ModuleType, clock: FakeClock) -> None:
    """And is retried as one."""
    hooks = Noted()
    wire = ScriptedWire(ScriptedResponse(chunks=[b"half", family.ReadError("reset")]), 200, clock=clock)
    client, _ = retried(family, wire, clock)
    async with client:
        response = await get(client, hooks)
    assert response.status_code == 200
    assert hooks.seen == ["before", "ReadError", "before", 200]
    assert wire.open_bodies == 0


async def test_the_status_of_an_error_counts_though_its_body_breaks(family: ModuleType, clock: FakeClock) -> None:
    """A retry by status happens as it would without hooks, and a hook sees the 429."""
    hooks = Noted()
    wire = ScriptedWire(
        ScriptedResponse(status=429, chunks=[b"half", family.ReadError("reset")]), ScriptedResponse(), clock=clock
    )
    client, _ = retried(family, wire, clock, retry_on=429)
    async with client:
        response = await get(client, hooks)
    assert (response.status_code, hooks.seen) == (200, ["before", 429, "before", 200])


async def test_who_reads_a_broken_body_gets_its_error(family: ModuleType) -> None:
    """Not that of a stream which was closed."""
    wire = ScriptedWire(ScriptedResponse(status=500, chunks=[b"half", family.ReadError("reset")]))
    async with hooked(family, wire) as client:
        with pytest.raises(family.ReadError, match="reset"):
            await get(client, Noted())
    assert wire.open_bodies == 0


async def test_a_body_that_cannot_be_decoded_breaks_as_well(family: ModuleType) -> None:
    """Of an accepted status it is the error of the attempt; with another the status counts."""
    junk: Any = {"headers": {"content-encoding": "gzip"}, "content": b"no gzip"}
    fine, bad = Noted(), Noted()
    wire = ScriptedWire(ScriptedResponse(status=200, **junk), ScriptedResponse(status=500, **junk))
    async with hooked(family, wire) as client:
        with pytest.raises(family.DecodingError):
            await get(client, fine)
        told = CallOptions(hooks=bad, reads_body=True)
        async with client.stream("GET", URL, extensions={EXTENSION: told}) as response:
            assert response.status_code == 500
    assert (fine.seen, bad.seen) == (["before", "DecodingError"], ["before", 500])


async def test_what_was_read_already_stays_so(family: ModuleType) -> None:
    """Such as the answer of a mock."""
    hooks = Noted()
    mock = family.MockTransport(lambda request: family.Response(200, json=[1]))
    async with family.AsyncClient(transport=HooksTransport(mock)) as client:
        assert (await get(client, hooks)).json() == [1]
    assert hooks.seen == ["before", 200]


async def test_a_head_request_has_no_body_to_read(family: ModuleType) -> None:
    """Its response is shown all the same."""
    hooks = Noted()
    async with hooked(family, ScriptedWire(200)) as client:
        await client.head(URL, extensions={EXTENSION: CallOptions(hooks=hooks, reads_body=True)})
    assert hooks.seen == ["before", 200]


# ---------------------------------------------------------------- errors of hooks


@pytest.mark.parametrize("place", ["before", "after"])
async def test_a_hook_that_fails_is_logged_and_changes_nothing(
    family: ModuleType, caplog: pytest.LogCaptureFixture, place: str
) -> None:
    """Without secrets in the line."""
    async with hooked(family, ScriptedWire(200)) as client:
        response = await get(client, Noted(**{place: KeyError("oops")}))
    assert response.status_code == 200
    [record] = [each for each in caplog.records if each.levelno == logging.ERROR]
    assert record.getMessage() == (
        f"{'a before' if place == 'before' else 'an after'} hook failed on GET https://[redacted]@api.test/pokemon; "
        "the call goes on"
    )
    assert record.exc_info is not None and isinstance(record.exc_info[1], KeyError)


async def test_a_failing_after_hook_leaves_the_error_of_the_attempt(family: ModuleType) -> None:
    """The caller gets what really went wrong."""
    async with hooked(family, ScriptedWire(family.ConnectError("real"))) as client:
        with pytest.raises(family.ConnectError, match="real"):
            await get(client, Noted(after=KeyError("oops")))


async def test_raising_the_error_one_was_given_is_no_failure(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """It is the error of the attempt still: retried as that, and no line in the log."""

    async def raise_it(result: Any) -> None:
        if isinstance(result, Exception):
            raise result

    client, _ = retried(family, ScriptedWire(family.ConnectError, 200, clock=clock), clock)
    async with client:
        assert (await get(client, Noted(after=raise_it))).status_code == 200
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


class Declared(GracyException):
    """One of the user's own that is no refusal by its class."""


@pytest.mark.parametrize("veto", [GracyVeto("no"), Declared("no")], ids=lambda veto: type(veto).__name__)
@pytest.mark.parametrize("place", ["before", "after"])
async def test_a_veto_reaches_the_caller_and_is_not_retried(
    family: ModuleType, clock: FakeClock, place: str, veto: GracyException
) -> None:
    """Nor counted as a failure of the server."""
    wire = ScriptedWire(200, clock=clock)
    client, metrics = retried(family, wire, clock)
    async with client:
        with pytest.raises(type(veto)) as caught:
            await get(client, Noted(**{place: veto}))
    assert caught.value is veto
    assert clock.waits == []
    assert len(wire.sent) == (0 if place == "before" else 1)
    total = metrics.get_report().total
    assert (total.calls, total.refused, total.failures, total.aborts) == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("place", "step", "fate"),
    [
        ("before", 200, "never_sent"),
        ("after", 200, "answered"),
        ("after", "ReadTimeout", "maybe_applied"),
        ("after", "ConnectError", "never_sent"),
    ],
)
async def test_a_veto_changes_nothing_of_the_fate_of_the_request(
    family: ModuleType, place: str, step: Any, fate: str
) -> None:
    """Not even when it brings the response of another one."""
    calls: list[Call] = []

    class Keeping(Noted):
        async def before(self, request: Any, call: Call) -> None:
            calls.append(call)
            await super().before(request, call)

    veto = Declared("no", response=family.Response(401))
    wire = ScriptedWire(step if step == 200 else getattr(family, step))
    async with hooked(family, wire) as client:
        with pytest.raises(Declared):
            await get(client, Keeping(**{place: veto}))
    assert calls[0].attempt.fate == fate
    assert calls[0].attempt.status == (200 if fate == "answered" else None)
    assert calls[0].attempt.ended is not None


async def test_a_veto_of_a_retry_ends_the_retries(family: ModuleType, clock: FakeClock) -> None:
    """The attempt before it is counted as it was."""
    asked: list[int] = []

    async def only_once(_request: Any) -> None:
        asked.append(1)
        if len(asked) > 1:
            raise GracyVeto("enough")

    client, metrics = retried(family, ScriptedWire(503, clock=clock), clock)
    async with client:
        with pytest.raises(GracyVeto, match="enough"):
            await get(client, Noted(before=only_once))
    total = metrics.get_report().total
    assert (total.attempts, total.failures, total.retries, total.refused) == (1, 1, 1, 1)


async def test_a_veto_after_an_error_has_it_for_a_context(family: ModuleType) -> None:
    """So nothing is lost."""
    async with hooked(family, ScriptedWire(family.ConnectError)) as client:
        with pytest.raises(GracyVeto) as caught:
            await get(client, Noted(after=GracyVeto("no")))
    assert isinstance(caught.value.__context__, family.ConnectError)


@pytest.mark.parametrize("raised", [GracyVeto("no"), KeyboardInterrupt()], ids=["veto", "interrupt"])
async def test_a_streamed_response_is_closed_when_after_ends_the_call(raised: BaseException) -> None:
    """Nobody else could."""
    import httpx

    wire = ScriptedWire(ScriptedResponse(chunks=[b"a"]))

    class Interrupting(Noted):
        async def after(self, request: Any, call: Call, result: Any) -> None:
            assert wire.open_bodies == 1
            raise raised

    transport = HooksTransport(wire)
    request = httpx.Request("GET", URL, extensions={EXTENSION: CallOptions(hooks=Interrupting())})
    coroutine = transport.handle_async_request(request)
    try:
        await coroutine
    except (GracyVeto, KeyboardInterrupt) as error:
        assert error is raised  # noqa: PT017 - pytest.raises takes an interrupt for its own
    else:
        pytest.fail("it should have been raised")
    assert wire.open_bodies == 0


@pytest.mark.parametrize("place", ["before", "after"])
async def test_a_hook_can_be_cancelled(clock: FakeClock, place: str) -> None:
    """The body is let go of, and no hook runs on."""
    import httpx

    async def hang(_given: Any) -> None:
        await clock.sleep(60)

    hooks = Noted(**{place: hang})
    wire = ScriptedWire(ScriptedResponse(chunks=[b"a"]))
    async with hooked(httpx, wire) as client:
        with clock.timeout(1) as scope:
            await get(client, hooks, reads_body=False)
    assert scope.cancelled_caught
    assert wire.open_bodies == 0
    assert len(wire.sent) == (0 if place == "before" else 1)
    await anyio.lowlevel.checkpoint()


async def test_a_user_defined_exception_is_declared(family: ModuleType) -> None:
    """As every exception of the library's kind is."""

    class Mine(GracyUserDefinedException):
        def __init__(self) -> None:
            GracyException.__init__(self, "mine")

    async with hooked(family, ScriptedWire(200)) as client:
        with pytest.raises(Mine):
            await get(client, Noted(before=Mine()))


def test_a_veto_survives_pickle() -> None:
    """With its own type, and as a refusal."""
    import pickle

    error = Declared("no")
    error.is_refusal = True
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.is_refusal) == (Declared, "no", True)
    assert pickle.loads(pickle.dumps(GracyVeto("no"))).is_refusal
