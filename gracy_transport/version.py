"""The version of the distribution, in a file of its own: reading the metadata takes long, and hardly anybody asks."""

from __future__ import annotations

from importlib.metadata import version
from typing import Final

__all__ = ["__version__"]

__version__: Final = version("gracy-transport")
