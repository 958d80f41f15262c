"""The conformance suite: each check can fail, says what is wrong, and lets an honest transport pass."""

from __future__ import annotations

import pickle
import re
from inspect import getdoc
from types import ModuleType
from typing import Any

import anyio
import httpx
import pytest

from gracy_transport.testing import conformance
from gracy_transport.testing.conformance import (
    CHECKS,
    STREAMING,
    BrokenPromise,
    BrokenPromises,
    Check,
    check_transport,
    checks,
)
from gracy_transport.testing.conformance import check as checking
from tests.testing.broken_transports import BROKEN, Honest, NeverCloses

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("check", CHECKS, ids=str)
async def test_a_transport_that_passes_everything_on_keeps_every_promise(family: ModuleType, check: Check) -> None:
    """No check asks for more than that."""
    await check(Honest, family)


@pytest.mark.parametrize("check", CHECKS, ids=str)
async def test_each_promise_can_be_broken(family: ModuleType, check: Check) -> None:
    """By a transport that differs from the honest one in one thing; the check of that name says so."""
    with pytest.raises(BrokenPromise, match=f"^{check.name}: .* But .*") as caught:
        await check(BROKEN[check.name], family)
    assert (caught.value.name, caught.value.promise) == (check.name, check.promise)


def test_there_is_a_broken_transport_for_each_promise() -> None:
    """And none for a promise that is no more."""
    assert set(BROKEN) == {check.name for check in CHECKS}


async def test_all_broken_promises_are_named_in_one_error(family: ModuleType) -> None:
    """With what was found instead."""
    with pytest.raises(BrokenPromises) as caught:
        await check_transport(NeverCloses, family)
    assert [each.name for each in caught.value.broken] == ["closes_inner_once", "errors_of_closing_come_out"]
    text = str(caught.value)
    assert text.startswith(f"2 of {len(CHECKS)} promises of a transport are broken:\n- closes_inner_once: ")
    assert "But the inner transport met with nothing." in text


async def test_a_check_can_be_skipped_by_its_name(family: ModuleType) -> None:
    """For what a transport does on purpose; `STREAMING` is what one cannot keep that reads bodies."""

    class Reading(Honest):
        async def handle_async_request(self, request: Any) -> Any:
            response = await self.inner.handle_async_request(request)
            try:
                if response.status_code != 101:
                    await response.aread()
            except BaseException:
                await response.aclose()
                raise
            return response

    await check_transport(Reading, family, skip=STREAMING)
    assert [check.name for check in CHECKS if check not in checks(skip="passes_an_upgrade")] == ["passes_an_upgrade"]


def test_an_unknown_name_is_not_skipped() -> None:
    """It says which there are."""
    with pytest.raises(ValueError, match=r"there is no check 'passes' to skip: the names are enters_and"):
        checks(skip=["passes", "closes_inner_once"])


async def test_what_a_transport_raises_breaks_the_promise() -> None:
    """Also in a task group, and as the cause."""

    class Raising(Honest):
        async def handle_async_request(self, request: Any) -> Any:
            async with anyio.create_task_group():
                raise ZeroDivisionError("oh")

    with pytest.raises(BrokenPromise, match=r"But ZeroDivisionError\(oh\) was raised\.") as caught:
        await {check.name: check for check in CHECKS}["passes_the_answer_on"](Raising, httpx)
    assert isinstance(caught.value.__cause__, ExceptionGroup)


async def test_a_connection_that_stays_open_is_found_when_the_client_is_closed(family: ModuleType) -> None:
    """By a wrapper of two lines, which never closes what it wraps."""

    class Bare(family.AsyncBaseTransport):  # type: ignore[name-defined, misc]
        def __init__(self, inner: Any) -> None:
            wires.append(inner)

        async def handle_async_request(self, request: Any) -> Any:
            return await wires[-1].handle_async_request(request)

    wires: list[Any] = []
    with pytest.raises(BrokenPromise, match="a connection is open after the client was closed"):
        await CHECKS[-1](Bare, family)
    await wires[-1].aclose()


async def test_a_transport_that_cannot_be_made_breaks_no_promise() -> None:
    """The error comes out as it is, at once."""
    with pytest.raises(TypeError, match="required positional argument"):
        await check_transport(lambda inner: Honest())  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


async def test_a_transport_that_never_answers_does_not_hang_the_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its time is limited."""

    class Hanging(Honest):
        async def handle_async_request(self, request: Any) -> Any:
            await anyio.sleep_forever()

    monkeypatch.setattr(checking, "MOST_SECONDS", 0.01)
    with pytest.raises(BrokenPromise, match=r"not done after 0\.01 s"):
        await {check.name: check for check in CHECKS}["passes_the_answer_on"](Hanging, httpx)


def test_a_check_shows_its_name_and_its_promise() -> None:
    """As the id of a test, and in a debugger."""
    check = CHECKS[2]
    assert str(check) == "closes_inner_once"
    assert repr(check) == "<Check closes_inner_once: `aclose` closes the inner transport, once.>"


def test_a_broken_promise_survives_pickle() -> None:
    """As the workers of pytest-xdist ask."""
    error = BrokenPromise("name", "A promise.", "not kept")
    assert str(pickle.loads(pickle.dumps(error))) == "name: A promise. But not kept."
    assert str(pickle.loads(pickle.dumps(BrokenPromises((error,), 3)))).startswith("1 of 3 promises")


def test_the_table_of_promises_is_whole() -> None:
    """In the order in which they are checked."""
    documented = re.findall(r"^\| `(\w+)` \|", getdoc(conformance) or "", re.MULTILINE)
    assert documented == [check.name for check in CHECKS]


def test_the_examples_run(capsys: pytest.CaptureFixture[str]) -> None:
    """The first by itself, the second with its transport."""
    first, second = re.findall(r"```python\n(.*?)```", getdoc(conformance) or "", re.DOTALL)
    scope: dict[str, Any] = {}
    exec(first, scope)
    assert "GET conformance.test\n" in capsys.readouterr().out
    exec(second, scope)
    anyio.run(scope["test_a_promise_of_transports"], CHECKS[0])
