"""What is said of a call before it is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

__all__ = ["NO_OPTIONS", "CallOptions"]

_NO_ARGS: Final[Mapping[str, str]] = MappingProxyType({})


@dataclass(slots=True)
class CallOptions:
    """What a user says of one call in advance. A value, which nobody changes: the fields are final.

    They are for type checkers alone, since one is made for each call, and freezing it takes five times as long.

    Attributes:
        template: the unformatted endpoint, such as `/pokemon/{NAME}`; limits, reports and metrics group by it.
        base: what stands before the template in the full URL, such as `https://pokeapi.co/api/v2`; empty for the
            origin of the request.
        args: the arguments of the template, by placeholder.
        config: a `GracyConfig` whose given fields replace those of the stack for this call.
        reads_body: the caller will read the whole body, so an attempt may read it before it counts as done.
        is_followed: whether a redirect or a challenge may be answered by another request of the same call;
            the facade knows, a transport has to assume so.
        hooks: what runs before and after each attempt, `Hooks` of `hooks.py`.
        is_bare: the request is made inside a hook of its own API: it counts at every gate and waits at none.
    """

    # What may hold secrets is left out of the `repr`: whoever prints the extensions of a request shows that.
    template: Final[str | None] = None
    base: Final[str] = field(default="", repr=False)
    args: Final[Mapping[str, str]] = field(default_factory=lambda: _NO_ARGS, repr=False)
    config: Final[object | None] = None
    reads_body: Final[bool] = False
    is_followed: Final[bool] = True
    hooks: Final[object | None] = field(default=None, repr=False)
    is_bare: Final[bool] = False


NO_OPTIONS: Final = CallOptions()
"""The options that say nothing."""
