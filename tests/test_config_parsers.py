"""The field `parser` of a config: which statuses and which parsers it takes, said at construction."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Literal, NewType, Optional, Union

import pytest
from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from typing_extensions import TypeAliasType, TypedDict

from gracy_transport import GracyConfig, call_options, graceful


class Model(BaseModel):
    """A model."""


class Known(TypedDict):
    """A dictionary with known keys."""

    name: str


@dataclass
class Data:
    """A dataclass."""

    name: str


Entries = TypeAliasType("Entries", list[Model])


class Caller:
    """An object that can be called."""

    def __call__(self, response: Any) -> Any:
        return response.text


def read(response: Any, how: str = "text") -> Any:
    return getattr(response, how)


async def read_soon(response: Any) -> Any:
    return response.text


@pytest.mark.parametrize(
    "parser",
    [
        None,
        read,
        read_soon,
        lambda response: response.json(),
        partial(read, how="content"),
        Caller(),
        Caller().__call__,
        str.upper,
        len,
        Model,
        Data,
        Known,
        dict,
        list[Model],
        dict[str, int],
        Model | None,
        list[Model] | Data,
        Optional[Model],  # noqa: UP045 - the other spelling
        Union[Model, Data],  # noqa: UP007 - the other spelling
        Annotated[Model, Field(strict=True)],
        Literal["a", "b"],
        NewType("Entry", dict[str, Any]),
        Entries,
        Callable[[int], str],
        Any,
        LookupError,
    ],
)
def test_what_can_parse_is_taken(parser: Any) -> None:
    """Callables, types in any spelling, `None`, and exception classes; kept as they are."""
    config = GracyConfig(parser={"default": parser, 404: parser})
    assert config.value_of("parser") == {"default": parser, 404: parser}


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the statement is new in Python 3.12")
def test_a_type_statement_is_taken() -> None:
    """It makes an object that is neither a class nor callable."""
    names: dict[str, Any] = {}
    exec("type Names = list[str]", names)
    parser = {"default": names["Names"]}
    assert GracyConfig(parser=parser).value_of("parser") == parser


@pytest.mark.parametrize(
    "parser", [5, "json", b"json", 1.5, True, [Model], (Model,), {"name": Model}, ValueError("an instance"), Model()]
)
@pytest.mark.parametrize("key", ["default", 404])
def test_what_cannot_parse_is_refused_at_construction(key: Any, parser: Any) -> None:
    """Not at the first response; the field, the entry and the value are named."""
    with pytest.raises(ValidationError) as caught:
        GracyConfig(parser={key: parser})
    (error,) = caught.value.errors()
    assert error["loc"] == ("parser",)
    assert error["msg"] == (
        f"Value error, {parser!r} for {key!r} cannot parse a response: give a callable that takes the response, a type "
        "(a model, list[Model], Model | None), None, or an exception class"
    )


def test_an_adapter_is_refused_with_the_same_words() -> None:
    """It would have to be told apart from a type; its method does the same."""
    with pytest.raises(ValidationError, match="cannot parse a response"):
        GracyConfig(parser={"default": TypeAdapter(int)})


def test_every_way_to_a_config_refuses_it() -> None:
    """Decorators and the options of a single call go the same way."""
    with pytest.raises(ValidationError, match="cannot parse a response"):
        graceful(parser={"default": 5})
    with pytest.raises(ValidationError, match="cannot parse a response"):
        call_options(parser={"default": 5})


@pytest.mark.parametrize("status", [100, 404, HTTPStatus.NOT_FOUND, 420, 499, 520, 599])
def test_any_status_code_may_have_a_parser(status: int) -> None:
    """As any may be allowed, whether it has a name or not."""
    parsers = GracyConfig(allowed_status_code=status, parser={status: None}).value_of("parser")
    assert parsers == {int(status): None}
    assert {type(key) for key in parsers} == {int}


@pytest.mark.parametrize("key", [99, 600, 0, -1, True, 404.0, "99", "4O4", "Default", None, (404,), b"default"])
def test_what_is_no_status_code_is_refused(key: Any) -> None:
    """With the range that there is."""
    with pytest.raises(ValidationError) as caught:
        GracyConfig(parser={key: None})
    (error,) = caught.value.errors()
    assert error["loc"] == ("parser",)
    assert error["msg"] == f'Value error, {key!r} is neither "default" nor a status code (100-599)'
