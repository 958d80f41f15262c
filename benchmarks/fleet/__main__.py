"""Lets fleets of processes share limits while things go wrong: `python -m benchmarks.fleet [--help]`.

Each row of the table is one fleet: so many processes, one real server for the limits, one origin of its own. What it
did is judged from the journals of the processes, whose clock is one. It ends with 1 when a promise was broken.

Whether a limit is used to 95 % says something only where there is processor time left: the load stands in the title,
and with `--light` requests end in the process itself, so that there is more of it. `--exact` leaves that out, and
shares: what is left holds on any machine.
"""

from __future__ import annotations

import argparse
import math
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from typing import Any, Final, NamedTuple

from rich.console import Console
from rich.table import Table

from gracy_transport.testing.origin import origin_process

from .crew import crew
from .judge import Findings, Limits, busiest_window, find
from .keys import keys
from .proxy import slow_network
from .server import server
from .troubles import TROUBLES, TWICE, Scene, Trouble

ORIGIN: Final = "benchmarks.fleet.origin:make"
LIMITS: Final = {
    "rate": Limits(limit=60, period=1.0),
    "fast": Limits(limit=1000, period=1.0),
    "slots": Limits(slots=6),
}
FEWEST_TRIPS: Final = 0.2
"""Round trips for a request, at most, where many are sent in a second."""
FAST: Final = 500
"""What counts as many."""
OVERTAKEN: Final = 0.05
"""The part that may be overtaken: whose event loop is too busy to use a permit in time asks again."""


class Trial(NamedTuple):
    """What is to be tried: with which limits, what happens, to how many processes."""

    kind: str
    trouble: Trouble
    processes: int

    @property
    def limits(self) -> Limits:
        """The limits in figures."""
        return LIMITS[self.kind]


class Seen(NamedTuple):
    """What came of it.

    Attributes:
        found: what the journals say.
        arrived: the most that reached the origin within a window. `peak`: the most that were there at once.
    """

    found: Findings
    arrived: int | None
    peak: int


def main(arguments: Sequence[str] | None = None) -> int:
    """Lets them work, prints what came of it, and returns the exit status."""
    options = parsed(arguments)
    console = Console(width=None if sys.stdout.isatty() else 180)
    title = f"Limits shared by processes (load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors)"
    table = Table(title=title, title_justify="left")
    for heading in ("", "trouble", "processes", "sent", "window", "arrived", "late", "slots", "used", "least share"):
        table.add_column(heading, justify="right" if heading not in {"", "trouble"} else "left")
    for heading in ("overtaken", "round trips", "away, lost, failed", "promise"):
        table.add_column(heading, justify="right")
    broken = 0
    for trial in trials(options):
        seen = run(trial, options)
        complaints = list(complaints_about(trial, seen, is_exact=options.exact))
        broken += bool(complaints)
        row = *cells(trial, seen), "[red]" + "; ".join(complaints) + "[/]"
        console.print("[dim]" + " | ".join(row) + "[/]")
        table.add_row(*row)
    console.print(table)
    if options.keys:
        complaints = keys(options.keys, console)
        broken += bool(complaints)
    return 1 if broken else 0


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fleet", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="for each row; 10 unless given")
    parser.add_argument("--processes", type=int, nargs="+", default=[2, 4, 8], metavar="K", help="2 4 8 unless given")
    parser.add_argument("--kinds", nargs="+", choices=list(LIMITS), default=list(LIMITS), help="of limits; all")
    parser.add_argument("--only", default="", metavar="WORD", help="troubles with this in their name")
    parser.add_argument("--light", action="store_true", help="no origin: requests end in the process")
    parser.add_argument("--exact", action="store_true", help="judge no rates: for a machine that has other work")
    parser.add_argument("--timeout", type=float, default=0.1, help="seconds for a command; 0.1 unless given")
    parser.add_argument("--keys", type=int, default=100_000, metavar="N", help="keys of a rule; 100,000, 0 for none")
    return parser.parse_args(arguments)


def trials(options: argparse.Namespace) -> Iterator[Trial]:
    """Yields what is to be tried."""
    for kind in options.kinds:
        for trouble in TROUBLES:
            is_meant = ("slots" if kind == "slots" else "rate") in trouble.kinds and options.only in trouble.name
            # What happens at a high rate is the same; there it is the number of round trips that is of interest.
            if is_meant and (kind != "fast" or trouble.is_fair):
                yield from (Trial(kind, trouble, count) for count in options.processes)


def run(trial: Trial, options: argparse.Namespace) -> Seen:
    """Lets a fleet work."""
    _kind, trouble, count = trial
    limits = trial.limits
    with ExitStack() as stack:
        shared = stack.enter_context(server(is_kept=trouble.is_kept))
        url = shared.url
        if trouble.delay:
            url = stack.enter_context(slow_network(shared.host, shared.port, trouble.delay))
        is_light = options.light or limits.limit >= FAST or trouble.job.get("origin") == ""
        origin = None if is_light else stack.enter_context(origin_process(ORIGIN))
        place = {"origin": origin.url if origin else "", "server": url, "timeout": options.timeout}
        fleet = stack.enter_context(crew(count, **{**job_of(limits, count), **place, **trouble.job}))
        first = list(fleet.members)
        for number in range(trouble.spares):
            fleet.prepare(f"q{number}")
        since = fleet.begin(*first)
        trouble.happen(Scene(fleet, shared, options.seconds))
        until = time.monotonic()
        fleet.end()
        journals = fleet.journals()
        arrivals = [visit.arrived for visit in origin.visits()] if origin else []
        peak = int(origin.summary()["peak_in_flight"]) if origin else 0
    undisturbed = set(first) - fleet.disturbed
    found = find(journals, limits, since, until, undisturbed=undisturbed, killed=fleet.killed)
    return Seen(found, busiest_window(arrivals, limits.period)[0] if arrivals and limits.limit else None, peak)


def job_of(limits: Limits, count: int) -> dict[str, Any]:
    """Returns what each of so many processes has to do: enough to want more than its share."""
    wanted = 2 * limits.limit // count if limits.limit else 2 * limits.slots
    return {
        "namespace": "fleet",
        "limit": limits.limit,
        "period": limits.period,
        "slots": limits.slots,
        "hold": 0.03 if limits.slots else 0.0,
        "tasks": max(5, wanted),
        "processes": count,
    }


def complaints_about(trial: Trial, seen: Seen, *, is_exact: bool) -> Iterable[str]:
    """Yields which promises were broken, in words."""
    limits, trouble, found = trial.limits, trial.trouble, seen.found
    # Where a command took too long, each process went by its own share: that is another promise.
    most = math.inf if trouble.is_open else TWICE if found.outages else trouble.most
    if limits.limit and found.busiest > most * limits.limit:
        yield f"{found.busiest} of {limits.limit} in the window at {found.busiest_at:.3f} s"
    in_flight = max(found.most_slots, seen.peak)
    if limits.slots and in_flight > most * limits.slots:
        yield f"{in_flight} in flight, of {limits.slots}"
    if found.failed:
        yield f"failed: {dict(found.failed)}"
    if is_exact:
        return
    if trouble.is_fair and found.overtaken > OVERTAKEN * found.sent:
        yield f"{found.overtaken} overtook"
    if found.used < trouble.least_used:
        yield f"only {found.used:.0%} used"
    if trouble.is_fair and found.least_share < 0.5:
        yield f"one got {found.least_share:.0%} of its share"
    if limits.limit >= FAST and found.trips > FEWEST_TRIPS:
        yield f"{found.trips:.2f} round trips for a request"


def cells(trial: Trial, seen: Seen) -> list[str]:
    """Returns the cells of a row, but for the last."""
    limits, trouble, found = trial.limits, trial.trouble, seen.found
    return [
        f"{limits.limit} in {limits.period:g} s" if limits.limit else f"{limits.slots} slots",
        trouble.name,
        str(trial.processes),
        str(found.sent),
        str(found.busiest) if limits.limit else "",
        "" if seen.arrived is None else str(seen.arrived),
        str(found.late) if limits.limit else "",
        str(max(found.most_slots, seen.peak)) if limits.slots else "",
        f"{found.used:.1%}",
        f"{found.least_share:.2f}" if trouble.is_fair else "",
        str(found.overtaken),
        f"{found.trips:.2f}",
        f"{found.outages}, {found.lost}, {sum(found.failed.values())}",
    ]


if __name__ == "__main__":
    sys.exit(main())
