"""The examples in the docstrings run as they stand, against APIs that are played by a function."""

from __future__ import annotations

import re
from datetime import date, timedelta
from inspect import cleandoc
from textwrap import indent
from typing import Any

import anyio
import httpx
import pytest

from gracy_transport import (
    GracyCursorPaginator,
    GracyLinkPaginator,
    GracyOffsetPaginator,
    GracyPaginator,
)
from tests.support import public_names


def answer(request: httpx.Request) -> httpx.Response:
    """Answers for the APIs of the examples; each list has two pages."""
    query = request.url.params
    if request.url.path == "/berry":
        return httpx.Response(200, json={"next": "more" if query["offset"] == "0" else None, "limit": query["limit"]})
    if request.url.path == "/messages":
        return httpx.Response(200, json={"next_cursor": None if "cursor" in query else "abc", "limit": query["limit"]})
    headers = {} if "page" in query else {"link": '</issues?page=2>; rel="next", </issues?page=9>; rel="last"'}
    return httpx.Response(200, json=[{"number": len(query)}], headers=headers)


class Days:
    """The API of the first example, which is not over HTTP."""

    async def get_day(self, day: str, limit: int) -> dict[str, Any]:
        """Returns what is at a day."""
        return {"day": day, "is_last": day == "2026-01-03"}


def run(kind: type, api: str | None = None, **names: object) -> list[Any]:
    """Runs the example of a class to its end, and returns the pages of its loop."""
    (block,) = re.findall(r"```python\n(.*?)```", cleandoc(kind.__doc__ or ""), re.DOTALL)
    pages: list[Any] = []
    scope: dict[str, Any] = {**public_names(), **names, "pages": pages}
    definition, body = (
        ("", block) if api is None else re.split(r"^(?=async for)", block, maxsplit=1, flags=re.MULTILINE)
    )
    exec(definition, scope)
    if api is not None:
        client = httpx.AsyncClient(base_url="https://api.example", transport=httpx.MockTransport(answer))
        scope["api"] = type(api, (scope[api],), {"_create_client": lambda self: client})()
    body = re.sub(r"^(async for (\w+) .*\n)    \.\.\.$", r"\1    pages.append(\2)", body, flags=re.MULTILINE)
    exec(f"async def main():\n{indent(body, '    ')}", scope)
    anyio.run(scope["main"])
    return pages


def test_the_example_of_the_paginator() -> None:
    """By days, the first by hand."""
    pages = run(GracyPaginator, date=date, timedelta=timedelta, Day=dict, days=Days())
    assert [page["day"] for page in pages] == ["2026-01-02", "2026-01-03"]


@pytest.mark.parametrize(
    ("kind", "api", "expected"),
    [
        (GracyOffsetPaginator, "PokeApi", [{"next": "more", "limit": "50"}, {"next": None, "limit": "50"}]),
        (
            GracyCursorPaginator,
            "Chat",
            [{"next_cursor": "abc", "limit": "100"}, {"next_cursor": None, "limit": "100"}],
        ),
        (GracyLinkPaginator, "GitHub", [[{"number": 1}], [{"number": 1}]]),
    ],
)
def test_the_examples_of_apis(kind: type, api: str, expected: list[Any]) -> None:
    """All pages, in a loop."""
    assert run(kind, api, ResourceList=dict, Messages=dict, Issue=dict) == expected
