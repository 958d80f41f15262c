"""What a request may be given besides its endpoint: the options of httpx, by the same names."""

from __future__ import annotations

from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from typing import Any, TypedDict

__all__ = ["RequestOptions"]


class RequestOptions(TypedDict, total=False):
    """The options of one request. What is left out is the client's.

    Attributes:
        params: query parameters, beside those of the client and of the endpoint itself.
        headers: headers, over those of the client.
        cookies: cookies, over those of the client.
        json: a body to be sent as JSON.
        content: a body of text or bytes.
        data: a form.
        files: files to upload.
        auth: how to authenticate; `None` not to.
        follow_redirects: whether a redirect is followed.
        timeout: seconds, or an `httpx.Timeout`; `None` for no limit.
        extensions: what the transport below may know. `call_options(...)` overrides the configuration for this request,
            over what the method is decorated with.
    """

    params: Mapping[str, Any] | Sequence[tuple[str, Any]] | str | bytes | None
    headers: Mapping[str, str] | Sequence[tuple[str, str]] | None
    cookies: Mapping[str, str] | Any | None
    json: object
    content: str | bytes | Iterable[bytes] | AsyncIterable[bytes] | None
    data: Mapping[str, Any] | None
    files: Mapping[str, Any] | Sequence[tuple[str, Any]] | None
    auth: tuple[str | bytes, str | bytes] | Any | None
    follow_redirects: bool
    timeout: float | Any | None
    extensions: Mapping[str, Any] | None
