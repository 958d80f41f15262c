"""Log events of the user's own making: a level, a message, and placeholders that are filled in when it happens."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from enum import IntEnum
from traceback import format_exception
from typing import TYPE_CHECKING, Any, Final

from pydantic import field_validator

from .redaction import Hidden, hide, printable
from .showing import url_of
from .values import Value

if TYPE_CHECKING:
    from .call import Call

__all__ = ["LOGGER_NAME", "PLACEHOLDERS", "LogEvent", "LogLevel", "fill", "is_logged", "log", "log_failure"]

LOGGER_NAME: Final = "gracy_transport"
"""The one logger of the library. It has no handler and no level of its own: those are the application's."""

PLACEHOLDERS: Final = frozenset(
    {
        "URL",
        "UURL",
        "ENDPOINT",
        "UENDPOINT",
        "METHOD",
        "STATUS",
        "ELAPSED",
        "ERROR",
        "REPLAY",
        "IS_REPLAY",
        "RETRY_DELAY",
        "RETRY_CAUSE",
        "CUR_ATTEMPT",
        "MAX_ATTEMPT",
        "THROTTLE_LIMIT",
        "THROTTLE_TIME",
        "THROTTLE_TIME_RANGE",
        "CONCURRENT_REQUESTS",
        "CONCURRENT_LIMIT",
        "RETRY_AFTER",
        "RETRY_AFTER_ACTUAL_WAIT",
        "WAIT_TIME",
        "RECORDED_COUNT",
        "REPLAYED_COUNT",
    }
)
"""Every name that may stand in braces in a message. Which of them have a value depends on the event."""

_PLACEHOLDER: Final = re.compile(r"\{([A-Za-z_][A-Za-z_0-9]*)\}")
_logger = logging.getLogger(LOGGER_NAME)


class LogLevel(IntEnum):
    """The levels of the standard library, so that they can be named without importing `logging`."""

    CRITICAL = logging.CRITICAL
    ERROR = logging.ERROR
    WARNING = logging.WARNING
    INFO = logging.INFO
    DEBUG = logging.DEBUG
    NOTSET = logging.NOTSET


class LogEvent(Value, frozen=True):
    """How something is logged: the level, and the message if it is not to be the default one.

    Args:
        level: a `LogLevel`; INFO unless given, because asking for a log line means wanting to see it.
        custom_message: text with placeholders such as `{URL}`, or a callable that makes it from the response
            (`None` where the event has no response). Braces that are not placeholders stay as they are, and what is
            filled in is never looked at again, so a URL with braces or percent signs cannot break a message.

    Every event has the placeholders `METHOD`, `URL`, `UURL` (unformatted), `ENDPOINT`, `UENDPOINT`, `REPLAY` and
    `IS_REPLAY`. Where there is one, `STATUS`, `ELAPSED` (seconds) and `ERROR`; retries have `RETRY_DELAY`,
    `RETRY_CAUSE`, `CUR_ATTEMPT` and `MAX_ATTEMPT`, throttling `THROTTLE_LIMIT`, `THROTTLE_TIME` and
    `THROTTLE_TIME_RANGE`, concurrency `CONCURRENT_REQUESTS` and `CONCURRENT_LIMIT`. A record carries all of its own, by
    name, in its attribute `gracy`: a formatter that writes JSON finds them there.

    Raises:
        pydantic.ValidationError: for an unknown placeholder in a text, naming the nearest known one.
    """

    level: LogLevel = LogLevel.INFO
    custom_message: str | Callable[..., str] | None = None

    def __init__(
        self, level: LogLevel | int = LogLevel.INFO, custom_message: str | Callable[[Any], str] | None = None
    ) -> None:
        super().__init__(level=level, custom_message=custom_message)

    @field_validator("custom_message")
    @classmethod
    def _knows_its_placeholders(cls, message: str | Callable[..., str] | None) -> str | Callable[..., str] | None:
        if isinstance(message, str):
            for match in _PLACEHOLDER.finditer(message):
                name = match[1]
                if name not in PLACEHOLDERS:
                    from difflib import get_close_matches

                    nearest: list[str] = get_close_matches(name.upper(), PLACEHOLDERS, n=1, cutoff=0.5)
                    hint = (
                        f"did you mean {{{nearest[0]}}}?" if nearest else f"known are {', '.join(sorted(PLACEHOLDERS))}"
                    )
                    raise ValueError(f"there is no placeholder {{{name}}}; {hint}")
        return message


def fill(message: str, values: Mapping[str, object]) -> str:
    """Returns the message with the placeholders that have a value replaced, in one pass."""
    return _PLACEHOLDER.sub(lambda match: str(values.get(match[1], match[0])), message)


def is_logged(event: LogEvent | None) -> bool:
    """Tells whether logging that event would reach anybody."""
    return event is not None and _logger.isEnabledFor(event.level)


def log(event: LogEvent | None, default: str, call: Call, response: Any = None, **values: object) -> None:
    """Logs an event of a call, if anybody listens; nothing is formatted otherwise.

    `default` is the message when the user gave none; `values` are placeholders beyond those of the call itself.
    A record carries all placeholders in its attribute `gracy`.
    """
    if event is None or not _logger.isEnabledFor(event.level):
        return
    filled = {**_of_call(call), **_of_response(response), **values}
    message = _message_of(event, default, call, response)
    _logger.log(event.level, "%s", fill(message, filled), extra={"gracy": filled})


def log_failure(level: int, error: Exception, hidden: Hidden, message: str, *args: object) -> None:
    """Logs a message and the traceback of an error that nobody will catch, without secrets.

    Code of the user's own raises what it likes: the text of `response.raise_for_status()` has the whole URL in it. The
    error itself goes with the record (its `exc_info`) only where nothing of it has to be hidden; else what may be shown
    of its traceback is a part of the message. `hidden` are the user's patterns for secrets.
    """
    if not _logger.isEnabledFor(level):
        return
    from .http_logs import without_secrets  # a handful of patterns, for what hardly ever happens

    told = "".join(format_exception(error))
    shown = hide(without_secrets(told), hidden)
    if shown == told:
        _logger.log(level, message, *args, exc_info=error)
    else:
        _logger.log(level, "%s\n%s", message % args, shown.rstrip())


def _message_of(event: LogEvent, default: str, call: Call, response: Any) -> str:
    """Returns the text of an event; a callable that fails is no reason to lose the call."""
    message = event.custom_message
    if message is None or isinstance(message, str):
        return default if message is None else message
    try:
        return str(message(response))
    except Exception as error:  # noqa: BLE001 - it may raise anything
        line = "the custom_message of a log event failed; its default message follows"
        log_failure(logging.ERROR, error, call.hidden, line)
        return default


def _of_call(call: Call) -> dict[str, object]:
    endpoint = call.unformatted_endpoint
    return {
        "METHOD": call.method,
        "URL": url_of(call),
        "UURL": call.unformatted_url,
        "ENDPOINT": endpoint if call.template is None else hide(fill_endpoint(endpoint, call.args), call.hidden),
        "UENDPOINT": endpoint,
        "REPLAY": "REPLAYED" if call.is_replayed else "",
        "IS_REPLAY": "TRUE" if call.is_replayed else "FALSE",
    }


def _of_response(response: Any) -> dict[str, object]:
    return {} if response is None else {"STATUS": response.status_code}


def fill_endpoint(template: str, args: Mapping[str, str]) -> str:
    """Returns a template with its arguments in place, for people: only what cannot be shown is escaped."""
    return _PLACEHOLDER.sub(lambda match: printable(str(args.get(match[1], match[0]))), template)
