"""What an origin says about itself under `/__origin__/`, for those who cannot reach the object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .reply import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from .ledger import Ledger
    from .visit import Visit

ADMIN = "/__origin__/"
VISITS = f"{ADMIN}visits"
SUMMARY = f"{ADMIN}summary"


def is_admin(path: str) -> bool:
    """Says whether a path is about the origin itself; such requests are not in its books."""
    return path.startswith(ADMIN)


def administer(visit: Visit, ledger: Ledger, clear: Callable[[], None]) -> Reply:
    """Answers `GET` of the visits and of the summary; `DELETE` of the visits starts the books anew."""
    match visit.method, visit.path:
        case ("GET", path) if path == VISITS:
            return Reply(json=[(seen.arrived, seen.method, seen.target, seen.status) for seen in ledger.visits])
        case ("GET", path) if path == SUMMARY:
            return Reply(json=summary(ledger))
        case ("DELETE", path) if path == VISITS:
            clear()
            return Reply(204)
        case _:
            known = [f"GET {VISITS}", f"GET {SUMMARY}", f"DELETE {VISITS}"]
            return Reply(404, json={"error": f"an origin has no {visit.method} {visit.path}", "known": known})


def summary(ledger: Ledger) -> dict[str, object]:
    """Returns all counts; `statuses` has the ended visits by status, `"null"` where none was sent."""
    return {
        "visits": ledger.count,
        "statuses": {"null" if status is None else str(status): n for status, n in ledger.statuses.items()},
        "in_flight": ledger.in_flight,
        "peak_in_flight": ledger.peak_in_flight,
        "connections": ledger.connections,
        "open_connections": ledger.open_connections,
        "peak_connections": ledger.peak_connections,
        "errors": [repr(error) for error in ledger.errors],
    }
