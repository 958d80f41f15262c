"""README, "Custom Exceptions": the simplest, and one with a message of its own."""

from __future__ import annotations

import pickle
from http import HTTPStatus
from types import ModuleType
from typing import Any

import httpx
import pytest

from gracy_transport import GracefulRetry, GracyConfig, GracyRequestContext
from gracy_transport.exceptions import GracyException, GracyUserDefinedException
from tests.readme.support import PIKACHU, OnWire, waits, wire_of

pytestmark = pytest.mark.anyio


class MyCustomException(GracyUserDefinedException):
    pass


class PokemonNotFound(GracyUserDefinedException):
    BASE_MESSAGE = "Unable to find a pokemon with the name [{NAME}] at {URL} due to {STATUS} status"

    def _format_message(self, request_context: GracyRequestContext, response: httpx.Response) -> str:
        format_args = self._build_default_args()
        name = request_context.endpoint_args.get("NAME", "Unknown")
        return self.BASE_MESSAGE.format(NAME=name, **format_args)


class MyApi(OnWire):
    class Config(OnWire.Config):
        SETTINGS = GracyConfig(
            retry=GracefulRetry(delay=1, max_attempts=2, retry_on={503}),
            parser={
                HTTPStatus.BAD_REQUEST: MyCustomException,
                HTTPStatus.NOT_FOUND: PokemonNotFound,
                HTTPStatus.SERVICE_UNAVAILABLE: MyCustomException,
            },
        )


async def raised(family: ModuleType, status: int) -> Any:
    """Returns what a call for Pikachu raised."""
    async with MyApi(family, wire_of(status)) as api:
        with pytest.raises(GracyException) as caught:
            await api.get_pokemon()
    return caught.value


async def test_the_simplest_is_raised_without_allowed_status_code(family: ModuleType) -> None:
    """As printed: nothing but the entry in `parser`."""
    error = await raised(family, 400)
    assert type(error) is MyCustomException
    assert str(error) == f"GET {PIKACHU} returned 400"
    assert error.response.status_code == 400


async def test_a_message_of_its_own(family: ModuleType) -> None:
    """With an argument of the endpoint, and the placeholders that there are for all."""
    error = await raised(family, 404)
    assert type(error) is PokemonNotFound
    assert str(error) == f"Unable to find a pokemon with the name [pikachu] at {PIKACHU} due to 404 status"


async def test_the_attempt_still_fails_and_retries(family: ModuleType) -> None:
    """An exception class does not make a status a success."""
    wire = wire_of(503)
    async with MyApi(family, wire) as api:
        with pytest.raises(MyCustomException):
            await api.get_pokemon()
        assert api.get_report().total.success_rate == 0
    assert waits(wire) == [1, 1]


async def test_an_error_that_a_retry_mends_is_not_raised(family: ModuleType) -> None:
    """The success that came after is the result."""
    async with MyApi(family, wire_of(503, 200)) as api:
        assert (await api.get_pokemon()).status_code == 200


@pytest.mark.parametrize(("status", "kind"), [(400, MyCustomException), (404, PokemonNotFound)])
async def test_it_survives_pickle_with_its_own_type(
    family: ModuleType, status: int, kind: type[GracyUserDefinedException]
) -> None:
    """And with its message, as a process pool needs it."""
    error = await raised(family, status)
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is kind
    assert str(copy) == str(error)
    assert copy.status == status


async def test_other_failures_stay_what_they_are(family: ModuleType) -> None:
    """A status without an entry has none of these."""
    assert not isinstance(await raised(family, 500), GracyUserDefinedException)
