"""What is in a body, by its media type."""

from __future__ import annotations

import pytest

from gracy_transport.replay.content import is_text, is_xml


@pytest.mark.parametrize(
    ("media_type", "expected"),
    [
        ("text/plain", True),
        (" Text/HTML", True),
        ("application/json", True),
        ("application/vnd.api+json; charset=utf-8", True),
        ("application/x-ndjson", True),
        ("application/soap+xml", True),
        ("image/svg+xml", True),
        ("application/x-www-form-urlencoded", True),
        ("application/odd; charset=latin-1", True),
        ("application/octet-stream", False),
        ("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", False),
        ("", False),
    ],
)
def test_text_is_told_from_bytes(media_type: str, *, expected: bool) -> None:
    """By what the type ends with; an office's zipped files are no XML."""
    assert is_text(media_type) is expected


def test_xml_is_told_by_its_ending() -> None:
    """Whatever it is made for."""
    kinds = ("text/xml", "application/soap+xml; a=b", "application/xml-dtd")
    assert [kind for kind in kinds if is_xml(kind)] == [*kinds[:2]]
