"""Asks the questions: `python -m benchmarks [QUESTION ...] [--quick] [--json FILE]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
from collections.abc import Callable, Coroutine, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from rich.console import Console

from . import facade, imports, in_process, layers, memory, recordings, waiting
from .figures import Figure, table_of


class Question(Protocol):
    """What each file of a question offers."""

    TITLE: str

    @property
    def ask(self) -> Callable[..., Coroutine[Any, Any, list[Figure]]]: ...


QUESTIONS: dict[str, Question] = {
    "in_process": in_process,
    "layers": layers,
    "facade": facade,
    "recordings": recordings,
    "memory": memory,
    "waiting": waiting,
    "imports": imports,
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Asks, prints each answer as it comes, and what was missed at the end."""
    options = parsed(arguments)
    console = Console()
    answers: dict[str, list[Figure]] = {}
    for name in options.questions or QUESTIONS:
        question = QUESTIONS[name]
        answers[name] = asyncio.run(question.ask(quick=options.quick))
        console.print(table_of(question.TITLE, answers[name]))
        console.print()
    for name, figures in answers.items():
        for figure in figures:
            if figure.is_missed:
                console.print(
                    f"[red]missed[/]: {name}: {figure.name}: {figure.value:.3g} {figure.unit}, goal {figure.goal}"
                )
    if options.json is not None:
        with options.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(as_json(answers)) + "\n")


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"of {', '.join(QUESTIONS)}; all unless given")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a first impression")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append the figures to FILE, as one line")
    options = parser.parse_args(arguments)
    for name in options.questions:
        if name not in QUESTIONS:
            parser.error(f"there is no question {name!r}: ask {', '.join(QUESTIONS)}")
    return options


def as_json(answers: dict[str, list[Figure]]) -> dict[str, object]:
    """Returns the answers, and what they depend on, in plain types."""
    packages = ("httpx", "anyio", "pydantic")
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "versions": {package: version(package) for package in packages},
        "answers": {name: [figure.as_json() for figure in figures] for name, figures in answers.items()},
    }


if __name__ == "__main__":
    main()
