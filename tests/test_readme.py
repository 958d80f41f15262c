"""Every Python block of the README runs as it stands, against an API that is played by a function."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import httpx2
import pytest

from gracy_transport import GracefulRetry, GracyConfig
from gracy_transport.testing.conformance import CHECKS

README = Path(__file__).parent.parent / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text("utf-8"), re.MULTILINE | re.DOTALL)


async def pokeapi(_transport: object, request: httpx.Request) -> httpx.Response:
    """Answers as the PokeAPI would, for the pokemon the README asks for."""
    name = request.url.path.rpartition("/")[2]
    if name not in {"ditto", "pikachu"}:
        return httpx.Response(404, text="Not Found")
    return httpx.Response(200, json={"name": name, "order": 214})


async def openai(_transport: object, _request: httpx2.Request) -> httpx2.Response:
    """Answers as the API of OpenAI would, whose SDK is built on httpx2."""
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return httpx2.Response(200, json={"object": "list", "model": "m", "data": data, "usage": usage})


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: f"block-{BLOCKS.index(block) + 1}")
def test_a_block_runs(block: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Copied, pasted, run: no edit needed."""
    monkeypatch.setattr(httpx.AsyncHTTPTransport, "handle_async_request", pokeapi)
    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", openai)
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    exec(compile(block, str(README), "exec"), {"__name__": "__main__"})
    printed = capsys.readouterr().out
    assert "print(" not in block or printed


def test_the_readme_shows_every_way_in() -> None:
    """Three ways, how to test one's own code without and with a recording, an SDK, and limits for many processes."""
    assert len(BLOCKS) == 7


def test_a_newcomer_reads_no_more_than_200_lines() -> None:
    """What only those need who come from elsewhere, or doubt, stands behind."""
    newcomers, *_ = README.read_text("utf-8").split("\n## Coming from")
    assert len(newcomers.splitlines()) <= 200


def test_the_two_lines_are_there() -> None:
    """What a newcomer types first."""
    text = README.read_text("utf-8")
    assert "python -m pip install nox && python -m nox -s demo\n" in text
    assert "python -m pip install nox && python -m nox -s tests\n" in text


@pytest.mark.parametrize("path", re.findall(r"`(tests/[a-z_/]+\.py)`", README.read_text("utf-8")))
def test_a_promise_names_a_test_that_exists(path: str) -> None:
    """Whoever doubts a line can run it."""
    assert (README.parent / path).is_file()


def test_the_number_of_checks_is_right() -> None:
    """Who wraps transports is told how many promises there are to keep."""
    assert f"tries {len(CHECKS)}\npromises" in README.read_text("utf-8")


@pytest.mark.parametrize(
    ("config", "heading"),
    [(GracyConfig, "| field of `GracyConfig` |"), (GracefulRetry, "| `GracefulRetry` | default |")],
)
def test_every_setting_is_named(config: type[GracyConfig | GracefulRetry], heading: str) -> None:
    """A setting that nobody can find does not exist, and one that is named can be given."""
    text = README.read_text("utf-8")
    table = text.split(heading)[1].split("\n\n")[0]
    named = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row.split("|")[1])}
    assert named <= set(config.model_fields)
    assert [name for name in config.model_fields if f"`{name}`" not in text and f"{name}=" not in text] == []
