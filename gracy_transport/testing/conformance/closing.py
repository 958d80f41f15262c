"""Promises about entering, leaving and closing."""

from __future__ import annotations

from types import ModuleType

from .check import Wrap, require
from .probe import probe, request_of


async def enters_and_leaves_inner_once(wrap: Wrap, family: ModuleType) -> None:
    """Entering and leaving a transport enters and leaves its inner one, each once.

    With a request in between, which must not enter it another time.
    """
    inner = probe(family)
    async with wrap(inner) as entered:
        require(inner.journal == ["enter"], f"entering did {inner.journal or 'nothing'} to the inner transport")
        response = await entered.handle_async_request(request_of(family))
        await response.aread()
    require(inner.journal == ["enter", "exit"], f"the inner transport met with {inner.journal}")


async def leaves_inner_when_the_block_raises(wrap: Wrap, family: ModuleType) -> None:
    """An error in the block of `async with` reaches the `__aexit__` of the inner transport and comes out as it is."""
    inner, error = probe(family), KeyError("in the block")
    raised: BaseException | None = None
    try:
        async with wrap(inner):
            raise error
    except KeyError as caught:
        raised = caught
    require(raised is error, f"{_shown(raised)} came out of the block")
    require(inner.journal == ["enter", "exit"], f"the inner transport met with {inner.journal}")
    require(inner.left_with is KeyError, f"the inner transport was told of {inner.left_with}")


async def closes_inner_once(wrap: Wrap, family: ModuleType) -> None:
    """`aclose` closes the inner transport, once."""
    inner = probe(family)
    await wrap(inner).aclose()
    require(inner.journal == ["close"], f"the inner transport met with {inner.journal or 'nothing'}")


async def closing_twice_is_harmless(wrap: Wrap, family: ModuleType) -> None:
    """A transport may be closed again, and closed after it was left."""
    closed = wrap(probe(family))
    await closed.aclose()
    await closed.aclose()
    async with wrap(probe(family)) as left:
        pass
    await left.aclose()


async def errors_of_entering_come_out(wrap: Wrap, family: ModuleType) -> None:
    """An error of entering the inner transport comes out as it is, and what was never entered is not left."""
    inner, error = probe(family), OSError("cannot open")
    inner.raises["enter"] = error
    raised: BaseException | None = None
    try:
        await wrap(inner).__aenter__()
    except OSError as caught:
        raised = caught
    require(raised is error, f"{_shown(raised)} was raised")
    require(inner.journal == ["enter"], f"the inner transport met with {inner.journal}")


async def errors_of_closing_come_out(wrap: Wrap, family: ModuleType) -> None:
    """An error of closing or leaving the inner transport comes out as it is."""
    error = OSError("cannot close")
    for way in ("close", "exit"):
        inner = probe(family)
        inner.raises[way] = error
        transport = wrap(inner)
        raised: BaseException | None = None
        try:
            if way == "close":
                await transport.aclose()
            else:
                async with transport:
                    pass
        except OSError as caught:
            raised = caught
        require(raised is error, f"{_shown(raised)} was raised in place of the error of {way!r}")


def _shown(raised: BaseException | None) -> str:
    return "nothing" if raised is None else repr(raised)
