"""The component stream: how it begins, breaks, comes back, and what waits meanwhile."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any
from unittest import mock
from xml.etree.ElementTree import Element

import pytest
from structlog.testing import capture_logs

from gateway.errors import TransportError
from gateway.net.xmpp import XmppPort, XmppPortSettings
from gateway.stanza import Stanza
from tests.net.component_server import ComponentServer, component_server
from tests.peers.program import PATIENCE_SECONDS

ROMEO = "romeo@montague.example/phone"
US = "+15551230000@gw.example/sip"


class Counts:
    """Counts as metrics do."""

    def __init__(self) -> None:
        self.of: Counter[tuple[object, ...]] = Counter()
        self.states: asyncio.Queue[bool] = asyncio.Queue()

    def stanza(self, direction: str, kind: str) -> None:
        self.of[direction, kind] += 1

    def xmpp_connected(self, connected: bool) -> None:
        self.states.put_nowait(connected)

    def xmpp_reconnected(self) -> None:
        self.of["reconnected",] += 1

    async def becomes(self, connected: bool) -> None:
        """Wait for the stream to stand, or to be gone."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            while await self.states.get() is not connected:
                pass


class Rig:
    """A port, its server, and what came."""

    def __init__(self, server: ComponentServer, log: list[Any], **settings: Any) -> None:
        self.server = server
        self.log = log
        self.counts = Counts()
        self.stanzas: asyncio.Queue[Stanza] = asyncio.Queue()
        self.raises = False
        values: dict[str, Any] = {
            "domain": "gw.example",
            "host": server.host,
            "port": server.port,
            "secret": "test",
            "backoff_first_seconds": 0.02,
            "backoff_most_seconds": 0.05,
        }
        self.port = XmppPort(XmppPortSettings(**values | settings), on_stanza=self._took, observer=self.counts)

    def _took(self, stanza: Stanza) -> None:
        if self.raises:
            self.raises = False
            raise ZeroDivisionError("a bug of ours")
        self.stanzas.put_nowait(stanza)

    async def stanza(self) -> Stanza:
        """The next stanza that came."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            return await self.stanzas.get()

    def events(self) -> list[str]:
        """What was logged, by name."""
        return [entry["event"] for entry in self.log]


@contextlib.asynccontextmanager
async def rig(secret: str = "test", **settings: Any) -> AsyncIterator[Rig]:
    """A port that has begun to connect; in the end nothing of it is left."""
    with capture_logs() as log:
        async with component_server(secret) as server:
            made = Rig(server, log, **settings)
            made.port.start()
            try:
                yield made
            finally:
                await made.port.stop()
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, left


def say(text: str, number: int = 1) -> Stanza:
    """A message of ours."""
    body = Element("{jabber:component:accept}body")
    body.text = text
    return Stanza(kind="message", type="chat", id=f"m{number}", sender=US, to=ROMEO, children=(body,))


@pytest.mark.conformance("COMP-01")
async def test_the_handshake_is_the_hash_of_stream_id_and_secret() -> None:
    async with rig() as made:
        await made.counts.becomes(True)
        assert made.server.handshakes == ["aaee83c26aeeafcbabeabfcbcd50df997e0a2a1e"]
        assert made.port.connected
        assert made.port.last_failure is None


@pytest.mark.conformance("COMP-02")
async def test_a_wrong_secret_is_said_and_tried_again() -> None:
    async with rig(secret="another") as made:
        with pytest.raises(TransportError, match="not-authorized"):
            await made.port.established()
        with pytest.raises(TransportError, match="not-authorized"):
            await made.port.established()
        assert made.server.connections >= 2
        assert made.port.last_failure == "not-authorized"
        assert not made.port.connected
        assert {"xmpp_refused", "xmpp_reconnecting"} <= set(made.events())
        made.server.secret = "test"
        await made.counts.becomes(True)
        assert made.port.last_failure is None


async def test_a_server_that_is_not_there_is_tried_until_it_is() -> None:
    async with rig() as made:
        await made.counts.becomes(True)
        await made.server.stop()
        await made.counts.becomes(False)
        with pytest.raises(TransportError):
            await made.port.established()
        assert made.port.last_failure
        await made.server.start()
        await made.counts.becomes(True)
        assert made.counts.of["reconnected",] == 1


async def test_a_server_that_takes_connections_and_says_nothing_is_tried_again() -> None:
    async with rig(handshake_seconds=0.05) as made:
        made.server.is_mute = True
        with pytest.raises(TransportError, match=r"no handshake within 0\.05 seconds"):
            await made.port.established()
        made.server.is_mute = False
        await made.counts.becomes(True)


@pytest.mark.conformance("COMP-03")
async def test_what_is_sent_while_the_stream_is_down_goes_out_in_order_when_it_is_back() -> None:
    async with rig() as made:
        await made.counts.becomes(True)
        made.server.drop()
        await made.counts.becomes(False)
        made.port.send(say("one"))
        made.port.send(say("two"))
        await made.counts.becomes(True)
        assert "one" in await made.server.stanza()
        assert "two" in await made.server.stanza()
        assert made.counts.of["out", "message"] == 2
        assert next(entry["held"] for entry in reversed(made.log) if entry["event"] == "xmpp_connected") == 2


async def test_what_waited_too_long_is_dropped() -> None:
    async with rig(hold_seconds=0.0) as made:
        made.port.send(say("old news"))
        await made.counts.becomes(True)
        made.port.send(say("fresh"))
        assert "fresh" in await made.server.stanza()


async def test_of_too_much_that_waits_the_oldest_is_dropped() -> None:
    async with rig(hold_limit=2) as made:
        for word in ("one", "two", "three"):
            made.port.send(say(word))
        await made.counts.becomes(True)
        assert "two" in await made.server.stanza()
        assert "three" in await made.server.stanza()


async def test_the_wait_between_attempts_doubles_with_jitter_up_to_the_longest() -> None:
    waits: list[float] = []
    async with rig(secret="another", backoff_first_seconds=0.004, backoff_most_seconds=0.03) as made:
        while len(waits) < 6:
            with contextlib.suppress(TransportError):
                await made.port.established()
            waits = [entry["delay_seconds"] for entry in made.log if entry["event"] == "xmpp_reconnecting"]
    for attempt, wait in enumerate(waits):
        most = min(0.03, 0.004 * 2 ** (attempt + 1))
        assert most / 2 - 0.006 <= wait <= most + 0.006, waits


@pytest.mark.parametrize("chance", [0.0, 0.999])
async def test_jitter_is_half_of_the_wait(chance: float) -> None:
    with mock.patch("gateway.net.xmpp.random.random", return_value=chance):
        async with rig(secret="another", backoff_first_seconds=1.0, backoff_most_seconds=60.0) as made:
            with contextlib.suppress(TransportError):
                await made.port.established()
            (entry,) = [entry for entry in made.log if entry["event"] == "xmpp_reconnecting"]
            assert entry["delay_seconds"] == pytest.approx(2.0 * (0.5 + chance / 2), abs=0.01)


async def test_a_silent_server_that_answers_pings_is_kept() -> None:
    async with rig() as made:
        await made.counts.becomes(True)
        stream: Any = made.port._stream
        made.port._cancel_timer()
        for _ in range(3):
            made.port._watch()
            made.port._ask(stream)  # as when the stream has been silent for long enough
            assert (await made.stanza()).id == "ping"
            made.port._judge(stream)
        assert made.port.connected
        assert made.server.connections == 1


async def test_a_server_that_does_not_answer_pings_is_left() -> None:
    async with rig(idle_ping_seconds=0.02) as made:
        await made.counts.becomes(True)
        made.server.answers_pings = False
        await made.counts.becomes(False)
        assert made.port.last_failure == "the server does not answer"
        made.server.answers_pings = True
        await made.counts.becomes(True)


async def test_a_busy_stream_is_not_pinged() -> None:
    async with rig() as made:
        await made.counts.becomes(True)
        stream: Any = made.port._stream
        for number in range(3):
            made.server.send(f"<message from='{ROMEO}' to='{US}' id='n{number}'/>")
            assert (await made.stanza()).id == f"n{number}"  # and no ping of ours that comes back
            made.port._ask(stream)


async def test_a_stanza_comes_as_a_value_with_its_children() -> None:
    async with rig() as made:
        await made.counts.becomes(True)
        made.server.send(f"<iq type='set' from='{ROMEO}' to='{US}' id='i1'><jingle xmlns='urn:xmpp:jingle:1'/></iq>")
        stanza = await made.stanza()
        assert (stanza.kind, stanza.type, stanza.id, stanza.sender, stanza.to) == ("iq", "set", "i1", ROMEO, US)
        assert [child.tag for child in stanza.children] == ["{urn:xmpp:jingle:1}jingle"]
        assert made.counts.of["in", "iq"] == 1


@pytest.mark.conformance("COMP-04")
async def test_a_stanza_goes_out_with_from_and_to_and_what_is_markup_in_it_escaped() -> None:
    async with rig() as made:
        await made.counts.becomes(True)
        made.port.send(say("<&>\"'"))
        text = await made.server.stanza()
        assert f'from="{US}"' in text
        assert f'to="{ROMEO}"' in text
        assert "&lt;&amp;&gt;" in text


async def test_a_stanza_that_breaks_us_breaks_no_stream() -> None:
    async with rig() as made:
        await made.counts.becomes(True)
        made.raises = True
        made.server.send(f"<message from='{ROMEO}' to='{US}' id='bad'/><message from='{ROMEO}' to='{US}' id='good'/>")
        assert (await made.stanza()).id == "good"
        assert "stanza_failed" in made.events()
        assert made.port.connected


async def test_an_error_of_ours_at_the_news_of_the_stream_does_not_keep_it_from_coming_back() -> None:
    def broken(connected: bool) -> None:
        raise ZeroDivisionError("a bug of ours")

    async with rig() as made:
        await made.counts.becomes(True)
        made.port._on_connected = broken
        made.server.drop()
        await made.counts.becomes(False)
        await made.counts.becomes(True)
        assert made.port._timer is not None  # it is watched
        assert made.events().count("xmpp_change_failed") == 2


@pytest.mark.conformance("ROB-02")
@pytest.mark.parametrize(
    "text",
    [
        "<!DOCTYPE x [<!ENTITY a 'aaaa'>]><message>&a;</message>",
        "<message>&undefined;</message>",
        "<message><oops></message>",
    ],
)
async def test_xml_that_no_stream_may_hold_ends_it_and_it_comes_back(text: str) -> None:
    async with rig() as made:
        await made.counts.becomes(True)
        made.server.send(text)
        await made.counts.becomes(False)
        await made.counts.becomes(True)
        assert made.stanzas.empty()


async def test_what_is_said_while_a_broken_stream_closes_waits_for_the_next() -> None:
    async with rig() as made:
        await made.counts.becomes(True)
        made.server.closes_in_good_order = False
        made.server.send("<message><oops></message>")
        stream: Any = made.port._stream
        while stream.is_open:  # noqa: ASYNC110 - slixmpp tells nobody
            await asyncio.sleep(0.001)
        made.port.send(say("too"))
        made.port.send(say("late"))
        made.server.drop()
        await made.counts.becomes(False)
        await made.counts.becomes(True)
        assert "too" in await made.server.stanza()
        assert "late" in await made.server.stanza()


async def test_what_was_said_just_before_the_end_is_sent() -> None:
    async with rig() as made:
        await made.counts.becomes(True)
        made.port.send(say("farewell"))
        await made.port.stop()
        assert "farewell" in await made.server.stanza()
        assert not made.port.connected


async def test_a_port_that_is_stopped_while_it_waits_does_not_connect_any_more() -> None:
    async with rig(secret="another") as made:
        with contextlib.suppress(TransportError):
            await made.port.established()
        await made.port.stop()
        before = made.server.connections
        await asyncio.sleep(0.1)
        assert made.server.connections == before


async def test_the_secret_is_in_no_settings_that_are_printed() -> None:
    assert "hush" not in repr(XmppPortSettings(domain="gw.example", host="::1", port=1, secret="hush"))
