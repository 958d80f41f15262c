"""Public paths of the storages for recordings, and of what holds them against a live API."""

from __future__ import annotations
