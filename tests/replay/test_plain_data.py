"""What only looks like a secret is data: requests that differ in it are different requests."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from gracy_transport.replay import GracyReplay, ReplayTransport
from gracy_transport.replays.storages.sqlite import SQLiteReplayStorage

pytestmark = pytest.mark.anyio


async def test_plain_data_under_an_ambiguous_name_keeps_requests_apart(tmp_path: Path) -> None:
    """`?code=FR` and `?code=DE` are two requests with two answers; once, one was replayed for the other."""
    replay = GracyReplay("record", SQLiteReplayStorage("codes.sqlite3", dir=str(tmp_path)))
    echo = httpx.MockTransport(lambda request: httpx.Response(200, json=request.url.params["code"]))
    async with httpx.AsyncClient(transport=ReplayTransport(echo, replay)) as client:
        for code in ("FR", "DE"):
            await client.get("https://api.test/countries", params={"code": code})
    replay = GracyReplay("replay", SQLiteReplayStorage("codes.sqlite3", dir=str(tmp_path)))
    async with httpx.AsyncClient(transport=ReplayTransport(echo, replay)) as client:
        answers = [
            (await client.get("https://api.test/countries", params={"code": code})).json() for code in ("DE", "FR")
        ]
    assert answers == ["DE", "FR"]
