"""Generated records in the form that compares (`mappings.description`), and whole descriptions of them."""

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from gateway import canonical
from mappings.codecs import CRYPTO_SUITES, HASHES, STATIC
from mappings.description import (
    Bandwidth,
    Candidate,
    Category,
    Codec,
    Crypto,
    Description,
    Encryption,
    ExtmapAllowMixed,
    Feedback,
    FeedbackInterval,
    Fingerprint,
    GatheringComplete,
    Group,
    HeaderExtension,
    Ice,
    Media,
    Parameter,
    RawCandidate,
    RawUdp,
    RemoteCandidate,
    RtcpMux,
    Rtp,
    Source,
    SourceGroup,
    ZrtpHash,
)
from mappings.digits import KEYS, Dtmf
from mappings.terms import CandidateType, Senders, Setup
from mappings.transfer import TransferTo

TOKENS = st.text("ABCxyz0129-._!%'*+`~^", min_size=1, max_size=8)
NAMES = st.text("ABCxyz0129-_", min_size=1, max_size=10).filter(lambda name: not name.isdigit())
VALUES = st.text("ABCxyz0129 =/:,-.<>&\"'äß", max_size=12).map(str.strip)
WORDS = st.text("ABCxyz0129=/:,-.<>&|^", min_size=1, max_size=12)
IPS = (
    st.tuples(*[st.integers(0, 255)] * 4).map(lambda octets: ".".join(map(str, octets))) | st.ip_addresses(v=6).map(str)
).filter(lambda ip: ip not in ("0.0.0.0", "::") and not ip.startswith(("22", "23", "ff")))
PORTS = st.integers(10, 65535)


def settled(cls: Any, settle: Any, **fields: Any) -> st.SearchStrategy[Any]:
    """Records whose fields are brought into the form that compares, as readers do."""

    def make(values: dict[str, Any]) -> Any:
        settle(values)
        return cls(**values)

    return st.fixed_dictionaries(fields).map(make)


def _tuples(strategy: st.SearchStrategy[Any], most: int = 3) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.lists(strategy, max_size=most).map(tuple)


PAIRS = st.builds(
    Parameter,
    name=NAMES,
    value=st.text("ABCxyz0129 =/:-.<>&\"'ß", max_size=12).map(str.strip),  # a comma may separate
)
NAMELESS = st.builds(Parameter, name=st.just(""), value=st.text("ABCxyz0129/:-.", min_size=1, max_size=12))
OPTIONS = st.builds(Parameter, name=NAMES, value=st.none() | WORDS)
SOURCE_ATTRIBUTES = st.builds(Parameter, name=NAMES.filter(lambda name: name != "msid"), value=st.none() | VALUES)

FEEDBACKS = st.one_of(
    st.builds(Feedback, type=TOKENS, subtype=TOKENS, parameters=_tuples(OPTIONS)),
    st.builds(Feedback, type=TOKENS),
)
INTERVALS = st.builds(FeedbackInterval, value=st.integers(0, 2**32 - 1))


def codecs(ptime: int | None = None, maxptime: int | None = None) -> st.SearchStrategy[Codec]:
    """Payload types, fixed and dynamic."""
    times = {"ptime": st.just(ptime), "maxptime": st.just(maxptime)}
    feedback = {"feedback": _tuples(FEEDBACKS), "feedback_interval": st.none() | INTERVALS}

    def settle(values: dict[str, Any]) -> None:
        assert canonical.codec(values, "audio")
        values["parameters"] = canonical.parameters(values["name"], values["parameters"])

    dynamic = settled(
        Codec,
        settle,
        id=st.integers(35, 127),
        name=NAMES | st.sampled_from(["opus", "VP8", "telephone-event"]),
        clockrate=st.integers(1, 192000),
        channels=st.none() | st.integers(1, 8),
        parameters=_tuples(PAIRS | NAMELESS),
        **times,
        **feedback,
    )
    fixed = settled(Codec, settle, id=st.sampled_from(sorted(STATIC)), parameters=_tuples(PAIRS), **times, **feedback)
    red = st.builds(Parameter, name=st.just("pt"), value=st.just("0/8"))
    bare = settled(
        Codec,
        settle,
        id=st.integers(96, 127),
        name=st.just("red"),
        clockrate=st.just(8000),
        parameters=st.tuples(red),
        **times,
    )
    return dynamic | fixed | bare


CRYPTOS = st.builds(
    Crypto,
    tag=st.integers(0, 999999999),
    crypto_suite=st.sampled_from(sorted(CRYPTO_SUITES)),
    key_params=st.text("abcABC019+/=|^:;", min_size=1, max_size=40).map("inline:".__add__),
    session_params=st.none() | st.sampled_from(["KDR=1 UNENCRYPTED_SRTCP", "WSH=64"]),
)
ZRTP_HASHES = st.builds(ZrtpHash, version=st.just("1.10"), value=st.text("0123456789abcdef", min_size=1, max_size=64))
EXTENSIONS = st.builds(
    HeaderExtension,
    id=st.integers(1, 255),
    uri=WORDS.map("urn:".__add__),
    senders=st.none() | st.sampled_from(Senders),
    parameters=_tuples(OPTIONS),
)


def _settle_candidate(values: dict[str, Any]) -> None:
    if values["protocol"] != "udp":
        values["tcptype"] = values["tcptype"] or "passive"  # without one nobody can use it
    assert canonical.candidate(values)


CANDIDATES = settled(
    Candidate,
    _settle_candidate,
    foundation=st.text("abcXYZ019+/", min_size=1, max_size=32),
    component=st.integers(1, 255),
    protocol=st.sampled_from(["udp", "udp", "tcp"]),
    priority=st.integers(1, 2**31 - 1),
    ip=IPS,
    port=PORTS,
    type=st.sampled_from(CandidateType),
    rel_addr=st.none() | IPS,
    rel_port=st.none() | PORTS,
    tcptype=st.none() | st.sampled_from(["active", "passive", "so"]),
    generation=st.none() | st.integers(0, 9),
    network=st.none() | st.integers(0, 9),
)
REMOTE_CANDIDATES = st.builds(RemoteCandidate, component=st.integers(1, 255), ip=IPS, port=PORTS)


def fingerprints(setup: Setup | None) -> st.SearchStrategy[tuple[Fingerprint, ...]]:
    """One or more, the strongest first."""
    one = st.builds(
        Fingerprint,
        hash=st.sampled_from(HASHES),
        value=st.binary(min_size=2, max_size=32).map(lambda digest: digest.hex(":").upper()),
        setup=st.just(setup),
    )
    return st.lists(one, min_size=1, max_size=2).map(lambda several: canonical.fingerprints(tuple(several)))


ICE = st.builds(
    Ice,
    ufrag=st.text("abcXYZ019+/", min_size=4, max_size=32),
    pwd=st.text("abcXYZ019+/", min_size=22, max_size=32),
    candidates=_tuples(CANDIDATES, 4).map(canonical.distinct),
    remote_candidates=_tuples(REMOTE_CANDIDATES, 2),
    fingerprints=st.just(()) | st.sampled_from([Setup.ACTPASS, Setup.ACTIVE]).flatmap(fingerprints),
    gathering_complete=st.none() | st.just(GatheringComplete()),
)
RTP_ADDRESS = st.builds(RawCandidate, ip=IPS, port=PORTS)
RTCP_ADDRESS = st.builds(RawCandidate, ip=IPS, port=PORTS, component=st.just(2))
RAW_UDP = st.builds(
    RawUdp,
    candidates=st.just(()) | st.tuples(RTP_ADDRESS) | st.tuples(RTP_ADDRESS, RTCP_ADDRESS),
    fingerprints=st.just(()) | fingerprints(Setup.ACTPASS),
)
SOURCES = st.lists(
    st.builds(
        Source,
        ssrc=st.integers(0, 2**32 - 1),
        parameters=st.lists(SOURCE_ATTRIBUTES, min_size=1, max_size=3).map(tuple),
    ),
    max_size=3,
    unique_by=lambda source: source.ssrc,
).map(tuple)
SOURCE_GROUPS = st.builds(
    SourceGroup,
    semantics=st.sampled_from(["FID", "SIM", "FEC-FR"]),
    sources=_tuples(st.builds(Source, ssrc=st.integers(0, 2**32 - 1))),
)


def _groups_of(sources: tuple[Source, ...]) -> st.SearchStrategy[SourceGroup]:
    """Groups of sources that are told of, or of none such."""
    if not sources:
        return SOURCE_GROUPS
    members = st.sampled_from([Source(ssrc=source.ssrc) for source in sources])
    return st.builds(SourceGroup, semantics=st.sampled_from(["FID", "SIM", "FEC-FR"]), sources=_tuples(members))


@st.composite
def rtps(draw: st.DrawFn) -> Rtp:
    """RTP applications; `encryption` is required where SDP has no other way to say it."""
    ptime, maxptime = draw(st.none() | st.integers(1, 999)), draw(st.none() | st.integers(1, 999))
    crypto = draw(_tuples(CRYPTOS, 2))
    zrtp = draw(_tuples(ZRTP_HASHES, 1))
    sources = draw(SOURCES)
    payloads = draw(st.lists(codecs(ptime, maxptime), min_size=1, max_size=5, unique_by=lambda codec: codec.id))
    return Rtp(
        media=draw(st.sampled_from(["audio", "video"])),
        codecs=tuple(payloads),
        encryption=Encryption(required=bool(crypto), crypto=crypto, zrtp_hash=zrtp) if crypto or zrtp else None,
        bandwidth=draw(
            st.lists(
                st.builds(
                    Bandwidth,
                    type=st.sampled_from(["AS", "TIAS", "RS", "RR", "CT"]),
                    value=st.integers(0, 99999).map(str),
                ),
                max_size=2,
                unique=True,
            ).map(tuple)
        ),
        rtcp_mux=draw(st.none() | st.just(RtcpMux())),
        feedback=draw(_tuples(FEEDBACKS)),
        feedback_interval=draw(st.none() | INTERVALS),
        extensions=draw(_tuples(EXTENSIONS)),
        extmap_allow_mixed=draw(st.none() | st.just(ExtmapAllowMixed())),
        sources=sources,
        source_groups=draw(_tuples(_groups_of(sources), 2)),
        categories=draw(_tuples(st.builds(Category, name=st.sampled_from(["slides", "speaker", "sl", "main", "alt"])))),
    )


@st.composite
def descriptions(draw: st.DrawFn) -> Description:
    """Whole offers that both spellings can say."""
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    bundled = draw(st.booleans())
    media = []
    for name in names:
        rtp, transport = draw(rtps()), draw(ICE if bundled else ICE | RAW_UDP)
        if bundled:
            # What leads a bundle speaks for the others wherever they are silent (RFC 9143 §7.1.3).
            rtp = replace(rtp, rtcp_mux=RtcpMux())
            transport = replace(transport, fingerprints=draw(fingerprints(Setup.ACTPASS)))
        media.append(Media(name=name, rtp=rtp, transport=transport, senders=draw(st.sampled_from(Senders))))
    semantics = st.sampled_from(["BUNDLE", "LS"]) if bundled else st.just("LS")
    members = st.lists(st.sampled_from(names), min_size=1, unique=True).map(tuple)
    groups = draw(_tuples(st.builds(Group, semantics=semantics, names=members), 2))
    return Description(media=tuple(media), groups=groups)


RECORDS: dict[type, st.SearchStrategy[Any]] = {
    Parameter: PAIRS | NAMELESS | OPTIONS,
    Feedback: FEEDBACKS,
    FeedbackInterval: INTERVALS,
    Codec: codecs(),
    Bandwidth: st.builds(Bandwidth, type=TOKENS, value=st.integers(0, 9999999999).map(str)),
    Crypto: CRYPTOS,
    ZrtpHash: ZRTP_HASHES,
    Encryption: st.builds(Encryption, required=st.booleans(), crypto=_tuples(CRYPTOS), zrtp_hash=_tuples(ZRTP_HASHES)),
    HeaderExtension: EXTENSIONS,
    ExtmapAllowMixed: st.just(ExtmapAllowMixed()),
    RtcpMux: st.just(RtcpMux()),
    Source: st.builds(Source, ssrc=st.integers(0, 2**32 - 1), parameters=_tuples(SOURCE_ATTRIBUTES)),
    SourceGroup: SOURCE_GROUPS,
    Category: st.builds(Category, name=TOKENS),
    Rtp: rtps(),
    Candidate: CANDIDATES,
    RemoteCandidate: REMOTE_CANDIDATES,
    Fingerprint: fingerprints(None).map(lambda several: several[0])
    | fingerprints(Setup.PASSIVE).map(lambda several: several[0]),
    GatheringComplete: st.just(GatheringComplete()),
    Ice: ICE,
    RawCandidate: st.builds(
        RawCandidate, ip=IPS, port=PORTS, component=st.integers(1, 255), generation=st.integers(0, 9), id=NAMES
    ),
    RawUdp: RAW_UDP,
    TransferTo: st.builds(
        TransferTo,
        to=st.none() | st.sampled_from(["juliet@gw.example/sip", "+1555@gw.example", "a@b.example/a room"]),
        from_=st.none() | st.just("romeo@montague.example/phone"),
        sid=st.none() | WORDS,
    ),
    Dtmf: st.builds(
        Dtmf,
        code=st.sampled_from(KEYS),
        duration=st.none() | st.integers(0, 2**32 - 1),
        volume=st.none() | st.integers(0, 63),
    ),
}
"By record; those without an element of their own (`Media`, `Description`) and `Group` are made in `descriptions`."
