"""What a response says about the limits of its server: one reader for the standard's headers and their dialects.

Servers write these headers by hand as often as not. What cannot be understood counts as not said, nothing raises, and
nothing takes long, whatever comes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from .retry_after import ASKING, LONGEST, LONGEST_TEXT, parse_http_date, retry_after
from .structured import Item, Token, parse_list

__all__ = ["Hint", "hints_in", "pause_asked"]

_LIMITING: Final = ASKING | {403, 529}
"""Statuses that some servers answer in place of 429: GitHub 403, Anthropic 529."""

_MOST: Final = 10**15
_EPOCH: Final = 10.0**8
"""Greater numbers are instants, seconds since 1970; smaller ones are spans: this one is three years long."""
_EPOCH_MS: Final = 10.0**11
"""Greater numbers are instants in milliseconds: as seconds they would be after the year 5000."""

_INTEGER: Final = re.compile(r"[0-9]{1,15}")
_NUMBER: Final = re.compile(r"[0-9]{1,15}(\.[0-9]{0,9})?")
_SPAN: Final = re.compile(r"([0-9]{1,15}(?:\.[0-9]{0,15})?)(d|h|ms|m|s|us|µs|μs|ns)")
_SECONDS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_NOTHING: Final = Item("", {})
_UNITS: Final = ("requests", "tokens", "input-tokens", "output-tokens")


class Hint(NamedTuple):
    """One thing a server said about one of its limits. What it did not say is `None`; seconds count from now.

    Attributes:
        pause: seconds during which nothing should be sent.
        remaining: how many requests may be sent before `reset`; never without it.
        reset: seconds until there may be more.
        limit: how many requests `window` allows.
        window: seconds.
        name: which of the server's limits, to tell a new word about it from a word about another.
    """

    pause: float | None = None
    remaining: int | None = None
    reset: float | None = None
    limit: int | None = None
    window: float | None = None
    name: str = ""


def pause_asked(headers: Mapping[str, str], wall: float) -> tuple[Hint, ...]:
    """Returns the pause that Retry-After asks for, if it asks for one. `wall` is seconds since 1970 UTC."""
    seconds = retry_after(headers, wall)
    return (Hint(pause=seconds),) if seconds else ()


def hints_in(status: int, headers: Mapping[str, str], wall: float) -> tuple[Hint, ...]:
    """Returns all that a response says about limits, a pause first.

    `headers` have lower-case names; `wall` is seconds since 1970 UTC, for instants. They are compared with
    the response's own `Date` when it has one, as `retry_after` does. Where Retry-After asks for a pause, it says when
    a limit that is used up opens again, whatever the others say. Limits of something other than requests
    (tokens, bytes) count only when nothing is left of them.
    """
    said = {name: text for name, text in headers.items() if "ratelimit" in name or "retry-after" in name}
    if not said:
        return ()
    date = headers.get("date", "")
    now = parse_http_date(date)
    pauses: tuple[Hint, ...] = ()
    if status in _LIMITING:
        pauses = pause_asked({**said, "date": date}, wall)
    limits = [hint for hint in _limits(said, wall if now is None else now) if hint.remaining is not None]
    if not pauses:
        return tuple(limits)
    until = pauses[0].pause
    return pauses + tuple([hint._replace(reset=until) if hint.remaining == 0 else hint for hint in limits])


def _limits(said: Mapping[str, str], now: float) -> Iterator[Hint]:
    yield from _standard(said)
    yield from _plain(said, "ratelimit", now)
    yield from _plain(said, "x-ratelimit", now)
    for unit in _UNITS:
        yield from _limit(
            f"x-ratelimit {unit}",
            said.get(f"x-ratelimit-remaining-{unit}"),
            _span(said.get(f"x-ratelimit-reset-{unit}")),
            said.get(f"x-ratelimit-limit-{unit}"),
            is_counted=unit == "requests",
        )
        name = f"anthropic-ratelimit-{unit}"
        yield from _limit(
            name,
            said.get(f"{name}-remaining"),
            _until(said.get(f"{name}-reset"), now),
            said.get(f"{name}-limit"),
            is_counted=unit == "requests",
        )


def _plain(said: Mapping[str, str], prefix: str, now: float) -> Iterator[Hint]:
    """Reads `RateLimit-Limit|Remaining|Reset` of the earlier drafts, and the same with `X-`."""
    # Earlier drafts have the policies behind the limit that is nearest to be used up: `100, 10;w=1, 100;w=60`.
    first, *policies = parse_list(said.get(f"{prefix}-limit", "")) or [_NOTHING]
    windows = [_window(item) for item in (first, *policies) if item.value == first.value]
    limit, window = str(first.value), next(filter(None, windows), None)
    name = f"{prefix} {said.get('x-ratelimit-resource', '')[:LONGEST_TEXT]}".rstrip()
    yield from _limit(name, said.get(f"{prefix}-remaining"), _reset(said.get(f"{prefix}-reset"), now), limit, window)


def _limit(
    name: str,
    remaining: str | None,
    reset: float | None,
    limit: str | None,
    window: float | None = None,
    *,
    is_counted: bool = True,
) -> Iterator[Hint]:
    left = _integer(remaining)
    if left is None or reset is None:
        return
    if is_counted:
        yield Hint(remaining=left, reset=reset, limit=_integer(limit) or None, window=window, name=name)
    elif left == 0:
        yield Hint(remaining=0, reset=reset, name=name)


def _standard(said: Mapping[str, str]) -> Iterator[Hint]:
    """Reads `RateLimit` and `RateLimit-Policy` of the draft."""
    policies = dict(reversed(_named(said.get("ratelimit-policy", ""))))
    for name, item in _named(said.get("ratelimit", "")):
        left, reset = _count(item, "r"), _count(item, "t")
        if left is None or reset is None:
            continue
        policy = policies.get(name)
        unit = "requests" if policy is None else policy.parameters.get("qu", "requests")
        if unit == "concurrent-requests":  # how many may be under way is not for a rate to keep
            continue
        until = min(float(reset), LONGEST)
        if unit == "requests":
            quota = None if policy is None else _count(policy, "q") or None
            window = None if policy is None or quota is None else _window(policy)
            yield Hint(remaining=left, reset=until, limit=quota, window=window, name=f"RateLimit {name}")
        elif left == 0:
            yield Hint(remaining=0, reset=until, name=f"RateLimit {name}")


def _named(text: str) -> list[tuple[str, Item]]:
    """Returns the items of a list that are strings, by their text."""
    items = parse_list(text) or ()
    return [(item.value, item) for item in items if isinstance(item.value, str) and not isinstance(item.value, Token)]


def _count(item: Item, name: str) -> int | None:
    value = item.parameters.get(name)
    return value if type(value) is int and value >= 0 else None


def _window(item: Item) -> float | None:
    seconds = _count(item, "w")
    return min(float(seconds), LONGEST) if seconds else None


def _text(text: str | None) -> str:
    return "" if text is None or len(text) > LONGEST_TEXT else text.strip()


def _integer(text: str | None) -> int | None:
    text = _text(text)
    return min(int(text), _MOST) if _INTEGER.fullmatch(text) else None


def _reset(text: str | None, now: float) -> float | None:
    """Returns the seconds until an instant, or those of a span: which of the two it is shows by its size."""
    text = _text(text)
    if not _NUMBER.fullmatch(text):
        return _span(text)
    number = float(text)
    if number > _EPOCH_MS:
        number /= 1000
    return min(max(0.0, number - now), LONGEST) if number > _EPOCH else number


def _span(text: str | None) -> float | None:
    """Returns the seconds of `6m0s`, `1.5s`, `20ms`, or of a plain number."""
    text = _text(text)
    if _NUMBER.fullmatch(text):
        return min(float(text), LONGEST)
    seconds, place = 0.0, 0
    while part := _SPAN.match(text, place):
        seconds += float(part[1]) * _SECONDS.get(part[2], 1e-6)
        place = part.end()
    return min(seconds, LONGEST) if text and place == len(text) else None


def _until(text: str | None, now: float) -> float | None:
    """Returns the seconds until an instant as RFC 3339 writes it."""
    try:
        moment = datetime.fromisoformat(_text(text))
        # Without an offset it is in whatever zone the server is in, which nobody can know.
        return None if moment.tzinfo is None else min(max(0.0, moment.timestamp() - now), LONGEST)
    except (ValueError, OverflowError):
        return None
