"""README, "Pagination": pages by offset and limit, and by tokens of any kind."""

from __future__ import annotations

from types import ModuleType
from typing import Any, TypedDict

import pytest

from gracy_transport import GracyConfig, GracyNamespace, GracyOffsetPaginator, GracyPaginator, parsed_response
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.readme.support import OnWire, PokeApiEndpoint, wire_of

pytestmark = pytest.mark.anyio

BERRIES = ["cheri", "chesto", "pecha", "rawst", "aspear"]


class ResourceList(TypedDict):
    next: str | None
    results: list[str]


class BerryNamespace(GracyNamespace[PokeApiEndpoint]):
    @parsed_response(ResourceList)
    async def list(self, offset: int = 0, limit: int = 20) -> Any:
        params = dict(offset=offset, limit=limit)
        return await self.get(PokeApiEndpoint.BERRY_LIST, params=params)

    def paginate(self, limit: int = 20) -> GracyOffsetPaginator[ResourceList]:
        return GracyOffsetPaginator[ResourceList](
            gracy_func=self.list,
            has_next=lambda r: bool(r["next"]) if r else True,  # type: ignore[redundant-expr]
            page_size=limit,
        )


class PokeApi(OnWire):
    class Config(OnWire.Config):
        SETTINGS = GracyConfig(parser={"default": lambda r: r.json()})

    berry: BerryNamespace


def berries(request: Any) -> ScriptedResponse:
    """Answers as the PokeAPI does."""
    offset, limit = int(request.url.params["offset"]), int(request.url.params["limit"])
    following = f"/berry?offset={offset + limit}" if offset + limit < len(BERRIES) else None
    return ScriptedResponse(json={"next": following, "results": BERRIES[offset : offset + limit]})


def asked(wire: ScriptedWire) -> list[str]:
    """Returns the queries that were sent."""
    return [sent.url.partition("?")[2] for sent in wire.sent]


async def test_the_example(family: ModuleType) -> None:
    """The next page, back to the start, then all of them."""
    wire = wire_of(berries)
    async with PokeApi(family, wire) as api:
        paginator = api.berry.paginate(2)

        # Just grabs the next page
        first = await paginator.next_page()
        assert first == {"next": "/berry?offset=2", "results": ["cheri", "chesto"]}

        # Resets current page to 0
        paginator.set_page(0)

        # Loop throught it all
        pages = [page["results"] async for page in paginator]
    assert pages == [["cheri", "chesto"], ["pecha", "rawst"], ["aspear"]]
    assert asked(wire) == ["offset=0&limit=2", *[f"offset={offset}&limit=2" for offset in (0, 2, 4)]]


async def test_the_page_size_is_20_unless_given(family: ModuleType) -> None:
    """As in the signatures of the example."""
    wire = wire_of(berries)
    async with PokeApi(family, wire) as api:
        await api.berry.paginate().next_page()
    assert asked(wire) == ["offset=0&limit=20"]


async def test_page_by_page_to_the_end_and_back(family: ModuleType) -> None:
    """`None` says that there is no page, and nothing is asked then; `prev_page` is the one before the last shown."""
    wire = wire_of(berries)
    async with PokeApi(family, wire) as api:
        paginator = api.berry.paginate(2)
        assert await paginator.prev_page() is None
        shown = [await paginator.next_page() for _ in range(4)]
        back = [await paginator.prev_page() for _ in range(3)]
    assert [page and page["results"] for page in shown] == [["cheri", "chesto"], ["pecha", "rawst"], ["aspear"], None]
    assert [page and page["results"] for page in back] == [["pecha", "rawst"], ["cheri", "chesto"], None]
    assert len(wire.sent) == 5


async def test_a_loop_starts_again(family: ModuleType) -> None:
    """After `set_page(0)`, and also without it: each loop is a way of its own from where the cursor stands."""
    async with PokeApi(family, wire_of(berries)) as api:
        paginator = api.berry.paginate(2)
        for _ in range(2):
            assert [len(page["results"]) async for page in paginator] == [2, 2, 1]
        await paginator.next_page()
        paginator.set_page(0)
        assert [len(page["results"]) async for page in paginator] == [2, 2, 1]


async def test_parameters_of_ones_own(family: ModuleType) -> None:
    """`prepare_params` is given the offset and the page size."""

    class Named(OnWire):
        async def named(self, page: int, size: int) -> Any:
            return await self.get(PokeApiEndpoint.BERRY_LIST, params={"page": page, "size": size})

    wire = wire_of()
    async with Named(family, wire) as api:
        paginator: GracyOffsetPaginator[Any] = GracyOffsetPaginator(
            gracy_func=api.named,
            has_next=lambda r: True,
            page_size=50,
            prepare_params=lambda offset, size: {"page": offset // size + 1, "size": size},
        )
        await paginator.next_page()
        await paginator.next_page()
    assert asked(wire) == ["page=1&size=50", "page=2&size=50"]


async def test_tokens_of_any_kind(family: ModuleType) -> None:
    """`GracyPaginator`, which is told how to find the next token."""

    class Lettered(OnWire):
        async def lettered(self, token: str, limit: int) -> Any:
            return await self.get(PokeApiEndpoint.BERRY_LIST, params={"after": token, "limit": limit})

    wire = wire_of()
    async with Lettered(family, wire) as api:
        paginator = GracyPaginator[Any, str](
            gracy_func=api.lettered,
            has_next=lambda r: r is None or not str(r.url).endswith("after=c&limit=20"),
            initial_token="a",
            get_next_token=lambda r, token: chr(ord(token) + 1),
            get_prev_token=lambda token: chr(ord(token) - 1),
            has_prev=lambda token: token > "a",
        )
        async for _ in paginator:
            pass
        await paginator.next_page()
        await paginator.next_page()
        await paginator.prev_page()
        assert await paginator.prev_page() is None
    assert [query[6] for query in asked(wire)] == ["a", "b", "c", "a", "b", "a"]
