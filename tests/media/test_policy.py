"""Which calls are anchored."""

from dataclasses import replace

import pytest

from gateway.media.anchor import PHONE, WEB, Protection
from gateway.media.policy import Policy, TrunkMedia
from mappings.description import Crypto, Description, Encryption, Fingerprint, Ice, RawUdp

from .test_agreement import media, plain, said
from .test_negotiation import PCMU

BROWSER = said(media(PCMU))
PLAIN = said(plain(PCMU))
BARE_ICE = said(media(PCMU, transport=Ice(ufrag="abcd", pwd="x" * 22)))
KEYED = said(
    replace(
        PLAIN.media[0],
        rtp=replace(
            PLAIN.media[0].rtp,
            encryption=Encryption(
                crypto=(Crypto(tag=1, crypto_suite="AES_CM_128_HMAC_SHA1_80", key_params="inline:x"),)
            ),
        ),
    )
)
DTLS_ALONE = said(media(PCMU, transport=RawUdp(fingerprints=(Fingerprint(hash="sha-256", value="AA"),))))


LITE = replace(BROWSER, media=tuple(replace(one, lite=True) for one in BROWSER.media))
TWO_PORTS = replace(BROWSER, media=tuple(replace(one, rtp=replace(one.rtp, rtcp_mux=None)) for one in BROWSER.media))


@pytest.mark.parametrize("offer", [None, BROWSER, PLAIN, BARE_ICE, KEYED])
def test_the_operators_word_counts(offer: Description | None) -> None:
    for leg in (PHONE, WEB):
        always, never = TrunkMedia(policy=Policy.ANCHOR, leg=leg), TrunkMedia(policy=Policy.DIRECT, leg=leg)
        assert always.anchors_client(offer)
        assert always.anchors_phone(offer)
        assert not never.anchors_client(offer)
        assert not never.anchors_phone(offer)


@pytest.mark.parametrize(
    ("offer", "anchored"),
    [(None, True), (BROWSER, True), (PLAIN, False), (BARE_ICE, True), (KEYED, True), (DTLS_ALONE, True)],
)
def test_a_client_is_helped_to_a_plain_phone_unless_it_is_as_plain(offer: Description | None, anchored: bool) -> None:
    assert TrunkMedia().anchors_client(offer) is anchored


@pytest.mark.parametrize("offer", [None, BROWSER, PLAIN, BARE_ICE, KEYED])
def test_a_trunk_that_speaks_as_browsers_do_needs_no_help(offer: Description | None) -> None:
    assert not TrunkMedia(leg=WEB).anchors_client(offer)
    assert TrunkMedia(leg=replace(WEB, protection=Protection.SDES)).anchors_client(None)


@pytest.mark.parametrize(
    ("offer", "anchored"),
    [
        (None, True), (BROWSER, False), (LITE, True), (TWO_PORTS, True), (PLAIN, True), (BARE_ICE, True), (KEYED, True),
        (DTLS_ALONE, True),
    ],
)  # fmt: skip
def test_a_phone_is_helped_unless_it_offers_what_browsers_take(offer: Description | None, anchored: bool) -> None:
    assert TrunkMedia().anchors_phone(offer) is anchored
