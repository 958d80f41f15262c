"""Finding the patterns that match among many is the same as trying each."""

from __future__ import annotations

import re
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.throttle.patterns import Patterns, beginning_of

PIECES = (
    *("a", "b", "ab", "/", "é", r"\.", r"\/", r"\|", r"\(", r"\\", r"\d", r"\w", r"\A", r"\Z", r"\b", "^", "$", "."),
    *("*", "+", "?", "{2}", "{,1}", "{", "}", "]", "|", "(", ")", "(?:", "(?=", "(?!", "(?P<n>", "(?i:", "(?#", "(?i)"),
    *("[ab]", "[^a]", "[]|(]", "[^])]", r"[\]|]", "#", " "),
)


def compiled(pattern: str, flags: re.RegexFlag) -> re.Pattern[str] | None:
    """Returns a pattern, or nothing where it is none."""
    try:
        return re.compile(pattern, flags)
    except re.error:
        return None


FLAGS = st.sampled_from([re.RegexFlag(0)] * 4 + [re.IGNORECASE, re.VERBOSE, re.MULTILINE, re.DOTALL, re.ASCII])
PATTERNS = st.builds(compiled, st.lists(st.sampled_from(PIECES), max_size=8).map("".join), FLAGS)
TEXTS = st.text("abA/é.|(\\1# \n", max_size=6)


@given(st.lists(PATTERNS, max_size=12), st.lists(TEXTS, min_size=1, max_size=12))
def test_what_is_found_is_what_trying_each_finds(patterns: list[re.Pattern[str] | None], texts: list[str]) -> None:
    """Whatever the patterns, those that match a text are found, and in their order."""
    known = [pattern for pattern in patterns if pattern is not None]
    found = Patterns([(pattern, number) for number, pattern in enumerate(known)])
    for text in texts:
        assert found.matching(text) == [number for number, pattern in enumerate(known) if pattern.match(text)]


@pytest.mark.parametrize(
    ("pattern", "beginning"),
    [
        (r"https://api\.example\.com/v2/.*", "https://api.example.com/v2/"),
        (r"^https://api\.example\.com/(users|teams)/\d+$", "https://api.example.com/"),
        (r"https?://api\.example\.com/", "http"),
        (re.escape("https://api.example.com/a-b/c_d~e"), "https://api.example.com/a-b/c_d~e"),
        (r"https://a/[|]x", "https://a/"),
        (r"https://a/\|x", "https://a/|x"),
        (r"https://a/|https://b/", ""),
        (r"(https://a/)|b", ""),
        (r"https://a/(?#[)x|y[]]", ""),
        (r"(?i)https://a/", ""),
        (r"h{0}ttps://a/", ""),
        (r".*", ""),
        (r"", ""),
    ],
)
def test_the_beginning_of_a_pattern(pattern: str, beginning: str) -> None:
    """What stands for itself at the beginning of a pattern is known, and nothing that might be otherwise."""
    assert beginning_of(re.compile(pattern)) == beginning


def test_they_are_found_in_the_order_in_which_they_were_given() -> None:
    """Not in that of their beginnings."""
    all_of_them = ["https://a/b/", ".*", "https://a/", "https://a/c/", "https://a/b/c", "https://b/", "http.*", "h"]
    found = Patterns([(re.compile(pattern), pattern) for pattern in all_of_them])
    assert found.matching("https://a/b/c") == [all_of_them[number] for number in (0, 1, 2, 4, 6, 7)]


def test_patterns_that_do_not_begin_like_a_text_are_not_tried() -> None:
    """Among a hundred patterns with beginnings of their own, one is asked."""
    asked: list[int] = []

    class Counting:
        """A pattern that notes when it is tried."""

        flags = 0

        def __init__(self, number: int) -> None:
            self.number = number
            self.pattern = rf"https://api\.example\.com/{number}/.*"

        def match(self, _text: str) -> bool:
            asked.append(self.number)
            return True

    counting = [(cast("re.Pattern[str]", Counting(number)), number) for number in range(100)]
    assert Patterns(counting).matching("https://api.example.com/42/x") == [42]
    assert asked == [42]
