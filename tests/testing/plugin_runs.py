"""What the tests of the plugin share: an API to be recorded, and runs of pytest."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

import gracy_transport


class Api:
    """An API on loopback: it says which path was asked, and in which edition."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.asked: list[str] = []
        self.edition = 1


@contextmanager
def serve() -> Iterator[Api]:
    """Runs the API for the length of a block."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            api.asked.append(self.path)
            body = json.dumps({"path": self.path, "edition": api.edition}).encode()
            self.send_response(503 if self.path == "/busy" and api.asked.count("/busy") == 1 else 200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_request(self, code: Any = "-", size: Any = "-") -> None:
            """Prints nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        api = Api(server.server_port)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()


ANYIO = ("anyio.pytest_plugin",)
IMPORTED = (
    *("gracy_transport.testing.plugin.network", "gracy_transport.testing.plugin.recorded", "gracy_transport.testing"),
    *("httpx2", "trio", "unittest.async_case"),
)
"""Modules that stay: at the end of a run in this process pytester forgets what was imported in it first."""


class Runs:
    """Runs pytest on files that a test writes, with the plugin and only those other plugins that are named.

    A run is in this process, which takes a tenth of the time of a new one. Only with other plugins than that of anyio,
    who may change more than they put back, is it in a process of its own.
    """

    def __init__(self, pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, api: Api) -> None:
        self.pytester, self.env, self.api = pytester, monkeypatch, api
        monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
        monkeypatch.setenv("API", api.url)
        monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
        monkeypatch.setenv("PYTHONPATH", str(Path(gracy_transport.__file__).parents[1]), prepend=os.pathsep)
        for name in IMPORTED:
            import_module(name)
        self.ini()

    def __call__(self, *args: str, plugins: tuple[str, ...] = ANYIO) -> pytest.RunResult:
        named = [part for plugin in ("gracy_transport.testing.plugin", *plugins) for part in ("-p", plugin)]
        if plugins != ANYIO:
            return self.pytester.runpytest_subprocess(*named, *args)
        known = ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
        return self.pytester.runpytest_inprocess(*known, *named, *args)

    def write(self, name: str, *parts: str) -> None:
        """Writes a module of tests."""
        self.pytester.path.joinpath(f"{name}.py").write_text("".join(map(dedent, parts)), "utf-8")

    def ini(self, *lines: str) -> None:
        """Writes the settings of pytest, beside the one that makes a warning an error."""
        self.pytester.makeini("\n".join(["[pytest]", "filterwarnings = error", *lines]))

    def files(self) -> dict[str, bytes]:
        """Returns the recordings by their path."""
        found = sorted(self.pytester.path.rglob("*.jsonl"))
        return {path.relative_to(self.pytester.path).as_posix(): path.read_bytes() for path in found}

    def asked(self) -> list[str]:
        """Returns what the API was asked since it was last asked for this."""
        asked, self.api.asked[:] = list(self.api.asked), []
        return asked


def missing(*packages: str) -> pytest.MarkDecorator:
    """Returns a mark that skips tests where one of these is not installed."""
    absent = [package for package in packages if find_spec(package) is None]
    return pytest.mark.skipif(bool(absent), reason=f"not installed: {', '.join(absent)}")
