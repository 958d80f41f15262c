"""The origin itself: a listening socket, a script and the books."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, overload

import anyio

from ...loops import current_loop
from .admin import administer, is_admin, summary
from .connection import Connection, Service
from .ledger import Ledger
from .listening import Listening, listen
from .reply import Reply
from .script import Script, play
from .secure import SecureWire
from .wire import Wire

if TYPE_CHECKING:
    import socket
    import ssl
    from collections.abc import AsyncGenerator, Awaitable, Callable
    from types import TracebackType
    from typing import Self

    from anyio.abc import TaskGroup

    from .script import Route
    from .visit import Visit


class Origin:
    """A scriptable HTTP/1.1 server on a real loopback socket, run by tasks of the caller's own loop.

    Works alike on asyncio and trio. Leaving it closes all sockets at once and leaves no task behind; on asyncio
    another task than the one that opened it may do that, as in fixtures of pytest-asyncio. When a handler of the
    script raised and the block did not, leaving raises an `ExceptionGroup` of those errors, because a mistake in a
    script should not pass for a flaky server.

    `GET /__origin__/visits` and `GET /__origin__/summary` tell other processes what it saw; such requests are
    not counted.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        max_visits: int = 10_000,
        max_body: int = 10 * 1024 * 1024,
        sleep: Callable[[float], Awaitable[object]] = anyio.sleep,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Prepares an origin that is opened by `async with`.

        `port=0` takes a free port. With `tls`, a context that has a certificate for `host`, it speaks HTTPS; let
        the context offer nothing but `http/1.1` by ALPN, because the origin speaks nothing else. The latest
        `max_visits` visits are remembered, bodies included. A request body of more than `max_body` bytes, 10 MiB
        by default, is answered with a 413. All scripted delays go through `sleep(seconds)`, all stamps come from
        `now()`: give both of a fake clock that moves only when told, `FakeClock(auto=False)`, to test in virtual
        time.
        """
        self.host = host
        self.port = port
        """The port; once opened, the one that was taken, also for a later opening."""
        self._tls = tls
        self._sleep = sleep
        self._ledger = Ledger(max_visits)
        self._script = Script(max_visits)
        self._service = Service(self._ledger, self._answer, now, max_body)
        self._tasks: TaskGroup | None = None
        self._opener: object = None
        self._listening: Listening

    @overload
    def on(self, template: str, /) -> Route: ...
    @overload
    def on(self, method: str, template: str, /) -> Route: ...
    def on(self, first: str, second: str | None = None, /) -> Route:
        """Scripts a path, for one method or for all: `on("GET", "/pokemon/{NAME}")`, `on("/files/*")`.

        `{NAME}` stands for one segment of the path, a `*` at the end for any rest, so that `on("*")` answers
        what nothing else does. Plain paths go before templates, templates in the order of their scripting. A
        route for GET also answers HEAD. The same method and template again replace the earlier route. Raises
        `ValueError` when the template is not a path.
        """
        if second is None:
            return self._script.on(None, first)
        return self._script.on(first.upper(), second)

    @property
    def url(self) -> str:
        """The base URL without a slash at the end; raises `RuntimeError` while the origin is closed."""
        self._require_tasks()
        scheme = "https" if self._tls else "http"
        return f"{scheme}://[{self.host}]:{self.port}" if ":" in self.host else f"{scheme}://{self.host}:{self.port}"

    @property
    def visits(self) -> list[Visit]:
        """The latest visits in the order of their arrival, at most `max_visits`."""
        return list(self._ledger.visits)

    @property
    def count(self) -> int:
        """How many visits there were, without bound."""
        return self._ledger.count

    @property
    def in_flight(self) -> int:
        """How many requests were read and are not answered to their end."""
        return self._ledger.in_flight

    @property
    def peak_in_flight(self) -> int:
        """The largest number of requests that were in flight at once."""
        return self._ledger.peak_in_flight

    @property
    def connections(self) -> int:
        """How many connections were accepted."""
        return self._ledger.connections

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return self._ledger.open_connections

    @property
    def peak_connections(self) -> int:
        """The largest number of connections that were open at once."""
        return self._ledger.peak_connections

    @property
    def errors(self) -> list[Exception]:
        """What handlers and chunks of the script raised."""
        return list(self._ledger.errors)

    def summary(self) -> dict[str, object]:
        """Returns all counts; `statuses` has the ended visits by status, `"null"` where none was sent."""
        return summary(self._ledger)

    def clear(self) -> None:
        """Forgets visits, counts, peaks and errors; the script stays where it is."""
        self._ledger.clear()
        for route in self._script.routes():
            route.clear()

    async def until(self, condition: Callable[[], object], within: float = 5.0) -> None:
        """Returns as soon as `condition()` is true; it is looked at after each change in the counts.

        Raises `TimeoutError` when that takes longer than `within` seconds. Replaces a sleep in a test:
        `await origin.until(lambda: origin.open_connections == 0)`.
        """
        try:
            await self._ledger.until(condition, within)
        except TimeoutError:
            message = f"the condition was not met within {within} s by {self!r}: look at its visits"
            raise TimeoutError(message) from None

    @asynccontextmanager
    async def down(self) -> AsyncGenerator[None]:
        """Closes all connections and refuses new ones for the length of the block, as when a server restarts.

        The port is the same afterwards. Raises `RuntimeError` while the origin is closed.
        """
        tasks = self._require_tasks()
        await self._listening.stop()
        try:
            yield
        finally:
            if self._tasks is tasks:
                self._start(tasks, listen(self.host, self.port))

    async def __aenter__(self) -> Self:
        """Binds and listens."""
        if self._tasks is not None:
            message = f"{self!r} is open already: make another Origin"
            raise RuntimeError(message)
        listener = listen(self.host, self.port)
        tasks = anyio.create_task_group()
        await tasks.__aenter__()
        self._start(tasks, listener)
        self._tasks, self._opener = tasks, current_loop().task()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        """Closes all sockets, ends all tasks, and tells of the errors of the script."""
        tasks, self._tasks = self._require_tasks(), None
        opener, self._opener = self._opener, None
        errors = self._ledger.errors
        if error is not None and errors:
            error.add_note(f"Before that, the script of the origin raised {errors!r}")
        if opener is not current_loop().task():
            # Only the task that opened a task group can leave it. With nothing in it, it may stay as it is.
            await self._listening.stop()
            suppress: bool | None = None
        else:
            if error is None:
                tasks.cancel_scope.cancel()
            try:
                suppress = await tasks.__aexit__(kind, error, trace)
            except BaseExceptionGroup as group:
                if group.exceptions == (error,):
                    return False  # outside of the block, its error should look as it does inside
                raise
        if error is None and errors:
            message = "the script of the origin raised"
            raise ExceptionGroup(message, errors)
        return suppress

    def _require_tasks(self) -> TaskGroup:
        if self._tasks is None:
            message = "the origin is closed: use it inside `async with Origin() as origin:`"
            raise RuntimeError(message)
        return self._tasks

    def _start(self, tasks: TaskGroup, listener: socket.socket) -> None:
        self.port = listener.getsockname()[1]
        self._listening = Listening(listener, self._converse)
        tasks.start_soon(self._listening.run)

    async def _converse(self, accepted: socket.socket) -> None:
        wire = Wire(accepted, self._sleep) if self._tls is None else SecureWire(accepted, self._sleep, self._tls)
        await Connection(wire, self._service).run()

    async def _answer(self, visit: Visit) -> Reply:
        """Returns what the script says to a visit; a script that raises says 500."""
        path = visit.path
        if is_admin(path):
            return administer(visit, self._ledger, self.clear)
        route, visit.args = self._script.find(visit.method, path)
        if route is None:
            return self._script.missing(visit.method, path)
        visit.template = route.template
        try:
            return await play(route.answer, visit)
        except Exception as error:  # noqa: BLE001 - whatever a user's handler raises
            self._ledger.errors.append(error)
            return Reply(500, json={"error": f"the handler for {route} raised {error!r}"})

    def __repr__(self) -> str:
        """Gives the URL and the main counts."""
        where = self.url if self._tasks else "closed"
        routes = len(list(self._script.routes()))
        books = f"{self.count} visits, {self.open_connections} open connections"
        return f"<Origin {where}, {routes} routes, {books}>"
