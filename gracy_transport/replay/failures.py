"""Errors of the connection, as they are recorded by their name and raised again in either family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..exceptions import GracyException
from ..family import family_of
from .recording import RecordedError

if TYPE_CHECKING:
    from ..family import Request

__all__ = ["error_from", "kind_of"]


def kind_of(request: Request, error: Exception) -> str:
    """Returns the name under which an error is recorded: of its class, or the class of the family it is derived from.

    Empty for one that is not recorded: a refusal of ours, or no error of a request.
    """
    module = family_of(request).module
    if isinstance(error, GracyException) or not isinstance(error, module.RequestError):
        return ""
    theirs = [kind for kind in type(error).__mro__ if getattr(module, kind.__name__, None) is kind]
    nearest: type = theirs[0]
    return nearest.__name__


def error_from(error: RecordedError | None, request: Request) -> Exception:
    """Returns a recorded error as one of the request's family; a name that is none of its errors runs nothing."""
    module = family_of(request).module
    kind = None if error is None else getattr(module, error.kind, None)
    if not isinstance(kind, type) or not issubclass(kind, module.RequestError):
        kind = module.TransportError
    raised: Exception = kind("" if error is None else error.message, request=request)
    return raised
