"""Public paths of the storages for recordings."""

from __future__ import annotations
