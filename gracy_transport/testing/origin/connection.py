"""One TCP connection: requests are read by h11, one after the other, and answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import h11

from .admin import is_admin
from .reply import Reply
from .visit import Visit, joined
from .wire import ClientLeftError
from .writing import Ending, write

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from .ledger import Ledger
    from .wire import Wire

MAX_HEAD = 262_144
"""Bytes of request line and headers that are read before a 431: enough for any test of large headers."""
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class RefusedError(Exception):
    """A request that is not read to its end, and the status that says why."""

    def __init__(self, status: int, reason: str) -> None:
        """Refuses with `status`; `reason` goes into the body."""
        super().__init__(status, reason)
        self.reply = Reply(status, json={"error": reason})


@dataclass(frozen=True, slots=True)
class Service:
    """What all connections of an origin share."""

    ledger: Ledger
    answer: Callable[[Visit], Awaitable[Reply]]
    now: Callable[[], float]
    max_body: int


class Connection:
    """Converses with one client until either side ends it."""

    def __init__(self, wire: Wire, service: Service) -> None:
        """Converses over `wire`, and closes it in the end."""
        self._wire = wire
        self._service = service
        self._number = 0
        self._arrived = 0.0

    async def run(self) -> None:
        """Answers requests until the connection ends; never raises for what the client does."""
        ledger = self._service.ledger
        self._number = ledger.connected()
        try:
            await self._wire.greet()
            while await self._exchange():
                pass
        except ClientLeftError:
            pass  # clients may: what they were asking for is in the books, with the time they left
        finally:
            self._wire.close()
            ledger.disconnected()

    async def _exchange(self) -> bool:
        """Answers one request; returns whether another may follow."""
        # A new parser for each request: it costs 2 µs, and frees the answers from the rules of h11.
        parser = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD)
        try:
            request = await self._request(parser)
            if request is None:
                return False
            body = await self._body(parser, request)
        except h11.RemoteProtocolError as error:
            return await self._refuse(Reply(error.error_status_hint, json={"error": str(error)}))
        except RefusedError as error:
            return await self._refuse(error.reply)
        # Pipelining is refused politely: the first request is answered, the close asks for the others anew.
        is_pipelined = bool(parser.trailing_data[0])
        can_keep = parser.their_state is h11.DONE and not is_pipelined
        ending = await self._serve(request, body, can_keep=can_keep)
        if ending is Ending.CLOSE and is_pipelined:
            await self._wire.drain()
        return ending is Ending.KEEP

    async def _request(self, parser: h11.Connection) -> h11.Request | None:
        """Reads a request head; None when the client closes instead of sending one."""
        is_begun = False
        while True:
            event = parser.next_event()
            if isinstance(event, h11.Request):
                return event
            data = await self._wire.receive()
            if not data:
                return None
            if not is_begun:
                self._arrived = self._service.now()
                is_begun = True
            parser.receive_data(data)

    async def _body(self, parser: h11.Connection, request: h11.Request) -> bytes:
        """Reads the body up to the cap, and says 100 Continue when the client waits for it."""
        cap = self._service.max_body
        announced = next((int(value) for name, value in request.headers if name == b"content-length"), 0)
        if announced > cap:
            message = f"the body has {announced} bytes, the origin reads {cap}: raise max_body="
            raise RefusedError(413, message)
        if parser.they_are_waiting_for_100_continue:
            await self._wire.send(CONTINUE)
        body = bytearray()
        while True:
            event = parser.next_event()
            if isinstance(event, h11.EndOfMessage):
                return bytes(body)
            if isinstance(event, h11.Data):
                body += event.data
                if len(body) > cap:
                    message = f"the body has more than {cap} bytes: raise max_body="
                    raise RefusedError(413, message)
                continue
            data = await self._wire.receive()
            if not data:
                raise ClientLeftError
            parser.receive_data(data)

    async def _refuse(self, reply: Reply) -> bool:
        nobody = Visit("", "", {}, b"", self._arrived)
        await write(self._wire, reply, nobody, is_modern=True, can_keep=False)
        await self._wire.drain()
        return False

    async def _serve(self, request: h11.Request, body: bytes, *, can_keep: bool) -> Ending:
        """Answers one whole request, and keeps the books."""
        service, ledger = self._service, self._service.ledger
        method, target = request.method.decode("ascii"), request.target.decode("latin-1")
        headers = joined(request.headers)
        visit = Visit(method, target, headers, body, self._arrived, connection=self._number, scheme=self._wire.scheme)
        is_booked = not is_admin(visit.path)
        if is_booked:
            ledger.begin(visit)
        try:
            reply = await service.answer(visit)
            return await self._send(reply, visit, is_modern=request.http_version >= b"1.1", can_keep=can_keep)
        finally:
            if is_booked:
                ledger.end(visit, service.now())

    async def _send(self, reply: Reply, visit: Visit, *, is_modern: bool, can_keep: bool) -> Ending:
        try:
            ending = await write(self._wire, reply, visit, is_modern=is_modern, can_keep=can_keep)
        except ClientLeftError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever the script's own chunks raise
            self._service.ledger.errors.append(error)
            ending = Ending.RESET
        if ending is Ending.HOLD:
            await self._wire.hold()
        elif ending is Ending.RESET:
            self._wire.reset()
        return ending
