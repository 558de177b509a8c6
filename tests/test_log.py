"""Lines in the log: what they have, and what they never have."""

import inspect
import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from gateway import log
from gateway.config.house import Log


@pytest.fixture(autouse=True)
def undone() -> Iterator[None]:
    """Leave logging as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def said(stream: io.StringIO) -> list[dict[str, Any]]:
    """The lines of a stream, as JSON."""
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_line_is_json_with_its_time_level_and_event_first() -> None:
    stream = io.StringIO()
    log.configure(stream=stream)
    structlog.get_logger().bind(call="c1").info("call_opened", origin="xmpp", text=None)
    (line,) = said(stream)
    assert list(line) == ["timestamp", "level", "event", "call", "origin", "text"]
    assert (line["level"], line["event"], line["text"]) == ("info", "call_opened", None)
    assert line["timestamp"].endswith("+00:00")


def test_what_is_bound_to_the_context_is_in_the_line() -> None:
    stream = io.StringIO()
    log.configure(stream=stream)
    with structlog.contextvars.bound_contextvars(call="c1"):
        structlog.get_logger().info("leg_answered")
    assert said(stream)[0]["call"] == "c1"


def test_lines_below_the_level_are_not_written() -> None:
    stream = io.StringIO()
    log.configure(level="warning", stream=stream)
    structlog.get_logger().info("call_opened")
    structlog.get_logger().warning("peer_refused")
    assert [line["event"] for line in said(stream)] == ["peer_refused"]


def test_auto_is_readable_in_a_terminal() -> None:
    stream = Terminal()
    log.configure(stream=stream)
    structlog.get_logger().info("call_opened", call="c1")
    assert "call_opened" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


def test_console_has_no_colours_in_a_file_and_shows_no_locals_of_a_failure() -> None:
    stream = io.StringIO()
    log.configure(format="console", stream=stream)
    password = "open sesame"
    try:
        raise RuntimeError(len(password))
    except RuntimeError:
        structlog.get_logger().exception("call_failed")
    assert "\x1b" not in stream.getvalue()
    assert "RuntimeError: 11" in stream.getvalue()
    assert "password = 'open" not in stream.getvalue()


def test_a_failure_of_ours_comes_with_its_traceback_in_one_line() -> None:
    stream = io.StringIO()
    log.configure(stream=stream)
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        structlog.get_logger().exception("call_failed", call="c1")
    (line,) = said(stream)
    assert line["level"] == "error"
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("RuntimeError: boom\n")


def test_what_json_has_no_word_for_is_written_as_text() -> None:
    stream = io.StringIO()
    log.configure(stream=stream)
    structlog.get_logger().info("stopped", stop=object)
    assert said(stream)[0]["stop"] == "<class 'object'>"


def test_what_no_utf_8_can_hold_is_shown_by_its_code_and_breaks_nothing() -> None:
    stream = io.StringIO()
    log.configure(stream=stream)
    structlog.get_logger().info("call_ended", sip_call_id="m16\udcdc8", names=["a\udcff"])
    assert (said(stream)[0]["sip_call_id"], said(stream)[0]["names"]) == ("m16\\udcdc8", ["a\\udcff"])


def test_libraries_are_heard_from_warning_on_and_without_secrets() -> None:
    stream = io.StringIO()
    log.configure(level="debug", stream=stream)
    log.configure(level="debug", stream=stream)
    library = logging.getLogger("slixmpp.xmlstream")
    library.info("RECV: <handshake>0123</handshake>")
    library.warning("odd stanza <handshake>%s</handshake>", "0123")
    (line,) = said(stream)
    assert (line["event"], line["logger"]) == ("library_complained", "slixmpp.xmlstream")
    assert line["text"] == "odd stanza <handshake>***</handshake>"


def test_a_librarys_failure_is_an_error_with_its_traceback() -> None:
    stream = io.StringIO()
    log.configure(stream=stream)
    try:
        raise RuntimeError("boom")
    except RuntimeError:
        logging.getLogger("asyncio").exception("Task exception was never retrieved")
    (line,) = said(stream)
    assert line["level"] == "error"
    assert "boom" in line["exception"]


def test_a_stream_that_cannot_be_written_stops_no_library(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    log.configure(stream=stream)
    stream.close()
    logging.getLogger("asyncio").warning("odd")
    assert "I/O operation on closed file" in capsys.readouterr().err


def test_the_settings_of_the_file_are_the_arguments() -> None:
    assert set(Log.__struct_fields__) == set(inspect.signature(log.configure).parameters) - {"stream"}


# -------------------------------------------------------------------------------------------------------------- secrets


@pytest.mark.parametrize(
    ("wire", "redacted"),
    [
        ("v=0\ra= ice-pwd :hush\rm=audio", "v=0\ra= ice-pwd :***\rm=audio"),
        ("Authorization\r\n : Digest a\r\n b\r\nTo: x", "Authorization\r\n :***\r\nTo: x"),
        ("Authorization: Digest a\r b\r\nTo: x", "Authorization:***\r\nTo: x"),
        ("Authentication-Info: rspauth=hush, nc=1", "Authentication-Info: rspauth=***, nc=1"),
        ("a=ice-ufrag:abcd\r\na=ice-pwd:hush\r\nm=audio", "a=ice-ufrag:abcd\r\na=ice-pwd:***\r\nm=audio"),
        ("<transport ufrag='abcd' pwd='hush'/>", "<transport ufrag='abcd' pwd=***/>"),
        ('<transport pwd="hush" ufrag="abcd"/>', '<transport pwd=*** ufrag="abcd"/>'),
        (
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:hu/sh+=|2^20|1:4\r\n",
            "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:***|2^20|1:4\r\n",
        ),
        ("<crypto key-params='inline:hush' tag='1'/>", "<crypto key-params='inline:***' tag='1'/>"),
        ("a=key-mgmt:mikey hush\r\n", "a=key-mgmt:***\r\n"),
        ("k=clear:hush\r\n", "k=***\r\n"),
        (
            'Authorization: Digest username="a", response="hush"\r\nContact: <sip:x>\r\n',
            "Authorization:***\r\nContact: <sip:x>\r\n",
        ),
        (
            'proxy-authorization : Digest username="a",\r\n response="hush",\r\n\tcnonce="b"\r\nVia: x\r\n',
            "proxy-authorization :***\r\nVia: x\r\n",
        ),
        ("Authorization: Bearer hush\r\n", "Authorization:***\r\n"),
        ('WWW-Authenticate: Digest nonce="n"\r\n', 'WWW-Authenticate: Digest nonce="n"\r\n'),
        ('Authentication-Info: rspauth="hush", nc=1\r\n', "Authentication-Info: rspauth=***, nc=1\r\n"),
        ("<handshake>hush</handshake>", "<handshake>***</handshake>"),
        (
            "<c:handshake xmlns:c='jabber:component:accept'>hush</c:handshake>",
            "<c:handshake xmlns:c='jabber:component:accept'>***</c:handshake>",
        ),
        ("<query><password>hush</password></query>", "<query><password>***</password></query>"),
        (
            '<field type="text-private" var="password"><value>hush</value><value>hush</value></field><field var="a">b',
            '<field type="text-private" var="password">***</field><field var="a">b',
        ),
        ("<x:field var='password'>\n <x:value>hush</x:value></x:field>", "<x:field var='password'>***</x:field>"),
        ('<field var="password" /><field var="a">b</field>', '<field var="password" /><field var="a">b</field>'),
        ("<service type='turn' username='u' password='hush'/>", "<service type='turn' username='u' password=***/>"),
        ("INVITE sip:bob:hush@x.example SIP/2.0", "INVITE sip:bob:***@x.example SIP/2.0"),
        ("Contact: <sip:bob@x.example:5060>", "Contact: <sip:bob@x.example:5060>"),
        ("MESSAGE sip:a@b SIP/2.0\r\ns: hush\r\n\r\nhush", "MESSAGE sip:a@b SIP/2.0\r\ns:***\r\n\r\n***"),
        (
            "<message><subject>hush</subject><body xml:lang='de'>hush</body><body/></message>",
            "<message><subject>***</subject><body xml:lang='de'>***</body><body/></message>",
        ),
    ],
)
def test_secrets_are_taken_out_of_what_was_on_the_wire(wire: str, redacted: str) -> None:
    assert log.redacted(wire) == redacted
    stream = io.StringIO()
    log.configure(level="debug", identities="full", stream=stream)
    structlog.get_logger().debug("sip_message_received", wire=wire.encode())
    assert said(stream)[0]["wire"] == redacted
    assert "hush" not in stream.getvalue()


def test_secrets_are_taken_out_of_what_a_peer_says_in_words() -> None:
    stream = io.StringIO()
    log.configure(identities="full", stream=stream)
    structlog.get_logger().info("call_ended", text="302 Moved Temporarily: sip:bob:hush@pbx.example")
    assert said(stream)[0]["text"] == "302 Moved Temporarily: sip:bob:***@pbx.example"


@given(st.text(alphabet="pwdinlasro=:'\"<>/ \r\n\thkeAutiz-", max_size=300))
def test_redaction_takes_any_text_and_is_done_once(text: str) -> None:
    once = log.redacted(text)
    assert log.redacted(once).replace("***", "") == once.replace("***", "")


@pytest.mark.parametrize(
    "text",
    [
        "a" * 200_000,
        "<" * 50_000,
        "pwd='" * 20_000,
        "sip:a:" * 20_000,
        "authorization:\r\n " * 10_000,
        "<password " * 20_000,
        "+1" * 50_000,
    ],
)
def test_redaction_and_masking_take_time_in_proportion(text: str) -> None:
    log.redacted(text)
    log.masked(text)


# ----------------------------------------------------------------------------------------------------------- identities


@pytest.mark.parametrize(
    ("full", "masked"),
    [
        ("alice", "a…"),
        ("gw.example", "gw.example"),
        ("juliet@example.org/balcony", "j…@example.org/balcony"),
        ("+15551230000@gw.example", "+15…00@gw.example"),
        ("+15551230000", "+15…00"),
        ("7042", "7…"),
        ("7042;phone-context=example.org", "7…"),
        ("alice@sip.example.org", "a…@sip.example.org"),
        ("alice\\40sip.example.org@gw.example", "a…@gw.example"),
        ("sip:+15551230000@192.0.2.1:5060;user=phone", "sip:+15…00@192.0.2.1:5060;user=phone"),
        ("sip:juliet%40capulet.example@gw.example", "sip:j…@gw.example"),
        ("tel:+15551230000", "tel:+15…00"),
        ("tel:7042;phone-context=example.org", "tel:7…;phone-context=example.org"),
        ("127.0.0.1:5347", "127.0.0.1:5347"),
        ("[2001:db8::1]:5060", "[2001:db8::1]:5060"),
    ],
)
def test_users_and_numbers_are_shortened(full: str, masked: str) -> None:
    stream = io.StringIO()
    log.configure(stream=stream)
    structlog.get_logger().info("call_opened", caller=full, callee=full, peer=full)
    (line,) = said(stream)
    assert line["caller"] == line["callee"] == line["peer"] == masked


def test_users_and_numbers_in_messages_and_texts_are_shortened_and_the_rest_is_left() -> None:
    stream = io.StringIO()
    log.configure(level="debug", stream=stream)
    wire = "INVITE sip:+15551230000@x.example SIP/2.0\r\nCSeq: 314159 INVITE\r\nm=audio 49170 RTP/AVP 0\r\n"
    text = "no answer within 14400 seconds from +15551230000"
    structlog.get_logger().debug("sip_message_sent", wire=wire, text=text)
    (line,) = said(stream)
    assert line["wire"] == wire.replace("+15551230000", "+15…00")
    assert line["text"] == "no answer within 14400 seconds from +15…00"


def test_the_operator_may_have_them_in_full() -> None:
    stream = io.StringIO()
    log.configure(identities="full", stream=stream)
    structlog.get_logger().info("call_opened", caller="juliet@example.org/balcony")
    assert said(stream)[0]["caller"] == "juliet@example.org/balcony"
