"""`GracyPaginator` with tokens of one's own."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from gracy_transport import GracyPaginator
from gracy_transport.exceptions import TooManyPages
from tests.paging.support import collect

pytestmark = pytest.mark.anyio

FIRST, LAST = date(2026, 1, 1), date(2026, 1, 4)


async def get_day(day: str, limit: int) -> dict[str, Any]:
    """Returns a page that names its day."""
    return {"day": day, "limit": limit, "is_last": day == str(LAST)}


def days(**options: Any) -> GracyPaginator[dict[str, Any], date]:
    """Returns the paginator of the class's docstring."""
    return GracyPaginator[dict[str, Any], date](
        gracy_func=get_day,
        has_next=lambda page: not page["is_last"],
        initial_token=FIRST,
        get_next_token=lambda page, token: token + timedelta(days=1),
        prepare_params=lambda token, page_size: {"day": token.isoformat(), "limit": page_size},
        **options,
    )


async def test_tokens_of_any_kind() -> None:
    """With a page size, and to the last page."""
    pages = await collect(days(page_size=7))
    assert [page["day"][-2:] for page in pages] == ["01", "02", "03", "04"]
    assert {page["limit"] for page in pages} == {7}


async def test_params_unless_prepared_are_token_and_limit() -> None:
    """By the names of the original."""
    asked: list[Any] = []

    async def page(**params: Any) -> str:
        asked.append(params)
        return "page"

    paginator = GracyPaginator[str, str](page, lambda r: True, "a", get_next_token=lambda r, t: t + "a")
    await paginator.next_page()
    await paginator.next_page()
    assert asked == [{"token": "a", "limit": 20}, {"token": "aa", "limit": 20}]


async def test_prev_page_by_get_prev_token() -> None:
    """Also before the page that was set, down to the first."""
    paginator = days(get_prev_token=lambda token: token - timedelta(days=1))
    paginator.set_page(LAST)
    found = []
    while (page := await paginator.prev_page()) is not None:
        found.append(page["day"][-2:])
    assert found == ["03", "02", "01"]


async def test_prev_page_without_it_goes_back_the_way_it_came() -> None:
    """And stops where the way began."""
    paginator = days()
    paginator.set_page(FIRST + timedelta(days=1))
    await paginator.next_page()
    await paginator.next_page()
    back = [await paginator.prev_page(), await paginator.prev_page(), await paginator.next_page()]
    assert [page and page["day"][-2:] for page in back] == ["02", None, "03"]


async def test_has_prev_decides() -> None:
    """As in the original it is asked by token."""
    paginator = days(get_prev_token=lambda token: token - timedelta(days=1), has_prev=lambda token: token > FIRST)
    assert paginator.has_prev(LAST)
    assert not paginator.has_prev(FIRST)
    await paginator.next_page()
    assert await paginator.prev_page() is None


async def test_a_token_may_stay_the_same() -> None:
    """Some servers keep the place themselves; the number of pages still has a limit."""
    left = [3, 2, 1, 0]

    async def take(token: dict[str, str], limit: int) -> int:
        return left.pop(0)

    scroll: dict[str, str] = {"scroll_id": "abc"}
    paginator = GracyPaginator[int, dict[str, str]](
        take, lambda r: r > 0, scroll, get_next_token=lambda r, t: t, max_pages=3
    )
    with pytest.raises(TooManyPages):
        await collect(paginator)
    assert left == [0]
    assert [await paginator.next_page(), await paginator.next_page()] == [0, None]


def test_nothing_to_find_the_next_token_with_is_refused() -> None:
    """At construction, not after the first page."""
    with pytest.raises(TypeError, match="needs get_next_token="):
        GracyPaginator[dict[str, Any], date](get_day, lambda r: True, FIRST)
