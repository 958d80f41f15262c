"""`@graceful` and `@graceful_generator`: a configuration for the requests that are made inside a method.

What holds inside a decorated method:

- It holds for requests of the object whose method it is, also for those made by undecorated methods of that
  object which the decorated one calls, and in tasks that it starts. Requests of any other object are not touched.
- A decorated method that is called by another one has its own overrides alone: what it asks for does not depend
  on who calls it.
- A generator has it while it runs, and not between two of its items nor after a `break`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, ParamSpec, TypeAlias, TypeVar, Unpack, cast

from ..config import ConfigFields, GracyConfig, for_some_calls

__all__ = ["graceful", "graceful_generator", "override_for"]

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")
Item = TypeVar("Item")
Overrides: TypeAlias = tuple[tuple[object, GracyConfig], ...]

_in_force: ContextVar[Overrides] = ContextVar("gracy_transport overrides", default=())


def override_for(owner: object) -> GracyConfig | None:
    """Returns what the innermost decorated method of that object, of those at work here, overrides."""
    for each, config in _in_force.get():
        if each is owner:
            return config
    return None


@contextmanager
def _applied(args: tuple[Any, ...], config: GracyConfig) -> Generator[None]:
    """Lets a config hold for the object whose method is called with `args`."""
    owner = args[0] if args else None
    others = tuple(pair for pair in _in_force.get() if pair[0] is not owner)
    token = _in_force.set(((owner, config), *others))
    try:
        yield
    finally:
        # A coroutine that nobody finished is closed wherever the garbage collector finds it. The context it ran in
        # is gone then, there is nothing to put back, and resetting raises a ValueError.
        with suppress(ValueError):
            _in_force.reset(token)


def graceful(
    **fields: Unpack[ConfigFields],
) -> Callable[[Callable[Parameters, Awaitable[Result]]], Callable[Parameters, Coroutine[Any, Any, Result]]]:
    """Overrides fields of the configuration for the requests made inside a method.

    ```python
    @graceful(retry=None, allowed_status_code=404, parser={"default": lambda r: r.json(), 404: None})
    async def maybe_get_pokemon(self, name: str): ...
    ```

    A field that is given replaces that of the API, `None` switches it off, one that is left out is inherited.
    The method is an `async def`; use `@graceful_generator` when it has a `yield`. The docstring of this module says
    what "inside" means.

    Raises:
        pydantic.ValidationError: at decoration, naming the field that is wrong.
        CompositionError: at decoration, for a `wire`, which is the stack's.
        TypeError: at decoration, when the method is no `async def` or is a generator.
    """
    config = for_some_calls(GracyConfig(**fields))

    def decorate(
        function: Callable[Parameters, Awaitable[Result]],
    ) -> Callable[Parameters, Coroutine[Any, Any, Result]]:
        if not iscoroutinefunction(function):
            remedy = "use @graceful_generator" if isasyncgenfunction(function) else "make it an async def"
            raise TypeError(f"@graceful cannot decorate {function!r}, which is no async def: {remedy}")

        @wraps(function)
        async def inside(*args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
            with _applied(args, config):
                return await function(*args, **kwargs)

        return inside

    return decorate


def graceful_generator(
    **fields: Unpack[ConfigFields],
) -> Callable[[Callable[Parameters, AsyncIterator[Item]]], Callable[Parameters, AsyncGenerator[Item, Any]]]:
    """Overrides fields of the configuration for the requests made inside an asynchronous generator.

    It is to a method with `yield` what `@graceful` is to any other, and raises as that does.
    """
    config = for_some_calls(GracyConfig(**fields))

    def decorate(
        function: Callable[Parameters, AsyncIterator[Item]],
    ) -> Callable[Parameters, AsyncGenerator[Item, Any]]:
        if not isasyncgenfunction(function):
            raise TypeError(
                f"@graceful_generator cannot decorate {function!r}, which is no async def with a yield: "
                "use @graceful for one without"
            )

        @wraps(function)
        async def inside(*args: Parameters.args, **kwargs: Parameters.kwargs) -> AsyncGenerator[Item, Any]:
            generator = cast("AsyncGenerator[Item, Any]", function(*args, **kwargs))
            step = generator.__anext__()
            try:
                while True:
                    try:
                        with _applied(args, config):
                            item = await step
                    except StopAsyncIteration:
                        return
                    try:
                        sent = yield item
                    except GeneratorExit:
                        raise
                    except BaseException as error:  # noqa: BLE001 - the generator is to hear of it, whatever it is
                        step = generator.athrow(error)
                    else:
                        step = generator.asend(sent)
            finally:
                with _applied(args, config):
                    await generator.aclose()

        return inside

    return decorate
