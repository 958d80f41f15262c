"""README, "Strict/Allowed status code": which answers are successes."""

from __future__ import annotations

from http import HTTPStatus
from types import ModuleType
from typing import Any

import pytest

from gracy_transport.exceptions import BadResponse, GracyException, NonOkResponse, UnexpectedResponse
from tests.readme.support import api_with, wire_of

pytestmark = pytest.mark.anyio

STRICT_ONE: dict[str, Any] = {"strict_status_code": HTTPStatus.CREATED}
STRICT_SOME: dict[str, Any] = {"strict_status_code": {HTTPStatus.OK, HTTPStatus.CREATED}}
ALLOWED_ONE: dict[str, Any] = {"allowed_status_code": HTTPStatus.NOT_FOUND}
ALLOWED_SOME: dict[str, Any] = {"allowed_status_code": {HTTPStatus.NOT_FOUND, HTTPStatus.FORBIDDEN}}


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({}, 200),
        ({}, 299),
        (STRICT_ONE, 201),
        (STRICT_SOME, 200),
        (STRICT_SOME, 201),
        ({"strict_status_code": [200, 201]}, 201),
        ({"allowed_status_code": [404, 403]}, 403),
        (ALLOWED_ONE, 204),
        (ALLOWED_ONE, 404),
        (ALLOWED_SOME, 403),
        (ALLOWED_SOME, 404),
        ({"strict_status_code": {404}}, 404),
    ],
)
async def test_these_are_successes(family: ModuleType, settings: dict[str, Any], status: int) -> None:
    """The caller gets the response, and the report says that all went well."""
    async with api_with(family, wire_of(status), **settings) as api:
        assert (await api.get_pokemon()).status_code == status
    assert api.get_report().total.success_rate == 100


@pytest.mark.parametrize(
    ("settings", "status", "kind"),
    [
        ({}, 404, NonOkResponse),
        ({}, 302, NonOkResponse),
        ({}, 500, NonOkResponse),
        (STRICT_ONE, 200, UnexpectedResponse),
        (STRICT_SOME, 204, UnexpectedResponse),
        (STRICT_SOME, 500, UnexpectedResponse),
        (ALLOWED_ONE, 403, NonOkResponse),
        (ALLOWED_SOME, 500, NonOkResponse),
        ({**STRICT_ONE, **ALLOWED_ONE}, 404, UnexpectedResponse),
    ],
    ids=str,
)
async def test_these_are_failures(
    family: ModuleType, settings: dict[str, Any], status: int, kind: type[BadResponse]
) -> None:
    """`strict_status_code` takes precedence over `allowed_status_code`; the error keeps the response."""
    async with api_with(family, wire_of(status), **settings) as api:
        with pytest.raises(kind) as raised:
            await api.get_pokemon()
    assert type(raised.value).__mro__.index(kind) < type(raised.value).__mro__.index(GracyException)
    assert raised.value.response.status_code == status
    assert api.get_report().total.success_rate == 0
