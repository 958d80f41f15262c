"""README: "Hooks before/after request"."""

from __future__ import annotations

import gc
import logging
import threading
import typing
import weakref
from collections import defaultdict
from http import HTTPStatus
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest

from gracy_transport import (
    GracefulRetry,
    GracefulRetryState,
    GracefulThrottle,
    GracefulValidator,
    Gracy,
    GracyConfig,
    GracyNamespace,
    GracyReplay,
    GracyRequestContext,
    GracyTransport,
    LogEvent,
    ThrottleRule,
    call_options,
    graceful,
)
from gracy_transport.clock import SYSTEM_CLOCK
from gracy_transport.common_hooks import RateLimitBackOffHook
from gracy_transport.exceptions import GracyRequestFailed, GracyVeto, NonOkResponse
from gracy_transport.hooks import HooksTransport
from gracy_transport.order import Shared
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, PokeEndpoint, Scripted, ScriptedAPI

pytestmark = pytest.mark.anyio


class Noting(Scripted):
    """An API that notes what its hooks see."""

    def __init__(self, family: ModuleType, wire: ScriptedWire, **kwargs: Any) -> None:
        self.seen: list[Any] = []
        super().__init__(family, wire, **kwargs)

    async def before(self, context: GracyRequestContext) -> None:
        self.seen.append(("before", context.endpoint))

    async def after(
        self, context: GracyRequestContext, response_or_exc: Any, retry_state: GracefulRetryState | None
    ) -> None:
        result = getattr(response_or_exc, "status_code", None) or type(response_or_exc).__name__
        self.seen.append((result, None if retry_state is None else retry_state.cur_attempt))


class NotingAPI(Noting):
    """One with a base URL and no settings."""

    class Config:
        BASE_URL = BASE


# ---------------------------------------------------------------- the README


README = """
class GracefulPokeAPI(Gracy[PokeApiEndpoint]):
    class Config:
        BASE_URL = "https://pokeapi.co/api/v2/"
        SETTINGS = GracyConfig(
            retry=RETRY,
            allowed_status_code={HTTPStatus.NOT_FOUND},
            parser={HTTPStatus.NOT_FOUND: None},
        )

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        self.before_count = 0

        self.after_status_counter = defaultdict[HTTPStatus, int](int)
        self.after_aborts = 0
        self.after_retries_counter = 0

        super().__init__(*args, **kwargs)

    async def before(self, context: GracyRequestContext):
        self.before_count += 1

    async def after(
        self,
        context: GracyRequestContext, # Current request context
        response_or_exc: httpx.Response | Exception,  # Either the request or an error
        retry_state: GracefulRetryState | None,  # Set when this is generated from a retry
    ):
        if retry_state:
            self.after_retries_counter += 1

        if isinstance(response_or_exc, httpx.Response):
            self.after_status_counter[HTTPStatus(response_or_exc.status_code)] += 1
        else:
            self.after_aborts += 1

    async def get_pokemon(self, name: str):
        return await self.get(PokeApiEndpoint.GET_POKEMON, {"NAME": name})
"""


def example(family: ModuleType, wire: ScriptedWire) -> Any:
    """Returns the class of the README, as printed, over a wire of that family."""

    class Wired(Gracy[PokeEndpoint]):
        def _create_client(self) -> Any:
            return family.AsyncClient(transport=wire)

        def __class_getitem__(cls, _endpoint: object) -> Any:
            return cls

    names: dict[str, Any] = {
        "Gracy": Wired,
        "PokeApiEndpoint": PokeEndpoint,
        "RETRY": GracefulRetry(delay=0.001, max_attempts=2),
        "httpx": family,
        "t": typing,
        **{each.__name__: each for each in (GracyConfig, HTTPStatus, GracyRequestContext, GracefulRetryState)},
        "defaultdict": defaultdict,
    }
    exec(compile(README, "README", "exec", dont_inherit=True), names)
    return names["GracefulPokeAPI"]


async def test_the_example_of_the_readme(family: ModuleType, clock: FakeClock) -> None:
    """Each attempt is one more of everything; an allowed 404 is retried, because `retry_on=None` wants 2xx."""
    api = example(family, ScriptedWire(200, 404, family.ConnectError, 200))(clock=clock)
    assert (await api.get_pokemon("mew")).status_code == 200
    assert (await api.get_pokemon("mew")).status_code == 200
    assert api.before_count == 4
    assert api.after_status_counter == {HTTPStatus.OK: 2, HTTPStatus.NOT_FOUND: 1}
    assert (api.after_aborts, api.after_retries_counter) == (1, 2)


async def test_the_example_of_the_readme_where_nothing_is_found(family: ModuleType, clock: FakeClock) -> None:
    """One allowed 404 that stays: three attempts, and the parser's `None`."""
    api = example(family, ScriptedWire(404))(clock=clock)
    assert await api.get_pokemon("missingno") is None
    assert (api.before_count, api.after_retries_counter) == (3, 2)


# ---------------------------------------------------------------- what they are given


async def test_hooks_run_around_each_attempt(family: ModuleType, clock: FakeClock) -> None:
    """In this order, with the state of the retry."""

    class API(Noting):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(retry=GracefulRetry(delay=1))

    api = API(family, ScriptedWire(503, family.ReadTimeout, 200), clock=clock)
    await api.get_pokemon("mew")
    before = ("before", "/pokemon/mew")
    assert api.seen == [before, (503, None), before, ("ReadTimeout", 1), before, (200, 2)]


async def test_the_context_is_the_request_in_the_terms_of_the_api(family: ModuleType, clock: FakeClock) -> None:
    """Overrides of the method and the query included."""
    contexts: list[GracyRequestContext] = []

    class API(Scripted):
        class Config:
            BASE_URL = BASE

        async def before(self, context: GracyRequestContext) -> None:
            contexts.append(context)

        async def after(self, context: GracyRequestContext, response_or_exc: Any, retry_state: Any) -> None:
            contexts.append(context)

        @graceful(allowed_status_code=404)
        async def search(self) -> Any:
            return await self.get(PokeEndpoint.GET_POKEMON, {"NAME": "a b"}, params={"limit": 1})

    await API(family, ScriptedWire(ScriptedResponse(delay=2), clock=clock), clock=clock).search()
    before, after = contexts
    assert (before.method, before.url, before.unformatted_url) == (
        "GET",
        f"{BASE}/pokemon/a%20b",
        BASE + "/pokemon/{NAME}",
    )
    assert (before.endpoint_args, before.endpoint_params) == ({"NAME": "a b"}, {"limit": 1})
    assert before.active_config.allowed_status_code == frozenset({404})
    assert (before.elapsed, after.elapsed) == (0, 2)


async def test_a_response_can_be_read_in_after_and_by_the_parser(family: ModuleType) -> None:
    """Whatever its status."""
    seen: list[Any] = []

    class API(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(parser={"default": lambda r: r.json()})

        async def after(self, context: Any, response_or_exc: Any, retry_state: Any) -> None:
            seen.append((response_or_exc.json(), str(response_or_exc.request.url)))

    api = API(family, ScriptedWire(ScriptedResponse(json=[1]), ScriptedResponse(status=500, json=[2])))
    assert await api.get_pokemon() == [1]
    with pytest.raises(NonOkResponse) as caught:
        await api.get_pokemon()
    assert caught.value.response.json() == [2]
    assert seen == [([1], f"{BASE}/pokemon/pikachu"), ([2], f"{BASE}/pokemon/pikachu")]


async def test_streams_have_hooks_too(family: ModuleType) -> None:
    """With the response unread."""
    read: list[bool] = []

    class API(NotingAPI):
        async def after(self, context: Any, response_or_exc: Any, retry_state: Any) -> None:
            read.append(response_or_exc.is_stream_consumed)

    api = API(family, ScriptedWire(ScriptedResponse(chunks=[b"a", b"b"])))
    async with api.stream("GET", PokeEndpoint.LIST_POKEMON) as response:
        assert await response.aread() == b"ab"
    assert (api.seen, read) == ([("before", "/pokemon")], [False])


async def test_each_hop_of_a_redirect_is_an_attempt(family: ModuleType) -> None:
    """The hooks see both."""
    wire = ScriptedWire(ScriptedResponse(status=302, headers={"location": "/elsewhere"}), 200)
    api = NotingAPI(family, wire)
    await api.get_pokemon(follow_redirects=True)
    assert [result for result, _ in api.seen] == ["before", 302, "before", 200]


async def test_replayed_answers_have_hooks(family: ModuleType, tmp_path: Any) -> None:
    """As live ones."""
    storage = SQLiteReplayStorage("rec.sqlite3", dir=str(tmp_path))
    recorded = NotingAPI(family, ScriptedWire(ScriptedResponse(json=[1])), replay=GracyReplay("record", storage))
    await recorded.get_pokemon()
    await recorded.aclose()
    replayed = NotingAPI(family, ScriptedWire(500), replay=GracyReplay("replay", storage))
    assert (await replayed.get_pokemon()).json() == [1]
    await replayed.aclose()
    assert replayed.seen == recorded.seen == [("before", "/pokemon/pikachu"), (200, None)]
    assert replayed.wire.sent == []


# ---------------------------------------------------------------- vetoes and failures


class OutOfBudget(GracyVeto):
    """Of the user's own."""


@pytest.mark.parametrize("place", ["before", "after"])
async def test_a_veto_reaches_the_caller(family: ModuleType, clock: FakeClock, place: str) -> None:
    """Not retried, not wrapped, no failure of the server's."""

    class API(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(retry=GracefulRetry(delay=1))

        async def before(self, context: GracyRequestContext) -> None:
            if place == "before":
                raise OutOfBudget(f"{context.url} is too dear")

        async def after(self, context: GracyRequestContext, response_or_exc: Any, retry_state: Any) -> None:
            raise OutOfBudget(f"{context.url} is too dear")

    api = API(family, ScriptedWire(200), clock=clock)
    with pytest.raises(OutOfBudget, match="pikachu is too dear"):
        await api.get_pokemon()
    assert (clock.waits, len(api.wire.sent)) == ([], 0 if place == "before" else 1)
    total = api.get_report().total
    assert (total.refused, total.failures, total.calls) == (1, 0, 1)


async def test_any_other_exception_is_logged_with_the_name_of_the_hook(
    family: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """And the request goes on."""

    class API(Scripted):
        class Config:
            BASE_URL = BASE

        async def before(self, context: GracyRequestContext) -> None:
            raise KeyError("oops")

        async def after(self, context: GracyRequestContext, response_or_exc: Any, retry_state: Any) -> None:
            raise httpx.ConnectError("of another service")

    assert (await API(family, ScriptedWire(200)).get_pokemon()).status_code == 200
    lines = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert lines == [
        f"API.{name} failed on GET {BASE}/pokemon/pikachu; the call goes on" for name in ("before", "after")
    ]


@pytest.mark.parametrize("place", ["before", "after"])
async def test_a_request_can_be_cancelled_in_a_hook(family: ModuleType, clock: FakeClock, place: str) -> None:
    """Nothing is left behind: the next request finds its slot, and hooks as ever."""

    class API(Noting):
        hangs = True

        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(concurrent_requests=1)

        async def before(self, context: GracyRequestContext) -> None:
            await super().before(context)
            if self.hangs and place == "before":
                await clock.sleep(60)

        async def after(self, context: GracyRequestContext, response_or_exc: Any, retry_state: Any) -> None:
            await super().after(context, response_or_exc, retry_state)
            if self.hangs and place == "after":
                await clock.sleep(60)

    api = API(family, ScriptedWire(200, clock=clock), clock=clock)
    with clock.timeout(1) as scope:
        await api.get_pokemon()
    assert scope.cancelled_caught
    api.hangs, api.seen = False, []
    await api.get_pokemon()
    assert api.seen == [("before", "/pokemon/pikachu"), (200, None)]
    assert api.get_report().total.cancelled == 1


# ---------------------------------------------------------------- requests in hooks


class Rejecting(GracefulValidator):
    """Turns everything down."""

    def check(self, response: Any) -> None:
        raise LookupError("turned down")


class Busy(Scripted):
    """An API with everything on, whose hooks make requests."""

    class Config:
        BASE_URL = BASE
        SETTINGS = GracyConfig(
            retry=GracefulRetry(delay=1, max_attempts=3),
            parser={"default": lambda r: r.json()},
            validators=Rejecting(),
            log_request=LogEvent(),
            throttling=GracefulThrottle(ThrottleRule(".*", 1, 10), log_limit_reached=LogEvent()),
            concurrent_requests=1,
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.answers: list[Any] = []
        super().__init__(*args, **kwargs)

    async def before(self, context: GracyRequestContext) -> None:
        self.answers.append(await self.ask())

    @graceful(allowed_status_code=404, retry=GracefulRetry(delay=1))
    async def ask(self, **options: Any) -> Any:
        return await self.get("/token", **options)

    @graceful(validators=None, parser=None)
    async def plain(self) -> Any:
        return await self.get("/plain")


async def test_a_request_in_a_hook_is_bare(
    family: ModuleType, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    """No retry, no judging of its status, no parser, no validator, no log line, no hook; and none of a decorator."""
    caplog.set_level(logging.DEBUG, "gracy_transport")
    api = Busy(family, ScriptedWire(503, 200, clock=clock), clock=clock)
    assert (await api.plain()).status_code == 200
    assert [answer.status_code for answer in api.answers] == [503]
    assert [each.url for each in api.wire.sent] == [f"{BASE}/token", f"{BASE}/plain"]
    assert "/token" not in caplog.text


async def test_a_request_in_a_hook_counts_and_does_not_wait(family: ModuleType, clock: FakeClock) -> None:
    """At the gates and in the report: the request itself waits for the permit that the hook's used up."""
    api = Busy(family, ScriptedWire(503, 200, 200, 200, clock=clock), clock=clock)
    await api.plain()
    await api.plain()
    assert [(each.at, each.url.rpartition("/")[2]) for each in api.wire.sent] == [
        (1000, "token"),
        (1010, "plain"),
        (1010, "token"),
        (1020, "plain"),
    ]
    rows = {row.url: row for row in api.get_report().rows}
    assert (rows[f"{BASE}/token"].attempts, rows[f"{BASE}/token"].failures) == (2, 1)
    assert rows[f"{BASE}/token"].throttles == 0


async def test_a_request_in_after_meets_no_deadlock_at_limit_one(family: ModuleType, clock: FakeClock) -> None:
    """Not even while a stream holds the only slot."""

    class API(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(concurrent_requests=1)

        async def after(self, context: GracyRequestContext, response_or_exc: Any, retry_state: Any) -> None:
            await self.get_pokemon("inside")

    api = API(family, ScriptedWire(ScriptedResponse(chunks=[b"a"]), clock=clock), clock=clock)
    with clock.timeout(60) as scope:
        async with api.stream("GET", PokeEndpoint.GET_POKEMON, {"NAME": "outside"}) as response:
            await response.aread()
        await api.get_pokemon("outside")
    assert not scope.cancelled_caught
    assert len(api.wire.sent) == 4
    assert api.wire.in_flight == 0


async def test_what_the_request_itself_says_holds_in_a_hook(family: ModuleType, clock: FakeClock) -> None:
    """`call_options` is no configuration of the API."""

    class API(Busy):
        async def before(self, context: GracyRequestContext) -> None:
            own = call_options(retry=GracefulRetry(delay=1), template="/secret", allowed_status_code=404)
            self.answers.append(await self.ask(extensions=own))

    api = API(family, ScriptedWire(503, 404, clock=clock), clock=clock)
    api.answers.clear()
    with pytest.raises(NonOkResponse):
        await api.plain()
    assert [answer.status_code for answer in api.answers][:1] == [404]
    assert f"{BASE}/secret" in [row.url for row in api.get_report().rows]


async def test_a_hook_that_streams_gets_a_bare_stream(family: ModuleType, clock: FakeClock) -> None:
    """Of whatever status, a redirect and a challenge too."""

    class API(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(retry=GracefulRetry(delay=1))

        async def before(self, context: GracyRequestContext) -> None:
            async with self.stream("GET", "/status", follow_redirects=True) as response:
                statuses.append(response.status_code)

    statuses: list[int] = []
    api = API(family, ScriptedWire(401, 200), clock=clock)
    await api.get_pokemon()
    assert statuses == [401]


async def test_a_request_that_fails_in_a_hook_can_be_handled_there(family: ModuleType) -> None:
    """It is wrapped as outside; not handled, it is a veto, as every declared exception is."""

    class API(Scripted):
        handles = True

        class Config:
            BASE_URL = BASE

        async def before(self, context: GracyRequestContext) -> None:
            try:
                await self.get("/token")
            except GracyRequestFailed:
                if not self.handles:
                    raise

    api = API(family, ScriptedWire(family.ConnectError, 200, family.ConnectError))
    assert (await api.get_pokemon()).status_code == 200
    api.handles = False
    with pytest.raises(GracyRequestFailed, match="/token"):
        await api.get_pokemon()


async def test_another_api_in_a_hook_has_its_own_configs_and_hooks(family: ModuleType, clock: FakeClock) -> None:
    """And back in the first one, from there, a request is bare still."""

    class Tokens(Noting):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(retry=GracefulRetry(delay=1), parser={"default": lambda r: "token"})

        async def before(self, context: GracyRequestContext) -> None:
            await super().before(context)
            statuses.append((await api.get_pokemon("back")).status_code)

    class API(Noting):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(parser={"default": lambda r: r.json()})

        async def before(self, context: GracyRequestContext) -> None:
            await super().before(context)
            got.append(await tokens.get("/token"))

    got: list[Any] = []
    statuses: list[int] = []
    tokens = Tokens(family, ScriptedWire(503, 200), clock=clock)
    api = API(family, ScriptedWire(404, 500, ScriptedResponse(json=[1])), clock=clock)
    assert await api.get_pokemon() == [1]
    assert got == ["token"]
    assert statuses == [404, 500]
    assert tokens.seen == [("before", "/token"), (503, None), ("before", "/token"), (200, 1)]
    assert api.seen == [("before", "/pokemon/pikachu"), (200, None)]


async def test_configs_hold_again_after_a_hook(family: ModuleType) -> None:
    """Between `before` and `after`, and outside, nothing is bare: a validator's own request, say."""

    class Asking(GracefulValidator):
        async def check(self, response: Any) -> None:
            if response.request.url.path.endswith("pikachu"):
                results.append(await api.get_pokemon("asked"))

    class API(Noting):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(parser={"default": lambda r: "parsed"}, validators=Asking())

    results: list[Any] = []
    api = API(family, ScriptedWire(200))
    await api.get_pokemon()
    assert results == ["parsed"]
    assert len(api.seen) == 4


async def test_a_task_that_a_hook_starts_makes_bare_requests(family: ModuleType) -> None:
    """Else each would start another, for ever."""
    results: list[Any] = []

    class API(Noting):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(parser={"default": lambda r: "parsed"})

        async def before(self, context: GracyRequestContext) -> None:
            await super().before(context)
            group.start_soon(self.refresh)

        async def refresh(self) -> None:
            await anyio.lowlevel.checkpoint()
            results.append((await self.get_pokemon("mew")).status_code)

    api = API(family, ScriptedWire(200))
    async with anyio.create_task_group() as group:
        assert await api.get_pokemon() == "parsed"
    assert results == [200]
    assert api.seen == [("before", "/pokemon/pikachu"), (200, None)]


async def test_tasks_at_once_do_not_share_what_is_bare(family: ModuleType, clock: FakeClock) -> None:
    """One is in a hook while another makes an ordinary request."""

    class API(Noting):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(parser={"default": lambda r: "parsed"})

        async def before(self, context: GracyRequestContext) -> None:
            await super().before(context)
            await clock.sleep(1)

    api = API(family, ScriptedWire(200), clock=clock)
    results: list[Any] = []

    async def get(after: float) -> None:
        await clock.sleep(after)
        results.append(await api.get_pokemon())

    async with anyio.create_task_group() as group:
        group.start_soon(get, 0)
        group.start_soon(get, 0.5)
    assert results == ["parsed", "parsed"]
    assert len(api.seen) == 4


# ---------------------------------------------------------------- which objects have hooks


async def test_an_api_without_hooks_has_none_of_it_in_its_stack(family: ModuleType) -> None:
    """A request of it costs no more; the methods are there to be called by `super()`."""
    api = Gracy[str](clock=FakeClock())
    assert "Hooks" not in repr(api)
    assert "pauses" not in repr(api)
    context = GracyRequestContext("GET", BASE, "/x")
    await api.before(context)
    await api.after(context, ValueError(), None)
    assert "HooksTransport" in repr(NotingAPI(family, ScriptedWire()))


async def test_hooks_may_be_given_to_an_object(family: ModuleType) -> None:
    """Before `super().__init__()`, and one of the two is enough."""

    class API(Scripted):
        class Config:
            BASE_URL = BASE

        def __init__(self, *args: Any) -> None:
            async def before(context: GracyRequestContext) -> None:
                seen.append(context.endpoint)

            setattr(self, "before", before)  # noqa: B010 - a method cannot be assigned to
            super().__init__(*args)

    seen: list[str] = []
    await API(family, ScriptedWire(200)).get_pokemon()
    assert seen == ["/pokemon/pikachu"]


class Part(GracyNamespace[str]):
    """A namespace with hooks, which do as they are told."""

    def __init__(self, parent: Any, seen: list[str], name: str, **doing: Exception) -> None:
        self.seen, self.name, self.doing = seen, name, doing
        super().__init__(parent)

    async def before(self, context: GracyRequestContext) -> None:
        self.seen.append(f"{self.name} before")
        if "before" in self.doing:
            raise self.doing["before"]

    async def after(self, context: GracyRequestContext, response_or_exc: Any, retry_state: Any) -> None:
        result = getattr(response_or_exc, "status_code", None) or response_or_exc
        self.seen.append(f"{self.name} after {result}")
        if "after" in self.doing:
            raise self.doing["after"]


async def test_hooks_around_others_run_outermost_first_and_last(family: ModuleType) -> None:
    """As far as they got: who vetoes is not asked again, and the others hear of the veto."""
    seen: list[str] = []
    outer = Part(ScriptedAPI(family, ScriptedWire(200)), seen, "outer")
    inner = Part(outer, seen, "inner")
    assert repr(inner._gracy.hooks) == "<HookChain Part → Part>"
    await inner.get("/x")
    assert seen == ["outer before", "inner before", "inner after 200", "outer after 200"]
    for place, expected in [
        ("before", ["outer before", "inner before", "outer after no"]),
        ("after", ["outer before", "inner before", "inner after 200", "outer after no"]),
    ]:
        seen.clear()
        vetoing = Part(outer, seen, "inner", **{place: GracyVeto("no")})
        with pytest.raises(GracyVeto):
            await vetoing.get("/x")
        assert seen == expected


class Inner(GracyNamespace[str]):
    """The hooks of the innermost."""

    async def before(self, context: GracyRequestContext) -> None:
        seen_of(self).append(f"inner before {context.endpoint}")

    async def after(self, context: GracyRequestContext, response_or_exc: Any, retry_state: Any) -> None:
        seen_of(self).append("inner after")


class Middle(GracyNamespace[str]):
    """None of its own."""

    inner: Inner


class Outer(GracyNamespace[str]):
    """One hook is enough, and it makes a request of another part of its API."""

    middle: Middle

    async def before(self, context: GracyRequestContext) -> None:
        seen_of(self).append("outer before")
        answer = await self.middle.inner.get("/bare")
        seen_of(self).append(f"outer got {answer.status_code}")


class Nested(Noting):
    """An API with namespaces in namespaces."""

    class Config:
        BASE_URL = BASE
        SETTINGS = GracyConfig(parser={"default": lambda r: "parsed"})

    outer: Outer
    plain: Middle


def seen_of(part: Any) -> list[Any]:
    """Returns where the API of a namespace notes things."""
    while isinstance(part, GracyNamespace):
        part = part._parent
    return part.seen  # type: ignore[no-any-return]


async def test_the_hooks_of_an_api_run_for_its_namespaces(family: ModuleType) -> None:
    """Nested ones too, in order; and inside a hook, requests of every part of the API are bare."""
    api = Nested(family, ScriptedWire(404, 200))
    assert await api.outer.middle.inner.get("/x") == "parsed"
    assert api.seen == [
        ("before", "/x"),
        "outer before",
        "outer got 404",
        "inner before /x",
        "inner after",
        (200, None),
    ]
    api.seen.clear()
    assert await api.plain.get("/y") == "parsed"
    assert api.seen == [("before", "/y"), (200, None)]


async def test_a_namespace_may_have_hooks_where_its_api_has_none(family: ModuleType) -> None:
    """They run for its own requests only, and inside them the API is bare as well."""

    class Tokens(GracyNamespace[str]):
        async def before(self, context: GracyRequestContext) -> None:
            statuses.append((await self._parent.get_pokemon()).status_code)

    class API(ScriptedAPI):
        tokens: Tokens

    statuses: list[int] = []
    api = API(family, ScriptedWire(404, 200))
    await api.tokens.get("/x")
    assert statuses == [404]
    await api.get_pokemon()
    assert len(statuses) == 1


async def test_a_pause_that_a_namespace_asks_for_holds_for_all(family: ModuleType, clock: FakeClock) -> None:
    """It is the client that is paused."""

    class Limited(GracyNamespace[str]):
        class Config:
            SETTINGS = GracyConfig(allowed_status_code=429)

        def __init__(self, parent: Any) -> None:
            self.hook = RateLimitBackOffHook(30, self._reporter)
            super().__init__(parent)

        async def after(self, context: GracyRequestContext, response_or_exc: Any, retry_state: Any) -> None:
            await self.hook.after(context, response_or_exc)

    class API(ScriptedAPI):
        limited: Limited
        other: Middle

    api = API(family, ScriptedWire(429, 200, clock=clock), clock=clock)
    await api.limited.get("/x")
    assert clock.now() == 1000
    await api.other.get("/y")
    assert clock.now() == 1030
    await api.get_pokemon()
    assert api.limited.hook is not None


async def test_a_failing_hook_does_not_keep_the_others_from_running(family: ModuleType) -> None:
    """Each is on its own."""
    seen: list[str] = []
    outer = Part(ScriptedAPI(family, ScriptedWire(200)), seen, "outer", before=KeyError(), after=KeyError())
    await Part(outer, seen, "inner", before=KeyError(), after=KeyError()).get("/x")
    assert len(seen) == 4


class Old(GracyNamespace[str]):
    """A part with hooks that are no `async def`, and take other arguments."""

    def before(self, context: GracyRequestContext) -> Any:
        raise ValueError("before")

    async def after(self, context: GracyRequestContext, response_or_exc: Any) -> None:  # type: ignore[override]
        """Never runs."""


class AboveOld(NotingAPI):
    """An API with such a part."""

    old: Old


async def test_a_hook_that_cannot_be_called_does_not_keep_the_others_from_running(
    family: ModuleType, caplog: pytest.LogCaptureFixture
) -> None:
    """It fails as any other does: what it is named in the log, and those around it have their turn."""
    api = AboveOld(family, ScriptedWire(200))
    await api.old.get("/x")
    assert api.seen == [("before", "/x"), (200, None)]
    assert [message.partition(" ")[0] for message in caplog.messages] == ["Old.before", "Old.after"]


async def test_hooks_that_come_later_hold_for_a_stack_that_is_at_work(family: ModuleType, clock: FakeClock) -> None:
    """A part with hooks may be made at any time; what was counted, and the gates, stay."""
    api = ScriptedAPI(family, ScriptedWire(clock=clock), clock=clock)
    await api.get_pokemon()
    seen: list[str] = []
    part = Part(api, seen, "part")
    await part.get("/x")
    assert seen == ["part before", "part after 200"]
    assert api.get_report().total.attempts == 2
    await api.get_pokemon()
    assert len(seen) == 2


async def test_the_reporter_can_be_had_before_the_object_is_made(family: ModuleType) -> None:
    """As the README's hooks read it; it makes its report when asked."""

    class API(Scripted):
        class Config:
            BASE_URL = BASE

        def __init__(self, *args: Any) -> None:
            self.reporter = self._reporter
            self.early = self.reporter.get_report()
            super().__init__(*args)

    api = API(family, ScriptedWire(200))
    await api.get_pokemon()
    assert api.early.total.attempts == 0
    assert api.reporter.get_report().total.attempts == 1
    assert repr(api.reporter) == "<Reporter of API>"


async def test_a_context_that_is_kept_keeps_no_response(family: ModuleType, clock: FakeClock) -> None:
    """Nor a request, however many retries there were: it may be kept for a statistic."""
    kept: list[GracyRequestContext] = []

    class API(Noting):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(retry=GracefulRetry(delay=1))

        async def before(self, context: GracyRequestContext) -> None:
            kept.append(context)

    api = API(family, ScriptedWire(503, ScriptedResponse(json=[1])), clock=clock)
    response = await api.get_pokemon()
    gone = [weakref.ref(response), weakref.ref(response.request)]
    del response
    gc.collect()
    assert [each() for each in gone] == [None, None]
    assert len(kept) == 2


def test_hooks_that_come_while_another_thread_makes_a_stack_hold_for_that_too() -> None:
    """A loop that begins has its chain built just then: it must not end up with the one without hooks."""

    class Overtaken(Shared):
        """It gets hooks from another thread just when somebody has looked whether there are any."""

        def __getattribute__(self, name: str) -> Any:
            seen = super().__getattribute__(name)
            if name == "is_hooked" and not thread.ident:
                thread.start()
                thread.join(0.5)  # or else it waits until the stack is built, which is right as well
            return seen

    shared = Overtaken(GracyConfig(), None, SYSTEM_CLOCK)
    thread = threading.Thread(target=shared.hook)
    stack = GracyTransport(ScriptedWire(), shared=shared)
    thread.join(30)
    assert any(isinstance(layer, HooksTransport) for layer in stack.chain())


def test_hooks_that_two_threads_bring_at_once_are_there_for_both() -> None:
    """Whoever comes second may not send anything before the chains of all stacks are built anew."""
    shared = Shared(GracyConfig(), None, SYSTEM_CLOCK)
    found: list[bool] = []

    class First:
        """A stack that is built anew before the other one; another thread brings hooks meanwhile."""

        def rebuild(self) -> None:
            thread.start()
            thread.join(0.5)  # or else it waits until all are through, which is right as well

    def hook() -> None:
        shared.hook()
        found.append(any(isinstance(layer, HooksTransport) for layer in stack.chain()))

    first, thread = First(), threading.Thread(target=hook)
    shared.add(first)
    stack = GracyTransport(ScriptedWire(), shared=shared)
    shared.hook()
    thread.join(30)
    assert found == [True]
