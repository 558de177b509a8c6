"""What an answer may say, given the offer it answers (RFC 3264 §6; XEP-0167 §5; conformance J2S-25, J2S-26).

The rules are the same whichever side wrote the answer, so that neither a phone nor a client is told what it did not
offer: payload types of the offer and in its numbers, only offered feedback, header extensions, rtcp-mux and groups,
never more senders than offered, never protection given up.
"""

from dataclasses import replace

from gateway import canonical
from gateway.errors import PeerError
from gateway.fields import Dropped
from mappings.codecs import AUXILIARY, PAYLOAD_REFERENCES
from mappings.description import Codec, Description, Feedback, Group, Ice, Media, Parameter, RawUdp, Rtp
from mappings.reasons import EndReason
from mappings.terms import Senders, Setup


def fit(answer: Description, offer: Description, dropped: Dropped) -> Description:
    """The answer without what the offer does not allow; media that nothing is left of are left out, as refused.

    PeerError, reason security-error, where the answer would leave a medium unprotected that was offered protected.
    """
    offered = {media.name: media for media in offer.media}
    fitted = []
    for media in answer.media:
        if media.name not in offered:
            dropped.add("content")
        elif (one := _fit(media, offered[media.name], dropped)) is not None:
            fitted.append(one)
    names = {media.name for media in fitted}
    groups = []
    for group in answer.groups:
        allowed = {name for one in offer.groups if one.semantics == group.semantics for name in one.names} & names
        if kept := tuple(name for name in group.names if name in allowed):
            groups.append(Group(semantics=group.semantics, names=kept))
        else:
            dropped.add("group")
    return Description(media=tuple(fitted), groups=tuple(groups))


def _fit(media: Media, offered: Media, dropped: Dropped) -> Media | None:
    _protected(media, offered)
    codecs = _codecs(media.rtp.codecs, offered.rtp.codecs, dropped)
    if not codecs:
        dropped.add("content")
        return None
    return replace(
        media,
        rtp=_rtp(replace(media.rtp, codecs=codecs), offered.rtp),
        transport=_transport(media.transport, offered.transport),
        creator=offered.creator,
        senders=_meet(media.senders, offered.senders),
    )


def _rtp(rtp: Rtp, offered: Rtp) -> Rtp:
    """The application without what was not offered: a responder only takes away (XEP-0293 §4, XEP-0294 §4)."""
    for_all = set(offered.feedback)
    by_id = {codec.id: codec for codec in offered.codecs}
    uris = {extension.uri for extension in offered.extensions}
    return replace(
        rtp,
        codecs=tuple(_feedback(codec, by_id[codec.id], for_all) for codec in rtp.codecs),
        encryption=rtp.encryption if offered.encryption is not None else None,
        rtcp_mux=rtp.rtcp_mux if offered.rtcp_mux is not None else None,
        feedback=tuple(one for one in rtp.feedback if one in for_all),
        feedback_interval=rtp.feedback_interval if offered.feedback_interval is not None else None,
        extensions=tuple(extension for extension in rtp.extensions if extension.uri in uris),
        extmap_allow_mixed=rtp.extmap_allow_mixed if offered.extmap_allow_mixed is not None else None,
    )


def _feedback(codec: Codec, offered: Codec, for_all: set[Feedback]) -> Codec:
    if not codec.feedback and codec.feedback_interval is None:
        return codec
    kept = tuple(one for one in codec.feedback if one in offered.feedback or one in for_all)
    interval = codec.feedback_interval if offered.feedback_interval is not None else None
    return replace(codec, feedback=kept, feedback_interval=interval)


def _protected(media: Media, offered: Media) -> None:
    """A key or a fingerprint that was offered may not be answered with plain RTP (SEC-08, SEC-12, SEC-13)."""
    keys = media.rtp.encryption.crypto if media.rtp.encryption is not None else ()
    wanted = offered.rtp.encryption
    if media.transport.fingerprints or keys:
        return
    if offered.transport.fingerprints or (wanted is not None and wanted.required):
        raise PeerError(
            f"m={media.rtp.media}: offered protected, answered plain", status=488, reason=EndReason.SECURITY_ERROR
        )


def _codecs(answered: tuple[Codec, ...], offered: tuple[Codec, ...], dropped: Dropped) -> tuple[Codec, ...]:
    by_id = {codec.id: codec for codec in offered}
    plain = not all(map(_auxiliary, offered))
    numbers: dict[int, int] = {}
    kept: list[Codec] = []
    for codec in answered:
        same = by_id.get(codec.id)
        if same is None or not _same(codec, same) or codec.id in numbers.values():
            same = next((one for one in offered if one.id not in numbers.values() and _same(codec, one)), None)
        if same is None:
            dropped.add("payload-type")
            continue
        numbers[codec.id] = same.id
        kept.append(codec)
    if plain and all(map(_auxiliary, kept)):
        return ()
    if all(old == new for old, new in numbers.items()):
        return tuple(kept)
    return tuple(replace(codec, id=numbers[codec.id], parameters=_renumbered(codec, numbers)) for codec in kept)


def _auxiliary(codec: Codec) -> bool:
    return (codec.name or "").lower() in AUXILIARY


def _same(one: Codec, other: Codec) -> bool:
    return (
        (one.name or "").lower() == (other.name or "").lower()
        and one.clockrate == other.clockrate
        and one.channels == other.channels
    )


def _renumbered(codec: Codec, numbers: dict[int, int]) -> tuple[Parameter, ...]:
    """Parameters that name payload types follow them (RFC 4588 §8.1, RFC 2198 §5)."""
    reference = PAYLOAD_REFERENCES.get((codec.name or "").lower())
    return tuple(
        replace(parameter, value="/".join(
            str(numbers.get(int(word), word)) if word.isdecimal() and len(word) < 4 else word
            for word in parameter.value.split("/")
        ))
        if parameter.name == reference and parameter.value is not None
        else parameter
        for parameter in codec.parameters
    )  # fmt: skip


def _transport(transport: Ice | RawUdp, offered: Ice | RawUdp) -> Ice | RawUdp:
    """The transport with a DTLS role that fits the offer's (RFC 8842 §5.3)."""
    wanted = offered.fingerprints[0].setup if offered.fingerprints else None
    fingerprints = tuple(
        one
        if one.setup is (setup := _ROLES.get(wanted) or canonical.setup(one.setup, answer=True))
        else replace(one, setup=setup)
        for one in transport.fingerprints
    )
    return transport if fingerprints == transport.fingerprints else replace(transport, fingerprints=fingerprints)


_ROLES: dict[Setup | None, Setup] = {Setup.ACTIVE: Setup.PASSIVE, Setup.PASSIVE: Setup.ACTIVE}
"What is left to the answerer by an offer that has decided."


def _meet(answered: Senders, offered: Senders) -> Senders:
    """Those who send in both: an answer never widens what was offered (RFC 3264 §6.1)."""
    if answered is offered or offered is Senders.BOTH:
        return answered
    return offered if answered is Senders.BOTH else Senders.NONE
