"""Recording and replaying: exchanges are remembered once and answered from memory afterwards.

The way of a request, and what each file is about:

    config      what a user says of it, as a value: GracyReplay
    transport   the layer: answers from the storage, or sends and records
    state       what is known while it runs: counts, sequences, the storage
    sequence    which of the answers to a request comes next
    run         what one storage object recorded since it was made: what replaces what
    lookup      what is replayed: the next answer, the last again, or none
    recorder    sends a request and records what comes of it
    tee         copies a body while it passes
    apart       does in a thread what takes long
    exchange    between live requests and answers and recordings
    cookies     lets a replayed cookie last as long as it did
    headers     headers as pairs of text, and back
    failures    errors in recordings: which, and how they are raised again
    pieces      in which pieces a body came, and comes again

    asked       a request as it is looked up: its key, its credential, without secrets
    key         the number under which a request is remembered: method, URL, body and telling headers in one form
    matching    by which other parts it may be looked up
    content     what is in a body: JSON, a form, a multipart upload, bytes; `coding` takes gzip and its like off,
                `charsets` reads text
    nearest     in what a request differs from what is recorded

    rules       what counts as a secret by its name; `looks` tells what was drawn at random
    secrets     the secrets of one exchange
    redacting   headers and bodies without secrets; `fields` does JSON, `xml` XML, `yaml` YAML, `texts` any text, and
                `shapes` knows what issuers gave a shape
    placeholders what stands in place of a secret, and what it tells
    credentials whose a request is, and the name of that user

    recording   one exchange as a value; `document` is its JSON, `spans` finds values in that as they are written
    storage     what a storage is: the small interface of anybody's, the rich one of ours
    adapter     the small one seen as the rich one; `grouping` batches what it records
    memory      a storage in memory; `shelf` is its index, and that of lines
    sqlite      a storage in SQLite: `schema` its table, `opening` the file, `ahead` reads it, `writer` writes it
    lines       a storage in lines of JSON: `jsonl` is a file of them, `books` all files of a process, `unchanged`
                says which lines stay, `locking` keeps other processes out
    batches     what waits to be written, for `writer` and for the storage in `gracy_transport.redis`
    processes   what each process has of a storage of its own
    background  writes now and then, for `batches` and `books`
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .config import GracyReplay, ReplayLogEvent
    from .recording import RecordedError, RecordedRequest, RecordedResponse, Recording
    from .state import ReplayState
    from .storage import GracyReplayStorage, RecordingStorage
    from .transport import ReplayTransport

__all__ = [
    "GracyReplay",
    "GracyReplayStorage",
    "RecordedError",
    "RecordedRequest",
    "RecordedResponse",
    "Recording",
    "RecordingStorage",
    "ReplayLogEvent",
    "ReplayState",
    "ReplayTransport",
]

if not TYPE_CHECKING:
    from ..late import loaded_late

    __getattr__, __dir__ = loaded_late(
        __name__,
        {
            "GracyReplay": ".config",
            "GracyReplayStorage": ".storage",
            "RecordedError": ".recording",
            "RecordedRequest": ".recording",
            "RecordedResponse": ".recording",
            "Recording": ".recording",
            "RecordingStorage": ".storage",
            "ReplayLogEvent": ".config",
            "ReplayState": ".state",
            "ReplayTransport": ".transport",
        },
    )
