"""The layer that lets requests through at a rate."""

from __future__ import annotations

from collections.abc import Iterable

from ..admission import AdmissionTransport, Desk, HintKeeper, ServerHints
from ..call import Observer
from ..clock import SYSTEM_CLOCK, Clock
from ..family import AsyncTransport
from .config import GracefulThrottle, ThrottleRule
from .keeper import ThrottleKeeper

__all__ = ["ThrottleTransport"]


class ThrottleTransport(AdmissionTransport):
    """Lets requests through at the rate its rules allow; the others wait their turn, first come, first served.

    Args:
        inner: the transport below.
        config: a `GracefulThrottle`, a `ThrottleRule` or several.
        clock, observers: as for every layer.
    """

    def __init__(
        self,
        inner: AsyncTransport,
        config: GracefulThrottle | ThrottleRule | Iterable[ThrottleRule],
        *,
        clock: Clock = SYSTEM_CLOCK,
        observers: Iterable[Observer] = (),
    ) -> None:
        throttle = config if isinstance(config, GracefulThrottle) else GracefulThrottle(config)
        desk = Desk(clock)
        keeper = ThrottleKeeper(throttle, desk)
        hints: HintKeeper | None = None
        if throttle.follow_server:
            hints = HintKeeper(ServerHints(desk, keeper.key_of), follows=True, longest=throttle.max_pause, logs=keeper)
        super().__init__(inner, [keeper], hints=hints, desk=desk, clock=clock, observers=observers)
