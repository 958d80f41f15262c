"""Parsers: every shape of the README, models and types, and what happens when one fails."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from types import ModuleType
from typing import Annotated, Any, NewType

import pytest
from pydantic import BaseModel, Field, ValidationError
from typing_extensions import TypedDict

from gracy_transport import GracefulRetry, GracyConfig
from gracy_transport.exceptions import (
    GracyParseFailed,
    GracyRefusal,
    GracyUserDefinedException,
    NonOkResponse,
    UnexpectedResponse,
)
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, Scripted

pytestmark = pytest.mark.anyio

PIKACHU = ScriptedResponse(json={"name": "pikachu", "order": 35})


class PokemonNotFound(GracyUserDefinedException):
    """The user's own."""


class Pokemon(BaseModel):
    """A model."""

    name: str
    order: int


class PokemonDict(TypedDict):
    """A dictionary with known keys."""

    name: str
    order: int


@dataclass
class PokemonData:
    """A dataclass."""

    name: str
    order: int


class Reader:
    """A class that is no type of data: it wants the response."""

    def __init__(self, response: Any) -> None:
        self.name = response.json()["name"]


def api(family: ModuleType, *steps: Any, clock: FakeClock | None = None, **fields: Any) -> Scripted:
    """Returns an API with these settings, in front of a wire with these answers."""

    class API(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(**fields)

    return API(family, ScriptedWire(*steps), **({} if clock is None else {"clock": clock}))


def order_of(response: Any, field: str = "order") -> Any:
    return response.json()[field]


async def order_soon(response: Any) -> Any:
    return order_of(response)


@pytest.mark.parametrize(
    "parser", [lambda r: r.json()["order"], order_of, partial(order_of, field="order"), order_soon]
)
async def test_a_callable_is_given_the_response(family: ModuleType, parser: Any) -> None:
    """What it returns is the result; a coroutine is awaited."""
    assert await api(family, PIKACHU, parser={"default": parser}).get_pokemon() == 35


async def test_a_status_goes_before_the_default(family: ModuleType) -> None:
    """And the default is for all that have none of their own."""
    parser = {"default": lambda r: r.json(), HTTPStatus.CREATED: lambda r: "created", 404: None}
    tried = api(family, PIKACHU, 201, 404, allowed_status_code=HTTPStatus.NOT_FOUND, parser=parser)
    assert await tried.get_pokemon() == {"name": "pikachu", "order": 35}
    assert await tried.get_pokemon() == "created"
    assert await tried.get_pokemon() is None


async def test_without_a_parser_for_it_the_response_is_the_result(family: ModuleType) -> None:
    """Neither for the status nor a default."""
    response = await api(family, PIKACHU, parser={404: None}).get_pokemon()
    assert isinstance(response, family.Response)
    assert response.request.url == f"{BASE}/pokemon/pikachu"


@pytest.mark.parametrize(
    ("parser", "result"),
    [
        (Pokemon, Pokemon(name="pikachu", order=35)),
        (PokemonData, PokemonData("pikachu", 35)),
        (PokemonDict, {"name": "pikachu", "order": 35}),
        (dict[str, int | str], {"name": "pikachu", "order": 35}),
        (dict, {"name": "pikachu", "order": 35}),
        (Pokemon | None, Pokemon(name="pikachu", order=35)),
        (Annotated[Pokemon, Field(strict=True)], Pokemon(name="pikachu", order=35)),
        (NewType("Entry", dict[str, Any]), {"name": "pikachu", "order": 35}),
        (Any, {"name": "pikachu", "order": 35}),
    ],
)
async def test_a_type_is_read_from_json_in_one_pass(family: ModuleType, parser: Any, result: Any) -> None:
    """A pydantic model, or anything pydantic can validate."""
    assert await api(family, PIKACHU, parser={"default": parser}).get_pokemon() == result


async def test_a_list_of_models(family: ModuleType) -> None:
    """The generic form: `list[Pokemon]` could be called as well, but it is a type."""
    answer = ScriptedResponse(json=[{"name": "a", "order": 1}, {"name": "b", "order": 2}])
    tried = api(family, answer, parser={"default": list[Pokemon]})
    for _again in range(2):
        assert [each.name for each in await tried.get_pokemon()] == ["a", "b"]


async def test_a_class_that_is_no_type_of_data_is_called(family: ModuleType) -> None:
    """As any other callable."""
    assert (await api(family, PIKACHU, parser={"default": Reader}).get_pokemon()).name == "pikachu"


async def test_none_gives_none(family: ModuleType) -> None:
    """Whatever the body."""
    assert await api(family, PIKACHU, parser={"default": None}).get_pokemon() is None


@pytest.mark.parametrize("status", [404, 500])
async def test_an_exception_class_for_a_status_needs_no_permission(family: ModuleType, status: int) -> None:
    """The README's simplest custom exception; the original raised NonOkResponse."""
    with pytest.raises(PokemonNotFound, match=rf"GET {BASE}/pokemon/pikachu returned {status}") as caught:
        await api(family, ScriptedResponse(status=status, content=b"?"), parser={status: PokemonNotFound}).get_pokemon()
    assert isinstance(caught.value.__cause__, NonOkResponse)
    assert caught.value.response.content == b"?"
    assert caught.value.status == status
    assert caught.value.call is not None


async def test_an_exception_class_for_a_status_works_with_permission_too(family: ModuleType) -> None:
    """Then nothing was rejected before."""
    tried = api(family, 404, allowed_status_code=404, parser={404: PokemonNotFound, "default": None})
    with pytest.raises(PokemonNotFound) as caught:
        await tried.get_pokemon()
    assert caught.value.__cause__ is None
    assert caught.value.call is not None


async def test_an_exception_class_is_reached_under_strict_codes(family: ModuleType) -> None:
    """There too the status says what it is."""
    with pytest.raises(PokemonNotFound) as caught:
        await api(family, 404, strict_status_code=200, parser={404: PokemonNotFound}).get_pokemon()
    assert isinstance(caught.value.__cause__, UnexpectedResponse)


async def test_the_attempt_has_failed_and_is_retried_first(family: ModuleType, clock: FakeClock) -> None:
    """The exception comes when the retries are used up."""
    retry = GracefulRetry(delay=1, max_attempts=2)
    tried = api(family, 404, retry=retry, parser={404: PokemonNotFound}, clock=clock)
    with pytest.raises(PokemonNotFound):
        await tried.get_pokemon()
    assert clock.waits == [1, 1]
    assert tried.get_report().total.failures == 3


@pytest.mark.parametrize("entry", [None, order_of, Pokemon])
async def test_any_other_parser_needs_the_status_allowed(family: ModuleType, entry: Any) -> None:
    """A parser makes sense of an answer, it does not make one acceptable."""
    with pytest.raises(NonOkResponse):
        await api(family, 404, parser={404: entry}).get_pokemon()


async def test_an_exception_as_default_is_for_accepted_statuses(family: ModuleType) -> None:
    """A rejected one has its own error already."""
    tried = api(family, 200, 500, parser={"default": PokemonNotFound})
    with pytest.raises(PokemonNotFound, match="returned 200"):
        await tried.get_pokemon()
    with pytest.raises(NonOkResponse):
        await tried.get_pokemon()


async def test_any_exception_class_will_do(family: ModuleType) -> None:
    """It gets a message; one of the library's gets the response, too."""
    with pytest.raises(LookupError, match=rf"GET {BASE}/pokemon/pikachu returned 404"):
        await api(family, 404, parser={404: LookupError}).get_pokemon()
    with pytest.raises(GracyRefusal, match="returned 404") as caught:
        await api(family, 404, parser={404: GracyRefusal}).get_pokemon()
    assert caught.value.response.status_code == 404


async def test_a_parser_that_raises_is_a_parse_failure(family: ModuleType) -> None:
    """With its error as the cause and the response at hand."""
    secret = ScriptedResponse(content=b"hunter2 is no JSON")
    tried = api(family, secret, parser={"default": lambda r: r.json()})
    with pytest.raises(
        GracyParseFailed, match="the parser raised JSONDecodeError on the response with status 200"
    ) as caught:
        await tried.get_pokemon(params={"api_key": "hunter2"})
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.response.content == b"hunter2 is no JSON"
    assert caught.value.call is not None
    assert "hunter2" not in f"{caught.value} {caught.value!r} {caught.value.url}"


@pytest.mark.parametrize("parser", [order_soon, Pokemon, list[int], dict[str, str]])
async def test_every_kind_of_parser_can_fail(family: ModuleType, parser: Any) -> None:
    """On a body that is not what it hoped for."""
    with pytest.raises(GracyParseFailed):
        await api(family, ScriptedResponse(json={"nothing": []}), parser={"default": parser}).get_pokemon()


async def test_a_model_that_does_not_fit_says_where(family: ModuleType) -> None:
    """In the cause, whose text does not quote the body either: a traceback shows both."""
    with pytest.raises(GracyParseFailed) as caught:
        await api(family, ScriptedResponse(json={"name": "hunter2"}), parser={"default": Pokemon}).get_pokemon()
    assert isinstance(caught.value.__cause__, ValidationError)
    assert "hunter2" not in str(caught.value)
    assert "order" in str(caught.value.__cause__)
    assert "hunter2" not in f"{caught.value.__cause__} {caught.value.__cause__!r}"


async def test_a_type_that_cannot_be_read_is_a_parse_failure(family: ModuleType) -> None:
    """What is in a type shows when it is made ready, on first use; the cause says what is wrong with it."""
    with pytest.raises(GracyParseFailed) as caught:
        await api(family, PIKACHU, parser={"default": Reader | None}).get_pokemon()
    assert "Unable to generate pydantic-core schema" in str(caught.value.__cause__)


async def test_a_status_that_has_no_name_has_a_parser(family: ModuleType) -> None:
    """As it can be allowed, too."""
    tried = api(family, 520, 499, allowed_status_code=520, parser={520: None, 499: PokemonNotFound})
    assert await tried.get_pokemon() is None
    with pytest.raises(PokemonNotFound, match="returned 499"):
        await tried.get_pokemon()


async def test_a_parser_may_raise_the_users_own_exception(family: ModuleType) -> None:
    """A GracyUserDefinedException means what it says; any other is a failure to parse."""
    raised: list[GracyUserDefinedException] = []

    class Context:
        unformatted_url = endpoint = unformatted_endpoint = "x"
        elapsed = 0.0

    def parse(response: Any) -> Any:
        raised.append(PokemonNotFound(Context(), response))
        raise raised[0]

    with pytest.raises(PokemonNotFound) as caught:
        await api(family, PIKACHU, parser={"default": parse}).get_pokemon()
    assert caught.value is raised[0]


class TestPassing:
    """`behavior="pass"`: any retry failure is accepted."""

    retry = GracefulRetry(delay=1, max_attempts=1, behavior="pass")

    async def test_a_failure_goes_to_its_parser(self, family: ModuleType, clock: FakeClock) -> None:
        """As an accepted answer would."""
        down = ScriptedResponse(status=503, json={"order": "later"})
        tried = api(family, down, retry=self.retry, parser={"default": order_of}, clock=clock)
        assert await tried.get_pokemon() == "later"

    async def test_a_failure_that_cannot_be_parsed_comes_as_it_is(self, family: ModuleType, clock: FakeClock) -> None:
        """The original raised GracyParseFailed, although any failure was to be accepted."""
        down = ScriptedResponse(status=503, content=b"<html>down</html>")
        tried = api(family, down, retry=self.retry, parser={"default": Pokemon}, clock=clock)
        response = await tried.get_pokemon()
        assert (response.status_code, response.content) == (503, b"<html>down</html>")

    async def test_an_exception_class_is_still_raised(self, family: ModuleType, clock: FakeClock) -> None:
        """It was asked for by name."""
        tried = api(family, 503, retry=self.retry, parser={503: PokemonNotFound}, clock=clock)
        with pytest.raises(PokemonNotFound):
            await tried.get_pokemon()

    async def test_a_challenge_that_was_retried_in_vain_passes(self, family: ModuleType, clock: FakeClock) -> None:
        """Also where the facade has the last word on the status."""
        retry = self.retry.model_copy(update={"retry_on": frozenset({401})})
        tried = api(family, 401, retry=retry, clock=clock)
        assert (await tried.get_pokemon(follow_redirects=True)).status_code == 401

    async def test_an_accepted_answer_must_parse(self, family: ModuleType, clock: FakeClock) -> None:
        """Nothing failed, so there is no failure to accept."""
        tried = api(family, 503, 200, retry=self.retry, parser={"default": Pokemon}, clock=clock)
        with pytest.raises(GracyParseFailed):
            await tried.get_pokemon()


async def test_a_client_that_answers_by_itself_is_judged_all_the_same(family: ModuleType) -> None:
    """It has no Call then, and the time that passed is not known."""

    class Timed(GracyUserDefinedException):
        BASE_MESSAGE = "{STATUS} {ELAPSED}"

    class API(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(parser={302: Timed})

        def _create_client(self) -> Any:
            async def send(client: Any, request: Any, **_: Any) -> Any:
                return self.family.Response(302, request=request)

            return type("Short", (self.family.AsyncClient,), {"send": send})(follow_redirects=True)

    with pytest.raises(Timed, match=r"302 0\.000") as caught:
        await API(family, ScriptedWire()).get_pokemon()
    assert caught.value.call is None
