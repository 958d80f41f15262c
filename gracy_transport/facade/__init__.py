"""The facade: an API as a class, with endpoints, a configuration, parsers and overrides.

`api` holds `Gracy`, `verbs` its HTTP methods, `options` what they take, `endpoints` the placeholders, `settings` what
the inner `Config` says, `overrides` the decorators, and `typed` those for type checkers. `namespaces` holds
`GracyNamespace`, which `annotations` finds, `hooks` runs `before` and `after`, and `living` lets a method be called on
a class. `scope` makes a request of all that, `sending` sends it, `parsing` makes something of the response, and
`context` tells a user's exception about it. `sessions` keeps one client per event loop, `routes` the URLs of endpoints;
`building` and `cookies` spare a client what it would do again for each request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
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

if not TYPE_CHECKING:
    from ..late import loaded_late

    __getattr__, __dir__ = loaded_late(
        __name__,
        {
            "BaseEndpoint": ".endpoints",
            "Gracy": ".api",
            "GracyAPI": ".api",
            "GracyApi": ".api",
            "GracyNamespace": ".namespaces",
            "GracyRequestContext": ".context",
            "generated_parsed_response": ".typed",
            "graceful": ".overrides",
            "graceful_generator": ".overrides",
            "parsed_response": ".typed",
        },
    )
