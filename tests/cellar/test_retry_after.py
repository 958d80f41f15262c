"""Tests of how a server's word on when to come back is read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import formatdate

import pytest

from gracy_transport.retry_after import parse_http_date, retry_after

WALL = 784_111_777.0
"""Sun, 06 Nov 1994 08:49:37 GMT, the moment of RFC 9110's own examples."""


@pytest.fixture(params=["UTC", "America/New_York", "Asia/Tokyo"])
def time_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Runs the test in several time zones, and gives the machine its own back."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield request.param
    monkeypatch.undo()
    time.tzset()


@pytest.mark.usefixtures("time_zone")
@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        (" 5 ", 5.0),
        ("0", 0.0),
        ("-5", 0.0),
        ("1.5", 1.5),
        ("1e9", 1e9),
        ("1e300", 1e9),
        ("nan", None),
        ("inf", None),
        ("-inf", None),
        ("abc", None),
        ("", None),
        ("1_000", None),
        ("5 seconds", None),
        ("Sun, 06 Nov 1994 08:50:37 GMT", 60.0),
        ("Sunday, 06-Nov-94 08:50:37 GMT", 60.0),
        ("Sun Nov  6 08:50:37 1994", 60.0),
        ("Sun, 06 Nov 1994 08:50:37 +0000", 60.0),
        ("Sun, 06 Nov 1994 08:50:37 -0000", 60.0),
        ("Sun, 06 Nov 1994 09:50:37 +0100", 60.0),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 0.0),
        ("Sun, 06 Nov 1994 08:00:00 GMT", 0.0),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        ("Sun, 06 Nov 99999999999 08:49:37 GMT", None),
        ("5.", 5.0),
        (".5", 0.5),
        ("1" * 64, 1e9),
        ("1" * 65, None),
        ("Sun, 06 Nov 1994 08:50:37 GMT" + " " * 36, None),
    ],
)
def test_retry_after_is_read_alike_in_every_time_zone(value: str, seconds: float | None) -> None:
    """Numbers and the three date forms give a wait, the past gives none, junk says nothing.

    The original computed dates in local time: 30 seconds ahead were five hours in New York, past in Tokyo.
    """
    assert retry_after({"retry-after": value}, WALL) == seconds


@pytest.mark.usefixtures("time_zone")
def test_the_date_of_the_response_cancels_the_skew_of_the_clocks() -> None:
    """A server whose clock is an hour ahead asks for a minute, not for an hour and a minute."""
    hour_ahead = WALL + 3600
    headers = {
        "retry-after": formatdate(hour_ahead + 60, usegmt=True),
        "date": formatdate(hour_ahead, usegmt=True),
    }
    assert retry_after(headers, WALL) == 60.0


def test_a_date_header_of_junk_leaves_our_own_clock() -> None:
    """The hint is still worth something when the response's Date is not."""
    assert retry_after({"retry-after": "Sun, 06 Nov 1994 08:50:37 GMT", "date": "soon"}, WALL) == 60.0


@pytest.mark.parametrize("name", ["retry-after-ms", "x-amz-retry-after"])
def test_milliseconds_come_first_because_they_are_more_exact(name: str) -> None:
    """Both dialects with milliseconds win over whole seconds."""
    assert retry_after({name: "1500", "retry-after": "2"}, WALL) == 1.5


def test_milliseconds_of_junk_leave_the_seconds() -> None:
    """A dialect that cannot be read does not hide the standard header."""
    assert retry_after({"retry-after-ms": "soon", "retry-after": "2"}, WALL) == 2.0


@pytest.mark.parametrize("name", ["retry-after", "retry-after-ms", "date"])
def test_long_junk_takes_no_time(name: str) -> None:
    """What a server sends must not hold up the process: 30,000 digits and a letter took 40 seconds once."""
    began = time.process_time()
    assert retry_after({"retry-after": "soon", name: "1" * 100_000 + "x"}, WALL) is None
    assert time.process_time() - began < 10


def test_nothing_said_is_none() -> None:
    """No header, no hint."""
    assert retry_after({}, WALL) is None


@pytest.mark.usefixtures("time_zone")
def test_http_dates_are_seconds_since_1970_utc() -> None:
    """The moment that RFC 9110 gives as its example."""
    assert parse_http_date(" Sun, 06 Nov 1994 08:49:37 GMT ") == WALL
    assert parse_http_date("never") is None


def test_a_date_is_read_up_to_64_characters() -> None:
    """Spaces around it do no harm; more than that is junk."""
    date = "Thu, 01 Jan 1970 00:00:09 GMT"
    assert parse_http_date(date.ljust(64)) == 9.0
    assert parse_http_date(date.ljust(65)) is None


def test_what_one_header_does_not_say_another_may() -> None:
    """One that is missing, and one that is junk, give way to the next."""
    assert retry_after({"x-ratelimit-retry-after": "7"}, 0.0) == 7.0
    assert retry_after({"retry-after": "soon", "x-ratelimit-retry-after": "7"}, 0.0) == 7.0
    assert retry_after({"retry-after": "5", "x-ratelimit-retry-after": "7"}, 0.0) == 5.0
