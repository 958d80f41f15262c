"""The HTTP methods of an API object: `self.get(...)`, and `self.get[Model](...)` for a result with a type."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Unpack, cast, overload

from .hooks import Hookable
from .options import RequestOptions

if TYPE_CHECKING:
    from typing_extensions import TypeForm

    from ..family import AnyResponse
    from .scope import Scope

__all__ = ["BoundVerb", "EndpointT", "Verb", "Verbs"]

EndpointT = TypeVar("EndpointT", bound=str)
Result = TypeVar("Result")
Other = TypeVar("Other")


class BoundVerb(Generic[EndpointT, Result]):
    """An HTTP method of an API object, to be called.

    `self.get[Model](...)` is the same as `self.get(...)` with the result declared to be a `Model`, for type checkers:
    nothing is checked or parsed because of it, that is the parser's part. mypy understands any type in the brackets,
    pyright classes and generics; what it does not understand (a union) is `Any`.
    """

    __slots__ = ("_api", "_method")

    def __init__(self, api: Verbs[EndpointT], method: str) -> None:
        self._api = api
        self._method = method

    async def __call__(
        self,
        endpoint: EndpointT,
        endpoint_args: Mapping[str, object] | None = None,
        **options: Unpack[RequestOptions],
    ) -> Result:
        """Sends a request and returns what the parser for the status of its response makes of it.

        Args:
            endpoint: a member of a `BaseEndpoint`, or a string; a path below the base URL, or a whole URL.
            endpoint_args: the values of its placeholders.
            options: what `httpx.AsyncClient.request` takes, by the same names.

        Raises:
            BadResponse: when the status code is not accepted; `UnexpectedResponse` or `NonOkResponse`.
            GracyRequestFailed: when there was no response; the error of httpx is its cause.
            GracyParseFailed: when the parser raised.
            ValueError: when the arguments do not fit the endpoint.
            httpx.InvalidURL: when the endpoint makes no URL (httpx2.InvalidURL with a client of httpx2).
            Exception: what a validator raised (an error of httpx that is not about a response, a `RequestError`, as the
                cause of a GracyRequestFailed), or what the parser names for the status.
        """
        return cast("Result", await self._api.request(self._method, endpoint, endpoint_args, **options))

    @overload
    def __getitem__(self, model: type[Other]) -> BoundVerb[EndpointT, Other]: ...
    @overload
    def __getitem__(self, model: TypeForm[Other]) -> BoundVerb[EndpointT, Other]: ...
    @overload
    def __getitem__(self, model: object) -> BoundVerb[EndpointT, Any]: ...
    def __getitem__(self, model: object) -> BoundVerb[EndpointT, Any]:
        """Returns this verb with the type of its result declared."""
        return cast("BoundVerb[EndpointT, Any]", self)

    def __repr__(self) -> str:
        """Names the method and the object: `<GET of GracefulPokeAPI>`."""
        return f"<{self._method} of {type(self._api).__name__}>"


class Verb:
    """An HTTP method as an attribute of a class; on an object it is a `BoundVerb`."""

    def __set_name__(self, owner: type, name: str) -> None:
        """Takes its HTTP method from the name of the attribute."""
        self._method = name.upper()

    @overload
    def __get__(self, api: None, owner: type) -> Verb: ...
    @overload
    def __get__(self, api: Verbs[EndpointT], owner: type) -> BoundVerb[EndpointT, Any]: ...
    def __get__(self, api: Verbs[EndpointT] | None, owner: type) -> Verb | BoundVerb[EndpointT, Any]:
        """Returns the verb of that object. It keeps the object alive, the object does not keep it."""
        return self if api is None else BoundVerb(api, self._method)


class Verbs(Hookable, Generic[EndpointT]):
    """What an object that makes requests offers: one verb for each HTTP method, `request` and `stream`.

    Its hooks, `before` and `after`, run around each attempt.
    """

    _gracy: Scope

    get = Verb()
    post = Verb()
    put = Verb()
    patch = Verb()
    delete = Verb()
    head = Verb()
    options = Verb()

    async def request(
        self,
        method: str,
        endpoint: EndpointT,
        endpoint_args: Mapping[str, object] | None = None,
        **options: Unpack[RequestOptions],
    ) -> Any:
        """Sends a request with any HTTP method; in all else it is as the verbs are, which all come through here."""
        return await self._gracy.answer(self, method, endpoint, endpoint_args, options)

    def stream(
        self,
        method: str,
        endpoint: EndpointT,
        endpoint_args: Mapping[str, object] | None = None,
        **options: Unpack[RequestOptions],
    ) -> AbstractAsyncContextManager[AnyResponse]:
        """Sends a request and gives the response while its body is still to come; no parser sees it.

        ```python
        async with self.stream("GET", Endpoint.EXPORT, {"YEAR": 2026}) as response:
            async for line in response.aiter_lines():
                ...
        ```

        The response was validated. It is closed at the end of the block. An error in the body is the error of httpx
        as it is, and is not retried, because a part of the body has been seen. Raises as the verbs do, on entering.
        """
        return self._gracy.streamed(self, method, endpoint, endpoint_args, options)
