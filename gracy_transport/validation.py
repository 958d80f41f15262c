"""Validation: whether a response is what was hoped for, by its status code and by the user's own checks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Collection, Iterable
from functools import lru_cache
from inspect import isawaitable
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, TypeVar

from pydantic import Field

from .bodies import discard, readable
from .call import Call, Observer, Outcome
from .clock import SYSTEM_CLOCK, Clock
from .exceptions import BadResponse, NonOkResponse, UnexpectedResponse
from .family import AnyResponse, AsyncTransport, error_for
from .layer import Layer
from .showing import shown_url
from .values import ABSENT, Value, one_or_many

if TYPE_CHECKING:
    from .family import Request, Response

__all__ = [
    "GracefulValidator",
    "StatusCodes",
    "ValidationConfig",
    "ValidationTransport",
    "Validators",
    "judge",
]

# ---------------------------------------------------------------- config


class GracefulValidator(ABC):
    """A check of the user's own: it sees the responses with an accepted status code and raises to reject one.

    What it raises reaches the caller as it is, unless the retry layer tries again because of it.
    """

    needs_body: bool = True
    """Whether `check` looks at the body.

    The body is read into memory then (10 MiB at most, more raises `BodyTooLarge`), so a stream arrives only
    when all of it has come. When no validator of a call needs the body, streams stay streams.
    """

    @abstractmethod
    def check(self, response: AnyResponse) -> Awaitable[None] | None:
        """Raises any exception when the response is not good enough; `def` and `async def` both do."""


StatusCode: TypeAlias = Annotated[int, Field(ge=100, le=599, strict=True)]

StatusCodes: TypeAlias = Annotated[frozenset[StatusCode], Field(min_length=1), one_or_many(into=frozenset)]
"""The type of a config field that takes a status code (an int or an `HTTPStatus`) or a collection of them."""

Validators: TypeAlias = Annotated[tuple[GracefulValidator, ...], one_or_many(into=tuple)]
"""The type of a config field that takes a `GracefulValidator` or a collection of them, in order."""


class ValidationConfig(Value, frozen=True):
    """What a `ValidationTransport` accepts.

    Args:
        strict_status_code: the only codes accepted; it takes precedence over `allowed_status_code`.
        allowed_status_code: codes accepted besides 200-299.
        validators: run on responses with an accepted code, in order.

    Raises:
        pydantic.ValidationError: naming the field that is wrong.
    """

    strict_status_code: StatusCodes | None = None
    allowed_status_code: StatusCodes | None = None
    validators: Validators | None = None


# ---------------------------------------------------------------- pure decisions

_CHALLENGES: Final = frozenset({401, 407})

_Codes: TypeAlias = frozenset[int] | None


def is_final(status: int, named: Collection[int] | None, *, is_followed: bool) -> bool:
    """Tells whether an answer is one to judge.

    An interim answer (1xx), a redirect (3xx) and a challenge (401, 407) may lead to another request of the
    call, which a transport cannot know. They are judged only when the user named the code, or when nothing
    follows.
    """
    if 200 <= status < 300 or not is_followed or (named is not None and status in named):
        return True
    return not (status < 200 or 300 <= status < 400 or status in _CHALLENGES)


def judge(status: int, strict: _Codes, allowed: _Codes) -> str | None:
    """Returns `None` when a status code is accepted, else what was expected, in words.

    500 without any rule gives `2xx`; with 404 allowed, `2xx or 404`; with 200 and 201 strict, `200 or 201`.
    """
    if strict is not None:
        return None if status in strict else expected(strict, allowed)
    if 200 <= status < 300 or (allowed is not None and status in allowed):
        return None
    return expected(strict, allowed)


@lru_cache
def expected(strict: _Codes, allowed: _Codes) -> str:
    """Says in words which status codes are accepted."""
    if strict is not None:
        return _any_of(_runs(strict))
    return _any_of(["2xx", *_runs(code for code in allowed or () if not 200 <= code < 300)])


def _runs(codes: Iterable[int]) -> list[str]:
    """Names codes in order, neighbours in one go: `4xx` for all of 400-499, `500-504` for three or more."""
    runs: list[list[int]] = []
    for code in sorted(codes):
        if runs and code == runs[-1][-1] + 1:
            runs[-1].append(code)
        else:
            runs.append([code])
    names: list[str] = []
    for run in runs:
        if len(run) == 100 and run[0] % 100 == 0:
            names.append(f"{run[0] // 100}xx")
        else:
            names.extend([f"{run[0]}-{run[-1]}"] if len(run) > 2 else map(str, run))
    return names


def _any_of(names: list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} or {last}" if others else last


# ---------------------------------------------------------------- transport

Error = TypeVar("Error", bound=Exception)

_Rules: TypeAlias = tuple[_Codes, _Codes, tuple[GracefulValidator, ...]]


class ValidationTransport(Layer):
    """Rejects responses with an unwanted status code, and those that a validator turns down.

    Accepted are 200-299 unless said otherwise. 1xx, 3xx, 401 and 407 pass without judgement unless they are
    named, because the client may still follow a redirect or answer a challenge.

    A rejected response raises `UnexpectedResponse` (when `strict_status_code` is given) or `NonOkResponse`,
    both also errors of the client's package. The error carries the response with its body read. A body over
    10 MiB, or one that breaks, is given up: the error's response is unread then, and its cause says why.

    Args:
        inner: the transport below.
        strict_status_code: the only codes accepted, one or several; it takes precedence over
            `allowed_status_code`.
        allowed_status_code: codes accepted besides 200-299, one or several.
        validators: a `GracefulValidator` or several, run in order on responses with an accepted code.
        clock, observers: as for every layer.

    Raises:
        pydantic.ValidationError: naming the argument that is wrong.
    """

    def __init__(
        self,
        inner: AsyncTransport,
        *,
        strict_status_code: int | Iterable[int] | None = None,
        allowed_status_code: int | Iterable[int] | None = None,
        validators: GracefulValidator | Iterable[GracefulValidator] | None = None,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
    ) -> None:
        super().__init__(inner, clock=clock, observers=observers)
        self.config = ValidationConfig.model_validate(
            {
                "strict_status_code": strict_status_code,
                "allowed_status_code": allowed_status_code,
                "validators": validators,
            }
        )
        self._rules: _Rules = (
            self.config.strict_status_code,
            self.config.allowed_status_code,
            self.config.validators or (),
        )

    async def handle(self, request: Request, call: Call) -> Response:
        """Judges the answer of the transport below: by its status code first, then by the validators."""
        response = await self.pass_on(request, call)
        strict, allowed, validators = self._rules if call.options.config is None else self._rules_for(call)
        if strict is None and not validators and 200 <= response.status_code < 300:
            return response  # nothing to ask, as for most
        named = allowed if strict is None else strict
        if not is_final(response.status_code, named, is_followed=call.options.is_followed):
            return response
        wanted = judge(response.status_code, strict, allowed)
        if wanted is not None:
            kind = NonOkResponse if strict is None else UnexpectedResponse
            raise await self._rejection(request, response, call, kind, wanted)
        if validators:
            await self._check(request, response, call, validators)
        return response

    async def _rejection(
        self, request: Request, response: Response, call: Call, kind: type[BadResponse], wanted: str
    ) -> BadResponse:
        """Returns the error of a response with an unwanted status code, and notes the outcome on the call."""
        where = f"{request.method} {shown_url(request)}"
        message = f"{where} was rejected: status {response.status_code}, expected {wanted}"
        # No local name for the error: a traceback through this frame would keep it, and the body, in a circle.
        try:
            view = await readable(request, response)
        except Exception as cause:  # noqa: BLE001 - the status code is the news, whatever became of the body
            self.complete(request, call, response)
            return _rejected(call, response, error_for(request, kind, message, response=response, call=call), cause)
        self.complete(request, call, view)
        return _rejected(call, response, error_for(request, kind, message, response=view, call=call))

    async def _check(
        self, request: Request, response: Response, call: Call, validators: tuple[GracefulValidator, ...]
    ) -> None:
        """Lets the validators look at a response, in order; the first that raises rejects it."""
        needs_body = any(validator.needs_body for validator in validators)
        view = await readable(request, response) if needs_body else response
        self.complete(request, call, view)
        try:
            for validator in validators:
                verdict = validator.check(view)
                if isawaitable(verdict):
                    await verdict
        except (StopIteration, StopAsyncIteration) as error:
            # A coroutine cannot raise these: Python would put an error in its place that nobody has noted.
            raise _rejected(call, response, RuntimeError(f"a validator raised {type(error).__name__}")) from error
        except Exception as error:
            call.rejected = Outcome(response, error)
            raise
        except BaseException:
            await discard(response)
            raise

    def _rules_for(self, call: Call) -> _Rules:
        strict, allowed, validators = self._rules
        return (
            _own(call, "strict_status_code", strict),
            _own(call, "allowed_status_code", allowed),
            _own(call, "validators", validators) or (),
        )

    def state(self) -> str:
        """Says what is accepted: `2xx or 404, 1 validator`."""
        strict, allowed, validators = self._rules
        accepted = expected(strict, allowed)
        count = len(validators)
        return f"{accepted}, {count} validator{'' if count == 1 else 's'}" if count else accepted


def _own(call: Call, name: str, otherwise: Any) -> Any:
    override = call.override(name)
    return otherwise if override is ABSENT else override


def _rejected(call: Call, response: Response, error: Error, cause: Exception | None = None) -> Error:
    """Notes the outcome of a response that was turned down, and returns its error."""
    error.__cause__ = cause
    call.rejected = Outcome(response, error)
    return error
