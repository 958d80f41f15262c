"""Tests of lists of structured fields: what is one, what is none, and that no input takes long."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.structured import Item, Token, parse_list


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("", []),
        ("   ", []),
        ('"burst"', [("burst", {})]),
        ('"burst";q=100;w=60', [("burst", {"q": 100, "w": 60})]),
        ('"burst";q=100 ,\t"daily";q=1000', [("burst", {"q": 100}), ("daily", {"q": 1000})]),
        ('  "a";  b=1  ', [("a", {"b": 1})]),
        (r'"a \"word\" \\"', [('a "word" \\', {})]),
        ("1, -2, 3.25, -0.5", [(1, {}), (-2, {}), (3.25, {}), (-0.5, {})]),
        ("?1, ?0", [(True, {}), (False, {})]),
        (":cGs=:", [(b"cGs=", {})]),
        ("@1659578233", [(1659578233, {})]),
        ('%"f%c3%bc"', [("f%c3%bc", {})]),
        ("*a/b:c", [("*a/b:c", {})]),
        ("a;x;*y-z.1=2;x=3", [("a", {"x": 3, "*y-z.1": 2})]),
        ("999999999999999", [(999999999999999, {})]),
        ("123456789012.123", [(123456789012.123, {})]),
    ],
)
def test_lists_that_are_well_formed(text: str, items: list[tuple[object, dict[str, object]]]) -> None:
    """Every kind of item, with and without parameters."""
    assert parse_list(text) == items


@pytest.mark.parametrize(
    "text",
    [
        '"open',
        '"a"b',
        '"a" ;b',
        '"a",',
        ',"a"',
        '"a",,"b"',
        '"a"; ',
        '"a";B=1',
        '"a";b=',
        '"a";1=1',
        r'"\a"',
        '"tab\t"',
        '"ü"',
        "1.",
        ".5",
        "+1",
        "1.2345",
        "1234567890123456",
        "1234567890123.1",
        "--1",
        "- 1",
        "?2",
        ":open",
        ":a b:",
        "@1.5",
        '%"%C3"',
        '%"%c"',
        "(1 2)",
        "1 2",
        "\t1",
        "=",
        "\u0661",
    ],
)
def test_lists_that_are_malformed(text: str) -> None:
    """One wrong character makes the whole of it junk."""
    assert parse_list(text) is None


def test_a_word_is_told_from_the_same_text_in_quotes() -> None:
    """A parameter that wants a string must not take a token."""
    found = parse_list('a, "a"')
    assert found is not None
    assert [type(item.value) for item in found] == [Token, str]


def test_an_item_without_a_value_for_a_parameter_has_it_on() -> None:
    """As RFC 9651 section 3.1.2 says."""
    assert parse_list("a;b") == [Item(Token("a"), {"b": True})]


@given(st.text() | st.text(alphabet='"\\;,=: a1.-?@%()*\t'))
def test_no_text_raises(text: str) -> None:
    """Whatever a server sends."""
    assert parse_list(text) is None or isinstance(parse_list(text), list)


@given(
    st.lists(
        st.tuples(
            st.text(alphabet=[chr(code) for code in range(0x20, 0x7F)], max_size=10),
            st.dictionaries(st.from_regex(r"[a-z*][a-z0-9_.*-]{0,5}", fullmatch=True), st.integers(0, 10**15 - 1)),
        ),
        max_size=5,
    )
)
def test_what_is_written_by_the_rules_is_read_back(members: list[tuple[str, dict[str, int]]]) -> None:
    """Strings with integers as parameters, which is what the headers for rate limits are made of."""
    texts = [
        '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' + "".join(f";{key}={n}" for key, n in named.items())
        for value, named in members
    ]
    assert parse_list(", ".join(texts)) == members


@pytest.mark.parametrize("piece", ['"a";', "a,", '"\\', ";a", " ", "(", "%c3", "1", '"a";b=1,'])
def test_long_junk_takes_no_time(piece: str) -> None:
    """A megabyte costs nothing, and what is short enough to be read is read once."""
    began = time.process_time()
    assert not parse_list(piece * (1_000_000 // len(piece)) + "\x00")
    for _ in range(50):
        parse_list(piece * (4000 // len(piece)) + "\x00")
    assert time.process_time() - began < 10
