"""The demo as a whole: with real processes, real sockets and real time, three runs side by side."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from io import StringIO
from time import monotonic
from typing import Any

import anyio
import pytest

from gracy_transport.__main__ import main
from gracy_transport.admission import Gate
from gracy_transport.demo import run
from gracy_transport.demo.lines import PlainShow
from gracy_transport.demo.run import APIGoneError, arrivals, fitting_show, heeding_ctrl_c, run_demo, stop_on_ctrl_c
from gracy_transport.demo.scene import Scene
from gracy_transport.demo.view import LiveShow
from gracy_transport.testing.origin import OriginProcess, origin_process

NOWHERE = "http://127.0.0.1:1"
"""Where nobody listens."""


@dataclass
class Ended:
    """What a run left."""

    status: int | None
    out: str
    errors: str = ""


@dataclass
class Runs:
    """A run as it is, one with the gates of the library broken open, and one that was interrupted."""

    kept: Ended
    broken: Ended
    interrupted: Ended


@pytest.fixture(scope="module")
def runs() -> Iterator[Runs]:
    """Lets all three happen at the same time."""
    with started("2") as kept, started("600") as interrupted:
        try:
            broken = run_with_open_gates()
            seen = until(interrupted, "with the stack")
            press_ctrl_c_to_the_end(interrupted)
            yield Runs(ended(kept), broken, ended(interrupted, seen))
        finally:
            kept.kill()
            interrupted.kill()


def started(seconds: str) -> subprocess.Popen[str]:
    """Starts a run in the background, on a machine with a proxy that is for other addresses."""
    command = [sys.executable, "-W", "error", "-m", "gracy_transport", "demo", "--seconds", seconds]
    environment = {**os.environ, "http_proxy": NOWHERE, "HTTP_PROXY": NOWHERE, "ALL_PROXY": NOWHERE}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def until(child: subprocess.Popen[str], words: str) -> str:
    """Returns the output up to the line that holds these words."""
    assert child.stdout is not None
    lines: list[str] = []
    while not lines or words not in lines[-1]:
        lines.append(child.stdout.readline())
        assert lines[-1], f"the output ended before: {''.join(lines)}{child.communicate()}"
    return "".join(lines)


def press_ctrl_c_to_the_end(child: subprocess.Popen[str]) -> None:
    """Interrupts a run again and again, as the impatient do."""
    until = monotonic() + 60
    while child.poll() is None:
        assert monotonic() < until, "it runs on however often it is interrupted"
        child.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            child.wait(0.01)


def ended(child: subprocess.Popen[str], seen: str = "") -> Ended:
    """Waits for the end of a run."""
    out, errors = child.communicate(timeout=60)
    return Ended(child.returncode, seen + out, errors)


def run_with_open_gates() -> Ended:
    """Runs the demo here, with gates that let everything through at once."""
    out = StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out):
        patch.setattr(Gate, "has_room", lambda _gate, _now, _spared=0: True)
        status = main(["demo", "--seconds", "2"])
    return Ended(status, out.getvalue())


def test_a_run_keeps_its_promises_and_ends_with_0(runs: Runs) -> None:
    """Everything was answered, nothing is on the error output."""
    assert (runs.kept.status, runs.kept.errors) == (0, "")
    *_, calls, verdict = runs.kept.out.splitlines()
    asked, answered = calls.split()[0], calls.split()[4]
    assert asked == answered
    assert "0 wrong, 0 lost" in calls
    assert verdict == "Every promise was kept."
    assert "BROKEN" not in runs.kept.out
    assert re.search(
        r"\nkept   at most 50 per second \(/elements/{SYMBOL}\): [0-9]+, at the server [0-9]+\n", runs.kept.out
    )


def test_a_broken_promise_is_named_and_ends_with_1(runs: Runs) -> None:
    """A library whose limits do not hold is found out; its calls are answered all the same, by retrying."""
    assert runs.broken.status == 1
    *_, calls, verdict = runs.broken.out.splitlines()
    assert verdict.startswith("BROKEN: ")
    assert "at most 12 in flight (/elements/{SYMBOL})" in verdict
    assert "\nBROKEN at most 12 in flight (/elements/{SYMBOL}): " in runs.broken.out
    assert "lost" not in verdict
    assert "0 wrong, 0 lost" in calls


def test_ctrl_c_ends_quietly_with_what_was_measured(runs: Runs) -> None:
    """No traceback, however often it is pressed; what the API saw is told too, since Ctrl-C does not reach it."""
    assert (runs.interrupted.status, runs.interrupted.errors) == (130, "")
    *_, calls, verdict = runs.interrupted.out.splitlines()
    assert "0 lost" in calls
    assert "not waited for" in calls
    assert verdict == "Interrupted. Every promise was kept until then."
    assert "at the server" in runs.interrupted.out


@pytest.mark.anyio
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_ctrl_c_and_a_polite_end_stop_the_acts(number: signal.Signals) -> None:
    """And only them: the end is shown, and the terminal is given back."""
    scene = Scene.of(2.0, 7)
    with heeding_ctrl_c(scene):
        async with anyio.create_task_group() as tasks:
            with anyio.CancelScope() as acts:
                tasks.start_soon(stop_on_ctrl_c, scene, acts)
                os.kill(os.getpid(), number)
                await anyio.sleep_forever()
            tasks.cancel_scope.cancel()
    assert scene.is_interrupted


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_changes_nothing_once_the_calls_have_ended(number: signal.Signals) -> None:
    """What was complete stays so, and afterwards signals do what they did before."""
    scene, before = Scene.of(2.0, 7), signal.getsignal(number)
    with heeding_ctrl_c(scene):
        scene.is_over = True
        os.kill(os.getpid(), number)
    assert (scene.is_interrupted, signal.getsignal(number)) == (False, before)


@pytest.mark.parametrize("act", ["ask_naively", "run_attached"])
def test_an_api_that_dies_ends_the_run_with_one_sentence(
    act: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the stack and with it: at once, not after all retries, and the status says that nothing was shown."""
    origins: list[OriginProcess] = []

    def start(factory: str) -> OriginProcess:
        origins.append(origin_process(factory))
        return origins[0]

    async def nothing(*_: object) -> None:
        pass

    async def kill(*_: object) -> None:
        assert origins[0]._child is not None
        origins[0]._child.kill()

    monkeypatch.setattr(run, "origin_process", start)
    monkeypatch.setattr(run, "ask_naively", nothing)
    monkeypatch.setattr(run, act, kill)
    assert run_demo(2.0, 7, plain=True) == 1
    said = f"The API of the demo ended with status {-signal.SIGKILL} before its time, so nothing was judged"
    assert capsys.readouterr().err == f"{said}: run it again.\n"


@pytest.mark.anyio
async def test_an_api_that_cannot_be_asked_what_it_saw_is_gone() -> None:
    """There is nothing to compare with then."""
    async with origin_process("gracy_transport.demo.api:make_origin") as origin:
        assert await arrivals(origin) == []
        origin.url = NOWHERE
        with pytest.raises(APIGoneError, match="cannot be reached, so nothing was judged"):
            await arrivals(origin)


def raising(error: BaseException) -> Any:
    async def perform(*_: object) -> None:
        raise error

    return perform


def test_an_interruption_too_early_leaves_nothing_to_show(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The API has not even started; the status says it."""

    def start(factory: str) -> OriginProcess:
        os.kill(os.getpid(), signal.SIGINT)
        return origin_process(factory)

    monkeypatch.setattr(run, "origin_process", start)
    assert main(["demo", "--plain"]) == 130
    assert capsys.readouterr() == ("", "")


def test_an_api_that_does_not_start_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the reason."""
    monkeypatch.setattr(run, "perform", raising(RuntimeError("no free port")))
    assert run_demo(2.0, 7, plain=True) == 1
    assert capsys.readouterr().err == "The API of the demo did not start: no free port\n"


class Terminal(StringIO):
    """Standard output that is a terminal."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("size", "term", "encoding", "kind"),
    [
        ((80, 24), "xterm-256color", "utf-8", LiveShow),
        ((160, 45), "xterm", "UTF-8", LiveShow),
        ((79, 24), "xterm", "utf-8", PlainShow),
        ((80, 21), "xterm", "utf-8", PlainShow),
        ((80, 24), "dumb", "utf-8", PlainShow),
        ((80, 24), "xterm", "ascii", PlainShow),
    ],
)
def test_the_live_view_is_for_terminals_that_can_show_it(
    monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], term: str, encoding: str, kind: type
) -> None:
    """All others get plain lines."""
    terminal = Terminal()
    monkeypatch.setattr(Terminal, "encoding", encoding)
    monkeypatch.setattr(sys, "stdout", terminal)
    for name, value in {"COLUMNS": str(size[0]), "LINES": str(size[1]), "TERM": term}.items():
        monkeypatch.setenv(name, value)
    assert type(fitting_show()) is kind


def test_what_is_no_terminal_gets_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe or a file."""
    monkeypatch.setattr(sys, "stdout", StringIO())
    assert type(fitting_show()) is PlainShow


def test_an_error_of_the_demo_itself_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once the API is there, a RuntimeError is a mistake of ours."""

    async def perform(scene: Scene, _show: object) -> None:
        scene.url = "http://127.0.0.1:1"
        raise RuntimeError("a mistake")

    monkeypatch.setattr(run, "perform", perform)
    with pytest.raises(RuntimeError, match="a mistake"):
        run_demo(2.0, 7, plain=True)
