"""Entries of HARs as Chrome, Firefox, Safari, Playwright and proxies write them, read with tolerance."""

from __future__ import annotations

import base64
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from ..replay.content import media_type_of
from ..replay.key import ANY_TASTE, OF_TASTE
from ..replay.recording import RecordedError
from ..replay.redacting import Headers
from .archives import UNPACKING, Place
from .found import Exchange, Unusable, first_value, headers_from, text_in, when_in

__all__ = ["exchange_in"]

_CHARSET: Final = re.compile(r"charset\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)
_GIVEN_UP: Final = re.compile(r"ABORTED|BLOCKED|BLOCKLIST|CANCEL|TOO_MANY_REDIRECTS|REDIRECT_LOOP", re.IGNORECASE)
_NAME: Final = re.compile(r"[A-Za-z_:]{1,60}")
_KINDS: Final = (
    ("ConnectTimeout", re.compile(r"CONNECTION_TIMED_OUT|ConnectTimeout")),
    ("ReadTimeout", re.compile(r"TIMED_?OUT|TIMEOUT", re.IGNORECASE)),
    ("ProxyError", re.compile(r"PROXY|TUNNEL", re.IGNORECASE)),
    (
        "ConnectError",
        re.compile(
            r"REFUSED|NAME_|RESOLVED|UNKNOWN_HOST|OFFLINE|UNREACHABLE|DISCONNECTED|SSL|CERT|ENOTFOUND|SEC_ERROR"
        ),
    ),
    (
        "RemoteProtocolError",
        re.compile(r"EMPTY_RESPONSE|INVALID|PROTOCOL|HTTP2|CONTENT_LENGTH|INCOMPLETE|PARTIAL", re.IGNORECASE),
    ),
)
"""How the errors that browsers name (`net::ERR_…`, `NS_ERROR_…`) are called in httpx, first match first."""
_ANY_KIND: Final = "ReadError"


def exchange_in(entry: Any, directory: Place, otherwise: datetime) -> Exchange:
    """Returns the exchange that an entry describes.

    Args:
        entry: the entry.
        directory: where files with bodies are.
        otherwise: the date of an entry that has none.

    Raises:
        Unusable: saying why it is none that can be replayed.
        KeyError, TypeError, ValueError, AttributeError: when it is no entry at all.
    """
    asked, answered = entry["request"], entry["response"]
    _refuse_others(entry, text_in(asked["url"]))
    headers = _headers(asked)
    data: Any = asked.get("postData") or {}
    body = _asked_body(data, directory)
    media_type = text_in(data.get("mimeType"))
    if body and media_type and not media_type_of(headers):
        headers += headers_from([("content-type", media_type)])
    status, error = _status(answered), _error_in(entry, answered)
    answer_headers = _answer_headers(answered)
    return Exchange(
        text_in(asked["method"]),
        text_in(asked["url"]).partition("#")[0],
        _for_programs(headers),
        body,
        _date(entry, when_in(answer_headers, otherwise)),
        status,
        answer_headers,
        b"" if status is None else _content(asked, answered, status, directory),
        error,
        reason=text_in(answered.get("statusText")),
    )


def _refuse_others(entry: Any, url: str) -> None:
    scheme = url.partition(":")[0].lower()
    is_socket = scheme in {"ws", "wss"} or entry.get("_resourceType") == "websocket" or "_webSocketMessages" in entry
    if is_socket or entry["response"].get("status") == 101:
        raise Unusable("it is a WebSocket, and only requests with an answer are recorded")
    if scheme not in {"http", "https"}:
        raise Unusable(f"it did not go over HTTP but is a {scheme or 'nameless'}: URL")


def _status(answered: Any) -> int | None:
    """Returns the status; browsers write 0, Playwright -1, others nothing where no answer came."""
    status = int(answered.get("status") or 0)
    return status if status > 0 else None


def _error_in(entry: Any, answered: Any) -> RecordedError | None:
    """Returns the error of an entry, as Chrome and Playwright tell it.

    Raises:
        Unusable: when it was the page that gave up, or when there is neither an answer nor an error.
    """
    places = (answered.get("_error"), answered.get("_failureText"), entry.get("_error"), entry.get("_failureText"))
    said = next((text_in(each) for each in places if each), "")
    if not said:
        if _status(answered) is None:
            raise Unusable("no answer came (status 0), and it does not say why")
        return None
    if _GIVEN_UP.search(said):
        name = _NAME.match(said)
        raise Unusable(f"it was given up or blocked before its end{f' ({name[0]})' if name else ''}")
    return RecordedError(next((kind for kind, pattern in _KINDS if pattern.search(said)), _ANY_KIND), said)


def _headers(side: Any) -> Headers:
    return headers_from((each["name"], each.get("value")) for each in side.get("headers") or ())


def _for_programs(headers: Headers) -> Headers:
    """Returns headers that ask for any kind in any language: what a browser asks for is of its page and its user.

    A program that replays would have to ask for just the same.
    """
    others = [pair for pair in headers if pair[0].lower() not in OF_TASTE]
    return ANY_TASTE, *others


def _answer_headers(answered: Any) -> Headers:
    headers = _headers(answered)
    content: Any = answered.get("content") or {}
    target, media_type = answered.get("redirectURL"), content.get("mimeType")
    if target and not first_value(headers, "location"):
        headers += headers_from([("location", target)])
    if media_type and media_type != "x-unknown" and not media_type_of(headers):
        headers += headers_from([("content-type", media_type)])
    return headers


def _date(entry: Any, otherwise: datetime) -> datetime:
    """Returns when the answer came: an entry tells when it was asked for, and how many milliseconds that took."""
    started, took = entry.get("startedDateTime"), entry.get("time")
    if not isinstance(started, str):
        return otherwise
    milliseconds = took if isinstance(took, int | float) and took > 0 else 0
    return datetime.fromisoformat(started).astimezone(UTC) + timedelta(milliseconds=milliseconds)


def _asked_body(data: Any, directory: Place) -> bytes:
    if data.get("_file"):
        return _file(data["_file"], directory)
    if data.get("text"):
        return _bytes(data["text"], data.get("encoding") or data.get("_encoding"), text_in(data.get("mimeType")))
    params = data.get("params") or ()
    if any("fileName" in each for each in params):
        raise Unusable("the file that it uploaded is not in the HAR")
    return urlencode([(text_in(each["name"]), text_in(each.get("value"))) for each in params]).encode()


def _content(asked: Any, answered: Any, status: int, directory: Place) -> bytes:
    content: Any = answered.get("content") or {}
    if content.get("_file"):
        return _file(content["_file"], directory)
    text = content.get("text")
    if text:
        return _bytes(text, content.get("encoding"), media_type_of(_answer_headers(answered)))
    has_none = text_in(asked["method"]).upper() == "HEAD" or status in {204, 205, 304}
    size = max(int(content.get("size") or 0), 0)
    if size and not has_none and not 300 <= status < 400:
        raise Unusable(f"its body of {size:,} bytes is not in the HAR: save it with content")
    return b""


def _file(name: Any, directory: Place) -> bytes:
    if not isinstance(name, str) or Path(name).name != name or "\\" in name:
        raise Unusable("its body is in a file elsewhere, and only those beside the HAR are read")
    try:
        return (directory / name).read_bytes()
    except (OSError, *UNPACKING) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        raise Unusable(f"its body is in the file {name}, which cannot be read ({why})") from error


def _bytes(text: Any, encoding: Any, media_type: str) -> bytes:
    """Returns the bytes of a body: those of the charset its headers name, since browsers write decoded text."""
    if encoding == "base64":
        return base64.b64decode(text)
    charset = _CHARSET.search(media_type)
    try:
        return text_in(text).encode(charset[1] if charset else "utf-8")
    except (LookupError, UnicodeError):  # no charset, or not that of the text
        return text_in(text).encode("utf-8", "replace")
