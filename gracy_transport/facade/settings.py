"""What an API class says in its inner `Config`, found by inheritance and never changed."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Real
from typing import Any, Final

from ..config import GracyConfig
from ..values import ABSENT, Absent
from .endpoints import is_absolute, shown

__all__ = ["Settings", "joined", "judged", "settings_of"]

_NO_OTHERS: Final = frozenset({200})
"""Codes allowed besides 2xx when the user allows none: one that is 2xx itself. None at all would judge nothing."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The inner `Config` of a class, with what it inherits.

    Attributes:
        base_url: `BASE_URL` without a fragment, empty when it was not given.
        config: `SETTINGS`, the fields of a class over those of its base classes.
        timeout: `REQUEST_TIMEOUT`: seconds, an `httpx.Timeout`, `None` for no limit, or absent.
    """

    base_url: str
    config: GracyConfig
    timeout: Any | Absent


def settings_of(owner: type, own: object = None) -> Settings:
    """Returns what a class and its bases say, and over that what the `Config` of one object says, if it has one.

    Raises:
        TypeError: when `SETTINGS` is no `GracyConfig`, `BASE_URL` no text, or `REQUEST_TIMEOUT` no timeout.
        ValueError: when `BASE_URL` has a query.
    """
    base_url, config = "", GracyConfig()
    timeout: Any = ABSENT
    said = [(kind, vars(kind).get("Config")) for kind in reversed(owner.__mro__)]
    for kind, inner in [*said, (owner, own)]:
        if inner is None:
            continue
        base_url = getattr(inner, "BASE_URL", base_url) or ""
        if not isinstance(base_url, str):
            raise TypeError(f"{kind.__name__}.Config.BASE_URL is {base_url!r}: give a string, 'https://…'")
        base_url = base_url.partition("#")[0]  # never sent, and it would take in the endpoints
        if "?" in base_url:
            raise ValueError(
                f"{kind.__name__}.Config.BASE_URL is {shown(base_url)!r}, with a query in front of the endpoints: "
                "leave it out, and give the parameters to a client of your own, AsyncClient(params=...) in "
                "_create_client, or params= to each request"
            )
        given = getattr(inner, "SETTINGS", None)
        if not isinstance(given, GracyConfig | None):
            raise TypeError(f"{kind.__name__}.Config.SETTINGS is {given!r}: give a GracyConfig(...)")
        config = config.merged(given)
        timeout = getattr(inner, "REQUEST_TIMEOUT", timeout)
        if timeout is not ABSENT and not _is_timeout(timeout):
            raise TypeError(
                f"{kind.__name__}.Config.REQUEST_TIMEOUT is {timeout!r}: give seconds as a number, an httpx.Timeout, "
                "or None for no limit"
            )
    return Settings(base_url, config, timeout)


def _is_timeout(given: object) -> bool:
    """Tells whether httpx can take something for a timeout, which it does not look at before the first request."""
    if isinstance(given, bool):
        return False
    return given is None or isinstance(given, Real | tuple) or hasattr(given, "as_dict")


def joined(above: str, own: str) -> str:
    """Returns the base URL of a part: its own if that is a whole URL, else its own below the one above."""
    if not own or is_absolute(own):
        return own or above
    return f"{above.rstrip('/')}/{own.strip('/')}"


def judged(config: GracyConfig) -> GracyConfig:
    """Returns a config that does not switch off the judging of status codes when it allows none besides 2xx."""
    if config.allowed_status_code is None:
        return config.merged(GracyConfig(allowed_status_code=_NO_OTHERS))
    return config
