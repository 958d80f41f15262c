"""Tests of everything that reports about itself: a stack, the layer alone, and an API."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from importlib.util import find_spec
from types import ModuleType
from typing import Any, TypeAlias

import pytest

from gracy_transport import Gracy, GracyConfig, GracyTransport, MetricsTransport
from gracy_transport.testing import FakeClock, ScriptedWire

pytestmark = pytest.mark.anyio

Reporter: TypeAlias = Any
Ask: TypeAlias = Callable[[str], Awaitable[object]]
SECRET = "https://user:hunter2@api.test/items?api_key=hunter2#hunter2"


@pytest.fixture(params=[GracyTransport, MetricsTransport, Gracy])
def make(request: pytest.FixtureRequest, family: ModuleType, clock: FakeClock) -> Callable[[], tuple[Reporter, Ask]]:
    """Gives a function that makes something that reports, and how it is asked for a URL."""

    def made() -> tuple[Reporter, Ask]:
        wire = ScriptedWire(200, clock=clock)
        if request.param is Gracy:

            class API(Gracy[str]):
                def _create_client(self) -> Any:
                    return family.AsyncClient(transport=wire)

            api = API(clock=clock)
            return api, api.get
        config = [GracyConfig()] if request.param is GracyTransport else []
        reporter = request.param(wire, *config, clock=clock)
        return reporter, family.AsyncClient(transport=reporter).get

    return made


async def test_a_figure_comes_back_and_the_other_kinds_give_nothing(
    make: Callable[[], tuple[Reporter, Ask]], capsys: pytest.CaptureFixture[str]
) -> None:
    """The attempt that was made is in it."""
    pytest.importorskip("plotly")
    reporter, ask = make()
    await ask("https://api.test/items")
    figure = reporter.report_status("plotly")
    assert figure.layout.title.subtitle.text == "1 attempt"
    assert [reporter.report_status(kind) for kind in ("rich", "list", "logger")] == [None] * 3
    assert "https://api.test/items" in capsys.readouterr().out


async def test_two_reports_never_mix(make: Callable[[], tuple[Reporter, Ask]]) -> None:
    """Neither rows nor timelines."""
    one, ask_one = make()
    other, ask_other = make()
    await ask_one("https://api.test/one")
    await ask_other("https://api.test/other")
    assert [attempt.url for attempt in one.get_report().timeline.attempts] == ["https://api.test/one"]
    assert [attempt.url for attempt in other.get_report().timeline.attempts] == ["https://api.test/other"]


async def test_no_rendering_shows_a_secret(
    make: Callable[[], tuple[Reporter, Ask]],
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Credentials, the query and the fragment are not part of a row."""
    caplog.set_level("DEBUG", "gracy_transport")
    reporter, ask = make()
    await ask(SECRET)
    for kind in ("rich", "list", "logger"):
        reporter.report_status(kind)
    report = reporter.get_report()
    shown = [
        capsys.readouterr().out,
        caplog.text,
        report._repr_html_(),
        json.dumps(report.as_dict()),
        str(report.timeline.attempts),
    ]
    if find_spec("plotly"):
        shown.append(str(reporter.report_status("plotly").to_dict()))
    assert all("api.test/items" in text for text in shown)
    assert not any("hunter2" in text for text in shown)


async def test_a_reset_forgets_the_timeline(family: ModuleType, clock: FakeClock) -> None:
    """As it forgets the rows."""
    wire = ScriptedWire(200, clock=clock)

    class API(Gracy[str]):
        def _create_client(self) -> Any:
            return family.AsyncClient(transport=wire)

    api = API(clock=clock)
    await api.get("https://api.test/items")
    api.dangerously_reset_report()
    assert api.get_report().rows == ()
    assert api.get_report().timeline.attempts == []
