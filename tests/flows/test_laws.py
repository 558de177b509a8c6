"""Whatever clients and phones do, in whatever order: every request is answered once, and in the end nothing is left."""

from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.sip.address import NameAddr
from gateway.sip.message import SipRequest, parse
from tests.flows.inmemory import World, world
from tests.flows.steps import Client, Phone, Step, after, juliet, romeo, sdp_of, server_goes, server_returns, tablet

ONE, TWO = "one", "two"


def _client(client: Client) -> dict[str, Step]:
    """What a device may say."""
    words = (
        "propose",
        "session-initiate",
        "session-initiate",
        "ringing",
        "proceed",
        "reject",
        "retract cancel",
        "finish success",
        "session-accept",
        "session-terminate success",
        "session-terminate cancel",
        "session-info",
        "session-info ringing",
        "session-info hold",
        "transport-info",
        "content-remove",
        "presence unavailable",
        "result",
        "error item-not-found unknown-session",
        "error service-unavailable",
    )
    return {f"{client.name} {word}": client.sends(word) for word in words}


def _phone(phone: Phone, call: str) -> dict[str, Step]:
    """What a phone may say in a call."""
    steps = {
        f"{phone.name} {call} {word}": phone.sends(word, call=call)
        for word in (
            "INVITE",
            "CANCEL",
            "ACK",
            "BYE",
            "re-INVITE",
            "OPTIONS",
            "INFO",
            100,
            180,
            183,
            200,
            302,
            401,
            486,
            603,
        )
    }
    steps[f"{phone.name} {call} fork"] = phone.sends(200, to="INVITE", tag="fork", call=call)
    steps[f"{phone.name} {call} garbage"] = phone.sends(200, to="INVITE", sdp="garbage", call=call)
    steps[f"{phone.name} {call} again"] = phone.sends_again(call=call)
    return steps


def _handing(phone: Phone) -> dict[str, Step]:
    """What hands calls on, and what is said of it."""
    refer = [("Contact", f"<sip:{phone.name}@{phone.host}:{phone.port}>"), ("Refer-To", "<sip:+15557777@192.0.2.20>")]
    about = [("Event", "refer"), ("Content-Type", "message/sipfrag")]
    active, over = ("Subscription-State", "active"), ("Subscription-State", "terminated;reason=noresource")
    order = "<transfer xmlns='urn:xmpp:jingle:transfer:0' to='+15557777@gw.example'/>"

    def takes_the_place(world: World) -> None:
        line = phone._line(world, ONE)
        ours, theirs = NameAddr.parse(line.remote).tag, NameAddr.parse(line.local).tag
        value = f"{line.call_id};to-tag={ours};from-tag={theirs}"
        phone.sends("INVITE", call=TWO, headers=[("Replaces", value)]).do(world)

    return {
        "romeo hands on": romeo.sends("session-info", xml=order),
        f"{phone.name} {ONE} REFER": phone.sends("REFER", headers=refer),
        f"{phone.name} {ONE} 202": phone.sends(202, to="REFER"),
        f"{phone.name} {ONE} NOTIFY 100": phone.sends("NOTIFY", headers=[*about, active], body="SIP/2.0 100 Trying"),
        f"{phone.name} {ONE} NOTIFY 200": phone.sends("NOTIFY", headers=[*about, over], body="SIP/2.0 200 OK"),
        f"{phone.name} {ONE} NOTIFY 486": phone.sends("NOTIFY", headers=[*about, active], body="SIP/2.0 486 Busy"),
        f"{phone.name} {TWO} replaces": Step(takes_the_place),
    }


def _playing(phone: Phone) -> dict[str, Step]:
    """What it may play before it answers."""
    forked = sdp_of(port=30500).replace("0 8", "8")
    return {
        f"{phone.name} {ONE} plays": phone.sends(183, to="INVITE", sdp=sdp_of()),
        f"{phone.name} {ONE} plays reliably": phone.sends(
            183, to="INVITE", sdp=sdp_of(), headers=[("Require", "100rel"), ("RSeq", "1")]
        ),
        f"{phone.name} {ONE} fork plays": phone.sends(183, to="INVITE", tag="fork", sdp=forked),
        f"{phone.name} {ONE} fork gone": phone.sends(199, to="INVITE", tag="fork"),
        f"{phone.name} {ONE} UPDATE": phone.sends("UPDATE", body=sdp_of(port=30600, version=2)),
        "romeo presses": romeo.sends("session-info", xml="<dtmf xmlns='urn:xmpp:jingle:dtmf:0' code='1'/>"),
    }


TALK = _client(romeo) | _client(tablet) | _phone(juliet, ONE) | _phone(juliet, TWO)
HANDING = _handing(juliet)
PLAYING = _playing(juliet)
TIME = {f"after {seconds:g}": after(seconds) for seconds in (0.5, 2, 16, 35)}
OUTAGE = {"server goes": server_goes(), "server returns": server_returns()}


_WITHIN = frozenset({"ACK", "BYE", "re-INVITE", "OPTIONS", "INFO", "UPDATE", "REFER", "NOTIFY"})
"What is said inside a call."


class Witness:
    """Takes whatever comes, and sees that what was asked is answered."""

    def __init__(self, made: World) -> None:
        self.world = made
        self.asked: set[str] = set()
        self.replies: Counter[str] = Counter()
        self.invites: set[str] = set()
        self.finals: Counter[str] = Counter()

    def act(self, name: str, step: Step) -> None:
        """Let it happen, if it can."""
        who, _, rest = name.partition(" ")
        call, _, word = rest.partition(" ")
        line = juliet._line(self.world, call) if who == juliet.name else None
        if line is not None and word.partition(" ")[0] in _WITHIN and not line.target:
            return  # it knows of no such call
        try:
            step.do(self.world)
        except (AssertionError, IndexError, StopIteration, ValueError):
            return  # nothing to answer, no call to speak in, or the server is down
        self.look()

    def look(self) -> None:
        """Take what came."""
        made = self.world
        for client in (romeo, tablet):
            memory: Any = client._memory(made)
            for stanza in [*made.stanzas.get("romeo@montague.example", ())]:
                if stanza.get("to") not in (client.jid, "romeo@montague.example"):
                    continue
                made.stanzas["romeo@montague.example"].remove(stanza)
                client._learn(memory, stanza, ONE)
                if stanza.tag.endswith("}iq"):
                    if stanza.get("type") == "set":
                        memory.unanswered.append(stanza)
                    else:
                        self.replies[stanza.get("id", "")] += 1
        waiting = made.datagrams.get((juliet.host, juliet.port))
        while waiting:
            message = parse(waiting.popleft())
            lines: dict[str, Any] = made.state.setdefault(juliet, {})
            call = next((name for name, line in lines.items() if line.call_id == message.call_id), None)
            line = juliet._line(made, call or (ONE if not juliet._line(made, ONE).call_id else TWO))
            if isinstance(message, SipRequest):
                juliet._got_request(line, message)
            else:
                if message.cseq.method == "INVITE" and message.status >= 200:
                    self.finals[message.branch or ""] += 1
                juliet._got_response(made, line, message, acks=True)


def play(names: list[str], steps: dict[str, Step], *, replies: bool, **tables: str) -> None:
    """Act, wait until all time-outs are over, and look at what is left; ``tables`` as `run` has them."""
    with world(limits="max_call_seconds = 200", **tables) as made:
        witness = Witness(made)
        stanzas, datagrams = made.xmpp_in, made.sip_in

        def xmpp_in(name: str, stanza: Any) -> None:
            if stanza.tag.endswith("}iq") and stanza.get("type") == "set" and made.stream.is_connected():
                witness.asked.add(stanza.get("id"))
            stanzas(name, stanza)

        def sip_in(source: tuple[str, int], data: bytes) -> None:
            datagrams(source, data)
            if data.startswith(b"INVITE "):
                witness.invites.add(parse(data).branch or "")

        made.xmpp_in, made.sip_in = xmpp_in, sip_in  # type: ignore[method-assign]
        for name in names:
            witness.act(name, steps[name])
        made.server_is_up = True
        for _ in range(12):
            made.loop.advance(40)
            witness.look()
        errors = [entry for entry in made.log if entry["log_level"] == "error"]
        assert not errors, errors
        left = {name: number for name, number in made.remains().items() if number}
        assert not left, (left, "\n".join(map(str, made.ladder)))
        opened = sorted(entry["call"] for entry in made.log if entry["event"] == "call_opened")
        assert opened == sorted(entry["call"] for entry in made.log if entry["event"] == "call_ended")
        if replies:
            assert witness.replies == Counter(witness.asked)
        assert set(witness.finals) == witness.invites
        assert set(witness.finals.values()) <= {1}


OPENINGS = (
    ("romeo session-initiate", "juliet one 180", "romeo result", "juliet one 200", "romeo result"),
    ("romeo propose", "romeo session-initiate", "juliet one 100", "juliet one 200", "romeo result"),
    ("juliet one INVITE", "romeo ringing", "romeo proceed", "romeo result", "romeo session-accept", "juliet one ACK"),
    ("juliet one INVITE", "tablet ringing", "tablet proceed", "romeo proceed"),
)
"Random talk alone hardly ever makes a call."


HANDED = (
    ("romeo session-initiate", "juliet one 200", "romeo result", "juliet one REFER"),
    ("romeo session-initiate", "juliet one 200", "romeo result", "romeo hands on", "juliet one 202"),
    ("romeo session-initiate", "juliet one 200", "romeo result", "juliet two replaces"),
    (*OPENINGS[2], "juliet one REFER", "juliet two 180", "juliet two 200"),
)


HEARD = (
    ("romeo session-initiate", "juliet one plays", "romeo result", "juliet one fork plays", "juliet one 200"),
    ("romeo propose", "juliet one plays", "romeo session-initiate", "romeo result", "juliet one 486"),
    ("romeo propose", "juliet one plays", "romeo session-initiate", "romeo session-info hold", "juliet one 200"),
)


def scripts(steps: dict[str, Step]) -> st.SearchStrategy[list[str]]:
    """The beginning of a call, and then anything."""
    beginnings = st.sampled_from([list(opening[:length]) for opening in OPENINGS for length in range(len(opening) + 1)])
    chaos = st.lists(st.sampled_from(sorted(steps)), max_size=12)
    return st.tuples(beginnings, chaos).map(lambda parts: parts[0] + parts[1])


LAW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@LAW
@given(scripts(TALK | TIME))
def test_every_request_is_answered_once_and_nothing_is_left(names: list[str]) -> None:
    play(names, TALK | TIME, replies=True)


@LAW
@given(st.sampled_from(HANDED).map(list), st.lists(st.sampled_from(sorted(TALK | TIME | HANDING)), max_size=12))
def test_every_request_is_answered_once_while_calls_are_handed_on(beginning: list[str], chaos: list[str]) -> None:
    play(beginning + chaos, TALK | TIME | HANDING, replies=True)


@LAW
@given(st.sampled_from(HEARD).map(list), st.lists(st.sampled_from(sorted(TALK | TIME | PLAYING)), max_size=12))
def test_every_request_is_answered_once_where_early_media_are_heard(beginning: list[str], chaos: list[str]) -> None:
    trunk = 'media = "anchor"\nearly_media = "hear"\nfollow_redirects = true'
    play(beginning + chaos, TALK | TIME | PLAYING, replies=True, media='addresses = ["192.0.2.1"]', trunk=trunk)


@LAW
@given(scripts(TALK | TIME | OUTAGE))
def test_nothing_is_left_whatever_becomes_of_the_server(names: list[str]) -> None:
    play(names, TALK | TIME | OUTAGE, replies=False)
