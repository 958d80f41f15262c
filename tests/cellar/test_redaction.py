"""Tests of what must not be shown."""

from __future__ import annotations

import re
from types import ModuleType
from urllib.parse import quote, quote_plus

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.redaction import (
    REDACTED,
    as_hidden,
    hide,
    printable,
    redact_endpoint,
    redact_query,
    redact_url,
)
from gracy_transport.secret_names import SECRET_HEADERS, is_secret_header, is_secret_name

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
    "hmac",
    "appid",
    "app_id",
    "pass",
    "sessionKey",
    "accessKeyId",
    "SharedAccessKey",
    "AccountKey",
    "encryption_key",
    "signing-key",
    "consumer_key",
    "master_key",
    "password_confirmation",
]
PLAIN_NAMES = [
    "page",
    "passed",
    "app",
    "q",
    "keyboard",
    "monkey",
    "tokens_per_page",
    "country_code_of",
    "",
    "signatures",
]


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
        (["bot(x)?[0-9]"], "/bot123:hunter2/send/bot9"),
        (["bot(x*)[0-9]"], "/bot123:hunter2/send/bot9"),
        (["(x)?:(x*)(hunter2)(/send)"], f"/bot123:{REDACTED}/send/bot9"),
        (["bot([0-9]{3})|(hunter2)"], f"/bot{REDACTED}:{REDACTED}/send/bot9"),
        (["bot123", "hunter2"], f"/{REDACTED}:{REDACTED}/send/bot9"),
        (["nothing"], "/bot123:hunter2/send/bot9"),
        (["(?<=send)"], "/bot123:hunter2/send/bot9"),
    ],
)
def test_what_a_pattern_of_the_user_matches_is_hidden(patterns: list[str], shown: str) -> None:
    """Everywhere: all of the match, or the first group that matched anything; where there is nothing, nothing is."""
    assert hide("/bot123:hunter2/send/bot9", tuple(re.compile(pattern) for pattern in patterns)) == shown


def test_patterns_are_compiled() -> None:
    """Those that are already stay as they are."""
    own = re.compile("hunter2", re.IGNORECASE)
    assert as_hidden(["/bot([^/]+)", own]) == (re.compile("/bot([^/]+)"), own)
    assert as_hidden([]) == ()


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "x*",
        "a|",
        "^",
        "$",
        "^$",
        r"\b",
        r"\B",
        "(?=x)",
        "(?=bot)",
        "(?<==)",
        "(?!x)",
        r"\bx*",
        "(x*)",
        "(?<=token=)x*",
    ],
)
def test_a_pattern_that_matches_where_nothing_is_is_refused(pattern: str) -> None:
    """It would hide nothing, or not what was meant; the error says which it is, and what a pattern should do."""
    with pytest.raises(ValueError) as caught:
        as_hidden(["hunter2", pattern])
    assert str(caught.value) == (
        f"{pattern!r} matches where there is no character to hide: let it match the secret itself, "
        "and one character at least (`+` in place of `*`)"
    )


@pytest.mark.parametrize("pattern", ["x+", "bot(x*)", "(?<=bot)[^/]+", r"\bhunter2\b", "bot(?=x)", "x|y"])
def test_a_pattern_that_matches_a_character_at_least_is_taken(pattern: str) -> None:
    """Whatever else is in it."""
    assert as_hidden([re.compile(pattern)]) == (re.compile(pattern),)


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
        (";token=hunter2", f";token={REDACTED}"),
        (";;", ";;"),
        ("flag;token=hun=ter2", f"flag;token={REDACTED}"),
    ],
)
def test_a_semicolon_may_be_a_separator_or_a_part_of_a_secret(query: str, shown: str) -> None:
    """Nobody but the server knows, so both are hidden."""
    assert redact_query(query) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("https://api.test/?token=hunter2", f"https://api.test/?token={REDACTED}"),
        ("https://me:hun@ter2@api.test/a b", f"https://{REDACTED}@api.test/a b"),
        ("https://api.test/?a=1&token=hun?ter2&b=2", f"https://api.test/?a=1&token={REDACTED}&b=2"),
        ("https://api.test/#a=1&access_token=hunter2", f"https://api.test/#a=1&access_token={REDACTED}"),
        ("https://api.test/?#token=hunter2", f"https://api.test/?#token={REDACTED}"),
        ("https://me:hunter2@api.test/;token=hunter2", f"https://{REDACTED}@api.test/;token={REDACTED}"),
        ("//a; https://me:hunter2@api.test", f"//a; https://{REDACTED}@api.test"),
        ("https://a.test/?b=1#token=hunter2", f"https://a.test/?b=1#token={REDACTED}"),
        ("https://a.test/{A}?to={B}&key={C}", f"https://a.test/{{A}}?to={{B}}&key={REDACTED}"),
    ],
)
def test_a_url_in_a_value_is_shown_without_secrets(value: str, shown: str) -> None:
    """However it is encoded: its userinfo, and secret parameters in its query, fragment and path."""
    encoded = quote_plus(shown, safe="[]{}")
    assert redact_query(f"a=1&next={quote(value, safe='')}&b=2") == f"a=1&next={encoded}&b=2"
    assert redact_query(f"next={quote(value, safe=':/?@{}')}") == f"next={encoded}"
    assert redact_query(f"next={encoded}") == f"next={encoded}"


@pytest.mark.parametrize(
    "value", ["https://api.test/a?b=c;d=%3B#e", "https%3a%2F%2fapi.test/?page=%31", "://", "a+://"]
)
def test_a_url_in_a_value_without_secrets_stays_as_it_is(value: str) -> None:
    """To the letter, whatever way it is written."""
    assert redact_query(f"next={value}") == f"next={value}"


def test_a_url_in_a_value_with_half_a_pair_is_shown() -> None:
    """A letter that cannot be encoded is no reason to fail."""
    assert redact_query("next=://me@\ud800") == f"next=%3A%2F%2F{REDACTED}%40%ED%A0%80"


def test_a_url_in_a_value_is_judged_by_name_and_value_as_well() -> None:
    """By the same judge."""

    def in_place_of(name: str, value: str) -> str | None:
        return "here" if (name, value) == ("mine", "x y") else None

    query = quote("https://api.test/?mine=x+y&token=z", safe="")
    assert redact_query(f"a={query}", in_place_of) == f"a={quote('https://api.test/?mine=here&token=z', safe='')}"


def within(times: int, value: str) -> str:
    """Returns a query that holds a URL that holds a URL … so many of them."""
    for _time in range(times):
        value = f"https://api.test/?to={quote(value, safe='[]')}"
    return f"to={quote(value, safe='[]')}"


def test_urls_within_urls_are_looked_into() -> None:
    """Three of them; what is deeper is not shown at all."""
    url = "https://api.test/?token="
    assert redact_query(within(2, f"{url}hunter2")) == within(2, f"{url}{REDACTED}")
    assert redact_query(within(3, "x")) == within(3, "x")
    assert redact_query(within(3, url)) == within(3, REDACTED)
    assert len(redact_query("a=://?" * 100_000)) < 100


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
        "X-Forwarded-Authorization",
        "Authentication",
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
        *("x-code", "x-app-id", "x-next-page-token", "x-continuation-token", "x-ms-continuationtoken"),
    ],
)
def test_other_headers_are_not_secrets(name: str) -> None:
    """They are what one looks for in a log."""
    assert not is_secret_header(name)
