"""Tests of telling observers."""

from __future__ import annotations

import dataclasses
import inspect
import logging

import httpx
import pytest

from gracy_transport import events
from gracy_transport.call import Call, CallOptions
from gracy_transport.events import CallEnded, CallStarted, Event, tell


def make_call() -> Call:
    return Call(httpx.Request("GET", "https://api.test"), CallOptions(), 0.0)


def test_every_observer_hears_an_event_in_turn() -> None:
    """In the order in which they were given."""
    call, heard = make_call(), list[tuple[str, Event]]()
    call.observe(lambda event: heard.append(("first", event)), lambda event: heard.append(("second", event)))
    event = CallStarted(call, 1.0)
    tell(event)
    assert heard == [("first", event), ("second", event)]


def test_an_observer_that_fails_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged with the event's name, and the next observer still hears."""
    call, heard = make_call(), list[Event]()

    def broken(_event: Event) -> None:
        raise ValueError("broken")

    call.observe(broken, heard.append)
    tell(CallEnded(call, 1.0, 200, None))
    assert len(heard) == 1
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("gracy_transport", logging.ERROR)
    assert "CallEnded" in record.getMessage()
    assert record.exc_info is not None


def test_what_is_no_exception_goes_through() -> None:
    """Ctrl-C in an observer is still Ctrl-C."""
    call = make_call()

    def interrupted(_event: Event) -> None:
        raise KeyboardInterrupt

    call.observe(interrupted)
    with pytest.raises(KeyboardInterrupt):
        tell(CallStarted(call, 1.0))


def test_an_observer_is_told_once_however_often_it_was_given() -> None:
    """Several layers may have the same observer."""
    call, heard = make_call(), list[Event]()
    call.observe(heard.append)
    call.observe(heard.append, print)
    call.observe(print)
    assert len(call.observers) == 2


@pytest.mark.parametrize(
    "kind", [kind for kind in vars(events).values() if inspect.isclass(kind) and issubclass(kind, Event)]
)
def test_events_are_frozen_facts_with_a_sentence(kind: type[Event]) -> None:
    """An observer cannot change what the next one hears."""
    assert kind.__name__ in events.__all__
    assert kind.__doc__
    event = kind(*[None for _ in kind.__match_args__])  # type: ignore[arg-type]
    with pytest.raises(dataclasses.FrozenInstanceError):
        event.at = 2.0  # type: ignore[misc]
