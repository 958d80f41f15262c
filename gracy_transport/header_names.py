"""What can be the name of a header (RFC 9110, section 5.1)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

__all__ = ["is_header_name"]

_NAME: Final = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)


@lru_cache(maxsize=1024)  # a program sends the same few with each request
def is_header_name(name: str) -> bool:
    """Tells whether a header can have that name: letters, digits and some signs of ASCII, and nothing else."""
    return _NAME.fullmatch(name) is not None
