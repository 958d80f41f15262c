"""What a rule's pattern is matched against, and the memory of what came of it.

The parts of a URL are read, and put, where both families keep them. The public properties put them together anew each
time, which takes ten times as long, for every request; parsing takes a hundred times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, TypeVar

if TYPE_CHECKING:
    from .family import URL

__all__ = ["MOST_KEPT", "Memo", "host_of", "parts_of", "path_of", "place_of", "with_path"]

MOST_KEPT: Final = 4096
"""URLs that something is remembered of: more than most programs ask for again, and less than a megabyte."""

Answer = TypeVar("Answer")

# Not what a named tuple has, which is a function that calls this.
_new_tuple: Final[Callable[..., Any]] = vars(tuple)["__new__"]


def path_of(url: URL) -> str:
    """Returns the path of a URL as it is sent, without the query.

    Not the decoded path: that could bring line breaks and escape codes into logs.
    """
    path: str = url._uri_reference.path  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return path or "/"


def host_of(url: URL) -> tuple[object, ...]:
    """Returns host and port of a URL: what the header of that name is made of."""
    parts: tuple[object, ...] = url._uri_reference  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return parts[2:4]


def parts_of(url: URL) -> tuple[str, str, str, str | None]:
    """Returns the origin of a URL, its userinfo, its path as it is sent, and its query, `None` where there is none.

    A relative URL has no origin.
    """
    parts: Any = url._uri_reference  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    scheme, userinfo, host, port, path, query, _fragment = parts
    return _origin(scheme, host, port) if scheme else "", userinfo, path or "/", query


def place_of(url: URL) -> tuple[str, str]:
    """Returns origin and target of a URL: `scheme://host:port`, and the same with the path.

    The port is there only where the URL names one. The target is all of a URL but userinfo, query and fragment.
    """
    parts = url._uri_reference  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return _place(parts.scheme, parts.host, parts.port, parts.path)


@lru_cache(maxsize=MOST_KEPT)
def _place(scheme: str, host: str, port: int | None, path: str) -> tuple[str, str]:
    origin = _origin(scheme, host, port)
    return origin, origin + (path or "/")


def with_path(url: URL, path: str, query: str | None) -> URL:
    """Returns a URL with another path and query, and no fragment.

    Nothing is parsed: they have to be as a parser would leave them.
    """
    parts = url._uri_reference  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    place: tuple[object, ...] = parts[:4]
    what: tuple[object, ...] = (path, query, None)
    twin: URL = object.__new__(type(url))
    twin._uri_reference = _new_tuple(type(parts), place + what)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    return twin


@lru_cache(maxsize=MOST_KEPT)
def _origin(scheme: str, host: str, port: int | None) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"{scheme}://{name}" if port is None else f"{scheme}://{name}:{port}"


class Memo(dict[str, Answer]):
    """Remembers what a pure function said of a URL, for a bounded number of URLs: `memo[url]` is the answer.

    When it is full it forgets everything: simple, constant in memory, and right after at most one more look-up each.
    """

    __slots__ = ("_find",)

    CAPACITY: Final = MOST_KEPT

    def __init__(self, find: Callable[[str], Answer]) -> None:
        super().__init__()
        self._find = find

    def __missing__(self, url: str) -> Answer:
        """Finds the answer for a URL that is not remembered."""
        if len(self) >= self.CAPACITY:
            self.clear()
        answer = self[url] = self._find(url)
        return answer
