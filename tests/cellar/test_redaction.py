"""Tests of what must not be shown."""

from __future__ import annotations

import re
from types import ModuleType
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.redaction import (
    REDACTED,
    SECRET_HEADERS,
    hide,
    is_secret_header,
    is_secret_name,
    printable,
    redact_endpoint,
    redact_query,
    redact_url,
)

SECRET_NAMES = [
    "api_key",
    "apikey",
    "API-KEY",
    "access_token",
    "access[token]",
    "token",
    "sig",
    "Signature",
    "X-Amz-Signature",
    "X-Goog-Credential",
    "AWSAccessKeyId",
    "client_secret",
    "password",
    "user.password",
    "code",
    "session_id",
    "csrf-token",
    "secret_access_key",
    "AWSSecretAccessKey",
    "client_assertion",
    "assertion",
    "code_verifier",
    "device_code",
    "auth_code",
    "otp",
    "PHPSESSID",
    "JSESSIONID",
]
PLAIN_NAMES = ["page", "q", "keyboard", "monkey", "tokens_per_page", "country_code_of", "", "signatures"]


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_names_of_secrets_are_known_in_any_spelling(name: str) -> None:
    """Case, hyphens, underscores and brackets make no difference."""
    assert is_secret_name(name)


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_other_names_are_not_secrets(name: str) -> None:
    """A log without its ordinary parameters would be of no use."""
    assert not is_secret_name(name)


def test_urls_of_both_families_are_shown_without_secrets(family: ModuleType) -> None:
    """Userinfo, secret parameters and the fragment go; everything else stays as it was."""
    url = family.URL("https://user:hunter2@api.test:8443/a%20b?page=2&api_key=hunter2&x=%2F#hunter2")
    assert redact_url(url) == f"https://{REDACTED}@api.test:8443/a%20b?page=2&api_key={REDACTED}&x=%2F"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.test", "https://api.test/"),
        ("https://api.test/?", "https://api.test/?"),
        ("https://user@api.test/", f"https://{REDACTED}@api.test/"),
        ("/relative?token=hunter2", f"/relative?token={REDACTED}"),
        ("https://[::1]:80/x", "https://[::1]:80/x"),
        ("https://bücher.test/x", "https://xn--bcher-kva.test/x"),
        ("https://api.test/a?b?token=hunter2", f"https://api.test/a?b?token={REDACTED}"),
        ("https://api.test/a?token=hunter2?b", f"https://api.test/a?token={REDACTED}"),
    ],
)
def test_odd_urls_are_shown_as_far_as_they_go(url: str, shown: str, family: ModuleType) -> None:
    """Nothing is added, nothing is encoded again."""
    assert redact_url(family.URL(url)) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/pokemon/{NAME}", "/pokemon/{NAME}"),
        ("/x?api_key={K}&page={N}", f"/x?api_key={REDACTED}&page={{N}}"),
        ("/x?token=hunter2", f"/x?token={REDACTED}"),
        ("https://me:hunter2@api.test/{NAME}", f"https://{REDACTED}@api.test/{{NAME}}"),
        ("//me:hunter@2@api.test/a@b", f"//{REDACTED}@api.test/a@b"),
        ("/a@b#token=hunter2", "/a@b"),
        ("/a\r\n\x1b[2Jb", "/a%0D%0A%1B[2Jb"),
        ("/x?q=\n", "/x?q=%0A"),
        ("/a\u2028\u202eb", "/a%E2%80%A8%E2%80%AEb"),
        ("/ü b%0a", "/ü b%0a"),
        ("/\ud800", "/%ED%A0%80"),
    ],
)
def test_an_endpoint_is_shown_on_one_line_and_without_secrets(text: str, shown: str) -> None:
    """Userinfo, secret parameters and the fragment go, control characters are encoded, all else stays."""
    assert redact_endpoint(text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("plain ü 10%", "plain ü 10%"),
        ("a\r\nb\x7f", "a%0D%0Ab%7F"),
        ("\u2028\u202e", "%E2%80%A8%E2%80%AE"),
        ("\ud800.", "%ED%A0%80."),
    ],
)
def test_what_a_terminal_would_not_just_show_is_encoded(text: str, shown: str) -> None:
    """Byte by byte in UTF-8, half of a pair too; everything else stays as it is."""
    assert printable(text) == shown


@pytest.mark.parametrize(
    ("patterns", "shown"),
    [
        ([], "/bot123:hunter2/send/bot9"),
        (["hunter2"], f"/bot123:{REDACTED}/send/bot9"),
        (["bot([0-9]+)"], f"/bot{REDACTED}:hunter2/send/bot{REDACTED}"),
        (["/bot([0-9]+):(hunter2)"], f"/bot{REDACTED}:hunter2/send/bot9"),
        (["(/bot)123"], f"{REDACTED}123:hunter2/send/bot9"),
        (["/(bot123)?"], f"/{REDACTED}:hunter2/send/bot9"),
        (["bot123", "hunter2"], f"/{REDACTED}:{REDACTED}/send/bot9"),
        (["nothing"], "/bot123:hunter2/send/bot9"),
    ],
)
def test_what_a_pattern_of_the_user_matches_is_hidden(patterns: list[str], shown: str) -> None:
    """Everywhere: all of the match, or its first group; a group that took no part hides nothing."""
    assert hide("/bot123:hunter2/send/bot9", tuple(re.compile(pattern) for pattern in patterns)) == shown


def test_a_value_may_be_judged_as_well_as_its_name(family: ModuleType) -> None:
    """Both are decoded before, and both ways of showing a query ask."""

    def in_place_of(name: str, value: str) -> str | None:
        return "here" if (name, value) == ("my place", "my key") else None

    assert redact_query("my+place=my%20key&my+place=x&token=y", in_place_of) == "my+place=here&my+place=x&token=y"
    url = family.URL("https://api.test/?my+place=my+key&token=y")
    assert redact_url(url, in_place_of) == "https://api.test/?my+place=here&token=y"


def test_a_query_keeps_what_is_no_secret() -> None:
    """Order, duplicates and odd bits are left alone."""
    assert redact_query("a=1&&flag&a=2&token=x&token=y=z") == f"a=1&&flag&a=2&token={REDACTED}&token={REDACTED}"
    assert redact_query("") == ""
    assert redact_query("token") == "token"


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("page=1;api_key=hunter2;x=3&y=4", f"page=1;api_key={REDACTED}&y=4"),
        ("token=hun;ter2&y=4", f"token={REDACTED}&y=4"),
        ("a;b=1;;token=hunter2", f"a;b=1;;token={REDACTED}"),
        ("a=1;b=2;", "a=1;b=2;"),
    ],
)
def test_a_semicolon_may_be_a_separator_or_a_part_of_a_secret(query: str, shown: str) -> None:
    """Nobody but the server knows, so both are hidden."""
    assert redact_query(query) == shown


def test_a_thousand_semicolons_are_no_trouble() -> None:
    """Whatever a server puts into the target of a redirect."""
    assert redact_query("a=1;" * 100_000 + "token=hunter2") == "a=1;" * 100_000 + f"token={REDACTED}"


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_an_encoded_name_hides_nothing(name: str) -> None:
    """`api%5Fkey` is `api_key` to the server, so it is to us."""
    encoded = "".join(f"%{byte:02X}" for byte in name.encode())
    assert redact_query(f"{encoded}=hunter2") == f"{encoded}={REDACTED}"
    assert redact_query(f"{quote(name)}=hunter2") == f"{quote(name)}={REDACTED}"


@given(
    name=st.sampled_from(SECRET_NAMES),
    secret=st.text("abc123!?=/ ü", min_size=1),
    others=st.dictionaries(st.sampled_from([name for name in PLAIN_NAMES if name]), st.text("xyz &=?", max_size=5)),
)
def test_a_secret_parameter_is_never_shown(name: str, secret: str, others: dict[str, str]) -> None:
    """Whatever stands around it, its value is gone and the others are not."""
    marked = f"hunter2{secret}"
    params = {**others, name: marked}
    shown = redact_url(httpx.URL("https://api.test/path", params=params))
    assert "hunter2" not in shown
    for other, value in others.items():
        assert str(httpx.QueryParams({other: value})) in shown


@pytest.mark.parametrize(
    "name",
    [
        *sorted(SECRET_HEADERS),
        "X-My-Token",
        "X-My-Secret",
        "X-My-API-Key",
        "X-My-Signature",
        "X-RapidAPI-Key",
        "X-Functions-Key",
        "X-Auth-Key",
        "X-ApiKey",
        "X-Subscription-Key",
        "X-CSRFToken",
        "X-Access-Key",
        "X-Secret-Key",
        "X-App-Key",
        "X-Key",
        "X-Session-Id",
        "X-Authorization",
        "X-Password",
        "X-JWT",
        "Access_Token",
        "DD-APPLICATION-KEY",
        "CB-ACCESS-SIGN",
        "CB-ACCESS-PASSPHRASE",
        "Cf-Access-Jwt-Assertion",
        "X-Hub-Signature-256",
        "Token",
        "Password",
    ],
)
def test_secret_headers_are_known_in_any_case(name: str) -> None:
    """The list, and the endings under which APIs invent their own."""
    assert is_secret_header(name)
    assert is_secret_header(name.upper())


@pytest.mark.parametrize(
    "name",
    [
        *("accept", "user-agent", "x-request-id", "content-type", "x-tokens-left", "idempotency-key", "surrogate-key"),
        *("x-code", "x-next-page-token", "x-continuation-token", "x-ms-continuationtoken"),
    ],
)
def test_other_headers_are_not_secrets(name: str) -> None:
    """They are what one looks for in a log."""
    assert not is_secret_header(name)
