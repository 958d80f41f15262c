"""What recordings are looked up by, changed after they were made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import httpx

from ..replay.headers import raw_of
from ..replay.matching import DEFAULT_PARTS, Parts, as_match_on, match_of, text_of_match
from ..replay.recording import RecordedRequest, Recording

__all__ = ["rematched"]


def rematched(
    recordings: Iterable[Recording], match_on: str | Iterable[str] | Callable[[Any], object] = DEFAULT_PARTS
) -> Iterator[Recording]:
    """Returns recordings as they would have been made with another `match_on`: a replay finds them by the same.

    ```python
    parts = ("method", "path", "query")  # as vcrpy was told
    storage = MemoryReplayStorage(rematched(read_cassette("tests/cassettes/test_items.yaml"), parts))
    replay = GracyReplay("replay", storage, match_on=parts)
    ```

    Args:
        recordings: any, also those of a storage of ours: `storage.recordings()`.
        match_on: parts, or a function of the request, as for `GracyReplay`; what it takes by default unless given. A
            header that was not recorded (User-Agent, Host, an idempotency key) matches none.

    Raises:
        ValueError: at once, naming a part that is none.
    """
    by = cast("Parts | Callable[[Any], object]", as_match_on(match_on))
    return (each._replace(request=each.request._replace(match=_match(each.request, by))) for each in recordings)


def _match(request: RecordedRequest, match_on: Parts | Callable[[Any], object]) -> str:
    if not callable(match_on):
        return "" if match_on == DEFAULT_PARTS else match_of(match_on, request)
    headers = raw_of(request.headers)
    return text_of_match(match_on(httpx.Request(request.method, request.url, headers=headers, content=request.body)))
