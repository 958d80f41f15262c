"""`GracyLinkPaginator`: the header is followed, to the end and no further than is safe."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeAlias

import pytest
from pydantic import BaseModel

from gracy_transport import GracyConfig, GracyLinkPaginator, GracyPaginator, call_options, graceful
from gracy_transport.exceptions import GracyParseFailed, NextPageRefused, NonOkResponse, RepeatedPage, TooManyPages
from gracy_transport.testing import ScriptedResponse, ScriptedWire
from tests.facade.support import Scripted
from tests.paging.support import collect

pytestmark = pytest.mark.anyio

ORIGIN = "https://api.github.test"
ISSUES = f"{ORIGIN}/issues?per_page=2"

Site: TypeAlias = dict[str, Any]
"""What is at a URL: items and where the link to the next page leads, or an answer as it is."""


class Issue(BaseModel):
    """A model."""

    number: int


class GitHub(Scripted):
    """The example of the paginator's docstring."""

    class Config:
        BASE_URL = ORIGIN
        SETTINGS = GracyConfig(parser={"default": lambda r: r.json()})

    @graceful(parser=None)
    async def issues_page(self, url: str = "/issues?per_page=2") -> Any:
        return await self.get(url, extensions=call_options(template="/issues"))

    def issues(self, **options: Any) -> GracyLinkPaginator[Any]:
        return GracyLinkPaginator[Any](self.issues_page, **{"parser": lambda r: r.json(), **options})


Make: TypeAlias = Callable[[Site], GitHub]


@pytest.fixture
def make(family: ModuleType) -> Make:
    """Makes an API over a site, for each family."""

    def made(site: Site) -> GitHub:
        def answer(request: Any) -> ScriptedResponse:
            found = site[str(request.url)]
            if isinstance(found, ScriptedResponse):
                return found
            items, target = found
            headers = {} if target is None else {"link": f'<{target}>; rel="next", <{ISSUES}>; rel="first"'}
            return ScriptedResponse(json=items, headers=headers)

        return GitHub(family, ScriptedWire(answer))

    return made


def urls(api: GitHub) -> list[str]:
    """Returns what was asked for."""
    return [sent.url for sent in api.wire.sent]


async def refused(paginator: GracyLinkPaginator[Any], expected: list[Any]) -> NextPageRefused:
    """Returns the error that ends a loop after these pages."""
    found: list[Any] = []
    with pytest.raises(NextPageRefused) as error:
        async for page in paginator:
            found.append(page)  # noqa: PERF401 - a comprehension would lose what it has
    assert found == expected
    assert error.value.pages == len(expected)
    return error.value


async def test_it_follows_the_header(make: Make) -> None:
    """Absolute or relative, to the page without a link; loop after loop."""
    api = make(
        {
            ISSUES: ([1, 2], f"{ORIGIN}/repositories/7/issues?page=2"),
            f"{ORIGIN}/repositories/7/issues?page=2": ([3, 4], "?page=3"),
            f"{ORIGIN}/repositories/7/issues?page=3": ([5], None),
        }
    )
    async with api:
        paginator = api.issues()
        assert isinstance(paginator, GracyPaginator)
        assert await collect(paginator) == [[1, 2], [3, 4], [5]]
        assert await collect(paginator) == [[1, 2], [3, 4], [5]]
        pages = [await paginator.next_page() for _ in range(4)]
        assert pages == [[1, 2], [3, 4], [5], None]
        back = [await paginator.prev_page() for _ in range(3)]
        assert back == [[3, 4], [1, 2], None]


async def test_all_pages_are_one_row_of_the_report(make: Make) -> None:
    """Thanks to the template, however long their URLs."""
    site: Site = {f"{ORIGIN}/issues?page={n}": ([n], f"?page={n + 1}" if n < 4 else None) for n in (2, 3, 4)}
    async with make({ISSUES: ([1], "?page=2"), **site}) as api:
        await collect(api.issues())
        assert [(row.url, row.attempts) for row in api.get_report().rows] == [(f"{ORIGIN}/issues", 4)]


async def test_pages_are_what_the_parser_makes(make: Make) -> None:
    """A type as in the config, an async function, or the responses themselves."""
    async with make({ISSUES: ([{"number": 1}], None)}) as api:
        assert await collect(api.issues(parser=list[Issue])) == [[Issue(number=1)]]

        async def first(response: Any) -> Any:
            return response.json()[0]

        assert await collect(api.issues(parser=first)) == [{"number": 1}]
        (response,) = await collect(api.issues(parser=None))
        assert isinstance(response, api.family.Response)


async def test_a_parser_that_raises_leaves_the_cursor_where_it_was(make: Make) -> None:
    """With the error of all parsers, its cause, and the response."""
    async with make({ISSUES: ([1], None)}) as api:
        paginator = api.issues(parser=lambda r: r.json()["items"])
        for _ in range(2):
            with pytest.raises(GracyParseFailed, match="the parser of the paginator raised TypeError") as error:
                await paginator.next_page()
            assert isinstance(error.value.__cause__, TypeError)
            assert error.value.response.json() == [1]
        assert len(urls(api)) == 2


async def test_the_next_url_may_be_in_the_body(make: Make) -> None:
    """With get_next_url; the same care is taken of it."""
    next_page = f"{ORIGIN}/issues?page=2"
    site: Site = {ISSUES: ({"next": next_page}, "?ignored"), next_page: ({"next": "https://evil.test"}, None)}
    async with make(site) as api:
        paginator = api.issues(get_next_url=lambda r: r.json()["next"])
        assert "evil.test" in str(await refused(paginator, [{"next": next_page}, {"next": "https://evil.test"}]))


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.test/issues?page=2",
        "//evil.test/issues?page=2",
        "https://api.github.test@evil.test/issues",
        "https://api.github.test.evil.test/issues",
        "https://api.github.test:8443/issues",
        "http://api.github.test/issues?page=2",
        "http://api.github.test:443/issues?page=2",
        "ftp://api.github.test/issues",
        "javascript:alert(1)",
        "https://api.github.test\\@evil.test/issues",
        "https://api.github.test%2f@evil.test/issues",
        "https://evil.test#@api.github.test/issues",
        "https://api.github.test./issues",
    ],
)
async def test_another_host_is_refused(make: Make, target: str) -> None:
    """The credentials of the client would leak there; the page that said it has been given."""
    async with make({ISSUES: ([1], target)}) as api:
        assert "allowed_hosts=" in str(await refused(api.issues(), [[1]]))
        assert urls(api) == [ISSUES]


@pytest.mark.parametrize(
    "target",
    [
        r"https:\\evil.test/issues",
        r"\\evil.test\issues",
        r"/\evil.test/issues",
        "https:///evil.test/issues",
        "https:evil.test",
        "HTTPS://API.GitHub.test:443/issues?page=2",
    ],
)
async def test_what_is_asked_is_what_was_looked_at(family: ModuleType, target: str) -> None:
    """What a browser might take for another host is a path on this one to httpx, before the check and after it."""
    api = GitHub(family, ScriptedWire(ScriptedResponse(json=[1], headers={"link": f"<{target}>; rel=next"}), 404))
    async with api:
        with pytest.raises(NonOkResponse):
            await collect(api.issues())
        assert len(urls(api)) == 2
        assert all(url.startswith(f"{ORIGIN}/") for url in urls(api))


async def test_another_host_may_be_allowed(make: Make) -> None:
    """By its name, in any letters, with its port where it has one; a refusal says how."""
    other = "https://pages.github.test:8443/issues?page=2"
    site: Site = {ISSUES: ([1], other), other: ([2], None)}
    async with make(site) as api:
        assert "allowed_hosts=['pages.github.test:8443']" in str(await refused(api.issues(), [[1]]))
        await refused(api.issues(allowed_hosts=["pages.github.test"]), [[1]])
        assert await collect(api.issues(allowed_hosts=["Pages.GitHub.test:8443"])) == [[1], [2]]
        assert await collect(api.issues(allowed_hosts="pages.github.test:8443")) == [[1], [2]]


async def test_an_allowed_host_is_not_asked_without_encryption(make: Make) -> None:
    """Where the page before was encrypted: the credentials would be read on the way."""
    async with make({ISSUES: ([1], "http://pages.github.test/issues")}) as api:
        await refused(api.issues(allowed_hosts=["pages.github.test"]), [[1]])


async def test_https_in_place_of_http_is_the_same_host(make: Make) -> None:
    """Behind a proxy a server may not know its own scheme the first time."""
    begin = "http://api.github.test/issues"
    async with make({begin: ([1], ISSUES), ISSUES: ([2], None)}) as api:
        paginator = api.issues()
        paginator.set_page(begin)
        assert await collect(paginator) == [[1], [2]]


async def test_a_redirect_to_another_host_makes_it_no_home(make: Make) -> None:
    """The client drops the credentials on the way there; the next request would have them again."""
    moved = ScriptedResponse(status=302, headers={"location": "https://evil.test/issues"})
    site: Site = {ISSUES: moved, "https://evil.test/issues": ([1], "?page=2")}

    class Following(GitHub):
        @graceful(parser=None)
        async def issues_page(self, url: str = "/issues?per_page=2") -> Any:
            return await self.get(url, follow_redirects=True)

    async with make(site) as api:
        paginator = Following(api.family, api.wire).issues()
        assert "https://evil.test/issues?page=2" in str(await refused(paginator, [[1]]))


@pytest.mark.parametrize("target", ["https://[::1/issues", "https://a.test:port/issues", "https://\x80.test:99999999/"])
async def test_what_is_no_url_is_refused(make: Make, target: str) -> None:
    """The end of the list would be a lie."""
    async with make({ISSUES: ([1], "")}) as api:
        paginator = api.issues(get_next_url=lambda r: target)
        assert "which is no URL" in str(await refused(paginator, [[1]]))
        assert urls(api) == [ISSUES]


async def test_a_link_that_goes_in_circles_is_noticed(make: Make) -> None:
    """Also when it leads to the first page, or to the page itself."""
    second = f"{ORIGIN}/issues?page=2"
    for site, count in (({ISSUES: ([1], "")}, 1), ({ISSUES: ([1], second), second: ([2], ISSUES)}, 2)):
        async with make(site) as api:
            with pytest.raises(RepeatedPage, match=f"after {count} page"):
                await collect(api.issues())
            assert len(urls(api)) == count


async def test_max_pages_are_the_most(make: Make) -> None:
    """The page after them is named, without secrets, and not asked for."""
    async with make({ISSUES: ([1], "?page=2&token=SECRET")}) as api:
        with pytest.raises(TooManyPages, match=r"issues\?page=2&token=\[redacted\]") as error:
            await collect(api.issues(max_pages=1))
        assert "SECRET" not in str(error.value)


async def test_braces_in_a_url_are_no_placeholders(make: Make) -> None:
    """A filter may have them, and an endpoint would take them for its own."""
    second = f"{ORIGIN}/issues?filter=%7Bopen%7D"
    async with make({ISSUES: ([1], "?filter={open}"), second: ([2], None)}) as api:
        assert await collect(api.issues()) == [[1], [2]]


async def test_an_error_leaves_the_cursor_where_it_was(make: Make) -> None:
    """The page can be asked for again once the server is well."""
    second = f"{ORIGIN}/issues?page=2"
    site: Site = {ISSUES: ([1], second), second: ScriptedResponse(status=500)}
    async with make(site) as api:
        paginator = api.issues()
        await paginator.next_page()
        with pytest.raises(NonOkResponse):
            await paginator.next_page()
        site[second] = ([2], None)
        assert await paginator.next_page() == [2]


async def test_set_page_takes_a_url(make: Make) -> None:
    """None is the first page."""
    third = f"{ORIGIN}/issues?page=3"
    async with make({ISSUES: ([1], third), third: ([3], None)}) as api:
        paginator = api.issues()
        paginator.set_page(third)
        assert await collect(paginator) == [[3]]
        assert await paginator.prev_page() is None
        paginator.set_page(None)
        assert await collect(paginator) == [[1], [3]]


async def test_none_in_place_of_a_response_is_the_end(make: Make) -> None:
    """From a method that makes None of a 404, or a parser that does."""

    async def nothing() -> None:
        return None

    async with make({ISSUES: ([1], "?page=2")}) as api:
        assert await collect(GracyLinkPaginator[Any](nothing)) == []
        assert await collect(api.issues(parser=lambda r: None)) == []


async def test_a_method_that_parses_is_told_what_to_do(make: Make) -> None:
    """The header is gone by then."""
    async with make({ISSUES: ([1], None)}) as api:

        async def parsed() -> Any:
            return await api.get("/issues?per_page=2")

        with pytest.raises(TypeError, match=r"returned list, .* decorate the method with @graceful\(parser=None\)"):
            await collect(GracyLinkPaginator[Any](parsed))


@pytest.mark.parametrize("host", ["", "https://a.test", "a.test/x", "me@a.test", "*.a.test", "a b"])
def test_a_host_is_nothing_but_a_host(host: str, make: Make) -> None:
    """At construction: an entry that never matches would be found out too late."""
    with pytest.raises(ValueError, match="give 'host' or 'host:port'"):
        make({}).issues(allowed_hosts=[host])
