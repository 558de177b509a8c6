"""A call that goes from one device of its user to another, by message initiation (XEP-0353 §4.2).

Whoever proposes a call to a number with which the same user (bare JID) is in a call means that call: another device
takes it up, or the same one after it had lost it.  So the SIP side stays where it is.  The new session makes an offer
for the user's side; when that is answered, the old session is ended, and its finish names the new one.  Until then the
old one goes on, also where the new one comes to nothing.

A session-initiate without a propose is a call of its own, and so is a propose while the first call is not answered.
"""

from collections.abc import Callable
from typing import Protocol
from xml.etree.ElementTree import Element

from gateway.call.opened import Opened
from gateway.call.seat import Party
from gateway.call.successors import Book
from gateway.errors import PeerError
from gateway.jingle.announcing import Announcements
from gateway.jingle.frame import Frame
from gateway.jingle.leg import JingleLeg, JingleTimers
from gateway.signals import End, Side
from gateway.stanza import Stanza
from mappings.reasons import EndReason

ELSEWHERE = "the call goes on at another device"


class MovingSettings(Protocol):
    """What the legs of devices are given."""

    @property
    def jingle(self) -> JingleTimers:
        """How long they wait."""
        ...

    @property
    def kinds(self) -> tuple[str, ...]:
        """The media of which a call needs at least one."""
        ...


class Moving:
    """Takes devices into calls; keeps none."""

    def __init__(
        self,
        settings: MovingSettings,
        *,
        book: Book,
        transmit: Callable[[Stanza], None],
        announce: Callable[[str, str, str], tuple[Element, ...]],
        announcements: Announcements,
        knows: Callable[[str, str], bool],
        new_id: Callable[[], str],
    ) -> None:
        self._settings = settings
        self._book = book
        self._transmit = transmit
        self._announce = announce
        "The caps to announce to a user who does not get that number's presence, in a call through that trunk."
        self._announcements = announcements
        self._knows = knows
        "Whether a device has announced a feature."
        self._new_id = new_id

    def take_up(self, opened: Opened, propose: Stanza, sid: str) -> None:
        """Let who proposes take up that call of the same user.  PeerError where it cannot be now."""
        if opened.task.seating.joining:
            raise PeerError("the call is being handed on already", status=491, reason=EndReason.BUSY)
        before = opened.jingle
        assert isinstance(before, JingleLeg)  # no other is movable
        name = self._new_id()[:16]
        leg = JingleLeg.answering(
            name=name,
            request=propose,
            local=opened.local,
            new_id=self._new_id,
            settings=self._settings.jingle,
            kinds=self._settings.kinds,
            announce=self._announce(propose.sender, opened.local, opened.trunk),
            announcements=self._announcements,
            knows=self._knows,
            frame=Frame(lambda: before.contents, turned=opened.xmpp_side is Side.CALLEE),
        )
        parting = End(EndReason.SUCCESS, ELSEWHERE, migrated=sid)
        came = Party(leg, "jingle", self._transmit, "jingle", parting=parting)
        opened.task.join(opened.xmpp_side, came)
        self._book.doors.enter_jingle(opened, came, name=name, owner=propose.sender, sid=sid)
        came.inlet.put(propose)
