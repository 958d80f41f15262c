"""The facade: an API as a class, with endpoints, a configuration, parsers and overrides.

`api` holds `Gracy`, `verbs` its HTTP methods, `endpoints` the placeholders, `settings` what the inner `Config` says,
`overrides` the decorators, and `typed` those for type checkers. `namespaces` holds `GracyNamespace`, which
`annotations` finds, and `living` lets a method be called on a class. `scope` makes a request of all that, `sending`
sends it, `parsing` makes something of the response, `context` tells a user's exception about it, and `sessions` keeps
one client per event loop.
"""

from __future__ import annotations

from .api import Gracy, GracyAPI, GracyApi
from .context import GracyRequestContext
from .endpoints import BaseEndpoint
from .namespaces import GracyNamespace
from .overrides import graceful, graceful_generator
from .typed import generated_parsed_response, parsed_response

__all__ = [
    "BaseEndpoint",
    "Gracy",
    "GracyAPI",
    "GracyApi",
    "GracyNamespace",
    "GracyRequestContext",
    "generated_parsed_response",
    "graceful",
    "graceful_generator",
    "parsed_response",
]
