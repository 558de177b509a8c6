"""What an answer may say, whoever wrote it."""

from dataclasses import replace

import pytest
from hypothesis import given, settings

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.sdp.answer import fit
from mappings.description import (
    Codec,
    Crypto,
    Description,
    Encryption,
    ExtmapAllowMixed,
    Feedback,
    Fingerprint,
    Group,
    HeaderExtension,
    Ice,
    Media,
    Parameter,
    RtcpMux,
)
from mappings.reasons import EndReason
from mappings.terms import Role, Senders, Setup
from tests.mappings.strategies import descriptions

from .said import PCMU, audio, offer, video

OPUS = Codec(id=111, name="opus", clockrate=48000, channels=2, feedback=(Feedback(type="transport-cc"),))
EVENTS = Codec(id=110, name="telephone-event", clockrate=48000)
RED = Codec(id=63, name="red", clockrate=48000, channels=2, parameters=(Parameter(name="pt", value="111/111"),))


def fitted(answer: Media, offered: Media) -> Media:
    (only,) = fit(offer(answer), offer(offered), Dropped()).media
    return only


@pytest.mark.conformance("J2S-25")
def test_only_common_payload_types_stay_in_the_answers_order() -> None:
    found = fitted(audio("a", PCMU, EVENTS, replace(OPUS, id=96)), audio("a", OPUS, PCMU, EVENTS))
    assert [codec.id for codec in found.rtp.codecs] == [0, 110, 111]
    dropped = Dropped()
    unknown = Codec(id=98, name="speex", clockrate=8000)
    fit(offer(audio("a", PCMU, unknown)), offer(audio("a", PCMU)), dropped)
    assert dropped.names() == ("payload-type",)


@pytest.mark.conformance("J2S-26")
def test_a_codec_with_another_number_gets_the_offers() -> None:
    red = replace(RED, id=97, parameters=(Parameter(name="pt", value="96/96"), Parameter(name="x", value="1")))
    found = fitted(audio("a", replace(OPUS, id=96), red), audio("a", OPUS, RED))
    assert [codec.id for codec in found.rtp.codecs] == [111, 63]
    assert found.rtp.codecs[1].parameters[0] == Parameter(name="pt", value="111/111")


def test_a_number_that_means_something_else_is_mapped_by_codec() -> None:
    vp8, h264 = Codec(id=96, name="VP8", clockrate=90000), Codec(id=97, name="H264", clockrate=90000)
    rtx = Codec(id=98, name="rtx", clockrate=90000, parameters=(Parameter(name="apt", value="96"),))
    swapped = (replace(h264, id=96), replace(vp8, id=97), replace(rtx, parameters=(Parameter(name="apt", value="96"),)))
    answer = replace(video(), rtp=replace(video().rtp, codecs=swapped))
    found = fitted(answer, replace(video(), rtp=replace(video().rtp, codecs=(vp8, h264, rtx))))
    assert [(codec.name, codec.id) for codec in found.rtp.codecs] == [("H264", 97), ("VP8", 96), ("rtx", 98)]
    assert found.rtp.codecs[2].parameters == (Parameter(name="apt", value="97"),)


def test_codec_names_compare_without_case() -> None:
    assert fitted(audio("a", replace(OPUS, name="OPUS")), audio("a", OPUS)).rtp.codecs[0].name == "OPUS"


@pytest.mark.conformance("XS-22")
def test_events_alone_are_no_codec_in_common() -> None:
    assert fit(offer(audio("a", EVENTS)), offer(audio("a", OPUS, EVENTS)), Dropped()) == Description(media=())


def test_what_was_not_offered_is_taken_out() -> None:
    extra = replace(
        audio("a", OPUS),
        rtp=replace(
            audio("a", OPUS).rtp,
            rtcp_mux=RtcpMux(),
            feedback=(Feedback(type="nack"),),
            extensions=(HeaderExtension(id=1, uri="urn:x"),),
            extmap_allow_mixed=ExtmapAllowMixed(),
        ),
    )
    bare = audio("a", replace(OPUS, feedback=()))
    assert fitted(extra, bare) == bare
    assert fitted(extra, extra) == extra
    groups = (Group(semantics="BUNDLE", names=("a",)),)
    dropped = Dropped()
    found = fit(Description(media=(extra, audio("b")), groups=groups), offer(bare), dropped)
    assert found == offer(bare)
    assert dropped.names() == ("content", "group")


@pytest.mark.parametrize(
    ("answered", "offered", "found"),
    [
        (Senders.BOTH, Senders.INITIATOR, Senders.INITIATOR),
        (Senders.RESPONDER, Senders.INITIATOR, Senders.NONE),
        (Senders.NONE, Senders.BOTH, Senders.NONE),
        (Senders.INITIATOR, Senders.INITIATOR, Senders.INITIATOR),
        (Senders.BOTH, Senders.NONE, Senders.NONE),
    ],
)
def test_an_answer_never_lets_more_send_than_the_offer(answered: Senders, offered: Senders, found: Senders) -> None:
    assert fitted(replace(audio(), senders=answered), replace(audio(), senders=offered)).senders is found


def dtls(setup: Setup | None) -> Media:
    fingerprint = Fingerprint(hash="sha-256", value="AB", setup=setup)
    return audio("a", OPUS, transport=Ice(ufrag="u", pwd="p", fingerprints=(fingerprint,)))


@pytest.mark.conformance("SEC-02", "SEC-03", "SEC-04")
@pytest.mark.parametrize(
    ("said", "found"),
    [
        (Setup.ACTIVE, Setup.ACTIVE),
        (Setup.PASSIVE, Setup.PASSIVE),
        (Setup.ACTPASS, Setup.ACTIVE),
        (None, Setup.ACTIVE),
    ],
)
def test_an_answer_is_never_actpass(said: Setup | None, found: Setup) -> None:
    answer = fitted(dtls(said), dtls(Setup.ACTPASS))
    assert answer.transport.fingerprints[0].setup is found


@pytest.mark.conformance("SEC-04")
@pytest.mark.parametrize(
    ("offered", "said", "found"),
    [
        (Setup.ACTIVE, Setup.PASSIVE, Setup.PASSIVE),
        (Setup.ACTIVE, Setup.ACTIVE, Setup.PASSIVE),
        (Setup.PASSIVE, None, Setup.ACTIVE),
    ],
)
def test_an_offer_that_has_decided_leaves_one_role(offered: Setup, said: Setup | None, found: Setup) -> None:
    assert fitted(dtls(said), dtls(offered)).transport.fingerprints[0].setup is found


KEYS = Encryption(required=True, crypto=(Crypto(tag=1, crypto_suite="AES_CM_128_HMAC_SHA1_80", key_params="inline:a"),))


@pytest.mark.conformance("SEC-08", "SEC-12", "SEC-13")
@pytest.mark.parametrize(
    "offered", [dtls(Setup.ACTPASS), replace(audio("a", OPUS), rtp=replace(audio("a", OPUS).rtp, encryption=KEYS))]
)
def test_protection_may_not_be_given_up(offered: Media) -> None:
    with pytest.raises(PeerError, match="offered protected, answered plain") as refused:
        fit(offer(audio("a", OPUS)), offer(offered), Dropped())
    assert (refused.value.status, refused.value.reason) == (488, EndReason.SECURITY_ERROR)


def test_keys_that_were_only_wished_for_may_be_left_out() -> None:
    wished = replace(audio(), rtp=replace(audio().rtp, encryption=replace(KEYS, required=False)))
    assert fitted(audio(), wished) == audio()


def test_a_content_keeps_its_creator() -> None:
    assert fitted(audio(), replace(audio(), creator=Role.RESPONDER)).creator is Role.RESPONDER


@given(descriptions())
@settings(max_examples=50, deadline=None)
def test_an_offer_is_its_own_answer_but_for_the_dtls_role(offered: Description) -> None:
    answer = fit(offered, offered, Dropped())
    for media, original in zip(answer.media, offered.media, strict=True):
        assert media.rtp == original.rtp
        assert media.senders is original.senders
    assert fit(answer, offered, Dropped()) == answer
