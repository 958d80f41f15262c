"""What a test wants recorded, and in which file: read from its marks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

__all__ = ["FOLDER", "Wish", "allowed_by", "file_name", "own_path", "wants_recording", "wish_of"]

FOLDER: Final = "recordings"
"""Beside a module of tests: where the recordings of its tests are."""
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.\[\]-]")
_LONGEST: Final = 100


@dataclass(frozen=True, slots=True)
class Wish:
    """What a test wants recorded.

    Attributes:
        path: the file.
        is_own: whether the file is of this test alone.
        hosts: patterns of the hosts whose answers are recorded; `None` for all but this machine.
        local: whether those of this machine are recorded too.
        options: further arguments of `GracyReplay`.
    """

    path: Path
    is_own: bool
    hosts: tuple[str, ...] | None
    local: bool
    options: Mapping[str, Any]


def wants_recording(item: pytest.Item) -> bool:
    """Tells whether a test has the marker, or asks for the fixture."""
    return item.get_closest_marker("recording") is not None or "recording" in getattr(item, "fixturenames", ())


def allowed_by(item: pytest.Item) -> list[str]:
    """Returns the hosts that a test without network may reach all the same.

    Raises:
        ValueError: when a marker says something else.
    """
    hosts: list[str] = []
    for mark in item.iter_markers("no_network"):
        others = [*map(repr, mark.args), *(name for name in mark.kwargs if name != "allow")]
        if others:
            raise ValueError(f"no_network({others[0]}) says nothing: write no_network(allow=[...])")
        allow: str | list[str] = mark.kwargs.get("allow", ())
        hosts += [allow] if isinstance(allow, str) else allow
    return hosts


def own_path(item: pytest.Item) -> Path:
    """Returns where the recordings of a test are, unless it says otherwise."""
    names = [node.name for node in item.listchain() if isinstance(node, pytest.Class)]
    return item.path.parent / FOLDER / item.path.stem / file_name(".".join([*names, item.name]))


def file_name(test: str) -> str:
    """Returns the name of the file for a test, which every file system takes.

    A hash tells apart what would have the same name otherwise, also where upper and lower case are the same.
    """
    safe = _UNSAFE.sub("_", test)[:_LONGEST]
    parameters = test.partition("[")[2]
    if safe != test or parameters != parameters.lower():
        safe = f"{safe}-{hashlib.sha256(test.encode()).hexdigest()[:8]}"
    return f"{safe}.jsonl"


def wish_of(item: pytest.Item) -> Wish:
    """Returns what a test wants recorded; what a nearer marker says counts more than that of its class or module.

    Raises:
        ValueError: when a marker says what cannot be.
    """
    options: dict[str, Any] = {}
    for mark in reversed(list(item.iter_markers("recording"))):
        if mark.args:
            raise ValueError(f"recording({mark.args[0]!r}) names nothing: write recording(file={mark.args[0]!r})")
        options |= mark.kwargs
    file, hosts, local = options.pop("file", None), options.pop("hosts", None), options.pop("local", False)
    for name in ("mode", "storage"):
        if name in options:
            raise ValueError(f"recording({name}=...) is not for a marker to say: --gracy-record and file= say it")
    path = own_path(item) if file is None else item.path.parent / Path(file)
    if path.suffix != ".jsonl":
        raise ValueError(f"recording(file={str(file)!r}) is no file of JSON lines: give it the ending .jsonl")
    patterns = None if hosts is None else (hosts,) if isinstance(hosts, str) else tuple(hosts)
    return Wish(path, file is None, patterns, bool(local), options)
