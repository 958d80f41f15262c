"""A request as it is looked up and recorded: what was asked, without secrets, by whom, and the key that makes."""

from __future__ import annotations

from collections.abc import Callable, Collection
from copy import copy
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias, cast
from urllib.parse import quote_plus, unquote_plus

from ..family import family_of
from ..redaction import REDACTED, address_and_query, redact_query
from ..secret_names import plain_name
from .coding import without_encoding
from .credentials import Credentials, Issuer
from .headers import raw_of
from .key import OF_TASTE, key_of, key_of_match, normal_headers, places_of_telling
from .looks import SURE_LENGTH
from .matching import DEFAULT_PARTS, Parts, headers_in, match_of, text_of_match
from .placeholders import holder_of
from .recording import RecordedRequest
from .redacting import Headers, places_worth_recording, redact_asked_body, redact_asked_headers
from .rules import DEFAULT_RULES, Rules
from .secrets import Secrets
from .shapes import may_hold_shapes, without_shapes

if TYPE_CHECKING:
    from ..family import Request

__all__ = ["PLAIN", "Asked", "Terms", "request_from"]


@dataclass(frozen=True, slots=True)
class Terms:
    """In which terms requests are looked up and recorded.

    Attributes:
        rules: what counts as a secret.
        match_on: by which parts, or by what function of the request without its secrets.
        credentials: what names the users of requests; without it they are not told apart.
        credential: a function of the request that says whose it is, as a text, or `None` for nobody's; what
            `credential_in` finds unless given.
    """

    rules: Rules = DEFAULT_RULES
    match_on: Parts | Callable[[Any], object] = DEFAULT_PARTS
    credentials: Credentials | None = None
    credential: Callable[[Any], str | None] | None = None

    @property
    def matched(self) -> frozenset[str]:
        """The headers that requests are looked up by because a user says so."""
        if self.match_on == DEFAULT_PARTS or callable(self.match_on):
            return _NONE
        return headers_in(self.match_on)

    @property
    def issued_as(self) -> Callable[[str], str] | None:
        """What says the placeholder of a token that an answer issued; `None` while there are none."""
        credentials = self.credentials
        return credentials.issued_as if credentials is not None and credentials.has_issued else None

    def asked(self, request: Request, content: bytes) -> Asked:
        """Returns a request in these terms."""
        return Asked(request, content, terms=self)


_NONE: Final[frozenset[str]] = frozenset()

PLAIN: Final = Terms()
"""Requests are looked up by method, URL, body and the headers that tell something, and are all nobody's."""


Places: TypeAlias = tuple[tuple[int, str], ...]
"""Where among the headers of a request some are, and their names in lower case."""

_ANYTHING: Final = (("accept", "*/*"),)
"""What a request without headers of its own has left."""


class _Places(NamedTuple):
    """Where the headers of a request are that hold secrets, that tell what is asked, that are worth recording."""

    secret: Places
    telling: Places
    worth: Places


@lru_cache(maxsize=256)  # most requests of a program have the same headers
def _places(
    names: tuple[bytes, ...], secret_names: frozenset[str], public_names: frozenset[str], matched: frozenset[str]
) -> _Places:
    rules = Rules(secret_names=secret_names, public_names=public_names)
    return _Places(rules.places_of_secrets(names), places_of_telling(names), places_worth_recording(names, matched))


class Asked:
    """A request as it is looked up: what was asked, without secrets, and the key that makes.

    Attributes:
        live: the request itself, secrets and all.
        content: its body, secrets and all, without a content encoding.
        key: under which answers to it are recorded.
        credential: the name of whose request it is; empty for nobody's.
        sequence: whose answers to the request come one after the other: its key and credential.
        match: the text that it is looked up by; empty where that is what it is unless told otherwise.
    """

    __slots__ = (
        *("_body", "_headers", "_is_decoded", "_media_type", "_places", "_raw", "_secrets", "_terms", "_url"),
        *("content", "credential", "key", "live", "match", "sequence"),
    )

    def __init__(
        self, request: Request, content: bytes, credential: str | None = None, *, terms: Terms = PLAIN
    ) -> None:
        self.live = request
        encoding = request.headers.get("content-encoding", "") if content else ""
        # Encoded, it would hold its secrets, and gzip's time of day.
        self.content = without_encoding(request, encoding, content) if encoding else content
        self._is_decoded = self.content is not content
        self._terms, rules = terms, terms.rules
        self._secrets = secrets = Secrets(rules, issued_as=terms.issued_as)
        self._media_type = request.headers.get("content-type", "") if content else ""
        self._raw = raw = request.headers.raw
        names = tuple([name for name, _value in raw])
        self._places = places = _places(names, rules.secret_names, rules.public_names, terms.matched)
        self._headers = headers = self._at(places.secret)
        for name, value in headers:
            secrets.add_header(name, value, shortest=SURE_LENGTH)
        self._url = _redacted_url(request.url, secrets)
        parameters = len(secrets.fields)
        self._body = redact_asked_body(self.content, self._media_type, secrets) if content else b""
        self.credential = self._named(parameters) if credential is None else credential
        self.match = ""
        if terms.match_on == DEFAULT_PARTS:
            self.key = self._key()
        else:
            self.match = self._matched(terms.match_on)
            self.key = key_of_match(self.match)
        self.sequence = self.key, self.credential

    @property
    def facts(self) -> RecordedRequest:
        """The request as it is recorded."""
        matched = self._terms.matched
        headers = self._at(self._places.worth)
        if headers == _ANYTHING and not matched:
            headers = ()
        elif headers:
            headers = redact_asked_headers(headers, self._known(), matched)
        if self._is_decoded:
            headers = tuple([pair for pair in headers if pair[0] != "content-encoding"])
        return RecordedRequest(self.live.method, self._url, headers, self._body, self.credential, self.match)

    @property
    def hidden_names(self) -> tuple[str, ...]:
        """The names of the parameters and fields whose values are replaced, so that they tell no requests apart."""
        return tuple(dict.fromkeys(name for name, _value in self._secrets.fields))

    @property
    def secrets(self) -> Secrets:
        """The secrets in the request, each of them to be replaced by `[redacted]`."""
        return self._with_headers(Secrets(self._terms.rules, issued_as=self._terms.issued_as))

    def secrets_for_answer(self, position: int) -> Secrets:
        """Returns the secrets of the request, which know what to record in place of those of an answer to it."""
        credentials = self._terms.credentials or Credentials()
        refreshed = [value for name, value in self._secrets.fields if plain_name(name) == "refreshtoken"]
        holder = holder_of(refreshed[0]) or holder_of(credentials.placeholder_for(refreshed[0])) if refreshed else ""
        issuer = Issuer(credentials, f"{self.key} {self.credential} {position}", holder)
        return self._with_headers(Secrets(self._terms.rules, issuer, self._terms.issued_as, is_answer=True))

    def of_any_taste(self) -> Asked | None:
        """Returns the same request as if it took any kind in any language; `None` where that is no other request."""
        twin = copy(self)
        twin.key = self.key if self.match else self._key(left_out=OF_TASTE)
        twin.sequence = twin.key, self.credential
        return None if twin.key == self.key else twin

    def _key(self, left_out: Collection[str] = ()) -> int:
        headers = self._at(self._places.telling)
        if not headers or headers == _ANYTHING:
            return key_of(self.live.method, self._url, self._body, self._media_type)
        if left_out:
            headers = tuple([pair for pair in headers if pair[0] not in left_out])
        secrets, rules = self._secrets, self._terms.rules
        if len(secrets) or secrets.knows_issued or rules.patterns or rules.secret_names:
            headers = redact_asked_headers(headers, secrets)
        told = normal_headers(headers)
        return key_of(self.live.method, self._url, self._body, self._media_type, told)

    def _at(self, places: Places) -> Headers:
        """Returns some of the headers, their names in lower case."""
        return tuple([(name, self._raw[place][1].decode("latin-1")) for place, name in places]) if places else ()

    def _known(self) -> Secrets:
        """Returns what is known of the secrets in the headers of the request from all of it."""
        secrets = Secrets(self._terms.rules, issued_as=self._terms.issued_as)
        secrets.add_all(self._secrets)
        return secrets

    def _with_headers(self, secrets: Secrets) -> Secrets:
        secrets.add_all(self._secrets)
        for name, value in self._headers:
            secrets.add_header(name, value)
        if self.live.url.userinfo:
            secrets.add_user(self.live.url.username, self.live.url.password)
        return secrets

    def _named(self, parameters: int) -> str:
        """Returns the name of the credential; `parameters` is how many of the secret fields are in the URL."""
        credentials, ask = self._terms.credentials, self._terms.credential
        if credentials is None:
            return ""
        if ask is not None:
            said = cast("object", ask(self.live))
            if said is not None and not isinstance(said, str):
                raise TypeError(
                    f"credential= says a value of type {type(said).__name__} of {self}: let it return a text, or None"
                )
            return credentials.name_of(said or "")
        headers, fields, userinfo = self._headers, self._secrets.fields, self.live.url.userinfo
        if not headers and not fields and not userinfo:
            return ""
        return credentials.name_in(headers, userinfo, fields[:parameters], fields[parameters:], self._terms.rules)

    def _matched(self, match_on: Parts | Callable[[Any], object]) -> str:
        if not callable(match_on):
            return match_of(match_on, self.facts)
        return text_of_match(match_on(request_from(self)))

    def __str__(self) -> str:
        """Names the request as messages do: method and URL, without secrets."""
        return f"{self.live.method} {self._url}"


def request_from(asked: Asked) -> Request:
    """Returns a request that asks the same without secrets."""
    facts = asked.facts
    return family_of(asked.live).Request(facts.method, facts.url, headers=raw_of(facts.headers), content=facts.body)


def _in_place_of(secrets: Secrets, name: str, value: str) -> str | None:
    """Returns what is recorded in place of the value of a parameter, or `None` when it stays as it is."""
    place = secrets.in_place_of(name, value)
    if not may_hold_shapes(value) or plain_name(name) in secrets.rules.public_names:
        return place
    shown = value if place is None else unquote_plus(place)
    cleaned = without_shapes(shown, secrets.replaced)
    return place if cleaned == shown else quote_plus(cleaned, safe="[]")


def _redacted_url(url: Any, secrets: Secrets) -> str:
    """Returns a URL without secrets, from which a request can be made all the same."""
    text, query = address_and_query(url)
    if query:
        may_be_secret = secrets.knows_issued or secrets.rules.may_be_secret(query) or may_hold_shapes(query)
        text += redact_query(query, partial(_in_place_of, secrets)) if may_be_secret else query
    if len(secrets) or secrets.knows_issued:
        start = text.find("/", text.find("://") + 3)
        path, mark, query = text[start:].partition("?")
        if secrets.knows_issued:
            path = "/".join([secrets.recognised(segment) for segment in path.split("/")])
        text = text[:start] + secrets.remove_from(f"{path}{mark}{query}")
    if not secrets.rules.patterns:
        return text
    scheme, slashes, rest = secrets.rules.hide(text).partition("://")
    authority, slash, target = rest.partition("/")
    userinfo, at, host = authority.rpartition("@")
    # A name of a host has no brackets.
    return f"{scheme}{slashes}{userinfo}{at}{host.replace(REDACTED, REDACTED.strip('[]'))}{slash}{target}"
