"""Cassettes of vcrpy, in YAML and JSON, of every version of the format."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

from ..exceptions import UnreadableRecording
from ..replay.recording import Recording
from ..replay.redacting import Headers
from .found import Exchange, Found, Unusable, adopted, headers_from, recordings_of, text_in, when_in
from .safe_yaml import load_yaml

__all__ = ["found_in_cassette", "interactions_in", "read_cassette"]

_PORTS: Final = {"http": 80, "https": 443}
_BODIES: Final = ("string", "base64_string")


def read_cassette(path: str | Path) -> list[Recording]:
    """Returns the recordings that a cassette of vcrpy makes, without the secrets in it.

    YAML needs the extra `gracy-transport[yaml]`. Nothing in it is executed: a Python object that no cassette needs is
    left out by its name, with a warning. A cassette has no dates, so those of the answers' Date headers are taken, or
    that of the file.

    Raises:
        UnreadableRecording: when the file cannot be read, or is no cassette.
    """
    path = Path(path)
    return recordings_of(path, found_in_cassette(path))


def found_in_cassette(path: Path) -> Iterator[Found]:
    """Yields what each interaction of a cassette makes, or why it makes nothing.

    Raises:
        UnreadableRecording: when the file cannot be read, or is no cassette.
    """
    interactions = interactions_in(path)
    otherwise = datetime.fromtimestamp(path.stat().st_mtime, UTC)
    yield from adopted(
        (f"interaction {number}", _asked(each), partial(_exchange_in, each, otherwise))
        for number, each in enumerate(interactions, 1)
    )


def interactions_in(path: Path) -> list[Any]:
    """Returns the interactions of a cassette as they stand there.

    Raises:
        UnreadableRecording: when the file cannot be read, or is no cassette.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UnreadableRecording(
            f"{path} cannot be read ({error.strerror}): check its name and permissions"
        ) from error
    document = _loaded(path, content)
    # The first versions wrote a plain list.
    found = cast("dict[str, Any]", document).get("interactions") if isinstance(document, dict) else document
    if not isinstance(found, list):
        raise UnreadableRecording(f"{path} is no cassette of vcrpy: it has no list of interactions")
    return list(cast("Iterable[Any]", found))


def _loaded(path: Path, content: bytes) -> Any:
    if content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in {b"{", b"["}:
        try:
            return json.loads(content.decode("utf-8-sig"))
        except (ValueError, RecursionError):
            pass  # YAML may begin like that, too
    return load_yaml(path, content)


def _exchange_in(interaction: Any, otherwise: datetime) -> Exchange:
    asked, answered = _fields(_fields(interaction)["request"]), _fields(interaction["response"])
    headers = _headers(answered["headers"])
    return Exchange(
        text_in(asked["method"]),
        _url(asked),
        _headers(asked.get("headers")),
        _body(asked.get("body")),
        when_in(headers, otherwise),
        _status(answered),
        headers,
        # Of httpx, versions up to 5 wrote the decoded text beside headers that say it is compressed.
        _body(answered["content"] if "content" in answered else answered.get("body")),
        is_decoded="content" in answered,
        reason=_reason(answered),
    )


def _asked(interaction: Any) -> tuple[Any, Any] | None:
    try:
        return interaction["request"]["method"], _url(interaction["request"])
    except (KeyError, TypeError, Unusable):
        return None


def _url(asked: Any) -> str:
    if "uri" in asked:
        return text_in(asked["uri"]).partition("#")[0]
    # Before version 1.
    scheme, port = text_in(asked["protocol"]), asked.get("port")
    suffix = "" if port is None or port == _PORTS.get(scheme) else f":{text_in(port)}"
    return f"{scheme}://{text_in(asked['host'])}{suffix}{text_in(asked.get('path'))}"


def _status(answered: Any) -> int:
    status = answered.get("status_code", answered.get("status"))
    if isinstance(status, dict):
        status = _fields(status)["code"]
    return int(text_in(status))


def _reason(answered: Any) -> str:
    status = answered.get("status")
    return text_in(_fields(status).get("message")) if isinstance(status, dict) else ""


def _headers(headers: Any) -> Headers:
    """Returns headers that are a mapping to values or to lists of them, a list of pairs, or of lines."""
    if isinstance(headers, dict):
        return headers_from(_each_value(cast("dict[str, Any]", headers).items()))
    return headers_from(_each_value(_pairs([] if headers is None else headers)))


def _each_value(pairs: Iterable[tuple[Any, Any]]) -> Iterator[tuple[Any, Any]]:
    for name, values in pairs:
        for value in cast("Iterable[Any]", values if isinstance(values, list | tuple) else [values]):
            yield name, value


def _pairs(headers: Any) -> Iterator[tuple[Any, Any]]:
    if not isinstance(headers, list | tuple):
        text_in(headers)
        raise Unusable("its headers are in a layout that no version of vcrpy has")
    for each in cast("Iterable[Any]", headers):
        if isinstance(each, str | bytes):
            name, _colon, value = text_in(each).partition(":")
            yield name.strip(), value.strip()
        elif _is_pair(each):
            yield each[0], each[1]
        else:  # a frozen set of pairs
            yield from _pairs(each)


def _is_pair(each: Any) -> bool:
    return isinstance(each, list | tuple) and len(cast("list[Any]", each)) == 2 and isinstance(each[0], str | bytes)


def _body(body: Any) -> bytes:
    if isinstance(body, dict):
        fields = cast("dict[str, Any]", body)
        layout = next((name for name in _BODIES if name in fields), "")
        if not layout:
            raise Unusable("its body is in a layout that no version of vcrpy has")
        found = _body(fields[layout])
        return base64.b64decode(found) if layout == "base64_string" else found
    if isinstance(body, str):
        return body.encode("utf-8", "surrogateescape")
    if isinstance(body, list | tuple):  # the pieces that an iterator gave
        return b"".join([_body(each) for each in cast("Iterable[Any]", body)])
    if body is None or isinstance(body, bytes):
        return body or b""
    return text_in(body).encode()


def _fields(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        text_in(value)  # says what is wrong with what is no text either
        raise Unusable("it has a text in place of fields")
    return cast("dict[str, Any]", value)
