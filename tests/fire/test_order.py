"""Order conformance: every legal subset of layers, over scripted outcomes, counted to the last send and log line.

What is expected is worked out from `OUTCOMES` and the few rules of `expected`, which know nothing of the stack.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from itertools import combinations, permutations
from types import ModuleType
from typing import Any, NamedTuple

import pytest

from gracy_transport import (
    ConcurrencyLimitTransport,
    ConcurrentRequestLimit,
    GracefulRetry,
    GracefulValidator,
    GracyConfig,
    GracyReplay,
    GracyTransport,
    LogEvent,
    LoggingTransport,
    LogLevel,
    MetricsTransport,
    ReplayLogEvent,
    ReplayTransport,
    RetryTransport,
    ThrottleRule,
    ThrottleTransport,
    ValidationTransport,
    attach,
)
from gracy_transport.call import EXTENSION, CallOptions
from gracy_transport.events import RequestDispatched
from gracy_transport.exceptions import CompositionError, GracyVeto
from gracy_transport.replay.recording import Recording
from gracy_transport.replay.storage import ANY, RecordingStorage, Wanted
from gracy_transport.testing import FakeClock, ScriptedWire

URL = "https://api.test/pokemon"

# ---------------------------------------------------------------- what may be there, and what may happen

PARTS = ("logging", "retry", "validation", "hooks", "replay above", "throttle", "concurrency", "replay below")
"""In the order of the stack, outermost first; the replay layer has two places and stands in one of them."""


def legal_subsets() -> Iterator[frozenset[str]]:
    """Yields every set of parts that a stack can have."""
    for size in range(len(PARTS) + 1):
        for parts in combinations(PARTS, size):
            if not {"replay above", "replay below"} <= set(parts):
                yield frozenset(parts)


class Outcome(NamedTuple):
    """One row of the table: what the wire answers, and who finds fault with it.

    `retry_fails` and `validation_fails`: which attempts fail in the eyes of a retry layer alone, and of a validation
    layer. A layer that is not there finds no fault.
    """

    wire: tuple[Any, ...]
    retry_fails: tuple[bool, bool]
    validation_fails: tuple[bool, bool]
    source: str = "wire"  # or "recording", "nothing recorded", "veto"


OUTCOMES = {
    # what happens             the wire answers             retry fails     validation fails
    "200": Outcome((200, 200), (False, False), (False, False)),
    "503, then 200": Outcome((503, 200), (True, False), (True, False)),
    "503, and again": Outcome((503, 503), (True, True), (True, True)),
    "timeout": Outcome(("ReadTimeout", "ReadTimeout"), (True, True), (False, False)),
    "timeout, then 200": Outcome(("ReadTimeout", 200), (True, False), (False, False)),
    "allowed 404": Outcome((404, 404), (True, True), (False, False)),
    "validator rejects": Outcome((202, 202), (False, False), (True, True)),
    "rejected, then 200": Outcome((202, 200), (False, False), (True, False)),
    "replayed": Outcome((200, 200), (False, False), (False, False), "recording"),
    "replayed 503": Outcome((503, 503), (True, True), (True, True), "recording"),
    "refused by the recordings": Outcome((), (False, False), (False, False), "nothing recorded"),
    "refused by a hook": Outcome((), (False, False), (False, False), "veto"),
}
NEEDS = {"recording": {"replay above", "replay below"}, "nothing recorded": {"replay above", "replay below"}}
NEEDS["veto"] = {"hooks"}
ERRORS: dict[Any, str] = {503: "NonOkResponse", 202: "Unloved"}
LINES = ("request", "response", "errors", "before", "after", "exhausted", "recorded", "replayed")


class Seen(NamedTuple):
    """Everything that is counted of one call."""

    result: str  # the status code that came out, or the class of the error
    sends: int
    dispatches: int  # RequestDispatched events: how many times the gates let it through
    permits: int  # units of the rate rule that are used up afterwards
    slots_at_wire: tuple[int, ...]  # slots held at each send
    slots_with_body: int  # slots held when the headers were there and the body was not read yet
    slots_after: int
    before: int  # hooks that ran before an attempt
    after: tuple[str, ...]  # what those after it were given
    lines: tuple[int, ...]  # as in LINES
    metrics: tuple[int, ...]  # calls, attempts, successes, failures, retries, replays, aborts, refused


# ---------------------------------------------------------------- the rules


def expected(parts: frozenset[str], name: str) -> Seen:
    """Works out the counts from the table, without the stack."""
    outcome = OUTCOMES[name]
    has_retry, has_validation = "retry" in parts, "validation" in parts
    has_recordings = bool(parts & {"replay above", "replay below"})
    is_refused = outcome.source in {"nothing recorded", "veto"}

    # A retry layer repeats once what it, or a validation layer below it, finds at fault; a refusal never.
    faults = [
        mine or (has_validation and theirs)
        for mine, theirs in zip(outcome.retry_fails, outcome.validation_fails, strict=True)
    ]
    attempts = 2 if has_retry and faults[0] else 1
    last = None if is_refused else outcome.wire[attempts - 1]
    is_rejected = has_validation and outcome.validation_fails[attempts - 1]
    # An error is recorded as an answer is: who replays the recording wants to see what was seen.
    outcomes = 0 if is_refused else attempts

    # Only what no recording answers and nobody refuses reaches the wire; only what gets there was let through.
    sends = attempts if outcome.source == "wire" else 0
    is_answered_above = "replay above" in parts and outcome.source != "wire"
    passes = 0 if outcome.source == "veto" or is_answered_above else attempts
    has_gates = bool(parts & {"throttle", "concurrency"})
    has_slots = "concurrency" in parts
    # Validators get a body that is read, and a recorder reads that of an error at once; below the gates the slot
    # stays with the caller all the same.
    is_read = has_validation or ("replay above" in parts and last not in {200, 202})
    is_open = sends > 0 and isinstance(last, int) and not is_read

    if is_refused:
        result = "GracyVeto" if outcome.source == "veto" else "GracyReplayRequestNotFound"
    else:
        result = ERRORS[last] if is_rejected else str(last)
    is_error = not result.isdecimal()
    return Seen(
        result=result,
        sends=sends,
        # The gates of pauses, which come with hooks and retries, tell of what passes as well.
        dispatches=passes if has_gates or parts & {"hooks", "retry"} else 0,
        permits=passes if "throttle" in parts else 0,
        slots_at_wire=(int(has_slots),) * sends,
        slots_with_body=int(has_slots and is_open),
        slots_after=0,
        before=attempts if "hooks" in parts else 0,
        # Below validation: they are given what came, not what was made of it.
        after=tuple([result] if is_refused else map(str, outcome.wire[:attempts]))
        if "hooks" in parts and outcome.source != "veto"
        else (),
        lines=(
            *(("logging" in parts) * line for line in (1, isinstance(last, int), is_error)),
            # Retry says that it will, that it did, and that it will not again.
            *(has_retry * line for line in (attempts - 1, attempts - 1, not is_refused and faults[attempts - 1])),
            outcomes if has_recordings and outcome.source == "wire" else 0,
            outcomes if has_recordings and outcome.source == "recording" else 0,
        ),
        metrics=metrics_of(parts, outcome, attempts, is_error=is_error, is_refused=is_refused),
    )


def metrics_of(
    parts: frozenset[str], outcome: Outcome, attempts: int, *, is_error: bool, is_refused: bool
) -> tuple[int, ...]:
    """Works out the row of the report: a refusal is no attempt, and an allowed status is a success."""
    if is_refused:
        return (1, 0, 0, 0, 0, 0, 0, 1)
    last = outcome.wire[attempts - 1]
    allowed = {200, 202, *({404} if "validation" in parts else ())}
    successes = int(not is_error and last in allowed)
    replays = attempts if outcome.source == "recording" else 0
    aborts = sum(not isinstance(answer, int) for answer in outcome.wire[:attempts])
    return (1, attempts, successes, attempts - successes, attempts - 1, replays, aborts, 0)


# ---------------------------------------------------------------- the stack, and what is seen of it


class Unloved(Exception):
    """What the validator raises."""


class Love(GracefulValidator):
    """Turns down a 202."""

    def check(self, response: Any) -> None:
        if response.status_code == 202:
            raise Unloved


class Memory(RecordingStorage):
    """Keeps recordings in a dictionary."""

    def __init__(self) -> None:
        self.kept: dict[str, list[Recording]] = {}

    async def save(self, asked: Any, recording: Recording, position: int, *, is_first: bool) -> None:
        del self.kept.setdefault(asked.key, [])[position:]
        self.kept[asked.key].append(recording)

    async def find(self, asked: Any, position: int, wanted: Wanted = ANY) -> Recording | None:
        kept = self.kept.get(asked.key, [])
        return kept[position] if -1 <= position < len(kept) else None

    def recordings(self) -> Iterator[Recording]:
        for kept in self.kept.values():
            yield from kept

    async def let_go(self) -> None:
        """Keeps everything."""


class Counting:
    """Hooks that count, note what they are given, and veto when told to."""

    def __init__(self, *, is_vetoing: bool) -> None:
        self.before_count = 0
        self.given: list[str] = []
        self.is_vetoing = is_vetoing

    async def before(self, request: Any, call: Any) -> None:
        self.before_count += 1
        if self.is_vetoing:
            raise GracyVeto("no")

    async def after(self, request: Any, call: Any, result: Any) -> None:
        self.given.append(kind_of(result) if isinstance(result, Exception) else str(result.status_code))


def kind_of(error: Exception) -> str:
    """Returns the public name of an error's class; those of a family are made at run time."""
    return next(kind.__name__ for kind in type(error).__mro__ if not kind.__name__.startswith("_"))


def said(name: str) -> LogEvent:
    return LogEvent(LogLevel.INFO, name)


RETRY = GracefulRetry(
    max_attempts=1, log_before=said("before"), log_after=said("after"), log_exhausted=said("exhausted")
)
FIELDS: dict[str, dict[str, Any]] = {
    "logging": {"log_request": said("request"), "log_response": said("response"), "log_errors": said("errors")},
    "retry": {"retry": RETRY},
    "validation": {"allowed_status_code": 404, "validators": Love()},
    "throttle": {"throttling": ThrottleRule(".*", 1000, 86_400)},
    "concurrency": {"concurrent_requests": ConcurrentRequestLimit(10, limit_per_uurl=False)},
}
CONFIGS = {
    parts: GracyConfig(**{name: value for part in parts for name, value in FIELDS.get(part, {}).items()})
    for parts in legal_subsets()
}
TIMED = {parts: config.merged(GracyConfig(deadline=1_000_000)) for parts, config in CONFIGS.items()}
"""The same with a deadline so far away that it must not change a thing."""


def replay_of(parts: frozenset[str], mode: Any, storage: Memory) -> GracyReplay | None:
    if not parts & {"replay above", "replay below"}:
        return None
    return GracyReplay(
        mode,
        storage,
        disable_throttling="replay above" in parts,
        log_record=ReplayLogEvent(LogLevel.INFO, "recorded", 1),
        log_replay=ReplayLogEvent(LogLevel.INFO, "replayed", 1),
    )


async def recorded(family: ModuleType, status: int) -> Memory:
    """Returns a storage that holds an answer of that status twice."""
    storage = Memory()
    recorder = ReplayTransport(ScriptedWire(status), GracyReplay("record", storage))
    for _ in range(2):
        response = await recorder.handle_async_request(family.Request("GET", URL))
        await response.aread()
        await response.aclose()
    return storage


def held(stack: GracyTransport, keeper: str) -> int:
    found: Any = stack._shared.keepers.get(keeper)
    if found is None:
        return 0
    if keeper == "throttling":
        return sum(gate.held for rule in found._rules for gate in rule.all())
    return sum(gate.held for _limit, gates in found._gates for gate in gates.all())


async def seen(
    family: ModuleType,
    parts: frozenset[str],
    name: str,
    said: list[str],
    clock: FakeClock,
    *,
    configs: dict[frozenset[str], GracyConfig] = CONFIGS,
) -> Seen:
    """Sends one request through a stack with these parts, and counts."""
    said.clear()
    outcome = OUTCOMES[name]
    storage = await recorded(family, outcome.wire[0]) if outcome.source == "recording" else Memory()
    at_wire: list[int] = []

    def answer(step: Any) -> Callable[[Any], Any]:
        def play(_request: Any) -> Any:
            at_wire.append(held(stack, "concurrent_requests"))
            return step if isinstance(step, int) else getattr(family, step)

        return play

    wire = ScriptedWire(*[answer(step) for step in outcome.wire], clock=clock)
    dispatches: list[object] = []
    replay = replay_of(parts, "record" if outcome.source == "wire" else "replay", storage)
    stack = GracyTransport(
        wire,
        configs[parts],
        replay=replay,
        clock=clock,
        observers=[lambda event: dispatches.append(event) if isinstance(event, RequestDispatched) else None],
    )
    hooks = Counting(is_vetoing=outcome.source == "veto")
    if "hooks" in parts:
        stack._shared.hook()
    options = CallOptions(hooks=hooks if "hooks" in parts else None)
    with_body = 0
    try:
        response = await stack.handle_async_request(family.Request("GET", URL, extensions={EXTENSION: options}))
    except Exception as error:  # noqa: BLE001 - all of them are counted
        result = kind_of(error)
    else:
        result, with_body = str(response.status_code), held(stack, "concurrent_requests")
        await response.aread()
        await response.aclose()
    (row,) = stack.get_report().rows
    assert wire.open_bodies == 0
    return Seen(
        result=result,
        sends=len(wire.sent),
        dispatches=len(dispatches),
        permits=held(stack, "throttling"),
        slots_at_wire=tuple(at_wire),
        slots_with_body=with_body,
        slots_after=held(stack, "concurrent_requests"),
        before=hooks.before_count,
        after=tuple(hooks.given),
        lines=tuple(said.count(line) for line in LINES),
        metrics=(
            *(row.calls, row.attempts, row.successes, row.failures),
            *(row.retries, row.replays, row.aborts, row.refused),
        ),
    )


@pytest.fixture
def said_lines() -> Iterator[list[str]]:
    """Gives the messages that the package logs at INFO and above."""
    lines: list[str] = []
    handler = logging.Handler(logging.INFO)
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("gracy_transport")
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lines
    logger.removeHandler(handler)
    logger.setLevel(before)


@pytest.mark.anyio
@pytest.mark.parametrize("name", OUTCOMES)
async def test_every_legal_subset_counts_as_the_rules_say(
    family: ModuleType, clock: FakeClock, said_lines: list[str], name: str, anyio_backend_name: str
) -> None:
    """Sends, permits, slots, hooks, log lines and the row of the report, for all stacks there can be."""
    # With a deadline, too, in every other combination of family and backend: so each has it once.
    configs = TIMED if (family.__name__ == "httpx") == (anyio_backend_name == "trio") else CONFIGS
    needed = NEEDS.get(OUTCOMES[name].source)
    subsets = [parts for parts in CONFIGS if needed is None or parts & needed]
    wrong = {}
    for parts in subsets:
        found = await seen(family, parts, name, said_lines, clock, configs=configs)
        wanted = expected(parts, name)
        if found != wanted:
            differing = [field for field in Seen._fields if getattr(found, field) != getattr(wanted, field)]
            wrong["+".join(sorted(parts, key=PARTS.index))] = {
                field: (getattr(found, field), getattr(wanted, field)) for field in differing
            }
    assert wrong == {}


def test_how_many_stacks_there_are() -> None:
    """Six parts that are there or not, and three ways to have recordings: nothing was left out above."""
    assert len(CONFIGS) == len(TIMED) == 2**6 * 3


# ---------------------------------------------------------------- the chains


def test_every_legal_subset_stands_in_the_one_order() -> None:
    """What is there stands where the order has it. Limits, hooks and retries share one admission layer.

    Hooks may ask for a pause there, and retries bring what servers ask for.
    """
    for has_deadline, configs in ((False, CONFIGS), (True, TIMED)):
        for parts, config in configs.items():
            stack = GracyTransport(ScriptedWire(), config, replay=replay_of(parts, "record", Memory()))
            if "hooks" in parts:
                stack._shared.hook()
            assert [type(layer).__name__ for layer in stack.chain()][1:] == [
                "MetricsTransport",
                *(["LoggingTransport"] if "logging" in parts else []),
                *(["DeadlineTransport"] if has_deadline else []),
                *(f"{part.capitalize()}Transport" for part in PARTS[1:4] if part in parts),
                *(["ReplayTransport"] if "replay above" in parts else []),
                *(["AdmissionTransport"] if parts & {"hooks", "retry", "throttle", "concurrency"} else []),
                *(["ReplayTransport"] if "replay below" in parts else []),
                "ScriptedWire",
            ]


# ---------------------------------------------------------------- what must not be put together

SINGLE: dict[str, Callable[[Any], Any]] = {
    "metrics": MetricsTransport,
    "logging": lambda inner: LoggingTransport(inner, log_errors=LogEvent()),
    "validation": lambda inner: ValidationTransport(inner, strict_status_code=200),
    "replay": lambda inner: ReplayTransport(inner, GracyReplay("record", Memory())),
    "throttle": lambda inner: ThrottleTransport(inner, ThrottleRule(".*", 1)),
    "concurrency": lambda inner: ConcurrencyLimitTransport(inner, 1),
    "stack": lambda inner: GracyTransport(inner, GracyConfig(concurrent_requests=1)),
}
RETRIES: dict[str, Callable[[Any], Any]] = {
    "layer": lambda inner: RetryTransport(inner, RETRY),
    "stack": lambda inner: GracyTransport(inner, GracyConfig(retry=RETRY)),
}


@pytest.mark.parametrize("upper", RETRIES)
@pytest.mark.parametrize("lower", RETRIES)
def test_two_retry_layers_are_refused_whatever_stands_between_them(upper: str, lower: str) -> None:
    """Their attempts would multiply: found at construction, with up to two layers around the lower one."""
    for between in (*permutations(SINGLE, 2), *((one,) for one in SINGLE), ()):
        transport = RETRIES[lower](ScriptedWire())
        for name in between:
            transport = SINGLE[name](transport)
        with pytest.raises(CompositionError, match=r"there is a .*RetryTransport.* below already"):
            RETRIES[upper](transport)


@pytest.mark.parametrize("name", [*SINGLE, *(f"retry {name}" for name in RETRIES)])
def test_every_layer_refuses_what_is_no_transport(family: ModuleType, name: str) -> None:
    """A class, a synchronous transport, a client and nothing at all, each at construction and with what to do."""
    make = RETRIES[name.removeprefix("retry ")] if name.startswith("retry ") else SINGLE[name]
    for unfit, advice in (
        (family.AsyncHTTPTransport, "give an instance of it"),
        (family.BaseTransport(), "wrap an asynchronous one"),
        (family.AsyncClient(transport=ScriptedWire()), "use attach"),
        (None, "wrap a transport, such as"),
    ):
        with pytest.raises(CompositionError, match=advice):
            make(unfit)


def test_a_client_gets_one_stack(family: ModuleType) -> None:
    """Attached twice, everything would count and wait twice; that its transport is a stack already shows as well."""
    for client in (
        family.AsyncClient(transport=ScriptedWire()),
        family.AsyncClient(transport=GracyTransport(ScriptedWire())),
    ):
        if not isinstance(client._transport, GracyTransport):
            attach(client, GracyConfig())
        with pytest.raises(CompositionError, match="has a stack already"):
            attach(client, GracyConfig())
