"""Recordings that other tools wrote, and that they read: HAR files, and the cassettes of vcrpy.

```python
storage = MemoryReplayStorage(read_har("session.har"))  # saved by the network tab of a browser, or by Playwright
storage = MemoryReplayStorage(read_cassette("tests/cassettes/test_items.yaml"))
write_har("session.har", JSONLinesReplayStorage("tests/recordings").recordings())
```

What comes in from elsewhere is redacted like what is recorded live: tokens, keys, cookies and userinfo stay behind, and
users are told apart as `credential-1`, `credential-2`. A HAR that was written here comes back as it was. What a browser
accepts, a program need not ask for. `rematched` makes recordings that are looked up by other parts of a request, as a
`match_on` of vcrpy says.

`python -m gracy_transport convert-recordings` does the same with files.
"""

from __future__ import annotations

from .cassettes import read_cassette
from .har import read_har, write_har
from .rematching import rematched

__all__ = ["read_cassette", "read_har", "rematched", "write_har"]
