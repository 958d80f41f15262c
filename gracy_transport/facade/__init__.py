"""The facade: an API as a class, with endpoints, a configuration, parsers and overrides.

`api` holds `Gracy`, `verbs` its HTTP methods, `endpoints` the placeholders, `settings` what the inner `Config` says,
`overrides` the decorators. `scope` makes a request of all that, `sending` sends it, `parsing` makes something of the
response, `context` tells a user's exception about it, and `sessions` keeps one client per event loop.
"""

from __future__ import annotations

from .api import Gracy
from .context import GracyRequestContext
from .endpoints import BaseEndpoint
from .overrides import graceful, graceful_generator

__all__ = ["BaseEndpoint", "Gracy", "GracyRequestContext", "graceful", "graceful_generator"]
