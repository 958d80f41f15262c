"""The names of what is secret: of headers, of parameters, of fields. One list for what is shown and what is stored."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["SECRET_HEADERS", "is_secret_header", "is_secret_name", "plain_name"]

SECRET_HEADERS: Final = frozenset(
    {
        "authorization",
        "proxy-authorization",
        "authentication",
        "cookie",
        "set-cookie",
        "x-api-key",
        "api-key",
        "apikey",
        "x-auth-token",
        "x-access-token",
        "x-csrf-token",
        "x-goog-api-key",
        "x-amz-security-token",
        "private-token",
        "ocp-apim-subscription-key",
        "password",
        "token",
    }
)
"""Header names (lower case) whose values are never shown."""

# The signed-query keys of OpenTelemetry's semantic conventions (AWSAccessKeyId, Signature, sig, X-Goog-Signature)
# and the names under which APIs take keys in the query.
_SECRET_NAMES: Final = frozenset(
    {
        *("accesskey", "accesskeyid", "accesstoken", "accountkey", "apikey", "apitoken", "appid", "appkey"),
        *("assertion", "auth", "authcode", "authkey", "authorization", "authtoken", "awsaccesskeyid"),
        *("awssecretaccesskey", "bearer", "clientassertion", "clientsecret", "code", "codeverifier", "consumerkey"),
        *("credential", "credentials", "devicecode", "encryptionkey", "hmac", "idtoken", "jsessionid", "jwt", "key"),
        *("masterkey", "otp", "pass", "passphrase", "passwd", "password", "passwordconfirmation", "phpsessid"),
        *("connectionstring", "cvc", "cvv", "dsn", "passcode", "pat", "pin", "securitycode"),
        *("privatekey", "pwd", "refreshtoken", "secret", "secretaccesskey", "secretkey", "session", "sessionid"),
        *("sessionkey", "sessiontoken", "sharedaccesskey", "sig", "signature", "signingkey", "subscriptionkey"),
        *("token", "xamzcredential", "xamzsecuritytoken", "xamzsignature", "xgoogcredential", "xgoogsignature"),
    }
)
_PLACES: Final = frozenset(
    {
        *("aftertoken", "beforetoken", "continuationtoken", "cursortoken", "deltatoken", "listtoken", "markertoken"),
        *("newstartpagetoken", "nextbackwardtoken", "nextcontinuationtoken", "nextforwardtoken", "nextpagetoken"),
        *("nextpaginationtoken", "nextsynctoken", "nexttoken", "pagetoken", "paginationtoken", "pagingtoken"),
        *("offsettoken", "positiontoken", "recordstoken", "recordtoken", "resultstoken", "watermarktoken"),
        *("previouspagetoken", "previoustoken", "prevpagetoken", "prevtoken", "resumetoken", "scrolltoken"),
        *("skiptoken", "startingtoken", "startpagetoken", "starttoken", "synctoken"),
    }
)
"""Names that say where a list goes on, as they are or at their end: redacted, all pages would look like the same
request."""

_MODEL_TOKENS: Final = frozenset(
    {
        *("bostoken", "clstoken", "endtoken", "eostoken", "imagetoken", "masktoken", "outputtoken", "padtoken"),
        *("prompttoken", "septoken", "stoptoken", "unktoken"),
    }
)
"""Pieces of text that a language model knows."""

_NOT_A_LETTER: Final = re.compile(r"[^a-z0-9]")
_SECRET_ENDINGS: Final = ("token", "secret", "password", "apikey", "signature")
_HEADER_ENDINGS: Final = (
    *(
        "-apikey",
        "-assertion",
        "-authorization",
        "-key",
        "-passphrase",
        "-secret",
        "-sign",
        "-signature",
        "-signature-256",
        "-token",
    ),
    *("access-key", "api-key", "application-key", "auth-key", "functions-key", "master-key", "subscription-key"),
)
_PLACE_ENDINGS: Final = tuple(_PLACES)
_NO_HEADERS: Final = frozenset({"appid", "code", "pat", "pin"})
"""Names that are plain data as those of headers."""
_KEYS_OF_DATA: Final = (
    *("blobkey", "cachekey", "deduplicationkey", "dedupkey", "groupkey", "hashkey", "idempotencykey", "lockkey"),
    *("messagekey", "objectkey", "orderingkey", "partitionkey", "primarykey", "publickey", "publishablekey"),
    *("rangekey", "resourcekey", "routingkey", "rowkey", "shardkey", "sortkey", "surrogatekey", "tagkey"),
    "websocketkey",
)
"""Ends of names of headers that say which one of many things is meant."""
_DATA_ENDINGS: Final = _PLACE_ENDINGS + _KEYS_OF_DATA


def plain_name(name: str) -> str:
    """Returns a name as all ways of writing it have it: `apikey` for `API-Key` and `api_key`."""
    return _NOT_A_LETTER.sub("", name.lower())


def is_secret_name(name: str) -> bool:
    """Tells whether a query parameter or a field of that name holds a secret (`api_key`, `access-token`, `sig` …)."""
    plain = plain_name(name)
    if plain in _SECRET_NAMES:
        return True
    return plain.endswith(_SECRET_ENDINGS) and not plain.endswith(_PLACE_ENDINGS) and plain not in _MODEL_TOKENS


def is_secret_header(name: str) -> bool:
    """Tells whether the value of that header is a secret."""
    lowered = name.lower()
    plain = _NOT_A_LETTER.sub("", lowered.removeprefix("x-"))
    if plain.endswith(_DATA_ENDINGS) or plain in _NO_HEADERS:
        return False
    return lowered in SECRET_HEADERS or lowered.endswith(_HEADER_ENDINGS) or is_secret_name(plain)
