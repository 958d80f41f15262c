"""What goes wrong, as a value."""

from __future__ import annotations

import json as encoder
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, cast

import httpx
from pydantic import Field, field_validator, model_validator

from ...family import package_of
from ...matching import place_of
from ...values import ABSENT, FrozenDict, Value, one_or_many

if TYPE_CHECKING:
    from ...family import Request

__all__ = ["Fault"]

Seconds: TypeAlias = Annotated[float, Field(ge=0, allow_inf_nan=False)]

NOTHING: Final = "does nothing: give delay, error, status, truncate_at, chunk_size or chunk_delay"


class Fault(Value, frozen=True):
    """What goes wrong, for which requests, how often, and how likely.

    ```python
    Fault(error="ConnectError", probability=0.05)  # one in twenty does not connect
    Fault(r".*/orders", methods="POST", error="ReadTimeout", applied=True)  # ordered, and nobody told
    Fault(status=503, headers={"Retry-After": "2"}, first=2)  # each URL is down for two requests
    Fault(delay=(0.1, 2.0))  # as slow as the network of a train
    Fault(r".*/export", truncate_at=1000)  # breaks off after 1,000 bytes
    ```

    One fault may have several effects: a delay, then an error or an answer, whose body is slow and breaks off.

    A request is *asked* for the nth time when that method and URL (its query included, its fragment not) reach the
    transport for the nth time: a retry below which the fault stands asks again.

    Args:
        url_pattern: a regular expression, matched from the start of the URL without userinfo, query and fragment, as
            in a `ThrottleRule`; any URL unless given.
        methods: one method or several; any unless given.
        probability: from 0 to 1, how likely it strikes a request that it is for; 1 unless given, always.
        first: only the first so many times that a request is asked; every time unless given.
        every: only each so-many-th time that it is asked: 3 strikes the third and the sixth; 1 unless given.
        delay: seconds before the request goes on, or a pair of the least and the most, between which the seed chooses.
            The timeouts of the client belong to the wire and do not end it: a timeout is a `delay` and an `error`.
        error: an exception to raise in place of an answer: the name of a class of httpx, such as `"ReadTimeout"`, or
            a class. A class of either HTTP package is raised as that of the request's package.
        status: the status of an answer in place of that of the server.
        headers: of the answer with `status`.
        content: the body of the answer with `status`; text is encoded as UTF-8.
        json: the body of the answer with `status` instead, encoded as JSON; kept in `content`.
        applied: `error` and `status` come after the request was sent and answered, and the answer is thrown away: the
            server has done what it was asked, and the caller does not know. That is what makes a retry of a POST
            dangerous. False unless given: the request is not sent at all.
        truncate_at: bytes of the raw body, after which it breaks off with a `RemoteProtocolError`. A body that has no
            more than that passes whole.
        silently: the truncated body ends as if it were whole, as behind a proxy that cuts; False unless given.
        chunk_size: bytes; larger chunks of the body are cut to that size. As they come unless given.
        chunk_delay: seconds between the chunks of the body; none unless given.

    Raises:
        pydantic.ValidationError: naming the field that is wrong; also for a fault that does nothing.
    """

    url_pattern: re.Pattern[str]
    methods: Annotated[frozenset[str], one_or_many(into=frozenset)] | None = None
    probability: Annotated[float, Field(ge=0, le=1)] = 1.0
    first: Annotated[int, Field(gt=0)] | None = None
    every: Annotated[int, Field(gt=0)] = 1
    delay: Seconds | tuple[Seconds, Seconds] = 0.0
    error: type[Exception] | None = None
    status: Annotated[int, Field(ge=200, le=999)] | None = None
    headers: FrozenDict[str, str] = FrozenDict({})
    content: bytes = b""
    applied: bool = False
    truncate_at: Annotated[int, Field(ge=0)] | None = None
    silently: bool = False
    chunk_size: Annotated[int, Field(gt=0)] | None = None
    chunk_delay: Seconds = 0.0

    def __init__(
        self,
        url_pattern: str | re.Pattern[str] = ".*",
        *,
        methods: str | Iterable[str] | None = None,
        error: type[Exception] | str | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | str = b"",
        json: object = ABSENT,
        **effects: Any,
    ) -> None:
        if json is not ABSENT:
            effects["content"] = _Json(json)
            # What is no mapping is for the validator to name.
            headers = {"content-type": "application/json", **(headers or {})} if _is_mapping(headers) else headers
        answer = {"headers": {} if headers is None else headers, "content": content}
        super().__init__(url_pattern=url_pattern, methods=methods, error=error, **(answer | effects))

    @field_validator("headers", mode="before")
    @classmethod
    def _lower(cls, headers: Mapping[str, str]) -> FrozenDict[str, str]:
        if not _is_mapping(headers):
            raise ValueError("these are no headers: give a mapping of names to values")
        return FrozenDict({str(name).lower(): str(value) for name, value in headers.items()})

    @field_validator("content", mode="before")
    @classmethod
    def _encoded(cls, content: object) -> object:
        if not isinstance(content, _Json):
            return content
        try:
            return encoder.dumps(content.value, ensure_ascii=False, separators=(",", ":"))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError(f"json cannot be encoded: {error}") from error

    @field_validator("methods")
    @classmethod
    def _upper(cls, methods: frozenset[str] | None) -> frozenset[str] | None:
        return None if methods is None else frozenset(method.upper() for method in methods)

    @field_validator("error", mode="before")
    @classmethod
    def _named(cls, error: object) -> object:
        kind: Any = getattr(httpx, error, None) if isinstance(error, str) else error
        if kind is None and error is not None:
            raise ValueError(f"httpx has no exception {error!r}: give the name of one, such as 'ReadTimeout'")
        if isinstance(kind, type) and package_of(kind) and "RequestError" not in [base.__name__ for base in kind.mro()]:
            raise ValueError(f"{kind.__name__} is nothing that a transport raises: give a RequestError of httpx")
        _try(kind)
        return kind

    @field_validator("delay")
    @classmethod
    def _in_order(cls, delay: float | tuple[float, float]) -> float | tuple[float, float]:
        if isinstance(delay, tuple) and delay[0] > delay[1]:
            raise ValueError(f"{delay} is no range: give the least first")
        return delay

    @model_validator(mode="after")
    def _fits_together(self) -> Fault:
        has_body = self.truncate_at is not None or self.chunk_size is not None or self.chunk_delay
        complaints = {
            NOTHING: not (self.delay or self.error or self.status or has_body),
            "error and status cannot both be the answer: keep one of them": self.error and self.status,
            "error leaves no body to truncate or slow down": self.error and has_body,
            "headers, content and json are those of an answer: give its status": not self.status
            and (self.headers or self.content),
            "applied says when error or status comes: give one of them": self.applied
            and not (self.error or self.status),
            "silently says how truncate_at ends the body: give that, too": self.silently and self.truncate_at is None,
        }
        for complaint, holds in complaints.items():
            if holds:
                raise ValueError(complaint)
        return self

    @property
    def breaks_body(self) -> bool:
        """Whether it does something to the body of the answer."""
        return self.truncate_at is not None or self.chunk_size is not None or self.chunk_delay > 0

    def is_for(self, request: Request, asked: int) -> bool:
        """Tells whether it may strike a request that is asked for the `asked`-th time."""
        return (
            (self.first is None or asked <= self.first)
            and asked % self.every == 0
            and (self.methods is None or request.method in self.methods)
            and self.url_pattern.match(place_of(request.url)[1]) is not None
        )

    def __str__(self) -> str:
        """Says what was given: `Fault(status=503, first=2)`."""
        given = [f"{name}={_shown(getattr(self, name))}" for name in type(self).model_fields if self._is_given(name)]
        return f"Fault({', '.join(given)})"

    __repr__ = __str__

    def _is_given(self, name: str) -> bool:
        if name == "url_pattern":
            return self.url_pattern.pattern != ".*"
        return bool(getattr(self, name) != type(self).model_fields[name].default)


@dataclass(frozen=True, slots=True)
class _Json:
    """What is to be encoded as JSON, where it is checked."""

    value: object


def _is_mapping(headers: object) -> bool:
    return headers is None or isinstance(headers, Mapping)


def _try(kind: object) -> None:
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return
    try:
        kind("a fault on purpose")
    except Exception as error:
        raise ValueError(
            f"{kind.__name__} cannot be made of a message alone ({error}): give a class derived from it that can"
        ) from error


def _shown(value: Any) -> str:
    if isinstance(value, re.Pattern):
        value = str(cast("re.Pattern[str]", value).pattern)
    elif isinstance(value, frozenset):
        value = sorted(cast("frozenset[str]", value))
    elif isinstance(value, type):
        value = value.__name__
    return repr(value)
