"""Asks what it costs to record and to replay, to open what was recorded, and how much room that takes."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, process_time, thread_time
from typing import NamedTuple

import httpx

from .figures import Figure
from .recorders import HOST, Get, Mode, Recorder, ours, peers
from .subjects import wire_of

TITLE = "client.get, recorded and replayed, on a wire that does nothing"
TURN = 100


class Pass(NamedTuple):
    """What a pass over all URLs took: how many times as long as a bare client, in this thread and in all of them."""

    ratio: float
    best: float
    in_all: float


async def ask(*, quick: bool) -> list[Figure]:
    """Lets each recorder record URLs that are all different, and a new one open and replay them.

    A bare client asks for the same between its turns, so that a busy machine disturbs both alike.
    """
    urls = [f"{HOST}/v2/pokemon/{number}" for number in range(1_000 if quick else 10_000)]
    installed, missing = peers()
    figures: list[Figure] = []
    async with httpx.AsyncClient(transport=wire_of(httpx)) as bare:
        await _turn(bare.get, urls[:TURN])
        for recorder in [*ours(), *installed]:
            with TemporaryDirectory() as folder:
                figures += await _of(recorder, bare.get, urls, Path(folder))
    figures += [Figure(f"{name}: not installed, left out", 0, "×") for name in missing]
    return figures


async def _of(recorder: Recorder, bare: Get, urls: Sequence[str], folder: Path) -> list[Figure]:
    name, urls = recorder.name, urls[: recorder.most_recorded]
    recorded = await _pass(recorder, "record", bare, urls, folder)
    size = _size_of(folder)
    loaded = min([await _load(recorder, urls[0], folder) for _ in range(3)])
    replayed = await _pass(recorder, "replay", bare, urls[: recorder.most_replayed], folder)
    figures = [
        Figure(f"{name}: replay", replayed.ratio, "×", replayed.best, at_most=recorder.replay_at_most),
        Figure(
            f"{name}: record",
            *(recorded.ratio, "×", recorded.best),
            at_most=recorder.record_at_most,
            note=f"{recorded.in_all:.2f} × with the threads that write",
        ),
    ]
    if size:
        figures += [
            Figure(f"{name}: open {len(urls):,}", loaded * 1e3, "ms", at_most=recorder.load_at_most),
            Figure(f"{name}: size of each", size / len(urls), "bytes", at_most=recorder.size_at_most),
        ]
    return figures


def _size_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.iterdir())


async def _pass(recorder: Recorder, mode: Mode, bare: Get, urls: Sequence[str], folder: Path) -> Pass:
    """Lets a recorder and a bare client take turns over all URLs."""
    turns: list[tuple[float, float, float, float]] = []
    async with recorder.open(mode, folder) as get:
        for start in range(0, len(urls), TURN):
            some = urls[start : start + TURN]
            turns.append((*await _turn(bare, some), *await _turn(get, some)))
    # The first turn is for caches to fill, files to be made and classes to be imported.
    turns = turns[1:] or turns
    best = min(mine for _bare, _all, mine, _mine_all in turns) / min(bare for bare, *_others in turns)
    in_all = median(mine / bare for _bare, bare, _mine, mine in turns)
    return Pass(median(mine / bare for bare, _all, mine, _mine_all in turns), best, in_all)


async def _turn(get: Get, urls: Sequence[str]) -> tuple[float, float]:
    """Returns the seconds of processor time that some requests took: of this thread, and of all threads."""
    gc.collect()
    gc.freeze()
    here, everywhere = thread_time(), process_time()
    for url in urls:
        await get(url)
    took = thread_time() - here, process_time() - everywhere
    gc.unfreeze()
    return took


async def _load(recorder: Recorder, url: str, folder: Path) -> float:
    """Returns the seconds until the first request is answered from what was recorded."""
    gc.collect()
    began = perf_counter()
    async with recorder.open("replay", folder) as get:
        await get(url)
        return perf_counter() - began
