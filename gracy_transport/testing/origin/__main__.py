"""Serves an origin: `python -m gracy_transport.testing.origin module:factory --port 8000`.

The first line of the output is the URL. It serves until it is interrupted, or with `--until-eof` until its
standard input ends.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from contextlib import AsyncExitStack, redirect_stdout
from functools import partial
from importlib import import_module
from operator import attrgetter
from typing import TYPE_CHECKING

import anyio
from anyio.to_thread import run_sync

from . import Origin

if TYPE_CHECKING:
    from collections.abc import Sequence

INPUT = 0
"""The file descriptor of standard input."""


def load(factory: str) -> Origin:
    """Returns the origin that `module:function` or `path/to/file.py:function` makes.

    Raises whatever importing and calling it raise, and `TypeError` when it makes something else.
    """
    where, _, name = factory.rpartition(":")
    make = runpy.run_path(where)[name] if where.endswith(".py") else attrgetter(name)(import_module(where))
    made = make()
    if not isinstance(made, Origin):
        message = f"{factory} made {made!r}: let it return an Origin"
        raise TypeError(message)
    return made


async def serve(origin: Origin, *, until_eof: bool) -> None:
    """Opens `origin`, prints its URL, and serves until cancelled, or until standard input ends."""
    async with AsyncExitStack() as opened:
        try:
            await opened.enter_async_context(origin)
        except OSError as error:
            _say(f"port {origin.port} of {origin.host} cannot be used: {error}")
            raise SystemExit(1) from error
        _say(origin.url)
        if until_eof:
            await run_sync(_read_to_the_end, abandon_on_cancel=True)
        else:
            await anyio.sleep_forever()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _read_to_the_end() -> None:
    while os.read(INPUT, 4_096):
        pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m gracy_transport.testing.origin", description="Serve an origin.")
    parser.add_argument("factory", help="module:function or path/to/file.py:function that returns an Origin")
    parser.add_argument("--port", type=int, default=0, help="the port; 0, the default, takes a free one")
    parser.add_argument("--backend", choices=("asyncio", "trio"), default="asyncio")
    parser.add_argument("--until-eof", action="store_true", help="end when standard input ends")
    options = parser.parse_args(arguments)
    try:
        with redirect_stdout(sys.stderr):  # the first line of the output is the URL, whatever the factory prints
            origin = load(options.factory)
    except Exception as error:
        _say(f"{type(error).__name__}: {error}")
        raise
    origin.port = options.port or origin.port
    try:
        anyio.run(partial(serve, origin, until_eof=options.until_eof), backend=options.backend)
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
