"""Whole pictures that are asked for by INFO (RFC 5168)."""

import pytest

from gateway.signals import Picture
from gateway.sip.leg import Credentials
from tests.sip.ladder import calling, in_call

KIND = "application/media_control+xml"
ASKED = ("WWW-Authenticate", 'Digest realm="r", nonce="n", qop="auth"')


@pytest.mark.parametrize(
    "body",
    [
        '<?xml version="1.0"?><media_control><vc_primitive><to_encoder><picture_fast_update/></to_encoder>'
        "</vc_primitive></media_control>",
        "<media_control>\r\n<vc_primitive>\r\n<to_encoder>\r\n<picture_fast_update >\r\n</picture_fast_update>",
        "<m:media_control xmlns:m='urn:x'><m:picture_fast_update/></m:media_control>",
    ],
)
def test_a_phone_asks_for_a_whole_picture(body: str) -> None:
    call = in_call()
    assert call.asks("INFO", body, content_type=KIND) == ["200 INFO", "Picture"]
    assert not call.leg.dropped


@pytest.mark.parametrize("body", ["<media_control/>", "picture_fast_update", "<picture_fast_updates/>"])
def test_whatever_else_it_says_there_is_taken_and_passed_on_to_nobody(body: str) -> None:
    call = in_call()
    assert call.asks("INFO", body, content_type=KIND) == ["200 INFO"]
    assert call.leg.dropped == [f"INFO {KIND}"]


def test_a_phone_is_asked_for_one_and_again_when_it_has_answered() -> None:
    call = in_call()
    assert call.says(Picture()) == ["INFO"]
    asked = call.last("INFO").request
    assert asked.first("Content-Type") == KIND
    assert b"<to_encoder><picture_fast_update/></to_encoder>" in asked.body
    assert call.says(Picture()) == []
    assert call.answered(200, to="INFO") == []
    assert call.says(Picture()) == ["INFO"]
    assert call.fails("INFO") == []
    assert call.says(Picture()) == ["INFO"]


@pytest.mark.parametrize("status", [405, 415, 501])
def test_a_phone_that_knows_of_none_is_not_asked_again(status: int) -> None:
    call = in_call()
    call.says(Picture())
    assert call.answered(status, to="INFO") == []
    assert call.says(Picture()) == []
    assert not call.leg.deaf  # digits are another matter


def test_who_asks_shows_the_password_where_that_is_wanted() -> None:
    call = in_call(credentials=Credentials("romeo", "secret"))
    call.says(Picture())
    assert call.answered(401, to="INFO", headers=(ASKED,)) == ["INFO"]
    assert call.last("INFO").request.first("Authorization") is not None
    assert call.answered(200, to="INFO") == []


def test_nobody_is_asked_before_there_is_a_call() -> None:
    call = calling()
    assert call.says(Picture()) == []
