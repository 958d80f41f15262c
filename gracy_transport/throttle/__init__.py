"""Rate limits: never more than `max_requests` dispatched in any window of `per_time`.

`config` has the rules as a user writes them, `patterns` finds those that match a URL, `gates` is what they are held by,
`keeper` knows which of those a request has to pass, and `transport` is the layer.
"""

from __future__ import annotations

from .config import GracefulThrottle, ThrottleRule, Throttling
from .gates import RuleGates, RuleOf
from .keeper import ThrottleKeeper
from .transport import ThrottleTransport

__all__ = [
    "GracefulThrottle",
    "RuleGates",
    "RuleOf",
    "ThrottleKeeper",
    "ThrottleRule",
    "ThrottleTransport",
    "Throttling",
]
