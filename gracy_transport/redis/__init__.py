"""What processes share on a Redis or Valkey server: limits, and recordings. Needs `gracy-transport[redis]`.

`RedisLimits` lets limits hold over many processes. `RedisReplayStorage` keeps recordings for them: `replay` is the
storage, `places` says how recordings are kept, `connecting` how a server is reached from a thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .gate import Away
    from .limits import RedisLimits
    from .replay import RedisReplayStorage

__all__ = ["Away", "RedisLimits", "RedisReplayStorage"]

if not TYPE_CHECKING:
    from ..late import loaded_late

    __getattr__, __dir__ = loaded_late(
        __name__, {"Away": ".gate", "RedisLimits": ".limits", "RedisReplayStorage": ".replay"}
    )
