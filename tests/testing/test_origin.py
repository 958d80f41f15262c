"""The origin: routes, replies and the books."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from gracy_transport.testing.origin import Origin, Reply, Visit

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Iterator
    from types import ModuleType

pytestmark = pytest.mark.anyio


async def test_replies_come_in_order_and_the_last_one_repeats(family: ModuleType) -> None:
    """A scripted sequence is played once, then its last reply stays."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        route = origin.on("GET", "/flaky").reply(
            Reply(503), Reply(429, headers={"Retry-After": "2"}), Reply(json={"ok": True})
        )
        responses = [await client.get("/flaky") for _ in range(4)]
    assert [response.status_code for response in responses] == [503, 429, 200, 200]
    assert responses[1].headers["retry-after"] == "2"
    assert responses[3].json() == {"ok": True}
    assert route.count == 4
    assert [visit.status for visit in route.visits] == [503, 429, 200, 200]


async def test_replies_may_cycle(family: ModuleType) -> None:
    """With `cycle` the sequence begins again."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/").reply(Reply(200), Reply(500), cycle=True)
        assert [(await client.get("/")).status_code for _ in range(5)] == [200, 500, 200, 500, 200]


async def test_a_visit_tells_what_the_client_sent(family: ModuleType) -> None:
    """Method, template, arguments, query, headers and body of a request are seen by the handler."""
    seen: list[Visit] = []

    def handler(visit: Visit) -> Reply:
        seen.append(visit)
        return Reply(201, text=visit.args["NAME"])

    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("post", "/pokemon/{NAME}").handle(handler)
        url = f"{origin.url}/pokemon/mr%20mime?a=1&b=&a=2"
        response = await client.post(url, json={"x": "é"}, headers=[("X-Id", "1"), ("X-Id", "2")])
    [visit] = seen
    assert response.text == "mr mime"
    assert (visit.method, visit.template, visit.path) == ("POST", "/pokemon/{NAME}", "/pokemon/mr%20mime")
    assert visit.query == {"a": "2", "b": ""}
    assert visit.headers["x-id"] == "1, 2"
    assert visit.json() == {"x": "é"}
    assert visit.text.startswith("{")
    assert visit.url == url
    assert visit.left is not None
    assert (visit.number, visit.connection, visit.status) == (1, 1, 201)
    assert visit.left >= visit.arrived


async def test_an_async_handler_is_awaited(family: ModuleType) -> None:
    """A handler may be a coroutine function."""

    async def handler(visit: Visit) -> Reply:
        await anyio.lowlevel.checkpoint()
        return Reply(text=visit.method)

    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("*").handle(handler)
        assert (await client.delete("/any/where")).text == "DELETE"


async def test_an_unknown_path_is_a_404_that_lists_the_script(family: ModuleType) -> None:
    """A typing error in a test shows at once what is scripted."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("GET", "/a")
        origin.on("/b/{ID}")
        response = await client.get("/c")
        assert response.status_code == 404
        assert response.json() == {
            "error": "nothing is scripted for GET /c",
            "scripted": ["GET /a", "/b/{ID}"],
        }
        assert origin.visits[0].template is None


async def test_a_known_path_with_another_method_is_a_405(family: ModuleType) -> None:
    """The allowed methods are named."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("GET", "/a")
        response = await client.post("/a")
        assert (response.status_code, response.headers["allow"]) == (405, "GET")


async def test_plain_paths_go_before_templates_and_new_routes_replace_old_ones(family: ModuleType) -> None:
    """The more exact route answers, and scripting again scripts anew."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("/files/*").reply(Reply(text="rest"))
        origin.on("/files/one").reply(Reply(text="old"))
        origin.on("/files/one").reply(Reply(text="one"))
        assert [(await client.get(f"/files/{path}")).text for path in ("one", "two/three")] == ["one", "rest"]


async def test_a_route_without_a_reply_is_an_empty_200(family: ModuleType) -> None:
    """Scripting the path alone is enough, and an empty script is a mistake."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        route = origin.on("GET", "/a")
        response = await client.get("/a")
        assert (response.status_code, response.content) == (200, b"")
        with pytest.raises(ValueError, match="<Route GET /a> was given no reply"):
            route.reply()


@pytest.mark.parametrize("template", ["x", "/a?b=1", "http://host/a", "/{not-a-name}", "/{A}/{A}", "GET /a"])
async def test_a_template_that_cannot_match_is_refused(template: str) -> None:
    """Templates are checked when they are scripted."""
    with pytest.raises(ValueError, match="template"):
        Origin().on(template)


async def test_head_is_answered_by_the_route_for_get_without_a_body(family: ModuleType) -> None:
    """HEAD gives the headers of GET and leaves the connection usable."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("GET", "/a").reply(Reply(text="12345"))
        response = await client.head("/a")
        assert (response.headers["content-length"], response.content) == ("5", b"")
        assert (await client.get("/a")).text == "12345"
        assert origin.connections == 1


async def test_chunks_may_be_sync_async_or_made_anew_for_each_reply(family: ModuleType) -> None:
    """All forms of a streamed body arrive whole, by chunked transfer."""

    async def produce() -> AsyncGenerator[bytes]:
        yield b"a"
        yield b""
        yield b"b"

    class Plain:
        def __aiter__(self) -> AsyncIterator[bytes]:
            return produce()

    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        for chunks in ([b"a", b"b"], produce, Plain(), lambda: iter((b"a", b"b"))):
            origin.on("/").reply(Reply(chunks=chunks))
            for _ in range(2):
                response = await client.get("/")
                assert (response.content, response.headers["transfer-encoding"]) == (b"ab", "chunked")
        assert origin.connections == 1


async def test_a_streamed_request_body_is_read(family: ModuleType) -> None:
    """Chunked request bodies are put together."""

    async def produce() -> AsyncGenerator[bytes]:
        yield b"one "
        yield b"two"

    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        origin.on("PUT", "/a").handle(lambda visit: Reply(content=visit.body))
        assert (await client.put("/a", content=produce())).content == b"one two"


async def test_a_body_above_the_cap_is_a_413(family: ModuleType) -> None:
    """The answer arrives although the client was still sending."""

    async def produce() -> AsyncGenerator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    async with (
        Origin(max_body=1_000) as origin,
        family.AsyncClient(base_url=origin.url, verify=False) as client,
    ):
        for content in (b"x" * 2_000, produce()):
            response = await client.post("/a", content=content)
            assert response.status_code == 413
            assert "raise max_body=" in response.json()["error"]


async def test_delays_go_through_the_given_sleep_and_stamps_come_from_now(family: ModuleType) -> None:
    """A fake clock can drive all delays of a reply."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        await anyio.lowlevel.checkpoint()

    async with (
        Origin(sleep=sleep, now=lambda: 42.0) as origin,
        family.AsyncClient(base_url=origin.url, verify=False) as client,
    ):
        origin.on("/").reply(Reply(text="abc", delay=30, chunk_delay=5, header_delay=7))
        assert (await client.get("/")).text == "abc"
        assert slept[0] == 30
        assert slept[-3:] == [7, 5, 5]
        assert (origin.visits[0].arrived, origin.visits[0].left) == (42.0, 42.0)


async def test_the_books_show_connections_and_requests_in_flight(family: ModuleType) -> None:
    """Peaks and current counts tell what a limit let through."""
    gate = anyio.Event()

    async def held(_: Visit) -> Reply:
        await gate.wait()
        return Reply()

    async with Origin() as origin:
        origin.on("/").handle(held)
        async with (
            family.AsyncClient(base_url=origin.url, verify=False) as client,
            anyio.create_task_group() as tasks,
        ):
            for _ in range(3):
                tasks.start_soon(client.get, "/")
            await origin.until(lambda: origin.in_flight == 3)
            gate.set()
        await origin.until(lambda: origin.open_connections == 0)
        assert (origin.in_flight, origin.peak_in_flight, origin.peak_connections, origin.connections) == (
            0,
            3,
            3,
            3,
        )
        assert origin.summary()["statuses"] == {"200": 3}
        origin.clear()
        assert (origin.count, origin.peak_in_flight, origin.visits) == (0, 0, [])


async def test_visits_are_bounded_and_counts_are_not(family: ModuleType) -> None:
    """Old visits are forgotten, so that a long run keeps its memory."""
    async with (
        Origin(max_visits=2) as origin,
        family.AsyncClient(base_url=origin.url, verify=False) as client,
    ):
        route = origin.on("/{N}")
        for number in range(4):
            await client.get(f"/{number}")
        assert [visit.target for visit in origin.visits] == ["/2", "/3"]
        assert [visit.number for visit in route.visits] == [3, 4]
        assert origin.count == route.count == 4


async def test_waiting_in_vain_says_for_whom() -> None:
    """`until` ends with an error that shows the origin."""
    async with Origin() as origin:
        with pytest.raises(TimeoutError, match=r"<Origin http://127\.0\.0\.1:"):
            await origin.until(lambda: False, within=0.005)


@pytest.mark.parametrize("handler", [lambda _: 1 / 0, lambda _: {"ok": True}])
async def test_a_handler_that_fails_says_500_and_is_told_on_leaving(family: ModuleType, handler: object) -> None:
    """A mistake in a script does not pass for a flaky server."""
    with pytest.raises(ExceptionGroup, match="the script of the origin raised") as caught:
        async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
            origin.on("/").handle(handler)  # type: ignore[arg-type]
            response = await client.get("/")
            assert response.status_code == 500
            assert "the handler for / raised" in response.json()["error"]
    assert isinstance(caught.value.exceptions[0], ZeroDivisionError | TypeError)


async def test_chunks_that_fail_break_the_connection_and_are_told_on_leaving(family: ModuleType) -> None:
    """An error in a streamed body resets the connection."""

    def broken() -> Iterator[bytes]:
        yield b"a"
        raise LookupError

    with pytest.raises(ExceptionGroup) as caught:
        async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
            origin.on("/").reply(Reply(chunks=broken))
            with pytest.raises(family.ReadError):
                await client.get("/")
            assert len(origin.errors) == 1
    assert isinstance(caught.value.exceptions[0], LookupError)


async def test_an_origin_serves_as_a_forward_proxy(family: ModuleType) -> None:
    """A request through a proxy has its whole URL as the target, and matches by its path."""
    async with Origin() as origin, family.AsyncClient(proxy=origin.url, verify=False) as client:
        origin.on("/a/{X}").reply(Reply(text="by proxy"))
        assert (await client.get("http://example.test/a/b?c=d")).text == "by proxy"
        assert origin.visits[0].url == origin.visits[0].target == "http://example.test/a/b?c=d"


async def test_the_origin_tells_other_processes_what_it_saw(family: ModuleType) -> None:
    """The admin paths give the log and the counts, and are not counted themselves."""
    async with Origin() as origin, family.AsyncClient(base_url=origin.url, verify=False) as client:
        await client.get("/a?b")
        [[arrived, *rest]] = (await client.get("/__origin__/visits")).json()
        assert rest == ["GET", "/a?b", 404]
        assert arrived == origin.visits[0].arrived
        assert (await client.get("/__origin__/summary")).json() == origin.summary()
        assert (await client.delete("/__origin__/visits")).status_code == 204
        assert (await client.get("/__origin__/other")).status_code == 404
        assert origin.count == 0
