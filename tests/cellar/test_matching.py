"""Tests of what patterns are matched against."""

from __future__ import annotations

from types import ModuleType

import pytest

from gracy_transport.matching import Memo, host_of, path_of, place_of, with_path


@pytest.mark.parametrize(
    ("url", "origin", "path"),
    [
        ("https://api.test/a/b", "https://api.test", "/a/b"),
        ("https://user:pw@api.test/a?key=1#top", "https://api.test", "/a"),
        ("http://api.test:8080", "http://api.test:8080", "/"),
        ("https://api.test:443/a%20b", "https://api.test", "/a%20b"),
        ("https://api.test/a%0Ab", "https://api.test", "/a%0Ab"),
        ("https://[::1]:8443/x?y?z", "https://[::1]:8443", "/x"),
        ("https://bücher.test/ä", "https://xn--bcher-kva.test", "/%C3%A4"),
    ],
)
def test_origin_and_path_leave_out_what_varies(url: str, origin: str, path: str, family: ModuleType) -> None:
    """No userinfo, no query, no fragment, no default port; nothing is decoded."""
    parsed = family.URL(url)
    assert place_of(parsed) == (origin, origin + path)
    assert path_of(parsed) == path


def test_the_parts_agree_with_what_the_families_make_public(family: ModuleType) -> None:
    """They are read from where the URL keeps them, and must be what its properties say."""
    for text in ("https://u:p@[fe80::1]:99/a%2Fb?q=1#f", "http://EXAMPLE.test:80", "https://例え.jp/道?x"):
        url = family.URL(text)
        assert place_of(url)[0] == f"{url.scheme}://{url.netloc.decode()}"
        assert path_of(url) == url.raw_path.decode().partition("?")[0]


def test_the_host_is_what_the_header_of_that_name_is_made_of(family: ModuleType) -> None:
    """Its name and its port, and nothing else of the URL."""
    assert host_of(family.URL("https://me:mine@api.test:99/a?b#c")) == ("api.test", 99)
    assert host_of(family.URL("http://api.test")) == ("api.test", None)


def test_a_url_with_another_path_is_as_if_it_was_parsed(family: ModuleType) -> None:
    """All before the path stays, the fragment goes; the URL that it was made of is as it was."""
    url = family.URL("https://me:mine@api.test:99/a?b#c")
    made = with_path(url, "/d%20e", "f=g")
    assert made == family.URL("https://me:mine@api.test:99/d%20e?f=g")
    assert (type(made), made.raw_path, made.fragment) == (family.URL, b"/d%20e?f=g", "")
    assert with_path(url, "/d", None) == family.URL("https://me:mine@api.test:99/d")
    assert str(url) == str(family.URL("https://me:mine@api.test:99/a?b#c"))


def test_a_memo_asks_once_for_each_url() -> None:
    """The second request to the same place costs a look-up."""
    asked: list[str] = []

    def find(url: str) -> int:
        asked.append(url)
        return len(asked)

    memo = Memo(find)
    here, there = "https://api.test/a", "https://api.test/b"
    assert [memo[here], memo[there], memo[here]] == [1, 2, 1]
    assert asked == [here, there]


def test_a_memo_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A scraper with a million URLs must not keep them all; a full memo starts anew and stays right."""
    monkeypatch.setattr(Memo, "CAPACITY", 3)
    memo = Memo(str)
    urls = [f"https://api.test/{number}" for number in range(10)]
    kept = []
    for url in urls:
        assert memo[url] == url
        kept.append(len(memo))
    assert kept == [1, 2, 3, 1, 2, 3, 1, 2, 3, 1]
