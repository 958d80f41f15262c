"""Limits that hold over many processes, kept on a Redis or Valkey server; needs `gracy-transport[redis]`."""

from __future__ import annotations

from .gate import Away
from .limits import RedisLimits

__all__ = ["Away", "RedisLimits"]
