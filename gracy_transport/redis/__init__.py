"""Limits that hold over many processes, kept on a Redis or Valkey server; needs `gracy-transport[redis]`."""

from __future__ import annotations

from .limits import RedisLimits

__all__ = ["RedisLimits"]
