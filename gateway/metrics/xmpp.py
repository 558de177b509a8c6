"""What is counted of the component stream, and of what users do there besides calls."""

from prometheus_client import CollectorRegistry, Counter, Gauge

from gateway.metrics.series import DIRECTIONS, ORIGINS, Maker, known

KINDS = ("iq", "message", "presence")
COMMAND_ENDS = ("completed", "failed", "canceled", "expired", "broken")
NOTICES = ("missed", "failed")
TEXT_RESULTS = ("delivered", "accepted", "failed", "refused")


class XmppMetrics:
    """One for each registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        make = Maker(registry)
        self._connected = Gauge("jinglesip_xmpp_connected", "Whether the component stream stands.", registry=registry)
        self._reconnects = Counter(
            "jinglesip_xmpp_reconnects", "How often the component stream came back.", registry=registry
        )
        self._stanzas = make.counter("xmpp_stanzas", "Stanzas.", direction=known(DIRECTIONS), kind=known(KINDS))
        self._commands = make.counter(
            "commands", "Ad-hoc commands that were run.", node=str, outcome=known(COMMAND_ENDS)
        )
        self._notices = make.counter("notices", "Messages about calls.", kind=known(NOTICES))
        self._texts = make.counter("texts", "Chat messages.", origin=known(ORIGINS), result=known(TEXT_RESULTS))

    def xmpp_connected(self, connected: bool) -> None:
        """The component stream stands, or is gone."""
        self._connected.set(connected)

    def xmpp_reconnected(self) -> None:
        """The component stream stands again after it was lost."""
        self._reconnects.inc()

    def stanza(self, direction: str, kind: str) -> None:
        """A stanza came in, or went out."""
        self._stanzas[direction, kind].inc()

    def command_ended(self, node: str, outcome: str) -> None:
        """An ad-hoc command was run, one of ours, to that end."""
        self._commands[node, outcome].inc()

    def notice(self, kind: str) -> None:
        """A user was told of a call by a message."""
        self._notices[kind,].inc()

    def text(self, origin: str, result: str) -> None:
        """What became of a chat message."""
        self._texts[origin, result].inc()
