"""Rate limits, chance, pages and events."""

from __future__ import annotations

from dataclasses import replace
from math import nan
from typing import TYPE_CHECKING, Any

import pytest

from gracy_transport.testing.origin import EventStream, Flaky, Origin, Paginated, RateLimited, Reply, Visit

if TYPE_CHECKING:
    from types import ModuleType

pytestmark = pytest.mark.anyio


async def test_a_rate_limit_is_a_strict_window_of_arrivals(family: ModuleType) -> None:
    """Three pass in ten seconds; the hint counts the seconds until the oldest leaves the window."""
    times = iter([0.0, 4.0, 4.5, 5.0, 9.99, 10.0, 10.1, 14.0])
    limited = RateLimited(3, per=10, then=Reply(text="ok"))
    now = 0.0
    async with (
        Origin(now=lambda: now) as origin,
        family.AsyncClient(base_url=origin.url, verify=False) as client,
    ):
        origin.on("/").handle(limited)
        got: list[tuple[int, str | None]] = []
        for now in times:  # noqa: B007 - the clock of the origin reads it
            response = await client.get("/")
            got.append((response.status_code, response.headers.get("retry-after")))
    ok = (200, None)
    assert got == [ok, ok, ok, (429, "5"), (429, "1"), ok, (429, "4"), ok]
    assert (limited.passed, limited.refused, limited.worst) == (5, 3, 6)


async def test_a_rate_limit_of_nothing_is_refused() -> None:
    """The numbers are checked."""
    for limit, per in ((0, 1.0), (1, 0.0), (1, nan)):
        with pytest.raises(ValueError, match="lets nothing pass"):
            RateLimited(limit, per)


async def fates(family: ModuleType, flaky: Flaky, targets: list[str]) -> list[str]:
    """Return what each target got: a status, or the name of an error."""
    got: list[str] = []
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("*").handle(flaky)
        for target in targets:
            try:
                got.append(str((await client.get(target)).status_code))
            except family.TransportError as error:
                got.append(type(error).__name__)
    return got


async def test_the_same_seed_gives_each_request_the_same_fate(family: ModuleType) -> None:
    """Fates hang on the request and not on the order of arrival."""
    targets = [f"/{number % 10}" for number in range(60)]
    one, two = Flaky(7, errors=0.3, drops=0.2), Flaky(7, errors=0.3, drops=0.2)
    forward = await fates(family, one, targets)
    backward = await fates(family, two, targets[::-1])
    for name in set(targets):
        first = [fate for target, fate in zip(targets, forward, strict=True) if target == name]
        second = [fate for target, fate in zip(targets[::-1], backward, strict=True) if target == name]
        assert first == second
    assert 5 <= one.failed <= 35
    assert 2 <= one.dropped <= 25
    assert {"ReadError", "RemoteProtocolError", "503"} <= set(forward)


async def test_a_slow_fate_adds_to_the_delay_of_the_answer() -> None:
    """The answer of `then` comes late."""
    flaky = Flaky("seed", Reply(text="late", delay=1), errors=0, slow=1, delay=2)
    async with Origin() as origin:
        visit = Visit("GET", "/", {}, b"", 0.0)
        reply = flaky(visit)
        assert not isinstance(reply, Reply)
        assert await reply == replace(Reply(text="late"), delay=3)
        assert (flaky.slowed, origin.count) == (1, 0)


async def test_rates_above_one_are_refused() -> None:
    """The numbers are checked."""
    for errors, drops in ((0.6, 0.5), (nan, 0.0), (0.5, nan)):
        with pytest.raises(ValueError, match="are no rates"):
            Flaky(1, errors=errors, drops=drops)


async def test_behaviours_compose(family: ModuleType) -> None:
    """A rate limit may stand before chance, and chance before pages."""
    handler = RateLimited(1, per=60, then=Flaky(1, errors=0, then=Paginated([1, 2, 3])))
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").handle(handler)
        assert (await client.get("/")).json()["results"] == [1, 2, 3]
        assert (await client.get("/")).status_code == 429


async def test_pages_lead_through_the_whole_list(family: ModuleType) -> None:
    """Following `next` gives every item once, and carries the rest of the query along."""
    async with Origin() as origin, family.AsyncClient(verify=False) as client:
        origin.on("/items").handle(Paginated(range(7), page_size=3))
        url, got, pages = f"{origin.url}/items?kind=a%26b", list[int](), 0
        page: dict[str, Any] = {}
        while url:
            page = (await client.get(url)).json()
            got += page["results"]
            pages += 1
            url = page["next"]
        assert (got, pages, page["count"]) == (list(range(7)), 3, 7)
        assert page["previous"] == f"{origin.url}/items?kind=a%26b&offset=3&limit=3"
        assert origin.visits[-1].query == {"kind": "a&b", "offset": "6", "limit": "3"}


@pytest.mark.parametrize(
    ("query", "results"),
    [("offset=5&limit=1", [5]), ("offset=99", []), ("limit=100", [0, 1, 2, 3]), ("", [0, 1])],
)
async def test_a_page_is_asked_for_by_offset_and_limit(family: ModuleType, query: str, results: list[int]) -> None:
    """Both have defaults, and the limit has a cap."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").handle(Paginated(range(7), page_size=2, max_page_size=4))
        assert (await client.get(f"/?{query}")).json()["results"] == results


HUGE = "9" * 5_000
"""More digits than Python converts."""


@pytest.mark.parametrize("query", ["offset=-1", "limit=0", "limit=x", "offset=%D9%A1", f"offset={HUGE}"])
async def test_a_page_that_is_none_is_a_400(family: ModuleType, query: str) -> None:
    """Bad numbers are the client's mistake."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").handle(Paginated([]))
        assert (await client.get(f"/?{query}")).status_code == 400


async def test_a_host_that_is_none_still_gets_its_pages(family: ModuleType) -> None:
    """Its links lead nowhere; a client's mistake is not one of the script."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").handle(Paginated(range(3), page_size=1))
        page = (await client.get("/", headers={"Host": "["})).json()
        assert (page["results"], page["next"]) == ([0], "http://[/?offset=1&limit=1")


async def test_pages_have_at_least_one_item() -> None:
    """The size is checked."""
    with pytest.raises(ValueError, match="makes no pages"):
        Paginated([], page_size=0)


async def test_events_come_one_by_one_and_can_be_resumed(family: ModuleType) -> None:
    """A cut stream goes on after the last event that the client saw."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/events").handle(EventStream([{"n": 1}, "two\nlines", "[DONE]"], 0.001, cut_after=2))
        got = ""
        async with client.stream("GET", "/events") as response:
            with pytest.raises(family.ReadError):
                async for text in response.aiter_text():
                    got += text
        assert response.headers["content-type"] == "text/event-stream"
        assert got == 'id: 1\ndata: {"n": 1}\n\nid: 2\ndata: two\ndata: lines\n\n'
        rest = await client.get("/events", headers={"Last-Event-ID": "2"})
        assert rest.text == "id: 3\ndata: [DONE]\n\n"


@pytest.mark.parametrize("seen", ["x", HUGE, "-1"])
async def test_events_begin_anew_for_an_id_that_is_none(family: ModuleType, seen: str) -> None:
    """The client cannot have seen it."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/events").handle(EventStream(["one"]))
        response = await client.get("/events", headers={"Last-Event-ID": seen})
        assert response.text == "id: 1\ndata: one\n\n"
