"""Discovery and caps: what is told, and the hash of it."""

from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.entity import caps, disco
from gateway.entity.disco import Abilities, Identity, Info

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8)
identities = st.builds(Identity, category=words, type=words, lang=words, name=words)
infos = st.builds(
    Info, st.lists(identities, max_size=4, unique=True).map(tuple), st.frozensets(words.filter(bool), max_size=6)
)

COMPLEX = """
<query xmlns='http://jabber.org/protocol/disco#info'>
  <identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>
  <identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>
  <feature var='http://jabber.org/protocol/caps'/>
  <feature var='http://jabber.org/protocol/disco#info'/>
  <feature var='http://jabber.org/protocol/disco#items'/>
  <feature var='http://jabber.org/protocol/muc'/>
  <x xmlns='jabber:x:data' type='result'>
    <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>
    <field var='ip_version' type='text-multi'><value>ipv4</value><value>ipv6</value></field>
    <field var='os'><value>Mac</value></field>
    <field var='os_version'><value>10.5.1</value></field>
    <field var='software'><value>Psi</value></field>
    <field var='software_version'><value>0.11</value></field>
  </x>
</query>
"""


def test_a_form_without_a_hidden_type_is_no_part_of_the_hash() -> None:
    text = COMPLEX.replace("type='hidden'", "")
    assert disco.read(fromstring(text)).forms == ()


def test_what_stands_twice_makes_the_answer_unbelievable() -> None:
    twice = COMPLEX.replace(
        "<feature var='http://jabber.org/protocol/muc'/>", "<feature var='http://jabber.org/protocol/muc'/>" * 2
    )
    assert disco.read(fromstring(COMPLEX)).consistent
    assert not disco.read(fromstring(twice)).consistent


@given(infos)
def test_what_is_written_is_read_back_and_hashes_the_same(info: Info) -> None:
    again = disco.read(disco.write(info))
    assert set(again.identities) == set(info.identities)
    assert again.features == info.features
    assert caps.ours(again) == caps.ours(info)


def test_a_number_is_a_phone_that_takes_audio_calls_by_message_or_directly() -> None:
    info = disco.number(Abilities())
    assert [(item.category, item.type) for item in info.identities] == [("client", "phone")]
    assert {
        "urn:xmpp:jingle:1",
        "urn:xmpp:jingle:apps:rtp:1",
        "urn:xmpp:jingle:apps:rtp:audio",
        "urn:xmpp:jingle:transports:ice-udp:1",
        "urn:xmpp:jingle:transports:raw-udp:1",
        "urn:xmpp:jingle:apps:dtls:0",
        "urn:xmpp:jingle-message:0",
        "http://jabber.org/protocol/caps",
        "http://jabber.org/protocol/disco#info",
    } <= info.features


def test_a_video_button_appears_only_where_video_works() -> None:
    assert "urn:xmpp:jingle:apps:rtp:video" not in disco.number(Abilities()).features
    assert "urn:xmpp:jingle:apps:rtp:video" in disco.number(Abilities(video=True)).features


@pytest.mark.conformance("COMP-10")
def test_candidates_are_asked_for_with_the_offer_only_where_calls_are_passed_through() -> None:
    assert "urn:ietf:rfc:3264" in disco.number(Abilities()).features
    assert "urn:ietf:rfc:3264" not in disco.number(Abilities(batch=False)).features


def test_what_the_sip_side_lacks_is_not_advertised() -> None:
    plain = disco.number(Abilities(ice=False, dtls=False)).features
    assert "urn:xmpp:jingle:transports:ice-udp:1" not in plain
    assert "urn:xmpp:jingle:apps:dtls:0" not in plain
    assert "urn:ietf:rfc:5888" not in plain
    assert "urn:ietf:rfc:5888" in disco.number(Abilities(bundle=True)).features
