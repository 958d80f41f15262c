"""`@parsed_response` and `@generated_parsed_response`: the type of what a method returns, for type checkers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, overload

if TYPE_CHECKING:
    from typing_extensions import TypeForm

__all__ = ["generated_parsed_response", "parsed_response"]

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


@overload
def parsed_response(
    return_type: type[Result],
) -> Callable[[Callable[Parameters, Awaitable[Any]]], Callable[Parameters, Coroutine[Any, Any, Result]]]: ...
@overload
def parsed_response(
    return_type: TypeForm[Result],
) -> Callable[[Callable[Parameters, Awaitable[Any]]], Callable[Parameters, Coroutine[Any, Any, Result]]]: ...
@overload
def parsed_response(
    return_type: object,
) -> Callable[[Callable[Parameters, Awaitable[Any]]], Callable[Parameters, Coroutine[Any, Any, Any]]]: ...
def parsed_response(return_type: object) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # noqa: ARG001 - see below
    """Declares what a method returns, for type checkers: nothing is checked or parsed because of it.

    ```python
    @parsed_response(ResourceList)
    async def list(self, offset: int = 0):
        return await self.get(PokeApiEndpoint.BERRY_LIST, params={"offset": offset})
    ```

    `self.get[ResourceList](...)` says the same where the request is made. The function is returned as it is, so this
    goes above or below any other decorator. What a checker does not understand (pyright: a union) is `Any`.

    Raises:
        TypeError: at decoration, when the method has a `yield`.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        if isasyncgenfunction(function):
            raise TypeError(
                f"@parsed_response cannot decorate {function!r}, which has a yield: use @generated_parsed_response"
            )
        return function

    return decorate


@overload
def generated_parsed_response(
    return_type: type[Result],
) -> Callable[[Callable[Parameters, AsyncIterator[Any]]], Callable[Parameters, AsyncGenerator[Result, Any]]]: ...
@overload
def generated_parsed_response(
    return_type: TypeForm[Result],
) -> Callable[[Callable[Parameters, AsyncIterator[Any]]], Callable[Parameters, AsyncGenerator[Result, Any]]]: ...
@overload
def generated_parsed_response(
    return_type: object,
) -> Callable[[Callable[Parameters, AsyncIterator[Any]]], Callable[Parameters, AsyncGenerator[Any, Any]]]: ...
def generated_parsed_response(return_type: object) -> Callable[[Callable[..., Any]], Callable[..., Any]]:  # noqa: ARG001
    """Declares what an asynchronous generator yields; in all else it is as `@parsed_response`.

    Raises:
        TypeError: at decoration, when the method has no `yield`.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        if iscoroutinefunction(function):
            raise TypeError(
                f"@generated_parsed_response cannot decorate {function!r}, which has no yield: use @parsed_response"
            )
        return function

    return decorate
