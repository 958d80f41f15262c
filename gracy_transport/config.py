"""The configuration of a whole stack, as one frozen value."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from importlib.util import find_spec
from re import Pattern
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, TypeAlias, TypedDict, Unpack, cast

from pydantic import AfterValidator, BeforeValidator

from .call import EXTENSION, CallOptions
from .concurrency import ConcurrentRequestLimit, Limits
from .deadline import PositiveSeconds
from .exceptions import CompositionError
from .logevents import LogEvent
from .redaction import Redacted
from .retry import GracefulRetry
from .throttle import GracefulThrottle, ThrottleRule, Throttling
from .validation import GracefulValidator, StatusCodes, Validators
from .values import ABSENT, OR_ABSENT, Absent, FrozenDict, Value, key_out_of_json

__all__ = [
    "ConcurrentRequestLimit",
    "ConfigFields",
    "GracefulThrottle",
    "GracyConfig",
    "call_options",
    "for_some_calls",
]


_TYPING: Final = frozenset({"typing", "typing_extensions"})


def _as_parsers(value: object) -> object:
    """Returns the parsers by status code (an int) or "default", frozen."""
    if not isinstance(value, Mapping):
        if value is None or isinstance(value, Absent):
            return value
        raise ValueError(f'{value!r} is not a mapping: give parser={{"default": ..., HTTPStatus.NOT_FOUND: ...}}')
    given = cast("Mapping[object, object]", value)
    return FrozenDict({_as_parser_key(key): _as_parser(parser, key) for key, parser in given.items()})


def _as_parser_key(key: object) -> int | str:
    if key == "default":
        return "default"
    status = key_out_of_json(key)
    if isinstance(status, int) and not isinstance(status, bool) and 100 <= status <= 599:
        return int(status)
    raise ValueError(f'{key!r} is neither "default" nor a status code (100-599)')


def _as_parser(parser: object, key: object) -> object:
    # A union and the result of a `type` statement are types that cannot be called.
    if parser is None or callable(parser) or isinstance(parser, UnionType) or type(parser).__module__ in _TYPING:
        return parser
    raise ValueError(
        f"{parser!r} for {key!r} cannot parse a response: give a callable that takes the response, a type "
        "(a model, list[Model], Model | None), None, or an exception class"
    )


def _installed(wire: str) -> str:
    """Returns the name of a wire whose package is there, which is looked for, not loaded."""
    if find_spec(wire) is None:
        raise ValueError(f"{wire} is not installed: pip install 'gracy-transport[{wire}]'")
    return wire


Wire: TypeAlias = Annotated[Literal["aiohttp"], AfterValidator(_installed)]

Parsers: TypeAlias = Annotated[FrozenDict[int | str, Any], BeforeValidator(_as_parsers)]


class ConfigFields(TypedDict, total=False):
    """What may be given for the fields of a `GracyConfig`, which is wider than what it stores."""

    log_request: LogEvent | Absent | None
    log_response: LogEvent | Absent | None
    log_errors: LogEvent | Absent | None
    retry: GracefulRetry | Absent | None
    strict_status_code: int | Collection[int] | Absent | None
    allowed_status_code: int | Collection[int] | Absent | None
    validators: GracefulValidator | Iterable[GracefulValidator] | Absent | None
    parser: Mapping[Any, Callable[[Any], Any] | object] | Absent | None
    throttling: GracefulThrottle | ThrottleRule | Iterable[ThrottleRule] | Absent | None
    concurrent_requests: int | ConcurrentRequestLimit | Iterable[ConcurrentRequestLimit] | Absent | None
    deadline: float | Absent | None
    redact: str | Pattern[str] | Iterable[str | Pattern[str]] | Absent | None
    wire: Literal["aiohttp"] | Absent | None


class GracyConfig(Value, frozen=True):
    """What a stack does with its requests. Every field may be given, left out, or given as `None`.

    A field that is left out inherits (from the stack for a call's own config, from the API class for a namespace or a
    decorated method) and, with nothing to inherit from, switches nothing on. `None` switches off what would be
    inherited. Configs are frozen, comparable, hashable, and shared freely between clients, loops and threads.

    Args:
        log_request: logged before a request goes into the stack.
        log_response: logged when a response came, also one that validation rejects.
        log_errors: logged when a response was rejected or no response came.
        retry: what is tried again, how often and how fast.
        strict_status_code: the only status codes that are accepted; one or several.
        allowed_status_code: status codes that are accepted besides 200-299; one or several.
        validators: `GracefulValidator`s that look at accepted responses; one or several.
        parser: what the facade makes of a response, by status code (100-599) or "default": a callable that takes the
            response, a type for its JSON, `None`, or an exception class. Transports pass it by.
        throttling: rate rules: a `GracefulThrottle`, a `ThrottleRule` or several.
        concurrent_requests: limits of requests in flight: a `ConcurrentRequestLimit` or several, or a number, which
            means so many per endpoint.
        deadline: seconds, from the start of a call, for all it does: waits, attempts, back-off, hops and the body.
        redact: regular expressions, one or several, for secrets in URLs that no name tells, such as a token in a path.
            They are searched for wherever a URL, a path or an endpoint is shown (logs, errors, reports, events), and
            what they match is replaced; of one with groups, what the first of them does: `r"/bot([^/]+)"`.
            Credentials and the secret parameters of a query are never shown anyway. Recordings keep the path.
        wire: what talks to the network in place of httpx's own transport: `"aiohttp"`, which is many times faster where
            many requests are in flight (`gracy_transport.wires.aiohttp` says what differs). It is a stack's alone: a
            call, a namespace or a decorated method cannot have another.

    Raises:
        pydantic.ValidationError: naming the field that is wrong.
    """

    log_request: Annotated[LogEvent | Absent | None, OR_ABSENT] = ABSENT
    log_response: Annotated[LogEvent | Absent | None, OR_ABSENT] = ABSENT
    log_errors: Annotated[LogEvent | Absent | None, OR_ABSENT] = ABSENT
    retry: Annotated[GracefulRetry | Absent | None, OR_ABSENT] = ABSENT
    strict_status_code: Annotated[StatusCodes | Absent | None, OR_ABSENT] = ABSENT
    allowed_status_code: Annotated[StatusCodes | Absent | None, OR_ABSENT] = ABSENT
    validators: Annotated[Validators | Absent | None, OR_ABSENT] = ABSENT
    parser: Annotated[Parsers | Absent | None, OR_ABSENT] = ABSENT
    throttling: Annotated[Throttling | Absent | None, OR_ABSENT] = ABSENT
    concurrent_requests: Annotated[Limits | Absent | None, OR_ABSENT] = ABSENT
    deadline: Annotated[PositiveSeconds | Absent | None, OR_ABSENT] = ABSENT
    redact: Annotated[Redacted | Absent | None, OR_ABSENT] = ABSENT
    wire: Annotated[Wire | Absent | None, OR_ABSENT] = ABSENT

    if TYPE_CHECKING:

        def __init__(self, /, **fields: Unpack[ConfigFields]) -> None: ...

    def merged(self, over: GracyConfig | None) -> GracyConfig:
        """Returns a config in which the fields that `over` was given replace the ones here."""
        if over is None:
            return self
        return GracyConfig(**{**self.given(), **over.given()})

    def given(self) -> dict[str, Any]:
        """Returns the fields that were given, `None` included, by name."""
        fields = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: value for name, value in fields if value is not ABSENT}

    def value_of(self, name: str) -> Any:
        """Returns the value of a field, `None` where it is absent."""
        value = getattr(self, name)
        return None if value is ABSENT else value

    def __str__(self) -> str:
        """Reads as its `repr`."""
        return repr(self)

    def __repr__(self) -> str:
        """Shows only what was given."""
        return f"GracyConfig({', '.join(f'{name}={value!r}' for name, value in self.given().items())})"


def for_some_calls(config: GracyConfig) -> GracyConfig:
    """Returns the config of some of the calls of a stack, which may say anything but what the stack stands on.

    Raises:
        CompositionError: when it names a wire.
    """
    if config.wire is not ABSENT:
        raise CompositionError(
            f"wire={config.wire!r} was given for some calls, and a stack has one wire for all: give it in the config "
            "of GracyTransport or attach, or in Config.SETTINGS of the API class"
        )
    return config


def call_options(
    *, template: str | None = None, args: Mapping[str, object] | None = None, **overrides: Unpack[ConfigFields]
) -> dict[str, Any]:
    """Returns the mapping that tells the stack about one call of a plain client, for `extensions=`.

    ```python
    await client.get(
        f"/pokemon/{name}", extensions=call_options(template="/pokemon/{NAME}", args={"NAME": name}, retry=None)
    )
    ```

    The methods of a `Gracy` take it, too: `overrides` go over what the method is decorated with, while `template` and
    `args` replace those of the endpoint in all that is told of the call. Where the request goes stays the endpoint's.

    Args:
        template: the unformatted endpoint; limits, reports and metrics group by it.
        args: the arguments of the template, by placeholder.
        overrides: fields of `GracyConfig` that hold for this call alone.

    Raises:
        pydantic.ValidationError: naming the override that is wrong.
        CompositionError: for a `wire`, which is the stack's.
    """
    config = for_some_calls(GracyConfig(**overrides)) if overrides else None
    texts = {name: str(value) for name, value in (args or {}).items()}
    return {EXTENSION: CallOptions(template=template, args=FrozenDict(texts), config=config)}
