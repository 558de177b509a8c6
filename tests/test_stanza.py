"""Stanzas as values."""

from xml.etree.ElementTree import Element

from gateway.stanza import Stanza

NAMESPACE = "urn:example:speech"


def test_a_stanza_speaks_a_namespace_even_by_an_element_without_children() -> None:
    """An Element without children is false in Python, which once made every <ringing/> unheard."""
    stanza = Stanza(kind="message", sender="a@b", to="c@d", children=(Element(f"{{{NAMESPACE}}}word"),))
    assert stanza.speaks(NAMESPACE)
    assert not stanza.speaks("urn:example")
