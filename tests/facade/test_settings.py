"""The inner `Config`: what it may say, what it inherits, and that nothing changes it."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from types import ModuleType
from typing import Any

import pytest

from gracy_transport import DEFAULT_CONFIG, GracefulRetry, Gracy, GracyConfig, LogEvent, LogLevel
from gracy_transport.exceptions import NonOkResponse
from gracy_transport.facade.settings import settings_of
from gracy_transport.testing import ScriptedWire
from gracy_transport.values import ABSENT
from tests.facade.support import BASE, Scripted, ScriptedAPI

RETRY = GracefulRetry(delay=0, max_attempts=1)


class Parent(Gracy[str]):
    """Says everything."""

    class Config:
        BASE_URL = "https://parent.test"
        REQUEST_TIMEOUT: float | None = 7.5
        SETTINGS = GracyConfig(retry=RETRY, allowed_status_code=404, log_errors=None)


class Child(Parent):
    """Says something else of some of it."""

    class Config:  # pyright: ignore[reportIncompatibleVariableOverride]
        BASE_URL = "https://child.test"
        SETTINGS = GracyConfig(allowed_status_code=None)


class Heir(Parent):
    """Says it in the way of Python."""

    class Config(Parent.Config):
        REQUEST_TIMEOUT = None


class Silent(Child):
    """Says nothing."""


@pytest.mark.parametrize("name", ["httpx", "httpx2"])
def test_a_timeout_of_either_family_is_taken(name: str) -> None:
    """Also a tuple of its phases."""
    for timeout in (import_module(name).Timeout(3), (1, 2, 3, None)):
        said = type("Config", (), {"REQUEST_TIMEOUT": timeout})
        assert settings_of(type("Right", (Gracy,), {"Config": said})).timeout is timeout


def test_everything_is_optional() -> None:
    """An API without a Config is one that does nothing special."""
    assert settings_of(Gracy).config == GracyConfig()
    assert settings_of(Gracy).base_url == ""
    assert settings_of(Gracy).timeout is ABSENT


@pytest.mark.parametrize(
    ("kind", "base_url", "timeout", "allowed"),
    [
        (Parent, "https://parent.test", 7.5, frozenset({404})),
        (Child, "https://child.test", 7.5, None),
        (Heir, "https://parent.test", None, frozenset({404})),
        (Silent, "https://child.test", 7.5, None),
    ],
)
def test_what_is_left_out_is_inherited(kind: type, base_url: str, timeout: Any, allowed: Any) -> None:
    """Of SETTINGS, field by field."""
    settings = settings_of(kind)
    assert (settings.base_url, settings.timeout) == (base_url, timeout)
    assert settings.config.allowed_status_code == allowed
    assert settings.config.retry == RETRY


def test_nothing_is_written_on_a_class() -> None:
    """F3. Neither by making objects nor by merging."""
    before = {kind: dict(vars(vars(kind)["Config"])) for kind in (Parent, Child, Heir)}
    for kind in (Silent, Heir, Child, Parent):
        kind()
    assert before == {kind: dict(vars(vars(kind)["Config"])) for kind in (Parent, Child, Heir)}
    assert "Config" not in vars(Silent)


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("BASE_URL", 5, "BASE_URL is 5: give a string"),
        ("SETTINGS", {"retry": None}, r"SETTINGS is \{'retry': None\}: give a GracyConfig"),
        ("REQUEST_TIMEOUT", "10", "REQUEST_TIMEOUT is '10': give seconds"),
        (
            "REQUEST_TIMEOUT",
            timedelta(seconds=10),
            r"REQUEST_TIMEOUT is datetime\.timedelta\(seconds=10\): give seconds",
        ),
        ("REQUEST_TIMEOUT", Decimal(10), r"REQUEST_TIMEOUT is Decimal\('10'\): give seconds"),
        ("REQUEST_TIMEOUT", True, "REQUEST_TIMEOUT is True: give seconds"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: object, message: str) -> None:
    """With the class it is of."""
    kind = type("Wrong", (Gracy,), {"Config": type("Config", (), {name: value})})
    with pytest.raises(TypeError, match=rf"Wrong\.Config\.{message}"):
        kind()


@pytest.mark.parametrize(
    ("base_url", "shown"),
    [
        ("https://api.test/v2?lang=en", "'https://api.test/v2?lang=en'"),
        ("https://api.test/v2?", "'https://api.test/v2?'"),
        ("https://me:hunter2@api.test?key=hunter2#part", "'https://api.test?key=[redacted]'"),
    ],
)
def test_a_query_in_the_base_url_is_refused(base_url: str, shown: str) -> None:
    """An endpoint would end up in it."""
    kind = type("Wrong", (Gracy,), {"Config": type("Config", (), {"BASE_URL": base_url})})
    with pytest.raises(ValueError, match=r"^Wrong\.Config\.BASE_URL is ") as caught:
        kind()
    assert str(caught.value) == (
        f"Wrong.Config.BASE_URL is {shown}, with a query in front of the endpoints: leave it out, and give the "
        "parameters to a client of your own, AsyncClient(params=...) in _create_client, or params= to each request"
    )


@pytest.mark.anyio
@pytest.mark.parametrize("fragment", ["#frag", "/#frag", "#a?b=c", "#"])
async def test_a_fragment_of_the_base_url_is_dropped(family: ModuleType, fragment: str) -> None:
    """It is never sent, and must not swallow the endpoints. It makes no difference who gave it to the client."""

    class Fragmented(Scripted):
        class Config:
            BASE_URL = BASE + fragment

    class OfTheClient(Fragmented):
        def _create_client(self) -> Any:
            return self.family.AsyncClient(transport=self.wire, base_url=BASE + fragment)

    for kind in (Fragmented, OfTheClient):
        api = kind(family, ScriptedWire())
        response = await api.get_pokemon()
        assert api.wire.sent[0].url == f"{BASE}/pokemon/pikachu"
        assert response.extensions["gracy"].unformatted_url == f"{BASE}/pokemon/{{NAME}}"


@pytest.mark.anyio
async def test_settings_lie_over_the_defaults(family: ModuleType, caplog: pytest.LogCaptureFixture) -> None:
    """Which log errors, and nothing else."""
    assert {name for name, value in DEFAULT_CONFIG.given().items() if value is not None} == {"log_errors"}
    with pytest.raises(NonOkResponse):
        await ScriptedAPI(family, ScriptedWire(500)).get_pokemon()
    assert [record.levelname for record in caplog.records] == ["ERROR"]

    class Quiet(Scripted):
        class Config:
            BASE_URL = BASE
            SETTINGS = GracyConfig(log_errors=None, log_request=LogEvent(LogLevel.ERROR, "asking"))

    caplog.clear()
    with pytest.raises(NonOkResponse):
        await Quiet(family, ScriptedWire(500)).get_pokemon()
    assert caplog.messages == ["asking"]
