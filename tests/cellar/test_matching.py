"""Tests of what patterns are matched against."""

from __future__ import annotations

from types import ModuleType

import pytest

from gracy_transport.matching import Memo, origin_of, path_of


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://api.test/a/b", "https://api.test", "/a/b"),
        ("https://user:pw@api.test/a?key=1#top", "https://api.test", "/a"),
        ("http://api.test:8080", "http://api.test:8080", "/"),
        ("https://api.test:443/a%20b", "https://api.test", "/a%20b"),
        ("https://api.test/a%0Ab", "https://api.test", "/a%0Ab"),
        ("https://[::1]:8443/x?y?z", "https://[::1]:8443", "/x"),
    ],
)
def test_origin_and_path_leave_out_what_varies(url: str, origin: str, path: str, family: ModuleType) -> None:
    """No userinfo, no query, no fragment, no default port; nothing is decoded."""
    parsed = family.URL(url)
    assert (origin_of(parsed), path_of(parsed)) == (origin, path)


def test_a_memo_asks_once_for_each_url() -> None:
    """The second request to the same place costs a look-up."""
    asked: list[str] = []

    def find(url: str) -> int:
        asked.append(url)
        return len(asked)

    memo = Memo(find)
    here, there = "https://api.test/a", "https://api.test/b"
    assert [memo(here), memo(there), memo(here)] == [1, 2, 1]
    assert asked == [here, there]


def test_a_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scraper with a million URLs must not keep them all; a full memo starts anew and stays right."""
    monkeypatch.setattr(Memo, "CAPACITY", 3)
    memo = Memo(str)
    urls = [f"https://api.test/{number}" for number in range(10)]
    assert [memo(url) for url in urls] == urls
    assert len(memo._answers) <= 3
