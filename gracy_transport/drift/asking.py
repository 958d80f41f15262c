"""Asks a live API again what was recorded of it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus

from ..bodies import discard, readable
from ..exceptions import GracyException
from ..family import family_of
from ..redaction import REDACTED
from ..replay.asked import Terms
from ..replay.config import GracyReplay
from ..replay.content import media_type_of
from ..replay.credentials import Credentials
from ..replay.exchange import read_answer, recording_of
from ..replay.headers import raw_of
from ..replay.key import key_of_recorded
from ..replay.pieces import is_stream
from ..replay.placeholders import is_placeholder
from ..replay.recording import RecordedRequest, RecordedResponse, Recording
from ..replay.redacting import Headers
from ..replay.storage import RecordingStorage
from ..secret_names import is_secret_header
from .compare import Change, compare
from .report import Drift, Drifted, Skipped

__all__ = ["SAFE", "find_drift"]

SAFE: Final = ("GET", "HEAD")
"""The methods that are asked again unless told otherwise: they change nothing."""

_PLACES: Final = ("[redacted]", "[issued-", "[credential-", "%5Bredacted%5D", "%5Bissued-", "%5Bcredential-")
_HIDDEN_HOST: Final = REDACTED.strip("[]")


class _Unasked(Exception):
    """A request cannot be asked again; the message says why."""


async def find_drift(
    storage: RecordingStorage,
    client: Any,
    *,
    methods: str | Collection[str] = SAFE,
    base_url: str | None = None,
    redact: str | re.Pattern[str] | Iterable[str | re.Pattern[str]] = (),
    secret_names: str | Iterable[str] = (),
    public_names: str | Iterable[str] = (),
) -> Drift:
    """Asks a live API again what was recorded of it, and returns what changed.

    ```python
    async with httpx.AsyncClient(auth=…) as client:
        attach(client, GracyConfig(throttling=ThrottleRule(".*", 2)))
        print(await find_drift(SQLiteReplayStorage(), client))
    ```

    Requests are sent one after the other, each once, and compared with what was recorded of them last; redirects are
    not followed, since each hop was recorded. How fast is the client's matter: attach a throttle to it. Nothing is
    recorded, and answers are held in memory one at a time, up to 10 MiB.

    What the client adds (auth, secret headers, cookies, parameters) goes only to hosts that something was recorded on
    with a credential in a header, to the client's own base URL, and to the only host when there is just one: a token
    never reaches the host that an API redirected to. Only the client's own event hooks and its transport see every
    request. What was redacted in a URL cannot be asked again, unless the client has parameters of those names; such
    requests are listed as skipped, like streams, recorded errors, and answers that nothing was modified.

    Args:
        storage: the recordings.
        client: an `AsyncClient` of either family, with the user's own auth.
        methods: which requests are asked again, one or several; GET and HEAD unless given.
        base_url: where to ask instead of the hosts that were recorded, such as a staging system.
        redact, secret_names, public_names: as for the `GracyReplay` that recorded; so live answers are taken alike.

    Raises:
        UnreadableRecording: when the storage cannot be read.
        pydantic.ValidationError: naming the rule that is wrong.
    """
    rules = GracyReplay("replay", storage, redact=redact, secret_names=secret_names, public_names=public_names)
    wanted = {method.upper() for method in ([methods] if isinstance(methods, str) else methods)}
    recordings = [each for each in storage.recordings() if each.request.method.upper() in wanted]
    asker = _Asker(client, recordings, base_url, rules.terms(Credentials()))
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

    def __init__(self, client: Any, recordings: Iterable[Recording], base_url: str | None, terms: Terms) -> None:
        self.asked = self.bare = 0
        self._client = client
        self._family = family_of(client)
        self._base_url = None if base_url is None else base_url.rstrip("/")
        self._terms = terms
        requests = [each.request for each in recordings]
        origins = {self._origin(request.url) for request in requests} - {""}
        with_credentials = {self._origin(request.url) for request in requests if _has_credential(request.headers)}
        self._trusted = origins if len(origins) == 1 else with_credentials | {self._origin(str(client.base_url))}
        self._trusted.discard("")

    async def changes_since(self, recording: Recording) -> tuple[Change, ...]:
        """Returns what is different now. Raises _Unasked when it cannot be asked."""
        answer = recording.response
        if answer is None or recording.error is not None:
            raise _Unasked("an error was recorded, and no whole answer")
        if is_stream(media_type_of(answer.headers)):
            raise _Unasked("it is a stream, which may never end")
        if answer.status == 304:
            raise _Unasked("it was conditional, and its answer without a body")
        request, options = self._request(recording.request)
        self.asked += 1
        self.bare += "auth" in options
        try:
            response = await self._client.send(request, stream=True, follow_redirects=False, **options)
            try:
                live = await self._answer(request, recording.request, response)
            finally:
                await discard(response)
        except (self._family.module.HTTPError, GracyException) as error:
            return (Change("answer", "", f"status {answer.status}", _kind_of(error)),)
        return compare(answer, live)

    async def _answer(self, request: Any, recorded: RecordedRequest, response: Any) -> RecordedResponse:
        """Returns a live answer as it would be recorded, so that both are without secrets; of a stream the head."""
        content = b""
        if not is_stream(response.headers.get("content-type", "")):
            content = (await readable(request, response)).content
        answer = read_answer(response.headers, content)
        made = recording_of(self._terms.asked(request, recorded.body), response.status_code, answer, datetime.now(UTC))
        assert made.response is not None
        return made.response._replace(chunks=(), delays=())

    def _request(self, recorded: RecordedRequest) -> tuple[Any, dict[str, Any]]:
        """Returns the request as it is sent now, and how."""
        headers = raw_of(tuple([pair for pair in recorded.headers if not _is_hidden(pair[1])]))
        if any(place in recorded.body.decode("latin-1") for place in _PLACES):
            raise _Unasked("its body holds a secret, which was redacted")
        origin = self._origin(recorded.url)
        if not origin:
            raise _Unasked("no request can be made of its URL")
        is_trusted = self._base_url is not None or origin in self._trusted
        url, query = self._url(recorded.url, origin, is_trusted=is_trusted)
        content = recorded.body or None
        try:
            if is_trusted:
                build = self._client.build_request
                return build(recorded.method, url, params=query, headers=headers, content=content), {}
            timeout = {"timeout": self._client.timeout.as_dict()}
            asked = self._family.Request(recorded.method, url, headers=headers, content=content, extensions=timeout)
        except (self._family.module.InvalidURL, ValueError) as error:
            raise _Unasked(f"no request can be made of it ({type(error).__name__})") from error
        return asked, {"auth": None}

    def _url(self, recorded: str, origin: str, *, is_trusted: bool) -> tuple[str, list[tuple[str, str]] | None]:
        """Returns the URL to ask, and its parameters when the client has others to add to them."""
        path, mark, query = self._family.module.URL(recorded).raw_path.decode().partition("?")
        params: Collection[str] = dict(self._client.params)
        pairs = [part for part in query.split("&") if part]
        lacking = [unquote_plus(part.partition("=")[0]) for part in pairs if _is_hidden(part.partition("=")[2])]
        unknown = [name for name in lacking if name not in params]
        if unknown:
            raise _Unasked(f"{unknown[0]} in its URL was redacted: give the client that parameter")
        if lacking and not is_trusted:
            raise _Unasked(
                f"{lacking[0]} in its URL was redacted, and what the client adds does not go to its host: nothing was "
                "recorded there with a credential in a header"
            )
        if _is_hidden(path):
            raise _Unasked("a part of its path was redacted")
        if self._base_url is None and _HIDDEN_HOST in origin:
            raise _Unasked("a part of its host was redacted")
        where = self._base_url or origin
        if not (params and is_trusted):
            return f"{where}{path}{mark}{query}", None
        # Of the others the client's are defaults, as ever.
        return f"{where}{path}", [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in lacking]

    def _origin(self, url: str) -> str:
        """Returns where the client would go with a URL, since no other reading of it is worth a token; else nothing."""
        try:
            parsed = self._family.module.URL(url)
        except (self._family.module.InvalidURL, ValueError):
            return ""
        return f"{parsed.scheme}://{parsed.netloc.decode()}" if parsed.host else ""


def _latest(recordings: Iterable[Recording]) -> Iterable[Recording]:
    """Returns of each request what was recorded last."""
    latest: dict[int, Recording] = {}
    for each in recordings:
        key = key_of_recorded(each.request)
        if key not in latest or latest[key].recorded_at <= each.recorded_at:
            latest[key] = each
    return latest.values()


def _has_credential(headers: Headers) -> bool:
    return any(is_secret_header(name) and is_placeholder(value) for name, value in headers)


def _is_hidden(text: str) -> bool:
    return any(place in text for place in _PLACES)


def _kind_of(error: Exception) -> str:
    """Returns the name of an error as its package, or this library, knows it."""
    names = [kind.__name__ for kind in type(error).__mro__ if kind.__module__.startswith("gracy_transport.exceptions")]
    return next(iter(names), type(error).__name__)
