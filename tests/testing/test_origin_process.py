"""An origin in a process of its own."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import anyio
import httpx
import pytest

from gracy_transport.testing.origin import Arrival, Origin, OriginProcess, Reply, origin_process
from gracy_transport.testing.origin.__main__ import load
from tests.support import heed_interrupts

HERE = str(Path(__file__))


def scripted() -> Origin:
    """Return a scripted origin, and print, which must not disturb."""
    print("scripted")  # noqa: T201
    origin = Origin()
    origin.on("/a").reply(Reply(503), Reply(text="a"))
    return origin


def wrong() -> str:
    """Return what is no origin."""
    return "wrong"


def failing() -> Origin:
    """Return an origin whose handler fails."""
    origin = Origin()
    origin.on("/").handle(lambda _: Reply(1 // 0))
    return origin


@pytest.mark.anyio
async def test_another_process_serves_and_tells(anyio_backend_name: str) -> None:
    """The URL, the log and the counts of the child are at hand, and the child ends with the block."""
    began = time.monotonic()
    async with origin_process(f"{HERE}:scripted", backend=anyio_backend_name) as remote:
        async with httpx.AsyncClient(base_url=remote.url, verify=False) as client:
            assert [(await client.get("/a")).status_code for _ in range(2)] == [503, 200]
        first, second = remote.visits()
        assert isinstance(first, Arrival)
        assert first[1:] == ("GET", "/a", 503)
        if sys.platform == "linux":
            assert began < first.arrived < second.arrived < time.monotonic()
        assert remote.summary()["visits"] == 2
        remote.clear()
        assert remote.visits() == []
        before = remote.status
    assert (before, remote.status) == (None, 0)
    with pytest.raises(RuntimeError, match="is not running"):
        remote.visits()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other groups")
def test_ctrl_c_is_not_for_the_child() -> None:
    """A terminal sends it to a whole group of processes; while it still imports, it would print a traceback."""
    with origin_process(f"{HERE}:scripted") as remote:
        assert remote._child is not None
        assert os.getpgid(remote._child.pid) != os.getpgrp()


def test_a_factory_that_makes_no_origin_is_named() -> None:
    """The error of the child reaches the parent in one line."""
    with pytest.raises(RuntimeError, match=r"did not start: TypeError: .*let it return an Origin"):
        origin_process(f"{HERE}:wrong").__enter__()


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_port_that_is_taken_is_one_sentence(backend: str, capfd: pytest.CaptureFixture[str]) -> None:
    """With the reason, and no traceback of the child's."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(RuntimeError, match=rf"did not start: port {port} of 127\.0\.0\.1 cannot be used: "):
            origin_process(f"{HERE}:scripted", port=port, backend=backend).__enter__()
    assert capfd.readouterr().err == "scripted\n"


def test_a_child_that_takes_too_long_is_killed() -> None:
    """The error names the option."""
    with pytest.raises(RuntimeError, match=r"did not start: not within timeout=0\.001 s"):
        origin_process(f"{HERE}:scripted", timeout=0.001).__enter__()


def test_an_error_of_the_script_in_the_child_is_an_error_here() -> None:
    """A handler that raised in the child does not pass unseen."""
    with (
        pytest.raises(RuntimeError, match="ended with status 1"),
        origin_process(f"{HERE}:failing") as remote,
    ):
        _get(remote)


def test_the_child_ends_when_its_parent_dies() -> None:
    """The end of its standard input, which a killed parent leaves behind, ends the child."""
    command = [sys.executable, "-m", "gracy_transport.testing.origin", f"{HERE}:scripted", "--until-eof"]
    path = {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=path, text=True) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stdout.readline().startswith("http://127.0.0.1:")
        child.stdin.close()
        assert child.wait(5) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signal for one process")
def test_an_interrupt_ends_the_command_quietly() -> None:
    """Ctrl-C is the way to end an origin that a person started."""
    command = [sys.executable, "-m", "gracy_transport.testing.origin", f"{HERE}:scripted"]
    pipe, path = subprocess.PIPE, {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        command,
        stdout=pipe,
        stderr=pipe,
        env=path,
        text=True,
        preexec_fn=heed_interrupts,  # noqa: PLW1509 - it sets one signal and takes no lock
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline().startswith("http://127.0.0.1:")
        child.send_signal(signal.SIGINT)
        try:
            assert child.wait(5) == 130
        finally:
            child.kill()
        assert child.stderr.read() == "scripted\n"


@pytest.mark.anyio
async def test_a_start_that_is_cancelled_leaves_no_child() -> None:
    """A cancelled caller waits for the child to end; a child left behind would be a ResourceWarning."""
    remote = origin_process(f"{HERE}:scripted")
    with anyio.move_on_after(0.001) as scope:
        async with remote:
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    with pytest.raises(RuntimeError, match="is not running"):
        remote.clear()
    gc.collect()


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_native_timeout_at_the_start_leaves_no_child() -> None:
    """Neither does a cancellation of asyncio's own, which no thread can hold off."""
    remote = origin_process(f"{HERE}:scripted")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.001), remote:
            await asyncio.Event().wait()
    with pytest.raises(RuntimeError, match="is not running"):
        remote.clear()
    gc.collect()


def test_a_function_is_named_by_its_module() -> None:
    """Only a function that another process can import will do."""
    assert origin_process(scripted).factory == f"{__name__}:scripted"
    with pytest.raises(ValueError, match="give a function of a module"):
        origin_process(lambda: Origin(port=1))


def test_a_factory_is_found_in_a_module_or_in_a_file() -> None:
    """Both forms of the name make an origin."""
    assert isinstance(load(f"{HERE}:scripted"), Origin)
    assert isinstance(load("gracy_transport.testing.origin:Origin"), Origin)


def _get(remote: OriginProcess) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(remote.url)
    caught.value.close()
