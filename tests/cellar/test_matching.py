"""Tests of what patterns are matched against."""

from __future__ import annotations

from types import ModuleType

import httpx
import pytest

from gracy_transport.matching import Memo, origin_of, target_of


@pytest.mark.parametrize(
    ("url", "origin", "target"),
    [
        ("https://api.test/a/b", "https://api.test", "https://api.test/a/b"),
        ("https://user:pw@api.test/a?key=1#top", "https://api.test", "https://api.test/a"),
        ("http://api.test:8080", "http://api.test:8080", "http://api.test:8080/"),
        ("https://api.test:443/a%20b", "https://api.test", "https://api.test/a%20b"),
        ("https://[::1]:8443/x?y?z", "https://[::1]:8443", "https://[::1]:8443/x"),
    ],
)
def test_origin_and_target_leave_out_what_varies(url: str, origin: str, target: str, family: ModuleType) -> None:
    """No userinfo, no query, no fragment, no default port."""
    request = family.Request("GET", url)
    assert origin_of(request) == origin
    assert target_of(request) == target


def test_a_memo_asks_once_for_each_target() -> None:
    """The second request to the same place costs a look-up."""
    asked: list[str] = []

    def find(target: str) -> int:
        asked.append(target)
        return len(asked)

    memo = Memo(find)
    here, there = httpx.Request("GET", "https://api.test/a"), httpx.Request("GET", "https://api.test/b")
    assert [memo(here), memo(there), memo(here), memo(httpx.Request("PUT", "https://api.test/a"))] == [
        1,
        2,
        1,
        1,
    ]
    assert asked == ["https://api.test/a", "https://api.test/b"]


def test_a_memo_tells_schemes_and_ports_apart() -> None:
    """The same path elsewhere is another target."""
    memo = Memo(str)
    urls = ["https://api.test/a", "http://api.test/a", "https://api.test:8443/a"]
    assert [memo(httpx.Request("GET", url)) for url in urls] == urls


def test_a_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scraper with a million URLs must not keep them all; a full memo starts anew and stays right."""
    monkeypatch.setattr(Memo, "CAPACITY", 3)
    memo = Memo(str)
    urls = [f"https://api.test/{number}" for number in range(10)]
    assert [memo(httpx.Request("GET", url)) for url in urls] == urls
    assert len(memo._answers) <= 3
