"""The README's section on pagination, as it is printed."""

from __future__ import annotations

import ast
from typing import Any

import anyio
import pytest
import respx
from httpx import Request, Response
from typing_extensions import TypedDict

from gracy_transport import BaseEndpoint
from tests.support import public_names

README = """
class BerryNamespace(GracyNamespace[PokeApiEndpoint]):
    @parsed_response(ResourceList)
    async def list(self, offset: int = 0, limit: int = 20):
        params = dict(offset=offset, limit=limit)
        return await self.get(PokeApiEndpoint.BERRY_LIST, params=params)

    def paginate(self, limit: int = 20) -> GracyOffsetPaginator[ResourceList]:
        return GracyOffsetPaginator[ResourceList](
            gracy_func=self.list,
            has_next=lambda r: bool(r["next"]) if r else True,
            page_size=limit,
        )

async def main():
    api = PokeApi()
    paginator = api.berry.paginate(2)

    # Just grabs the next page
    first = await paginator.next_page()
    print(first)

    # Resets current page to 0
    paginator.set_page(0)

    # Loop throught it all
    async for page in paginator:
        print(page)
"""

AROUND = """
class PokeApi(Gracy[PokeApiEndpoint]):
    class Config:
        BASE_URL = "https://pokeapi.co/api/v2/"
        REQUEST_TIMEOUT = 10
        SETTINGS = GracyConfig(parser={"default": lambda r: r.json()})

    berry: BerryNamespace
"""


class PokeApiEndpoint(BaseEndpoint):
    """The endpoint of the section."""

    BERRY_LIST = "/berry"


class ResourceList(TypedDict):
    """A page of the PokeAPI."""

    count: int
    next: str | None
    results: list[Any]


def answer(request: Request) -> Response:
    """Answers as the PokeAPI does, with five berries."""
    offset, limit = int(request.url.params["offset"]), int(request.url.params["limit"])
    names = ["cheri", "chesto", "pecha", "rawst", "aspear"]
    following = "https://pokeapi.co/api/v2/berry?more" if offset + limit < len(names) else None
    page = [{"name": name} for name in names[offset : offset + limit]]
    return Response(200, json={"count": 5, "next": following, "results": page})


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_the_section_runs(backend: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A page by hand, then all of them: the first one is not lost and none comes twice."""
    scope = {
        **public_names(),
        "PokeApiEndpoint": PokeApiEndpoint,
        "ResourceList": ResourceList,
    }
    exec(compile(README + AROUND, "README", "exec", dont_inherit=True), scope)
    with respx.mock:
        route = respx.get(url__startswith="https://pokeapi.co/api/v2/berry").mock(side_effect=answer)
        anyio.run(scope["main"], backend=backend)
    assert [call.request.url.query for call in route.calls] == [
        b"offset=0&limit=2",
        b"offset=0&limit=2",
        b"offset=2&limit=2",
        b"offset=4&limit=2",
    ]
    pages = [ast.literal_eval(line) for line in capsys.readouterr().out.splitlines()]
    assert [[berry["name"] for berry in page["results"]] for page in pages] == [
        ["cheri", "chesto"],
        ["cheri", "chesto"],
        ["pecha", "rawst"],
        ["aspear"],
    ]
