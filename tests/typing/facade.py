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
    GracyAPI,
    GracyApi,
    GracyConfig,
    GracyNamespace,
    GracyReplay,
    GracyReport,
    GracyTransport,
    LogEvent,
    LogLevel,
    MetricsTransport,
    ThrottleRule,
    generated_parsed_response,
    graceful,
    graceful_generator,
    parsed_response,
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


class BerryNamespace(GracyNamespace[Endpoint]):
    """Typed results, as the README has them."""

    @parsed_response(ResourceList)
    async def list(self, offset: int = 0, limit: int = 20):  # type: ignore[no-untyped-def]  # noqa: ANN201 - as printed
        """Has the declared type, though it has no annotation."""
        return await self.get(Endpoint.LIST, params={"offset": offset, "limit": limit})

    @parsed_response(Berry)
    @graceful(retry=None)
    async def above(self, key: str) -> Any:
        """Has the declared type outside of an override."""
        return await self.get(Endpoint.GET, {"KEY": key})

    @graceful(retry=None)
    @parsed_response(Berry)
    async def below(self, key: str) -> Any:
        """Has it inside."""
        return await self.get(Endpoint.GET, {"KEY": key})

    @parsed_response(Berry | None)
    async def maybe(self, key: str) -> Any:
        """Has a union where the checker understands it."""
        return await self.get(Endpoint.GET, {"KEY": key})

    @generated_parsed_response(Berry)
    @graceful_generator(retry=None)
    async def all_above(self, count: int) -> AsyncIterator[Any]:
        """Yields the declared type."""
        for number in range(count):
            yield await self.get(Endpoint.GET, {"KEY": number})

    @graceful_generator(retry=None)
    @generated_parsed_response(Berry)
    async def all_below(self, count: int) -> AsyncIterator[Any]:
        """Yields the declared type."""
        for number in range(count):
            yield await self.get(Endpoint.GET, {"KEY": number})

    async def wrong(self) -> None:
        """A namespace takes the endpoints that it says."""
        assert_type(await self.get[Berry](Endpoint.GET, {"KEY": 1}), Berry)
        await self.get(5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class Spaced(GracyApi[Endpoint]):
    """An API with a namespace, by one of the other spellings."""

    berry: BerryNamespace


class SpacedToo(GracyAPI[str]):
    """And by the other one."""


async def namespaces(api: Spaced) -> None:
    """The methods of a namespace have the declared types and their own parameters."""
    assert_type(api.berry, BerryNamespace)
    assert_type(await api.berry.list(0, limit=5), ResourceList)
    assert_type(await api.berry.above("cheri"), Berry)
    assert_type(await api.berry.below("cheri"), Berry)
    maybe = await api.berry.maybe("cheri")
    assert_type(maybe, Berry | None)  # pyright: ignore[reportAssertTypeFailure]
    assert_type(api.berry.all_above(2), AsyncGenerator[Berry, Any])
    assert_type(api.berry.all_below(2), AsyncGenerator[Berry, Any])
    await api.berry.above(1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await api.berry.list(page=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    _ = api.unknown  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    assert_type(await BerryNamespace(api).above("cheri"), Berry)
    assert_type(await BerryNamespace(api.berry).above("cheri"), Berry)
    BerryNamespace("api")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert_type(api.berry.get_report(), GracyReport)
    Spaced.dangerously_reset_report()
    api.dangerously_reset_report()
    api.dangerously_reset_report(1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


@parsed_response(Berry)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType, reportUntypedFunctionDecorator]
def not_awaitable() -> int:
    """Only something to await can be declared."""
    return 1


def lambdas() -> GracyConfig:
    """Lambdas need no annotations, in strict checks neither."""
    said = LogEvent(LogLevel.ERROR, lambda response: f"{response}")
    return GracyConfig(parser={"default": lambda response: response.json(), 404: None, 200: Berry}, log_errors=said)
