"""Messages in the chat with a number, about calls: one that was missed, and why one of the user's own came to nothing.

Clients with message initiation show a missed call by themselves, and any failure before the session as "busy" or
"declined"; so both are sent only where the operator, or the user, wants them.

A call is missed when nobody took it and nobody said no, unless somebody has answered it elsewhere (RFC 3326), or it was
given up before a device could ring.  A failure is explained unless the user gave up, or the number was busy or
declined, which is what the client shows anyway.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol
from xml.etree.ElementTree import Element

from gateway.addressing import localpart
from gateway.buckets import Buckets
from gateway.call.facts import Recorder
from gateway.call.wires import XmppWire
from gateway.errors import PeerError
from gateway.history.ladder import date
from gateway.history.listing import MISSED, word
from gateway.history.record import CallRecord
from gateway.history.trail import Trail
from gateway.stanza import Stanza
from gateway.text import reading
from mappings.namespaces import HINTS
from mappings.reasons import EndReason

SHORTEST_SECONDS = 2.0
"A caller who gives up sooner, while no device rings, has not called long enough to be missed."

_SHOWN = {(EndReason.BUSY, None), (EndReason.BUSY, 486), (EndReason.BUSY, 600), (EndReason.DECLINE, None),
          (EndReason.DECLINE, 603)}  # fmt: skip
"Refusals that clients show as what they are: the reason, and the SIP status behind it."


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesSettings:
    """What is sent."""

    domain: str
    resource: str
    missed: bool = False
    "Whether a missed call leaves a message, where the user has not said."

    failed: bool = False
    a_minute: int = 60
    "So many to one user."


class NoticesObserver(Protocol):
    """What is counted."""

    def notice(self, kind: str) -> None:
        """One was sent: missed, failed."""
        ...


class Notices:
    """A recorder (`gateway.call.facts.Recorder`) before another one."""

    def __init__(
        self,
        settings: NoticesSettings,
        *,
        recorder: Recorder,
        xmpp: XmppWire,
        wants: Callable[[str], bool | None],
        observer: NoticesObserver,
        new_id: Callable[[], str],
        clock: Callable[[], float],
    ) -> None:
        """``wants``: whether a user (bare JID) wants to be told of missed calls; None: they have not said.

        ``clock`` is one that nobody sets, in seconds.
        """
        self._settings = settings
        self._recorder = recorder
        self._xmpp = xmpp
        self._wants = wants
        self._observer = observer
        self._new_id = new_id
        self._clock = clock
        self._allowed = Buckets[str].a_minute(settings.a_minute)

    def wall(self) -> float:
        """As who remembers says."""
        return self._recorder.wall()

    def follow(self) -> Trail | None:
        """As who remembers wants."""
        return self._recorder.follow()

    def recorded(self, record: CallRecord, trail: Trail | None) -> None:
        """As who remembers wants."""
        self._recorder.recorded(record, trail)

    def over(self, record: CallRecord) -> None:
        """A call is over, or was refused before it began: tell its user, where that is wanted."""
        self._recorder.over(record)
        told = self._notice(record)
        if told is None or not self._allowed.admits(record.user, self._clock()):
            return
        kind, body = told
        try:
            sender = f"{localpart(record.number)}@{self._settings.domain}/{self._settings.resource}"
        except PeerError:
            return  # it was to nobody who could be written from
        self._xmpp.send(message(reading.one_line(body), sender=sender, to=record.user, id=self._new_id()))
        self._observer.notice(kind)

    def _notice(self, record: CallRecord) -> tuple[str, str] | None:
        """Of which kind, and what it says."""
        if record.outgoing:
            body = failed(record) if self._settings.failed else None
            return None if body is None else ("failed", body)
        wants = self._wants(record.user) if record.user else False
        body = missed(record) if (self._settings.missed if wants is None else wants) else None
        return None if body is None else ("missed", body)


def missed(record: CallRecord) -> str | None:
    """What is said of a call that its user has missed; None of others."""
    if record.answered is not None or record.elsewhere or word(record) != MISSED:
        return None
    rang_for = (record.ended or record.began) - record.began
    if record.ended_by == "caller" and not record.rang and rang_for < SHORTEST_SECONDS:
        return None
    named = f"{record.name} ({record.number})" if record.name not in ("", record.number) else record.number
    return f"Missed call from {named}, {date(record.began)}"


def failed(record: CallRecord) -> str | None:
    """What is said of a call of the user's that came to nothing; None of others."""
    shown = (EndReason(record.reason), record.status) in _SHOWN
    if record.answered is not None or record.ended_by == "caller" or shown:
        return None
    text = f" ({record.text})" if record.text else ""
    return f"Call not completed: {word(record)}{text}"


def message(body: str, *, sender: str, to: str, id: str) -> Stanza:
    """A chat message that is stored for devices which are not there (XEP-0334)."""
    written = reading.write(reading.Text(body=body, lang="en"), sender=sender, to=to, id=id, type="chat")
    return replace(written, children=(*written.children, Element(f"{{{HINTS}}}store")))
