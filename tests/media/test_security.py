"""Keys: certificates that are not the announced ones, handshakes that never end, keys in descriptions, replays."""

from dataclasses import replace

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import AnchorError
from gateway.media.anchor import PHONE, WEB, Connected, Failed, LegMedia, Protection
from gateway.media.embedded import srtp
from gateway.media.embedded.anchor import EmbeddedAnchor
from gateway.media.embedded.dtls import DATAGRAM, Identity, datagrams, fits
from gateway.signals import Side
from mappings.description import Crypto, Description, Fingerprint
from mappings.reasons import EndReason
from mappings.terms import Setup
from tests.media.keyed import KeyedPhone
from tests.media.rig import BackToBack, Phone, Rig, dropped, drops, rigged, rtp, sender_report
from tests.peers.program import until

CALLER, CALLEE = Side
SDES = LegMedia(ice=False, protection=Protection.SDES, rtcp_mux=False, bundle=False, feedback=False)


def announcing(description: Description, *fingerprints: Fingerprint) -> Description:
    """The description with other fingerprints."""
    return replace(
        description,
        media=tuple(
            replace(media, transport=replace(media.transport, fingerprints=fingerprints)) for media in description.media
        ),
    )


# ----------------------------------------------------------------------------------------------------------------- DTLS


@pytest.mark.conformance("SEC-09")
async def test_a_certificate_that_was_not_announced_ends_the_call_before_any_media() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        offer = await pair.offer()
        said = offer.media[0].transport.fingerprints[0]
        forged = announcing(offer, replace(said, value="00" + said.value[2:]))
        await pair.finish(await pair.answer(forged))
        failed = await pair.two_told.expect(Failed)
        assert (failed.side, failed.reason) == (CALLER, EndReason.SECURITY_ERROR)
        assert failed.text == "DTLS: not the certificate that was announced"
        pair.far.speak(rtp(1))
        await drops(pair.two, CALLEE, 1)
        assert not any(isinstance(event, Connected) and event.side is CALLER for event in pair.two_told)


async def test_a_handshake_that_never_ends_is_told() -> None:
    async with rigged(dtls_seconds=0.3) as rig:
        pair = BackToBack(rig)
        offer = await pair.offer()
        # The other anchor is not told that there is DTLS, so that it never says anything of it.
        answer = await pair.answer(announcing(offer))
        identity = rig.anchors.identity
        await pair.finish(announcing(answer, identity.fingerprint(Setup.PASSIVE)))
        failed = await pair.one_told.expect(Failed)
        assert (failed.side, failed.reason) == (CALLEE, EndReason.CONNECTIVITY_ERROR)
        assert failed.text == "DTLS: no handshake within 0.3 seconds"


async def test_a_role_that_is_left_out_is_the_answerers() -> None:
    async with rigged() as rig:
        pair = BackToBack(rig)
        answer = await pair.answer(await pair.offer())
        said = answer.media[0].transport.fingerprints[0]
        assert said.setup is Setup.ACTIVE
        await pair.finish(announcing(answer, replace(said, setup=None)))
        await pair.one_told.connected(CALLEE)


@pytest.fixture(scope="module")
def certificate() -> x509.Certificate:
    """Any certificate."""
    return Identity().certificate


HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha-1": hashes.SHA1(),
    "sha-224": hashes.SHA224(),
    "sha-256": hashes.SHA256(),
    "sha-384": hashes.SHA384(),
    "sha-512": hashes.SHA512(),
}


def of(certificate: x509.Certificate, name: str, *, wrong: bool = False) -> Fingerprint:
    """A certificate's fingerprint, or one that it has not."""
    value = certificate.fingerprint(HASHES[name]).hex(":").upper()
    return Fingerprint(hash=name, value="FF:FF" + value[5:] if wrong else value)


@given(right=st.sets(st.sampled_from(sorted(HASHES))), wrong=st.sets(st.sampled_from(sorted(HASHES))))
def test_every_hash_that_is_announced_must_fit(certificate: x509.Certificate, right: set[str], wrong: set[str]) -> None:
    declared = [of(certificate, name) for name in right] + [of(certificate, name, wrong=True) for name in wrong]
    # Of several values of one hash, one has to fit: the peer may have several certificates (RFC 8122 §5).
    assert fits(certificate, declared) is (bool(right) and wrong <= right)


def test_hashes_that_nobody_knows_announce_nothing(certificate: x509.Certificate) -> None:
    assert not fits(certificate, [Fingerprint(hash="md5", value="AA")])
    assert fits(certificate, [Fingerprint(hash="md5", value="AA"), of(certificate, "sha-256")])


@given(st.lists(st.integers(0, 1400), max_size=8))
def test_datagrams_hold_whole_records(lengths: list[int]) -> None:
    records = [bytes(11) + length.to_bytes(2, "big") + bytes(length) for length in lengths]
    found = datagrams(b"".join(records))
    assert b"".join(found) == b"".join(records)
    starts = set()
    place = 0
    for record in records:
        starts.add(place)
        place += len(record)
    place = 0
    for datagram in found:
        assert place in starts
        assert len(datagram) <= DATAGRAM or place + len(datagram) in starts | {sum(map(len, records))}
        place += len(datagram)


# ----------------------------------------------------------------------------------------------------------------- SDES


@pytest.mark.parametrize("suite", sorted(srtp.BY_SDES))
async def test_a_phone_with_keys_offers(suite: str) -> None:
    async with rigged() as rig:
        keyed, plain = KeyedPhone(await rig.phone(), suite), await rig.phone()
        anchor, _ = await rig.anchor(SDES, PHONE)
        await anchor.take_offer(CALLER, keyed.description())
        plain.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, plain.description())
        answer = await anchor.make_answer(CALLER)
        keyed.told(answer)
        assert answer.media[0].rtp.encryption is not None
        assert [line.tag for line in answer.media[0].rtp.encryption.crypto] == [1]
        keyed.phone.speak(keyed.out.protect(rtp(1)))
        assert await plain.speech.hears(1) == [rtp(1)]
        plain.speak(rtp(2))
        assert keyed.into.unprotect((await keyed.phone.speech.hears(1))[0]) == rtp(2)
        keyed.phone.report(keyed.out.protect_rtcp(sender_report(5)))
        assert await plain.control.hears(1) == [sender_report(5)]


@pytest.mark.parametrize("suite", srtp.OFFERED)
async def test_a_phone_with_keys_answers(suite: str) -> None:
    async with rigged() as rig:
        plain, keyed = await rig.phone(), KeyedPhone(await rig.phone(), suite, 1 + srtp.OFFERED.index(suite))
        anchor, _ = await rig.anchor(PHONE, SDES)
        await anchor.take_offer(CALLER, plain.description())
        keyed.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, keyed.description())
        plain.told(await anchor.make_answer(CALLER))
        plain.speak(rtp(2))
        assert keyed.into.unprotect((await keyed.phone.speech.hears(1))[0]) == rtp(2)
        keyed.phone.speak(keyed.out.protect(rtp(1)))
        assert await plain.speech.hears(1) == [rtp(1)]


@pytest.mark.conformance("MED-05")
async def test_what_is_repeated_or_damaged_is_dropped_and_counted() -> None:
    async with rigged() as rig:
        keyed, plain = KeyedPhone(await rig.phone(), "AES_CM_128_HMAC_SHA1_80"), await rig.phone()
        anchor, _ = await rig.anchor(SDES, PHONE)
        await anchor.take_offer(CALLER, keyed.description())
        plain.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, plain.description())
        keyed.told(await anchor.make_answer(CALLER))
        packets = [keyed.out.protect(rtp(number)) for number in range(3)]
        damaged = packets[1][:-1] + bytes([packets[1][-1] ^ 1])
        keyed.phone.speak(packets[0], packets[0], damaged, packets[1], packets[0], packets[2])
        assert await plain.speech.hears(3) == [rtp(0), rtp(1), rtp(2)]
        await drops(anchor, CALLER, 3)


async def test_reports_that_are_damaged_or_too_long_are_dropped() -> None:
    async with rigged() as rig:
        keyed, plain = KeyedPhone(await rig.phone(), "AES_CM_128_HMAC_SHA1_80"), await rig.phone()
        anchor, _ = await rig.anchor(SDES, PHONE)
        await anchor.take_offer(CALLER, keyed.description())
        plain.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, plain.description())
        keyed.told(await anchor.make_answer(CALLER))
        whole = keyed.out.protect_rtcp(sender_report(5))
        for packet in (whole[:-1] + bytes([whole[-1] ^ 1]), sender_report(5), whole, whole):
            keyed.phone.report(packet)
        assert await plain.control.hears(1) == [sender_report(5)]
        await drops(anchor, CALLER, 3)
        plain.report(sender_report(6) * 50)
        plain.report(sender_report(7))
        (report,) = await keyed.phone.control.hears(1)
        assert keyed.into.unprotect_rtcp(report) == sender_report(7)


async def test_an_offer_without_a_key_that_can_be_used_is_refused() -> None:
    async with rigged() as rig:
        keyed = KeyedPhone(await rig.phone(), "AES_CM_128_HMAC_SHA1_80")
        anchor, _ = await rig.anchor(SDES, PHONE)
        await anchor.take_offer(
            CALLER, keyed.description(replace(keyed.line, key_params=f"{keyed.line.key_params}|1:4"))
        )
        with pytest.raises(AnchorError) as caught:
            await anchor.make_answer(CALLER)
        assert caught.value.reason is EndReason.SECURITY_ERROR


async def test_an_answer_with_another_key_than_offered_ends_the_call() -> None:
    async with rigged() as rig:
        plain, keyed = await rig.phone(), KeyedPhone(await rig.phone(), "AES_CM_128_HMAC_SHA1_80", tag=9)
        anchor, told = await rig.anchor(PHONE, SDES)
        await anchor.take_offer(CALLER, plain.description())
        keyed.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, keyed.description())
        failed = await told.expect(Failed)
        assert (failed.side, failed.reason) == (CALLEE, EndReason.SECURITY_ERROR)


async def test_the_same_key_in_a_new_offer_goes_on() -> None:
    async with rigged() as rig:
        keyed, plain = KeyedPhone(await rig.phone(), "AES_CM_128_HMAC_SHA1_80"), await rig.phone()
        anchor, _ = await rig.anchor(SDES, PHONE)
        await anchor.take_offer(CALLER, keyed.description())
        plain.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, plain.description())
        answer = await anchor.make_answer(CALLER)
        keyed.told(answer)
        for number in (65535, 65536, 65537):  # the roll-over counter has to go on
            keyed.phone.speak(keyed.out.protect(rtp(number)))
        await plain.speech.hears(3)
        await anchor.take_offer(CALLER, keyed.description())
        assert await anchor.make_answer(CALLER) == answer
        keyed.phone.speak(keyed.out.protect(rtp(65538)))
        await plain.speech.hears(4)
        await drops(anchor, CALLER, 0)


@pytest.mark.parametrize(
    "line",
    [
        Crypto(tag=1, crypto_suite="F8_128_HMAC_SHA1_80", key_params="inline:AAAA"),
        Crypto(tag=1, crypto_suite="AES_CM_128_HMAC_SHA1_80", key_params="inline:AAAA"),
        Crypto(tag=1, crypto_suite="AES_CM_128_HMAC_SHA1_80", key_params="inline:%%%%"),
        Crypto(tag=1, crypto_suite="AES_CM_128_HMAC_SHA1_80", key_params="uri:" + "A" * 40),
        Crypto(tag=1, crypto_suite="AES_CM_128_HMAC_SHA1_80", key_params="inline:" + "A" * 40 + "|2^20|1:32"),
        Crypto(tag=1, crypto_suite="AES_CM_128_HMAC_SHA1_80", key_params="inline:" + "A" * 40 + ";inline:" + "A" * 40),
        Crypto(tag=1, crypto_suite="AES_CM_128_HMAC_SHA1_80", key_params="inline:" + "A" * 40, session_params="KDR=1"),
    ],
)
def test_a_line_that_cannot_be_used_is_passed_over(line: Crypto) -> None:
    assert srtp.read(line) is None
    good = replace(line, tag=2, crypto_suite="AES_CM_128_HMAC_SHA1_80", session_params="WSH=64")
    good = replace(good, key_params="inline:" + "A" * 40 + "|2^31")
    answer = srtp.answer((line, good))
    assert answer is not None
    assert answer.tag == 2


def test_keys_are_never_shown() -> None:
    ours = srtp.offer()
    keys = srtp.agreed(ours, ours[:1])
    assert keys is not None
    for line in ours:
        assert line.key_params.removeprefix("inline:") not in repr(line)
    assert repr(keys) == "Keys(AES_CM_128_HMAC_SHA1_80)"


async def test_media_that_are_to_be_protected_never_leave_unprotected() -> None:
    async with rigged() as rig:
        anchor, _ = await rig.anchor(PHONE, SDES)
        plain, keyed = await rig.phone(), KeyedPhone(await rig.phone(), "AES_CM_128_HMAC_SHA1_80")
        await anchor.take_offer(CALLER, plain.description())
        keyed.told(await anchor.make_offer(CALLEE))
        await anchor.take_answer(CALLEE, keyed.description(replace(keyed.line, tag=9)))
        plain.told(await anchor.make_answer(CALLER))
        plain.speak(rtp(1), rtp(2))
        plain.report(sender_report(1))
        keyed.phone.speak(rtp(1))
        await drops(anchor, CALLER, 2)
        await drops(anchor, CALLEE, 1)
        assert keyed.phone.speech.heard == keyed.phone.control.heard == plain.speech.heard == []


# ---------------------------------------------------------------------------------------------------------- in a circle


async def a_call_in(rig: Rig) -> Description:
    """A phone calls a client: what that is offered, without the fingerprint."""
    anchor, _ = await rig.anchor(PHONE, WEB)
    await anchor.take_offer(CALLER, (await rig.phone()).description())
    return announcing(await anchor.make_offer(CALLEE))


async def a_call_out(rig: Rig, offer: Description) -> tuple[EmbeddedAnchor, Phone]:
    """A client offers this, and a phone picks up; the client has no answer yet."""
    anchor, _ = await rig.anchor(WEB, PHONE)
    phone = await rig.phone()
    await anchor.take_offer(CALLER, offer)
    phone.told(await anchor.make_offer(CALLEE))
    await anchor.take_answer(CALLEE, phone.description())
    return anchor, phone


async def test_a_client_is_not_where_another_of_its_calls_is() -> None:
    # Where the two phones are told of each other too, one pressed key would go round for ever, as fast as we can.
    async with rigged() as rig:
        anchor, _ = await a_call_out(rig, await a_call_in(rig))
        with pytest.raises(AnchorError, match="our own") as refused:
            await anchor.make_answer(CALLER)
        assert (refused.value.status, refused.value.reason) == (488, EndReason.UNSUPPORTED_TRANSPORTS)


async def test_no_candidates_lead_a_client_to_another_of_its_calls() -> None:
    async with rigged() as rig:
        transport = (await a_call_in(rig)).media[0].transport
        anchor, _ = await rig.anchor(PHONE, WEB)
        await anchor.take_offer(CALLER, (await rig.phone()).description())
        (medium,) = (await anchor.make_offer(CALLEE)).media
        with pytest.raises(AnchorError, match="our own"):
            await anchor.candidates(CALLEE, {medium.name: transport})


async def test_a_client_without_ice_is_not_where_another_of_its_calls_is() -> None:
    async with rigged() as rig:
        other, _ = await a_call_out(rig, (await rig.phone()).description())
        anchor, _ = await a_call_out(rig, await other.make_answer(CALLER))
        with pytest.raises(AnchorError, match="our own"):
            await anchor.make_answer(CALLER)


async def test_what_another_call_sends_moves_no_client() -> None:
    async with rigged() as rig:
        client = await rig.phone()
        anchor, phone = await a_call_out(rig, client.description())
        client.told(near := await anchor.make_answer(CALLER))
        other, _ = await a_call_out(rig, (await rig.phone()).description())
        await other.make_answer(CALLER)
        await other.take_offer(CALLEE, near)
        await other.make_answer(CALLEE)
        assert await other.digit(CALLEE, "5", 100)
        await until(lambda: dropped(anchor, CALLER) > 0, "the digit comes and is dropped")
        phone.speak(rtp(1, ssrc=9))
        await client.speech.hears(1)
