"""How a run is judged as a whole."""

from __future__ import annotations

import pytest

from gracy_transport.demo.judge import Finding
from gracy_transport.demo.scene import WAYS, Scene

KEPT = Finding("no call lost", "3 asked for", 0, 0)
BROKEN = Finding("at most 2 per second", "/feed", 2, 3)


@pytest.mark.parametrize(
    ("findings", "is_interrupted", "status", "verdict"),
    [
        ([KEPT], False, 0, "Every promise was kept."),
        ([KEPT, BROKEN], False, 1, "BROKEN: at most 2 per second (/feed)"),
        ([KEPT], True, 130, "Interrupted. Every promise was kept until then."),
        ([BROKEN], True, 1, "BROKEN: at most 2 per second (/feed)"),
    ],
)
def test_the_status_says_whether_a_promise_was_broken(
    findings: list[Finding], is_interrupted: bool, status: int, verdict: str
) -> None:
    """A broken promise outweighs an interruption."""
    scene = Scene.of(15.0, 7)
    scene.findings, scene.is_interrupted = findings, is_interrupted
    assert (scene.exit_status, scene.verdict) == (status, verdict)


def test_every_endpoint_is_asked_in_one_of_the_ways() -> None:
    """In the order in which they are shown."""
    assert [template for way in WAYS for template in way.templates] == list(Scene.of(15.0, 7).plan.calls)
