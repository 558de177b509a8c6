"""What a WebSocket handshake must say (RFC 7118 §4)."""

import pytest

from gateway.sip.web import refusal

GOOD = {"Upgrade": "WebSocket", "Sec-WebSocket-Protocol": "chat, sip"}


@pytest.mark.parametrize(
    ("method", "headers", "origins", "status"),
    [
        ("GET", GOOD, [], None),
        ("POST", GOOD, [], 426),
        ("GET", GOOD | {"Upgrade": "h2c"}, [], 426),
        ("GET", {}, [], 426),
        ("GET", GOOD | {"Sec-WebSocket-Protocol": "sips"}, [], 400),
        ("GET", {"Upgrade": "websocket"}, [], 400),
        ("GET", GOOD | {"Origin": "https://a.example"}, [], 403),
        ("GET", GOOD | {"Origin": "https://A.example"}, ["https://a.example"], None),
        ("GET", GOOD | {"Origin": "https://a.example.evil"}, ["https://a.example"], 403),
        ("GET", GOOD | {"Origin": "null"}, ["*"], None),
        ("GET", GOOD | {"Origin": ""}, ["https://a.example"], 403),
    ],
)
def test_a_handshake_is_for_sip_and_from_whom_it_may_be(
    method: str, headers: dict[str, str], origins: list[str], status: int | None
) -> None:
    found = refusal(method, headers, origins)
    assert (found[0] if found else None) == status
