"""The command line: `python -m gracy_transport`."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from .conversion.servers import Address

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]  # pyright: ignore[reportPrivateUsage] # noqa: SLF001 - it has no public name

SHORTEST: Final = 2.0
LONGEST: Final = 600.0

SLOWEST: Final = 0.01
FASTEST: Final = 1000.0

INTERRUPTED: Final = 130
"""The status of a command that Ctrl-C ended, as a shell has it for SIGINT."""

NOBODY_READS: Final = 141
"""The status of a command whose output was closed, as a shell has it for SIGPIPE."""


def demo(commands: Commands) -> None:
    """Adds the command `demo`."""
    parser = commands.add_parser(
        "demo",
        help="tame a flaky API on a loopback socket before your eyes",
        description="Starts a flaky, rate-limited API on a loopback socket and tames it in three ways at once. Ends "
        "with 0 when every promise was kept, with 1 when one was broken.",
    )
    parser.add_argument("--seconds", type=_seconds, default=15.0, help="about how long it is to take (default: 15)")
    parser.add_argument("--seed", type=int, default=7, help="which script of faults the API plays (default: 7)")
    parser.add_argument("--plain", action="store_true", help="print plain lines, also in a terminal")
    parser.set_defaults(run=_run_demo)


def _run_demo(options: argparse.Namespace) -> int:
    from .demo import run_demo

    return run_demo(options.seconds, options.seed, plain=options.plain)


def convert_recordings(commands: Commands) -> None:
    """Adds the command `convert-recordings`."""
    parser = commands.add_parser(
        "convert-recordings",
        help="make recordings of one kind into another: of the original gracy, SQLite, JSON lines, HAR, vcrpy, Redis",
        description="Reads recordings and writes them as another kind. OLD is a SQLite file of the original gracy or "
        "of gracy_transport, JSON lines (a file or a directory of them), a HAR as browsers and Playwright save it, a "
        "cassette of vcrpy in JSON or YAML (which needs gracy-transport[yaml]); what stands in it tells which. NEW "
        "is written as its name says: .sqlite3, .jsonl, .har, or a directory of JSON lines when it has no ending. Both "
        "may be on a server of Redis or Valkey (which needs gracy-transport[redis]): the URL that RedisReplayStorage "
        "takes, with the namespace at its end, as redis://host/0?namespace=pokeapi. What comes from elsewhere is "
        "written without the secrets in it. The old recordings are not changed. It never executes anything "
        "from the recording: pickles are read as data by a process of their own, YAML without objects, and what is no "
        "part of a recording is refused. Says for each one that cannot be converted why. Ends with 0 when all were "
        "converted, with 1 when some could not be, with 2 when nothing was done.",
    )
    parser.add_argument("old", type=_address, metavar="OLD", help="the file, directory or URL with the recordings")
    parser.add_argument("new", type=_address, metavar="NEW", help="what to make; not there yet, or an empty namespace")
    parser.add_argument(
        "--match-on",
        type=_parts,
        metavar="PARTS",
        help="by which parts of a request the new recordings are looked up, as method,path,query; give GracyReplay the "
        "same match_on. By what the old ones are unless given",
    )
    parser.set_defaults(run=_run_convert_recordings)


def _address(text: str) -> Address:
    from .conversion.servers import address_in

    try:
        return address_in(text)
    except (ImportError, ValueError) as problem:
        raise argparse.ArgumentTypeError(str(problem)) from problem


def _run_convert_recordings(options: argparse.Namespace) -> int:
    from .conversion import convert_recordings as convert

    return convert(options.old, options.new, match_on=options.match_on)


def check_recordings(commands: Commands) -> None:
    """Adds the command `check-recordings`."""
    parser = commands.add_parser(
        "check-recordings",
        help="look in recordings for what looks like a secret that redaction missed",
        formatter_class=argparse.RawDescriptionHelpFormatter,  # what is to be copied must not be broken
        description="Looks in recordings (SQLite, JSON lines, HAR, cassettes of vcrpy, those of the original\n"
        "gracy) and in any other text file for what looks like a secret: tokens of known shapes\n"
        "(GitHub, Slack, Stripe, OpenAI, AWS, Google, JWT and others), private keys, Bearer and\n"
        "Basic credentials, userinfo in URLs, and long values under the name of a secret. Prints\n"
        "for each the file, the line or recording, where in it, the kind, and its first four\n"
        "characters at most. Ends with 0 when nothing was found, with 1 when something was, with\n"
        "2 when something could not be looked at.",
        epilog="As a hook of pre-commit, in .pre-commit-config.yaml:\n\n"
        "{repos: [{repo: local, hooks: [{id: check-recordings, name: secrets in recordings,\n"
        "entry: python -m gracy_transport check-recordings, language: system,\n"
        "files: 'recordings/|cassettes/|[.](jsonl|har|sqlite3)$'}]}]}",
    )
    parser.add_argument("paths", type=Path, nargs="+", metavar="PATH", help="a file, or a directory of them")
    parser.add_argument(
        "--allow",
        type=_pattern,
        action="append",
        default=[],
        metavar="PATTERN",
        help="a regular expression for false alarms, searched for in the value and in the line that is printed; may be "
        "given several times",
    )
    parser.set_defaults(run=_run_check_recordings)


def _run_check_recordings(options: argparse.Namespace) -> int:
    from .checking import check_recordings as check

    return check(options.paths, allow=options.allow)


def drift(commands: Commands) -> None:
    """Adds the command `drift`."""
    parser = commands.add_parser(
        "drift",
        help="ask a live API again what was recorded of it, and print what changed",
        description="Asks a live API again what was recorded of it (SQLite, JSON lines, HAR, a cassette of vcrpy) and "
        "prints what changed: the status, the shape of the JSON (types and fields, no values), and headers that matter "
        "(content type, caching, links, versions, deprecation, policies of rate limits). Requests go out one after the "
        "other at a gentle rate, and nothing is recorded. What is given by --header and --param goes only to hosts "
        "that something was recorded on with credentials, to the only host when there is just one, or to --base-url. "
        "What was redacted in a URL cannot be asked again unless --param gives it. Ends with 0 when nothing changed, "
        "with 1 when something did, with 2 when nothing could be asked.",
    )
    parser.add_argument("recordings", type=Path, metavar="RECORDINGS", help="the file or directory with the recordings")
    parser.add_argument(
        "--header",
        type=_header,
        action="append",
        default=[],
        metavar="'NAME: env:VARIABLE'",
        help="a header to send, as 'Authorization: Bearer env:TOKEN'; a secret only by the name of an environment "
        "variable; may be given several times",
    )
    parser.add_argument(
        "--param",
        type=_parameter,
        action="append",
        default=[],
        metavar="NAME=env:VARIABLE",
        help="a query parameter to send, as api_key=env:KEY; may be given several times",
    )
    parser.add_argument("--base-url", type=_url, metavar="URL", help="where to ask instead of the recorded hosts")
    parser.add_argument("--rate", type=_rate, default=2.0, metavar="N", help="requests per second at most (default: 2)")
    parser.add_argument(
        "--method", action="append", metavar="METHOD", help="what to ask again (default: GET and HEAD, which are safe)"
    )
    parser.set_defaults(run=_run_drift)


def _run_drift(options: argparse.Namespace) -> int:
    from .drift.command import Plan
    from .drift.command import drift as run

    plan = Plan(options.header, options.param, options.base_url, options.rate, options.method or Plan().methods)
    return run(options.recordings, plan)


def _header(text: str) -> tuple[str, str]:
    from .drift.command import header_in

    return _read(header_in, text)


def _parameter(text: str) -> tuple[str, str]:
    from .drift.command import parameter_in

    return _read(parameter_in, text)


def _read(read: Callable[[str], tuple[str, str]], text: str) -> tuple[str, str]:
    """Returns what a function makes of a text; argparse shows the reason of no other error than its own."""
    from .drift.command import Wrong

    try:
        return read(text)
    except Wrong as wrong:
        raise argparse.ArgumentTypeError(str(wrong)) from wrong


def _url(text: str) -> str:
    try:
        address = urlsplit(text)
        is_base = address.scheme in {"http", "https"} and bool(address.hostname) and address.port != 0
    except ValueError:  # for a port that cannot be, for instance
        is_base = False
    if not is_base or "@" in text or "?" in text:
        raise argparse.ArgumentTypeError("that is no base URL: give https://HOST, without a user and a query")
    return text


def _rate(text: str) -> float:
    return _between(SLOWEST, FASTEST, "requests per second", text)


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no regular expression ({error})") from error


def _parts(text: str) -> object:
    from .replay.matching import as_match_on

    try:
        return as_match_on([part.strip() for part in text.split(",")])
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _seconds(text: str) -> float:
    return _between(SHORTEST, LONGEST, "seconds", text)


def _between(lowest: float, highest: float, unit: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not lowest <= number <= highest:
        raise argparse.ArgumentTypeError(f"{text!r} is not between {lowest:g} and {highest:g} {unit}")
    return number


def _version() -> str:
    try:
        return version("gracy-transport")
    except PackageNotFoundError:
        return "of a source tree that is not installed"


COMMANDS: Final[tuple[Callable[[Commands], None], ...]] = (demo, convert_recordings, check_recordings, drift)
"""What there is; a new command is one more function that adds its parser, and sets `run` to what it does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line and returns its exit status; without a command it prints the help.

    Args:
        arguments: the words after the program's name; those of the process unless given.
    """
    parser = argparse.ArgumentParser(
        prog="python -m gracy_transport",
        description="Throttling, retries, validation, replay, logging and metrics for httpx and httpx2, as transports.",
    )
    parser.add_argument("--version", action="store_true", help="show the version and exit")
    commands = parser.add_subparsers(title="commands", metavar="")
    for add in COMMANDS:
        add(commands)
    options = parser.parse_args(arguments)
    if options.version:
        print(f"gracy_transport {_version()}")
        return 0
    run: Callable[[argparse.Namespace], int] | None = getattr(options, "run", None)
    if run is None:
        parser.print_help()
        return 0
    status = INTERRUPTED
    try:
        ended = run(options)
        sys.stdout.flush()  # what is written at the very end of a process finds nobody who could be told
        return ended
    except* BrokenPipeError:
        # Whoever read the output has gone, as `| head` does; what is still to be written goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = NOBODY_READS
    except* KeyboardInterrupt:
        pass
    return status


if __name__ == "__main__":
    result = main()
    # The interpreter only tidies up now: Ctrl-C, pressed again, would do no more than print a traceback.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(result)
