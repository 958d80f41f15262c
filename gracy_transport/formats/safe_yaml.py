"""YAML as vcrpy wrote it, read as data: no tag makes an object, and nothing is ever called.

Needs PyYAML, which the extra `gracy-transport[yaml]` brings.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, Final, cast

from ..exceptions import UnreadableRecording

__all__ = ["Stranger", "load_yaml"]

DEEPEST: Final = 100
"""Lists and mappings within one another that are read; libyaml crashes on very many, and a cassette has eight."""

_PYTHON: Final = "tag:yaml.org,2002:python/"
_TEXTS: Final = ("str", "unicode")
_LISTS: Final = ("list", "tuple", "object/apply:__builtin__.frozenset", "object/apply:builtins.frozenset")
_MAPPINGS: Final = ("dict", "object:vcr.request.Request")
_PLAIN: Final = {
    "none": "null",
    "bool": "bool",
    "int": "int",
    "long": "int",
    "float": "float",
    "bytes": "binary",
}
_BUFFERS: Final = {"object/new:_io.BytesIO": "state", "object/apply:builtins.iter": "args"}
"""Objects that held a body, and where in them it is."""


@dataclass(frozen=True, slots=True)
class Stranger:
    """What stands in place of an object that no cassette needs."""

    name: str

    @property
    def problem(self) -> str:
        """Why what holds it is not taken, as the end of a sentence."""
        return f"it names {self.name}, which no cassette needs"


def load_yaml(path: Path, content: bytes) -> Any:
    """Returns the value of a YAML file, with a `Stranger` in place of each object that is not harmless.

    Raises:
        UnreadableRecording: when PyYAML is missing, or the file is no YAML.
    """
    try:
        yaml: Any = import_module("yaml")
    except ImportError as error:
        raise UnreadableRecording(
            f"{path} cannot be read: YAML needs PyYAML, so install gracy-transport[yaml]"
        ) from error
    try:
        loader = _loader(yaml)
        if _depth(yaml, content, loader) > DEEPEST:
            raise ValueError(f"it is nested more than {DEEPEST} deep")
        return yaml.load(content, Loader=loader)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        problem = str(error).partition("\n")[0]
        raise UnreadableRecording(f"{path} cannot be read as YAML ({problem})") from error


def _depth(yaml: Any, content: bytes, loader: Any) -> int:
    """Returns how deep a file is nested; when it is too deep, as far as was looked."""
    depth = deepest = 0
    for event in yaml.parse(content, Loader=loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            deepest = max(deepest, depth)
            if depth > DEEPEST:
                break
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    return deepest


@lru_cache(maxsize=1)
def _loader(yaml: Any) -> Any:
    base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    loader: Any = type("CassetteLoader", (base,), {})
    plain = {_PYTHON + name: base.yaml_constructors[f"tag:yaml.org,2002:{kind}"] for name, kind in _PLAIN.items()}
    made = (
        {_PYTHON + name: _text for name in _TEXTS}
        | {_PYTHON + name: _list for name in _LISTS}
        | {_PYTHON + name: _mapping for name in _MAPPINGS}
        | {_PYTHON + name: _buffer for name in _BUFFERS}
        | plain
    )
    for tag, constructor in made.items():
        loader.add_constructor(tag, constructor)
    loader.add_constructor(None, _stranger)
    return loader


def _text(loader: Any, node: Any) -> Any:
    return loader.construct_scalar(node)


def _list(loader: Any, node: Any) -> Any:
    return loader.construct_sequence(node, deep=True)


def _mapping(loader: Any, node: Any) -> Any:
    return loader.construct_mapping(node, deep=True)


def _buffer(loader: Any, node: Any) -> Any:
    held: Any = loader.construct_mapping(node, deep=True).get(_BUFFERS[node.tag.removeprefix(_PYTHON)])
    return next(iter(cast("Iterable[Any]", held)), b"") if isinstance(held, list) else b""


def _stranger(_loader: Any, node: Any) -> Stranger:
    return Stranger(str(node.tag).removeprefix("tag:yaml.org,2002:")[:100])
