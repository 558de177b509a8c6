"""The front desk: every stanza and SIP request that comes is brought to its call, answered, or turned away.

Nothing here decides about calls; it decides whom something is for.  SIP is taken from trunks only: by the address it
comes from, or by digest credentials, and whoever is neither gets 403 or a challenge, and is counted.  Nothing is kept
of strangers, and no answer to them is repeated: the address that they seem to come from may be a victim's.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

import structlog

from gateway.call.calls import Calls
from gateway.call.wires import SipWire, XmppWire
from gateway.commands.desk import Commands
from gateway.commands.inband import InBand
from gateway.conferences import Conferences
from gateway.contacts import Contacts
from gateway.entity import answers
from gateway.entity.answers import Entity
from gateway.entity.presence import Devices
from gateway.jid import bare, domain
from gateway.keypad import Keypad
from gateway.relays import Relays
from gateway.routing import Routing
from gateway.sip import guard, uas
from gateway.sip.message import SipRequest
from gateway.stanza import Stanza, error
from gateway.text.desk import Texts
from gateway.text.mailboxes import Mailboxes
from gateway.throttle import Throttle
from mappings.namespaces import JINGLE, MESSAGE_INITIATION
from mappings.terms import Method

NONCE_SECONDS = 300.0
"How long a nonce of ours is good."

_JINGLE = f"{{{JINGLE}}}jingle"


class ReceptionObserver(Protocol):
    """What is turned away."""

    def refused(self, cause: str) -> None:
        """A SIP request from nobody we know: unknown_source, unauthorized."""
        ...


class Reception:
    """Brings what comes to where it belongs."""

    def __init__(
        self,
        *,
        calls: Calls,
        texts: Texts,
        mailboxes: Mailboxes,
        conferences: Conferences,
        keypad: Keypad | None,
        relays: Relays | None,
        commands: Commands,
        inband: InBand,
        entity: Entity,
        devices: Devices,
        contacts: Contacts,
        routing: Routing,
        xmpp: XmppWire,
        sip: SipWire,
        server: str,
        algorithms: Sequence[str] = guard.OFFERED,
        observer: ReceptionObserver,
        new_id: Callable[[], str],
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._calls = calls
        self._texts = texts
        self._mailboxes = mailboxes
        self._conferences = conferences
        self._keypad = keypad
        self._relays = relays
        self._commands = commands
        self._inband = inband
        self._also = _also(messages=routing.messages, mailboxes=routing.has_mailboxes())
        "Methods that are served outside of calls."
        self._entity = entity
        self._devices = devices
        self._contacts = contacts
        self._routing = routing
        self._xmpp = xmpp
        self._sip = sip
        self._server = server
        self._algorithms = algorithms
        self._observer = observer
        self._new_id = new_id
        self._clock = clock
        self._wall = wall
        self._secret = bytes.fromhex(new_id())
        self._replays = guard.Replays(lifetime=NONCE_SECONDS)
        self._log = structlog.get_logger()
        self._throttle = Throttle(clock)

    # ---------------------------------------------------------------------------------------------------------- stanzas

    def stanza(self, stanza: Stanza) -> None:
        """Take a stanza; whatever must be answered is, also when we fail at it."""
        try:
            self._take(stanza)
        except Exception:
            self._log.exception("stanza_failed", kind=stanza.kind, type=stanza.type)
            if stanza.kind == "iq" and stanza.type in ("get", "set") and stanza.id:
                self._xmpp.send(error(stanza, "internal-server-error"))

    def _take(self, stanza: Stanza) -> None:
        if not stanza.sender or domain(stanza.to) != self._routing.domain:
            return  # from nobody, or for somebody else: no server routes that here, and no answer would arrive
        match stanza.kind, stanza.type:
            case "iq", _ if self._relays is not None and self._relays.stanza(stanza):
                pass
            case "iq", "result" | "error":
                if not self._calls.reply(stanza):
                    for question in self._devices.answered(stanza) or ():
                        self._xmpp.send(question)
            case "iq", "set" if stanza.child(_JINGLE) is not None:
                self._calls.jingle(stanza)
            case "iq", _ if self._commands.stanza(stanza) or self._inband.stanza(stanza):
                pass
            case "message", "error":
                if not self._texts.reply(stanza):
                    self._calls.reply(stanza)
            case "message", _ if stanza.speaks(MESSAGE_INITIATION):
                if not self._calls.initiation(stanza, wall=self._wall()):
                    self._answer(stanza)
            case "presence", _:
                self._presence(stanza)
            case "message", _ if self._keypad is not None and self._keypad.stanza(stanza):
                pass
            case "message", _ if self._routing.messages and (self._texts.reply(stanza) or self._texts.stanza(stanza)):
                pass
            case _:
                self._answer(stanza)

    def _answer(self, stanza: Stanza) -> None:
        reply = answers.answer(stanza, self._entity, self._new_id, wall=self._wall())
        if reply is not None:
            self._xmpp.send(reply)

    def _presence(self, stanza: Stanza) -> None:
        if domain(stanza.sender) == self._routing.domain:
            return
        self._contacts.presence(stanza)
        for question in self._devices.presence(stanza):
            self._xmpp.send(question)
        match stanza.type:
            case "unsubscribed":
                self._calls.parted(bare(stanza.sender), bare(stanza.to))
            case "unavailable":
                self._calls.gone(stanza.sender, bare(stanza.to))
            case _:
                pass

    # -------------------------------------------------------------------------------------------------------------- SIP

    def request(self, request: SipRequest) -> None:
        """Take a SIP request that no transaction's owner waits for."""
        tag = request.to.tag
        if tag:
            if not self._mailboxes.notified(request, tag) and not self._conferences.notified(request, tag):
                self._calls.dialog(request, tag)
            return
        trunk, also = None, self._also
        if request.method == Method.INVITE or request.method in also:
            trunk = self._trunk(request)
            if trunk is None:
                return
            messages, mailboxes = self._routing.takes_messages(trunk), self._routing.has_mailboxes(trunk)
            also = _also(messages=messages, mailboxes=mailboxes)
        reply = uas.check(request, tag=self._new_tag(), server=self._server, also=also)
        if reply is not None and trunk is None:
            self._sip.dismiss(reply)
        elif reply is not None:
            self._sip.send(reply)
        elif trunk is not None and request.method == Method.MESSAGE:
            self._texts.request(request, trunk)
        elif trunk is not None and request.method == Method.NOTIFY:
            self._mailboxes.unasked(request, trunk)
        elif trunk is not None:
            self._calls.invite(request, trunk)

    def _trunk(self, request: SipRequest) -> str | None:
        """The trunk an INVITE comes from; None when it was refused, which then has been said."""
        flow = request.flow
        host, port = (flow.host, flow.port) if flow is not None else ("", 0)
        called = request.request_uri
        trunk = self._routing.registered.trunk_at(called.user, host, (called.host, request.to.uri.host))
        trunk = trunk or self._routing.trunk_for(host, port)
        if trunk is not None:
            return trunk
        if not self._routing.challenges:
            self._turn_away(request, 403, "unknown_source")
            return None
        stale = False
        for authorization in request.all("Authorization"):
            now = self._clock()
            verdict = guard.verify(
                authorization,
                method=request.method,
                realm=self._routing.domain,
                password=self._routing.inbound_password,
                secret=self._secret,
                now=now,
                lifetime=NONCE_SECONDS,
                body=request.body,
                context=host,
                algorithms=self._algorithms,
            )
            if verdict.ok and self._replays.is_new(verdict, now):
                return self._routing.trunk_for(host, port, verdict.user)
            stale = stale or verdict.stale or verdict.ok
        nonce = guard.make_nonce(self._secret, self._clock(), host)
        challenges = guard.challenge(self._routing.domain, nonce, stale=stale, algorithms=self._algorithms)
        headers = tuple(("WWW-Authenticate", challenge) for challenge in challenges)
        # The first request of every call comes without credentials; only wrong ones are worth a count and a line.
        if request.first("Authorization") and not stale:
            self._note(request, 401, "unauthorized")
        self._sip.dismiss(uas.answer(request, 401, headers, tag=self._new_tag(), server=self._server))
        return None

    def _turn_away(self, request: SipRequest, status: int, cause: str) -> None:
        self._note(request, status, cause)
        self._sip.dismiss(uas.answer(request, status, tag=self._new_tag(), server=self._server))

    def _note(self, request: SipRequest, status: int, cause: str) -> None:
        self._observer.refused(cause)
        if not self._throttle.admits():
            return
        peer = f"{request.flow.host}:{request.flow.port}" if request.flow is not None else None
        self._log.info(
            "sip_refused",
            peer=peer,
            method=request.method,
            status=status,
            cause=cause,
            suppressed=self._throttle.held(),
        )

    def _new_tag(self) -> str:
        return self._new_id()[:16]


def _also(*, messages: bool, mailboxes: bool) -> tuple[str, ...]:
    """The methods that are served outside of calls, where these are."""
    served = ((messages, Method.MESSAGE), (mailboxes, Method.NOTIFY))
    return tuple(method.value for wanted, method in served if wanted)
