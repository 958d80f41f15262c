"""What type checkers make of the facade. Only they read this file; it is never run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Coroutine
from http import HTTPStatus
from typing import Any, TypedDict, assert_type

from pydantic import BaseModel

from gracy_transport import (
    BaseEndpoint,
    ConcurrentRequestLimit,
    GracefulRetry,
    Gracy,
    GracyConfig,
    GracyReplay,
    GracyReport,
    GracyTransport,
    LogEvent,
    MetricsTransport,
    ThrottleRule,
    graceful,
    graceful_generator,
)
from gracy_transport.reports import ReportKind, report_status


class Berry(BaseModel):
    """A model."""

    name: str


class ResourceList(TypedDict):
    """A dictionary with known keys."""

    next: str | None


class Endpoint(BaseEndpoint):
    """Endpoints."""

    GET = "/berry/{KEY}"
    LIST = "/berry"


class API(Gracy[Endpoint]):
    """An API as a user would write it."""

    class Config:
        BASE_URL = "https://pokeapi.co/api/v2/"
        REQUEST_TIMEOUT = 10
        SETTINGS = GracyConfig(
            retry=GracefulRetry(retry_on={HTTPStatus.BAD_GATEWAY, ConnectionError}),
            allowed_status_code=HTTPStatus.NOT_FOUND,
            strict_status_code={200, 201},
            parser={"default": lambda r: r.json(), HTTPStatus.NOT_FOUND: None, 500: LookupError},
            throttling=ThrottleRule(r".*", 2),
            concurrent_requests=[ConcurrentRequestLimit(5)],
            log_request=LogEvent(),
        )

    async def types(self) -> None:
        """A result has the type in the brackets."""
        assert_type(await self.get(Endpoint.GET, {"KEY": 1}), Any)
        assert_type(await self.get[Berry](Endpoint.GET, {"KEY": 1}), Berry)
        assert_type(await self.post[list[Berry]](Endpoint.LIST, json={"name": "cheri"}), list[Berry])
        assert_type(await self.get[dict[str, int]](Endpoint.LIST), dict[str, int])
        assert_type(await self.get[ResourceList](Endpoint.LIST, params={"offset": 0}), ResourceList)
        # mypy knows what a union in brackets is; pyright without its experimental features says Any.
        maybe = await self.get[Berry | None](Endpoint.GET, {"KEY": 1})
        assert_type(maybe, Berry | None)  # pyright: ignore[reportAssertTypeFailure]
        assert_type(await self.request("GET", Endpoint.LIST), Any)

    async def given(self) -> None:
        """Every option has a type; an unknown one is an error, and so is an endpoint of another kind."""
        await self.get(Endpoint.LIST, params=[("a", "1")], headers={"X": "1"}, timeout=None, follow_redirects=True)
        await self.put(Endpoint.GET, {"KEY": 1}, content=b"", auth=("me", "secret"), extensions={"a": 1})
        await self.get(Endpoint.LIST, parms={})  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
        await self.get(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]

    async def streams(self) -> None:
        """A response may be of either family."""
        async with self.stream("GET", Endpoint.LIST) as response:
            assert_type(response, Any)

    @graceful(retry=None, allowed_status_code=404, concurrent_requests=5, parser={404: None})
    async def get_berry(self, key: str, *, size: int = 1) -> Berry:
        """Keeps its signature."""
        return await self.get[Berry](Endpoint.GET, {"KEY": key})

    @graceful_generator(strict_status_code={200})
    async def get_berries(self, count: int) -> AsyncIterator[Berry]:
        """Keeps its signature."""
        for number in range(count):
            yield await self.get[Berry](Endpoint.GET, {"KEY": number})


async def decorated(api: API) -> None:
    """Decorators keep parameters and results."""
    coroutine = assert_type(api.get_berry("cheri", size=2), Coroutine[Any, Any, Berry])
    assert_type(await coroutine, Berry)
    assert_type(api.get_berries(2), AsyncGenerator[Berry, Any])
    await api.get_berry(size=2)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await api.get_berry("cheri", size="2")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    async for berry in api.get_berries(2):
        assert_type(berry, Berry)


@graceful(retry="often")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
async def wrong_override() -> None:
    """Overrides have the types of the fields."""


@graceful(retrying=None)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
async def unknown_override() -> None:
    """An unknown one is an error."""


async def lifecycle(replay: GracyReplay) -> None:
    """An API is made, entered, asked and closed."""
    async with API(replay) as api:
        assert_type(api, API)
    await API(debug=True).aclose()
    assert_type(API().get_report(), GracyReport)
    API().report_status("rich")
    API().report_status("poem")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]


def reports(stack: GracyTransport, layer: MetricsTransport, kind: ReportKind) -> None:
    """Only a figure comes back, from whoever reports."""
    API().report_status("plotly").show()
    stack.report_status("plotly").show()
    layer.report_status("plotly").show()
    report_status(stack.get_report(), "plotly").show()
    API().report_status("list").show()  # type: ignore[attr-defined]  # pyright: ignore[reportOptionalMemberAccess]
    shown = API().report_status(kind)
    if shown is not None:
        shown.show()
