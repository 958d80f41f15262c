"""How recordings are kept on a server of Redis: where each belongs, and the scripts that keep that in order.

All keys of a namespace begin with `gracy:{namespace}:recordings`; the braces are the hash tag that keeps them on one
node of a cluster. The key of that name is a hash of all recordings: the name of a field is the place of a recording
(see `Place`), its value the document of the recording, as JSON. `…:KEY` and `…:KEY:CREDENTIAL` are sorted sets of
places, of all answers to a request and of those to one user, by position.

Each script is one step for all others: a batch is written whole or not at all, and a reader finds the old answers or
the new ones. They are sent with each call, since a server forgets scripts when it is restarted. Doing one twice changes
nothing, because a place belongs to one recording alone: so a batch may be sent again when nobody knows whether the
server got it.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from secrets import token_hex
from typing import Final, NamedTuple

from ..replay.recording import Recording
from ..replay.shelf import Sequence

__all__ = ["FIND", "FORGET", "WRITE", "Entry", "Keys", "Place", "since_1970"]

WRITE: Final = """
local documents = KEYS[1]
for i = 1, #ARGV / 4 do
    local of_key, of_sequence = KEYS[2 * i], KEYS[2 * i + 1]
    local is_first, position, place, document = unpack(ARGV, 4 * i - 3, 4 * i)
    if is_first == '1' then
        for _, old in ipairs(redis.call('ZRANGE', of_sequence, 0, -1)) do
            redis.call('HDEL', documents, old)
            redis.call('ZREM', of_key, old)
        end
        redis.call('DEL', of_sequence)
    end
    redis.call('HSET', documents, place, document)
    redis.call('ZADD', of_key, position, place)
    redis.call('ZADD', of_sequence, position, place)
end
"""
"""Stores recordings. Keys: the hash, and for each its two sets. Arguments: for each whether it is the first that
replaces its sequence, its position, its place, its document."""

FIND: Final = """
local documents, index, nth = KEYS[1], KEYS[2], tonumber(ARGV[1])
local since, only_good = tonumber(ARGV[2]), ARGV[3] == '1'
if not since and not only_good then
    local place = redis.call('ZRANGE', index, nth, nth)[1]
    return place and redis.call('HGET', documents, place)
end
local places = redis.call('ZRANGE', index, 0, -1)
local first, last, step = 1, #places, 1
if nth < 0 then
    first, last, step, nth = last, first, -1, 0
end
for i = first, last, step do
    local at, is_good = string.match(places[i], '^(%S+) (%d)')
    if (not since or tonumber(at) >= since) and (is_good == '1' or not only_good) then
        if nth == 0 then
            return redis.call('HGET', documents, places[i])
        end
        nth = nth - 1
    end
end
return false
"""
"""Returns the document at a position of a set, -1 for the last, of those from a time on and of the good ones alone.
Keys: the hash, the set. Arguments: the position; the time in microseconds since 1970 UTC, or nothing; `1` for the good
ones."""

FORGET: Final = """
for i, place in ipairs(ARGV) do
    redis.call('HDEL', KEYS[1], place)
    redis.call('ZREM', KEYS[2 * i], place)
    redis.call('ZREM', KEYS[2 * i + 1], place)
end
"""
"""Deletes recordings. Keys: the hash, and for each its two sets. Arguments: the places."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Place(NamedTuple):
    """Where a recording belongs, and what of it decides whether it is wanted.

    As a text it is its parts with blanks between: places with the same position are in the order of their time.

    Attributes:
        at: when it was recorded, in microseconds since 1970 UTC.
        is_good: whether it is neither an error nor a 4xx or 5xx.
        nonce: what no other has.
        key, credential: whose answer to what it is.
        position: its position in the sequence of those.
    """

    at: int
    is_good: bool
    nonce: str
    key: int
    position: int
    credential: str

    @classmethod
    def new(cls, recording: Recording, sequence: Sequence, position: int) -> Place:
        """Returns the place of a recording that is not stored yet."""
        key, credential = sequence
        return cls(since_1970(recording.recorded_at), recording.is_good, token_hex(6), key, position, credential)

    @classmethod
    def read(cls, text: bytes) -> Place:
        """Returns the place that a text stands for. Raises ValueError for any other text."""
        at, is_good, nonce, key, position, credential = text.decode().split(" ", 5)
        return cls(int(at), is_good == "1", nonce, int(key), int(position), credential)

    @property
    def text(self) -> str:
        """The place as a text."""
        at, is_good, nonce, key, position, credential = self
        return f"{at:016d} {is_good:d} {nonce} {key} {position} {credential}"


class Entry(NamedTuple):
    """A recording as it is written."""

    place: Place
    document: bytes

    @property
    def sequence(self) -> Sequence:
        """The sequence it is one of."""
        return self.place.key, self.place.credential

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return len(self.document)


class Keys:
    """The keys of a namespace.

    Args:
        namespace: what the recordings have in common.

    Raises:
        ValueError: for a namespace without a letter, or with braces.
    """

    def __init__(self, namespace: object) -> None:
        if not isinstance(namespace, str) or not namespace.strip() or set(namespace) & set("{}"):
            raise ValueError(f"the namespace {namespace!r} makes no key: give it a name without braces")
        self.documents = f"gracy:{{{namespace}}}:recordings"

    def of(self, key: int, credential: str | None) -> str:
        """Returns the key of the set of answers to a request; of those to anybody when the credential is `None`."""
        return f"{self.documents}:{key}" if credential is None else f"{self.documents}:{key}:{credential}"

    def of_all(self, places: list[Place]) -> list[str]:
        """Returns the keys that a script needs which changes these: the hash, and for each its two sets."""
        sets = [self.of(place.key, whose) for place in places for whose in (None, place.credential)]
        return [self.documents, *sets]


def since_1970(date: datetime) -> int:
    """Returns a date in microseconds since 1970 UTC, which both sides can compare without rounding."""
    return (date - _EPOCH) // _MICROSECOND
