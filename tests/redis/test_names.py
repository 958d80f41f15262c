"""The names of limits: the same in every process, and different for different limits."""

from __future__ import annotations

import subprocess
import sys
from datetime import date
from decimal import Decimal
from enum import Enum
from uuid import UUID

import pytest

from gracy_transport.redis.names import name_of

SHOWN = "from gracy_transport.redis.names import name_of; print(name_of(('permits', 'a', frozenset('xyz'), (1, None))))"


class Tenant(Enum):
    """A key as users have them."""

    A = 1


def test_every_process_gives_the_same_name() -> None:
    """Whatever the seed of its hashes is."""
    named = {
        subprocess.check_output(
            [sys.executable, "-c", SHOWN], env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
        )
        for seed in ("1", "2", "3")
    }
    assert named == {name_of(("permits", "a", frozenset("xyz"), (1, None))).encode() + b"\n"}


def test_other_limits_have_other_names() -> None:
    """Text is not what it says, nor a tuple its parts."""
    parts = [1, "1", 1.5, True, None, b"1", ("1", "1"), ("1,1",), Tenant.A, date(2026, 1, 1), Decimal(1), UUID(int=1)]
    assert len({name_of(("permits", part)) for part in parts}) == len(parts)


def test_no_key_stands_in_a_name_in_clear() -> None:
    """It may be an API key."""
    assert "secret" not in name_of(("permits", "secret"))


def test_a_key_that_others_may_write_differently_is_refused() -> None:
    """The error says what to return instead."""
    with pytest.raises(TypeError, match=r"type object, which other processes .* let `key` return text"):
        name_of(("permits", object()))
