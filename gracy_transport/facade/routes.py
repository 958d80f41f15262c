"""Where the requests of an endpoint go: its URL, of which what is the same every time is parsed once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..matching import with_path

if TYPE_CHECKING:
    from .endpoints import Template

__all__ = ["Base", "Route"]

_SAMPLE: Final = "~"
"""An argument that a parser leaves alone wherever it stands, and that completes no percent-encoding before it."""

_LONGEST: Final = 60_000
"""Characters of a URL that are no reason to ask the parser, which takes some thousands more."""


class Base:
    """What goes before endpoints.

    Attributes:
        prefix: text that a path is put after, with a slash at its end; empty when the URL has no scheme and host.
        label: the same for people, without that slash and without credentials.
    """

    __slots__ = ("label", "prefix")

    def __init__(self, url: Any) -> None:
        # A path of "/" is left out unless it is given; a fragment would take in the endpoint.
        self.prefix = "" if url.is_relative_url else str(url.copy_with(raw_path=url.raw_path, fragment=None))
        origin = f"{url.scheme}://{url.netloc.decode('ascii', 'replace')}"
        self.label = origin + url.raw_path.decode("ascii", "replace").partition("?")[0].rstrip("/")


class Route:
    """The way to an endpoint.

    A URL with a sample of every argument goes through the parser of the family. Where that leaves path and query as
    they are written, it would leave those with any other arguments, since they are percent-encoded and no segment is
    made of dots: they are put in place of the sample's. Where it does not, each URL is parsed.

    Args:
        template: the endpoint.
        base: what goes before it; a whole URL needs nothing.
        parse: makes a URL of text.

    Attributes:
        base: what of its URLs stands before the endpoint, for people.

    Raises:
        ValueError: when there is nothing to put before the endpoint.
    """

    __slots__ = ("_parse", "_prefix", "_sample", "_start", "_template", "base")

    def __init__(self, template: Template, base: Base | None, parse: Callable[[str], Any]) -> None:
        self._template = template
        self._parse = parse
        self._prefix, self.base = "", ""
        if base is not None:
            if not base.prefix:
                raise ValueError(
                    f"endpoint {template.label!r} is no whole URL: set Config.BASE_URL to what goes before it"
                )
            self._prefix = base.prefix
            self.base = base.label if template.text.startswith("/") else f"{base.label}/"
        self._sample: Any
        self._sample, self._start = self._learn(self._text(dict.fromkeys(template.names, _SAMPLE)))

    def _learn(self, text: str) -> tuple[Any, int]:
        """Returns a sample, and from where on its text is to be replaced; 0 where each URL has to be parsed."""
        try:
            sample = self._parse(text)
        except Exception:  # noqa: BLE001 - other arguments may do, and if they do not, the error is to be about them
            return None, 0
        start = text.find("/", text.index("://") + 3)
        is_left_alone = sample.host and text[start:].encode() == sample.raw_path
        return sample, start if is_left_alone and _SAMPLE not in text[:start] else 0

    def url(self, args: Mapping[str, str]) -> Any:
        """Returns the URL of the endpoint with its arguments in place.

        Raises:
            ValueError: when an argument does not fit.
        """
        if not args and self._sample:
            return self._sample
        text = self._text(args)
        if not self._start or len(text) > _LONGEST:
            return self._parse(text)
        path, mark, query = text[self._start :].partition("?")
        return with_path(self._sample, path, query if mark else None)

    def _text(self, args: Mapping[str, str]) -> str:
        return self._prefix + self._template.fill(args).lstrip("/")
