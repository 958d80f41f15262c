"""The cookies of a client, which are looked for only in answers that set some."""

from __future__ import annotations

from functools import lru_cache
from http.cookiejar import CookieJar
from types import ModuleType
from typing import Any, Final

from ..family import family_of

__all__ = ["spare_cookies"]

_SETTING: Final = frozenset({b"set-cookie", b"set-cookie2"})
_LOOKING: Final = ("extract_cookies", "make_cookies")


def spare_cookies(client: Any) -> None:
    """Lets a client look for cookies in those answers alone that set some.

    httpx copies each answer, and its request, into objects of the standard library before it looks, which is a quarter
    of what a request takes; httpx2 looks first. The jar stays the one it is. One that does more with answers than the
    standard library's sees all of them, and so do cookies of a class of the user's own.

    Args:
        client: an `AsyncClient` of either family.
    """
    cookies, module = client.cookies, family_of(client).module
    if type(cookies) is module.Cookies and _is_plain(cookies.jar):
        client._cookies = _kind(module)(cookies.jar)  # noqa: SLF001 - what is set as `cookies` is copied


def _is_plain(jar: CookieJar) -> bool:
    """Tells whether a jar does with answers what the one of the standard library does."""
    kind: Any = type(jar)
    is_own = all(getattr(kind, name) is getattr(CookieJar, name) for name in _LOOKING)
    return is_own and vars(jar).keys().isdisjoint(_LOOKING)


@lru_cache
def _kind(module: ModuleType) -> Any:
    """Returns the class of cookies of a family that looks at the headers first."""
    base: Any = module.Cookies

    def extract_cookies(self: Any, response: Any) -> None:
        for name, _value in response.headers.raw:
            if name.lower() in _SETTING:
                base.extract_cookies(self, response)
                return

    return type("Cookies", (base,), {"__doc__": base.__doc__, "extract_cookies": extract_cookies})
