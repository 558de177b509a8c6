"""How a session that came into a call speaks of it: its contents have other names, and maybe its roles are turned.

A call has one name for each medium, and an initiator and responder, from its first session.  A client that takes it up
in another session (XEP-0353 §4.2) names contents as it likes, and is the initiator of that session whoever had called.
Whatever the leg tells the call goes through `outward`, and what it is told through `inward`.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

from gateway.signals import Answer, Candidates, Complete, Offer, Progress, Signal
from mappings.description import Description, HeaderExtension, Media
from mappings.terms import Senders

LONGEST_NAME = 16
"Of a content's name: what clients take."

_TURNED = {Senders.INITIATOR: Senders.RESPONDER, Senders.RESPONDER: Senders.INITIATOR}


class Frame:
    """One session's."""

    __slots__ = ("_calls", "_media", "_own", "_there", "_turned")

    def __init__(self, there: Callable[[], Iterable[tuple[str, str]]], *, turned: bool) -> None:
        """``there``: the names and kinds of the call's media; ``turned``: the session's initiator is its responder."""
        self._there = there
        self._media: tuple[tuple[str, str], ...] | None = None
        "What there was when the session came."
        self._turned = turned
        self._calls: dict[str, str] = {}
        "The call's name of each content."
        self._own: dict[str, str] = {}
        "The content's name of each medium of the call."

    def outward(self, signal: Signal) -> Signal:
        """What the session says, in the call's words."""
        match signal:
            case Candidates():
                return Candidates({self._calls.get(name, name): one for name, one in signal.by_media.items()})
            case _:
                return self._through(signal, self._call_name)

    def inward(self, signal: Signal) -> Signal:
        """What the call says, in the session's words."""
        match signal:
            case Candidates():
                return Candidates({self._own.get(name, name): one for name, one in signal.by_media.items()})
            case _:
                return self._through(signal, self._own_name)

    def described(self, description: Description) -> Description:
        """A description of the session's, in the call's words."""
        return self._turn(description, self._call_name)

    def _through(self, signal: Signal, named: Callable[[Media], str]) -> Signal:
        match signal:
            case Offer() | Progress() if signal.description is not None:
                return replace(signal, description=self._turn(signal.description, named))
            case Answer() | Complete():
                return replace(signal, description=self._turn(signal.description, named))
            case _:
                return signal

    def _turn(self, description: Description, named: Callable[[Media], str]) -> Description:
        names = {media.name: named(media) for media in description.media}
        media = tuple(self._turn_media(one, names[one.name]) for one in description.media)
        groups = tuple(
            replace(group, names=tuple(names[name] for name in group.names if name in names))
            for group in description.groups
        )
        return replace(description, media=media, groups=groups)

    def _turn_media(self, media: Media, name: str) -> Media:
        if not self._turned:
            return replace(media, name=name)
        return replace(
            media,
            name=name,
            creator=media.creator.other,
            senders=_TURNED.get(media.senders, media.senders),
            rtp=replace(media.rtp, extensions=tuple(map(_turned, media.rtp.extensions))),
        )

    def _call_name(self, media: Media) -> str:
        known = self._calls.get(media.name)
        if known is None:
            if self._media is None:
                self._media = tuple(self._there())
            same = (name for name, kind in self._media if kind == media.rtp.media and name not in self._own)
            known = next(same, None) or _fresh(media.name, {*self._own, *(name for name, _ in self._media)})
            self._enter(media.name, known)
        return known

    def _own_name(self, media: Media) -> str:
        known = self._own.get(media.name)
        if known is None:
            known = _fresh(media.name, self._calls)
            self._enter(known, media.name)
        return known

    def _enter(self, own: str, call: str) -> None:
        self._calls[own], self._own[call] = call, own


def _turned(extension: HeaderExtension) -> HeaderExtension:
    if extension.senders is None:
        return extension
    return replace(extension, senders=_TURNED.get(extension.senders, extension.senders))


def _fresh(name: str, taken: Iterable[str]) -> str:
    """The name, or one like it that is not taken."""
    number, found, known = 1, name, set(taken)
    while found in known:
        number += 1
        found = f"{name[: LONGEST_NAME - 4]}-{number}"
    return found
