"""The run itself: the API in its own process, the calls without the stack, the three ways at once, the judgement."""

from __future__ import annotations

import signal
import sys
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

import anyio
import httpx
from anyio.to_thread import run_sync

from ..testing.origin import OriginProcess, origin_process
from .alone import run_alone
from .api import SCRIPT
from .attached import run_attached
from .declared import run_declared
from .judge import Instants, judge
from .lines import PlainShow
from .naive import ask_naively
from .plan import RULES, SLOTS
from .scene import Scene, Show

__all__ = ["run_demo"]

FRAME: Final = 0.1
"""Seconds between two frames: fast enough to look alive, slow enough to leave the time to the calls."""

FEWEST_COLUMNS: Final = 80
FEWEST_LINES: Final = 22


class APIGoneError(Exception):
    """The API ended, or could not be reached any more, before the demo was over: there is nothing to judge."""

    def __init__(self, origin: OriginProcess) -> None:
        how = "cannot be reached" if origin.status is None else f"ended with status {origin.status} before its time"
        super().__init__(f"The API of the demo {how}, so nothing was judged: run it again.")


def run_demo(seconds: float, seed: int, *, plain: bool = False) -> int:
    """Runs the demo and shows it on standard output.

    Args:
        seconds: about how long it is to take.
        seed: which script of faults the API plays.
        plain: print lines even where a live view is possible.

    Returns:
        The exit status: 0, 1 when a promise was broken or the API did not start or went away, 130 after Ctrl-C.

    Raises:
        KeyboardInterrupt: when Ctrl-C came before there was anything to show.
    """
    show = PlainShow() if plain else fitting_show()
    scene = Scene.of(seconds, seed)
    try:
        with heeding_ctrl_c(scene):
            anyio.run(perform, scene, show)
            show.close(scene)
    except APIGoneError as error:
        print(error, file=sys.stderr)
        return 1
    except RuntimeError as error:
        if scene.url:
            raise
        print(f"The API of the demo did not start: {error}", file=sys.stderr)
        return 1
    return scene.exit_status


@contextmanager
def heeding_ctrl_c(scene: Scene) -> Generator[None]:
    """Lets Ctrl-C (or a `kill`) say no more than that it came, as often as it is pressed.

    An exception in the middle of anything, in the end of an event loop above all, would leave threads behind that
    nobody ends.
    """

    def heed(*_: object) -> None:
        scene.is_interrupted = scene.is_interrupted or not scene.is_over

    before = {number: signal.signal(number, heed) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler or signal.SIG_DFL)  # none is known where another language set it


def fitting_show() -> Show:
    """Returns the live view where standard output is a terminal that has room for it, else plain lines."""
    if not sys.stdout.isatty():
        return PlainShow()
    from rich.console import Console

    from .view import LiveShow

    console = Console()
    has_room = console.width >= FEWEST_COLUMNS and console.height >= FEWEST_LINES
    is_able = not console.is_dumb_terminal and console.encoding.startswith("utf")
    return LiveShow(console) if has_room and is_able else PlainShow()


async def perform(scene: Scene, show: Show) -> None:
    """Starts the API, lets everything happen while it is shown, and judges it."""
    async with origin_process("gracy_transport.demo.api:make_origin") as origin:
        if scene.is_interrupted:
            raise KeyboardInterrupt
        scene.url = origin.url
        with show:
            async with anyio.create_task_group() as tasks:
                with anyio.CancelScope() as acts:
                    tasks.start_soon(stop_on_ctrl_c, scene, acts)
                    tasks.start_soon(stop_without_api, scene, origin, acts)
                    tasks.start_soon(animate, scene, show)
                    await play(scene, origin)
                scene.is_over = True
                tasks.cancel_scope.cancel()
        if scene.is_api_gone:
            raise APIGoneError(origin)
        is_complete = not scene.is_interrupted
        scene.findings = judge(scene.board, RULES, SLOTS, await arrivals(origin), is_complete=is_complete)


async def play(scene: Scene, origin: OriginProcess) -> None:
    """Makes the calls: first without the stack, then with it, all three ways at once."""
    scene.phase = "without the stack"
    try:
        await begin_script(origin, scene.seed)
        await ask_naively(origin.url, scene.plan.naive, scene.naive)
        await begin_script(origin, scene.seed)
    except (httpx.TransportError, OSError):
        scene.is_api_gone = True
        return
    scene.phase = "with the stack"
    scene.board.start()
    try:
        async with anyio.create_task_group() as tasks:
            for way in (run_attached, run_declared, run_alone):
                tasks.start_soon(way, origin.url, scene.plan, scene.board)
    finally:
        scene.board.stop()


async def begin_script(origin: OriginProcess, seed: int) -> None:
    """Lets the API begin its script of faults anew, and its books."""
    # Whoever has set a proxy for the whole machine does not mean it for this API.
    async with httpx.AsyncClient(base_url=origin.url, trust_env=False) as client:
        response = await client.put(SCRIPT, params={"seed": seed})
        response.raise_for_status()
    await run_sync(origin.clear)


async def animate(scene: Scene, show: Show) -> None:
    """Shows how things are, again and again."""
    while True:
        show.frame(scene)
        await anyio.sleep(FRAME)


async def stop_on_ctrl_c(scene: Scene, acts: anyio.CancelScope) -> None:
    """Ends the acts when Ctrl-C came, so that what was measured can be shown."""
    while True:
        if scene.is_interrupted:
            acts.cancel()
        await anyio.sleep(FRAME)


async def stop_without_api(scene: Scene, origin: OriginProcess, acts: anyio.CancelScope) -> None:
    """Ends the acts when the process of the API has ended: nothing that is still to come can be answered."""
    while True:
        if origin.status is not None:
            scene.is_api_gone = True
            acts.cancel()
        await anyio.sleep(FRAME)


async def arrivals(origin: OriginProcess) -> Instants:
    """Returns what the API saw."""
    try:
        seen = await run_sync(origin.visits)
    except OSError as error:
        raise APIGoneError(origin) from error
    return [(each.arrived, f"{origin.url}{each.target.partition('?')[0]}") for each in seen]
