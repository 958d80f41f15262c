"""Code as users of the original library have it, beyond what its README prints: found in public repositories."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import httpx
import pytest

from gracy_transport import Gracy, GracyConfig, GracyNamespace, GracyReplay, ThrottleRule
from gracy_transport.exceptions import GracyException, GracyRequestFailed
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage
from gracy_transport.testing import FakeClock, ScriptedWire
from tests.facade.support import BASE, Scripted, ScriptedAPI


class OnWire(Gracy[str]):
    """Sends to a scripted wire, through the client that the library makes."""

    def __init__(self, wire: ScriptedWire, *args: Any, **kwargs: Any) -> None:
        self.wire = wire
        super().__init__(*args, **kwargs)

    def _create_client(self) -> Any:
        client = super()._create_client()
        return httpx.AsyncClient(transport=self.wire, base_url=client.base_url, timeout=client.timeout)


class Service(OnWire):
    """Has no Config, and gives it its values when an object is made."""

    def __init__(self, url: str, wire: ScriptedWire) -> None:
        self.Config.BASE_URL = url
        self.Config.REQUEST_TIMEOUT = 5
        self.Config.SETTINGS = GracyConfig(parser={"default": lambda r: str(r.url)})
        super().__init__(wire)


class Other(OnWire):
    """Has no Config either."""


@pytest.mark.anyio
async def test_a_class_without_a_config_has_one_to_fill() -> None:
    """Its own: no other API class hears of it, and `Gracy` least of all."""
    async with Service("https://one.test", ScriptedWire()) as api:
        assert await api.get("/x") == "https://one.test/x"
    for kind in (Gracy, Other):
        assert not hasattr(getattr(kind, "Config", None), "BASE_URL")


def test_what_a_config_says_later_is_for_later_objects() -> None:
    """An object keeps what it was made with, in every loop it is used in."""
    one, two = Service("https://one.test", ScriptedWire()), Service("https://two.test", ScriptedWire())
    for _ in range(2):
        for api, url in ((one, "https://one.test/x"), (two, "https://two.test/x")):
            assert asyncio.run(_got(api)) == url


async def _got(api: Gracy[str]) -> Any:
    return await api.get("/x")


@pytest.mark.anyio
async def test_an_object_may_have_a_config_of_its_own() -> None:
    """Over that of its class, field by field."""

    class API(OnWire):
        class Config:
            BASE_URL = "https://class.test"
            SETTINGS = GracyConfig(allowed_status_code=404)

        def __init__(self, url: str, wire: ScriptedWire) -> None:
            class Config:
                BASE_URL = url
                REQUEST_TIMEOUT = 3

            self.Config = Config  # type: ignore[misc, assignment]  # pyright: ignore[reportAttributeAccessIssue]
            super().__init__(wire)

    async with API("https://object.test", ScriptedWire(404)) as api:
        assert str((await api.get("/x")).url) == "https://object.test/x"
        assert api._client.timeout.read == 3


@pytest.mark.anyio
async def test_a_namespace_may_have_a_config_of_its_own(family: ModuleType) -> None:
    """As the API may."""

    class Part(GracyNamespace[str]):
        def __init__(self, parent: Any) -> None:
            self.Config = type("Config", (), {"BASE_URL": "/part"})
            super().__init__(parent)

    async with ScriptedAPI(family, ScriptedWire()) as api:
        assert str((await Part(api).get("/x")).url) == f"{BASE}/part/x"


def test_headers_that_were_set_on_the_client_stay() -> None:
    """Also where the next loop makes a new client; what that client says itself goes before."""
    wire = ScriptedWire()

    class API(Scripted):
        class Config:
            BASE_URL = BASE

        def __init__(self, token: str) -> None:
            super().__init__(httpx, wire)
            self._client.headers["Authorization"] = token
            self._client.headers["X-Renewed"] = "once"

        def _create_client(self) -> Any:
            return httpx.AsyncClient(transport=self.wire, headers={"X-Renewed": "each time"})

    api = API("token hunter2")
    for _ in range(3):
        asyncio.run(_got(api))
    assert [sent.headers["authorization"] for sent in wire.sent] == ["token hunter2"] * 3
    assert [sent.headers["x-renewed"] for sent in wire.sent] == ["once", "each time", "each time"]


def test_credentials_that_were_set_on_the_client_stay() -> None:
    """As headers do."""
    wire = ScriptedWire()
    api = ScriptedAPI(httpx, wire)
    api._client.auth = ("ash", "hunter2")
    for _ in range(2):
        asyncio.run(_got(api))
    assert [sent.headers["authorization"].partition(" ")[0] for sent in wire.sent] == ["Basic"] * 2


@pytest.mark.anyio
async def test_what_the_constructor_does_not_know_goes_to_the_client() -> None:
    """`_create_client` gets the arguments that are left over."""
    wire = ScriptedWire()

    class API(Gracy[str]):
        class Config:
            BASE_URL = BASE

        def _create_client(self, token: str = "") -> Any:
            return httpx.AsyncClient(transport=wire, headers={"Authorization": token})

    async with API(token="token hunter2") as api:
        await api.get("/x")
    assert wire.sent[0].headers["authorization"] == "token hunter2"
    with pytest.raises(TypeError, match="unexpected keyword argument 'tokken'"):
        API(tokken="x")


def test_debugging_has_two_names(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """`DEBUG_ENABLED`, too, by position or by name."""
    caplog.set_level("DEBUG", "gracy_transport")

    class API(Gracy[str]):
        def __init__(self, replay: GracyReplay | None = None, DEBUG_ENABLED: bool = False, **kwargs: Any) -> None:  # noqa: N803
            super().__init__(replay, DEBUG_ENABLED=DEBUG_ENABLED, **kwargs)

        def _create_client(self) -> Any:
            return family.AsyncClient(transport=ScriptedWire(), base_url=BASE)

    for enabled in (False, True):
        caplog.clear()
        asyncio.run(_got(API(None, enabled)))
        assert bool([record for record in caplog.records if record.levelname == "DEBUG"]) is enabled


class Plain(Exception):
    """Made as the original makes any exception class of a parser."""

    def __init__(self, request_context: Any, response: Any) -> None:
        super().__init__(f"{request_context.endpoint_args['NAME']} gave {response.status_code}")


class Declared(GracyException):
    """The same, with the base class of the library."""

    def __init__(self, request_context: Any, response: Any) -> None:
        super().__init__(f"{request_context.endpoint_args['NAME']} gave {response.status_code}")


@pytest.mark.anyio
@pytest.mark.parametrize("kind", [Plain, Declared])
@pytest.mark.parametrize("allowed", [None, 404])
async def test_an_exception_class_may_take_context_and_response(
    family: ModuleType, kind: type[Exception], allowed: int | None
) -> None:
    """One that cannot be made with a message alone is given these two."""

    class API(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(parser={404: kind}, allowed_status_code=allowed)

    async with API(family, ScriptedWire(404)) as api:
        with pytest.raises(kind, match="missingno gave 404"):
            await api.get_pokemon("missingno")


@pytest.mark.anyio
async def test_the_original_error_has_two_names(family: ModuleType) -> None:
    """`original_exc` is the cause."""
    async with ScriptedAPI(family, ScriptedWire(family.ConnectError)) as api:
        with pytest.raises(GracyRequestFailed) as raised:
            await api.get_pokemon()
    assert isinstance(raised.value.original_exc, family.ConnectError)
    assert raised.value.original_exc is raised.value.__cause__


def test_a_rule_knows_its_time_range() -> None:
    """Under both names."""
    rule = ThrottleRule(".*", 2, timedelta(minutes=1))
    assert rule.per_time_range == rule.per_time == timedelta(minutes=1)


def test_a_replay_may_be_given_by_position(tmp_path: Any) -> None:
    """In the order of the original's fields."""
    storage, date = SQLiteReplayStorage(dir=tmp_path), datetime.now().astimezone()
    assert GracyReplay("replay", storage, date, True, True, False) == GracyReplay(
        "replay",
        storage,
        discard_replays_older_than=date,
        discard_bad_responses=True,
        disable_throttling=True,
        display_report=False,
    )


def test_an_api_may_be_made_many_times() -> None:
    """In a loop without an event loop; nothing of them stays."""
    import gc
    import weakref

    made = [weakref.ref(ScriptedAPI(httpx, ScriptedWire(clock=FakeClock()))) for _ in range(20)]
    gc.collect()
    assert [each() for each in made] == [None] * 20
