"""`extensions=call_options(...)`: what a plain client says of one call can be said to the facade as well."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from gracy_transport import GracefulRetry, GracyConfig, call_options, graceful
from gracy_transport.exceptions import GracyUserDefinedException, NonOkResponse
from gracy_transport.testing import FakeClock, ScriptedResponse, ScriptedWire
from tests.facade.support import BASE, PokeEndpoint, Scripted

pytestmark = pytest.mark.anyio

PIKACHU = ScriptedResponse(json={"order": 35})


class NotFound(GracyUserDefinedException):
    """Says where, without arguments."""

    BASE_MESSAGE = "{UURL}"


class API(Scripted):
    """Retries, and decorates."""

    class Config:
        BASE_URL = BASE
        SETTINGS = GracyConfig(retry=GracefulRetry(delay=1, max_attempts=2), log_errors=None)

    @graceful(retry=None, parser={"default": lambda r: "the method's"})
    async def decorated(self, **options: Any) -> Any:
        return await self.get_pokemon(**options)


def api(family: ModuleType, *steps: Any) -> tuple[API, FakeClock]:
    clock = FakeClock()
    return API(family, ScriptedWire(*steps, clock=clock), clock=clock), clock


async def test_a_call_overrides_the_api(family: ModuleType) -> None:
    """For itself alone."""
    tried, clock = api(family, 404)
    options = call_options(retry=None, allowed_status_code=404, parser={404: None})
    assert await tried.get_pokemon(extensions=options) is None
    assert clock.waits == []
    with pytest.raises(NonOkResponse):
        await tried.get_pokemon()
    assert clock.waits == [1, 1]


async def test_a_call_overrides_the_method_field_by_field(family: ModuleType) -> None:
    """What it does not give is the method's, and then the API's."""
    tried, clock = api(family, 404, 404, 404, 200, 404)
    assert await tried.decorated(extensions=call_options(allowed_status_code=404)) == "the method's"
    retrying = call_options(retry=GracefulRetry(delay=5, max_attempts=2), parser={"default": lambda r: "the call's"})
    assert await tried.decorated(extensions=retrying) == "the call's"
    assert clock.waits == [5, 5]
    with pytest.raises(NonOkResponse):
        await tried.decorated()
    assert clock.waits == [5, 5]


async def test_options_can_be_used_again(family: ModuleType) -> None:
    """In any method, each time over what that one says."""
    tried, clock = api(family, 404)
    options = call_options(allowed_status_code=404)
    for _again in range(2):
        assert await tried.decorated(extensions=options) == "the method's"
        assert clock.waits == []
    for count in (2, 4):
        assert (await tried.get_pokemon(extensions=options)).status_code == 404
        assert len(clock.waits) == count  # a retry of all that is no success goes for allowed codes, too


async def test_what_allows_nothing_still_judges(family: ModuleType) -> None:
    """`None` is "none besides 2xx", as everywhere in the facade."""
    tried, _ = api(family, 404)
    with pytest.raises(NonOkResponse):
        await tried.decorated(extensions=call_options(allowed_status_code=None))


async def test_template_and_arguments_replace_those_of_the_endpoint(family: ModuleType) -> None:
    """In what is told of the call; where it goes is up to the endpoint."""
    tried, _ = api(family, PIKACHU)
    options = call_options(template="/pokemon/{WHO}", args={"WHO": "somebody"})
    response = await tried.get("/pokemon/pikachu", extensions={**options, "sni_hostname": "other"})
    call = response.extensions["gracy"]
    assert (call.template, call.args) == ("/pokemon/{WHO}", {"WHO": "somebody"})
    assert call.unformatted_url == f"{BASE}/pokemon/{{WHO}}"
    assert tried.wire.sent[0].url == f"{BASE}/pokemon/pikachu"
    assert [row.url for row in tried.get_report().rows] == [f"{BASE}/pokemon/{{WHO}}"]


@pytest.mark.parametrize("endpoint", ["/pokemon/pikachu", "pokemon/pikachu"])
@pytest.mark.parametrize("template", ["/pokemon/{WHO}", "pokemon/{WHO}"])
async def test_a_template_follows_the_base_with_one_slash(family: ModuleType, endpoint: str, template: str) -> None:
    """Whatever the endpoint begins with."""
    tried, _ = api(family, PIKACHU, 404)
    options = call_options(template=template, parser={404: NotFound}, retry=None)
    response = await tried.get(endpoint, extensions=options)
    assert response.extensions["gracy"].unformatted_url == f"{BASE}/pokemon/{{WHO}}"
    with pytest.raises(NotFound) as caught:
        await tried.get(endpoint, extensions=options)
    context = caught.value.request_context
    assert (context.url, context.unformatted_url) == (f"{BASE}/pokemon/pikachu", f"{BASE}/pokemon/{{WHO}}")


async def test_a_whole_url_may_have_a_template(family: ModuleType) -> None:
    """It follows the origin, as for a plain client."""
    tried, _ = api(family, PIKACHU)
    response = await tried.get("https://other.test/a/b", extensions=call_options(template="/a/{B}"))
    assert response.extensions["gracy"].unformatted_url == "https://other.test/a/{B}"


async def test_a_template_without_arguments_keeps_those_of_the_endpoint(family: ModuleType) -> None:
    """And the other way round."""
    tried, _ = api(family, PIKACHU)
    one = (await tried.get_pokemon(extensions=call_options(template="/p/{NAME}"))).extensions["gracy"]
    assert (one.template, one.args) == ("/p/{NAME}", {"NAME": "pikachu"})
    two = (await tried.get_pokemon(extensions=call_options(args={"NAME": "who"}))).extensions["gracy"]
    assert (two.template, two.args) == (PokeEndpoint.GET_POKEMON, {"NAME": "who"})


async def test_an_exception_of_the_users_own_hears_of_it(family: ModuleType) -> None:
    """Its context says what was in force."""
    tried, _ = api(family, 404)
    options = call_options(template="/p/{WHO}", args={"WHO": "who"}, retry=None, parser={404: NotFound})
    with pytest.raises(NotFound, match=r"/p/\{WHO\}$") as caught:
        await tried.get_pokemon(extensions=options)
    context = caught.value.request_context
    assert (context.endpoint, context.endpoint_args) == ("/pokemon/pikachu", {"WHO": "who"})
    assert context.active_config.retry is None


async def test_the_mapping_of_the_caller_is_left_alone(family: ModuleType) -> None:
    """It may be used again."""
    tried, _ = api(family, PIKACHU)
    options = call_options(template="/p/{NAME}")
    before = dict(options)
    await tried.get_pokemon(extensions=options)
    assert options == before


async def test_a_value_of_another_kind_is_ignored(family: ModuleType) -> None:
    """As the transports ignore it."""
    tried, _ = api(family, PIKACHU)
    response = await tried.get_pokemon(extensions={"gracy": "mine"})
    assert response.extensions["gracy"].template == PokeEndpoint.GET_POKEMON
