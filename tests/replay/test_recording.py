"""The recording as a value."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from gracy_transport.replay import RecordedRequest, RecordedResponse, Recording

AT = datetime(2026, 11, 22, 16, 30, 0, 123456, UTC)


@pytest.mark.parametrize(("status", "is_good"), [(200, True), (302, True), (304, True), (404, False), (500, False)])
def test_a_good_answer_is_one_below_400(status: int, is_good: bool) -> None:
    """Redirects are good: a replay has to follow them."""
    assert Recording(RecordedRequest("GET", ""), AT, RecordedResponse(status)).is_good is is_good


def test_a_media_type_may_be_absent() -> None:
    """It is empty then."""
    assert RecordedRequest("GET", "").media_type == ""
    assert RecordedRequest("GET", "", (("content-type", "text/plain"),)).media_type == "text/plain"
