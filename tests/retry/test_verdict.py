"""The decision about an outcome, as a pure function."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import httpx
import httpx2
import pytest

from gracy_transport.call import Outcome
from gracy_transport.exceptions import (
    BadResponse,
    CompositionError,
    GracyException,
    GracyRefusal,
    GracyRequestFailed,
    NonOkResponse,
    TransportClosed,
)
from gracy_transport.family import family_of
from gracy_transport.retry import GracefulRetry, OverrideRetryOn
from gracy_transport.retry.verdict import (
    Facts,
    GiveUp,
    Retry,
    Verdict,
    cause_of,
    in_time,
    is_failure,
    is_unwanted,
    judge,
)

WALL = 1_767_225_600.0
GET = Facts(method="GET", headers={}, can_resend=True)


class Refused(Exception):
    """What a validator of a user raises."""


class Strange(httpx.TransportError):
    """What a custom transport raises."""


def answer(status: int, **headers: str) -> Any:
    return httpx.Response(status, headers={name.replace("_", "-"): value for name, value in headers.items()})


def verdict(
    config: GracefulRetry, outcome: Outcome, retry: int = 1, facts: Facts = GET, chance: float | None = None
) -> Verdict:
    return judge(config, outcome, retry, facts, wall=WALL, chance=chance)


def is_retried(config: GracefulRetry, outcome: Outcome) -> bool:
    return is_failure(config, outcome, is_followed=True)


def httpx_errors() -> list[str]:
    kinds = inspect.getmembers(httpx, inspect.isclass)
    return [name for name, kind in kinds if issubclass(kind, httpx.RequestError)]


def raised(module: ModuleType, name: str) -> Exception:
    error: Exception = getattr(module, name)("scripted")
    return error


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [((200, 201, 204, 299), False), ((400, 402, 403, 404, 408, 429, 451, 499, 500, 503, 599), True)],
)
def test_every_status_outside_2xx_is_a_failure_when_nothing_is_named(statuses: tuple[int, ...], expected: bool) -> None:
    """`retry_on=None` means any status that is no success."""
    assert {is_retried(GracefulRetry(), Outcome(answer(status))) for status in statuses} == {expected}


@pytest.mark.parametrize("status", [301, 302, 304, 307, 308, 401, 407])
def test_what_the_client_may_go_on_with_is_retried_only_when_named_or_final(status: int) -> None:
    """A redirect and a challenge belong to the client, unless it is known that nothing will follow."""
    outcome = Outcome(answer(status))
    assert not is_failure(GracefulRetry(), outcome, is_followed=True)
    assert is_failure(GracefulRetry(), outcome, is_followed=False)
    assert is_failure(GracefulRetry(retry_on=status), outcome, is_followed=True)


def test_a_handed_over_connection_is_no_failure() -> None:
    """101 is a success of its kind, unless it is named."""
    outcome = Outcome(answer(101))
    assert not is_failure(GracefulRetry(), outcome, is_followed=False)
    assert is_failure(GracefulRetry(retry_on={101}), outcome, is_followed=True)


def test_only_named_statuses_are_failures() -> None:
    """Naming some excludes all others, errors too."""
    config = GracefulRetry(retry_on={503, 404})
    assert is_retried(config, Outcome(answer(503)))
    assert is_retried(config, Outcome(answer(404)))
    assert not is_retried(config, Outcome(answer(500)))
    assert not is_retried(config, Outcome(error=httpx.ConnectError("no")))


@pytest.mark.parametrize("module", [httpx, httpx2])
@pytest.mark.parametrize("name", httpx_errors())
def test_each_error_is_retried_if_and_only_if_it_or_a_base_is_named(module: ModuleType, name: str) -> None:
    """The matrix of all errors and all classes, across both families."""
    error = raised(module, name)
    twin = getattr(httpx, name)
    for other in httpx_errors():
        kind = getattr(httpx, other)
        assert is_retried(GracefulRetry(retry_on=kind), Outcome(error=error)) == issubclass(twin, kind), other
    assert is_retried(GracefulRetry(), Outcome(error=error))
    assert is_retried(GracefulRetry(retry_on=Exception), Outcome(error=error))
    assert is_retried(GracefulRetry(retry_on=GracyRequestFailed), Outcome(error=error))
    assert not is_retried(GracefulRetry(retry_on={500, ValueError}), Outcome(error=error))


@pytest.mark.parametrize("error", [Strange("odd"), Refused("no"), ZeroDivisionError("oops")])
def test_any_other_exception_is_retried_when_nothing_or_its_class_is_named(error: Exception) -> None:
    """A class of the user's own is as good as one of httpx."""
    assert is_retried(GracefulRetry(), Outcome(error=error))
    assert is_retried(GracefulRetry(retry_on=type(error)), Outcome(error=error))
    assert not is_retried(GracefulRetry(retry_on=httpx.ConnectError), Outcome(error=error))


def test_a_rejected_response_matches_by_status_and_by_the_class_of_its_error() -> None:
    """The error of a validator stands for the response it judges."""
    response = answer(503)
    error = NonOkResponse("rejected", response=response)
    outcome = Outcome(response, error)
    for named in (503, NonOkResponse, BadResponse, GracyException, Exception, {503, 404}):
        assert is_retried(GracefulRetry(retry_on=named), outcome)
    for other in (500, httpx.ConnectError, {404}):
        assert not is_retried(GracefulRetry(retry_on=other), outcome)
    assert is_retried(GracefulRetry(retry_on=Refused), Outcome(answer(200), Refused()))


@pytest.mark.parametrize("kind", [GracyRefusal, TransportClosed, CompositionError])
@pytest.mark.parametrize("named", [None, Exception, GracyException])
def test_our_own_refusals_are_never_retried(kind: type[GracyException], named: type[Exception] | None) -> None:
    """Not even when a base of theirs is named."""
    request = httpx.Request("GET", "https://api.test")
    mixed = family_of(request).mixed(kind)
    config = GracefulRetry(retry_on=named)
    assert not is_retried(config, Outcome(error=kind("no")))
    assert not is_retried(config, Outcome(error=mixed("no", request=request)))


def test_retries_end_after_max_attempts() -> None:
    """The last retry is number `max_attempts`; with none allowed the first failure is the end."""
    config = GracefulRetry(max_attempts=2)
    assert isinstance(verdict(config, Outcome(answer(503)), 2), Retry)
    ended = verdict(config, Outcome(answer(503)), 3)
    assert isinstance(ended, GiveUp)
    assert ended.reason == "max_attempts=2 is used up: [Bad Status Code: 503]"
    assert isinstance(verdict(GracefulRetry(max_attempts=0), Outcome(answer(503)), 1), GiveUp)


def test_an_accepted_outcome_needs_no_reason() -> None:
    """A success, and an error nobody named, go to the caller."""
    assert not is_retried(GracefulRetry(), Outcome(answer(200)))
    assert not is_retried(GracefulRetry(retry_on=500), Outcome(error=ValueError()))


@pytest.mark.parametrize(
    ("outcome", "cause"),
    [
        (Outcome(answer(404)), "[Bad Status Code: 404]"),
        (Outcome(answer(500), NonOkResponse("no")), "[Bad Status Code: 500]"),
        (Outcome(error=httpx.ConnectTimeout("secret")), "[Request Error: ConnectTimeout]"),
        (Outcome(error=httpx2.ReadError("secret")), "[Request Error: ReadError]"),
        (Outcome(answer(200), Refused("secret")), "[Validation Error: Refused]"),
    ],
)
def test_a_cause_names_what_failed_and_nothing_secret(outcome: Outcome, cause: str) -> None:
    """Only status codes and names of classes are in it."""
    assert cause_of(outcome) == cause
    assert cause_of(Outcome(error=family_of(httpx.Request("GET", "/")).mixed(BadResponse)("no"))) == (
        "[Request Error: BadResponse]"
    )


@pytest.mark.parametrize(
    ("outcome", "delay"),
    [
        (Outcome(answer(500)), 7),
        (Outcome(answer(502)), 1),
        (Outcome(answer(429)), 0),
        (Outcome(error=httpx.ConnectTimeout("late")), 3),
        (Outcome(error=httpx2.ConnectTimeout("late")), 3),
        (Outcome(error=httpx.ConnectError("no")), 4),
        (Outcome(error=ValueError("no")), 1),
        (Outcome(answer(500), NonOkResponse("no")), 7),
        (Outcome(answer(502), Refused("no")), 5),
    ],
)
def test_an_override_replaces_the_delay(outcome: Outcome, delay: float) -> None:
    """A status goes before a class, the first class that fits counts, and zero is a delay."""
    config = GracefulRetry(
        delay=1,
        overrides={
            429: OverrideRetryOn(0),
            500: OverrideRetryOn(7),
            httpx.TimeoutException: OverrideRetryOn(3),
            httpx.TransportError: OverrideRetryOn(4),
            Refused: OverrideRetryOn(5),
        },
    )
    assert verdict(config, outcome) == Retry(delay, cause_of(outcome))


def test_an_override_grows_as_any_delay() -> None:
    """The modifier and the cap hold for it too."""
    config = GracefulRetry(delay_modifier=2, max_attempts=9, max_delay=20, overrides={500: OverrideRetryOn(6)})
    delays = [verdict(config, Outcome(answer(500)), retry) for retry in (1, 2, 3)]
    assert [each.delay for each in delays if isinstance(each, Retry)] == [6, 12, 20]


def test_jitter_takes_its_part_of_the_delay() -> None:
    """The chance is given from outside."""
    made = verdict(GracefulRetry(delay=4, jitter=True), Outcome(answer(500)), chance=0.25)
    assert isinstance(made, Retry)
    assert made.delay == 1


def test_what_the_client_goes_on_with_is_accepted() -> None:
    """A redirect of which nobody said anything is an answer, and one that nobody will follow is a failure."""
    moved = Outcome(answer(302))
    assert not is_failure(GracefulRetry(), moved, is_followed=True)
    assert is_failure(GracefulRetry(), moved, is_followed=False)
    assert verdict(GracefulRetry(), moved) == Retry(1.0, "[Bad Status Code: 302]")
    assert is_unwanted(GracefulRetry(), 300, is_followed=False)
    assert not is_unwanted(GracefulRetry(), 300, is_followed=True)


def test_a_wait_of_just_the_longest_is_waited() -> None:
    """One that is longer is not begun, and the server's word is kept."""
    config = GracefulRetry(max_retry_after=30)
    assert verdict(config, Outcome(answer(429, retry_after="30"))) == Retry(
        30.0, "[Bad Status Code: 429], the server asks to wait 30 s"
    )
    assert verdict(config, Outcome(answer(429, retry_after="31"))) == GiveUp(
        "[Bad Status Code: 429]: the server asks to wait 31 s, which is more than max_retry_after=30; "
        "try again later, or raise max_retry_after",
        31.0,
    )


def test_a_refusal_to_repeat_says_what_to_do() -> None:
    """Word for word, since it is all that somebody sees of it."""
    post = Facts(method="POST", headers={}, can_resend=True)
    once = Facts(method="PUT", headers={}, can_resend=False)
    assert verdict(GracefulRetry(), Outcome(answer(503)), facts=post) == GiveUp(
        "POST not retried: not idempotent (methods=idempotent); give the request an Idempotency-Key header if the "
        'server knows it (idempotency_key=True makes one), or set methods="any" if twice does no harm'
    )
    assert verdict(GracefulRetry(), Outcome(answer(503)), facts=once) == GiveUp(
        "PUT not retried: its body can be read only once; give bytes, or an object whose __aiter__ starts anew each "
        "time"
    )


@pytest.mark.parametrize("name", ["x_should_retry", "stripe_should_retry"])
@pytest.mark.parametrize("word", ["false", " False "])
def test_a_server_may_forbid_a_repetition(name: str, word: str) -> None:
    """In an error of its own, 400 and above, and unless it is not to be listened to."""
    shown = name.replace("_", "-")
    for status in (400, 503):
        assert verdict(GracefulRetry(), Outcome(answer(status, **{name: word}))) == GiveUp(
            f"[Bad Status Code: {status}]: the server says not to retry ({shown}: false); "
            "respect_retry_after=False retries all the same"
        )
    deaf = GracefulRetry(respect_retry_after=False)
    assert isinstance(verdict(deaf, Outcome(answer(503, **{name: word}))), Retry)
    assert isinstance(verdict(GracefulRetry(retry_on=200), Outcome(answer(200, **{name: word}))), Retry)
    assert isinstance(verdict(GracefulRetry(), Outcome(answer(503, **{name: "true"}))), Retry)


def test_a_retry_that_comes_too_late_is_not_made() -> None:
    """At the very deadline is too late; other verdicts stay as they are."""
    late = GiveUp("why: the deadline leaves no time for a back-off of 2.5 s", too_long=2.5)
    assert [in_time(Retry(2.5, "why"), left) for left in (2.4, 2.5, 2.6)] == [late, late, Retry(2.5, "why")]
    assert in_time(GiveUp("no"), 0.0) == GiveUp("no")
