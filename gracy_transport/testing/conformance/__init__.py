"""What any transport that wraps another has to keep, as checks to run on it: ours, and your own.

A client trusts its transport to pass on what it does not change, to hold nothing back, and to close what it opened.
Most wrappers break some of that, and the tests of what they are for do not show it. These do. They need no pytest and
run on asyncio and on trio:

```python
import anyio
import httpx

from gracy_transport.testing.conformance import check_transport


class Tracing(httpx.AsyncBaseTransport):
    def __init__(self, inner):
        self.inner = inner

    async def handle_async_request(self, request):
        print(request.method, request.url.host)
        return await self.inner.handle_async_request(request)

    async def __aenter__(self):
        await self.inner.__aenter__()
        return self

    async def __aexit__(self, *error):
        await self.inner.__aexit__(*error)

    async def aclose(self):
        await self.inner.aclose()


anyio.run(check_transport, Tracing)
```

(What `AsyncBaseTransport` brings for `__aenter__` and `__aexit__` does not reach the inner transport, nor does its
`aclose`: a wrapper has to write all three. Those that wrap a real pool mostly get away without the first.)

`check_transport(wrap)` takes a function of an inner transport that returns yours: a class, or a `lambda` that also
gives it its settings. It raises one `BrokenPromises` that names each promise which does not hold and says what was
found instead. With `family=httpx2` it does so with the requests of that package.

With pytest, one test for each promise:

```python
import pytest

from gracy_transport.testing.conformance import CHECKS


@pytest.mark.anyio
@pytest.mark.parametrize("check", CHECKS, ids=str)
async def test_a_promise_of_transports(check):
    await check(Tracing, httpx)
```

A check puts a transport of its own below yours, one that notes what reaches it; the one about connections puts a real
pool there, and a real server on the loopback. So give yours settings under which it need not wait: a limit that is
never reached, a back-off of no time. What a transport does on purpose, it says by name: one that reads whole bodies to
look into them skips what streams (`checks(skip=STREAMING)`, or any names of checks), one that answers by itself skips
what is about the inner transport. A name that is no check is refused, so that a skip cannot outlive its reason.

The promises, by the names of their checks:

| name | promise |
|---|---|
| `enters_and_leaves_inner_once` | `__aenter__` and `__aexit__` reach the inner transport, each once |
| `leaves_inner_when_the_block_raises` | its `__aexit__` is told the error, which comes out as it is |
| `closes_inner_once` | `aclose` reaches the inner transport, once |
| `closing_twice_is_harmless` | it may be closed again, and closed after it was left |
| `errors_of_entering_come_out` | and what was never entered is not left |
| `errors_of_closing_come_out` | those of `aclose` and of `__aexit__` |
| `passes_the_request_on` | method, URL, headers, body |
| `passes_the_extensions_of_the_request_on` | its timeouts, and all else |
| `leaves_the_request_alone` | the caller's request is not changed, nor what its extensions hold |
| `answers_in_the_family_of_the_request` | response and stream are of the client's package |
| `passes_the_answer_on` | status, headers, body |
| `passes_a_compressed_answer_on` | decoded once, or not at all |
| `keeps_the_extensions_of_the_answer` | the HTTP version, the network stream |
| `errors_come_out_unchanged` | with the type that the inner transport raised |
| `passes_answers_without_a_body` | HEAD, 204 and 304 |
| `passes_an_upgrade` | a 101, unread and open |
| `sends_the_body_as_it_is_pulled` | an upload is not read ahead |
| `sends_no_other_body` | a request that is sent again has the body it had |
| `answers_before_the_body_is_over` | a download is not read before the caller reads it |
| `chunks_arrive_one_by_one` | each piece when it is there |
| `reading_to_the_end_closes_the_body_once` | the inner body |
| `closing_early_closes_the_body_once` | the inner body, which is read no further |
| `errors_of_the_body_come_out` | after the pieces that came before |
| `closes_what_it_discards` | answers of failed attempts, and those it refuses |
| `cancellation_comes_out` | nothing is made of it, and nothing is tried again |
| `cancelled_at_any_await_it_leaves_nothing_open` | no body, no task, no slot |
| `concurrent_requests_do_not_mix` | each gets its own answer |
| `leaks_no_connection` | with one connection, each request gives it back |
"""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import Final

import httpx

from . import closing, giving_back, passing, pooling, streaming
from .check import BrokenPromise, BrokenPromises, Check, Wrap

__all__ = ["CHECKS", "STREAMING", "BrokenPromise", "BrokenPromises", "Check", "Wrap", "check_transport", "checks"]

CHECKS: Final = tuple(
    Check(run)
    for run in (
        closing.enters_and_leaves_inner_once,
        closing.leaves_inner_when_the_block_raises,
        closing.closes_inner_once,
        closing.closing_twice_is_harmless,
        closing.errors_of_entering_come_out,
        closing.errors_of_closing_come_out,
        passing.passes_the_request_on,
        passing.passes_the_extensions_of_the_request_on,
        passing.leaves_the_request_alone,
        passing.answers_in_the_family_of_the_request,
        passing.passes_the_answer_on,
        passing.passes_a_compressed_answer_on,
        passing.keeps_the_extensions_of_the_answer,
        passing.errors_come_out_unchanged,
        passing.passes_answers_without_a_body,
        passing.passes_an_upgrade,
        streaming.sends_the_body_as_it_is_pulled,
        streaming.sends_no_other_body,
        streaming.answers_before_the_body_is_over,
        streaming.chunks_arrive_one_by_one,
        streaming.reading_to_the_end_closes_the_body_once,
        streaming.closing_early_closes_the_body_once,
        streaming.errors_of_the_body_come_out,
        giving_back.closes_what_it_discards,
        giving_back.cancellation_comes_out,
        giving_back.cancelled_at_any_await_it_leaves_nothing_open,
        giving_back.concurrent_requests_do_not_mix,
        pooling.leaks_no_connection,
    )
)
"""All promises, each to be awaited as `check(wrap, family)`; `str(check)` is its name."""

STREAMING: Final = (
    "answers_before_the_body_is_over",
    "chunks_arrive_one_by_one",
    "errors_of_the_body_come_out",
    "closing_early_closes_the_body_once",
)
"""The names of the checks that a transport which reads whole bodies on purpose cannot pass."""


def checks(*, skip: Iterable[str] = ()) -> tuple[Check, ...]:
    """Returns all checks but those of the names to skip.

    Raises:
        ValueError: for a name that is no check.
    """
    skipped = {skip} if isinstance(skip, str) else set(skip)
    unknown = skipped - {check.name for check in CHECKS}
    if unknown:
        names = ", ".join(check.name for check in CHECKS)
        raise ValueError(f"there is no check {' or '.join(sorted(map(repr, unknown)))} to skip: the names are {names}")
    return tuple(check for check in CHECKS if check.name not in skipped)


async def check_transport(wrap: Wrap, family: ModuleType = httpx, *, skip: Iterable[str] = ()) -> None:
    """Runs the checks, all of them, on the transport that `wrap(inner)` returns.

    Args:
        wrap: a function of an inner transport that returns the one to check, anew each time.
        family: the package whose requests it is asked with: the module httpx or httpx2.
        skip: the names of checks that it is not to pass, on purpose.

    Raises:
        BrokenPromises: naming each promise that it breaks, and how.
        ValueError: for a name to skip that is no check.
        Exception: what `wrap` itself raises.
    """
    asked = checks(skip=skip)
    broken: list[BrokenPromise] = []
    for check in asked:
        try:
            await check(wrap, family)
        except BrokenPromise as error:
            broken.append(error)
    if broken:
        raise BrokenPromises(tuple(broken), len(asked))
