"""What the pickled responses of httpx hold, in each of its versions that the original library worked with. Pure."""

from __future__ import annotations

import base64
from typing import Any, Final, TypeAlias

from .pickled import Refused, Thing, of_type

__all__ = ["LARGEST", "exchanges_of"]

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of a row that are looked at; our own recordings hold bodies of up to 10 MiB."""
MOST_HOPS: Final = 50
"""Redirects and auth rounds of one recording; a client follows 20."""


_Pairs: TypeAlias = list[tuple[bytes, bytes]]
_Value: TypeAlias = str | bytes | int | _Pairs


def exchanges_of(response: Any, method: str, url: str, body: bytes) -> list[dict[str, Any]]:
    """Returns the exchanges that led to a response, in their order, as documents; the last is the one asked for.

    The last was asked with `method`, `url` and `body`: what the original looked recordings up by.

    Raises:
        Refused: when it is no response, or one that was not read.
    """
    last = _thing(response, "Response")
    history = of_type(last.state.get("history"), list)
    if len(history) > MOST_HOPS:
        raise Refused(f"it has {len(history):,} redirects, and no recording has more than {MOST_HOPS}")
    exchanges = [_exchange(_thing(hop, "Response")) for hop in history]
    exchanges.append({**_exchange(last), "method": method, "url": url, "asked_body": body})
    size = sum(_size(value) for exchange in exchanges for value in exchange.values())
    if size > LARGEST:
        raise Refused(f"it holds {size:,} bytes, and only {LARGEST:,} are looked at")
    return [{name: _shown(value) for name, value in exchange.items()} for exchange in exchanges]


def _exchange(response: Thing) -> dict[str, _Value]:
    request = _thing(response.state.get("_request"), "Request")
    if "_content" not in response.state:
        raise Refused("its body was never read, so it is not in the recording")
    return {
        "method": of_type(request.state.get("method"), str),
        "url": _url(_thing(request.state.get("url"), "URL")),
        "asked_headers": _headers(request.state.get("headers")),
        "asked_body": of_type(request.state.get("_content", b""), bytes),
        "status": _status(response.state.get("status_code")),
        "headers": _headers(response.state.get("headers")),
        "body": of_type(response.state["_content"], bytes),
    }


def _status(value: Any) -> int:
    """Returns a status; the enumerations of statuses hold theirs."""
    if isinstance(value, Thing) and value.name in {"HTTPStatus", "codes"} and len(value.args) == 1:
        value = value.args[0]
    status: int = of_type(value, int)
    return status


def _headers(headers: Any) -> _Pairs:
    """Returns the pairs of headers, which httpx keeps with the name in lower case between name and value."""
    pairs: _Pairs = []
    for item in of_type(_thing(headers, "Headers").state.get("_list"), list):
        parts: tuple[Any, ...] = of_type(item, tuple)
        if len(parts) != 3:
            raise Refused("its headers are not those of a recording")
        name, _lowered, value = parts
        pairs.append((of_type(name, bytes), of_type(value, bytes)))
    return pairs


def _url(url: Thing) -> str:
    """Returns the text of a URL, from the parts in which each version of httpx keeps it."""
    parts = url.state.get("_uri_reference")
    if not isinstance(parts, Thing) or any(not isinstance(part, str | int | None) for part in parts.args):
        raise Refused("its URL is not that of a recording")
    if parts.name == "URIReference" and len(parts.args) == 5:
        scheme, authority, path, query, _fragment = parts.args
    elif parts.name == "ParseResult" and len(parts.args) == 7:
        scheme, userinfo, host, port, path, query, _fragment = parts.args
        authority = f"{userinfo}@" if userinfo else ""
        authority += f"[{host}]" if ":" in str(host) else str(host)
        authority += "" if port is None else f":{port}"
    else:
        raise Refused("its URL is not that of a recording")
    return f"{scheme}://{authority}{path or ''}" + ("" if query is None else f"?{query}")


def _thing(value: Any, name: str) -> Thing:
    if not isinstance(value, Thing) or value.name != name:
        raise Refused(f"it has no httpx.{name} where a recording has one")
    return value


def _size(value: _Value) -> int:
    if isinstance(value, list):
        return sum(len(name) + len(text) for name, text in value)
    return len(value) if isinstance(value, str | bytes) else 0


def _shown(value: _Value) -> Any:
    """Returns a value as JSON can hold it: bytes that are headers in Latin-1, others in base64."""
    if isinstance(value, list):
        return [[name.decode("latin-1"), text.decode("latin-1")] for name, text in value]
    return base64.b64encode(value).decode() if isinstance(value, bytes) else value
