"""What a rule's pattern is matched against, and the memory of what came of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from .family import URL

__all__ = ["Memo", "origin_of", "path_of"]

Answer = TypeVar("Answer")


def origin_of(url: URL) -> str:
    """Returns `scheme://host:port` of a URL (the port only where the URL names one)."""
    return f"{url.scheme}://{url.netloc.decode()}"


def path_of(url: URL) -> str:
    """Returns the path of a URL as it is sent, without the query.

    Not the decoded path: that could bring line breaks and escape codes into logs.
    """
    return url.raw_path.decode().partition("?")[0]


class Memo(Generic[Answer]):
    """Remembers what a pure function said of a URL, for a bounded number of URLs.

    When it is full it forgets everything: simple, constant in memory, and right after at most one more look-up each.
    """

    __slots__ = ("_answers", "_find")

    CAPACITY: Final = 4096

    def __init__(self, find: Callable[[str], Answer]) -> None:
        self._find = find
        self._answers: dict[str, Answer] = {}

    def __call__(self, url: str) -> Answer:
        """Returns the answer for that URL."""
        try:
            return self._answers[url]
        except KeyError:
            pass
        if len(self._answers) >= self.CAPACITY:
            self._answers.clear()
        answer = self._answers[url] = self._find(url)
        return answer
