"""What the operator says of media, and how mistakes in it are told."""

from dataclasses import replace
from pathlib import Path

import pytest

from gateway.config import Settings, load
from gateway.errors import ConfigError
from gateway.media.anchor import PHONE, WEB, Latch, Protection
from gateway.media.embedded import EmbeddedAnchors
from gateway.media.policy import Policy
from gateway.media.rtpengine import Node, RtpengineAnchors
from gateway.parts import anchors

TEXT = """
[xmpp]
domain = "gw.example"
secret_env = "SECRET"
[sip]
listen = [{listen}]
[[trunk]]
name = "pbx"
host = "192.0.2.20"
{trunk}
[media]
{media}
"""


_RTPENGINE = 'anchor = "rtpengine"\nrtpengine = ["10.0.0.6:2223"]'


def read(folder: Path, *, media: str = "", trunk: str = "", listen: str = '"udp:192.0.2.1:5060"') -> Settings:
    path = folder / "gateway.toml"
    path.write_text(TEXT.format(media=media, trunk=trunk, listen=listen))
    return load(path, {"SECRET": "hush"})


def test_without_a_word_media_are_where_sip_is(tmp_path: Path) -> None:
    settings = read(tmp_path, listen='"udp:192.0.2.1:5060", "tcp:192.0.2.1:5060", "udp:[2001:db8::1]:5060"')
    assert settings.embedded is not None
    assert settings.embedded.addresses == ("192.0.2.1", "2001:db8::1")
    (trunk,) = settings.routing.trunks
    assert trunk.media.policy is Policy.AUTO
    assert trunk.media.leg == PHONE


def test_what_is_said_arrives(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        media="""
            addresses = ["10.0.0.5"]
            advertised_addresses = ["198.51.100.7"]
            port_low = 30000
            port_high = 30100
            stun = ["stun.example.org", "[2001:db8::3]:3479"]
            dscp = 0
            silence_timeout_seconds = 20
        """,
        trunk="""
            media = "anchor"
            media_ice = true
            media_protection = "sdes"
            media_codecs = ["PCMA", "PCMU"]
            media_source = "source"
        """,
    )
    embedded = settings.embedded
    assert embedded is not None
    assert (embedded.addresses, embedded.advertised) == (("10.0.0.5",), ("198.51.100.7",))
    assert (embedded.port_low, embedded.port_high, embedded.dscp, embedded.silence_seconds) == (30000, 30100, 0, 20)
    assert [(one.kind, one.host, one.port) for one in embedded.servers] == [
        ("stun", "stun.example.org", 3478),
        ("stun", "2001:db8::3", 3479),
    ]
    (trunk,) = settings.routing.trunks
    assert trunk.media.policy is Policy.ANCHOR
    assert trunk.media.leg.ice
    assert trunk.media.leg.protection is Protection.SDES
    assert list(trunk.media.leg.codecs) == ["PCMA", "PCMU"]
    assert trunk.media.leg.latch is Latch.SOURCE


def test_what_may_be_transcoded_is_named(tmp_path: Path) -> None:
    said = """
        media_codecs = ["PCMA", "G729"]
        media_transcode = ["opus", "PCMA", "G729"]
        media_transcode_first = true
    """
    (trunk,) = read(tmp_path, media=_RTPENGINE, trunk=said).routing.trunks
    assert trunk.media.leg.transcodes == ("opus", "PCMA", "G729")
    assert trunk.media.transcoded(WEB) == replace(WEB, transcodes=("opus", "PCMA", "G729"), transcodes_first=True)


@pytest.mark.parametrize(
    ("said", "hears"), [("", False), ('early_media = "ring"', False), ('early_media = "hear"', True)]
)
def test_whether_early_media_are_heard_is_the_operators_word(tmp_path: Path, said: str, hears: bool) -> None:
    (trunk,) = read(tmp_path, trunk=said).routing.trunks
    assert trunk.manners.hears is hears


@pytest.mark.parametrize("listen", ['"udp:0.0.0.0:5060"', '"udp:[::]:5060"', '"udp:sip.example:5060"'])
def test_media_are_everywhere_where_sip_is(tmp_path: Path, listen: str) -> None:
    embedded = read(tmp_path, listen=listen).embedded
    assert embedded is not None
    assert embedded.addresses == ()
    assert EmbeddedAnchors(embedded).settings.addresses


def test_rtpengines_are_named_with_their_weights(tmp_path: Path) -> None:
    nodes = '"10.0.0.6:2223*2", "[2001:db8::6]:2224", "rtp.example:2223*0"'
    settings = read(tmp_path, media=f'anchor = "rtpengine"\nrtpengine = [{nodes}]', listen='"udp:0.0.0.0:5060"')
    assert settings.embedded is None
    assert settings.rtpengine is not None
    assert settings.rtpengine.nodes == (
        Node("10.0.0.6", 2223, 2),
        Node("2001:db8::6", 2224, 1),
        Node("rtp.example", 2223, 0),
    )
    assert isinstance(anchors(settings), RtpengineAnchors)


def test_signalling_alone_needs_no_address(tmp_path: Path) -> None:
    assert read(tmp_path, media='anchor = "none"', listen='"udp:0.0.0.0:5060"').embedded is None


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        (
            {"listen": '"udp:0.0.0.0:5060"', "media": 'advertised_addresses = ["198.51.100.7"]'},
            "[media] advertised_addresses: expected one for each of addresses, which must be named then",
        ),
        ({"media": 'addresses = ["media.example"]'}, "[media] addresses[0]: expected an address of this machine"),
        ({"media": 'addresses = ["0.0.0.0"]'}, "[media] addresses[0]: expected an address of this machine"),
        (
            {"media": 'addresses = ["10.0.0.5"]\nadvertised_addresses = ["198.51.100.7", "198.51.100.8"]'},
            "[media] advertised_addresses: expected one for each of 10.0.0.5",
        ),
        ({"media": "port_low = 30000\nport_high = 30002"}, "[media] port_high: a call takes four ports"),
        ({"media": "port_low = 80"}, "[media] port_low"),
        ({"media": 'stun = ["stun:stun.example.org:3478"]'}, "[media] stun[0]: expected HOST or HOST:PORT"),
        ({"media": 'stun = ["stun.example.org:70000"]'}, "[media] stun[0]: expected HOST or HOST:PORT"),
        ({"media": 'anchor = "rtpengine"'}, "[media] rtpengine: missing"),
        ({"media": 'rtpengine = ["10.0.0.6:2223"]'}, '[media] rtpengine: names nodes, but anchor is "embedded"'),
        (
            {"media": 'anchor = "rtpengine"\nrtpengine = ["10.0.0.6"]'},
            "[media] rtpengine[0]: expected HOST:PORT or HOST:PORT*WEIGHT",
        ),
        (
            {"media": 'anchor = "rtpengine"\nrtpengine = ["10.0.0.6:99999"]'},
            "[media] rtpengine[0]: expected HOST:PORT or HOST:PORT*WEIGHT",
        ),
        ({"media": 'anchor = "rtpengine"\nrtpengine = ["10.0.0.6:2223*0"]'}, "[media] rtpengine: every weight is 0"),
        (
            {"media": 'anchor = "rtpengine"\nrtpengine = ["10.0.0.6:2223", "10.0.0.6:2223*2"]'},
            "[media] rtpengine: names a node twice",
        ),
        ({"media": 'anchor = "none"', "trunk": 'media = "anchor"'}, '[[trunk]] "pbx" media: is anchor, but'),
        (
            {"trunk": 'media = "direct"\nearly_media = "hear"'},
            '[[trunk]] "pbx" early_media: is hear, which takes an anchor, but media is direct',
        ),
        (
            {"media": 'anchor = "none"', "trunk": 'early_media = "hear"'},
            '[[trunk]] "pbx" early_media: is hear, which takes an anchor, but [media] anchor is none',
        ),
        ({"trunk": 'media = "relay"'}, '[[trunk]] "pbx" media'),
        (
            {"trunk": 'media_codecs = ["PCMU", "AMR"]'},
            "[[trunk]] \"pbx\" media_codecs[1]: expected opus, G722, PCMU, PCMA, G729, GSM, VP8 or H264 — got 'AMR'",
        ),
        ({"trunk": 'media_codecs = ["PCMU", "GSM"]'}, '[[trunk]] "pbx" media_codecs[1]: no client has GSM'),
        (
            {"trunk": 'media_transcode = ["opus", "PCMU"]'},
            '[[trunk]] "pbx" media_transcode: only rtpengine transcodes, but [media] anchor is "embedded"',
        ),
        (
            {"media": _RTPENGINE, "trunk": 'media = "direct"\nmedia_transcode = ["opus", "PCMU"]'},
            '[[trunk]] "pbx" media_transcode: is for calls through the anchor, but media is direct',
        ),
        (
            {"media": _RTPENGINE, "trunk": 'media_transcode = ["opus"]'},
            '[[trunk]] "pbx" media_transcode: expected two codecs or more',
        ),
        (
            {"media": _RTPENGINE, "trunk": 'media_codecs = ["PCMA"]\nmedia_transcode = ["opus", "PCMU"]'},
            '[[trunk]] "pbx" media_transcode: has nothing for the trunk',
        ),
        (
            {"media": _RTPENGINE, "trunk": "media_transcode_first = true"},
            '[[trunk]] "pbx" media_transcode_first: without media_transcode',
        ),
        ({"trunk": "media_codecs = []"}, '[[trunk]] "pbx" media_codecs'),
    ],
)
def test_a_mistake_names_its_key(tmp_path: Path, said: dict[str, str], complaint: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, **said)
    assert str(caught.value).startswith(complaint)
    assert "\n" not in str(caught.value)


def test_clients_may_be_anywhere_but_where_no_client_is(tmp_path: Path) -> None:
    clients = read(tmp_path).client_reach
    assert clients.admits("8.8.8.8")
    assert clients.admits("192.168.1.1")
    assert not clients.admits("127.0.0.1")
    assert read(tmp_path, listen='"udp:127.0.0.1:5060"').client_reach.admits("127.0.0.1")
    here = read(tmp_path, media='addresses = ["192.0.2.1"]', listen='"udp:127.0.0.1:5060"').client_reach
    assert not here.admits("127.0.0.1")
    named = read(tmp_path, media='client_networks = ["public", "10.0.0.0/8"]').client_reach
    assert named.admits("10.1.1.1")
    assert not named.admits("192.168.1.1")


def test_what_is_no_network_of_clients_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"client_networks\[1\]: expected public, private, an address or a network"):
        read(tmp_path, media='client_networks = ["public", "home"]')
