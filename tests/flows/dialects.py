"""How the clients of XMPP write and answer inside a call, as far as it differs, after their source code and captures.

A `Speech` is a client for a flow: what it offers and accepts, what it is told when the phone holds, what it does when
it is offered video, and how it adds video.  Names and numbers are ours.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

OPUS = "<payload-type id='111' name='opus' clockrate='48000' channels='2'/>"
PCMU = "<payload-type id='0' name='PCMU' clockrate='8000'/>"
PCMA = "<payload-type id='8' name='PCMA' clockrate='8000'/>"
EVENT = "<payload-type id='126' name='telephone-event' clockrate='8000'/>"
EVENT_MONAL = EVENT.replace("/>", "><parameter name='dtmp_tones' value='0-15'/></payload-type>")
RED = "<payload-type id='63' name='red' clockrate='48000' channels='2'><parameter name='111/111'/></payload-type>"
VP8 = "<payload-type id='96' name='VP8' clockrate='90000' channels='1'/>"
MUX = "<rtcp-mux/>"
OPTIONS = "".join(
    f"<{name} xmlns='http://gultsch.de/xmpp/drafts/jingle/transports/ice-udp/option'/>"
    for name in ("trickle", "renomination")
)
ICE_UDP = "urn:xmpp:jingle:transports:ice-udp:1"
HERE = (
    "<candidate component='1' foundation='{foundation}' generation='0' id='k1' ip='198.51.100.7' network='0' "
    "port='41000' priority='2122260223' protocol='udp' type='host'/>"
)
RELAYED = (
    "<candidate component='1' foundation='3' generation='0' id='k2' ip='203.0.113.7' network='0' port='41200' "
    "priority='41885439' protocol='udp' rel-addr='198.51.100.7' rel_port='41000' type='relay'/>"
)
SECOND = HERE.replace("component='1'", "component='2'").replace("41000", "41001").replace("k1", "k3")
NAMED = HERE.replace("198.51.100.7", "0e61b8f2-3b1d-4c6a-8a55-6e7f0d1c2b3a.local").replace("k1", "k4")
BARE = (
    "<candidate component='1' foundation='1' ip='198.51.100.7' port='41000' priority='2122260223' protocol='udp' "
    "type='host'/>"
)
TCP = HERE.replace("'udp'", "'tcp'").replace("k1", "k5")


def fingerprint(setup: str) -> str:
    """Of DTLS."""
    return f"<fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='{setup}'>AB:CD</fingerprint>"


def transport(setup: str, *inside: str, namespace: str = ICE_UDP, more: str = "") -> str:
    """ICE, with DTLS where there is a setup."""
    said = (fingerprint(setup) if setup else "") + "".join(inside)
    return f"<transport xmlns='{namespace}' ufrag='cl01' pwd='client-client-client-01'{more}>{said}</transport>"


def content(name: str, kind: str, payloads: str, carried: str, attributes: str = "creator='initiator'") -> str:
    """One content."""
    described = f"<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='{kind}'>{payloads}</description>"
    return f"<content xmlns='urn:xmpp:jingle:1' {attributes} name='{name}'>{described}{carried}</content>"


def group(*names: str) -> str:
    """A bundle."""
    inside = "".join(f"<content name='{name}'/>" for name in names)
    return f"<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'>{inside}</group>"


@dataclass(frozen=True, kw_only=True)
class Speech:
    """One kind of client."""

    client: str
    payloads: str
    "What it has for sound."

    inside: tuple[str, ...] = ()
    "What its transports hold beside the fingerprint."

    name: str = "0"
    "What it calls its sound."

    by_message: bool = True
    protected: bool = True
    bundles: bool = False
    described: str = ""
    "What its sound says besides."

    attributes: str = "creator='initiator'"
    "Of each content."

    transported: Mapping[str, str] = field(default_factory=dict)
    "Further words for `transport`."

    bare: bool = False
    "Whether the initiator is its own bare JID in all that it writes."

    # In the call.

    hold: str = "content-modify"
    "By what it is told that the phone holds."

    reply: str | None = "result"
    "How it answers that."

    holds: tuple[str, str] | None = None
    "How it holds and resumes by itself: the words of a session-info, or senders."

    mutes: str = ""
    "The attributes of its mute, if it says any."

    adds: str = ""
    "The contents by which it adds video, as the initiator; empty: it does not."

    taken: str = "content-accept"
    "What answers its content-add where the phone wants it."

    refused: str = "content-reject failed-application"
    "And where it does not."

    rejected: str = "result"
    "How it answers a content-reject."

    offered: str | None = "content-accept"
    "What answers a content-add: an action, an error's name, or None for silence."

    video: str = ""
    "What it accepts the phone's video by."

    loses: bool = True
    "Whether it may lose a content that it has accepted."

    def offer(self) -> str:
        """The inside of its session-initiate."""
        return self._sound(self.name, "actpass") + (group(self.name) if self.bundles else "")

    def accept(self, name: str) -> str:
        """The inside of its session-accept, where sound is called so."""
        return self._sound(name, "active") + (group(name) if self.bundles else "")

    def _sound(self, name: str, setup: str) -> str:
        carried = transport(setup if self.protected else "", *self.inside, **self.transported)
        return content(name, "audio", self.payloads + self.described, carried, self.attributes)


STUB = f"<transport xmlns='{ICE_UDP}'/>"
WEB = OPUS + PCMU + PCMA + EVENT + MUX
FILM = VP8 + MUX
FULL = transport("actpass", HERE.format(foundation="7"))
TAKEN = FULL.replace("actpass", "active")
ONE_CONTENT_OF_OURS = "creator='initiator' senders='initiator'"

CONVERSATIONS = Speech(
    client="Conversations, Cheogram",
    payloads=WEB,
    inside=(OPTIONS,),
    bundles=True,
    hold="session-info hold",
    adds=content("1", "video", FILM, STUB) + group("0", "1"),
    video=content("video", "video", FILM, STUB) + group("0", "audio", "video"),
    loses=False,
)
MONAL = Speech(
    client="Monal",
    payloads=OPUS + PCMU + PCMA + EVENT_MONAL + MUX,
    inside=(OPTIONS, RELAYED),
    bundles=True,
    hold="session-info hold",
    reply=None,
    offered=None,
    loses=False,
)
DINO = Speech(
    client="Dino",
    payloads=OPUS + PCMU + PCMA + MUX,
    inside=(HERE.format(foundation="1"), SECOND.format(foundation="1")),
    name="audio",
    mutes="name='audio' creator='initiator'",
    adds=content("video", "video", FILM, FULL, ONE_CONTENT_OF_OURS),
    rejected="error feature-not-implemented",
    video=content("video", "video", FILM, TAKEN),
)
SISKIN = Speech(
    client="Siskin, Beagle",
    payloads=WEB,
    inside=(HERE.format(foundation="3021876532"),),
    bundles=True,
    holds=("initiator", "both"),
    adds=content("1", "video", FILM, FULL) + group("0", "1"),
    video=content("video", "video", FILM, TAKEN),
)
MOVIM = Speech(
    client="Movim",
    payloads=WEB,
    inside=(NAMED.format(foundation="1"),),
    bundles=True,
    mutes="name='0'",
    adds=content("1", "video", FILM, FULL) + group("0", "1"),
    bare=True,
    taken="session-accept",
    refused="session-accept",
    offered="session-accept",
    video=content("video", "video", FILM, TAKEN) + group("0", "audio", "video"),
)
STANZA = Speech(
    client="stanza.js",
    payloads=OPUS + RED + PCMU + PCMA + EVENT + MUX + "<rtcp-reduced-size/>",
    inside=(TCP.format(foundation="5"), NAMED.format(foundation="6"), f"<gathering-complete xmlns='{ICE_UDP}'/>"),
    bundles=True,
    by_message=False,
    hold="content-modify",
    reply="error feature-not-implemented",
    holds=("hold", "active"),
    mutes="name='0'",
    offered="error feature-not-implemented",
)
CONVERSE = Speech(
    client="Converse (calls)",
    payloads=WEB,
    inside=(NAMED.format(foundation="0"),),
    bundles=True,
    offered="error feature-not-implemented",
)
GAJIM = Speech(
    client="Gajim",
    payloads="<payload-type id='96' name='OPUS' clockrate='48000'/>" + PCMA + PCMU,
    inside=(HERE.format(foundation="1"), TCP.format(foundation="1"), SECOND.format(foundation="1")),
    name="voice",
    by_message=False,
    protected=False,
    adds=content("video", "video", VP8, transport("", HERE.format(foundation="1"))),
    offered="error feature-not-implemented",
)
KAIDAN = Speech(
    client="Kaidan",
    payloads=OPUS + PCMA + PCMU,
    inside=(HERE.format(foundation="2"), SECOND.format(foundation="2")),
    name="audio",
    reply=None,
    video=content("video", "video", FILM, TAKEN, "creator='responder'"),
)
PSI = Speech(
    client="Psi",
    payloads=PCMU + PCMA,
    inside=(BARE,),
    name="A",
    by_message=False,
    protected=False,
    transported={"namespace": "urn:xmpp:jingle:transports:ice:0", "more": " ice2='true'"},
    offered="error bad-request",
    reply="error bad-request",
)
ATALK = Speech(
    client="aTalk",
    payloads=OPUS + PCMU + PCMA + MUX,
    inside=(HERE.format(foundation="4"),),
    name="audio",
    described=(
        "<encryption required='false'><crypto crypto-suite='AES_CM_128_HMAC_SHA1_80' "
        "key-params='inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj' tag='1'/></encryption>"
    ),
    holds=("hold", "unhold"),
    adds=content("video", "video", FILM, FULL),
    video=content("video", "video", FILM, TAKEN),
)
JSXC = Speech(
    client="JSXC",
    payloads=WEB,
    inside=(NAMED.format(foundation="8"),),
    bundles=True,
    by_message=False,
    offered="error feature-not-implemented",
)
XOWS = Speech(
    client="xows",
    payloads=WEB,
    inside=(BARE,),
    by_message=False,
    bundles=True,
    described="".join(
        f"<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='77'><parameter name='{name}' value='v'/></source>"
        for name in ("cname", "msid")
    ),
    transported={"more": " senders='both'"},
    holds=("hold", "unhold"),
    reply="error feature-not-implemented",
    offered="error feature-not-implemented",
)
PIDGIN = Speech(
    client="Pidgin and other old ones",
    payloads="<payload-type id='0'/><payload-type id='8'/>",
    inside=(BARE,),
    name="Media call",
    by_message=False,
    protected=False,
    offered="error bad-request",
)

ALL = (
    CONVERSATIONS, MONAL, DINO, SISKIN, MOVIM, STANZA, CONVERSE, GAJIM, KAIDAN, PSI, ATALK, JSXC, XOWS, PIDGIN,
)  # fmt: skip
