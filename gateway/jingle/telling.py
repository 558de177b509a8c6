"""What a client is told of the other side's transports, directions and codecs, beside what it is asked."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from xml.etree.ElementTree import Element

from gateway.errors import PeerError
from gateway.fields import Dropped
from gateway.sdp.answer import fit
from gateway.signals import Refuse
from gateway.stanza import Stanza
from mappings.description import Codec, Description, Ice, Media, RawUdp
from mappings.reasons import EndReason
from mappings.terms import Action, Info, Senders

from . import changes, contents
from .contents import Transport
from .phases import Phase
from .request import write_info
from .session import Asked, Out, Session

Told = tuple[Stanza, Action | Info]
"A request, and what it says."


def ringing(session: Session, now: float) -> Out:
    """The other side is alerted: said once, to a client that waits for the answer to its session-initiate."""
    if session.phase is not Phase.OFFERED or session.rung:
        return []
    session.rung = True
    return [session.ask(Action.SESSION_INFO, [write_info(Info.RINGING)], now)]


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


def senders(
    session: Session,
    several: Sequence[Media],
    before: Mapping[str, Senders],
    now: float,
    *,
    alone: bool = False,
    asked: Asked = Asked.OTHER,
) -> list[Told]:
    """Who sends these contents from here on; ``before``: who did, as the client knows it, of all contents.

    By content-modify, one content each (COMPAT(Dino): it reads no more than one); or, ``alone`` if nothing else
    changes, by the news that it is a hold, or none any more (conformance reference 1.8), where that is wished, or the
    client takes nothing else.
    """
    client = session.role.other
    if not session.dialect.silenced:
        after = {**before, **{media.name: media.senders for media in several}}
        held = not any(changes.sends(said, client) for said in after.values())
        told = _of_ours(session, several, before, now, asked)
        return told if held is session.informed else [*told, _hold(session, now, asked, held=held)]
    if alone and session.settings.hold_by_info and not session.uninformed and len(several) == len(before):
        held = all(media.senders is changes.silence(before[media.name], client) for media in several)
        if held or (session.informed and all(changes.sends(media.senders, client) for media in several)):
            return [_hold(session, now, asked, held=held)]
    return [_modify(session, media, now, asked) for media in several]


def _of_ours(
    session: Session, several: Iterable[Media], before: Mapping[str, Senders], now: float, asked: Asked
) -> list[Told]:
    """Whether the other side sends, and as if the client always did: to some there is no more to say."""
    told = []
    for media in several:
        sends = changes.sends(media.senders, session.role)
        if media.name in session.watching:
            continue  # whether something comes is seen
        if sends is not changes.sends(before[media.name], session.role):
            formal = replace(media, senders=Senders.BOTH if sends else Senders(session.role.other.value))
            told.append(_modify(session, formal, now, asked))
    return told


def _modify(session: Session, media: Media, now: float, asked: Asked) -> Told:
    stanza = session.ask(Action.CONTENT_MODIFY, changes.directed([media]), now, asked=asked)
    return stanza, Action.CONTENT_MODIFY


def _hold(session: Session, now: float, asked: Asked, *, held: bool) -> Told:
    session.informed = held
    info = Info.HOLD if held else Info.UNHOLD
    return session.ask(Action.SESSION_INFO, [write_info(info)], now, asked=asked), info


def redirected(session: Session, several: Sequence[Media], before: Mapping[str, Senders], now: float) -> Out:
    """The same as `senders`, where no reply is waited for."""
    return [stanza for stanza, _ in senders(session, several, before, now)]


def removed(session: Session, several: Iterable[Media], now: float) -> Out:
    """Contents that the other side gives up.  A client that can lose none keeps them, and nothing comes in them."""
    several = tuple(several)
    if session.dialect.removed:
        return [session.ask(Action.CONTENT_REMOVE, changes.stubs(several), now)]
    session.kept |= {media.name for media in several}
    before = {media.name: media.senders for media in several}
    quiet = [replace(media, senders=changes.silence(media.senders, session.role)) for media in several]
    return [stanza for stanza, _ in _of_ours(session, quiet, before, now, Asked.OTHER)]


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
