"""Tests of how the `Link` header is read."""

from __future__ import annotations

from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.link_header import Link, links_in, target_of


def targets(value: str) -> list[str]:
    """Returns where the links of a field lead."""
    return [link.target for link in links_in(value)]


def test_a_link_has_a_target_relations_and_parameters() -> None:
    """Names and relations are told in lower case, values as they are."""
    (link,) = links_in('<https://a.test/p?page=2>; REL="Next prefetch"; Title="Page, two; \\"2\\""; n=1; flag')
    assert link == Link(
        "https://a.test/p?page=2",
        frozenset({"next", "prefetch"}),
        {"rel": "Next prefetch", "title": 'Page, two; "2"', "n": "1", "flag": ""},
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<a>;rel=next", ["a"]),
        ('  <a>  ;  rel  =  "next"  ', ["a"]),
        ("<a>;;rel=next;", ["a"]),
        ("<>; rel=next", [""]),
        (",, <a>;rel=next ,\t, <b>; rel=last,", ["a", "b"]),
        ("<a,b;c>; rel=next", ["a,b;c"]),
        ('<a>; title="<evil>; rel=next, <evil>"; rel=next', ["a"]),
        ('<a>; title="\\", <evil>; rel=next"; rel=next', ["a"]),
        ("<a>; title*=UTF-8'de'n%c3%a4chstes; rel=\"x\"", ["a"]),
    ],
)
def test_the_grammar(value: str, expected: list[str]) -> None:
    """Blanks, empty elements and quoted strings as RFC 8288 and RFC 9110 have them."""
    assert targets(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", []),
        ("junk", []),
        ("junk, <b>; rel=next", ["b"]),
        ("<a>, <b>; rel=next", ["b"]),
        ("<a>; rel=, <b>; rel=next", ["b"]),
        ("<a>; =next, <b>; rel=next", ["b"]),
        ("<a> rel=next, <b>; rel=next", ["b"]),
        ('<a>; rel="next" more, <b>; rel=next', ["b"]),
        ("<a b>; rel=next, <b>; rel=next", ["b"]),
        ("<a\nb>; rel=next, <b>; rel=next", ["b"]),
        ("<a; rel=next, <b>; rel=next", ["b"]),
        ('junk "a, <evil>; rel=next", <b>; rel=next', ["b"]),
        ("junk <a, <evil>; rel=x", ["evil"]),
        ('<a>; rel="next, <evil>; rel=next', []),
        ('<b>; rel=next, <a>; title="x\\", <evil>; rel=next', ["b"]),
        ('<a>; title="\x00"; rel=next, <b>; rel=next', []),
    ],
)
def test_junk_is_left_out(value: str, expected: list[str]) -> None:
    """What does not keep to the grammar is no link, and what comes after its comma is read again."""
    assert targets(value) == expected


def test_the_first_relation_counts() -> None:
    """Later parameters of that name are to be ignored."""
    assert target_of(['<a>; rel="last"; rel="next"'], "next") is None


def test_the_target_of_a_relation() -> None:
    """The first of all fields, whatever the letters; relations that only look alike are others."""
    fields = ['<a>; rel="nextish"', '<b>; rel="prev", <c>; rel="start NEXT"', "<d>; rel=next"]
    assert target_of(fields, "next") == "c"
    assert target_of(fields, "Prev") == "b"
    assert target_of(fields, "last") is None


def test_a_link_about_another_resource_does_not_count() -> None:
    """An anchor says that it is the next page of something else."""
    assert target_of(['<a>; rel=next; anchor="#foo", <b>; rel=next'], "next") == "b"


words = st.text("abcz019-._", min_size=1)
texts = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"))
urls = st.text(st.characters(min_codepoint=0x21, max_codepoint=0xFF, exclude_characters="<>\x7f"))


@given(st.lists(st.tuples(urls, st.lists(words, min_size=1), texts)))
def test_what_is_written_is_read(given_links: list[tuple[str, list[str], str]]) -> None:
    """Any targets, relations and titles, however they look."""
    fields = []
    for target, rels, title in given_links:
        escaped = title.replace("\\", "\\\\").replace('"', '\\"')
        fields.append(f'<{target}>; title="{escaped}"; rel="{" ".join(rels)}"')
    found = [(link.target, link.rels, link.params["title"]) for link in links_in(", ".join(fields))]
    assert found == [(target, frozenset(rels), title) for target, rels, title in given_links]


@given(st.text(st.sampled_from('<>;,="\\ areln\x00')))
def test_any_text_can_be_read(value: str) -> None:
    """It never raises, and what it finds stands between angle brackets."""
    assert all(f"<{link.target}>" in value for link in links_in(value))


@pytest.mark.parametrize(
    "piece", ["<", "<,", '"', '",', '\\"', ";", "; a", "<a>", "<a>,", "<a>;rel=x,", " ", ", ", "=", '<a>; r="', "<a> "]
)
def test_it_takes_time_in_proportion_to_the_length(piece: str) -> None:
    """Where a character is looked at once for each before it, so many take a minute."""
    for value in (piece * (200_000 // len(piece)), "<a>; rel=x" + piece * (200_000 // len(piece))):
        began = perf_counter()
        links_in(value)
        assert perf_counter() - began < 5
