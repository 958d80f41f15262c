"""Any sequence of steps by hand and in loops, against a model that has all pages before it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport import GracyOffsetPaginator
from tests.paging.support import Numbers

moves = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["next", "prev", "loop", "fail_next", "fail_prev"]), st.just(0)),
        st.tuples(st.just("set"), st.integers(0, 12)),
        st.tuples(st.just("part"), st.integers(0, 4)),
    ),
    max_size=20,
)


@dataclass
class Model:
    """The cursor as a user thinks of it: the page it is on, or the one it was set before."""

    count: int
    size: int
    here: int | None = None
    start: int = 0

    def page(self, offset: int) -> list[int]:
        """Returns the items of a page."""
        return list(range(self.count))[offset : offset + self.size]

    @property
    def following(self) -> int | None:
        """The offset of the page after this."""
        if self.here is None:
            return self.start
        after = self.here + self.size
        return after if after < self.count else None

    @property
    def before(self) -> int | None:
        """The offset of the page before this."""
        here = self.start if self.here is None else self.here
        return max(0, here - self.size) if here > 0 else None

    def step(self, to: int | None) -> list[int] | None:
        """Moves the cursor there."""
        if to is None:
            return None
        self.here = to
        return self.page(to)

    def rest(self) -> list[list[int]]:
        """Returns the pages from here on."""
        other = Model(self.count, self.size, self.here, self.start)
        pages = []
        while (page := other.step(other.following)) is not None:
            pages.append(page)
        return pages


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
@given(count=st.integers(0, 12), size=st.integers(1, 5), script=moves)
def test_any_sequence_of_steps(backend: str, count: int, size: int, script: list[tuple[str, int]]) -> None:
    """Next, previous, set and loops, whole ones and some that are left early, and failures in between."""
    anyio.run(_compare, Model(count, size), script, backend=backend)


async def _compare(model: Model, script: list[tuple[str, int]]) -> None:
    numbers = Numbers(model.count)
    paginator = GracyOffsetPaginator[Any](numbers.list, lambda r: bool(r["next"]), model.size)
    for name, number in script:
        if name == "set":
            paginator.set_page(number)
            model.here, model.start = None, number
        elif name in {"loop", "part"}:
            expected = model.rest() if name == "loop" else model.rest()[:number]
            assert await _some(paginator, len(expected) if name == "part" else None) == expected
        else:
            forwards = name.endswith("next")
            move, to = (paginator.next_page, model.following) if forwards else (paginator.prev_page, model.before)
            if name.startswith("fail") and to is not None:
                numbers.fails = 1
                with pytest.raises(ConnectionError):
                    await move()
            page = await move()
            assert (page and page["results"]) == model.step(to)


async def _some(paginator: GracyOffsetPaginator[Any], most: int | None) -> list[list[int]]:
    found: list[list[int]] = []
    if most == 0:
        return found
    async for page in paginator:
        found.append(page["results"])
        if len(found) == most:
            break
    return found
