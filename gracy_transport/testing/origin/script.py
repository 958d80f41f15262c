"""Which route answers which request."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import TYPE_CHECKING, TypeAlias, cast
from urllib.parse import unquote

from .reply import Reply
from .visit import Visit, decoded

if TYPE_CHECKING:
    from collections.abc import Iterator

Handler: TypeAlias = Callable[[Visit], Reply | Awaitable[Reply]]
"""A function, sync or async, that answers a visit."""

ANYTHING = "*"
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)\}|(\*)$")


class Route:
    """What one method and template answer; made by `Origin.on`.

    Until it is given something to answer, it answers with an empty 200.
    """

    def __init__(self, method: str | None, template: str, *, max_visits: int) -> None:
        """Answers `method`, or any method when it is None, on the paths that `template` matches."""
        self.method = method
        self.template = template
        self.pattern = _pattern(template)
        self.count = 0
        """How often the route was asked, without bound."""
        self._visits: deque[Visit] = deque(maxlen=max_visits)
        self._handler: Handler = _nothing

    def reply(self, *replies: Reply, cycle: bool = False) -> Route:
        """Answers with these replies in order; the last one repeats, or with `cycle=True` all of them do.

        A route that is scripted anew starts from the first reply. Returns the route itself.

        Raises:
            ValueError: when there is no reply.
        """
        if not replies:
            raise ValueError(f"{self!r} was given no reply: give at least one")
        return self.handle(_Sequence(replies, cycle=cycle))

    def handle(self, handler: Handler) -> Route:
        """Answers with what `handler` returns for each visit, or returns when awaited.

        An error of the handler is answered with a 500, and raised when the origin closes. Returns the route
        itself.
        """
        self._handler = handler
        return self

    @property
    def visits(self) -> list[Visit]:
        """The latest visits of this route, oldest first; `Origin(max_visits=...)` bounds their number."""
        return list(self._visits)

    def clear(self) -> None:
        """Forgets the visits; the script stays where it is."""
        self.count = 0
        self._visits.clear()

    def answer(self, visit: Visit) -> Reply | Awaitable[Reply]:
        """Notes the visit and returns what the handler says to it."""
        self.count += 1
        self._visits.append(visit)
        return self._handler(visit)

    def __repr__(self) -> str:
        """Names the method and the template."""
        return f"<Route {self}>"

    def __str__(self) -> str:
        """Gives the method, if one is asked for, and the template."""
        return f"{self.method} {self.template}" if self.method else self.template


class _Sequence:
    """Gives one reply after the other."""

    def __init__(self, replies: tuple[Reply, ...], *, cycle: bool) -> None:
        self._replies = replies
        self._cycle = cycle
        self._next = 0

    def __call__(self, _: Visit) -> Reply:
        reply = self._replies[self._next]
        if self._next + 1 < len(self._replies):
            self._next += 1
        elif self._cycle:
            self._next = 0
        return reply


class Script:
    """The routes of an origin: plain paths first, then templates in the order they were scripted."""

    def __init__(self, max_visits: int) -> None:
        """Starts without routes; each will remember `max_visits` visits."""
        self._max_visits = max_visits
        self._plain: dict[str, dict[str | None, Route]] = {}
        self._templates: dict[str, dict[str | None, Route]] = {}

    def on(self, method: str | None, template: str) -> Route:
        """Adds a route, in place of an earlier one with the same method and template."""
        route = Route(method, template, max_visits=self._max_visits)
        group = self._templates if _PLACEHOLDER.search(template) else self._plain
        group.setdefault(template, {})[method] = route
        return route

    def find(self, method: str, path: str) -> tuple[Route | None, dict[str, str]]:
        """Returns the route of a request and the arguments of its template."""
        plain = self._plain.get(path) or self._plain.get(unquote(path))
        if plain and (route := _by_method(plain, method)):
            return route, {}
        for routes in self._templates.values():
            route = _by_method(routes, method)
            if route and (match := route.pattern.fullmatch(path)):
                return route, decoded(match.groupdict())
        return None, {}

    def missing(self, method: str, path: str) -> Reply:
        """Returns the answer to a request that nothing is scripted for: a 404, or a 405 for its method."""
        scripted = [str(route) for route in self.routes()]
        error = {"error": f"nothing is scripted for {method} {path}", "scripted": scripted}
        allowed = [route.method for route in self.routes() if route.method and route.pattern.fullmatch(path)]
        if not allowed:
            return Reply(404, json=error)
        return Reply(405, json=error, headers={"Allow": ", ".join(allowed)})

    def routes(self) -> Iterator[Route]:
        """Yields all routes, in the order in which they are asked."""
        for group in (self._plain, self._templates):
            for routes in group.values():
                yield from routes.values()


async def play(then: Reply | Handler, visit: Visit) -> Reply:
    """Returns what `then` answers to a visit; raises `TypeError` when that is no `Reply`."""
    if isinstance(then, Reply):
        return then
    answer = then(visit)
    if isinstance(answer, Reply):
        return answer
    given = cast("object", answer)  # a handler without annotations may return anything
    reply = await given if isawaitable(given) else given
    if not isinstance(reply, Reply):
        raise TypeError(f"the handler for {visit.method} {visit.path} returned {reply!r}: return a Reply")
    return reply


def _nothing(_: Visit) -> Reply:
    return Reply()


def _by_method(routes: dict[str | None, Route], method: str) -> Route | None:
    """Returns the route of a method; GET also answers HEAD."""
    return routes.get(method) or (routes.get("GET") if method == "HEAD" else None) or routes.get(None)


def _pattern(template: str) -> re.Pattern[str]:
    """Returns the pattern of a template: `{NAME}` is one segment of the path, `*` at the end is any rest."""
    if not template.startswith(("/", ANYTHING)) or "?" in template:
        message = f"template {template!r} is not a path: begin with '/', leave out the host and the query"
        raise ValueError(message)
    if not {"{", "}"}.isdisjoint(_PLACEHOLDER.sub("", template)):
        message = f"template {template!r} has a placeholder without a plain name: write it as {{NAME}}"
        raise ValueError(message)
    names = _PLACEHOLDER.findall(template)
    if len(names) > len(set(names)):
        raise ValueError(f"template {template!r} has a placeholder twice: give each a name of its own")
    parts: list[str] = []
    end = 0
    for match in _PLACEHOLDER.finditer(template):
        parts += [re.escape(template[end : match.start()]), f"(?P<{match[1]}>[^/]+)" if match[1] else ".*"]
        end = match.end()
    return re.compile("".join([*parts, re.escape(template[end:])]))
