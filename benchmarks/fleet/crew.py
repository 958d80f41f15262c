"""A fleet: processes that are started, killed, stopped and continued, and a server that is."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .judge import Entry, read
from .work import Job

__all__ = ["Crew", "crew"]

START_SECONDS = 30.0


class Crew:
    """Processes that do one job."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.members: dict[str, subprocess.Popen[bytes]] = {}

    def start(self, name: str, **changes: object) -> None:
        """Starts one more process; it may differ in some of the job's fields."""
        job = Job(**{**self.job.__dict__, **changes})
        command = [sys.executable, "-m", "benchmarks.fleet.work", job.written(), name]
        self.members[name] = subprocess.Popen(command, stdin=subprocess.PIPE)

    def await_ready(self) -> float:
        """Waits until all processes are at work; returns when."""
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            journals = self.journals()
            if all(journals.get(name) for name in self.members):
                return time.monotonic()
            time.sleep(0.02)
        raise TimeoutError("the processes of the fleet did not start")

    def signal(self, name: str, number: int) -> None:
        """Sends a signal to a process."""
        os.kill(self.members[name].pid, number)

    def kill(self, name: str) -> None:
        """Kills a process at once."""
        self.members[name].kill()
        self.members[name].wait()

    def freeze(self, name: str) -> None:
        """Stops a process in the middle of whatever it does."""
        self.signal(name, signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Lets it go on."""
        self.signal(name, signal.SIGCONT)

    def end(self) -> None:
        """Lets all processes end as they should, and kills those that do not."""
        for member in self.members.values():
            if member.poll() is None and member.stdin is not None:
                member.stdin.close()
        for member in self.members.values():
            try:
                member.wait(10)
            except subprocess.TimeoutExpired:
                member.kill()
                member.wait()

    def journals(self) -> dict[str, list[Entry]]:
        """Returns what the processes wrote down up to now."""
        return read(Path(self.job.log))


@contextmanager
def crew(count: int, **job: object) -> Iterator[Crew]:
    """Gives a fleet of so many processes at work; `job` says what they do."""
    with tempfile.TemporaryDirectory() as folder:
        fleet = Crew(Job(**job, log=folder))  # type: ignore[arg-type]  # the fields of a job
        try:
            for number in range(count):
                fleet.start(f"p{number}")
            fleet.await_ready()
            yield fleet
        finally:
            for name in fleet.members:
                fleet.thaw(name) if fleet.members[name].poll() is None else None
            fleet.end()
