"""What a client is told of the other side's transports and codecs, beside what it is asked."""

from dataclasses import replace
from xml.etree.ElementTree import Element

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.sdp.answer import fit
from gateway.signals import Refuse
from mappings.description import Codec, Description, Ice, Media, RawUdp
from mappings.reasons import EndReason
from mappings.terms import Action

from . import changes, contents
from .contents import Transport
from .phases import Phase
from .session import Out, Session


def candidates(session: Session, news: contents.Transports, now: float) -> Out:
    """More candidates of ours: told, or kept until what they belong to can be said."""
    match session.phase:
        case Phase.PROPOSED if session.ours is not None:
            session.ours = contents.fold(session.ours, news)
        case Phase.OFFERED:
            contents.keep(session.early, news)
        case Phase.INITIATED | Phase.ACTIVE if session.ours is not None:
            session.ours = contents.fold(session.ours, news)
            aged = {name: session.aged(name, transport) for name, transport in news.items()}
            written = contents.write_transports(session.ours, aged, complete=session.gathers)
            return [session.ask(Action.TRANSPORT_INFO, [content], now) for content in written]
        case _:
            pass
    return []


def restarted(session: Session, several: list[Media], before: dict[str, Transport], *, answer: bool) -> list[Element]:
    """The contents of a transport-info with new credentials; candidates are a generation older from here on."""
    heads = []
    for media in several:
        assert isinstance(media.transport, Ice)
        session.generations[media.name] = session.generations.get(media.name, 0) + 1
        aged = session.aged(media.name, media.transport)
        assert isinstance(aged, Ice)
        heads.append(replace(media, transport=changes.opening(before[media.name], aged, answer=answer)))
    return changes.transported(heads)


def transports(session: Session, informed: list[Media], before: dict[str, Transport], now: float) -> Out:
    """What is new of these transports, apart from credentials: candidates, a certificate, an address."""
    out: Out = []
    for media in informed:
        old, new = before[media.name], media.transport
        if isinstance(new, RawUdp):
            session.generations[media.name] = session.generations.get(media.name, 0) + 1
            moved = replace(media, transport=session.aged(media.name, new))
            out.append(session.ask(Action.TRANSPORT_INFO, changes.transported([moved]), now))
            continue
        if not isinstance(old, Ice):
            continue
        again = changes.restarts(old, new)
        opening = changes.opening(old, new, answer=False)
        if opening.fingerprints and not again:
            told = replace(media, transport=opening)
            out.append(session.ask(Action.TRANSPORT_INFO, changes.transported([told]), now))
        known = () if again else old.candidates
        fresh = Ice(candidates=tuple(one for one in new.candidates if one not in known))
        told = replace(media, transport=new)
        more = {media.name: session.aged(media.name, fresh)}
        written = contents.write_transports(Description(media=(told,)), more)
        out += [session.ask(Action.TRANSPORT_INFO, [one], now) for one in written]
    return out


def tells(before: Media, after: Media, client: Media) -> bool:
    """Whether a codec that the client may use is not what it was; further ones are not worth telling (XEP-0167 §9)."""
    known = {((codec.name or "").lower(), codec.clockrate, codec.channels) for codec in client.rtp.codecs}

    def usable(codecs: tuple[Codec, ...]) -> list[object]:
        return [
            (codec.id, codec.name, codec.parameters, codec.ptime)
            for codec in codecs
            if ((codec.name or "").lower(), codec.clockrate, codec.channels) in known
        ]

    left = usable(after.rtp.codecs)
    return any(codec not in left for codec in usable(before.rtp.codecs))


def lacking(kept: Description, wanted: Description) -> Refuse | None:
    """The refusal, where a content that is there would have no codec any more (MOD-24), or no protection."""
    transports = {media.name: media.transport for media in wanted.media}
    moved = tuple(replace(media, transport=transports[media.name]) for media in kept.media)
    try:
        fitted = fit(Description(media=moved), wanted, Dropped())
    except PeerError as error:
        return Refuse(error.reason, error.text)
    if len(fitted.media) < len(moved):
        return Refuse(EndReason.INCOMPATIBLE_PARAMETERS, "the client has none of these codecs")
    return None
