"""Tests of the filter for what the packages below log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from types import ModuleType

import pytest

from gracy_transport import RedactingFilter, redact_http_logs
from gracy_transport.http_logs import _LOGGERS
from gracy_transport.redaction import REDACTED


@pytest.fixture
def filtered() -> Iterator[None]:
    """Takes the filters away again, which are the process's."""
    yield
    for name in _LOGGERS:
        logger = logging.getLogger(name.rstrip("."))
        for known in tuple(logger.filters):
            logger.removeFilter(known)


def passed(text: str, *args: object, name: str = "httpcore.http11", filters: RedactingFilter | None = None) -> str:
    """Returns what a record says once it passed the filter."""
    record = logging.LogRecord(name, logging.DEBUG, "", 1, text, args, None)
    assert (filters or RedactingFilter()).filter(record)
    return record.getMessage()


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://me:hunter2@api.test/a", f"GET https://{REDACTED}@api.test/a"),
        ("via http://me:half@hunter2@proxy.test:8/", f"via http://{REDACTED}@proxy.test:8/"),
        ("GET https://api.test/a?page=1&api_key=hunter2&q=x", f"GET https://api.test/a?page=1&api_key={REDACTED}&q=x"),
        ("GET https://api.test/a?x=1;sig=hun;ter2&y=2", f"GET https://api.test/a?x=1;sig={REDACTED}&y=2"),
        ("GET https://api.test/a?api%5Fkey=hunter2", f"GET https://api.test/a?api%5Fkey={REDACTED}"),
        ("[(b'Set-Cookie', b'id=hunter2'), (b'X', b'1')]", f"[(b'Set-Cookie', b'{REDACTED}'), (b'X', b'1')]"),
        ("""[(b'Authorization', b"hunter'2")]""", f"[(b'Authorization', b'{REDACTED}')]"),
        (r"[(b'Cookie', b'a\'hunter2'), (b'X', b'1')]", f"[(b'Cookie', b'{REDACTED}'), (b'X', b'1')]"),
        ("Headers({'x-api-key': 'hunter2', 'x': '1'})", f"Headers({{'x-api-key': '{REDACTED}', 'x': '1'}})"),
        (
            "GET /a?next=https%3A%2F%2Fu%3Ahunter2%40b.test%2F%3Ftoken%3Dhunter2",
            f"GET /a?next=https%3A%2F%2F{REDACTED}%40b.test%2F%3Ftoken%3D{REDACTED}",
        ),
        ("(b'Location', b'/cb?code=hunter2#access_token=hunter2')", None),
        ("(b'location', b'https://u:hunter2@b.test/')", None),
    ],
)
def test_secrets_are_taken_out_of_a_line(text: str, shown: str | None) -> None:
    """Userinfo, secret parameters, and the values of secret headers."""
    assert "hunter2" not in passed(text)
    if shown is not None:
        assert passed(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "connect_tcp.started host='api.test' port=443 local_address=None timeout=5.0",
        "receive_response_headers.complete return_value=(b'HTTP/1.1', 200, b'OK', [(b'Date', b'Sun')])",
        "100 % of https://api.test/a?page=2 {braces}",
        "it's a lone quote",
        "",
    ],
)
def test_other_lines_stay_as_they_are(text: str) -> None:
    """To the letter, percent signs included."""
    assert passed(text) == text


def test_what_httpx_logs_is_formatted_first() -> None:
    """The URL is an argument of the record, and no text yet."""
    import httpx

    url = httpx.URL("https://me:hunter2@api.test/a?token=hunter2")
    assert (
        passed("HTTP Request: %s %s", "GET", url) == f"HTTP Request: GET https://{REDACTED}@api.test/a?token={REDACTED}"
    )


def test_a_pattern_of_the_users_own_takes_out_its_first_group() -> None:
    """Or all that it matches, when it has none."""
    own = RedactingFilter(r"/bot([^/]+)", r"tenant-\d+")
    assert passed("GET /bot123:ABC/send to tenant-42", filters=own) == f"GET /bot{REDACTED}/send to {REDACTED}"


@pytest.mark.usefixtures("filtered")
@pytest.mark.parametrize("make", [RedactingFilter, redact_http_logs])
def test_a_pattern_that_matches_nothing_at_all_is_refused(make: Callable[[str], object]) -> None:
    """As everywhere; and no logger is touched."""
    with pytest.raises(ValueError, match=r"'x\*' matches where there is no character to hide: let it match the secret"):
        make("x*")
    assert logging.getLogger("httpx").filters == []


def test_a_record_that_cannot_be_formatted_is_left_to_its_handler() -> None:
    """A filter that raises would raise into the request."""
    record = logging.LogRecord("httpx", logging.INFO, "", 1, "%d", ("x",), None)
    assert RedactingFilter().filter(record)


def raised(text: str) -> logging.LogRecord:
    """Returns a record with the traceback of an error of that text."""
    try:
        raise LookupError(text)
    except LookupError as error:
        return logging.LogRecord("app", logging.ERROR, "", 1, "it failed", (), (type(error), error, None))


def test_a_traceback_is_shown_without_secrets() -> None:
    """The text of many an error of httpx has a URL in it."""
    record = raised("404 for url 'https://me:hunter2@api.test/a?api_key=hunter2'")
    assert RedactingFilter().filter(record)
    text = logging.Formatter().format(record)
    assert text.startswith("it failed\nLookupError: ") and "hunter2" not in text
    assert record.exc_info is None  # a handler of another kind would show it as it was


def test_a_traceback_without_secrets_stays() -> None:
    """A handler may want more of it than its text."""
    record = raised("404")
    assert RedactingFilter().filter(record)
    assert record.exc_info is not None and record.exc_text is None


def test_packed_headers_are_not_logged() -> None:
    """Nobody can tell what is in them."""
    record = logging.LogRecord("hpack.hpack", logging.DEBUG, "", 1, "Decoding %s", (b"\x82",), None)
    assert not RedactingFilter().filter(record)


def test_a_hostile_line_takes_no_long_time() -> None:
    """Quotes and marks without end, 300,000 characters of them; the secret behind them is found all the same."""
    for piece in ("'", '"', "(b'", "?", "://", "\\'", "'a', ", "'a': '\\", "'a': \"'", "?a=", "&", "://a", "'a"):
        line = piece * (300_000 // len(piece))
        assert passed(f"{line}&token=hunter2") == f"{line}&token={REDACTED}"


@pytest.mark.usefixtures("filtered")
def test_one_call_is_enough_and_a_second_one_replaces_it(caplog: pytest.LogCaptureFixture) -> None:
    """For every logger of the packages; their levels and handlers stay as they were."""
    for pattern in ("one", "two"):
        redact_http_logs(pattern)
    for name in _LOGGERS:
        logger = logging.getLogger(name.rstrip("."))
        assert [known.patterns[0].pattern for known in logger.filters if isinstance(known, RedactingFilter)] == ["two"]
        assert (logger.level, logger.handlers) == (logging.NOTSET, [])
    caplog.set_level(logging.INFO)
    logging.getLogger("httpx").info("%s", "https://api.test/?token=hunter2")
    assert caplog.messages == [f"https://api.test/?token={REDACTED}"]


def test_no_logger_of_the_packages_is_forgotten(family: ModuleType) -> None:
    """Each that is made by importing them, proxies and HTTP/2 included."""
    from importlib import import_module

    core = {"httpx": "httpcore", "httpx2": "httpcore2"}[family.__name__]
    for part in ("http2", "http_proxy", "socks_proxy"):
        try:
            import_module(f"{core}._async.{part}")
        except ImportError:  # an extra that is not installed
            continue
    known = {name.rstrip(".") for name in _LOGGERS}
    roots = {family.__name__, core, "hpack"}
    made = {name for name, logger in logging.root.manager.loggerDict.items() if isinstance(logger, logging.Logger)}
    assert {name for name in made if name.partition(".")[0] in roots} <= known


@pytest.mark.usefixtures("filtered")
def test_a_line_that_comes_while_the_filter_is_replaced_is_filtered_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another thread may log at any moment: there is a filter at each."""
    logger, shown = logging.getLogger("httpx"), list[str]()

    def remove_and_log(known: logging.Filter) -> None:
        logging.Logger.removeFilter(logger, known)
        record = logging.LogRecord("httpx", logging.INFO, "", 1, "GET https://api.test/a?token=hunter2", (), None)
        assert logger.filter(record)
        shown.append(record.getMessage())

    redact_http_logs()
    monkeypatch.setattr(logger, "removeFilter", remove_and_log)
    redact_http_logs()
    monkeypatch.undo()
    assert shown == [f"GET https://api.test/a?token={REDACTED}"]
    assert len(logger.filters) == 1
