"""Tests of log events: levels, messages, placeholders, and what happens when a message goes wrong."""

from __future__ import annotations

import logging
import pickle
from types import ModuleType
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from gracy_transport.call import Call, CallOptions
from gracy_transport.logevents import (
    LOGGER_NAME,
    PLACEHOLDERS,
    LogEvent,
    LogLevel,
    fill,
    fill_endpoint,
    is_logged,
    log,
)
from gracy_transport.redaction import REDACTED

URL = "https://user:hunter2@api.test/v2/pokemon/pika?api_key=hunter2"
SHOWN = "https://[redacted]@api.test/v2/pokemon/pika?api_key=[redacted]"


@pytest.fixture(autouse=True)
def _listening(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, LOGGER_NAME)


def call_of(family: ModuleType = httpx, **options: Any) -> Call:
    return Call(family.Request("GET", URL), CallOptions(**options), 0.0)


def test_positional_forms_of_the_readme_work() -> None:
    """`LogEvent(LogLevel.INFO, "...")`, and nothing at all."""
    assert LogEvent() == LogEvent(LogLevel.INFO, None)
    assert LogEvent(logging.WARNING).level is LogLevel.WARNING
    event = LogEvent(LogLevel.ERROR, custom_message="{URL} failed")
    assert (event.level, event.custom_message) == (LogLevel.ERROR, "{URL} failed")
    assert pickle.loads(pickle.dumps(event)) == event


@pytest.mark.parametrize(("level", "name"), [(25, "level"), ("loud", "level")])
def test_an_unknown_level_is_refused_by_name(level: Any, name: str) -> None:
    """The error says which argument is wrong."""
    with pytest.raises(ValidationError, match=name):
        LogEvent(level)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("{STATSU}", r"\{STATSU\}; did you mean \{STATUS\}\?"),
        ("{url}", r"did you mean \{URL\}\?"),
        ("{XYZZY}", r"known are CONCURRENT_LIMIT, .*WAIT_TIME"),
    ],
)
def test_an_unknown_placeholder_is_refused_with_the_nearest(text: str, hint: str) -> None:
    """A misspelling is found at construction and not in a log at night."""
    with pytest.raises(ValidationError, match=hint):
        LogEvent(LogLevel.INFO, text)


@pytest.mark.parametrize("text", ['{"a": 1}', "{}", "{0}", "100 %", "%s", "{{URL}}", "{ URL }"])
def test_braces_and_percents_that_are_no_placeholders_are_text(text: str) -> None:
    """Nobody has to escape anything."""
    assert LogEvent(LogLevel.INFO, text).custom_message == text


def test_filling_is_one_pass() -> None:
    """What is filled in is never looked at again, and what has no value stays."""
    assert fill("{URL} {STATUS} {x}", {"URL": "{STATUS}%s"}) == "{STATUS}%s {STATUS} {x}"


def test_a_message_has_the_placeholders_of_the_call(caplog: pytest.LogCaptureFixture, family: ModuleType) -> None:
    """URL and endpoint, formatted and not, the method, the response and whether it was replayed."""
    call = call_of(family, template="/pokemon/{NAME_1}", base="https://api.test/v2", args={"NAME_1": "pika"})
    names = ["METHOD", "URL", "UURL", "ENDPOINT", "UENDPOINT", "STATUS", "REPLAY", "IS_REPLAY", "ELAPSED"]
    text = "|".join(f"{{{name}}}" for name in names)
    log(LogEvent(LogLevel.INFO, text), "unused", call, family.Response(404), ELAPSED="1.500")
    call.is_replayed = True
    log(LogEvent(LogLevel.INFO, "{REPLAY} {IS_REPLAY}"), "unused", call)
    assert caplog.messages == [
        f"GET|{SHOWN}|https://api.test/v2/pokemon/{{NAME_1}}|/pokemon/pika|/pokemon/{{NAME_1}}|404||FALSE|1.500",
        "REPLAYED TRUE",
    ]
    assert set(names) <= PLACEHOLDERS


def test_without_a_template_the_path_stands_for_it(caplog: pytest.LogCaptureFixture) -> None:
    """A plain client has no endpoints."""
    log(LogEvent(LogLevel.INFO, "{UURL} {ENDPOINT} {UENDPOINT}"), "unused", call_of())
    assert caplog.messages == ["https://api.test/v2/pokemon/pika /v2/pokemon/pika /v2/pokemon/pika"]


def test_the_default_message_is_used_unless_there_is_another(caplog: pytest.LogCaptureFixture) -> None:
    """It has placeholders too."""
    log(LogEvent(), "{METHOD} started", call_of())
    log(LogEvent(LogLevel.INFO, ""), "{METHOD} started", call_of())
    assert caplog.messages == ["GET started", ""]


def test_a_callable_makes_the_message_from_the_response(caplog: pytest.LogCaptureFixture) -> None:
    """It gets `None` where there is no response, and its placeholders are filled."""
    event = LogEvent(LogLevel.ERROR, lambda r: "{METHOD} " + (r.reason_phrase if r else "nothing"))
    log(event, "unused", call_of(), httpx.Response(404))
    log(event, "unused", call_of())
    assert caplog.messages == ["GET Not Found", "GET nothing"]


def test_a_callable_may_give_anything_that_can_be_shown(caplog: pytest.LogCaptureFixture) -> None:
    """`None` or a number is not worth losing a call for."""
    not_text: Any = lambda r: 404  # noqa: E731 - typed for the call
    log(LogEvent(LogLevel.INFO, not_text), "unused", call_of())
    assert caplog.messages == ["404"]


def test_a_callable_that_raises_does_not_break_the_call(caplog: pytest.LogCaptureFixture) -> None:
    """Its error is logged, and the default message takes its place."""
    event = LogEvent(LogLevel.INFO, lambda r: str(r.status_code))
    log(event, "{METHOD} started", call_of())
    failed, instead = caplog.records
    assert failed.levelno == logging.ERROR
    assert failed.exc_info is not None
    assert instead.getMessage() == "GET started"


def test_a_url_with_braces_and_percents_cannot_break_a_message(caplog: pytest.LogCaptureFixture) -> None:
    """The text goes to logging as an argument and not as a format."""
    request = httpx.Request("GET", "https://api.test/{STATUS}/%s/%(x)d?q={URL}")
    log(LogEvent(LogLevel.INFO, "100 % {URL}"), "unused", Call(request, CallOptions(), 0.0))
    assert caplog.messages == [f"100 % {request.url}"]


def test_a_record_carries_its_placeholders(caplog: pytest.LogCaptureFixture) -> None:
    """Structured handlers need not parse text."""
    log(LogEvent(), "x", call_of(), httpx.Response(503), ELAPSED="0.100")
    facts: dict[str, object] = getattr(caplog.records[0], "gracy")  # noqa: B009 - set by logging
    assert facts["STATUS"] == 503
    assert facts["ELAPSED"] == "0.100"
    assert "hunter2" not in str(facts)


def test_nothing_is_formatted_for_a_level_that_is_off(caplog: pytest.LogCaptureFixture) -> None:
    """Not even the callable is called."""
    caplog.set_level(logging.ERROR, LOGGER_NAME)
    called: list[object] = []

    def message(response: object) -> str:
        called.append(response)
        return ""

    event = LogEvent(LogLevel.INFO, message)
    assert not is_logged(event)
    log(event, "x", call_of())
    log(None, "x", call_of())
    assert called == []
    assert caplog.records == []
    assert is_logged(LogEvent(LogLevel.ERROR))
    assert not is_logged(None)


def test_the_logger_has_no_handler_and_root_is_left_alone() -> None:
    """Handlers and levels are the application's: a library that sets them makes others print secrets."""
    assert logging.getLogger(LOGGER_NAME).handlers == []
    assert logging.getLogger(LOGGER_NAME).propagate


def test_no_endpoint_breaks_a_line_or_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    """Neither what a path decodes to, nor an argument, nor the query of a template."""
    everything = LogEvent(LogLevel.INFO, "{URL} {UURL} {ENDPOINT} {UENDPOINT}")
    plain = Call(httpx.Request("GET", "https://api.test/a%0ab%1b"), CallOptions(), 0.0)
    options = CallOptions(template="/x/{A}?api_key={K}&sig=hunter2", args={"A": "a\n\x1b", "K": "hunter2"})
    asked = Call(httpx.Request("GET", "https://api.test/x/a%0A%1B?api_key=hunter2&sig=hunter2"), options, 0.0)
    based = Call(
        httpx.Request("GET", "https://api.test/x"), CallOptions(template="/x", base="https://me:hunter2@api.test"), 0.0
    )
    for call in (plain, asked, based):
        log(everything, "unused", call)
    query = f"?api_key={REDACTED}&sig={REDACTED}"
    assert caplog.messages == [
        "https://api.test/a%0ab%1b https://api.test/a%0ab%1b /a%0ab%1b /a%0ab%1b",
        f"https://api.test/x/a%0A%1B{query} https://api.test/x/{{A}}{query} /x/a%0A%1B{query} /x/{{A}}{query}",
        f"https://api.test/x https://{REDACTED}@api.test/x /x /x",
    ]


def test_an_endpoint_shows_its_arguments_as_they_were_given() -> None:
    """Nothing that can be shown is escaped, an argument that is missing stays visible."""
    assert fill_endpoint("/a/{NAME}/{ID2}/{X}", {"NAME": "a b/c", "ID2": "7"}) == "/a/a b/c/7/{X}"
