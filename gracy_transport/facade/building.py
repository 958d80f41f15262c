"""Requests as a client builds them, without building anew what is the same in all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..bodies import variant
from ..family import family_of
from ..matching import host_of

__all__ = ["Builder"]

MOST_HOSTS: Final = 256
"""Hosts for which a request is kept ready; when there are more, all are forgotten and built again."""

_BODY: Final = ("content", "data", "files", "json")
_READY: Final = frozenset({*_BODY, "timeout", "extensions"})


class Builder:
    """Builds the requests of one client, the same as its `build_request` does.

    A request without a body differs from the last one to the same host only in its URL, unless somebody changed the
    headers of the client, so it is a copy of that. Whatever the client merges in for each request (its cookies and
    parameters, and what a call is given) is left to the client, and all of it where `build_request` is overridden.

    Args:
        client: an `AsyncClient` of either family.
    """

    __slots__ = ("_client", "_kind", "_module", "_samples", "_source")

    def __init__(self, client: Any) -> None:
        self._client = client
        self._module: Any = family_of(client).module
        self._kind: Any = type(client)
        self._samples: dict[tuple[str, object], Any] = {}
        self._source: list[tuple[bytes, bytes]] = []

    def build(self, method: str, url: Any, options: Mapping[str, Any]) -> Any:
        """Returns a request.

        Args:
            method: as the caller wrote it.
            url: a whole URL, of the client's family.
            options: what `build_request` takes by name, with a dictionary of `extensions` that may be changed.
        """
        client, module = self._client, self._module
        is_alone = len(options) == 1  # as of most: there is nothing but the extensions
        if (
            client.params
            or client.cookies
            or self._kind.build_request is not module.AsyncClient.build_request
            or "build_request" in vars(client)
            or not (is_alone or _is_ready(options))
        ):
            return client.build_request(method, url, **options)
        extensions = options["extensions"]
        if "timeout" not in extensions:
            timeout = module.USE_CLIENT_DEFAULT if is_alone else options.get("timeout", module.USE_CLIENT_DEFAULT)
            timeout = client.timeout if timeout is module.USE_CLIENT_DEFAULT else module.Timeout(timeout)
            extensions["timeout"] = timeout.as_dict()
        source = client.headers.raw
        if source != self._source:
            self._source = source
            self._samples.clear()
        body = {} if is_alone else {name: options[name] for name in _BODY if name in options}
        if body:
            # What a body says of itself comes after the headers of a request that has none.
            headers = self._sample("GET", url).headers
            return module.Request(method, url, headers=headers, extensions=extensions, **body)
        sample = self._sample(method, url)
        return variant(sample, url=url, headers=module.Headers(sample.headers), extensions=extensions)

    def _sample(self, method: str, url: Any) -> Any:
        """Returns a request without a body; all but its URL depends on the host and the method alone."""
        key = (method, host_of(url))
        sample = self._samples.get(key)
        if sample is None:
            if len(self._samples) >= MOST_HOSTS:
                self._samples.clear()
            sample = self._samples[key] = self._client.build_request(method, url)
        return sample


def _is_ready(options: Mapping[str, Any]) -> bool:
    """Tells whether nothing has to be merged with what the client has."""
    # An empty body is none, with headers of its own.
    return options.keys() <= _READY and all(options[name] for name in _BODY if name in options)
