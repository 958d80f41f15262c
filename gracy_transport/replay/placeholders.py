"""What stands in recordings in place of secrets, and what it tells. Pure.

`[redacted]` tells nothing. `[issued-3f9a1c02d4-77e1]` is a token that an answer issued: the first number says on which
occasion, the second which token it was, and both depend on what was asked and not on chance. `[credential-1]` is a
credential that an answer told back to whoever brought it.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Final

from ..redaction import REDACTED

__all__ = ["holder_of", "is_placeholder", "issued", "told_back"]

_PLACEHOLDER: Final = re.compile(r"\[(?:(issued-[0-9a-f]{10})-[0-9a-f]{4}|(credential-[0-9]{1,9}))\]")


def is_placeholder(text: str) -> bool:
    """Tells whether a text is what stands in place of a secret."""
    return text.startswith("[") and (text == REDACTED or _PLACEHOLDER.fullmatch(text) is not None)


def holder_of(text: str) -> str:
    """Returns whose the token is that a placeholder stands for; nothing when it does not tell, or is none."""
    found = _PLACEHOLDER.fullmatch(text)
    return "" if found is None else found[1] or found[2]


def issued(holder: str, occasion: str, place: int) -> str:
    """Returns the placeholder of one of the tokens that were issued on an occasion, to `holder` or to somebody new."""
    whose = holder if holder.startswith("issued-") else f"issued-{_hash(occasion, 5)}"
    return f"[{whose}-{_hash(f'{occasion} {place}', 2)}]"


def told_back(holder: str) -> str:
    """Returns the placeholder of a credential that an answer holds."""
    return f"[{holder}]"


def _hash(text: str, size: int) -> str:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=size).hexdigest()
