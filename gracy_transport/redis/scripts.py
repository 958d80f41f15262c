"""What the server decides: each script, in Lua, is one decision about one limit, and sees nothing but its keys.

All keys of a limit carry one hash tag. Time is the server's, in whole microseconds, and never runs backwards for a
limit. Every key expires once it says nothing that a new one would not.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Literal, NamedTuple

__all__ = ["Script", "script"]


class Script(NamedTuple):
    """A script and the name the server knows it by.

    Attributes:
        text: the Lua.
        sha: its SHA-1 in hex, as `EVALSHA` wants it.
    """

    text: str
    sha: str


@cache
def script(name: Literal["hello", "pause", "permits", "slots"]) -> Script:
    """Returns a script.

    `hello` answers. `pause` lets nobody take a permit or a slot for so long, and tells all processes; pauses do not add
    up, the longest holds. `permits` settles what was lent before and lends permits: how many, and from when on each can
    be used. `slots` renews, gives back and lends leases of slots, and hands what is free to those whose turn it is.
    """
    text = files("gracy_transport.redis").joinpath(f"{name}.lua").read_text("utf-8")
    return Script(text, sha1(text.encode(), usedforsecurity=False).hexdigest())
