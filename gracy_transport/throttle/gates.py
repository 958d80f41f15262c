"""The gates of a rule."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TypeAlias

from ..admission import Desk, Gate, Gates, KeyedGates, SharedLimits
from .config import ThrottleRule

__all__ = ["RuleGates", "RuleOf"]

RuleOf: TypeAlias = tuple[ThrottleRule, SharedLimits | None]
"""A rule, and what holds it over many processes."""


class RuleGates:
    """The gates of one rule: a window, and with `smooth` a gate of one for the spacing; one pair a key."""

    def __init__(self, rule: ThrottleRule, shared: SharedLimits | None, desk: Desk) -> None:
        self.rule = rule
        self._shared = shared
        self._desk = desk
        self._spacing = rule.period / rule.max_requests if rule.smooth else 0.0
        self._windows = KeyedGates(self._window, desk)
        is_spaced = rule.smooth and shared is None  # limits that are shared see to the spacing themselves
        self._spaces = KeyedGates(self._space, desk) if is_spaced else None

    def _window(self, key: Hashable) -> Gate:
        rule, shared = self.rule, self._shared
        most, period = rule.max_requests, rule.period
        if shared is None:
            return Gate(most, period, subject=rule)
        name = ("permits", rule.url_pattern.pattern, rule.url_pattern.flags, most, period, self._spacing, key)
        return shared.permits(name, most, period, spacing=self._spacing, subject=rule, desk=self._desk)

    def _space(self, _key: Hashable) -> Gate:
        return Gate(1, self._spacing, subject=self.rule)

    def get(self, key: Hashable = None) -> Gates:
        """Returns the gates that a request with that key has to pass; those of a rule without `key` have none."""
        window = self._windows.get(key)
        return (window,) if self._spaces is None else (window, self._spaces.get(key))

    def is_idle(self, now: float) -> bool:
        """Tells whether new gates would behave the same."""
        return self._windows.is_idle(now) and (self._spaces is None or self._spaces.is_idle(now))

    def all(self) -> list[Gate]:
        """Returns every gate there is now."""
        return self._windows.all() + ([] if self._spaces is None else self._spaces.all())
