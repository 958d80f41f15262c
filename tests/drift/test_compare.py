"""Comparing two answers: what matters is told, what changes by itself is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.replay.recording import RecordedResponse
from gracy_transport.replays.drift import Change, compare

JSON = (("Content-Type", "application/json"),)


def answer(value: Any) -> RecordedResponse:
    return RecordedResponse(200, JSON, json.dumps(value).encode())


def changes(recorded: Any, live: Any) -> list[str]:
    return [str(change) for change in compare(answer(recorded), answer(live))]


def header_changes(recorded: dict[str, str], live: dict[str, str]) -> list[str]:
    answers = [RecordedResponse(200, tuple(headers.items())) for headers in (recorded, live)]
    return [str(change) for change in compare(*answers)]


any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=15,
)


@given(any_json)
def test_an_answer_is_like_itself(value: Any) -> None:
    """Whatever it is."""
    assert changes(value, value) == []


@given(any_json, any_json)
def test_a_change_is_seen_from_both_sides(one: Any, other: Any) -> None:
    """Or from none, but for what is there at times."""
    found = [change for change in compare(answer(one), answer(other)) if change.live != "there at times"]
    back = [change for change in compare(answer(other), answer(one)) if change.live != "there at times"]
    assert {(each.where, each.recorded, each.live) for each in found} == {
        (each.where, each.live, each.recorded) for each in back
    }


@given(st.lists(any_json, min_size=1, max_size=4), st.randoms())
def test_the_order_and_number_of_elements_do_not_matter(elements: list[Any], random: Any) -> None:
    """They have one shape together."""
    others = elements * 2
    random.shuffle(others)
    assert changes(elements, others) == []


@pytest.mark.parametrize(
    ("recorded", "live", "said"),
    [
        ({"id": 1}, {"id": 2}, []),
        ({"id": 1, "price": 10}, {"price": 10.5, "id": 1}, []),
        ({"id": 1}, {"id": "1"}, ["json id: number → text"]),
        ({"id": 1}, {}, ["json id: number → nothing"]),
        ({}, {"id": 1}, ["json id: nothing → number"]),
        ({"id": None}, {"id": 1}, ["json id: null → number"]),
        ({"a": {"b": True}}, {"a": {"b": None}}, ["json a.b: boolean → null"]),
        ({"a": {"b": True}}, {"a": []}, ["json a: object → list"]),
        ([], [1, 2], []),
        ([1], [], []),
        ([1, 2], ["x"], ["json []: number → text"]),
        ([1, None], [1], ["json []: null or number → number"]),
        ({"items": [{"id": 1}]}, {"items": [{"id": 1}, {"id": 2, "new": 1}]}, ["json items[].new: nothing → number"]),
        ([{"id": 1}, {"id": 2}], [{"id": 1}, {}], ["json [].id: always there → there at times"]),
        ([{"id": 1}, {}], [{"id": 1}], []),
        ({"by": {"1": {"n": 1}}}, {"by": {"2": {"n": 1}, "3": {"n": 1}}}, []),
        ({"by": {"1": {"n": 1}}}, {"by": {"2": {"n": "1"}}}, ["json by.*.n: number → text"]),
        ({"by": {"2026-11-22": 1}}, {"by": {}}, []),
        ({"token": "[redacted]"}, {"token": 7}, []),
        ({"token": "[issued-3f9a1c02d4-77e1]"}, {"token": None}, []),
        (1, [1], ["json the body: number → list"]),
    ],
)
def test_the_shape_of_json(recorded: Any, live: Any, said: list[str]) -> None:
    """Types and fields, elements together, null, maps of identifiers; never a value."""
    assert changes(recorded, live) == said


@pytest.mark.parametrize(
    ("recorded", "live", "said"),
    [
        ({"Content-Type": "application/json"}, {"content-type": "Application/JSON"}, []),
        ({"content-type": "a/b; charset=utf-8"}, {"content-type": "a/b;charset=UTF-8"}, []),
        ({"content-type": "multipart/x; boundary=1"}, {"content-type": "multipart/x; boundary=2"}, []),
        ({"content-type": "a/b"}, {"content-type": "a/c"}, ["header content-type: a/b → a/c"]),
        ({"cache-control": "public, max-age=60"}, {"cache-control": "max-age=59, public"}, []),
        ({"cache-control": "public"}, {"cache-control": "no-store"}, ["header cache-control: public → no-store"]),
        ({"link": '</?page=2>; rel="next"'}, {"link": '</?page=9>; rel="next"'}, []),
        ({"link": '</?page=2>; rel="next"'}, {"link": '</>; rel="first next"'}, ["header link: next → first next"]),
        ({}, {"Deprecation": "@1688169599"}, ["header deprecation: nothing → @1688169599"]),
        ({}, {"Sunset": "Sun, 22 Nov 2026 16:30:00 GMT"}, ["header sunset: nothing → Sun, 22 Nov 2026 16:30:00 GMT"]),
        ({"API-Version": "1"}, {"API-Version": "2"}, ["header api-version: 1 → 2"]),
        ({"stripe-version": "a"}, {"stripe-version": "b"}, ["header stripe-version: a → b"]),
        ({"ratelimit-policy": "10;w=1"}, {"ratelimit-policy": "5;w=1"}, ["header ratelimit-policy: 10;w=1 → 5;w=1"]),
        ({"x-ratelimit-limit": "60"}, {"x-ratelimit-limit": "30"}, ["header x-ratelimit-limit: 60 → 30"]),
        ({"x-ratelimit-remaining": "60", "date": "x"}, {"x-ratelimit-remaining": "30", "age": "1"}, []),
        ({"x-request-id": "1", "etag": "a", "x-app-version": "1"}, {"x-request-id": "2", "x-app-version": "2"}, []),
    ],
)
def test_headers(recorded: dict[str, str], live: dict[str, str], said: list[str]) -> None:
    """Those that say something of the API, in their meaning."""
    assert header_changes(recorded, live) == said


@pytest.mark.parametrize(
    ("recorded", "live", "said"),
    [
        (RecordedResponse(200), RecordedResponse(201), [Change("status", "", "200", "201")]),
        (answer({"id": 1}), RecordedResponse(401, (), b"no"), [Change("status", "", "200", "401")]),
        (answer({}), RecordedResponse(200, JSON, b"<html>"), [Change("body", "", "JSON", "something else")]),
        (answer({}), RecordedResponse(200, JSON), [Change("body", "", "JSON", "nothing")]),
        (RecordedResponse(200, (), b"one"), RecordedResponse(200, (), b"two"), []),
        (RecordedResponse(200, JSON, b"[" * 900 + b"]" * 900), RecordedResponse(200, JSON, b"[]"), []),
    ],
)
def test_status_and_body(recorded: RecordedResponse, live: RecordedResponse, said: list[Change]) -> None:
    """An answer of another kind has nothing to compare."""
    assert list(compare(recorded, live)) == said
