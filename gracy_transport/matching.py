"""What a rule's pattern is matched against, and names for groups of requests."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from .family import Request

__all__ = ["Memo", "origin_of", "target_of"]

Answer = TypeVar("Answer")


def origin_of(request: Request) -> str:
    """Returns `scheme://host:port` of a request (the port only where the URL names one)."""
    url = request.url
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"


def target_of(request: Request) -> str:
    """Returns the URL that patterns see: without userinfo, query and fragment."""
    url = request.url
    path = url.raw_path.partition(b"?")[0]
    return f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}{path.decode('ascii', 'replace')}"


class Memo(Generic[Answer]):
    """Remembers what a pure function said of a URL's target, for a bounded number of targets.

    When it is full it forgets everything: simple, constant in memory, and right after at most one more look-up each.
    """

    __slots__ = ("_answers", "_find")

    CAPACITY: Final = 4096

    def __init__(self, find: Callable[[str], Answer]) -> None:
        self._find = find
        self._answers: dict[tuple[bytes, bytes, str], Answer] = {}

    def __call__(self, request: Request) -> Answer:
        """Returns the answer for that request's target."""
        url = request.url
        key = (url.netloc, url.raw_path, url.scheme)
        try:
            return self._answers[key]
        except KeyError:
            pass
        if len(self._answers) >= self.CAPACITY:
            self._answers.clear()
        answer = self._answers[key] = self._find(target_of(request))
        return answer
