"""The other libraries, set up to do the same as the stack: those of them that are installed.

They are imported by name, so that a Python for which one is not made can do without it.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib import import_module
from importlib.util import find_spec
from typing import Any, TypeAlias

import httpx

Get: TypeAlias = Callable[[str], Awaitable[Any]]
"""Gets a URL."""


@dataclass(frozen=True)
class Peer:
    """A way to send requests with another library.

    Attributes:
        name: what it is.
        packages: what has to be installed for it.
        open: given a wire, returns what gets a URL over it.
        note: what a reader should know about it.
    """

    name: str
    packages: tuple[str, ...]
    open: Callable[[Any], Get]
    note: str = ""

    @property
    def is_installed(self) -> bool:
        """Whether all its packages are there."""
        return all(find_spec(package) is not None for package in self.packages)


def installed(peers: list[Peer]) -> list[Peer]:
    """Returns those that can be asked."""
    return [peer for peer in peers if peer.is_installed]


def everything_on() -> list[Peer]:
    """Returns the peers as a user would set them up, with limits that are never reached."""
    return [
        Peer("httpx-retries", ("httpx_retries",), _httpx_retries, "retries only"),
        Peer("httpx-retries + httpx-limiter", ("httpx_retries", "httpx_limiter", "aiolimiter"), _retries_and_limiter),
        Peer("httpx-limiter (pyrate)", ("httpx_limiter", "pyrate_limiter"), _pyrate, "a rate limit only"),
        Peer("httpx-tenacity", ("httpx_tenacity", "tenacity"), _httpx_tenacity, "retries only"),
        Peer("clientwright", ("clientwright",), _clientwright, "retries, circuit breaker, redirects, telemetry"),
        Peer("gracy 1.34, nothing on", ("gracy",), lambda wire: _gracy(wire, is_full=False)),
        Peer("gracy 1.34, everything on", ("gracy",), lambda wire: _gracy(wire, is_full=True), "it grows with use"),
    ]


def retrying() -> list[Peer]:
    """Returns the peers that retry without a delay."""
    return [
        Peer("httpx-retries", ("httpx_retries",), _httpx_retries),
        Peer("httpx-tenacity", ("httpx_tenacity", "tenacity"), _httpx_tenacity, "it leaves the 503 open"),
        Peer("tenacity around client.get", ("tenacity",), _tenacity, "builds the request again"),
        Peer("stamina around client.get", ("stamina",), _stamina, "builds the request again"),
        Peer("clientwright", ("clientwright",), _clientwright),
        Peer("gracy 1.34", ("gracy",), lambda wire: _gracy(wire, is_full=False)),
    ]


@dataclass(frozen=True)
class Limiter:
    """A transport of another library that keeps a rate.

    Attributes:
        name: what it is.
        packages: what has to be installed for it.
        wrap: given a wire, requests and the seconds in which so many may start, returns the transport.
    """

    name: str
    packages: tuple[str, ...]
    wrap: Callable[[Any, int, float], Any]


def limiters() -> list[Limiter]:
    """Returns the peers that are installed and keep a rate."""
    known = [
        Limiter("httpx-limiter (aiolimiter)", ("httpx_limiter", "aiolimiter"), _by_aiolimiter),
        Limiter("httpx-limiter (pyrate)", ("httpx_limiter", "pyrate_limiter"), _by_pyrate),
    ]
    return [limiter for limiter in known if all(find_spec(package) is not None for package in limiter.packages)]


def _by_aiolimiter(wire: Any, requests: int, seconds: float) -> Any:
    limiter, aio = import_module("httpx_limiter"), import_module("httpx_limiter.aiolimiter")
    rate = limiter.Rate(magnitude=requests, duration=timedelta(seconds=seconds))
    return limiter.AsyncRateLimitedTransport(limiter=aio.AiolimiterAsyncLimiter.create(rate), transport=wire)


def _by_pyrate(wire: Any, requests: int, seconds: float) -> Any:
    limiter, pyrate = import_module("httpx_limiter"), import_module("httpx_limiter.pyrate")
    rate = limiter.Rate(magnitude=requests, duration=timedelta(seconds=seconds))
    return limiter.AsyncRateLimitedTransport(limiter=pyrate.PyrateAsyncLimiter.create(rate), transport=wire)


def _httpx_retries(wire: Any) -> Get:
    retries = import_module("httpx_retries")
    return httpx.AsyncClient(transport=retries.RetryTransport(wire, retry=retries.Retry(total=3))).get


def _retries_and_limiter(wire: Any) -> Get:
    return _httpx_retries(_by_aiolimiter(wire, 1_000_000, 1))


def _pyrate(wire: Any) -> Get:
    return httpx.AsyncClient(transport=_by_pyrate(wire, 1_000_000, 1)).get


def _httpx_tenacity(wire: Any) -> Get:
    tenacious = import_module("httpx_tenacity").AsyncTenaciousTransport
    transport = tenacious.create(max_attempts=4, multiplier=0, min_wait_seconds=0, transport=wire)
    return httpx.AsyncClient(transport=transport).get


def _checked(wire: Any) -> Get:
    client = httpx.AsyncClient(transport=wire)

    async def get(url: str) -> httpx.Response:
        return (await client.get(url)).raise_for_status()

    return get


def _tenacity(wire: Any) -> Get:
    tenacity = import_module("tenacity")
    again = tenacity.retry(
        stop=tenacity.stop_after_attempt(4),
        wait=tenacity.wait_none(),
        retry=tenacity.retry_if_exception_type(httpx.HTTPError),
    )
    get: Get = again(_checked(wire))
    return get


def _stamina(wire: Any) -> Get:
    stamina = import_module("stamina")
    logging.getLogger("stamina").setLevel(logging.ERROR)  # it warns of each retry
    get: Get = stamina.retry(on=httpx.HTTPError, attempts=4, wait_initial=0, wait_jitter=0)(_checked(wire))
    return get


def _clientwright(wire: Any) -> Get:
    wright = import_module("clientwright")
    retry = wright.RetryConfig(max_attempts=4, initial_backoff=1e-9, max_backoff=1e-9, jitter=0.0, budget_ratio=None)
    client = wright.build("httpx", wright.ClientConfig(service_name="benchmark", retry=retry))
    client._transport._inner = wire  # noqa: SLF001 - there is no other way to give it a wire
    get: Get = client.get
    return get


def _gracy(wire: Any, *, is_full: bool) -> Get:
    return original(wire, is_full=is_full)[1]


def import_gracy() -> Any:
    """Returns the original library. Importing it makes every request of everybody a line on the screen: not here."""
    gracy = import_module("gracy")
    for handler in list(logging.root.handlers):
        logging.root.removeHandler(handler)
    logging.root.setLevel(logging.WARNING)
    return gracy


def original(wire: Any, *, is_full: bool) -> tuple[Any, Get]:
    """Returns an API of the original library over a wire, and what gets a URL with it."""
    gracy = import_gracy()
    host = "https://api.example.com/"

    class Endpoint(gracy.BaseEndpoint):  # type: ignore[misc, name-defined]
        ANYTHING = "{PATH}"

    rule = gracy.ThrottleRule(".*", 1_000_000, timedelta(seconds=0.5))
    event = gracy.LogEvent(gracy.LogLevel.DEBUG)
    settings = {"retry": gracy.GracefulRetry(delay=0, max_attempts=3)}
    if is_full:
        settings["throttling"] = gracy.GracefulThrottle(rules=rule)
        settings["concurrent_requests"] = gracy.ConcurrentRequestLimit(100)
        settings |= {"log_request": event, "log_response": event, "log_errors": event}

    class Api(gracy.Gracy):  # type: ignore[misc, name-defined]
        class Config:
            BASE_URL = host
            SETTINGS = gracy.GracyConfig(**settings)

        def _create_client(self, **_kwargs: Any) -> httpx.AsyncClient:
            return httpx.AsyncClient(transport=wire, base_url=host)

    api = Api()

    async def get(url: str) -> Any:
        return await api.get(Endpoint.ANYTHING, {"PATH": url.removeprefix(host)})

    return api, get
