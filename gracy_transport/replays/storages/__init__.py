"""The storages for recordings, one module each."""

from __future__ import annotations
