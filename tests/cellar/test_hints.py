"""Tests of what a response is understood to say about the limits of its server."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.hints import Hint, hints_in, pause_asked

WALL = 1_767_225_600.0
"""2026-01-01 00:00:00 UTC."""


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Tokyo"])
def time_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Runs the test in several time zones, and gives the machine its own back."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


def said(status: int = 200, wall: float = WALL, **headers: str) -> tuple[Hint, ...]:
    """Returns the hints of a response with these headers; underscores stand for dashes."""
    return hints_in(status, {name.replace("_", "-"): text for name, text in headers.items()}, wall)


@pytest.mark.usefixtures("time_zone")
@pytest.mark.parametrize(
    ("headers", "pause"),
    [
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}, 60.0),
        ({"retry-after-ms": "1500", "retry-after": "9"}, 1.5),
        ({"x-amz-retry-after": "250"}, 0.25),
        ({"x-ratelimit-retry-after": "7"}, 7.0),
        ({"retry-after": "junk", "x-ratelimit-retry-after": "7"}, 7.0),
        ({"retry-after": "1e300"}, 1e9),
        ({"retry-after": "0"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "soon"}, None),
        ({}, None),
    ],
)
def test_retry_after_asks_for_a_pause(headers: dict[str, str], pause: float | None) -> None:
    """In every form and dialect; nothing, the past and junk ask for none."""
    expected = () if pause is None else (Hint(pause=pause),)
    assert pause_asked(headers, WALL) == expected
    assert hints_in(429, headers, WALL) == expected


@pytest.mark.parametrize(
    ("status", "is_pause"),
    [(429, True), (503, True), (403, True), (529, True), (202, False), (301, False), (413, False)],
)
def test_retry_after_is_for_everybody_only_where_a_limit_is_meant(status: int, is_pause: bool) -> None:
    """After a redirect or a 202 it says when this one resource may be asked for again."""
    assert bool(said(status, retry_after="3")) is is_pause


@pytest.mark.parametrize(
    ("limit", "policy", "hints"),
    [
        ('"default";r=50;t=30', "", [Hint(None, 50, 30.0, None, None, "RateLimit default")]),
        (
            '"default";r=50;t=30',
            '"default";q=100;w=60',
            [Hint(None, 50, 30.0, 100, 60.0, "RateLimit default")],
        ),
        (
            '"burst";r=1;t=2, "daily";r=9;t=86000;pk=:YQ==:',
            '"daily";q=1000;w=86400,"burst";q=100;w=60',
            [
                Hint(None, 1, 2.0, 100, 60.0, "RateLimit burst"),
                Hint(None, 9, 86000.0, 1000, 86400.0, "RateLimit daily"),
            ],
        ),
        ('"a";r=1;t=2', '"a";q=5', [Hint(None, 1, 2.0, 5, None, "RateLimit a")]),
        ('"a";r=1;t=2', '"a";q=5;w=0', [Hint(None, 1, 2.0, 5, None, "RateLimit a")]),
        ('"a";r=1;t=2', '"a";w=5', [Hint(None, 1, 2.0, None, None, "RateLimit a")]),
        ('"a";r=1;t=2', '"a";q=-5;w=1', [Hint(None, 1, 2.0, None, None, "RateLimit a")]),
        ('"a";r=1;t=2', '"a";q=5;w=1, oops,', [Hint(None, 1, 2.0, None, None, "RateLimit a")]),
        ('"a";r=1;t=2', '"a";q=5;w=1;qu="concurrent-requests"', []),
        ('"a";r=1;t=2', '"a";q=5;w=1;qu="content-bytes"', []),
        ('"a";r=0;t=2', '"a";q=5;w=1;qu="content-bytes"', [Hint(None, 0, 2.0, None, None, "RateLimit a")]),
        ('"a";r=999999999999999;t=999999999999999', "", [Hint(None, 10**15 - 1, 1e9, None, None, "RateLimit a")]),
        ('"a";r=1', '"a";q=5;w=1', []),
        ('"a";t=1', '"a";q=5;w=1', []),
        ('"a";r=-1;t=1', "", []),
        ('"a";r=1.5;t=1', "", []),
        ('"a";r="1";t=1', "", []),
        ('"a";r;t=1', "", []),
        ("a;r=1;t=1", "", []),
        ("1;r=1;t=1", "", []),
        ('"a";r=1;t=1, oops,', "", []),
        ("limit=100, remaining=50, reset=30", "", []),
        ("", '"a";q=5;w=1', []),
    ],
)
def test_the_fields_of_the_draft(limit: str, policy: str, hints: list[Hint]) -> None:
    """Each limit it names, with its policy where that can be read; what is malformed is ignored."""
    assert list(said(ratelimit=limit, ratelimit_policy=policy)) == hints


@pytest.mark.usefixtures("time_zone")
@pytest.mark.parametrize("prefix", ["ratelimit", "x-ratelimit"])
@pytest.mark.parametrize(
    ("limit", "remaining", "reset", "hint"),
    [
        ("100", "7", "30", (7, 30.0, 100, None)),
        (None, "7", "30", (7, 30.0, None, None)),
        ("100, 10;w=1, 100;w=60", "7", "30", (7, 30.0, 100, 60.0)),
        ("100, 10;w=1", "7", "30", (7, 30.0, 100, None)),
        ("100;w=60", "7", "30", (7, 30.0, 100, 60.0)),
        ("many", "7", "30", (7, 30.0, None, None)),
        ("0", "0", "30", (0, 30.0, None, None)),
        ("100", "7", "1.5", (7, 1.5, 100, None)),
        ("100", "7", "1767225660", (7, 60.0, 100, None)),
        ("100", "7", "1767225660.25", (7, 60.25, 100, None)),
        ("100", "7", "1767225660500", (7, 60.5, 100, None)),
        ("100", "7", "1767225599", (7, 0.0, 100, None)),
        ("100", "7", "100000000", (7, 1e8, 100, None)),
        ("100", "7", "999999999999999", (7, 1e9, 100, None)),
        ("100", "7", "20ms", (7, 0.02, 100, None)),
        ("100", "7", "never", None),
        ("100", "7", None, None),
        ("100", "-1", "30", None),
        ("100", "7.5", "30", None),
        ("100", "7, 7", "30", None),
        ("100", None, "30", None),
        ("100", "1" * 16, "30", None),
        ("100", "7", "-30", None),
        ("100", "7", "inf", None),
    ],
)
def test_the_three_plain_headers(
    prefix: str,
    limit: str | None,
    remaining: str | None,
    reset: str | None,
    hint: tuple[int, float, int | None, float | None] | None,
) -> None:
    """With and without the X; a reset is a span or an instant by its size."""
    given = {f"{prefix}-limit": limit, f"{prefix}-remaining": remaining, f"{prefix}-reset": reset}
    headers = {name: text for name, text in given.items() if text is not None}
    expected = () if hint is None else (Hint(None, *hint, prefix),)
    assert hints_in(200, headers, WALL) == expected


def test_an_instant_is_compared_with_the_clock_of_the_server() -> None:
    """Where the response has a date: a server an hour ahead means a minute, not an hour and a minute."""
    date = formatdate(WALL + 3600, usegmt=True)
    [hint] = said(date=date, x_ratelimit_remaining="0", x_ratelimit_reset=str(int(WALL) + 3660))
    assert hint.reset == 60.0


def test_github_answers_403_and_names_the_resource() -> None:
    """A word about the search says nothing about the rest."""
    [hint] = said(
        403,
        x_ratelimit_limit="30",
        x_ratelimit_remaining="0",
        x_ratelimit_used="30",
        x_ratelimit_resource="search",
        x_ratelimit_reset="1767225645",
    )
    assert hint == Hint(None, 0, 45.0, 30, None, "x-ratelimit search")


@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("6m0s", 360.0),
        ("20ms", 0.02),
        ("1s", 1.0),
        ("7.66s", 7.66),
        ("2m59.56s", 179.56),
        ("1h30m", 5400.0),
        ("1d", 86400.0),
        ("500us", 5e-4),
        ("500µs", 5e-4),
        ("1ns", 1e-9),
        ("60", 60.0),
        ("999999999999999d", 1e9),
        ("6m0", None),
        ("m", None),
        ("6 m", None),
        ("-6m", None),
        ("6x", None),
        ("", None),
        ("1s" * 33, None),
    ],
)
def test_the_spans_of_openai(reset: str, seconds: float | None) -> None:
    """As Go writes durations."""
    found = said(x_ratelimit_limit_requests="60", x_ratelimit_remaining_requests="59", x_ratelimit_reset_requests=reset)
    if seconds is None:
        assert found == ()
    else:
        [hint] = found
        assert (hint.remaining, hint.limit, hint.name) == (59, 60, "x-ratelimit requests")
        assert hint.reset == pytest.approx(seconds)


@pytest.mark.usefixtures("time_zone")
@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("2026-01-01T00:01:00Z", 60.0),
        ("2026-01-01T09:01:00+09:00", 60.0),
        ("2026-01-01T00:01:00.5Z", 60.5),
        ("2025-12-31T23:59:59Z", 0.0),
        ("9999-12-31T23:59:59Z", 1e9),
        ("2026-01-01T00:01:00", None),
        ("2026-01-01", None),
        ("2026-13-01T00:01:00Z", None),
        ("60", None),
        ("soon", None),
    ],
)
def test_the_instants_of_anthropic(reset: str, seconds: float | None) -> None:
    """As RFC 3339 writes them, whatever zone this machine is in."""
    name = "anthropic-ratelimit-requests"
    found = hints_in(200, {f"{name}-limit": "50", f"{name}-remaining": "49", f"{name}-reset": reset}, WALL)
    assert found == (() if seconds is None else (Hint(None, 49, seconds, 50, None, name),))


@pytest.mark.parametrize("unit", ["tokens", "input-tokens", "output-tokens"])
def test_tokens_count_only_when_there_are_none_left(unit: str) -> None:
    """Nobody knows how many of them the next request will take, but it is more than none."""
    for left, hints in (("1", []), ("0", [Hint(None, 0, 60.0, None, None, f"anthropic-ratelimit-{unit}")])):
        name = f"anthropic-ratelimit-{unit}"
        headers = {f"{name}-limit": "9", f"{name}-remaining": left, f"{name}-reset": "2026-01-01T00:01:00Z"}
        assert list(hints_in(200, headers, WALL)) == hints
    headers = {f"x-ratelimit-remaining-{unit}": "0", f"x-ratelimit-reset-{unit}": "6m0s"}
    assert hints_in(200, headers, WALL) == (Hint(None, 0, 360.0, None, None, f"x-ratelimit {unit}"),)


def test_retry_after_takes_precedence() -> None:
    """It says when a limit that is used up opens; one with something left keeps its own time."""
    found = said(429, retry_after="3", ratelimit='"a";r=0;t=60, "b";r=5;t=60', ratelimit_policy='"a";q=9;w=1')
    assert found == (
        Hint(pause=3.0),
        Hint(None, 0, 3.0, 9, 1.0, "RateLimit a"),
        Hint(None, 5, 60.0, None, None, "RateLimit b"),
    )


HEADERS = [
    "retry-after",
    "retry-after-ms",
    "date",
    "ratelimit",
    "ratelimit-policy",
    *[f"{prefix}ratelimit-{what}" for prefix in ("", "x-") for what in ("limit", "remaining", "reset")],
    "x-ratelimit-resource",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "anthropic-ratelimit-tokens-remaining",
    "anthropic-ratelimit-tokens-reset",
]
NUMBERS = st.integers(-1, 10**16)
TEXTS = (
    st.text(max_size=20)
    | NUMBERS.map(str)
    | st.builds('"{}";r={};t={}'.format, st.sampled_from("ab"), NUMBERS, NUMBERS)
    | st.datetimes().map(lambda moment: f"{moment.isoformat()}Z")
)


@given(st.integers(100, 599), st.lists(st.tuples(st.sampled_from(HEADERS), TEXTS), max_size=6), st.floats(0, 1e10))
def test_no_headers_raise_and_every_figure_makes_sense(
    status: int, headers: list[tuple[str, str]], wall: float
) -> None:
    """Whatever comes: spans are finite, not negative and capped, and counts are not negative."""
    for hint in hints_in(status, dict(headers), wall):
        for seconds in (hint.pause, hint.reset, hint.window):
            assert seconds is None or (math.isfinite(seconds) and 0 <= seconds <= 1e9)
        assert hint.remaining is None or (hint.remaining >= 0 and hint.reset is not None)
        assert hint.limit is None or hint.limit > 0
        assert hint.window is None or hint.window > 0


@pytest.mark.parametrize("name", HEADERS)
@pytest.mark.parametrize("junk", ["1" * 1_000_000, '"a";r=1;t=1,' * 80_000, "1s" * 500_000, " " * 1_000_000])
def test_long_junk_takes_no_time(name: str, junk: str) -> None:
    """A megabyte in any header."""
    headers = {"x-ratelimit-remaining": "1", "x-ratelimit-reset": "1", name: junk}
    began = time.process_time()
    hints_in(429, headers, WALL)
    assert time.process_time() - began < 10


def test_a_member_that_says_nothing_does_not_silence_those_after_it() -> None:
    """One that is unreadable, and one about requests under way, even when none of those are left."""
    found = said(
        ratelimit='"odd";r=1, "many";r=0;t=9, "rate";r=2;t=5',
        ratelimit_policy='"many";q=5;qu="concurrent-requests", "rate";q=10;w=60',
    )
    assert found == (Hint(remaining=2, reset=5.0, limit=10, window=60.0, name="RateLimit rate"),)


@pytest.mark.usefixtures("time_zone")
def test_a_date_to_wait_for_is_read_by_the_clock_of_its_server() -> None:
    """The response's own date goes before ours, which may be wrong."""
    found = said(429, retry_after="Thu, 01 Jan 2026 00:01:00 GMT", date="Thu, 01 Jan 2026 00:00:50 GMT")
    assert [hint.pause for hint in found] == [10.0]


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ratelimit-remaining-tokens": "5", "x-ratelimit-reset-tokens": "9s", "x-ratelimit-limit-tokens": "100"},
        {
            "anthropic-ratelimit-tokens-remaining": "5",
            "anthropic-ratelimit-tokens-reset": "2026-01-01T00:00:09Z",
            "anthropic-ratelimit-tokens-limit": "100",
        },
    ],
    ids=["openai", "anthropic"],
)
def test_tokens_that_are_left_say_nothing_about_requests(headers: dict[str, str]) -> None:
    """Only that none is left does, in either dialect."""
    assert hints_in(200, headers, WALL) == ()
    used_up = {name: "0" if "remaining" in name else text for name, text in headers.items()}
    (hint,) = hints_in(200, used_up, WALL)
    assert (hint.remaining, hint.reset, hint.limit) == (0, 9.0, None)
