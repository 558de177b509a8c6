"""Transfers through the whole gateway: by the phone and by the client, blind and attended, done, refused and failed."""

from collections.abc import Iterable

import pytest

from gateway.sip.address import NameAddr
from tests.flows.inmemory import World
from tests.flows.openings import accepted, answered, called, juliet_leaves, ringing, romeo_leaves
from tests.flows.steps import (
    CANDIDATE,
    ICE,
    Phone,
    Step,
    after,
    at_once,
    calls,
    juliet,
    mercutio,
    nothing,
    nurse,
    romeo,
    run,
    sdp_of,
)
from tests.flows.test_anchored import MEDIA, talking
from tests.flows.test_anchored import called as anchored_call

BOTH = pytest.mark.parametrize(("opening", "caller"), [(answered, "romeo"), (accepted, "juliet")])
CAROL = "<sip:+15557777@192.0.2.20>"
DENIED = "[[dial]]\nmatch = '900[0-9]+'\nrefuse = true\n"
TRANSFERRED = 'SIP;cause=200;text="Transferred"'
CAPS = "<c xmlns='http://jabber.org/protocol/caps' hash='sha-1' node='urn:x-test' ver='none'/>"
FEATURES = (
    "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:jingle:1'/>"
    "<feature var='urn:xmpp:jingle:transfer:0'/></query>"
)
knows = (romeo.sends("presence", xml=CAPS), romeo.gets("query", reply=None), romeo.sends("result", xml=FEATURES))
PHONE_ICE = (
    "a=ice-ufrag:{0}\r\na=ice-pwd:phonephonephonephone00{0}\r\n"
    "a=candidate:1 1 udp 2130706431 192.0.2.20 30000 typ host\r\na=end-of-candidates\r\na=rtcp-mux\r\n"
)
NEW = "<transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='uf02' pwd='secretsecretsecret0002'>{}</transport>"


def refers(to: str | None = CAROL, *, more: Iterable[tuple[str, str]] = ()) -> Step:
    headers = [("Contact", "<sip:juliet@192.0.2.20:5060>"), *([("Refer-To", to)] if to else []), *more]
    return juliet.sends("REFER", headers=headers)


def told(*has: str) -> tuple[Step, Step]:
    """The phone is told how far it has come."""
    return juliet.gets("NOTIFY", has=["Event: refer", *has]), juliet.sends(200, to="NOTIFY")


def tells(fragment: str, state: str = "active;expires=60", status: int = 200) -> tuple[Step, Step]:
    """The phone tells how far it has come."""
    headers = [("Event", "refer"), ("Subscription-State", state), ("Content-Type", "message/sipfrag")]
    return juliet.sends("NOTIFY", headers=headers, body=fragment), juliet.gets(f"{status} NOTIFY")


def orders(to: str = "+15557777@gw.example", more: str = "") -> Step:
    return romeo.sends("session-info", xml=f"<transfer xmlns='urn:xmpp:jingle:transfer:0' to='{to}' {more}/>")


def ends(caller: str, call: str = "two") -> tuple[Step, ...]:
    """The client ends a call that somebody else has got into."""
    return (
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        *(() if caller == "romeo" else (romeo.gets("finish success"),)),
        juliet.gets("BYE", call=call, has="Q.850;cause=16"),
        juliet.sends(200, call=call),
    )


def replaces(
    call: str = "two",
    *,
    phone: Phone = juliet,
    more: str = "",
    odd: str = "",
    sdp: str | None = sdp_of(port=30100),
) -> Step:
    """An INVITE that takes the place of another call of juliet's."""

    def do(world: World) -> None:
        line = juliet._line(world, "one")
        ours, theirs = NameAddr.parse(line.remote).tag, NameAddr.parse(line.local).tag
        value = f"{line.call_id};to-tag={ours}{odd};from-tag={theirs}{more}"
        headers = [("Replaces", value), ("Require", "replaces")]
        phone.sends("INVITE", call=call, sdp=sdp, headers=headers).do(world)

    return Step(do)


REFERRED = (
    refers(),
    juliet.gets(202),
    *told("SIP/2.0 100 Trying", "Subscription-State: active;expires=300", "message/sipfrag"),
    juliet.gets("INVITE", call="two", has="INVITE sip:+15557777@192.0.2.20", lacks=["m=audio", "100rel"]),
)
DONE = (
    *told("SIP/2.0 200 OK", "Subscription-State: terminated;reason=noresource"),
    juliet.gets("BYE", has=TRANSFERRED),
    juliet.sends(200, to="BYE"),
)


# ------------------------------------------------------------------------------------------------- the phone hands on


@pytest.mark.conformance("EXT-07", "EXT-09")
@BOTH
def test_a_phone_hands_on_a_client_that_knows_no_transfer(opening: tuple[Step, ...], caller: str) -> None:
    run(
        *opening,
        *REFERRED,
        juliet.sends(180, call="two"),
        *told("SIP/2.0 180 Ringing", "active"),
        juliet.sends(200, call="two", sdp=sdp_of(port=30100)),
        romeo.gets("transport-info", has='port="30100"'),
        juliet.gets("ACK", call="two", has="m=audio 40100"),
        *DONE,
        calls(1),
        *ends(caller),
    )


@pytest.mark.conformance("EXT-09")
def test_a_client_with_ice_restarts_it_once_for_whom_it_is_handed_to() -> None:
    run(
        romeo.sends("session-initiate", transport=ICE.format(CANDIDATE)),
        romeo.gets("result"),
        after(1.5),
        juliet.gets("INVITE", has="a=ice-ufrag:uf01"),
        juliet.sends(200, sdp=sdp_of() + PHONE_ICE.format("ph01")),
        juliet.gets("ACK"),
        romeo.gets("session-accept"),
        *REFERRED,
        juliet.sends(200, call="two", sdp=sdp_of(port=30100) + PHONE_ICE.format("ca01")),
        romeo.gets("transport-info", has='ufrag="ca01"', lacks="candidate"),
        romeo.gets("transport-info", has=['ufrag="ca01"', 'generation="1"']),
        nothing(),
        romeo.sends(
            "transport-info", xml=f"<content creator='initiator' name='audio'>{NEW.format(CANDIDATE)}</content>"
        ),
        romeo.gets("result"),
        juliet.gets("ACK", call="two", has=["a=ice-ufrag:uf02", "192.0.2.9 40100"]),
        *DONE,
        *ends("romeo"),
    )


@pytest.mark.conformance("EXT-07")
@pytest.mark.parametrize(("status", "phrase"), [(404, "Not Found"), (486, "Busy Here"), (603, "Decline")])
def test_whom_a_phone_hands_on_to_does_not_want_it_and_the_call_goes_on(status: int, phrase: str) -> None:
    run(
        *answered,
        *REFERRED,
        juliet.sends(status, call="two"),
        juliet.gets("ACK", call="two"),
        *told(f"SIP/2.0 {status} {phrase}", "terminated;reason=noresource"),
        juliet.sends("re-INVITE", sdp=sdp_of(version=2, direction="sendonly")),
        juliet.gets(100),
        romeo.gets("content-modify"),
        juliet.gets(200),
        juliet.sends("ACK"),
        refers("<sip:+15558888@192.0.2.20>"),
        juliet.gets(202),
        juliet.gets("NOTIFY", has="Event: refer;id=103"),
        juliet.sends(200, to="NOTIFY"),
        juliet.gets("INVITE", call="three", has="+15558888"),
        juliet.sends(486, call="three"),
        juliet.gets("ACK", call="three"),
        *told("486 Busy Here"),
        *juliet_leaves,
    )


def test_a_phone_that_hangs_up_after_handing_on_is_not_missed() -> None:
    run(
        *answered,
        *REFERRED,
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        nothing(),
        juliet.sends(200, call="two", sdp=sdp_of(port=30100)),
        romeo.gets("transport-info", has='port="30100"'),
        juliet.gets("ACK", call="two", has="m=audio 40100"),
        *ends("romeo"),
    )


def test_a_phone_has_hung_up_and_nobody_takes_the_client() -> None:
    run(
        *answered,
        *REFERRED,
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        romeo.sends("session-info hold"),
        romeo.gets("result"),
        nothing(),
        juliet.sends(486, call="two"),
        juliet.gets("ACK", call="two"),
        romeo.gets("session-terminate busy", has="486"),
    )


def test_the_client_hangs_up_while_it_is_handed_on() -> None:
    run(
        *answered,
        *REFERRED,
        juliet.sends(180, call="two"),
        *told("180"),
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        *told("SIP/2.0 487", "terminated;reason=noresource"),
        juliet.gets("BYE"),
        juliet.sends(200, to="BYE"),
        juliet.gets("CANCEL", call="two"),
        juliet.sends(200, call="two", to="CANCEL"),
        juliet.sends(487, call="two", to="INVITE"),
        juliet.gets("ACK", call="two"),
    )


def test_nobody_answers_whom_a_phone_hands_on_to() -> None:
    run(
        *answered,
        *REFERRED,
        juliet.sends(180, call="two"),
        *told("180"),
        after(120),
        juliet.gets("CANCEL", call="two"),
        *told("SIP/2.0 408", "terminated;reason=noresource"),
        juliet.sends(200, call="two", to="CANCEL"),
        juliet.sends(487, call="two", to="INVITE"),
        juliet.gets("ACK", call="two"),
        *juliet_leaves,
    )


def test_an_answer_waits_for_the_clients_own_change() -> None:
    run(
        *answered,
        *REFERRED,
        romeo.sends("session-info hold"),
        romeo.gets("result"),
        juliet.gets("INVITE", has="a=sendonly"),
        juliet.sends(200, call="two", sdp=sdp_of(port=30100)),
        nothing(),
        juliet.sends(200, to="INVITE", sdp=sdp_of(version=2, direction="recvonly")),
        juliet.gets("ACK"),
        romeo.gets("transport-info", has='port="30100"'),
        juliet.gets("ACK", call="two", has="a=sendonly"),
        *DONE,
        *ends("romeo"),
    )


@pytest.mark.parametrize("sdp", [None, "garbage", sdp_of(port=30100).replace("0 8", "9").replace("PCM", "G7")])
def test_whom_a_phone_hands_on_to_makes_no_offer_that_can_be_used(sdp: str | None) -> None:
    run(
        *answered,
        *REFERRED,
        juliet.sends(200, call="two", sdp=sdp),
        juliet.gets("ACK", call="two", lacks="m=audio"),
        juliet.gets("BYE", call="two"),
        juliet.sends(200, call="two", to="BYE"),
        juliet.gets("NOTIFY", has=["terminated;reason=noresource", "SIP/2.0 "], lacks="SIP/2.0 2"),
        juliet.sends(200, to="NOTIFY"),
        *juliet_leaves,
    )


@pytest.mark.conformance("EXT-13")
@pytest.mark.parametrize(
    ("to", "more", "status"),
    [
        (None, (), 400),
        (f"{CAROL}, <sip:bob@192.0.2.20>", (), 400),
        (CAROL, (("Refer-To", "<sip:bob@192.0.2.20>"),), 400),
        ("<nonsense>", (), 400),
        ("<sip:+15557777@192.0.2.20?Replaces=nonsense>", (), 400),
        ("<http://example.com>", (), 416),
        ("<sip:+15557777@192.0.2.20;method=MESSAGE>", (), 603),
    ],
)
def test_a_phone_that_does_not_say_whom_to_call(to: str | None, more: tuple[tuple[str, str], ...], status: int) -> None:
    run(*answered, refers(to, more=more), juliet.gets(status), nothing(), *juliet_leaves)


@pytest.mark.conformance("EXT-09")
@pytest.mark.parametrize("to", ["<sip:carol@192.0.2.20>", "<sip:900123@192.0.2.20>", "<sip:carol@elsewhere.example>"])
def test_a_phone_hands_on_to_nobody_whom_the_user_could_not_call(to: str) -> None:
    run(*answered, refers(to), juliet.gets(603), nothing(), *juliet_leaves, trunk=DENIED)


@pytest.mark.conformance("EXT-09")
def test_a_phone_makes_no_calls_in_the_name_of_a_user_who_may_make_none() -> None:
    run(
        juliet.sends("INVITE", number="+15550101"),
        juliet.gets(100),
        nurse.gets("propose"),
        nurse.sends("proceed"),
        nurse.gets("session-initiate"),
        nurse.sends("session-accept"),
        nurse.gets("result"),
        juliet.gets(200),
        juliet.sends("ACK"),
        refers(),
        juliet.gets(603),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        nurse.gets("session-terminate success"),
        nurse.gets("finish success"),
    )


@pytest.mark.conformance("EXT-09")
def test_a_phone_makes_no_calls_through_another_trunk() -> None:
    other = (
        '[[trunk]]\nname = "costly"\nhost = "192.0.2.77"\ntransport = "udp"\nallow = ["montague.example"]\n'
        "[[dial]]\nmatch = '900[0-9]+'\ntrunk = \"costly\"\n"
    )
    run(*answered, refers("<sip:900123@192.0.2.20>"), juliet.gets(603), nothing(), *juliet_leaves, trunk=other)


def test_a_phone_that_wants_no_subscription_has_none() -> None:
    run(
        *answered,
        refers(more=(("Refer-Sub", "false"), ("Require", "norefersub"))),
        juliet.gets(202, has="Refer-Sub: false"),
        juliet.gets("INVITE", call="two"),
        juliet.sends(200, call="two", sdp=sdp_of(port=30100)),
        romeo.gets("transport-info"),
        juliet.gets("ACK", call="two"),
        juliet.gets("BYE", has=TRANSFERRED),
        juliet.sends(200, to="BYE"),
        *ends("romeo"),
    )


def test_a_phone_asks_again_and_gives_its_subscription_up() -> None:
    refer = (("Event", "refer"),)
    run(
        *answered,
        *REFERRED,
        refers(),
        juliet.gets("491 REFER"),
        juliet.sends("SUBSCRIBE", headers=(*refer, ("Expires", "60"))),
        juliet.gets("200 SUBSCRIBE", has="Expires: 300"),
        *told("100 Trying", "active"),
        juliet.sends("SUBSCRIBE", headers=(("Event", "dialog"),)),
        juliet.gets("489 SUBSCRIBE", has="Allow-Events: refer"),
        juliet.sends("SUBSCRIBE", headers=(*refer, ("Expires", "0"))),
        juliet.gets("200 SUBSCRIBE"),
        *told("100 Trying", "terminated;reason=timeout"),
        juliet.sends("SUBSCRIBE", headers=refer),
        juliet.gets("481 SUBSCRIBE"),
        juliet.sends(486, call="two"),
        juliet.gets("ACK", call="two"),
        nothing(),
        *juliet_leaves,
    )


@pytest.mark.conformance("EXT-09")
def test_a_phone_hands_on_to_somebody_it_talks_to() -> None:
    run(
        *answered,
        refers(
            "<sip:+15557777@192.0.2.20?Replaces=a4%40pbx%3Bto-tag%3D7%3Bfrom-tag%3D8&X-Other=1>",
            more=(("Referred-By", "<sip:juliet@192.0.2.20>"),),
        ),
        juliet.gets(202),
        *told("100"),
        juliet.gets(
            "INVITE",
            call="two",
            has=["Replaces: a4@pbx;to-tag=7;from-tag=8", "Require: replaces", "Referred-By: <sip:j"],
            lacks="X-Other",
        ),
        juliet.sends(200, call="two", sdp=sdp_of(port=30100)),
        romeo.gets("transport-info"),
        juliet.gets("ACK", call="two"),
        *DONE,
        *ends("romeo"),
    )


@pytest.mark.conformance("EXT-08")
def test_a_client_that_knows_transfers_is_told_to_call_by_itself() -> None:
    run(
        *knows,
        *answered,
        refers(),
        romeo.gets("session-info transfer", has='to="+15557777@gw.example/sip"'),
        juliet.gets(202),
        *told("100 Trying", "active"),
        romeo.sends("session-initiate", call="two", number="+15557777"),
        romeo.gets("result", call="two"),
        juliet.gets("INVITE", call="two", has="+15557777"),
        juliet.sends(200, call="two"),
        juliet.gets("ACK", call="two"),
        romeo.gets("session-accept", call="two"),
        romeo.sends(
            "session-terminate", xml="<reason><success/><transferred xmlns='urn:xmpp:jingle:transfer:0'/></reason>"
        ),
        romeo.gets("result"),
        *DONE,
        romeo.sends("session-terminate success", call="two"),
        romeo.gets("result"),
        juliet.gets("BYE", call="two"),
        juliet.sends(200, call="two"),
    )


@pytest.mark.conformance("EXT-08")
@pytest.mark.parametrize("reply", ["error not-allowed", None])
def test_a_client_that_does_not_do_it_after_all(reply: str | None) -> None:
    run(
        *knows,
        *answered,
        refers(),
        romeo.gets("session-info transfer", reply=reply),
        after(0 if reply else 15),
        juliet.gets("603 REFER"),
        nothing(),
        *juliet_leaves,
    )


def test_a_client_that_was_told_to_call_hangs_up_instead() -> None:
    run(
        *knows,
        *answered,
        refers(),
        romeo.gets("session-info transfer"),
        juliet.gets(202),
        *told("100"),
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        *told("SIP/2.0 487", "terminated;reason=noresource"),
        juliet.gets("BYE", has="Q.850;cause=16"),
        juliet.sends(200, to="BYE"),
    )


def test_a_client_that_was_told_to_call_never_says_what_came_of_it() -> None:
    run(
        *knows,
        *answered,
        refers(),
        romeo.gets("session-info transfer"),
        juliet.gets(202),
        *told("100"),
        after(300),
        *told("SIP/2.0 100", "terminated;reason=timeout"),
        *juliet_leaves,
    )


# ------------------------------------------------------------------------------------------------ the client hands on


@pytest.mark.conformance("EXT-10")
@BOTH
def test_a_client_hands_a_phone_on(opening: tuple[Step, ...], caller: str) -> None:
    run(
        *opening,
        orders(),
        juliet.gets("REFER", has=["Refer-To: <sip:+15557777@192.0.2.20;user=phone>", "Referred-By: <sip:"]),
        nothing(),
        juliet.sends(202, to="REFER"),
        romeo.gets("result"),
        *tells("SIP/2.0 100 Trying\r\n"),
        *tells("SIP/2.0 180 Ringing\r\n"),
        nothing(),
        *tells("SIP/2.0 200 OK\r\n", "terminated;reason=noresource"),
        romeo.gets("session-terminate success", has=[":transferred", '"urn:xmpp:jingle:transfer:0"']),
        *(() if caller == "romeo" else (romeo.gets("finish success"),)),
        juliet.gets("BYE", has=TRANSFERRED),
        juliet.sends(200, to="BYE"),
    )


@pytest.mark.conformance("EXT-10")
def test_the_news_overtakes_the_response() -> None:
    run(
        *answered,
        orders(),
        juliet.gets("REFER"),
        *tells("SIP/2.0 100 Trying\r\n"),
        romeo.gets("result"),
        juliet.sends(202, to="REFER"),
        *tells("SIP/2.0 200 OK\r\n"),
        romeo.gets("session-terminate success"),
        juliet.gets("BYE"),
        *tells("SIP/2.0 200 OK\r\n", "terminated;reason=noresource", 481),
        juliet.sends(200, to="BYE"),
    )


@pytest.mark.conformance("EXT-10")
def test_a_phone_that_does_not_take_up_an_order() -> None:
    run(
        *answered,
        orders(),
        juliet.gets("REFER"),
        juliet.sends(603, to="REFER"),
        romeo.gets("error not-allowed", has="603 Decline"),
        orders(),
        juliet.gets("REFER"),
        after(32),
        romeo.gets("error remote-server-timeout"),
        orders(),
        juliet.gets("REFER"),
        juliet.sends(405, to="REFER"),
        romeo.gets("error feature-not-implemented"),
        *juliet_leaves,
    )


@pytest.mark.conformance("EXT-10")
@pytest.mark.parametrize(
    ("news", "code"),
    [
        (tells("SIP/2.0 486 Busy Here\r\n", "terminated;reason=noresource"), "486"),
        ((*tells("SIP/2.0 486 Busy Here\r\n"), *tells("", "terminated;reason=noresource")), "486"),
        (tells("", "terminated;reason=noresource"), "503"),
        ((after(300),), "408"),
    ],
)
def test_an_order_that_fails_later_is_told(news: tuple[Step, ...], code: str) -> None:
    run(
        *answered,
        orders(),
        juliet.gets("REFER"),
        juliet.sends(202, to="REFER"),
        romeo.gets("result"),
        *news,
        romeo.gets("session-info status", has=f'code="{code}"', reply="error feature-not-implemented unsupported-info"),
        *tells("SIP/2.0 200 OK\r\n", status=481),
        *juliet_leaves,
    )


@pytest.mark.conformance("EXT-10")
@pytest.mark.parametrize(
    ("to", "more", "error"),
    [
        ("carol@gw.example", "", "item-not-found"),
        ("900123@gw.example", "", "forbidden"),
        ("", "", "bad-request"),
        ("+15557777@gw.example", "sid='s-other'", "item-not-found"),
        ("+15551230000@gw.example", "sid='s-one'", "item-not-found"),
        ("+15557777@gw.example", "from='mercutio@montague.example/street'", "forbidden"),
        ("@elsewhere.example", "", "item-not-found"),
    ],
)
def test_a_client_hands_on_to_nobody_whom_it_could_not_call(to: str, more: str, error: str) -> None:
    run(*answered, orders(to, more), romeo.gets(f"error {error}"), nothing(), *juliet_leaves, trunk=DENIED)


def test_a_client_hands_on_to_another_user() -> None:
    run(
        *answered,
        orders("mercutio@montague.example/street"),
        juliet.gets("REFER", has="Refer-To: <sip:mercutio%40montague.example@gw.example>"),
        juliet.sends(603, to="REFER"),
        romeo.gets("error not-allowed"),
        *juliet_leaves,
    )


@pytest.mark.conformance("EXT-10")
def test_a_client_brings_two_phones_together() -> None:
    run(
        *answered,
        romeo.sends("session-initiate", call="two", number="+15557777"),
        romeo.gets("result", call="two"),
        juliet.gets("INVITE", call="two"),
        orders(more="sid='s-two' from='romeo@montague.example/phone'"),
        romeo.gets("error item-not-found"),
        juliet.sends(200, call="two"),
        juliet.gets("ACK", call="two"),
        romeo.gets("session-accept", call="two"),
        orders(more="sid='s-two' from='romeo@montague.example/phone'"),
        juliet.gets(
            "REFER", has=["Refer-To: <sip:juliet@192.0.2.20:5060?Replaces=", "to-tag%3Djuliet-tag%3Bfrom-tag%3D"]
        ),
        juliet.sends(202, to="REFER"),
        romeo.gets("result"),
        juliet.sends("BYE", call="two"),
        juliet.gets("200 BYE", call="two"),
        romeo.gets("session-terminate success", call="two"),
        *tells("SIP/2.0 200 OK\r\n", "terminated;reason=noresource"),
        romeo.gets("session-terminate success"),
        juliet.gets("BYE", has=TRANSFERRED),
        juliet.sends(200, to="BYE"),
    )


@pytest.mark.conformance("EXT-10")
@pytest.mark.parametrize(
    ("sid", "to", "known"),
    [("s-one", "+15551230000", True), ("s-other", "+15551230000", False), ("s-one", "+15557777", False)],
)
def test_a_client_gives_its_place_to_another_user(sid: str, to: str, known: bool) -> None:
    handed = (
        "<content creator='initiator' name='audio'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>"
        "<payload-type id='0' name='PCMU' clockrate='8000'/></description>"
        "<transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'>"
        "<candidate component='1' generation='0' id='m1' ip='192.0.2.8' port='40400'/></transport></content>"
        f"<transfer xmlns='urn:xmpp:jingle:transfer:0' from='romeo@montague.example/phone' sid='{sid}' to='{to}'/>"
    )
    replacing = ["Replaces: ", ";to-tag=juliet-tag;from-tag=", "Require: replaces", "Referred-By: <sip:romeo"]
    run(
        *answered,
        mercutio.sends("session-initiate", number=to, xml=handed),
        mercutio.gets("result"),
        juliet.gets("INVITE", call="two", has=replacing if known else (), lacks=() if known else "Replaces"),
        juliet.sends(200, call="two"),
        juliet.gets("ACK", call="two"),
        mercutio.gets("session-accept"),
        juliet.sends("BYE", headers=[("Reason", TRANSFERRED)]),
        juliet.gets("200 BYE"),
        romeo.gets("session-terminate success", has=":transferred"),
        mercutio.sends("session-terminate success"),
        mercutio.gets("result"),
        juliet.gets("BYE", call="two"),
        juliet.sends(200, call="two"),
    )


def test_an_order_before_the_answer_or_beside_another_is_out_of_order() -> None:
    run(
        *ringing,
        orders(),
        romeo.gets("error unexpected-request out-of-order"),
        juliet.sends(200),
        juliet.gets("ACK"),
        romeo.gets("session-accept"),
        orders(),
        juliet.gets("REFER"),
        orders(),
        romeo.gets("error resource-constraint"),
        juliet.sends("BYE"),
        juliet.gets("200 BYE"),
        romeo.gets("error item-not-found unknown-session"),
        romeo.gets("session-terminate success"),
        juliet.sends(202, to="REFER"),
    )


def test_news_of_no_order_are_refused() -> None:
    run(
        *answered,
        *tells("SIP/2.0 200 OK\r\n", status=481),
        juliet.sends("NOTIFY", headers=[("Event", "presence"), ("Subscription-State", "active")]),
        juliet.gets("489 NOTIFY"),
        orders(),
        juliet.gets("REFER"),
        juliet.sends(
            "NOTIFY",
            headers=[("Event", "refer"), ("Subscription-State", "active"), ("Content-Type", "text/plain")],
            body="yes",
        ),
        juliet.gets("415 NOTIFY", has="Accept: message/sipfrag"),
        *juliet_leaves[:2],
        romeo.gets("error item-not-found unknown-session"),
        *juliet_leaves[2:],
        juliet.sends(603, to="REFER"),
    )


# --------------------------------------------------------------------------------------------------- INVITE, Replaces


@pytest.mark.conformance("EXT-11")
@BOTH
def test_an_invite_takes_the_place_of_a_call(opening: tuple[Step, ...], caller: str) -> None:
    run(
        *opening,
        replaces(),
        juliet.gets(100, call="two"),
        romeo.gets("transport-info", has='port="30100"'),
        juliet.gets(200, call="two", has="m=audio 40100"),
        juliet.gets("BYE", has=TRANSFERRED),
        juliet.sends(200),
        juliet.sends("ACK", call="two"),
        calls(1),
        juliet.sends("re-INVITE", call="two", sdp=sdp_of(port=30100, version=2, direction="sendonly")),
        juliet.gets(100, call="two"),
        romeo.gets("content-modify"),
        juliet.gets(200, call="two"),
        juliet.sends("ACK", call="two"),
        *ends(caller),
    )


@pytest.mark.conformance("EXT-12")
def test_an_invite_that_replaces_nothing_is_refused() -> None:
    run(
        *answered,
        replaces(odd="x"),
        juliet.gets(100, call="two"),
        juliet.gets("481 INVITE", call="two"),
        juliet.sends("INVITE", call="three", headers=[("Replaces", "nonsense")]),
        juliet.gets(100, call="three"),
        juliet.gets("400 INVITE", call="three"),
        replaces("four", more=";early-only"),
        juliet.gets(100, call="four"),
        juliet.gets("486 INVITE", call="four"),
        *juliet_leaves,
        replaces("five"),
        juliet.gets(100, call="five"),
        juliet.gets("481 INVITE", call="five"),
    )


@pytest.mark.conformance("EXT-12")
@pytest.mark.parametrize("opening", [ringing, called])
def test_an_early_dialog_is_not_replaced(opening: tuple[Step, ...]) -> None:
    leave = (
        (
            romeo.sends("session-terminate cancel"),
            romeo.gets("result"),
            juliet.gets("CANCEL"),
            juliet.sends(200, to="CANCEL"),
            juliet.sends(487, to="INVITE"),
            juliet.gets("ACK"),
        )
        if opening is ringing
        else (juliet.sends("CANCEL"), juliet.gets("200 CANCEL"), juliet.gets("487"), romeo.gets("retract cancel"))
    )
    run(*opening, replaces(), juliet.gets(100, call="two"), juliet.gets("481 INVITE", call="two"), *leave)


@pytest.mark.conformance("EXT-11")
def test_a_call_is_replaced_only_through_its_own_trunk() -> None:
    stranger = Phone("stranger", host="192.0.2.77")
    trunk = '[[trunk]]\nname = "other"\nhost = "192.0.2.77"\ntransport = "udp"\nallow = ["montague.example"]\n'
    run(
        *answered,
        replaces(phone=stranger),
        stranger.gets(100, call="two"),
        stranger.gets("403 INVITE", call="two"),
        *juliet_leaves,
        trunk=trunk,
    )


@pytest.mark.conformance("EXT-12")
def test_a_call_that_ends_is_not_replaced_any_more() -> None:
    run(
        *answered,
        romeo.sends("session-terminate success"),
        romeo.gets("result"),
        juliet.gets("BYE"),
        replaces(),
        juliet.gets(100, call="two"),
        juliet.gets("603 INVITE", call="two"),
        juliet.sends(200, to="BYE"),
    )


def test_two_cannot_take_one_place_and_who_gives_up_leaves_it() -> None:
    run(
        *answered,
        romeo.sends("session-info hold"),
        romeo.gets("result"),
        juliet.gets("INVITE"),
        replaces(),
        juliet.gets(100, call="two"),
        replaces("three"),
        juliet.gets(100, call="three"),
        juliet.gets("491 INVITE", call="three"),
        juliet.sends("CANCEL", call="two"),
        juliet.gets("200 CANCEL", call="two"),
        juliet.gets("487 INVITE", call="two"),
        juliet.sends(200, to="INVITE", sdp=sdp_of(version=2, direction="recvonly")),
        juliet.gets("ACK"),
        *juliet_leaves,
    )


@pytest.mark.parametrize("sdp", [None, sdp_of(port=30100).replace("0 8", "9").replace("PCM", "G7")])
def test_an_invite_that_offers_nothing_of_use_leaves_the_call_as_it_was(sdp: str | None) -> None:
    run(
        *answered,
        replaces(sdp=sdp),
        juliet.gets(100, call="two"),
        juliet.gets("488 INVITE", call="two"),
        nothing(),
        *romeo_leaves,
    )


def test_a_phone_hangs_up_at_the_moment_it_is_replaced() -> None:
    run(
        *answered,
        at_once(replaces(), juliet.sends("BYE")),
        juliet.gets(100, call="two"),
        romeo.gets("transport-info"),
        juliet.gets(200, call="two"),
        juliet.gets("BYE"),
        juliet.gets("200 BYE"),
        juliet.sends(200),
        juliet.sends("ACK", call="two"),
        *ends("romeo"),
    )


# --------------------------------------------------------------------------------------------------- with an anchor


@pytest.mark.conformance("EXT-09", "EXT-11")
@pytest.mark.parametrize("opening", [talking, anchored_call], ids=["romeo", "juliet"])
@pytest.mark.parametrize("by", ["REFER", "INVITE"])
def test_a_client_whose_media_are_anchored_hears_of_nothing(opening: tuple[Step, ...], by: str) -> None:
    if by == "REFER":
        handed: tuple[Step, ...] = (
            *REFERRED,
            juliet.sends(200, call="two", sdp=sdp_of(port=30100)),
            juliet.gets("ACK", call="two", has=["m=audio", "192.0.2.99"]),
            *DONE,
        )
    else:
        handed = (
            replaces(),
            juliet.gets(100, call="two"),
            juliet.gets(200, call="two", has=["m=audio", "192.0.2.99"]),
            juliet.gets("BYE", has=TRANSFERRED),
            juliet.sends(200),
            juliet.sends("ACK", call="two"),
        )
    run(*opening, *handed, nothing(), *ends("juliet"), media=MEDIA, trunk='media = "anchor"')
