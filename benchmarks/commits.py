"""Asks the same questions of two commits by turns: of one that is checked out beside, and of the work tree.

The questions are those of the work tree, and only the library differs. Each answer comes from a process of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from .comparison import Change, compare, table_of_changes
from .figures import Figure

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Bench:
    """Where questions are asked: a folder with the questions alone, so that the library comes from where it is told.

    Args:
        folder: that folder.
        options: of the command line, passed on.
    """

    folder: Path
    options: Sequence[str]

    def ask(self, question: str, root: Path) -> list[Figure]:
        """Asks one question of the library below a root.

        Raises:
            subprocess.CalledProcessError: when it could not answer.
            RuntimeError: when another library answered.
        """
        answer = self.folder / "answer.json"
        answer.unlink(missing_ok=True)
        command = [sys.executable, "-m", "benchmarks", question, *self.options, "--json", str(answer)]
        environment = {**os.environ, "PYTHONPATH": str(root)}
        subprocess.run(command, cwd=self.folder, env=environment, check=True, capture_output=True, text=True)
        plain = json.loads(answer.read_text("utf-8"))
        if not Path(plain["library"]).is_relative_to(root):
            raise RuntimeError(f"{plain['library']} answered in place of what is in {root}: is PYTHONPATH ignored?")
        return [Figure.from_json(figure) for figure in plain["answers"][question]]

    def take_turns(self, question: str, roots: tuple[Path, Path], turns: int) -> tuple[list[list[Figure]], ...]:
        """Asks one question of two libraries by turns; who is asked first changes, too."""
        answers: tuple[list[list[Figure]], list[list[Figure]]] = [], []
        for turn in range(turns):
            for which in (0, 1) if turn % 2 == 0 else (1, 0):
                answers[which].append(self.ask(question, roots[which]))
        return answers


def compare_with(rev: str, titles: dict[str, str], options: Sequence[str], *, turns: int, console: Console) -> None:
    """Asks and prints what changed since a commit, and at the end what became worse.

    Args:
        rev: the commit, as git names it.
        titles: the questions and their titles.
        options: of the command line, for each process.
        turns: how often each is asked; with more of them smaller changes can be told from noise.
        console: where to print.
    """
    worse: list[tuple[str, Change]] = []
    with _checked_out(rev) as old, TemporaryDirectory() as folder:
        shutil.copytree(HERE, Path(folder, HERE.name), ignore=shutil.ignore_patterns("__pycache__"))
        bench = Bench(Path(folder), options)
        for question, title in titles.items():
            try:
                before, after = bench.take_turns(question, (old, HERE.parent), turns)
            except subprocess.CalledProcessError as error:
                last = error.stderr.strip().splitlines()[-1:] or ["it said nothing"]
                console.print(f"[red]no comparison[/]: {question}: {last[0]}", markup=True)
                continue
            changes = compare(before, after)
            worse += [(question, change) for change in changes if change.verdict == "worse"]
            console.print(table_of_changes(f"{title}, {turns} turns", rev, changes))
            console.print()
    for question, change in worse:
        was = "" if change.ratio is None else f", {change.ratio:.3f} × what it was"
        console.print(f"[red]worse[/]: {question}: {change.name}: {change.after:.3g} {change.unit}{was}")
    if not worse:
        console.print("Nothing became worse by more than the noise.")


@contextmanager
def _checked_out(rev: str) -> Iterator[Path]:
    """Checks a commit out beside the work tree, for a while."""
    with TemporaryDirectory() as folder:
        tree = Path(folder).resolve() / "tree"
        _git("worktree", "add", "--quiet", "--detach", str(tree), rev)
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def commit() -> str:
    """Returns the commit of the work tree, marked when there are changes on top; nothing where there is no git."""
    try:
        return _git("describe", "--always", "--dirty", "--abbrev=12", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=HERE, check=True, capture_output=True, text=True)
    return done.stdout.strip()
