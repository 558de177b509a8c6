"""What the gateway is to XMPP users, and what it knows of their devices, put together of the operator's settings."""

import time
from collections.abc import Callable
from xml.etree.ElementTree import Element

from gateway import __version__
from gateway.addressing import plain
from gateway.bonds import StoredBonds
from gateway.config import Settings
from gateway.contacts import Contacts, ContactsObserver, ContactsWire
from gateway.entity import caps, disco
from gateway.entity.answers import Entity
from gateway.entity.presence import Devices
from gateway.entity.roster import Roster
from gateway.entity.subscription import Subscription
from gateway.prospects import Prospects
from gateway.routing import Routing
from gateway.store.database import Database


class Appearance:
    """The parts of it.  To be made inside the event loop."""

    def __init__(
        self,
        settings: Settings,
        *,
        routing: Routing,
        database: Database,
        xmpp: ContactsWire,
        engaged: Callable[[str, str], str | None],
        observer: ContactsObserver,
        new_id: Callable[[], str],
    ) -> None:
        """``engaged`` names the trunk of the call in which a user is with a JID of ours, both bare."""
        name, quiet = settings.presence.name, settings.incoming.dnd == "refuse"
        self.devices = Devices(new_id, kinds=settings.incoming.classes, disturbs=not quiet)
        self.prospects = Prospects(
            routing, video=settings.media.video, anchors=settings.media.anchor != "none", engaged=engaged
        )
        self.entity = Entity(
            component=disco.component(name, messages=routing.messages, register=bool(settings.own_accounts.users)),
            number=self.prospects.info,
            version=__version__,
            translate=routing.translate,
            plain=plain,
            since=time.time(),
            title=name,
            international=settings.routing.country is None,
        )
        self.contacts = Contacts(
            Subscription(
                entity=self.entity,
                resource=settings.xmpp.resource,
                roster=Roster(),
                possible=self.prospects.possible,
                engaged=lambda user, ours: engaged(user, ours) is not None,
            ),
            bonds=StoredBonds(database),
            domain=settings.xmpp.domain,
            asks=settings.presence.subscribe,
            xmpp=xmpp,
            rate=settings.presence.rate_per_second,
            observer=observer,
        )

    def announce(self, user: str, local: str, trunk: str) -> tuple[Element, ...]:
        """The caps to tell a user by directed presence, who does not get that number's presence by subscription."""
        return () if self.devices.sees(user, local) else caps.write(self.prospects.through(trunk))
