"""What processes know a limit by: the same name for the same limit and key, whatever process asks. Pure."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from datetime import date, timedelta
from decimal import Decimal
from enum import Enum
from hashlib import blake2b
from typing import cast
from uuid import UUID

__all__ = ["name_of"]

SAME_EVERYWHERE = (str, bytes, int, float, bool, date, timedelta, Decimal, UUID, type(None))


def name_of(parts: tuple[Hashable, ...]) -> str:
    """Returns the name of a limit: a digest, so that no key of a user's stands on the server in clear.

    Raises:
        TypeError: when a part is of a type whose values are not written the same in every process.
    """
    return f"{parts[0]}-{blake2b(_text(parts).encode(), digest_size=12).hexdigest()}"


def _text(value: Hashable) -> str:
    if isinstance(value, Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if isinstance(value, tuple):
        return f"({','.join(map(_text, cast('Iterable[Hashable]', value)))})"
    if isinstance(value, frozenset):
        return f"{{{','.join(sorted(map(_text, cast('Iterable[Hashable]', value))))}}}"
    if isinstance(value, SAME_EVERYWHERE):
        return repr(value)
    msg = (
        f"the key of a shared limit is of type {type(value).__name__}, which other processes cannot be relied on to "
        "write the same: let `key` return text, numbers, bytes, dates, an enum, or tuples of these"
    )
    raise TypeError(msg)
