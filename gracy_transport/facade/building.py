"""Requests as a client builds them, without building anew what is the same in all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..family import family_of

__all__ = ["Builder"]

MOST_HOSTS: Final = 256
"""Hosts whose headers are kept ready; when there are more, all are forgotten and built again."""

_BODY: Final = ("content", "data", "files", "json")
_READY: Final = frozenset({*_BODY, "timeout", "extensions"})


class Builder:
    """Builds the requests of one client, the same as its `build_request` does.

    The headers of a request without a body differ from those of the last one to the same host only when somebody
    changed those of the client, so they are copied. Whatever the client merges in for each request (its cookies and
    parameters, and what a call is given) is left to the client, and all of it where `build_request` is overridden.

    Args:
        client: an `AsyncClient` of either family.
    """

    __slots__ = ("_client", "_headers", "_kind", "_module", "_source")

    def __init__(self, client: Any) -> None:
        self._client = client
        self._module: Any = family_of(client).module
        self._kind: Any = type(client)
        self._headers: dict[tuple[str, bytes], Any] = {}
        self._source: list[tuple[bytes, bytes]] = []

    def build(self, method: str, url: Any, options: Mapping[str, Any]) -> Any:
        """Returns a request.

        Args:
            method: as the caller wrote it.
            url: a whole URL, of the client's family.
            options: what `build_request` takes by name, with a dictionary of `extensions` that may be changed.
        """
        client, module = self._client, self._module
        body = {name: options[name] for name in _BODY if name in options}
        if (
            not options.keys() <= _READY
            or not all(body.values())  # an empty one is none, with headers of its own
            or client.params
            or client.cookies
            or self._kind.build_request is not module.AsyncClient.build_request
            or "build_request" in vars(client)
        ):
            return client.build_request(method, url, **options)
        extensions = options["extensions"]
        if "timeout" not in extensions:
            timeout = options.get("timeout", module.USE_CLIENT_DEFAULT)
            timeout = client.timeout if timeout is module.USE_CLIENT_DEFAULT else module.Timeout(timeout)
            extensions["timeout"] = timeout.as_dict()
        source = client.headers.raw
        if source != self._source:
            self._source = source
            self._headers.clear()
        if body:
            # What a body says of itself comes after the headers of a request that has none.
            return module.Request(method, url, headers=self._headers_at("GET", url), extensions=extensions, **body)
        headers, stream = self._headers_at(method, url), module.ByteStream(b"")
        request = module.Request(method, url, headers=headers, stream=stream, extensions=extensions)
        request.read()
        return request

    def _headers_at(self, method: str, url: Any) -> Any:
        """Returns the headers of a request without a body, which depend on the host and the method alone."""
        key = (method, url.netloc)
        headers = self._headers.get(key)
        if headers is None:
            if len(self._headers) >= MOST_HOSTS:
                self._headers.clear()
            headers = self._headers[key] = self._client.build_request(method, url).headers
        return headers
