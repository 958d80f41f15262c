"""`GracyOffsetPaginator`: pages by hand and in loops, as the README has them and where the original was wrong."""

from __future__ import annotations

from itertools import islice
from typing import Any

import anyio
import pytest
from anyio import CancelScope, create_task_group
from anyio.lowlevel import checkpoint

from gracy_transport import GracyOffsetPaginator
from gracy_transport.exceptions import GracyRefusal, PagingStopped, TooManyPages
from tests.paging.support import Numbers, collect

pytestmark = pytest.mark.anyio


def paginate(numbers: Numbers, limit: int = 2, **options: Any) -> GracyOffsetPaginator[Any]:
    """Returns what the README's `paginate` returns."""
    return GracyOffsetPaginator[Any](
        gracy_func=numbers.list,
        has_next=lambda r: bool(r["next"]) if r else True,
        page_size=limit,
        **options,
    )


def results(pages: list[Any]) -> list[list[int]]:
    """Returns the items of the pages."""
    return [page["results"] for page in pages]


async def test_next_page_gives_one_page_after_the_other() -> None:
    """And None when there is no more, as often as it is asked, without a request."""
    numbers = Numbers(5)
    paginator = paginate(numbers)
    pages = [await paginator.next_page() for _ in range(3)]
    assert results(pages) == [[0, 1], [2, 3], [4]]
    assert await paginator.next_page() is None
    assert await paginator.next_page() is None
    assert numbers.asked == [{"offset": 0, "limit": 2}, {"offset": 2, "limit": 2}, {"offset": 4, "limit": 2}]


async def test_a_loop_gives_all_pages_each_time() -> None:
    """It is restartable: the original gave nothing the second time."""
    paginator = paginate(Numbers(5))
    assert results(await collect(paginator)) == [[0, 1], [2, 3], [4]]
    assert results(await collect(paginator)) == [[0, 1], [2, 3], [4]]


async def test_a_loop_begins_where_the_cursor_is_and_leaves_it_there() -> None:
    """After one page by hand it is the second; after set_page(0) the first."""
    paginator = paginate(Numbers(5))
    first = await paginator.next_page()
    assert results([first]) == [[0, 1]]
    assert results(await collect(paginator)) == [[2, 3], [4]]
    assert results([await paginator.next_page()]) == [[2, 3]]
    paginator.set_page(0)
    assert results(await collect(paginator)) == [[0, 1], [2, 3], [4]]


async def test_a_loop_after_the_last_page_is_empty_until_the_page_is_set() -> None:
    """`set_page(0)` lets it run again: in the original it did not."""
    paginator = paginate(Numbers(3))
    while await paginator.next_page() is not None:
        pass
    assert await collect(paginator) == []
    paginator.set_page(0)
    assert results([await paginator.next_page()]) == [[0, 1]]


async def test_nested_loops_do_not_disturb_each_other() -> None:
    """Each has all pages."""
    paginator = paginate(Numbers(4))
    pairs = [(a["results"][0], b["results"][0]) async for a in paginator async for b in paginator]
    assert pairs == [(0, 0), (0, 2), (2, 0), (2, 2)]


async def test_loops_at_once_do_not_disturb_each_other() -> None:
    """Two tasks, one paginator."""
    paginator = paginate(Numbers(7))
    found: list[list[list[int]]] = []

    async def loop() -> None:
        found.append(results(await collect(paginator)))

    async with create_task_group() as group:
        group.start_soon(loop)
        group.start_soon(loop)
    assert found == [[[0, 1], [2, 3], [4, 5], [6]]] * 2


async def test_a_loop_that_was_left_can_be_started_again() -> None:
    """A break leaves nothing behind."""
    paginator = paginate(Numbers(5))
    async for _ in paginator:
        break
    assert results(await collect(paginator)) == [[0, 1], [2, 3], [4]]


async def test_prev_page_is_the_page_before_the_last_one_given() -> None:
    """The original gave the last one again."""
    paginator = paginate(Numbers(6))
    await paginator.next_page()
    await paginator.next_page()
    assert results([await paginator.prev_page()]) == [[0, 1]]
    assert await paginator.prev_page() is None
    assert results([await paginator.next_page(), await paginator.next_page()]) == [[2, 3], [4, 5]]
    assert await paginator.next_page() is None
    assert results([await paginator.prev_page()]) == [[2, 3]]


async def test_prev_page_at_the_start_is_none_and_asks_nothing() -> None:
    """There is no page before the first."""
    numbers = Numbers(6)
    assert await paginate(numbers).prev_page() is None
    assert numbers.asked == []


async def test_prev_page_after_set_page_is_the_page_before_that_one() -> None:
    """And never one before the first item."""
    paginator = paginate(Numbers(6))
    paginator.set_page(4)
    assert results([await paginator.prev_page(), await paginator.next_page()]) == [[2, 3], [4, 5]]
    paginator.set_page(1)
    assert results([await paginator.prev_page(), await paginator.next_page()]) == [[0, 1], [2, 3]]


async def test_set_page_before_the_first_item_is_refused() -> None:
    """A negative offset is a mistake in every API."""
    with pytest.raises(ValueError, match=r"set_page\(-2\) is before the first item"):
        paginate(Numbers(6)).set_page(-2)


async def test_page_size_reaches_prepare_params() -> None:
    """In the original it was always 20."""
    numbers = Numbers(120)
    paginator = paginate(numbers, 50, prepare_params=lambda token, size: {"offset": token, "limit": size})
    assert [len(page["results"]) async for page in paginator] == [50, 50, 20]
    assert numbers.asked[1] == {"offset": 50, "limit": 50}


async def test_has_prev_can_be_given() -> None:
    """It is asked by the offset of the last page."""
    asked: list[int] = []

    def has_prev(offset: int) -> bool:
        asked.append(offset)
        return False

    paginator = paginate(Numbers(6), has_prev=has_prev)
    await paginator.next_page()
    await paginator.next_page()
    assert await paginator.prev_page() is None
    assert asked == [2]


@pytest.mark.parametrize("empty", [[], (), {}])
async def test_an_empty_page_is_given_and_is_the_last(empty: Any) -> None:
    """Whatever has_next says of it: the README's says of an empty page that there is another."""
    pages = iter([[1, 2], [3, 4], empty, [5]])

    async def page(offset: int, limit: int) -> Any:
        return next(pages)

    assert await collect(GracyOffsetPaginator[Any](page, lambda r: True, 2)) == [[1, 2], [3, 4], empty]


async def test_none_for_a_page_means_that_there_is_none() -> None:
    """A parser may make None of a 404. The cursor stays on the page before."""
    pages = {0: [1, 2], 2: [3, 4]}

    async def page(offset: int, limit: int) -> list[int] | None:
        return pages.get(offset)

    paginator = GracyOffsetPaginator[Any](page, lambda r: r is not None, 2)
    assert await collect(paginator) == [[1, 2], [3, 4]]
    assert [await paginator.next_page() for _ in range(3)] == [[1, 2], [3, 4], None]
    assert await paginator.prev_page() == [1, 2]
    pages.clear()
    assert await paginator.prev_page() is None


async def test_a_page_that_the_user_changes_does_not_change_the_paging() -> None:
    """What follows is decided when the page comes, so that taking it apart loses no data."""
    paginator = paginate(Numbers(5))
    count = 0
    while (page := await paginator.next_page()) is not None:
        count += len(page["results"])
        page.clear()
    assert count == 5


async def test_an_error_leaves_the_cursor_where_it_was() -> None:
    """The same page can be asked for again, forwards and backwards."""
    numbers = Numbers(6)
    paginator = paginate(numbers)
    await paginator.next_page()
    await paginator.next_page()
    for move, expected in ((paginator.next_page, [4, 5]), (paginator.prev_page, [2, 3]), (paginator.prev_page, [0, 1])):
        numbers.fails = 1
        with pytest.raises(ConnectionError):
            await move()
        assert results([await move()]) == [expected]


async def test_an_error_leaves_an_iterator_where_it_was() -> None:
    """The page that failed comes when it is asked for again."""
    numbers = Numbers(6)
    pages = aiter(paginate(numbers))
    await anext(pages)
    numbers.fails = 1
    with pytest.raises(ConnectionError):
        await anext(pages)
    assert results([await anext(pages), await anext(pages)]) == [[2, 3], [4, 5]]
    with pytest.raises(StopAsyncIteration):
        await anext(pages)


async def test_an_error_of_has_next_leaves_the_cursor_where_it_was() -> None:
    """A mistake of the user's is told at once, with no page skipped."""

    def has_next(page: Any) -> bool:
        return bool(page["nxt"])

    numbers = Numbers(6)
    paginator = GracyOffsetPaginator[Any](numbers.list, has_next, 2)
    for _ in range(2):
        with pytest.raises(KeyError):
            await paginator.next_page()
    assert [each["offset"] for each in numbers.asked] == [0, 0]


async def test_a_cancellation_leaves_the_cursor_where_it_was() -> None:
    """A page that was on its way is asked for again."""
    numbers = Numbers(6)
    paginator = paginate(numbers)
    await paginator.next_page()
    with CancelScope() as scope:
        scope.cancel()
        await paginator.next_page()
    assert scope.cancelled_caught
    assert results([await paginator.next_page()]) == [[2, 3]]


async def test_a_cancellation_in_the_middle_of_a_request_lets_others_go_on() -> None:
    """Whoever waits for its turn gets the page that was not given."""
    numbers, arrived = Numbers(6), anyio.Event()
    hang = True

    async def page(**params: Any) -> Any:
        if hang:
            arrived.set()
            await anyio.sleep_forever()
        return await numbers.list(**params)

    paginator = GracyOffsetPaginator[Any](page, lambda r: bool(r["next"]), 2)
    async with create_task_group() as group:
        group.start_soon(paginator.next_page)
        await arrived.wait()
        group.cancel_scope.cancel()
    hang = False
    assert results([await paginator.next_page()]) == [[0, 1]]


async def test_tasks_that_share_a_cursor_get_each_page_once() -> None:
    """One after the other, because a page says whether there is another."""
    paginator = paginate(Numbers(9))
    found: list[Any] = []

    async def work() -> None:
        while (page := await paginator.next_page()) is not None:
            found.append(page)
            await checkpoint()

    async with create_task_group() as group:
        for _ in range(3):
            group.start_soon(work)
    assert sorted(results(found)) == [[0, 1], [2, 3], [4, 5], [6, 7], [8]]


async def test_set_page_while_a_page_is_fetched_holds() -> None:
    """The page that is on its way does not take the cursor back."""
    numbers = Numbers(6)
    paginator = paginate(numbers)

    async def jump() -> None:
        await checkpoint()
        paginator.set_page(4)

    async with create_task_group() as group:
        group.start_soon(paginator.next_page)
        group.start_soon(jump)
    assert results([await paginator.next_page()]) == [[4, 5]]


async def test_more_pages_than_allowed_raise_after_the_last_one_allowed() -> None:
    """Nothing is lost in silence: the pages so far were given, and the error says how many."""
    paginator = paginate(Numbers(6), max_pages=2)
    seen: list[Any] = []
    with pytest.raises(
        TooManyPages, match="2 pages were given and there are more, next 4: raise max_pages=2"
    ) as raised:
        async for page in paginator:
            seen.append(page)  # noqa: PERF401 - a comprehension would lose what it has
    assert results(seen) == [[0, 1], [2, 3]]
    assert raised.value.pages == 2
    assert isinstance(raised.value, PagingStopped | GracyRefusal)


async def test_as_many_pages_as_allowed_do_not_raise() -> None:
    """The guard is for what comes after them."""
    assert results(await collect(paginate(Numbers(4), max_pages=2))) == [[0, 1], [2, 3]]


async def test_pages_by_hand_are_counted_too() -> None:
    """`set_page` begins anew, and going back gives a page back."""
    paginator = paginate(Numbers(9), max_pages=2)
    for _ in range(2):
        await paginator.next_page()
    for _ in range(2):
        with pytest.raises(TooManyPages):
            await paginator.next_page()
    await paginator.prev_page()
    assert results([await paginator.next_page()]) == [[2, 3]]
    paginator.set_page(0)
    assert results([await paginator.next_page()]) == [[0, 1]]


@pytest.mark.parametrize("options", [{"limit": 0}, {"limit": -1}, {"max_pages": 0}])
async def test_sizes_below_one_are_refused(options: Any) -> None:
    """At construction, naming the argument."""
    with pytest.raises(ValueError, match=r"(page_size|max_pages) is (0|-1): give 1 or more"):
        paginate(Numbers(1), **options)


async def test_a_paginator_says_where_it_stands() -> None:
    """Its repr is for the debugger."""
    paginator = paginate(Numbers(3))
    assert repr(paginator) == "<GracyOffsetPaginator next 0>"
    await paginator.next_page()
    assert repr(paginator) == "<GracyOffsetPaginator next 2>"
    assert repr(aiter(paginator)) == "<Walk of 0 pages, next 2>"
    await paginator.next_page()
    assert repr(paginator) == "<GracyOffsetPaginator at the end>"


def test_a_paginator_serves_several_loops_one_after_the_other() -> None:
    """It may be made outside of any, as in a notebook or at the top of a module."""
    paginator = paginate(Numbers(9))
    assert results([anyio.run(paginator.next_page, backend="asyncio") for _ in range(2)]) == [[0, 1], [2, 3]]
    assert results(list(islice(anyio.run(collect, paginator), 1))) == [[4, 5]]
