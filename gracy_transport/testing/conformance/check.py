"""A promise of transports, as something that can be run by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import getdoc
from types import ModuleType
from typing import Any, Final, TypeAlias, cast

import anyio

__all__ = ["BrokenPromise", "BrokenPromises", "Check", "Wrap", "require"]

Wrap: TypeAlias = Callable[[Any], Any]
"""A function of an inner transport that returns the transport under test."""

MOST_SECONDS: Final = 10.0
"""Real seconds that a check may take: a hundred times what it needs, and soon enough for who waits for a deadlock."""


class BrokenPromise(AssertionError):
    """A transport does not do what the check of that name asks.

    Attributes:
        name: the name of the check.
        promise: what it asks, as a sentence.
        what: what was found instead.
    """

    def __init__(self, name: str, promise: str, what: str) -> None:
        super().__init__(name, promise, what)
        self.name, self.promise, self.what = name, promise, what

    def __str__(self) -> str:
        """Says all three."""
        return f"{self.name}: {self.promise} But {self.what}."


class BrokenPromises(AssertionError):
    """A transport does not do what some of the checks ask.

    Attributes:
        broken: a `BrokenPromise` for each of them.
        asked: how many checks there were.
    """

    def __init__(self, broken: tuple[BrokenPromise, ...], asked: int) -> None:
        super().__init__(broken, asked)
        self.broken, self.asked = broken, asked

    def __str__(self) -> str:
        """Names each broken promise, one on a line."""
        lines = "".join(f"\n- {each}" for each in self.broken)
        return f"{len(self.broken)} of {self.asked} promises of a transport are broken:{lines}"


class Finding(Exception):
    """What a check found that breaks its promise."""


def require(holds: object, what: str) -> None:
    """Ends a check unless something holds; `what` says, after "But", what was found instead."""
    if not holds:
        raise Finding(what)


class Check:
    """One promise, to be awaited with a transport: `await check(wrap, httpx)`.

    Attributes:
        name: its name, by which it can be skipped.
        promise: what it asks, as a sentence.
    """

    def __init__(self, run: Callable[[Wrap, ModuleType], Awaitable[None]]) -> None:
        self.name = getattr(run, "__name__", "check")
        self.promise = (getdoc(run) or "").partition("\n")[0]
        self._run = run

    async def __call__(self, wrap: Wrap, family: ModuleType) -> None:
        """Checks the transport that `wrap(inner)` returns, with the requests of that package (httpx or httpx2).

        Raises:
            BrokenPromise: when it does not hold, when the transport raises instead, and when it takes 10 s.
            Exception: what `wrap` itself raises.
        """
        not_made: list[Exception] = []

        def make(inner: Any) -> Any:
            try:
                return wrap(inner)
            except Exception as error:
                not_made.append(error)
                raise

        cause: Exception | None = None
        what = f"it was not done after {MOST_SECONDS:g} s: something was waited for in vain"
        with anyio.move_on_after(MOST_SECONDS):
            try:
                await self._run(make, family)
            except Exception as error:  # noqa: BLE001 - whatever a transport raises
                alone = _alone(error)
                if alone in not_made:
                    raise alone from None
                what = str(alone) if isinstance(alone, Finding) else f"{_told(alone)} was raised"
                cause = None if isinstance(alone, Finding) else error
            else:
                return
        raise BrokenPromise(self.name, self.promise, what) from cause

    def __str__(self) -> str:
        """Gives the name, for the ids of tests."""
        return self.name

    def __repr__(self) -> str:
        """Names it and its promise."""
        return f"<Check {self.name}: {self.promise}>"


def _alone(error: Exception) -> Exception:
    """Returns the only error in a group, which task groups put around it, or the error itself."""
    inside: Any = error
    while issubclass(type(inside), ExceptionGroup) and len(inside.exceptions) == 1:
        inside = inside.exceptions[0]
    return cast("Exception", inside)


def _told(error: Exception) -> str:
    return f"{type(error).__name__}({error})" if str(error) else type(error).__name__
