"""Asks a live API again what was recorded of it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

from ..exceptions import GracyException
from ..family import family_of
from ..redaction import is_secret_header
from ..replay.asked import Asked
from ..replay.content import media_type_of
from ..replay.exchange import read_answer, recording_of
from ..replay.key import key_of_recorded
from ..replay.pieces import is_stream
from ..replay.placeholders import is_placeholder
from ..replay.recording import RecordedRequest, RecordedResponse, Recording
from ..replay.redacting import Headers
from ..replay.storage import RecordingStorage
from .compare import Change, compare
from .report import Drift, Drifted, Skipped

__all__ = ["SAFE", "find_drift"]

SAFE: Final = ("GET", "HEAD")
"""The methods that are asked again unless told otherwise: they change nothing."""

_PLACES: Final = ("[redacted]", "[issued-", "[credential-", "%5Bredacted%5D", "%5Bissued-", "%5Bcredential-")
_PORTS: Final = {"http": ":80", "https": ":443"}


class _Unasked(Exception):
    """A request cannot be asked again; the message says why."""


async def find_drift(
    storage: RecordingStorage, client: Any, *, methods: Collection[str] = SAFE, base_url: str | None = None
) -> Drift:
    """Asks a live API again what was recorded of it, and returns what changed.

    ```python
    async with httpx.AsyncClient(auth=…) as client:
        attach(client, GracyConfig(throttling=ThrottleRule(".*", 2)))
        print(await find_drift(SQLiteReplayStorage(), client))
    ```

    Requests are sent one after the other, each once, and compared with what was recorded of them last; redirects are
    not followed, since each hop was recorded. How fast is the client's matter: attach a throttle to it. Nothing is
    recorded, and answers are held in memory one at a time.

    What the client adds (auth, secret headers, cookies, parameters) goes only to hosts that something was recorded on
    with a credential in a header, to the client's own base URL, and to the only host when there is just one: a token
    never reaches the host that an API redirected to. What was redacted in a URL cannot be asked again, unless the
    client has parameters of those names; such requests are listed as skipped, like streams and recorded errors.

    Args:
        storage: the recordings.
        client: an `AsyncClient` of either family, with the user's own auth.
        methods: which requests are asked again; GET and HEAD unless given.
        base_url: where to ask instead of the hosts that were recorded, such as a staging system.
    """
    wanted = {method.upper() for method in methods}
    recordings = [each for each in storage.recordings() if each.request.method.upper() in wanted]
    asker = _Asker(client, recordings, base_url)
    drifted: list[Drifted] = []
    skipped: list[Skipped] = []
    for recording in _latest(recordings):
        request = recording.request
        try:
            changes = await asker.changes_since(recording)
        except _Unasked as why:
            skipped.append(Skipped(request.method, request.url, str(why)))
        else:
            drifted += [Drifted(request.method, request.url, changes)] if changes else []
    return Drift(asker.asked, tuple(drifted), tuple(skipped), asker.bare)


class _Asker:
    """Asks again.

    Attributes:
        asked: how many requests were sent.
        bare: how many of them without what the client adds.
    """

    def __init__(self, client: Any, recordings: Iterable[Recording], base_url: str | None) -> None:
        self.asked = self.bare = 0
        self._client = client
        self._family = family_of(client)
        self._base_url = None if base_url is None else base_url.rstrip("/")
        requests = [each.request for each in recordings]
        origins = {_origin(request.url) for request in requests}
        with_credentials = {_origin(request.url) for request in requests if _has_credential(request.headers)}
        self._trusted = origins if len(origins) == 1 else with_credentials | {_origin(str(client.base_url))}

    async def changes_since(self, recording: Recording) -> tuple[Change, ...]:
        """Returns what is different now. Raises _Unasked when it cannot be asked."""
        answer = recording.response
        if answer is None or recording.error is not None:
            raise _Unasked("an error was recorded, and no whole answer")
        if is_stream(media_type_of(answer.headers)):
            raise _Unasked("it is a stream, which may never end")
        request, options = self._request(recording.request)
        self.asked += 1
        self.bare += "auth" in options
        try:
            response = await self._client.send(request, follow_redirects=False, **options)
        except (self._family.module.RequestError, GracyException) as error:
            return (Change("answer", "", f"status {answer.status}", type(error).__name__),)
        return compare(answer, _answer(request, recording.request, response))

    def _request(self, recorded: RecordedRequest) -> tuple[Any, dict[str, Any]]:
        """Returns the request as it is sent now, and how."""
        headers = [pair for pair in recorded.headers if not _is_hidden(pair[1])]
        if any(place in recorded.body.decode("latin-1") for place in _PLACES):
            raise _Unasked("its body holds a secret, which was redacted")
        is_trusted = self._base_url is not None or _origin(recorded.url) in self._trusted
        params = dict(self._client.params) if is_trusted else {}
        url, query = self._url(recorded.url, params)
        try:
            if is_trusted:
                asked = self._client.build_request(
                    recorded.method, url, params=query, headers=headers, content=recorded.body or None
                )
                return asked, {}
            asked = self._family.Request(
                recorded.method,
                url,
                headers=headers,
                content=recorded.body or None,
                extensions={"timeout": self._client.timeout.as_dict()},
            )
        except (self._family.module.InvalidURL, ValueError) as error:
            raise _Unasked(f"no request can be made of it ({type(error).__name__})") from error
        return asked, {"auth": None}

    def _url(self, recorded: str, params: dict[str, str]) -> tuple[str, list[tuple[str, str]] | None]:
        """Returns the URL to ask, and its parameters when the client has others to add to them."""
        scheme, _slashes, rest = recorded.partition("://")
        authority, slash, target = rest.partition("/")
        path, mark, query = target.partition("?")
        pairs = [part for part in query.split("&") if part]
        lacking = [unquote_plus(part.partition("=")[0]) for part in pairs if _is_hidden(part.partition("=")[2])]
        unknown = [name for name in lacking if name not in params]
        if unknown:
            raise _Unasked(f"{unknown[0]} in its URL was redacted: give the client that parameter")
        if _is_hidden(path):
            raise _Unasked("a part of its path was redacted")
        origin = self._base_url or f"{scheme}://{authority.rpartition('@')[2]}"
        if not params:
            return f"{origin}{slash}{path}{mark}{query}", None
        known = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name not in params]
        return f"{origin}{slash}{path}", known


def _latest(recordings: Iterable[Recording]) -> Iterable[Recording]:
    """Returns of each request what was recorded last."""
    latest: dict[int, Recording] = {}
    for each in recordings:
        key = key_of_recorded(each.request)
        if key not in latest or latest[key].recorded_at <= each.recorded_at:
            latest[key] = each
    return latest.values()


def _answer(request: Any, recorded: RecordedRequest, response: Any) -> RecordedResponse:
    """Returns a live answer as it would be recorded, so that both are without secrets."""
    asked = Asked(request, recorded.body)
    answer = read_answer(response.headers, response.content)
    made = recording_of(asked, response.status_code, answer, datetime.now(UTC)).response
    assert made is not None
    return made._replace(chunks=(), delays=())


def _has_credential(headers: Headers) -> bool:
    return any(is_secret_header(name) and is_placeholder(value) for name, value in headers)


def _is_hidden(text: str) -> bool:
    return any(place in text for place in _PLACES)


def _origin(url: str) -> str:
    scheme, _slashes, rest = url.lower().partition("://")
    authority = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return f"{scheme}://{authority.removesuffix(_PORTS.get(scheme, ' '))}"
