"""`GracyCursorPaginator`: pages by what the server calls the next one."""

from __future__ import annotations

from typing import Any

import pytest

from gracy_transport import GracyCursorPaginator, GracyPaginator
from gracy_transport.exceptions import RepeatedPage, TooManyPages
from tests.paging.support import collect

pytestmark = pytest.mark.anyio


class Messages:
    """Pages that name the cursor of the next."""

    def __init__(self, cursors: dict[Any, Any]) -> None:
        self.cursors = cursors
        self.asked: list[dict[str, Any]] = []
        self.fails = 0

    async def list(self, **params: Any) -> dict[str, Any]:
        """Returns the page of a cursor."""
        self.asked.append(params)
        if self.fails:
            self.fails -= 1
            raise ConnectionError("scripted")
        cursor = params.get("cursor")
        return {"of": cursor, "next": self.cursors[repr(cursor) if isinstance(cursor, dict) else cursor]}


def paginate(messages: Messages, **options: Any) -> GracyCursorPaginator[dict[str, Any]]:
    """Returns a paginator over them."""
    return GracyCursorPaginator[dict[str, Any]](messages.list, get_cursor=lambda page: page["next"], **options)


def named(pages: list[Any]) -> list[Any]:
    """Returns of which cursor the pages are."""
    return [page["of"] for page in pages]


@pytest.mark.parametrize("end", [None, ""])
async def test_it_follows_the_cursors_to_the_end(end: str | None) -> None:
    """The first page is asked for without one, so that the default of the method counts."""
    messages = Messages({None: "a", "a": "b", "b": end})
    paginator = paginate(messages, page_size=50)
    assert named(await collect(paginator)) == [None, "a", "b"]
    assert messages.asked == [{"limit": 50}, {"cursor": "a", "limit": 50}, {"cursor": "b", "limit": 50}]
    assert named(await collect(paginator)) == [None, "a", "b"]
    assert isinstance(paginator, GracyPaginator)


async def test_pages_by_hand() -> None:
    """Back the way it came, as far as it goes; and from a cursor that was kept."""
    paginator = paginate(Messages({None: "a", "a": "b", "b": None}))
    assert await paginator.prev_page() is None
    pages = [await paginator.next_page() for _ in range(3)]
    assert named(pages) == [None, "a", "b"]
    assert await paginator.next_page() is None
    assert named([await paginator.prev_page(), await paginator.prev_page()]) == ["a", None]
    assert await paginator.prev_page() is None
    assert named([await paginator.next_page(), await paginator.next_page()]) == ["a", "b"]
    paginator.set_page("a")
    assert named(await collect(paginator)) == ["a", "b"]
    assert await paginator.prev_page() is None


async def test_it_can_begin_at_a_cursor() -> None:
    """For one that was kept from another time."""
    paginator = paginate(Messages({"a": "b", "b": None}), initial_cursor="a")
    assert named(await collect(paginator)) == ["a", "b"]


async def test_params_can_be_prepared() -> None:
    """By the cursor, None for the first page, and the page size."""
    messages = Messages({None: 7})
    paginator = paginate(messages, prepare_params=lambda cursor, size: {"after": cursor or 0, "first": size})
    await paginator.next_page()
    await paginator.next_page()
    assert messages.asked == [{"after": 0, "first": 20}, {"after": 7, "first": 20}]


async def test_an_empty_page_is_not_the_end() -> None:
    """A server may filter after it has cut its pages."""
    pages: dict[Any, list[Any]] = {None: ["a"], "a": [], "b": ["c"]}
    following: dict[int, str | None] = {id(pages[None]): "a", id(pages["a"]): "b", id(pages["b"]): None}

    async def page(limit: int, cursor: str | None = None) -> list[Any]:
        return pages[cursor]

    assert await collect(GracyCursorPaginator(page, lambda page: following[id(page)])) == [["a"], [], ["c"]]


@pytest.mark.parametrize(
    ("cursors", "seen"),
    [
        ({None: "a", "a": "a"}, [None, "a"]),
        ({None: "a", "a": "b", "b": "a"}, [None, "a", "b"]),
    ],
)
async def test_a_cursor_that_repeats_is_noticed(cursors: dict[Any, Any], seen: list[Any]) -> None:
    """Before any page is given twice, in a loop and by hand."""
    paginator = paginate(Messages(cursors))
    found: list[Any] = []
    with pytest.raises(RepeatedPage, match=rf"after {len(seen)} pages the next one would be 'a', which was given") as e:
        async for page in paginator:
            found.append(page)  # noqa: PERF401 - a comprehension would lose what it has
    assert named(found) == seen
    assert e.value.pages == len(seen)
    for _ in seen:
        await paginator.next_page()
    for _ in range(2):
        with pytest.raises(RepeatedPage):
            await paginator.next_page()


async def test_going_back_is_no_repetition() -> None:
    """The pages after it may be given again."""
    paginator = paginate(Messages({None: "a", "a": "b", "b": None}))
    for _ in range(3):
        for _ in range(3):
            assert await paginator.next_page() is not None
        assert named([await paginator.prev_page(), await paginator.prev_page()]) == ["a", None]
        paginator.set_page(None)


async def test_a_cursor_may_be_a_mapping() -> None:
    """As the last key of some databases is; it too is noticed when it repeats."""
    paginator = paginate(Messages({None: {"id": 1}, "{'id': 1}": {"id": 2}, "{'id': 2}": {"id": 1}}))
    with pytest.raises(RepeatedPage, match=r"would be \{'id': 1\}, which"):
        await collect(paginator)


async def test_an_error_leaves_the_cursor_where_it_was() -> None:
    """The same page can be asked for again."""
    messages = Messages({None: "a", "a": None})
    paginator = paginate(messages)
    await paginator.next_page()
    messages.fails = 1
    with pytest.raises(ConnectionError):
        await paginator.next_page()
    assert named([await paginator.next_page()]) == ["a"]


async def test_pages_without_end_have_an_end() -> None:
    """A server that always names another cursor is stopped by max_pages."""
    count = iter(range(99))

    async def page(limit: int, cursor: int | None = None) -> int:
        return next(count)

    with pytest.raises(TooManyPages, match="5 pages were given"):
        await collect(GracyCursorPaginator[int](page, lambda page: page, max_pages=5))


async def test_a_secret_in_a_cursor_is_not_shown() -> None:
    """Where a whole URL was taken for a cursor; and a long one is cut."""
    paginator = paginate(Messages({None: "https://me:pw@a.test/?api_key=SECRET&page=" + "2" * 200}), max_pages=1)
    with pytest.raises(TooManyPages, match="page=222") as error:
        await collect(paginator)
    assert not any(secret in str(error.value) + repr(paginator) for secret in ("SECRET", "pw@"))
    assert len(str(error.value)) < 300
