"""Parsers: what becomes of a response, by its status code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from inspect import Parameter, isawaitable, isfunction, signature
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

from pydantic import PydanticSchemaGenerationError, TypeAdapter
from pydantic_core import SchemaValidator
from pydantic_core.core_schema import CoreConfig

from ..exceptions import GracyException, GracyParseFailed, GracyUserDefinedException
from ..showing import shown_url

if TYPE_CHECKING:
    from ..family import AnyResponse
    from .sending import Sending

__all__ = ["Parsers", "made", "prepared"]

Parse: TypeAlias = Callable[[Any], Any]

_TYPING: Final = frozenset({"types", "typing", "typing_extensions"})


class Parsers:
    """The parsers of one configuration, each made ready on first use.

    A parser is one of these:

    - a callable: it is given the response, and what it returns (awaited if need be) is the result;
    - a type (a pydantic model, `list[Model]`, a `TypedDict`, a dataclass, `dict[str, int]`): the body is parsed as JSON
      and validated in one pass, and its errors do not quote the body in their text;
    - `None`: the result is `None`;
    - an exception class: it is raised, made of a message, or of the request's context and the response if it needs two
      arguments.
    """

    def __init__(self, by_status: Mapping[int | str, Any] | None) -> None:
        self._given: Mapping[int | str, Any] = by_status or {}
        self._ready: dict[int | str, Parse] = {}

    def error_for(self, status: int | None) -> type[Exception] | None:
        """Returns the exception class that stands for a status code itself, if one does."""
        given = None if status is None else self._given.get(status)
        return given if _is_error(given) else None

    async def parse(self, response: AnyResponse, sending: Sending) -> Any:
        """Returns what the parser for the response's status makes of it; without one, the response.

        A failure that a retry with `behavior="pass"` lets through goes to the parsers as any response. If they can
        make nothing of it, the response itself is returned: it was promised that no such failure raises.

        Raises:
            GracyParseFailed: when the parser raised.
            Exception: of the class that stands in place of a parser.
        """
        key: int | str = response.status_code
        if key not in self._given:
            key = "default"
            if key not in self._given:
                return response
        given = self._given[key]
        if given is None:
            return None
        if _is_error(given):
            raise made(given, response, sending)
        try:
            parse = self._ready.get(key)
            if parse is None:
                parse = self._ready[key] = prepared(given)
            result = parse(response)
            return await result if isawaitable(result) else result
        except GracyUserDefinedException:
            raise
        except Exception as error:
            if sending.was_passed:
                return response
            raise parse_failed(response, sending, error) from error


def _is_error(parser: Any) -> bool:
    return isinstance(parser, type) and issubclass(parser, Exception)


def prepared(parser: Any) -> Parse:
    """Returns the function of a response that a parser stands for.

    Raises:
        pydantic.PydanticSchemaGenerationError: when it is a type that pydantic cannot read, nor anyone call.
    """
    # `list[int]` and a NewType can be called too, but a type says what to expect, not how to get it.
    if isinstance(parser, type) or type(parser).__module__ in _TYPING:
        try:
            adapter: TypeAdapter[Any] = TypeAdapter(parser)
        except PydanticSchemaGenerationError:
            if not callable(parser):
                raise
        else:
            # Not the validator that the type has: the text of its errors quotes the body, and so would every traceback.
            validator = SchemaValidator(adapter.core_schema, CoreConfig(hide_input_in_errors=True))
            return lambda response: validator.validate_json(response.content)
    return parser  # type: ignore[no-any-return]


def _needs_two(kind: type[Exception]) -> bool:
    """Tells whether an exception class can be made of a context and a response, and not of a message."""
    init = kind.__init__
    if not isfunction(init):  # that of Exception itself, which takes anything
        return False
    by_place = {Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD}
    takes = [each for each in signature(init).parameters.values() if each.kind in by_place]
    return sum(each.default is Parameter.empty for each in takes) == 3  # `self`, and these two


def made(kind: type[Exception], response: AnyResponse, sending: Sending) -> Exception:
    """Returns the exception that stands for a response; `GracyParseFailed` when it cannot be made."""
    message = f"{_named(response)} returned {response.status_code}"
    try:
        if issubclass(kind, GracyUserDefinedException) or _needs_two(kind):
            custom: Any = kind(sending.context(), response)
            if isinstance(custom, GracyException):
                custom.call = sending.call
            return cast("Exception", custom)
        if issubclass(kind, GracyException):
            return kind(message, request=response.request, response=response, call=sending.call)
        return kind(message)
    except Exception as error:  # noqa: BLE001 - a constructor of the user's may raise anything
        return _caused(parse_failed(response, sending, error), error)


def _caused(failed: Exception, cause: Exception) -> Exception:
    """Gives an error its cause, out of sight of the frame that the traceback of the cause refers to."""
    failed.__cause__ = cause
    return failed


def parse_failed(response: AnyResponse, sending: Sending, error: Exception) -> GracyParseFailed:
    """Returns the error of a parser that raised. Its text is not repeated: it may quote the body."""
    return GracyParseFailed(
        f"{_named(response)}: the parser raised {type(error).__name__} on the response with status "
        f"{response.status_code}; make one that can read it, or give parser= an entry for that status",
        request=response.request,
        response=response,
        call=sending.call,
    )


def _named(response: AnyResponse) -> str:
    return f"{response.request.method} {shown_url(response.request)}"
