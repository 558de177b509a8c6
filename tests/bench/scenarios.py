"""One complete call in each direction, step by step, with the two times that a person would feel."""

import asyncio
import re
import time
from dataclasses import dataclass, field

from tests.bench.sip_end import SipEnd
from tests.bench.xmpp_end import XmppEnd

_ATTRIBUTES = re.compile(r"\b(id|from|type|sid|action)=['\"]([^'\"]*)['\"]")
_JMI = re.compile(r"<(propose|proceed|ringing|reject|retract|finish)\b[^>]*jingle-message")
_JMI_ID = re.compile(r"<(?:propose|proceed|ringing|reject|retract|finish)\b[^>]*\bid=['\"]([^'\"]*)['\"]")

DESCRIPTION = (
    "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>"
    "<payload-type id='8' name='PCMA' clockrate='8000'/><payload-type id='0' name='PCMU' clockrate='8000'/>"
    "<payload-type id='101' name='telephone-event' clockrate='8000'><parameter name='events' value='0-15'/>"
    "</payload-type></description>"
)
TRANSPORT = (
    "<transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'>"
    "<candidate component='1' generation='{generation}' id='c{generation}' ip='127.0.0.1' port='41000'/></transport>"
)


@dataclass
class Result:
    """What was seen of all calls of a run. Times in seconds."""

    completed: int = 0
    failed: int = 0
    to_invite: list[float] = field(default_factory=list)
    "From writing the session-initiate to reading the INVITE."
    to_accept: list[float] = field(default_factory=list)
    "From writing the 200 to reading the session-accept; from writing the session-accept to reading the 200."


class Driver:
    """Runs calls against a gateway; `hold` keeps each answered call open until `release`."""

    def __init__(self, xmpp: XmppEnd, sip: SipEnd, domain: str, *, initiation: bool, hold: bool = False) -> None:
        self.xmpp, self.sip, self.domain = xmpp, sip, domain
        self.initiation, self.hold = initiation, hold
        self.result = Result()
        self.open: list[str] = []
        self.done = asyncio.Event()
        self._wanted = 0
        self._sent: dict[str, float] = {}
        self._peer: dict[str, str] = {}
        self._ends: dict[str, int] = {}
        self._sid_of_call: dict[str, str] = {}
        xmpp.on_stanza = self._stanza
        sip.on_invite = self._invited
        sip.on_bye = lambda call: None
        sip.on_response = self._responded

    async def run(self, calls: int, rate: float, *, outgoing: bool, first: int = 0) -> Result:
        """Start so many calls at so many a second and wait until all have ended (or are open, when held)."""
        self._wanted = calls
        started = time.perf_counter()
        for number in range(first, first + calls):
            ahead = started + (number - first) / rate - time.perf_counter()
            if ahead > 0:
                await asyncio.sleep(ahead)
            self._out(number) if outgoing else self._in(number)
            if ahead <= 0:
                await asyncio.sleep(0)
        async with asyncio.timeout(60 + calls / rate):
            await self.done.wait()
        return self.result

    def again(self) -> None:
        """Make ready for a further run."""
        self.done.clear()
        self.result = Result()

    async def release(self) -> None:
        """Hang up what is open, and wait until it is down."""
        self.done.clear()
        self._wanted += len(self.open)
        for number, call in enumerate(self.open):
            self._terminate(call) if call.startswith("out") else self.sip.bye(call)
            if number % 20 == 19:
                await asyncio.sleep(0.1)
        self.open.clear()
        async with asyncio.timeout(120):
            await self.done.wait()

    # ---------------------------------------------------------------------------------------------------------- stanzas

    def _iq(self, sid: str, action: str, inside: str, *, id: str) -> None:
        self.xmpp.send(
            f"<iq type='set' id='{id}' to='{self._peer[sid]}'>"
            f"<jingle xmlns='urn:xmpp:jingle:1' action='{action}' sid='{sid}'>{inside}</jingle></iq>"
        )

    def _content(self, generation: int = 0, *, described: bool = True) -> str:
        inside = (DESCRIPTION if described else "") + TRANSPORT.format(generation=generation)
        return f"<content creator='initiator' name='audio'>{inside}</content>"

    def _message(self, to: str, name: str, sid: str, inside: str = "") -> None:
        self.xmpp.send(
            f"<message type='chat' id='{name}-{sid}' to='{to}'>"
            f"<{name} xmlns='urn:xmpp:jingle-message:0' id='{sid}'>{inside}</{name}></message>"
        )

    def _terminate(self, sid: str) -> None:
        self._iq(sid, "session-terminate", "<reason><success/></reason>", id=f"t-{sid}")

    def _stanza(self, text: str, now: float) -> None:
        facts = dict(reversed(_ATTRIBUTES.findall(text)))  # the outermost element's come first and win
        if text.startswith("<message"):
            self._message_in(text, facts)
            return
        if not text.startswith("<iq"):
            return
        kind, id = facts.get("type", ""), facts.get("id", "")
        if kind == "set" and "urn:xmpp:jingle:1" in text:
            self.xmpp.send(f"<iq type='result' id='{id}' to='{facts['from']}'/>")
            self._jingle(text, facts, now)
        elif kind == "result" and id.startswith("r-"):
            sid = id[2:]
            if sid.startswith("out"):
                self.sip.answer(_number(sid))
            else:
                self._iq(sid, "session-accept", self._content(), id=f"a-{sid}")
                self._sent[sid] = time.perf_counter()
        elif kind == "result" and id.startswith("t-"):
            self._ended(id[2:])
        elif kind == "error":
            self.result.failed += 1
            self._ended(id[2:])

    def _message_in(self, text: str, facts: dict[str, str]) -> None:
        found, id = _JMI.search(text), _JMI_ID.search(text)
        if not found or not id:
            return
        sid, sender = id[1], facts["from"]
        if found[1] == "proceed":
            self._peer[sid] = sender
            self._initiate(sid)
        elif found[1] == "propose":
            self._message(sender, "ringing", sid)
            self._message(sender, "proceed", sid)

    def _jingle(self, text: str, facts: dict[str, str], now: float) -> None:
        action, sid = facts["action"], facts["sid"]
        self._peer.setdefault(sid, facts["from"])
        if action == "session-info" and sid.startswith("out"):
            self._iq(sid, "transport-info", self._content(1, described=False), id=f"r-{sid}")
        elif action == "session-initiate":
            self._sid_of_call[facts["from"].partition("@")[0]] = sid
            ringing = "<ringing xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>"
            self._iq(sid, "session-info", ringing, id=f"g-{sid}")
            self._iq(sid, "transport-info", self._content(1, described=False), id=f"r-{sid}")
        elif action == "session-accept":
            self.result.to_accept.append(now - self.sip.answered_at[_number(sid)])
            self._held_or(sid)
        elif action == "session-terminate":
            self._ended(sid)

    def _held_or(self, sid: str) -> None:
        if self.hold:
            self.open.append(sid)
            self._ended(sid)
        else:
            self._terminate(sid)

    def _ended(self, sid: str) -> None:
        self.result.completed += 1
        if self.result.completed >= self._wanted:
            self.done.set()

    # ----------------------------------------------------------------------------------------------------- XMPP to SIP

    def _out(self, number: int) -> None:
        sid = f"out{number:07d}"
        if self.initiation:
            self._message(f"{_number(sid)}@{self.domain}", "propose", sid, DESCRIPTION_ONLY)
        else:
            self._peer[sid] = f"{_number(sid)}@{self.domain}/sip"
            self._initiate(sid)

    def _initiate(self, sid: str) -> None:
        self._sent[sid] = time.perf_counter()
        self._iq(sid, "session-initiate", self._content(), id=f"i-{sid}")

    def _invited(self, user: str) -> None:
        sid = f"out{user[5:]}"
        if sid in self._sent:
            self.result.to_invite.append(self.sip.invited[user] - self._sent[sid])

    # ----------------------------------------------------------------------------------------------------- SIP to XMPP

    def _in(self, number: int) -> None:
        self.sip.invite(f"in{number:07d}", "+15550100")

    def _responded(self, call: str, status: int, now: float) -> None:
        if status == 200:
            if (sid := self._sid_of_call.pop(call, None)) is not None:
                self.result.to_accept.append(now - self._sent.pop(sid))
            if self.hold:
                self.open.append(call)
                self._ended(call)
            else:
                self.sip.bye(call)
        elif status >= 300:
            self.result.failed += 1
            self._ended(call)


DESCRIPTION_ONLY = "<description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/>"


def _number(sid: str) -> str:
    return "+1555" + sid[3:]
