"""What every configuration value shares: frozen, comparable, printable, strict about unknown names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import Enum
from threading import RLock
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias, TypeVar, Union, get_args

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetCoreSchemaHandler,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic_core.core_schema import (
    CoreSchema,
    is_instance_schema,
    no_info_wrap_validator_function,
    plain_serializer_function_ser_schema,
    wrap_serializer_function_ser_schema,
)

__all__ = ["ABSENT", "OR_ABSENT", "Absent", "FrozenDict", "Regex", "Value", "key_out_of_json", "one_or_many"]

Key = TypeVar("Key")
Item = TypeVar("Item", covariant=True)


class Absent(Enum):
    """The type of `ABSENT`, the mark of a field that was not given and so inherits.

    `None` is a value (it switches a concern off), so absence needs a mark of its own. An enum member
    stays one object through pickle and copy, and type checkers can tell it from every other value.
    """

    ABSENT = "absent"

    def __repr__(self) -> str:
        """Reads as the name a user would write."""
        return "ABSENT"

    def __bool__(self) -> bool:
        """An absent field counts as false, so `if config.retry:` asks what it seems to ask."""
        return False


ABSENT: Final = Absent.ABSENT


class _OrAbsent:
    """Marks a field that may be absent, without a word about that in the errors it gives."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        kinds = tuple(kind for kind in get_args(source) if kind is not Absent)
        schema = handler(Union[kinds])  # noqa: UP007 - made at run time
        written = wrap_serializer_function_ser_schema(_unless_absent, schema=schema)
        return no_info_wrap_validator_function(_unless_absent, schema, serialization=written)


def _unless_absent(value: object, handle: Callable[[object], object]) -> object:
    return value if value is ABSENT else handle(value)


OR_ABSENT: Final = _OrAbsent()
"""For `Annotated[X | None | Absent, OR_ABSENT]`: a wrong value is told what `X` takes, and nothing of absence."""


_ONE_BUILDS: Final = RLock()
"""Taken again by its holder, since the validator of a class is made of those of its fields."""


class Value(BaseModel, frozen=True):
    """The base of all configuration: a frozen pydantic model that forbids unknown fields.

    A subclass says `frozen=True` again, because that is what type checkers go by.

    Raises:
        pydantic.ValidationError: at construction, naming the field, when a value is wrong.
    """

    # Most programs use a few of these classes: the validator of each is built for its first value.
    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, defer_build=True)

    @classmethod
    def model_rebuild(cls, **options: Any) -> bool | None:
        """Builds the validator, one class at a time: older versions of pydantic mix up what two threads build."""
        with _ONE_BUILDS:
            return super().model_rebuild(**options)

    @model_serializer(mode="wrap")
    def _write_given(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leaves out what is absent, so that what is written is read as the same."""
        return {name: value for name, value in write(self).items() if getattr(self, name) is not ABSENT}

    if TYPE_CHECKING:
        # A subclass that writes its own constructor, for positional arguments, calls this one by field names.
        def __init__(self, /, **data: Any) -> None: ...


class FrozenDict(Mapping[Key, Item]):
    """A mapping that cannot be changed, so that a frozen value can hold one and still be hashed."""

    __slots__ = ("_items",)

    def __init__(self, items: Mapping[Key, Item]) -> None:
        self._items = dict(items)

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Lets a model hold one, and write it as a dictionary."""
        return is_instance_schema(cls, serialization=plain_serializer_function_ser_schema(dict))

    def __getitem__(self, key: Key) -> Item:
        """Returns the item of a key."""
        return self._items[key]

    def __iter__(self) -> Iterator[Key]:
        """Yields the keys in the order they were given."""
        return iter(self._items)

    def __len__(self) -> int:
        """Counts the items."""
        return len(self._items)

    def __hash__(self) -> int:
        """Equal mappings have equal hashes, whatever the order of their keys."""
        return hash(frozenset(self._items.items()))

    def __repr__(self) -> str:
        """Reads as the dictionary it was made from."""
        return repr(self._items)


_FLAGS: Final = {"a": re.ASCII, "i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


def _with_flags(pattern: re.Pattern[str]) -> str:
    """Returns a pattern as a text that says its flags, too: JSON has no other place for them."""
    letters = "".join([letter for letter, flag in _FLAGS.items() if pattern.flags & flag])
    said = f"(?{letters})" if letters else ""
    return pattern.pattern if pattern.pattern.startswith(said) else said + pattern.pattern


Regex: TypeAlias = Annotated[re.Pattern[str], PlainSerializer(_with_flags, when_used="json")]
"""The type of a config field that takes a regular expression, as text or compiled."""


def key_out_of_json(key: object) -> object:
    """Returns a key of a mapping by numbers as it was before JSON, in which all keys are text."""
    return int(key) if isinstance(key, str) and key.isdecimal() else key


def one_or_many(*, into: Callable[[Iterable[Any]], Any]) -> BeforeValidator:
    """Returns a validator that lets a field take one value or any collection of values.

    `into` (tuple or frozenset) is how the field stores them. A string, a mapping and a class count as one
    value.
    """

    def collect(value: Any) -> Any:
        if value is None or isinstance(value, Absent):
            return value
        try:
            return into(value if _is_many(value) else (value,))
        except TypeError as error:  # pydantic takes only a ValueError as "this value is wrong"
            raise ValueError(f"{error} in {value!r}") from error

    return BeforeValidator(collect)


def _is_many(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | type | BaseModel)
