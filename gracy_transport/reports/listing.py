"""The report as a list: every figure of every endpoint on a line of its own, under a banner."""

from __future__ import annotations

import sys
from typing import Final, TextIO

from ..metrics import GracyReport

__all__ = ["print_list"]

_BANNER: Final = r"""   ____
  / ___|_ __ __ _  ___ _   _
 | |  _| '__/ _` |/ __| | | |
 | |_| | | | (_| | (__| |_| |
  \____|_|  \__,_|\___|\__, |
                       |___/  Requests Summary Report"""
"""As the README of the original library prints it: whoever reads the list by a script finds its beginning."""


def print_list(report: GracyReport, file: TextIO | None = None) -> None:
    """Prints a report as a list, to standard output or to a file."""
    print(_BANNER, report, sep="\n\n\n", file=sys.stdout if file is None else file)
