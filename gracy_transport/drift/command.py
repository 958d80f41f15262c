"""The command `drift`: asks a live API again, gently, with credentials from the environment."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import anyio
import httpx

from ..config import GracyConfig
from ..conversion.sources import Kind, kind_of, storage_of
from ..exceptions import UnreadableRecording
from ..formats import read_cassette, read_har
from ..header_names import is_header_name
from ..redaction import printable
from ..replay.memory import MemoryReplayStorage
from ..replay.shapes import shaped_in
from ..replay.storage import RecordingStorage
from ..retry import GracefulRetry
from ..secret_names import is_secret_header, is_secret_name
from ..stack import attach
from ..throttle import ThrottleRule
from .asking import SAFE, find_drift
from .report import Drift

__all__ = ["Plan", "Wrong", "drift", "header_in", "parameter_in"]

_FROM_ENVIRONMENT: Final = re.compile(r"\benv:([A-Za-z_]\w*)")
_UNUSABLE: Final = 2


class Wrong(ValueError):
    """What was given on the command line cannot be used; the message holds no secret."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked, and how.

    Attributes:
        headers, params: what is added to requests.
        base_url: where to ask; the hosts that were recorded unless given.
        rate: requests per second.
        methods: which requests are asked again.
    """

    headers: Sequence[tuple[str, str]] = ()
    params: Sequence[tuple[str, str]] = ()
    base_url: str | None = None
    rate: float = 2.0
    methods: Sequence[str] = field(default=SAFE)


def header_in(text: str, environment: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """Returns name and value of a header given as `NAME: VALUE`, with `env:VARIABLE` replaced by what that holds.

    Raises:
        Wrong: when it is none, when a variable is not set, or when a secret is given in clear.
    """
    name, colon, value = map(str.strip, text.partition(":"))
    if not colon or not name or not value:
        raise Wrong("that is no header: give NAME: VALUE, as 'Authorization: Bearer env:TOKEN'")
    if not is_header_name(name):
        raise Wrong("no header can have that name: give one of letters, digits and hyphens")
    filled = _filled(name, value, environment, is_secret=is_secret_header(name))
    if not (filled.isascii() and filled.isprintable()):
        raise Wrong(f"a header cannot hold what {name} is to be: give one line of printable ASCII")
    return name, filled


def parameter_in(text: str, environment: Mapping[str, str] = os.environ) -> tuple[str, str]:
    """Returns name and value of a parameter given as `NAME=VALUE`, as `header_in` does.

    Raises:
        Wrong: as `header_in`.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise Wrong("that is no parameter: give NAME=VALUE, as 'api_key=env:KEY'")
    return name.strip(), _filled(name.strip(), value.strip(), environment, is_secret=is_secret_name(name))


def drift(path: Path, plan: Plan) -> int:
    """Asks again what was recorded in a file, prints what changed, and returns the exit status."""
    try:
        storage = _storage_of(path)
        found = anyio.run(_find, storage, plan)
    except UnreadableRecording as problem:
        return _refuse(str(problem))
    except OSError as problem:
        return _refuse(f"{path} cannot be read ({problem.strerror}): check its name and permissions")
    if sys.stdout.isatty():
        from rich.console import Console

        Console().print(found)
    else:
        print(found)
    return found.exit_status


async def _find(storage: RecordingStorage, plan: Plan) -> Drift:
    async with httpx.AsyncClient(headers=list(plan.headers), params=list(plan.params)) as client:
        throttling = ThrottleRule(".*", 1, per_time=1 / plan.rate)
        retry = GracefulRetry(delay=1, max_attempts=2, retry_on={429, 503})
        attach(client, GracyConfig(throttling=throttling, retry=retry))
        return await find_drift(storage, client, methods=plan.methods, base_url=plan.base_url)


def _storage_of(path: Path) -> RecordingStorage:
    kind = kind_of(path)
    if kind is None:
        raise UnreadableRecording(
            f"{path} is nothing that recordings are read from: give a file, or the folder that its .jsonl files are in"
        )
    if kind is Kind.ORIGINAL:
        raise UnreadableRecording(f"{path} is {kind.value}: convert it first (convert-recordings OLD NEW)")
    if kind in {Kind.HAR, Kind.CASSETTE}:
        return MemoryReplayStorage(read_har(path) if kind is Kind.HAR else read_cassette(path))
    return storage_of(path, kind)


def _filled(name: str, value: str, environment: Mapping[str, str], *, is_secret: bool) -> str:
    variables = _FROM_ENVIRONMENT.findall(value)
    if (is_secret and not variables) or next(shaped_in(value), None) is not None:
        raise Wrong(f"a secret in {name} would be seen by others: put it into a variable, and give env:VARIABLE here")
    for variable in variables:
        if not environment.get(variable):
            raise Wrong(f"the environment variable {variable} is not set")
    return _FROM_ENVIRONMENT.sub(lambda found: environment[found[1]].strip(), value)


def _refuse(why: str) -> int:
    print(printable(f"nothing was asked: {why}"), file=sys.stderr)
    return _UNUSABLE
