"""How a request is shown to people: one line, without secrets, those of the user's own patterns included."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .call import EXTENSION, Call, extensions_with
from .matching import path_of
from .redaction import Hidden, hide, redact_url

if TYPE_CHECKING:
    from .family import URL, AnyRequest

__all__ = ["hidden_in", "shown_path", "shown_url", "url_of"]


def hidden_in(request: AnyRequest) -> Hidden:
    """Returns what is to be hidden where a request is shown: the `redact` patterns of the stack it came to."""
    call = extensions_with(request).get(EXTENSION)
    return call.hidden if isinstance(call, Call) else ()


def shown_url(request: AnyRequest, url: URL | None = None) -> str:
    """Returns the URL of a request, or another that is told of together with it."""
    return hide(redact_url(request.url if url is None else url), hidden_in(request))


def shown_path(request: AnyRequest) -> str:
    """Returns the path of a request."""
    return hide(path_of(request.url), hidden_in(request))


def url_of(call: Call) -> str:
    """Returns the URL of the request of a call that is in the stack now."""
    return hide(redact_url(call.url), call.hidden)
