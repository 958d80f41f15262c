"""Tests of what a call went through, as a value and in one line."""

from __future__ import annotations

import pickle

import pytest

from gracy_transport.attempts import Attempt, Wait
from gracy_transport.timeline import Step, timeline_of


def attempt(number: int, started: float, **known: object) -> Attempt:
    """Returns an attempt of which so much is known."""
    made = Attempt(number, started)
    for name, value in known.items():
        setattr(made, name, value)
    return made


def test_steps_come_in_the_order_in_which_they_began() -> None:
    """A wait at the gates comes before its attempt, a back-off between two; instants count from the call's start."""
    attempts = [
        attempt(1, 100.0, dispatched=130.0, ended=130.5, status=503),
        attempt(2, 132.5, dispatched=132.5, ended=133.0, status=200),
    ]
    waits = [Wait("throttle", 30.0, "2 requests per minute", 100.0), Wait("back-off", 2.0, "[503]", 130.5)]
    told = timeline_of("GET /a", 100.0, attempts, waits)
    assert told.steps == (
        Step("throttle", 0.0, 30.0, "2 requests per minute"),
        Step("attempt", 30.0, 0.5, "503"),
        Step("back-off", 30.5, 2.0, "[503]"),
        Step("attempt", 32.5, 0.5, "200"),
    )
    assert str(told) == "GET /a 200 in 33.0 s: throttle 30.0, back-off 2.0, 2 attempts"


def test_an_attempt_that_never_left_comes_after_the_wait_that_ended_it() -> None:
    """It was refused at the gate: nothing of it was sent before."""
    refused = attempt(1, 0.0, ended=5.0, error="TransportClosed", was_sent=False)
    told = timeline_of("GET /a", 0.0, [refused], [Wait("throttle", 5.0, "1 request per minute", 0.0)])
    assert [step.kind for step in told.steps] == ["throttle", "attempt"]
    assert str(told) == "GET /a TransportClosed in 5.0 s: throttle 5.0, 1 attempt"


@pytest.mark.parametrize(
    ("known", "fate"),
    [
        ({"status": 503}, "answered"),
        ({"status": 200, "error": "ReadError"}, "answered"),
        ({"error": "ReadTimeout"}, "maybe_applied"),
        ({"error": "ConnectError", "was_sent": False}, "never_sent"),
        ({"error": "ReadError", "was_answered": True}, "answered"),
        ({"error": "ConnectError", "was_sent": False, "was_answered": True}, "answered"),
        ({}, "maybe_applied"),
    ],
)
def test_the_fate_of_an_attempt_is_what_a_client_can_know(known: dict[str, object], fate: str) -> None:
    """An answer proves that it was carried out or refused; no answer proves nothing, unless nothing was sent."""
    assert attempt(1, 0.0, **known).fate == fate


@pytest.mark.parametrize(
    ("known", "result"),
    [
        ({"status": 200}, "200"),
        ({"status": 200, "error": "ReadError"}, "200 ReadError"),
        ({"status": 400, "error": "NonOkResponse"}, "400"),
        ({"status": 503, "error": "NonOkResponse"}, "503"),
        ({"error": "ReadTimeout"}, "ReadTimeout"),
    ],
)
def test_an_error_beside_a_good_status_is_told(known: dict[str, object], result: str) -> None:
    """A body that broke, or a validator that said no, does not read like a success."""
    told = timeline_of("GET /a", 0.0, [attempt(1, 0.0, ended=0.0, **known)], [])
    assert (told.result, told.steps[0].what) == (result, result)


def test_a_timeline_is_a_value() -> None:
    """It pickles, and is equal to itself afterwards."""
    told = timeline_of("GET /a", 0.0, [attempt(1, 0.0, status=200, ended=1.0)], [])
    assert pickle.loads(pickle.dumps(told)) == told
    assert str(told.steps[0]) == "at 0.0 s: attempt 1.0 s, 200"


def test_an_attempt_that_is_under_way_has_taken_no_time_yet() -> None:
    """The call lasts until its newest attempt began, and that has no result."""
    told = timeline_of("GET /a", 100.0, [attempt(1, 100.0, ended=101.0, status=503), attempt(2, 103.0)], [])
    assert told.steps[-1] == Step("attempt", 3.0, 0.0, "under way")
    assert (told.result, told.seconds) == ("under way", 3.0)
    assert str(told) == "GET /a under way in 3.0 s: 2 attempts"


def test_a_back_off_that_was_cut_short_is_the_end_of_the_call() -> None:
    """It comes after the last attempt, and what was waited counts."""
    failed = attempt(1, 100.0, ended=101.0, status=503)
    told = timeline_of("GET /a", 100.0, [failed], [Wait("back-off", 2.5, "[503]", 101.0)])
    assert (told.result, told.seconds) == ("503", 3.5)


def test_attempts_are_counted_apart_from_waits() -> None:
    """Three waits of one attempt are one attempt."""
    waits = [Wait(kind, 1.0, "why", float(place)) for place, kind in enumerate(("slot", "throttle", "pause"))]
    told = timeline_of("GET /a", 0.0, [attempt(1, 0.0, dispatched=3.0, ended=4.0, status=200)], waits)
    assert str(told) == "GET /a 200 in 4.0 s: throttle 1.0, slot 1.0, pause 1.0, 1 attempt"


def test_what_took_no_time_keeps_its_place() -> None:
    """Instants may be equal, where a clock is coarse or a delay is 0: a back-off still stands between its attempts."""
    attempts = [
        attempt(1, 7.0, dispatched=7.0, ended=7.0, status=503),
        attempt(2, 7.0, dispatched=7.0, ended=7.0, status=502),
        attempt(3, 7.0, dispatched=7.0, ended=8.0, status=200),
    ]
    waits = [Wait("slot", 0.0, "1 request", 7.0)] + [Wait("back-off", 0.0, why, 7.0) for why in ("[503]", "[502]")]
    told = timeline_of("GET /a", 7.0, attempts, waits)
    assert [step.what for step in told.steps] == ["1 request", "503", "[503]", "502", "[502]", "200"]


def test_an_attempt_that_never_left_took_no_time() -> None:
    """What it waited for is told by its wait, and is not counted again."""
    refused = attempt(1, 0.0, ended=5.0, error="DeadlineExceeded", was_sent=False)
    told = timeline_of("GET /a", 0.0, [refused], [Wait("slot", 5.0, "1 request at once", 0.0)])
    assert told.steps[-1] == Step("attempt", 5.0, 0.0, "DeadlineExceeded")
    assert told.total("attempt") + told.total("slot") == told.seconds == 5.0
