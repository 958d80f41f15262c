"""README, "Custom Validators": a check of one's own, which a retry may answer."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracefulRetry, GracefulValidator, GracyConfig
from gracy_transport.testing import ScriptedResponse
from tests.readme.support import OnWire, api_with, waits, wire_of

pytestmark = pytest.mark.anyio

FAILED, FINE = ScriptedResponse(json={"error": "busy"}), ScriptedResponse(json={"name": "pikachu"})


class MyException(Exception):
    pass


class MyCustomValidator(GracefulValidator):
    def check(self, response: Any) -> None:
        jsonified = response.json()
        if jsonified.get("error", None):
            raise MyException("Error is not expected")

        return None


class PokeAPI(OnWire):
    class Config(OnWire.Config):
        SETTINGS = GracyConfig(
            retry=GracefulRetry(retry_on=MyException, delay=2, max_attempts=2),
            validators=MyCustomValidator(),
        )


async def test_a_validator_triggers_the_retry(family: ModuleType) -> None:
    """Until it is content."""
    wire = wire_of(FAILED, FAILED, FINE)
    async with PokeAPI(family, wire) as api:
        assert (await api.get_pokemon()).json() == {"name": "pikachu"}
    assert waits(wire) == [2, 2]


async def test_its_own_error_reaches_the_caller(family: ModuleType) -> None:
    """When the retries are used up."""
    wire = wire_of(FAILED)
    async with PokeAPI(family, wire) as api:
        with pytest.raises(MyException, match="Error is not expected"):
            await api.get_pokemon()
    assert len(wire.sent) == 3


async def test_several_validators_are_run_in_order(family: ModuleType) -> None:
    """The first that is not content has the word, and an `async def` does as well."""

    class Later(GracefulValidator):
        async def check(self, response: Any) -> None:
            raise LookupError("second")

    async with api_with(family, wire_of(FINE), validators=[MyCustomValidator(), Later()]) as api:
        with pytest.raises(LookupError, match="second"):
            await api.get_pokemon()
    async with api_with(family, wire_of(FAILED), validators=[MyCustomValidator(), Later()]) as api:
        with pytest.raises(MyException):
            await api.get_pokemon()


async def test_a_status_that_is_no_success_is_not_validated(family: ModuleType) -> None:
    """A validator does further checks; it may read the JSON of an answer without asking what it is."""

    class Never(GracefulValidator):
        def check(self, response: Any) -> None:
            raise AssertionError("asked")

    async with api_with(family, wire_of(500), validators=Never()) as api:
        with pytest.raises(Exception, match="500"):
            await api.get_pokemon()
