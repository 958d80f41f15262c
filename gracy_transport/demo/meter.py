"""A layer of the demo's own: what is in flight, counted at the wire and apart from any limit."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..call import Call
from ..family import AsyncTransport
from ..layer import Layer
from ..watching import on_end
from .board import Board, Tally

if TYPE_CHECKING:
    from ..family import Request, Response

__all__ = ["Meter"]


class Meter(Layer):
    """Counts requests from the moment they reach the wire until their body is over.

    The limits of the stack do their own counting above; this one knows nothing of it, so the two can be compared.

    Args:
        inner: the wire.
        board: where to count.
    """

    def __init__(self, inner: AsyncTransport, board: Board) -> None:
        super().__init__(inner)
        self.board = board

    async def handle(self, request: Request, call: Call) -> Response:
        """Delegates, and counts."""
        tally = self.board.tally_of(call)
        tally.in_flight += 1
        tally.peak = max(tally.peak, tally.in_flight)
        try:
            response = await self.pass_on(request, call)
        except BaseException:
            tally.in_flight -= 1
            raise
        on_end(request, response, _left, tally)
        return response

    def state(self) -> str:
        """Says how much is in flight."""
        return f"{self.board.total.in_flight} in flight"


def _left(tally: Tally, _error: BaseException | None) -> None:
    tally.in_flight -= 1
