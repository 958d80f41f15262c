"""Pickles read as data: what they describe comes out, and nothing they want done is done."""

from __future__ import annotations

import io
import pickle
import sys
from contextlib import suppress
from datetime import timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gracy_transport.conversion import pickled
from gracy_transport.conversion.pickled import Refused, Thing, unpickled
from tests.conversion.support import answered


class Evil:
    """An object that runs a command when it is unpickled."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.function, self.args = function, args

    def __reduce__(self) -> tuple[Any, ...]:
        return self.function, self.args


class WithState:
    """An object that would set attributes of its own choice."""

    def __init__(self, state: object) -> None:
        self.state = state

    def __reduce__(self) -> tuple[Any, ...]:
        return httpx.Headers, (), self.state


def test_plain_values_come_out_as_they_are() -> None:
    """All that stands in the attributes of a response."""
    value: dict[str, Any] = {"a": [1, 300, 70_000, -1, 2**40], "b": (b"x", "é", "\U0001f600" * 300, b"y" * 300)}
    value |= {"d": None, "e": True, "f": False, "g": 0.5, "h": {}, "i": [], "j": {"k": 1}, "l": [0]}
    value |= {"c": [(), (1,), (1, 2)], "many": list(range(2_000)), "four": (1, 2, 3, 4)}
    assert unpickled(pickle.dumps(value)) == value


def test_an_object_is_no_more_than_its_name_and_its_data() -> None:
    """No class is looked up, so none has to be installed."""
    headers = unpickled(pickle.dumps(httpx.Headers({"a": "b"})))
    assert isinstance(headers, Thing)
    assert (headers.name, headers.args) == ("Headers", ())
    assert headers.state == {"_list": [(b"a", b"a", b"b")], "_encoding": None}
    assert unpickled(pickle.dumps(timedelta(seconds=1))).args == (0, 1, 0)
    assert unpickled(pickle.dumps(HTTPStatus.OK)).args == (200,)


def test_what_is_said_twice_is_the_same_object() -> None:
    """As a response and its history share their request."""
    shared = ["x"]
    first, second = unpickled(pickle.dumps([shared, shared]))
    assert first is second


@pytest.mark.parametrize("protocol", [4, 5])
def test_responses_of_both_protocols_are_read(protocol: int) -> None:
    """Python wrote the one up to 3.13 and writes the other since."""
    response = unpickled(pickle.dumps(answered(httpx.Response(200, json={"a": 1})), protocol))
    assert response.name == "Response"
    assert response.state["_content"] == b'{"a":1}'


HEADERS = b"\x8c\x05httpx\x8c\x07Headers\x93"
"""The operations that name the class of headers."""
MARKER = "import pathlib; pathlib.Path({!r}).touch()"

ATTACKS: dict[str, tuple[Any, str]] = {
    "reduce to exec": (lambda code: pickle.dumps(Evil(exec, code)), "it names builtins.exec"),
    "reduce to a subprocess": (lambda _: pickle.dumps(Evil(sys.exit, 3)), "it names sys.exit"),
    "inside a response": (
        lambda code: pickle.dumps([httpx.Headers(), {"x": (Evil(exec, code),)}]),
        "it names builtins.exec",
    ),
    "getattr to the builtins": (lambda _: pickle.dumps(Evil(getattr, httpx.Headers, "__init__")), "builtins.getattr"),
    "a dotted name": (lambda _: _global("httpx", "Response.__init__.__globals__"), "httpx.Response.__init__"),
    "a module of an allowed package": (lambda _: _global("httpx._main", "main"), "it names httpx._main.main"),
    "GLOBAL": (lambda code: b"cbuiltins\nexec\n(V" + code.encode() + b"\ntR.", "uses GLOBAL"),
    "INST": (lambda code: b"(V" + code.encode() + b"\nibuiltins\nexec\n.", "uses UNICODE"),
    "INST alone": (lambda _: b"(iposix\nabort\n.", "uses INST"),
    "OBJ": (lambda _: b"\x80\x04(\x8c\x02os\x8c\x05abort\x93o.", "it names os.abort"),
    "NEWOBJ_EX": (lambda _: b"\x80\x04\x8c\x05httpx\x8c\x08Response\x93)}\x92.", "uses NEWOBJ_EX"),
    "EXT1": (lambda _: b"\x80\x04\x82\x01.", "uses EXT1"),
    "PERSID": (lambda _: b"Pexec\n.", "uses PERSID"),
    "BINPERSID": (lambda _: b"\x80\x04\x8c\x04exec\x51.", "uses BINPERSID"),
    "NEXT_BUFFER": (lambda _: b"\x80\x05\x97.", "uses NEXT_BUFFER"),
    "protocol 0": (lambda _: pickle.dumps(httpx.Headers(), 0), "uses"),
    "calling a class with a class": (lambda _: b"\x80\x04\x8c\x05httpx\x8c\x03URL\x93\x8c\x05httpx\x93R.", "it has"),
    "a state that is no dict": (lambda _: pickle.dumps(WithState((None, {"__class__": "x"}))), "it has tuple where"),
    "attributes of a list": (lambda _: b"\x80\x04]}b.", "it has list where a recording has Thing"),
    "a key that is no text": (lambda _: pickle.dumps({1: 2}), "it has int where a recording has str"),
    "attributes twice": (
        lambda _: pickle.dumps(httpx.Headers())[:-1] + b"}\x8c\x01a\x8c\x01bsb.",
        "its pickle is broken: an object gets its attributes twice",
    ),
    "a set": (lambda _: pickle.dumps({1}), "uses EMPTY_SET"),
}
"""Pickles by what they try, and what is said of them."""


def _global(module: str, name: str) -> bytes:
    return b"\x80\x04" + b"".join(b"\x8c" + bytes([len(text)]) + text.encode() for text in (module, name)) + b"\x93."


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_no_recording_does_is_refused_and_not_done(attack: str, tmp_path: Path) -> None:
    """With the name of what it tried."""
    make, said = ATTACKS[attack]
    marker = tmp_path / "it-ran"
    with pytest.raises(Refused) as refused:
        unpickled(make(MARKER.format(str(marker))))
    assert said in str(refused.value)
    assert not marker.exists()


def test_the_attacks_are_real(tmp_path: Path) -> None:
    """Python's own way of reading them would run them."""
    marker = tmp_path / "it-ran"
    pickle.load(io.BytesIO(ATTACKS["inside a response"][0](MARKER.format(str(marker)))))
    assert marker.exists()


def test_no_method_of_a_class_is_called_with_what_a_pickle_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not even `__setstate__`: the attributes are data under their names."""

    def called(*_: object) -> None:
        raise AssertionError("called")

    monkeypatch.setattr(httpx.Headers, "__setstate__", called, raising=False)
    thing = unpickled(pickle.dumps(WithState({"__class__": "x", "__setstate__": "y"})))
    assert type(thing) is Thing
    assert thing.state == {"__class__": "x", "__setstate__": "y"}


BOMBS: dict[str, tuple[bytes, str]] = {
    "bytes that are not there": (
        b"\x80\x04\x8e\x00\x00\x00\x00\x00\x00\x00\x40.",
        "expected 4611686018427387904 bytes",
    ),
    "text that is not there": (b"\x80\x04\x8d\x00\x00\x00\x00\x00\x00\x00\x40.", "expected 4611686018427387904 bytes"),
    "a frame that is not there": (b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fN", "exhausted before seeing STOP"),
    "a number of many digits": (b"I" + b"9" * 10_000 + b"\n.", "Exceeds the limit"),
    "no end": (b"\x80\x04N", "exhausted before seeing STOP"),
    "nothing": (b"", "exhausted before seeing STOP"),
    "no pickle": (b"SQLite format 3", "no newline found"),
    "a memo that is not there": (b"\x80\x04h\x07.", "it refers to what is not there$"),
    "no mark": (b"\x80\x04t.", "it has no mark$"),
    "a mark taken for a value": (b"\x80\x04((\x85.", "it takes more than it has$"),
    "nothing to take": (b"\x80\x04\x85.", "it takes more than it has$"),
    "a name without a value": (b"\x80\x04}(\x8c\x01au.", "a name has no value$"),
    "nothing to remember": (b"\x80\x04\x94N.", "it takes more than it has$"),
    "a mark to remember": (b"\x80\x04(\x94N.", "it takes more than it has$"),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_what_is_broken_is_refused(bomb: str) -> None:
    """Without taking the memory it asks for, and with what is wrong with it."""
    bytes_, said = BOMBS[bomb]
    with pytest.raises(Refused, match=f"^its pickle is broken: .*{said}"):
        unpickled(bytes_)


def test_a_memo_far_away_takes_no_room() -> None:
    """The pickle module of C would make a table of that length."""
    assert unpickled(b"\x80\x04Nr\xff\xff\xff\x7f.") is None


def test_a_pickle_of_too_many_steps_is_refused() -> None:
    """Each step takes time and perhaps memory, so their number bounds both."""
    others = len(["PROTO", "STOP"])
    assert unpickled(b"\x80\x04" + b"]" * (pickled.MOST_STEPS - others) + b".") == []
    with pytest.raises(Refused, match="more than 200,000 steps"):
        unpickled(b"\x80\x04" + b"]" * (pickled.MOST_STEPS - others + 1) + b".")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (b"\x8c\x05httpxK\x05\x93", "it has int where a recording has str"),
        (b"K\x05\x8c\x03URL\x93", "it has int where a recording has str"),
        (HEADERS + b"]R", "it has list where a recording has tuple"),
        (b"\x8c\x07Headers)R", "it has str where a recording has Thing"),
        (b"]\x8c\x01a\x8c\x01bs", "it has list where a recording has dict"),
        (b"}\x8c\x01aa", "it has dict where a recording has list"),
        (HEADERS + b")R]b", "it has list where a recording has dict"),
        (HEADERS + b")R}\x8c\x01a\x8c\x01bsb}b", "its pickle is broken: an object gets its attributes twice"),
    ],
)
def test_each_operation_takes_what_it_is_meant_for(wrong: bytes, said: str) -> None:
    """A class is named by text, made with a tuple and given attributes once; anything else is said to be what it is."""
    with pytest.raises(Refused, match=f"^{said}$"):
        unpickled(b"\x80\x04" + wrong + b".")


def test_what_is_said_of_a_pickle_is_short() -> None:
    """Whatever it is full of, a line that tells of it can be read."""
    with pytest.raises(Refused, match=f"^it names {'m' * 80}.{'n' * 80}, which no recording does$"):
        unpickled(_global("m" * 200, "n" * 200))
    with pytest.raises(Refused) as refused:
        unpickled(b"F" + b"x" * 1_000 + b"\n.")
    assert str(refused.value).startswith("its pickle is broken: could not convert string to float")
    assert len(str(refused.value)) == len("its pickle is broken: ") + 200


RESPONSE = pickle.dumps(answered(httpx.Response(200, json={"a": 1})))


@pytest.mark.filterwarnings("ignore:invalid escape sequence")
@given(st.binary(max_size=60), st.integers(0, len(RESPONSE)), st.integers(0, 10))
def test_any_bytes_are_read_or_refused(noise: bytes, place: int, length: int) -> None:
    """Alone, or in the middle of what a recording holds; there is no third way."""
    for pickled_bytes in (noise, RESPONSE[:place] + noise + RESPONSE[place + length :]):
        with suppress(Refused):
            unpickled(pickled_bytes)
