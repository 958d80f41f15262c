"""An origin in a process of its own, so that its work does not slow the loop under test."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.client import HTTPConnection, HTTPSConnection
from json import loads
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import anyio
from anyio.to_thread import run_sync

from .admin import SUMMARY, VISITS

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Self

    from .server import Origin

END_SECONDS = 5.0
"""How long a child may take to end by itself before it is killed."""
ASK_SECONDS = 10.0
"""How long an answer about the books may take."""


class Arrival(NamedTuple):
    """One line of the log of another process."""

    arrived: float
    """Seconds of that process's `time.monotonic`; on Linux all processes share this clock."""
    method: str
    target: str
    status: int | None
    """None while it is unanswered, and for good when a fault sent no status."""


class OriginProcess:
    """A child process that serves an origin; made by `origin_process`."""

    def __init__(self, factory: str | Callable[[], Origin], *, port: int, backend: str, timeout: float) -> None:
        """Prepares the child; it starts on entering."""
        self.factory = factory if isinstance(factory, str) else _name_of(factory)
        self.url = ""
        """The base URL without a slash at the end; empty before the start."""
        self._arguments = [self.factory, "--port", str(port), "--backend", backend, "--until-eof"]
        self._timeout = timeout
        self._child: subprocess.Popen[str] | None = None
        self._status: int | None = None

    @property
    def status(self) -> int | None:
        """The exit status of the child once it has ended, by itself or with the block; `None` while it runs."""
        return self._child.poll() if self._child is not None else self._status

    def visits(self) -> list[Arrival]:
        """Returns the log of the child, oldest first.

        This blocks for one request on the loopback, a few milliseconds, in async code too.
        """
        return [Arrival(*line) for line in self._ask("GET", VISITS)]

    def summary(self) -> dict[str, Any]:
        """Returns the counts of the child: `Origin.summary()`. Blocks as `visits` does."""
        return cast("dict[str, Any]", self._ask("GET", SUMMARY))

    def clear(self) -> None:
        """Lets the child forget its visits, counts and peaks. Blocks as `visits` does."""
        self._ask("DELETE", VISITS)

    def __enter__(self) -> Self:
        """Starts the child and reads its URL; raises `RuntimeError` when it does not come up."""
        return self._greet(self._launch())

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Ends the child; raises `RuntimeError` when it failed, for example by an error of its script."""
        status = self._end()
        if status and kind is None:
            message = f"the origin process for {self.factory!r} ended with status {status}: see its stderr"
            raise RuntimeError(message)

    async def __aenter__(self) -> Self:
        """Starts the child as `with` does, without blocking the loop while it comes up."""
        child = self._launch()  # not in the thread: a cancelled caller must know whom to end
        try:
            return await run_sync(self._greet, child)
        except BaseException:
            child.kill()  # it never came up: there is nothing to wait for
            with anyio.CancelScope(shield=True):
                await run_sync(self._end)
            raise

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Ends the child as `with` does, without blocking the loop, also when cancelled."""
        with anyio.CancelScope(shield=True):
            await run_sync(self.__exit__, kind)

    def _ask(self, method: str, path: str) -> Any:
        if self._child is None:
            message = f"the origin process for {self.factory!r} is not running: use it inside `with`"
            raise RuntimeError(message)
        connection = _connection(self.url)
        try:
            connection.request(method, path)
            return loads(connection.getresponse().read() or b"null")
        finally:
            connection.close()

    def _launch(self) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", __name__.rpartition(".")[0], *self._arguments]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path),
        }
        pipe = subprocess.PIPE
        self.url = ""
        # In a group of its own: Ctrl-C is for this process, which then ends the child when it is done with it.
        self._child = subprocess.Popen(  # noqa: S603 - our own module, and the caller's own factory
            command,
            stdin=pipe,
            stdout=pipe,
            env=environment,
            text=True,
            process_group=0,
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        return self._child

    def _greet(self, child: subprocess.Popen[str]) -> Self:
        """Reads the first line of the child's output; it is empty when the child ended or took too long."""
        began = time.monotonic()
        timer = threading.Timer(self._timeout, child.kill)
        timer.start()
        try:
            line = child.stdout.readline().strip() if child.stdout else ""
        finally:
            timer.cancel()
            timer.join()
        if not line.startswith(("http://", "https://")):
            status = self._end()
            is_late = time.monotonic() - began >= self._timeout
            silence = f"not within timeout={self._timeout} s" if is_late else f"it ended with status {status}"
            reason = line or f"{silence}, see its stderr"
            raise RuntimeError(f"the origin process for {self.factory!r} did not start: {reason}")
        self.url = line
        return self

    def _end(self) -> int:
        """Asks the child to end by closing its input, kills it if need be, and returns its status."""
        child, self._child = self._child, None
        if child is None:
            return 0
        if child.stdin is not None:
            with suppress(OSError):
                child.stdin.close()
        try:
            child.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
        status = child.wait()
        if child.stdout is not None:
            child.stdout.close()
        self._status = status
        return status


def origin_process(
    factory: str | Callable[[], Origin], *, port: int = 0, backend: str = "asyncio", timeout: float = 20.0
) -> OriginProcess:
    """Returns a context manager, for `with` and `async with`, that serves an origin in a child process.

    `factory` makes the scripted `Origin`: a module-level function, or its name as `module:function` or
    `path/to/file.py:function`. The child sees the same `sys.path`, and takes `port`, or a free one for 0. It
    ends with the block, and also when this process dies, because then its standard input closes; Ctrl-C in a
    terminal does not reach it, so that a test that is interrupted can still ask what it saw. `backend` is
    `asyncio` or `trio`, `timeout` how many seconds it may take to start. Raises `ValueError` for a function
    without such a name.
    """
    return OriginProcess(factory, port=port, backend=backend, timeout=timeout)


def _connection(url: str) -> HTTPConnection:
    """Returns a connection to a child; its certificate need not be trusted, as it is ours."""
    scheme, _, host = url.partition("://")
    if scheme == "http":
        return HTTPConnection(host, timeout=ASK_SECONDS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return HTTPSConnection(host, timeout=ASK_SECONDS, context=context)


def _name_of(factory: Callable[[], Origin]) -> str:
    """Returns a name by which another process finds a function."""
    name = getattr(factory, "__qualname__", "<")
    if "<" in name:
        message = f"{factory!r} cannot be found by another process: give a function of a module"
        raise ValueError(message)
    module = factory.__module__
    if module == "__main__":
        module = str(getattr(sys.modules["__main__"], "__file__", ""))
        if not module:
            message = f"{factory!r} is defined in a session without a file: move it to a module"
            raise ValueError(message)
    return f"{module}:{name}"
