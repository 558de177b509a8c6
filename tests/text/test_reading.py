"""Texts in stanzas: what is written is read, and whatever a client sends is a text, none, or refused."""

from xml.etree.ElementTree import Element, fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.stanza import Stanza
from gateway.text import reading
from gateway.text.reading import LONGEST, Text
from mappings import namespaces as ns

WRITABLE = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="\ufffe\uffff"), max_size=60)
NAMES = st.sampled_from(
    [
        "body", "subject", "thread", f"{{{ns.COMPONENT}}}body", "{urn:other}body", f"{{{ns.OMEMO}}}encrypted",
        f"{{{ns.EME}}}encryption", f"{{{ns.RECEIPTS}}}request", f"{{{ns.RETRACT}}}retract",
        "{http://jabber.org/protocol/chatstates}active", "{urn:xmpp:carbons:2}sent",
    ]
)  # fmt: skip


def message(*children: Element, lang: str = "") -> Stanza:
    """A chat message with these in it."""
    return Stanza(kind="message", type="chat", id="m", sender="a@b/c", to="+1@gw.example", children=children, lang=lang)


@given(
    WRITABLE.filter(lambda said: said.strip() != "" and not said.startswith("?OTR")),
    WRITABLE,
    st.sampled_from(["", "de"]),
)
def test_what_is_written_is_read(body: str, subject: str, lang: str) -> None:
    text = Text(body=body, lang=lang, subject=reading.one_line(subject), thread="t@h")
    written = reading.write(text, sender="x@gw.example/sip", to="a@b", id="1", type="normal", nick="N")
    assert reading.read(written) == text
    for child in written.children:
        fromstring(tostring(child, encoding="unicode"))


@given(st.lists(st.tuples(NAMES, st.one_of(st.none(), st.text(max_size=40), st.just("x" * (LONGEST + 1)))), max_size=6))
def test_any_message_is_a_text_none_or_refused(children: list[tuple[str, str | None]]) -> None:
    elements = [Element(name) for name, _ in children]
    for element, (_, said) in zip(elements, children, strict=True):
        element.text = said
    refused, text = "", None
    try:
        text = reading.read(message(*elements))
    except PeerError as error:
        refused = error.condition
    assert refused in ("", "not-acceptable", "policy-violation")
    hidden = any(name.startswith(tuple(f"{{{namespace}}}" for namespace in reading.UNREADABLE)) for name, _ in children)
    if hidden:
        assert refused == "not-acceptable"
    elif text is not None:
        assert text.body.strip()
        assert len(text.body) <= LONGEST
        assert "\n" not in text.subject + text.thread


def test_of_several_languages_the_one_without_a_name_is_said() -> None:
    german, plain = Element("body", {f"{{{ns.XML}}}lang": "de"}), Element("body")
    german.text, plain.text = "Wo?", "Where?"
    assert reading.read(message(german, plain, lang="en")) == Text(body="Where?", lang="en")
    assert reading.read(message(german, lang="en")) == Text(body="Wo?", lang="de")


KEYS = {
    "1": "1", " 12\n": "12", "*#06#": "*#06#", "1,,A5": "1,,A5", "1" * 32: "1" * 32, "1" * 33: None, "": None,
    "1 2": None, "12?": None, "+15550100": None, "BAD": None, "5a": None, ",": None, "A,B": None, "١": None,
}  # fmt: skip


@pytest.mark.parametrize(("body", "keys"), KEYS.items())
def test_keys_are_what_stands_on_a_key_pad_and_nothing_else(body: str, keys: str | None) -> None:
    said = Element("body")
    said.text = body
    assert reading.keys(message(said)) == keys


@pytest.mark.parametrize(
    "beside",
    [f"{{{ns.DELAY}}}delay", f"{{{ns.CORRECT}}}replace", f"{{{ns.OMEMO}}}encrypted", f"{{{ns.RETRACT}}}retract"],
)
def test_what_was_not_typed_now_or_not_in_the_open_is_no_keys(beside: str) -> None:
    said = Element("body")
    said.text = "1"
    assert reading.keys(message(said, Element(beside))) is None


@given(st.text(st.sampled_from("0123456789*#ABCD, x\n"), max_size=40))
def test_keys_are_the_text_itself(body: str) -> None:
    said = Element("body")
    said.text = body
    keys = reading.keys(message(said))
    assert keys is None or (keys == body.strip() and set(keys) <= set("0123456789*#ABCD,"))
