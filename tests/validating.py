"""What the tests of validation share: a validator that notes, an error of the user's, and a client that validates."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from gracy_transport.testing import ScriptedWire
from gracy_transport.validation import GracefulValidator, ValidationTransport


class MyError(Exception):
    """What a user's validator raises."""


class Noting(GracefulValidator):
    """Notes what it sees."""

    def __init__(self, *, needs_body: bool = True, raises: BaseException | None = None) -> None:
        self.needs_body = needs_body
        self.raises = raises
        self.seen: list[Any] = []

    def check(self, response: Any) -> None:
        self.seen.append(response)
        if self.raises is not None:
            raise self.raises


def client_of(family: ModuleType, step: Any, **rules: Any) -> Any:
    """Returns a client of the family that judges a wire which answers with one step."""
    return family.AsyncClient(transport=ValidationTransport(ScriptedWire(step), **rules))
