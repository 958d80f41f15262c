"""Faults on purpose: latency, errors, wrong answers and broken bodies, by rule and chance, at any height of a stack."""

from __future__ import annotations

from .config import Fault
from .transport import FaultTransport

__all__ = ["Fault", "FaultTransport"]
