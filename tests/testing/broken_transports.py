"""A transport for each promise that breaks it, and one that keeps them all."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any, Self

import anyio
from anyio.lowlevel import checkpoint

from gracy_transport.bodies import tee_response, variant
from gracy_transport.family import TransportBase, family_of


class Honest(TransportBase):
    """Passes everything on."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    async def handle_async_request(self, request: Any) -> Any:
        return await self.inner.handle_async_request(request)

    async def __aenter__(self) -> Self:
        await self.inner.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.inner.__aexit__(*error)

    async def aclose(self) -> None:
        await self.inner.aclose()


class NeverEnters(Honest):
    async def __aenter__(self) -> Self:
        return self


class LeavesWithoutAWord(Honest):
    async def __aexit__(self, *error: object) -> None:
        await self.inner.__aexit__(None, None, None)


class NeverCloses(Honest):
    async def aclose(self) -> None:
        pass


class ClosesOnce(Honest):
    is_closed = False

    async def aclose(self) -> None:
        if self.is_closed:
            raise RuntimeError("closed already")
        self.is_closed = True
        await super().aclose()


class LeavesWhatItNeverEntered(Honest):
    async def __aenter__(self) -> Self:
        try:
            await self.inner.__aenter__()
        except BaseException:
            await self.inner.__aexit__(None, None, None)
            raise
        return self


class ClosesQuietly(Honest):
    async def aclose(self) -> None:
        with suppress(OSError):
            await self.inner.aclose()


class DropsTheQuery(Honest):
    async def handle_async_request(self, request: Any) -> Any:
        sent = variant(request, url=request.url.copy_with(query=None))
        return await self.inner.handle_async_request(sent)


class WritesOnTheRequest(Honest):
    async def handle_async_request(self, request: Any) -> Any:
        request.extensions["timeout"]["read"] = 1.0
        return await self.inner.handle_async_request(request)


class AnswersByItself(Honest):
    async def handle_async_request(self, request: Any) -> Any:
        response = await self.inner.handle_async_request(request)
        response.stream = Pieces(response.stream)
        return response


class Pieces:
    """A stream of no family."""

    def __init__(self, source: Any) -> None:
        self.source = source

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self.source:
            yield chunk

    async def aclose(self) -> None:
        await self.source.aclose()


class LosesAHeader(Honest):
    async def handle_async_request(self, request: Any) -> Any:
        response = await self.inner.handle_async_request(request)
        response.headers["x-own"] = response.headers.get("x-own", "")
        return response


class LosesTheExtensions(Honest):
    async def handle_async_request(self, request: Any) -> Any:
        response = await self.inner.handle_async_request(request)
        made = family_of(request).Response
        return made(response.status_code, headers=response.headers, stream=response.stream)


class WrapsErrors(Honest):
    async def handle_async_request(self, request: Any) -> Any:
        try:
            return await self.inner.handle_async_request(request)
        except LookupError as error:
            raise RuntimeError("something went wrong") from error


class WantsABody(Honest):
    async def handle_async_request(self, request: Any) -> Any:
        response = await self.inner.handle_async_request(request)
        if request.method == "HEAD":
            await response.aread()
            assert response.content
        return response


class ReadsAnUpgrade(Honest):
    async def handle_async_request(self, request: Any) -> Any:
        response = await self.inner.handle_async_request(request)
        if response.status_code == 101:
            await response.aread()
        return response


class ReadsTheRequest(Honest):
    async def handle_async_request(self, request: Any) -> Any:
        sent = type(request)(request.method, request.url, headers=request.headers, extensions=request.extensions)
        sent.stream = family_of(request).ByteStream(b"".join([chunk async for chunk in request.stream]))
        return await self.inner.handle_async_request(sent)


class ReadsTheAnswer(Honest):
    async def handle_async_request(self, request: Any) -> Any:
        response = await self.inner.handle_async_request(request)
        if response.status_code != 101:
            await response.aread()
        return response


class Watched:
    """A body that passes through as it is, for others to derive from."""

    def __init__(self, source: Any) -> None:
        self.source = source

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        chunk: bytes = await anext(self.source)
        return chunk

    async def aclose(self) -> None:
        await self.source.aclose()


class Ahead(Watched):
    """Reads all of a body for its first piece."""

    chunks: list[bytes] | None = None

    async def __anext__(self) -> bytes:
        if self.chunks is None:
            self.chunks = [chunk async for chunk in self.source]
        if not self.chunks:
            raise StopAsyncIteration
        return self.chunks.pop(0)


class ClosesAtItsEnd(Watched):
    """Closes its source as soon as it is over, and once more when it is closed."""

    async def __anext__(self) -> bytes:
        try:
            return await super().__anext__()
        except StopAsyncIteration:
            await self.source.aclose()
            raise


class StaysOpen(Watched):
    """Closes its source only when it was read to its end."""

    is_over = False

    async def __anext__(self) -> bytes:
        try:
            return await super().__anext__()
        except StopAsyncIteration:
            self.is_over = True
            raise

    async def aclose(self) -> None:
        if self.is_over:
            await self.source.aclose()


class EndsQuietly(Watched):
    """Makes the end of a body of its error."""

    async def __anext__(self) -> bytes:
        try:
            return await super().__anext__()
        except OSError:
            raise
        except Exception as error:
            raise StopAsyncIteration from error


class ClosesSlowly(Watched):
    """Lets other tasks run before it closes, and forgets it when it is cancelled then."""

    async def aclose(self) -> None:
        await checkpoint()
        await self.source.aclose()


def with_bodies(kind: type) -> type[Honest]:
    """Returns a transport whose answers have bodies of that kind."""

    class WithBodies(Honest):
        async def handle_async_request(self, request: Any) -> Any:
            response = await self.inner.handle_async_request(request)
            tee_response(request, response, kind)
            return response

    return WithBodies


class TriesAgain(Honest):
    """Forgets to close the answer of the first attempt."""

    async def handle_async_request(self, request: Any) -> Any:
        response = await self.inner.handle_async_request(request)
        return response if response.status_code < 500 else await self.inner.handle_async_request(request)


class MakesAnErrorOfCancelling(Honest):
    async def handle_async_request(self, request: Any) -> Any:
        try:
            return await self.inner.handle_async_request(request)
        except anyio.get_cancelled_exc_class() as error:
            raise family_of(request).module.ReadTimeout("too slow") from error


class AnswersForAnother(Honest):
    """Keeps the newest body where all requests can get it."""

    newest: Any = None

    async def handle_async_request(self, request: Any) -> Any:
        response = await self.inner.handle_async_request(request)
        self.newest, mine = response.stream, self.newest
        await checkpoint()
        if mine is not None and request.method == "POST":
            response.stream = self.newest
        return response


class KeepsTheConnection(Honest):
    """Takes a second look at what failed, and forgets about the first."""

    async def handle_async_request(self, request: Any) -> Any:
        response = await self.inner.handle_async_request(request)
        if response.status_code == 404:
            self.kept = response.stream
            return type(response)(404)
        return response


class DropsTheTimeouts(Honest):
    """Makes a request of its own, and forgets the extensions."""

    async def handle_async_request(self, request: Any) -> Any:
        kind = type(request)
        return await self.inner.handle_async_request(
            kind(request.method, request.url, headers=request.headers, stream=request.stream)
        )


class DecodesTwice(Honest):
    """Gives a decoded body on with the headers of the encoded one."""

    async def handle_async_request(self, request: Any) -> Any:
        response = await self.inner.handle_async_request(request)
        family, content = family_of(request), await response.aread()
        return family.Response(response.status_code, headers=response.headers, stream=family.ByteStream(content))


class TriesAgainWithoutTheBody(Honest):
    """Sends what is left of the body, which is nothing."""

    async def handle_async_request(self, request: Any) -> Any:
        response = await self.inner.handle_async_request(request)
        if response.status_code < 500:
            return response
        await response.aclose()
        return await self.inner.handle_async_request(type(request)(request.method, request.url))


BROKEN: dict[str, Callable[[Any], Any]] = {
    "enters_and_leaves_inner_once": NeverEnters,
    "passes_the_extensions_of_the_request_on": DropsTheTimeouts,
    "passes_a_compressed_answer_on": DecodesTwice,
    "sends_no_other_body": TriesAgainWithoutTheBody,
    "leaves_inner_when_the_block_raises": LeavesWithoutAWord,
    "closes_inner_once": NeverCloses,
    "closing_twice_is_harmless": ClosesOnce,
    "errors_of_entering_come_out": LeavesWhatItNeverEntered,
    "errors_of_closing_come_out": ClosesQuietly,
    "passes_the_request_on": DropsTheQuery,
    "leaves_the_request_alone": WritesOnTheRequest,
    "answers_in_the_family_of_the_request": AnswersByItself,
    "passes_the_answer_on": LosesAHeader,
    "keeps_the_extensions_of_the_answer": LosesTheExtensions,
    "errors_come_out_unchanged": WrapsErrors,
    "passes_answers_without_a_body": WantsABody,
    "passes_an_upgrade": ReadsAnUpgrade,
    "sends_the_body_as_it_is_pulled": ReadsTheRequest,
    "answers_before_the_body_is_over": ReadsTheAnswer,
    "chunks_arrive_one_by_one": with_bodies(Ahead),
    "reading_to_the_end_closes_the_body_once": with_bodies(ClosesAtItsEnd),
    "closing_early_closes_the_body_once": with_bodies(StaysOpen),
    "errors_of_the_body_come_out": with_bodies(EndsQuietly),
    "closes_what_it_discards": TriesAgain,
    "cancellation_comes_out": MakesAnErrorOfCancelling,
    "cancelled_at_any_await_it_leaves_nothing_open": with_bodies(ClosesSlowly),
    "concurrent_requests_do_not_mix": AnswersForAnother,
    "leaks_no_connection": KeepsTheConnection,
}
"""By the name of the promise that each of them breaks."""
