"""A fleet: processes that are started, killed, stopped and continued."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from .judge import Entry, read
from .work import Job

__all__ = ["Crew", "crew"]

START_SECONDS = 60.0
END_SECONDS = 20.0
FOLDER = Path(__file__).parents[2]


class Crew:
    """Processes that do one job.

    Attributes:
        said: the file of what they say on standard error.
        members: by their names. `disturbed`: the names of those that were killed or stopped, or came late.
        killed: when each of those was that were killed.
    """

    def __init__(self, job: Job) -> None:
        self.job = job
        self.said = Path(job.log).with_suffix(".said")
        self.members: dict[str, subprocess.Popen[bytes]] = {}
        self.disturbed: set[str] = set()
        self.killed: dict[str, float] = {}

    def prepare(self, name: str, **changes: Any) -> None:
        """Starts one more process, which waits for its sign; it may differ in some of the job's fields."""
        job = replace(self.job, **changes)
        command = [sys.executable, "-m", "benchmarks.fleet.work", job.written(), name]
        with self.said.open("ab") as said:
            self.members[name] = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=said, cwd=FOLDER)

    def begin(self, *names: str) -> float:
        """Lets processes begin once all of them are ready; returns when."""
        self._wait_for("ready", lambda: all(self.journals().get(name) for name in names))
        for name in names:
            pipe = self.members[name].stdin
            assert pipe is not None
            pipe.write(b"begin\n")
            pipe.flush()
        return time.monotonic()

    def until_sent(self) -> None:
        """Waits until one of the processes that began has sent a request."""
        self._wait_for("at work", lambda: self.count("in") > 0)

    def _wait_for(self, what: str, is_so: Callable[[], bool]) -> None:
        until = time.monotonic() + START_SECONDS
        while not is_so():
            if time.monotonic() > until:
                said = self.said.read_text("utf-8")[-1000:]
                raise TimeoutError(
                    f"of {', '.join(self.members)} too few were {what} within {START_SECONDS:g} s: {said}"
                )
            time.sleep(0.02)

    def kill(self, name: str) -> None:
        """Kills a process at once."""
        self.disturbed.add(name)
        member = self.members[name]
        member.kill()
        member.wait()
        self.killed[name] = time.monotonic()
        self._hang_up(member)

    def freeze(self, name: str) -> None:
        """Stops a process in the middle of whatever it does."""
        self.disturbed.add(name)
        os.kill(self.members[name].pid, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Lets it go on."""
        os.kill(self.members[name].pid, signal.SIGCONT)

    def end(self) -> None:
        """Lets all processes end as they should, and kills those that do not."""
        for name, member in self.members.items():
            if member.poll() is None:
                self.thaw(name)
            self._hang_up(member)
        until = time.monotonic() + END_SECONDS
        for member in self.members.values():
            try:
                member.wait(max(0.1, until - time.monotonic()))
            except subprocess.TimeoutExpired:
                member.kill()
                member.wait()

    @staticmethod
    def _hang_up(member: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(OSError):
            if member.stdin is not None:
                member.stdin.close()

    def count(self, word: str) -> int:
        """Returns how often something happened up to now, without a look at when and where."""
        start = f"\n{word} ".encode()  # the first line of each says that it is ready
        return sum(path.read_bytes().count(start) for path in Path(self.job.log).iterdir())

    def journals(self) -> dict[str, list[Entry]]:
        """Returns what the processes wrote down up to now."""
        return read(Path(self.job.log))


@contextmanager
def crew(count: int, **job: Any) -> Iterator[Crew]:
    """Gives a fleet of so many processes that wait for their sign; `job` says what they are to do.

    `skews` of the job are the clocks of the processes, in turn.
    """
    skews = job.pop("skews", (0.0,))
    with tempfile.TemporaryDirectory() as folder:
        journals = Path(folder, "journals")
        journals.mkdir()
        fleet = Crew(Job(**job, log=str(journals)))
        try:
            for number in range(count):
                fleet.prepare(f"p{number}", skew=skews[number % len(skews)])
            yield fleet
        finally:
            fleet.end()
