"""The arithmetic of the delays between attempts."""

from __future__ import annotations

__all__ = ["back_off", "hinted", "jittered"]


def back_off(base: float, modifier: float, retry: int, cap: float) -> float:
    """Returns the seconds before a retry (from 1): `base * modifier ** (retry - 1)`, at most `cap`.

    With base 1, modifier 2 and cap 60: 1, 2, 4, 8, 16, 32, 60, 60 …
    With base 2, modifier 1 and cap 60: 2, 2, 2 …
    """
    try:
        return min(cap, base * modifier ** (retry - 1))
    except OverflowError:  # the power alone is beyond any float
        return min(cap, base and cap)


def jittered(delay: float, chance: float | None) -> float:
    """Returns the part of a delay that `chance` (0 to 1) gives; `None` leaves it whole."""
    return delay if chance is None else delay * chance


def hinted(hint: float, delay: float, chance: float | None, cap: float) -> float:
    """Returns the seconds to wait when the server asked for `hint` seconds.

    Jitter, as large as that of `delay`, is only ever added: nobody comes back before the server wants it,
    and the sum stays within `cap`, which the hint itself does not exceed.
    """
    return hint if chance is None else min(cap, hint + delay * chance)
