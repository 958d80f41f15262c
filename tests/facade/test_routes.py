"""URLs are those that the parser of the family makes, however little of them it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from gracy_transport.facade.endpoints import Template
from gracy_transport.facade.routes import Base, Route

ODD = "ab4%2eE./~-_ :@;,=+&!$'()*[]|^`\"<>\\\u00e9\u4f8b\n\x7f"
"""Whatever means something in a URL, or is encoded in one."""

bases = st.sampled_from(
    [
        "https://api.test",
        "HTTPS://API.test:443/v2/",
        "http://user:p%40w@api.test:8080/a/b",
        "https://[::1]:8443/x",
        "https://b\u00fccher.test/\u00e4/",
        "https://api.test/a~b/",
        "https://~:~@api.test/a",
        "https://10.0.0.1/%7e",
    ]
)
pieces = st.one_of(
    st.sampled_from(["{A}", "{B}", "{P:path}", "/", "//", "/..", "/.", "%", "%4", "%2F", "x"]),
    st.text(ODD, max_size=4),
)
queries = st.one_of(st.just(""), st.sampled_from(["?", "?q={A}", "?q=%{A}&r={B}", "?a b={A}", "?q={P:path}?x"]))
endpoints = st.tuples(st.lists(pieces, max_size=5).map("".join), queries).map("".join)
wholes = st.sampled_from(
    [
        *("https://{A}.test/x/{B}", "https://api.test/{A}", "http://{A}/", "https:///{P:path}", "ftp://h"),
        *("https://h:{A}/{B}", "https://[{A}]/{B}"),
    ]
)
plain = st.sampled_from(["pikachu", "25", "a.b", "..a", "-~_"])
values = st.one_of(st.text(ODD, max_size=6), st.text(max_size=6), plain)


def outcome(make: Callable[..., Any], *given: Any) -> Any:
    """Returns all that a URL knows, or the error in place of one."""
    try:
        return vars(make(*given))
    except Exception as error:  # noqa: BLE001 - whatever it is, it has to be the same
        return type(error), str(error)


@hypothesis.settings(max_examples=200)
@hypothesis.given(bases, st.one_of(endpoints, wholes), st.lists(st.tuples(values, values, values), max_size=3))
def test_a_url_is_the_one_that_the_parser_makes(
    family: ModuleType, before: str, endpoint: str, given: list[tuple[str, str, str]]
) -> None:
    """Property: whatever stands in base, endpoint and arguments, to the last part of it, errors too."""
    try:
        template = Template(endpoint)
    except ValueError:
        hypothesis.reject()
    base = Base(family.AsyncClient(verify=False, base_url=before).base_url)

    def parsed(args: dict[str, str]) -> Any:
        text = template.fill(args)
        return family.URL(text if template.is_absolute else base.prefix + text.lstrip("/"))

    def routed(args: dict[str, str]) -> Any:
        return Route(template, None if template.is_absolute else base, family.URL).url(args)

    for three in [("1", "2", "3"), *given]:
        args = {name: value for name, value in zip("ABP", three, strict=True) if name in template.names}
        assert outcome(routed, args) == outcome(parsed, args)


@hypothesis.given(st.lists(st.one_of(values, st.just("")), min_size=2, max_size=2))
def test_what_needs_no_encoding_is_put_in_as_it_is(given: list[str]) -> None:
    """Property: the short way to fill an endpoint leads where the long one does."""
    template = Template("/100%/{A}/..{B}{A}?x={B}&%s")
    args = dict(zip("AB", given, strict=True))

    def text_of(fill: Callable[[dict[str, str]], str]) -> str:
        try:
            return fill(args)
        except ValueError as error:
            return f"refused: {error}"

    assert text_of(template.fill) == text_of(template._fill)


def test_the_parser_is_asked_once_for_an_endpoint(family: ModuleType) -> None:
    """Not for each argument, as long as there is nothing for it to do."""
    asked: list[str] = []

    def parse(text: str) -> Any:
        asked.append(text)
        return family.URL(text)

    route = Route(Template("/pokemon/{NAME}?q={Q}"), Base(family.URL("https://api.test/v2/")), parse)
    for name in ("pikachu", "mr. mime", "\u00e9/?#"):
        assert route.url({"NAME": name, "Q": name}).path == f"/v2/pokemon/{name}"
    assert len(asked) == 1


@pytest.mark.parametrize("endpoint", ["/a b/{NAME}", "/a/../{NAME}", "https://{NAME}.test/"])
def test_the_parser_is_asked_each_time_where_it_changes_something(endpoint: str, family: ModuleType) -> None:
    """An endpoint of which it encodes or resolves a part, or whose host is an argument."""
    asked: list[str] = []

    def parse(text: str) -> Any:
        asked.append(text)
        return family.URL(text)

    template = Template(endpoint)
    route = Route(template, None if template.is_absolute else Base(family.URL("https://api.test/")), parse)
    for name in ("one", "two"):
        assert name in str(route.url({"NAME": name}))
    assert len(asked) == 3


def test_a_url_that_is_too_long_is_refused_as_ever(family: ModuleType) -> None:
    """The parser has a limit, which holds."""
    route = Route(Template("/{A}"), Base(family.URL("https://api.test/")), family.URL)
    assert len(str(route.url({"A": "a" * 65_000}))) == 65_017
    with pytest.raises(family.InvalidURL, match="too long"):
        route.url({"A": "a" * 66_000})
