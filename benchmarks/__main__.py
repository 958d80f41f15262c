"""Asks the questions: `python -m benchmarks [QUESTION ...] [--quick] [--json FILE] [--plots DIR] [--compare REV]`."""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
from collections.abc import Callable, Coroutine, Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, Protocol, cast

from rich.console import Console

import gracy_transport

from .commits import commit, compare_with
from .figures import Figure, table_of
from .plots import plot

QUESTIONS: Final = (
    "in_process",
    "layers",
    "facade",
    "loopback",
    "retries",
    "waiting",
    "keys",
    "recordings",
    "reports",
    "scaling",
    "memory",
    "shared",
    "imports",
)
"""Each is a file here. A question that is named alone loads nothing of the others."""


class Question(Protocol):
    """What each file of a question offers."""

    TITLE: str

    @property
    def ask(self) -> Callable[..., Coroutine[Any, Any, list[Figure]]]: ...


def question_named(name: str) -> Question:
    """Returns the file of a question."""
    return cast("Question", import_module(f".{name}", __package__))


def main(arguments: Sequence[str] | None = None) -> None:
    """Asks, or compares with another commit."""
    options = parsed(arguments)
    questions = options.questions or QUESTIONS
    if options.compare is None:
        answer(questions, options)
        return
    titles = {name: question_named(name).TITLE for name in questions}
    passed_on = ["--quick"] if options.quick else []
    compare_with(options.compare, titles, passed_on, turns=options.turns, console=Console())


def answer(questions: Sequence[str], options: argparse.Namespace) -> None:
    """Asks, prints each answer as it comes, and what was missed at the end."""
    console = Console()
    answers: dict[str, list[Figure]] = {}
    for name in questions:
        question = question_named(name)
        answers[name] = asyncio.run(question.ask(quick=options.quick))
        console.print(table_of(question.TITLE, answers[name]))
        console.print()
    for name, figures in answers.items():
        for figure in figures:
            if figure.is_missed:
                value = f"{figure.value:.3g} {figure.unit}".rstrip()
                console.print(f"[red]missed[/]: {name}: {figure.name}: {value}, goal {figure.goal}")
    if options.json is not None:
        with options.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(as_json(answers)) + "\n")
    if options.plots is not None:
        for page in plot(answers, options.plots):
            console.print(f"drawn: {page}")


def parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Returns the options of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("questions", nargs="*", metavar="QUESTION", help=f"of {', '.join(QUESTIONS)}; all unless given")
    parser.add_argument("--quick", action="store_true", help="fewer rounds: a first impression")
    parser.add_argument("--json", type=Path, metavar="FILE", help="append the figures to FILE, as one line")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="draw the curves into DIR, as pages")
    parser.add_argument("--compare", metavar="REV", help="ask the library of that commit the same, by turns")
    parser.add_argument("--turns", type=int, default=5, metavar="N", help="with --compare; 5 unless given")
    options = parser.parse_args(arguments)
    for name in options.questions:
        if name not in QUESTIONS:
            parser.error(f"there is no question {name!r}: ask {', '.join(QUESTIONS)}")
    if options.turns < 3:
        parser.error(f"--turns {options.turns} says too little of the noise: take 3 at least")
    if options.compare is not None and (options.json or options.plots):
        parser.error("--compare prints what changed, and writes nothing: leave --json and --plots out")
    return options


def as_json(answers: Mapping[str, Sequence[Figure]]) -> dict[str, object]:
    """Returns the answers, and what they depend on, in plain types."""
    packages = ("httpx", "anyio", "pydantic")
    return {
        "commit": commit(),
        "library": str(Path(gracy_transport.__file__).resolve()),
        "python": platform.python_version(),
        "system": platform.platform(),
        "versions": {package: version(package) for package in packages},
        "answers": {name: [figure.as_json() for figure in figures] for name, figures in answers.items()},
    }


if __name__ == "__main__":
    main()
