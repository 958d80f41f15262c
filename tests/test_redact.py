"""`GracyConfig(redact=...)`: what a user's own patterns take out of the URLs that are shown."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest
from pydantic import ValidationError

from gracy_transport import GracyConfig, GracyReplay, GracyTransport, call_options
from gracy_transport.exceptions import NonOkResponse
from gracy_transport.redaction import REDACTED
from gracy_transport.replay.memory import MemoryReplayStorage
from gracy_transport.testing import ScriptedWire, capture_events

pytestmark = pytest.mark.anyio

URL = "https://api.test/bot123:hunter2/send"


async def shown(family: ModuleType, config: GracyConfig, url: str = URL, **options: Any) -> str:
    """Returns the URL as the error of a rejected response shows it."""
    stack = GracyTransport(ScriptedWire(500), config.merged(GracyConfig(allowed_status_code=201)))
    async with family.AsyncClient(transport=stack) as client:
        with pytest.raises(NonOkResponse) as caught:
            await client.get(url, extensions=call_options(**options))
    assert str(caught.value).startswith(f"GET {caught.value.url} was rejected")
    return str(caught.value.url)


@pytest.mark.parametrize(
    ("patterns", "url"),
    [
        (None, URL),
        (r"/bot([^/]+)", f"https://api.test/bot{REDACTED}/send"),
        (re.compile("HUNTER2", re.IGNORECASE), f"https://api.test/bot123:{REDACTED}/send"),
        (["123", r"(hunter)\d"], f"https://api.test/bot{REDACTED}:{REDACTED}2/send"),
        (r"/nothing(of)?|send", "https://api.test/bot123:hunter2/send"),
        (r"/none(\d)|bot(\d*)", f"https://api.test/bot{REDACTED}:hunter2/send"),
        (r"api\.test", f"https://{REDACTED}/bot123:hunter2/send"),
    ],
)
async def test_what_a_pattern_matches_is_not_shown(family: ModuleType, patterns: Any, url: str) -> None:
    """All of it, or what the first group does that took part; where none did, nothing is hidden."""
    assert await shown(family, GracyConfig(redact=patterns)) == url


async def test_a_call_may_bring_patterns_of_its_own(family: ModuleType) -> None:
    """They replace those of the stack, and None switches them off."""
    config = GracyConfig(redact="send")
    assert await shown(family, config, redact="hunter2") == f"https://api.test/bot123:{REDACTED}/send"
    assert await shown(family, config, redact=None) == URL
    assert await shown(family, config, retry=None) == f"https://api.test/bot123:hunter2/{REDACTED}"


async def test_reports_and_events_hide_it_too(family: ModuleType) -> None:
    """From the first event on, and without a template."""
    stack = GracyTransport(ScriptedWire(200), GracyConfig(redact="hunter2"))
    async with family.AsyncClient(transport=stack) as client:
        with capture_events(stack) as events:
            seen: list[str] = []
            stack.observers = (*stack.observers, lambda event: seen.append(repr(event)))
            await client.get(URL)
    assert [row.url for row in stack.get_report().rows] == [f"https://api.test/bot123:{REDACTED}/send"]
    assert len(seen) == len(events) == 2
    assert "hunter2" not in "".join(seen)


async def test_the_request_itself_stays_as_it_is(family: ModuleType) -> None:
    """Only what is shown changes."""
    wire = ScriptedWire(200)
    async with family.AsyncClient(transport=GracyTransport(wire, GracyConfig(redact="hunter2"))) as client:
        response = await client.get(URL)
    assert wire.sent[0].url == str(response.request.url) == URL


async def test_another_stack_is_not_touched(family: ModuleType) -> None:
    """The patterns are those of one configuration, and nothing global."""
    await shown(family, GracyConfig(redact="hunter2"))
    assert await shown(family, GracyConfig()) == URL


@pytest.mark.parametrize("pattern", ["x*", r"\b"])
@pytest.mark.parametrize(
    "config", [GracyConfig, lambda redact: GracyReplay("replay", MemoryReplayStorage(), redact=redact)]
)
def test_a_pattern_that_matches_nothing_at_all_is_refused(pattern: str, config: Any) -> None:
    """The error names the field, and says what a pattern should do."""
    with pytest.raises(ValidationError, match=r"(?s)redact.*no character to hide: let it match the secret"):
        config(redact=pattern)


def test_a_pattern_that_is_none_is_refused_by_name() -> None:
    """The field is named."""
    with pytest.raises(ValidationError, match="redact"):
        GracyConfig(redact="(")
