"""What users say about retries."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Protocol, Self, TypeAlias, cast

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, PlainValidator, model_validator

from ..logevents import LogEvent
from ..values import FrozenDict, Value, key_out_of_json, one_or_many

__all__ = ["IDEMPOTENT", "GracefulRetry", "OverrideRetryOn", "RetryBudget"]

IDEMPOTENT: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE", "QUERY"})
"""Methods that may be sent twice with the effect of once (RFC 9110, section 9.2.2, and the QUERY draft)."""

_LONGEST_DELAY: Final = 60.0
_LEADING: Final = (
    *("delay", "max_attempts", "delay_modifier", "retry_on"),
    *("log_before", "log_after", "log_exhausted", "behavior", "overrides"),
)
"""The fields that may be given by position, in the order of the original library."""
_POLICIES: Final = ("idempotent", "any")


def _failure(value: object) -> object:
    if isinstance(value, int) and not isinstance(value, bool) and 100 <= value <= 599:
        return int(value)
    if isinstance(value, type) and issubclass(value, Exception):
        return value
    if isinstance(value, type) and issubclass(value, BaseException):
        reason = "is not an Exception: interruption and cancellation are never retried"
        raise ValueError(f"{value.__name__} {reason}")  # noqa: TRY004 - pydantic wants a ValueError
    raise ValueError(f"{value!r} is neither a status code (100-599) nor an exception class")


def _methods(value: object) -> object:
    if isinstance(value, str):
        if value not in _POLICIES:
            raise ValueError(f"{value!r} is neither 'idempotent' nor 'any': to name it, give {{{value!r}}}")
        return value
    try:
        return frozenset(map(_method, cast("Iterable[object]", value)))
    except TypeError:
        raise ValueError(f"{value!r} is neither 'idempotent', 'any' nor a collection of methods") from None


def _method(name: object) -> str:
    if not isinstance(name, str) or not name or name.lower() in _POLICIES:
        raise ValueError(f"{name!r} in the collection is not the name of a method, such as 'POST'")
    return name.upper()


def _key_form(value: object) -> object:
    if isinstance(value, bool) or value == "bare":
        return value
    raise ValueError(f"{value!r} is none of True, False and 'bare'")


def _budget(value: object) -> object:
    if isinstance(value, bool):
        return RetryBudget() if value else None
    if value is None or isinstance(value, RetryBudget):
        return value
    if isinstance(value, Mapping) and value:
        return RetryBudget.model_validate(value)
    raise ValueError(f"{value!r} is none of True, None and a RetryBudget")


def _overrides(value: object) -> object:
    if not isinstance(value, Mapping):
        return {} if value is None else value
    given = cast("Mapping[object, object]", value)
    return {key_out_of_json(key): item for key, item in given.items()}


def _as_dict(overrides: Mapping[Any, Any]) -> dict[Any, Any]:
    return dict(overrides)  # which older versions of pydantic cannot call by itself


Failure: TypeAlias = Annotated[int | type[Exception], PlainValidator(_failure)]
Methods: TypeAlias = Literal["idempotent", "any"] | frozenset[str]
Seconds: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class OverrideRetryOn(Value, frozen=True):
    """Another delay for one status or one class of errors.

    Args:
        delay: seconds before the first retry, in place of that of the `GracefulRetry`.

    Raises:
        pydantic.ValidationError: when it is negative or not finite.
    """

    delay: Seconds

    def __init__(self, delay: float) -> None:
        super().__init__(delay=delay)


class RetryBudget(Value, frozen=True):
    """How much retries may add to the traffic of all calls together, so that they do not finish off a server.

    In the `window` before any retry there are at most `share` times as many retries as first attempts, plus `floor` a
    second: an outage is met with 1.2 times the usual requests, in place of 4 times with three retries for each. A retry
    counts when it is decided on. First attempts are never held up.

    Args:
        share: retries per first attempt; 0.2 unless given, as in Finagle, where the figures come from.
        floor: retries a second that are free, so that little traffic can be retried at all; 10 unless given.
        window: seconds that are looked back on; 10 unless given.

    Raises:
        pydantic.ValidationError: when one is negative or not finite, or the window is shorter than a millisecond.
    """

    share: Seconds = 0.2
    floor: Seconds = 10.0
    window: Annotated[float, Field(ge=0.001, allow_inf_nan=False)] = 10.0

    def __init__(self, share: float = 0.2, floor: float = 10.0, window: float = 10.0) -> None:
        super().__init__(share=share, floor=floor, window=window)

    @property
    def in_words(self) -> str:
        """The budget in words: `at most 0.2 retries per first attempt + 10 a second, over 10 s`."""
        return f"at most {self.share:g} retries per first attempt + {self.floor:g} a second, over {self.window:g} s"


Overrides: TypeAlias = Annotated[
    Mapping[Failure, OverrideRetryOn],
    *(BeforeValidator(_overrides), AfterValidator(FrozenDict), PlainSerializer(_as_dict)),
]

if TYPE_CHECKING:

    class _Overrides(Protocol):
        """Any mapping to overrides, whatever its kind of keys: a `Mapping` would want exactly one kind."""

        def items(self) -> Iterable[tuple[int | type[Exception], OverrideRetryOn]]: ...


class GracefulRetry(Value, frozen=True):
    """When an attempt is repeated, how often, and after how long.

    All but the last six may be given by position, in this order.

    Args:
        delay: seconds before the first retry; 1 unless given, which most rate limits forgive.
        max_attempts: how many retries may follow the first attempt; 3 unless given, since an API that failed
            four times in a row is down rather than flaky. 0 means none.
        delay_modifier: what the delay is multiplied by after each retry; 1 unless given, for equal delays.
        retry_on: a status, an exception class, or a collection of them: these are retried and nothing else. A
            status also stands for a validator's error about a response of that status. `None` means every
            status outside 200-299 and every exception, those included that seldom pass by themselves (409, 501,
            505, 511): to leave them out, name `{408, 425, 429, 500, 502, 503, 504}`. As the client may be about to
            follow a redirect or to answer a challenge, 1xx, 3xx, 401 and 407 are retried only when they are named.
        log_before: logged before the wait for each retry; `None` logs nothing.
        log_after: logged after each retry, with its response.
        log_exhausted: logged when no further attempt is made though the last one failed.
        behavior: what the caller gets then. "break": what the last attempt gave, its response or its error.
            "pass": its response even if a validator turned it down; only where there is none, its error. Where it
            was the deadline of the call that left no time, `DeadlineExceeded` takes the place of "break".
        overrides: other delays for statuses and exception classes, each with an `OverrideRetryOn`. A status
            goes before a class, and among classes the first that fits counts.
        jitter: wait for a random part of the delay, evenly between nothing and all of it, so that many
            clients do not come back at once. Off unless given, since it makes the waits unpredictable.
        max_delay: seconds beyond which the delay does not grow; 60 unless given, or the longest delay given
            where that is longer.
        methods: what may be sent twice: "idempotent" methods (unless given, since a POST that timed out may
            have been carried out), "any", or a collection of names. A request that cannot have reached the
            server, or that has an Idempotency-Key header, is retried whatever its method. A body that can be read only
            once (of a generator, say) is not sent again, even where nothing of it was read.
        respect_retry_after: wait for as long as the response asks (its Retry-After header; 0 asks for nothing) in
            place of the delay, and do not retry where it says so (`x-should-retry: false`,
            `Stripe-Should-Retry: false`; "true" makes nothing a failure and no method safe). On unless given, since
            who comes back sooner is sent away.
        max_retry_after: seconds; a response that asks for more is not retried at all. 60 unless given.
        buffer_body: read the body of a response as part of the attempt, so that one that breaks off is
            retried. Off unless given: it takes memory, and a body that is streamed comes only when it is
            complete. Event streams, and bodies announced as longer than 10 MiB, are left alone; one that
            turns out to be longer raises `BodyTooLarge`.
        idempotency_key: give each call of a method that is not idempotent a key of its own, a UUID in an
            Idempotency-Key header, so that it may be retried: the server is to recognise the repetition by it. `True`
            quotes it, as the draft of the standard has it; "bare" does not, as Stripe and others want it. A key that
            the request has already (also as X-Idempotency-Key or PayPal-Request-Id) is left alone, and another
            origin gets none after a redirect. Off unless given, since most servers take no notice of it.
        budget: a `RetryBudget`, or `True` for one of 20 % of the first attempts plus 10 a second: what retries may
            add to the traffic. All calls of a stack that have equal budgets share one. When it is used up, a failure
            is final: the caller gets it at once. Off unless given.

    Raises:
        pydantic.ValidationError: naming the field that is wrong.
    """

    delay: Seconds = 1.0
    max_attempts: Annotated[int, Field(ge=0)] = 3
    delay_modifier: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 1.0
    retry_on: Annotated[frozenset[Failure] | None, one_or_many(into=tuple)] = None
    log_before: LogEvent | None = None
    log_after: LogEvent | None = None
    log_exhausted: LogEvent | None = None
    behavior: Literal["break", "pass"] = "break"
    overrides: Overrides = FrozenDict[Any, OverrideRetryOn]({})
    jitter: bool = False
    max_delay: Seconds = _LONGEST_DELAY
    methods: Annotated[Methods, BeforeValidator(_methods)] = "idempotent"
    respect_retry_after: bool = True
    max_retry_after: Seconds = 60.0
    buffer_body: bool = False
    idempotency_key: Annotated[Literal["bare"] | bool, PlainValidator(_key_form)] = False
    budget: Annotated[RetryBudget | None, BeforeValidator(_budget)] = None

    if TYPE_CHECKING:
        # What may be given, which is wider than what is stored.
        def __init__(  # noqa: PLR0917 - the original library takes them by position
            self,
            delay: float = 1.0,
            max_attempts: int = 3,
            delay_modifier: float = 1.0,
            retry_on: int | type[Exception] | Collection[int | type[Exception]] | None = None,
            log_before: LogEvent | None = None,
            log_after: LogEvent | None = None,
            log_exhausted: LogEvent | None = None,
            behavior: Literal["break", "pass"] = "break",
            overrides: _Overrides | None = None,
            *,
            jitter: bool = False,
            max_delay: float = 60.0,
            methods: Literal["idempotent", "any"] | Collection[str] = "idempotent",
            respect_retry_after: bool = True,
            max_retry_after: float = 60.0,
            buffer_body: bool = False,
            idempotency_key: Literal["bare"] | bool = False,
            budget: RetryBudget | bool | None = None,
        ) -> None: ...
    else:

        def __init__(self, *leading: object, **fields: object) -> None:
            if len(leading) > len(_LEADING):
                raise TypeError(f"{len(leading)} values by position, and at most {len(_LEADING)}: name the others")
            given = dict(zip(_LEADING, leading, strict=False))
            if twice := given.keys() & fields.keys():
                raise TypeError(f"{', '.join(sorted(twice))} given by position and by name: give it once")
            super().__init__(**given, **fields)

    @property
    def named_methods(self) -> str:
        """The methods in words: `idempotent`, `any`, or their names."""
        return self.methods if isinstance(self.methods, str) else "/".join(sorted(self.methods))

    @model_validator(mode="after")
    def _leave_given_delays_whole(self) -> Self:
        if "max_delay" not in self.model_fields_set:
            longest = max([_LONGEST_DELAY, self.delay, *(override.delay for override in self.overrides.values())])
            object.__setattr__(self, "max_delay", longest)  # past the freeze, which begins after construction
        return self
