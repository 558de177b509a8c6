"""What a stranger's stanza may not do to the one stream that carries every call."""

import asyncio
from xml.etree.ElementTree import Element, SubElement, fromstring

from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from gateway.metrics import Metrics
from gateway.net.xmpp import XmppPort, XmppPortSettings, _text
from gateway.stanza import Stanza, error
from mappings.namespaces import COMPONENT

DEEPER_THAN_PYTHON_GOES = 20_000


def test_an_error_leaves_in_the_namespace_of_its_stanza() -> None:
    """Elsewhere a client would not see it, and wait for an answer that it has had."""
    asked = Stanza(kind="iq", type="get", id="1", sender="m@far.example/x", to="+1555@gw.example")
    written = fromstring(f"<stream xmlns='{COMPONENT}'>{_text(error(asked, 'item-not-found'))}</stream>")
    assert [child.tag for child in written[0]] == [f"{{{COMPONENT}}}error"]


def nested(levels: int) -> Element:
    """A message whose innermost element lies so deep."""
    inner = message = Element(f"{{{COMPONENT}}}message", {"from": "m@far.example/x", "to": "+1555@gw.example"})
    for _ in range(levels):
        inner = SubElement(inner, "{urn:example}a")
    return message


def test_a_stanza_too_deep_to_be_written_is_taken_and_told_at_debug() -> None:
    came: list[Stanza] = []

    async def take() -> None:
        settings = XmppPortSettings(domain="gw.example", host="127.0.0.1", port=1, secret="x")
        port = XmppPort(settings, on_stanza=came.append, observer=Metrics(CollectorRegistry()).xmpp)
        assert port._shows
        port._received(nested(DEEPER_THAN_PYTHON_GOES))

    with capture_logs() as logs:
        asyncio.run(take())
    assert [stanza.sender for stanza in came] == ["m@far.example/x"]
    assert [entry["wire"] for entry in logs] == ["<message/> nested too deep to be shown"]
