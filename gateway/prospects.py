"""What a call to a number could have, for whoever asks: the discovery features that are told of it.

Asked of the operator's rules as a call would be, but nothing comes of it.  Who may not call sees the same of every
number, whether there is one or not, and whether others may; so nobody learns the rules by asking.
"""

from collections.abc import Callable
from contextlib import suppress
from functools import reduce
from operator import and_

from gateway.addressing import plain, sip_uri
from gateway.entity import disco
from gateway.entity.disco import Abilities, Info
from gateway.errors import PeerError
from gateway.jid import bare, local
from gateway.routing import Routing
from gateway.rules import LONGEST_NAME


class Prospects:
    """The features of numbers."""

    def __init__(
        self,
        routing: Routing,
        *,
        video: bool,
        anchors: bool,
        engaged: Callable[[str, str], str | None] = lambda user, number: None,
    ) -> None:
        """``video``: calls may have it at all; ``anchors``: there is something that anchors media.

        ``engaged`` names the trunk of the call in which a user (bare) is with a number (bare).
        """
        self._routing = routing
        self._video = video
        self._anchors = anchors
        self._engaged = engaged

    def info(self, asker: str, jid: str) -> Info:
        """What is told to that user of that JID of ours.

        A call that is there decides, since its client may want to know what it can do in it, and who is called need not
        be somebody who may call.
        """
        trunk = self._engaged(bare(asker), bare(jid))
        with suppress(KeyError):  # an account that was removed in the middle of its call
            if trunk is not None:
                return self.through(trunk)
        try:
            found = self._routing.outbound(asker, jid)
        except PeerError:
            return disco.number(None)
        # Which trunk of a group it will be is not known before, so what only some of them can is not promised.
        return disco.number(reduce(and_, [self._abilities(way.trunk) for way in (found, *found.others)]))

    def possible(self, jid: str) -> bool:
        """Whether that JID of ours could be anybody: the gateway itself, or an address as SIP has them."""
        name = plain(local(jid))
        if not name:
            return True
        try:
            return len(name) <= LONGEST_NAME and name.isprintable() and bool(sip_uri(name, "invalid"))
        except PeerError:
            return False

    def through(self, trunk: str) -> Info:
        """What is told of a number in a call through that trunk."""
        return disco.number(self._abilities(trunk))

    def _abilities(self, name: str) -> Abilities:
        trunk = self._routing.trunk(name)
        media = trunk.media
        return Abilities(
            video=self._video and media.leg.codecs != media.leg.audio,
            messages=trunk.messages,
            batch=not (self._anchors and media.anchors_client(None)),
        )
