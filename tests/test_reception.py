"""The front desk: what is for whom, what is answered, and whom SIP is taken from."""

import re
from typing import Any

import pytest

from gateway.sip import auth
from tests.flows.inmemory import World
from tests.flows.openings import answered, juliet_leaves
from tests.flows.steps import (
    Client,
    Phone,
    Step,
    after,
    calls,
    does,
    holds,
    juliet,
    nothing,
    romeo,
    run,
    sdp_of,
    stranger,
)

TRUNK = 'inbound_user = "paris"\ninbound_password_env = "SECRET"'
paris = Phone("paris", "198.51.100.66")
ours = Client("ghost@gw.example/sip", "ghost")


def refused(cause: str, number: int) -> Step:
    """So many SIP requests were turned away for that."""
    return holds(lambda world: world.sample("jinglesip_sip_refused_total", cause=cause) == number, f"not {number}")


class Digest:
    """Credentials for the challenge that a phone got."""

    def __init__(self, password: str = "hush", user: str = "paris", *, body: str | None = None) -> None:
        """``body``: what is protected too (auth-int), which then should be what is sent."""
        self.user, self.password, self.body = user, password, body
        self.challenges: list[str] = []

    def learns(self) -> Step:
        """Take the challenge of the next response."""

        def do(world: World) -> None:
            (data,) = world.datagrams[paris.host, paris.port]
            self.challenges = re.findall(r"(?m)^WWW-Authenticate: ([^\r\n]*)", data.decode())

        return Step(do)

    def invites(self, nc: int = 1, nonce: str | None = None) -> Step:
        """INVITE with an answer to it."""

        def do(world: World) -> None:
            challenges = [re.sub(r'nonce="[^"]*"', f'nonce="{nonce}"', it) if nonce else it for it in self.challenges]
            if self.body is not None:
                challenges = [it.replace('qop="auth"', 'qop="auth-int"') for it in challenges]
            said = auth.answer(
                challenges,
                method="INVITE",
                uri="sip:+15550100@192.0.2.1",
                user=self.user,
                password=self.password,
                body=(self.body or "").encode(),
                cnonce="c0ffee",
                nc=nc,
            )
            assert said is not None
            paris.sends("INVITE", headers=[("Authorization", said)]).do(world)

        return Step(do)


def challenged(digest: Digest) -> tuple[Step, ...]:
    """A first INVITE, and its challenge."""
    return paris.sends("INVITE"), paris.gets(100), digest.learns(), paris.gets(401, has=["algorithm=MD5"])


def test_a_trunk_at_an_unknown_address_may_prove_who_it_is() -> None:
    digest = Digest()
    run(
        *challenged(digest),
        refused("unauthorized", 0),
        digest.invites(),
        paris.gets(100),
        romeo.gets("propose"),
        calls(1),
        romeo.sends("reject busy"),
        paris.gets(486),
        trunk=TRUNK,
    )


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512-256"])
def test_a_proof_may_be_of_each_algorithm_and_of_the_body(algorithm: str) -> None:
    digest = Digest(body=sdp_of())
    run(
        paris.sends("INVITE"),
        paris.gets(100),
        digest.learns(),
        paris.gets(401, has=[f"algorithm={algorithm}"]),
        digest.invites(),
        paris.gets(100),
        romeo.gets("propose"),
        romeo.sends("reject busy"),
        paris.gets(486),
        trunk=TRUNK,
        sip=f'digest_algorithms = ["{algorithm}"]',
    )


def test_a_body_that_was_changed_on_the_way_is_no_proof() -> None:
    digest = Digest(body=sdp_of(port=30002))
    run(
        *challenged(digest),
        digest.invites(),
        paris.gets(100),
        paris.gets(401, lacks="stale=true"),
        refused("unauthorized", 1),
        trunk=TRUNK,
    )


@pytest.mark.parametrize("digest", [Digest(password="guess"), Digest(user="tybalt")], ids=["password", "user"])
def test_wrong_credentials_are_challenged_again_and_counted(digest: Digest) -> None:
    run(
        *challenged(digest),
        digest.invites(),
        paris.gets(100),
        paris.gets(401, lacks="stale=true"),
        refused("unauthorized", 1),
        nothing(),
        calls(0),
        trunk=TRUNK,
    )


def test_an_old_nonce_is_stale_and_no_offence() -> None:
    digest = Digest()
    run(
        *challenged(digest),
        after(301),
        digest.invites(),
        paris.gets(100),
        paris.gets(401, has="stale=true"),
        refused("unauthorized", 0),
        trunk=TRUNK,
    )


def test_credentials_that_are_used_twice_are_asked_for_again() -> None:
    digest = Digest()
    run(
        *challenged(digest),
        digest.invites(),
        paris.gets(100),
        romeo.gets("propose"),
        romeo.sends("reject busy"),
        paris.gets(486),
        digest.invites(),
        paris.gets(100),
        paris.gets(401, has="stale=true"),
        nothing(),
        trunk=TRUNK,
    )


@pytest.mark.conformance("ROB-05")
def test_without_credentials_to_ask_for_a_stranger_is_forbidden_and_the_log_stays_short() -> None:
    many = [step for number in range(20) for step in _turned_away(str(number))]
    world = run(*many, refused("unknown_source", 20))
    lines = [entry for entry in world.log if entry["event"] == "sip_refused"]
    assert len(lines) == 5
    assert lines[0]["cause"] == "unknown_source"


def _turned_away(call: str) -> tuple[Step, ...]:
    return paris.sends("INVITE", call=call), paris.gets(100, call=call), paris.gets(403, call=call)


def test_options_of_anybody_are_answered_and_other_methods_refused() -> None:
    def asks(method: str, status: str) -> tuple[Step, ...]:
        def do(world: World) -> None:
            line: Any = paris._line(world, method)
            line.call_id, line.local, line.remote = method, "<sip:p@a>;tag=1", "<sip:192.0.2.1>"
            line.target = "sip:192.0.2.1"
            paris.sends(method, call=method).do(world)

        return Step(do), paris.gets(f"{status} {method}", call=method)

    run(*asks("OPTIONS", "200"), *asks("REGISTER", "405"), *asks("DANCE", "501"), *asks("BYE", "481"), nothing())


@pytest.mark.conformance("SIP-10", "SIP-13")
def test_what_is_for_a_call_that_is_over_is_unknown_and_an_ack_for_it_dropped() -> None:
    run(
        *answered,
        *juliet_leaves,
        juliet.sends("INFO"),
        juliet.gets("481 INFO"),
        juliet.sends("ACK"),
        nothing(),
    )


# -------------------------------------------------------------------------------------------------------------- stanzas


def ping(client: Client, to: str) -> Step:
    """An IQ that every entity answers."""
    return _raw(client, f"<iq type='get' id='p1' from='{client.jid}' to='{to}'><ping xmlns='urn:xmpp:ping'/></iq>")


def _raw(client: Client, text: str) -> Step:
    return Step(lambda world: client._in(world, text))


def test_what_is_asked_outside_calls_is_answered() -> None:
    run(
        ping(romeo, "gw.example"),
        romeo.gets("result"),
        ping(romeo, "+15551230000@gw.example"),
        romeo.gets("result"),
        ping(stranger, "gw.example"),
        stranger.gets("result"),
        _raw(romeo, f"<iq type='set' id='x' from='{romeo.jid}' to='gw.example'><odd xmlns='urn:odd'/></iq>"),
        romeo.gets("error service-unavailable"),
    )


def test_what_is_for_another_domain_or_from_nobody_is_dropped() -> None:
    run(
        ping(romeo, "elsewhere.example"),
        _raw(romeo, "<iq type='get' id='p1' to='gw.example'><ping xmlns='urn:xmpp:ping'/></iq>"),
        nothing(),
    )


@pytest.mark.conformance("COMP-16", "COMP-18")
def test_replies_and_errors_to_nothing_are_dropped() -> None:
    run(
        _raw(romeo, f"<iq type='result' id='never-1' from='{romeo.jid}' to='gw.example'/>"),
        _raw(romeo, f"<iq type='error' id='never-2' from='{romeo.jid}' to='gw.example'/>"),
        _raw(romeo, f"<message type='error' id='never-3' from='{romeo.jid}' to='+1@gw.example'/>"),
        nothing(),
    )


def test_a_reply_from_another_account_than_the_one_asked_is_dropped() -> None:
    """Ids can be guessed; whoever answers must be whom we asked."""
    run(
        *answered,
        _raw(stranger, f"<iq type='error' id='0000000000000002-2' from='{stranger.jid}' to='+1@gw.example/sip'/>"),
        calls(1),
        *juliet_leaves,
    )


def test_our_own_numbers_have_no_presence_for_each_other() -> None:
    run(ours.sends("presence subscribe"), nothing(), holds(lambda world: not world.presences, "answered"))


def test_a_subscription_is_granted_returned_and_followed_by_presence() -> None:
    run(
        romeo.sends("presence subscribe"),
        romeo.gets("presence subscribed"),
        romeo.gets("presence subscribe"),
        romeo.gets("presence"),
    )


def test_a_device_that_has_no_message_initiation_is_found_by_its_presence_and_called_directly() -> None:
    features = "".join(
        f"<feature var='{name}'/>"
        for name in ("urn:xmpp:jingle:1", "urn:xmpp:jingle:apps:rtp:1", "urn:xmpp:jingle:apps:rtp:audio")
    )
    info = f"<query xmlns='http://jabber.org/protocol/disco#info'>{features}</query>"

    def tells(world: World) -> None:
        (query,) = world.stanzas["romeo@montague.example"]
        world.stanzas["romeo@montague.example"].clear()
        id, sender = query.get("id"), query.get("to")
        romeo._in(world, f"<iq type='result' id='{id}' from='{sender}' to='{query.get('from')}'>{info}</iq>")

    run(
        romeo.sends("presence"),
        Step(tells),
        juliet.sends("INVITE"),
        juliet.gets(100),
        romeo.gets("session-initiate"),
        romeo.sends("session-terminate busy"),
        romeo.gets("result"),
        juliet.gets(486),
    )


def test_an_iq_that_breaks_us_is_answered_all_the_same() -> None:
    def breaks(world: World) -> None:
        def broken(*_: object) -> None:
            raise ZeroDivisionError("a bug of ours")

        world.app.calls.jingle = broken  # type: ignore[assignment,method-assign]

    run(
        does(breaks),
        romeo.sends("session-initiate"),
        romeo.gets("error internal-server-error"),
        nothing(),
        fails=True,
    )


def test_a_request_that_breaks_us_is_answered_all_the_same() -> None:
    def breaks(world: World) -> None:
        def broken(*_: object) -> None:
            raise ZeroDivisionError("a bug of ours")

        world.app.calls.invite = broken  # type: ignore[assignment,method-assign]

    run(does(breaks), juliet.sends("INVITE"), juliet.gets(100), juliet.gets(500), fails=True)
