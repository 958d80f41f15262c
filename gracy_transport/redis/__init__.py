"""What processes share on a Redis or Valkey server: limits, and recordings. Needs `gracy-transport[redis]`.

`RedisLimits` lets limits hold over many processes, `RedisReplayStorage` keeps recordings for them. `urls` says for both
what a URL means.

The limits, from the user down to the server: `limits` is what a config is given. `gate` is what its gates have in
common, `permits` is that of a rate rule, `slots` that of a concurrency limit, `gates` keeps those of a process; `names`
says what a limit is called everywhere. `engine` carries out what gates ask for, in the one `thread` of a process, over
a `link`; `patience` is how long it waits for an answer, `hearing` what other processes say. `scripts` are the decisions
of the server. `stock`, `pace` and `timing` are the arithmetic: what is lent here, how fast it is used, what the
server's clock says.

The recordings: `replay` is the storage, `places` says how recordings are kept, `connecting` how a server is reached
from any thread.
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
