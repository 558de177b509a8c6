"""Chat messages as SIP's MESSAGE, both ways, and what becomes of them (RFC 3428, RFC 7572)."""

import re
import signal

import pytest

from gateway.sip import auth
from tests.flows.inmemory import World
from tests.flows.steps import (
    Client,
    Phone,
    Step,
    after,
    holds,
    juliet,
    mercutio,
    nothing,
    romeo,
    run,
    server_goes,
    signals,
    stranger,
)
from tests.flows.texting import MESSAGES, RECEIPT, confirms, says, texts, writes

elsewhere = Phone("paris", "198.51.100.66")
ours = Client("ghost@gw.example/sip", "ghost")


def counted(origin: str, result: str, number: int = 1) -> Step:
    """So many texts came to this."""
    return holds(
        lambda world: world.sample("jinglesip_texts_total", origin=origin, result=result) == number,
        f"not {number} {origin} {result}",
    )


# --------------------------------------------------------------------------------------------------------- XMPP to SIP


def test_a_chat_message_becomes_a_sip_message_and_its_200_a_receipt() -> None:
    run(
        writes(romeo, "What light? ☀", more=f"<thread>t-1</thread><subject>Act 2</subject>{RECEIPT}"),
        juliet.gets(
            "MESSAGE",
            has=[
                "MESSAGE sip:+15551230000@192.0.2.20;user=phone SIP/2.0",
                "From: <sip:romeo%40montague.example@gw.example>;tag=",
                "Call-ID: t-1\r\n",
                "Subject: Act 2\r\n",
                "Content-Type: text/plain;charset=UTF-8\r\n",
                "\r\n\r\nWhat light? ☀",
            ],
            lacks="Contact:",
        ),
        juliet.sends(200),
        romeo.gets("received", has=['id="romeo-c1"', 'from="+15551230000@gw.example"']),
        counted("xmpp", "delivered"),
        nothing(),
        trunk=MESSAGES,
    )


def test_the_language_of_the_text_is_kept() -> None:
    said = "<message type='chat' id='m1' xml:lang='it' from='{}' to='+1@gw.example'><body>Ciao</body></message>"
    run(
        says(romeo, said.format(romeo.jid)),
        juliet.gets("MESSAGE", has="Content-Language: it\r\n"),
        juliet.sends(200),
        nothing(),
        trunk=MESSAGES,
    )


def test_only_200_says_that_it_arrived() -> None:
    run(
        writes(romeo, more=RECEIPT),
        juliet.gets("MESSAGE"),
        juliet.sends(202),
        nothing(),
        counted("xmpp", "accepted"),
        trunk=MESSAGES,
    )


@pytest.mark.parametrize(
    ("status", "condition"),
    [
        (404, "item-not-found"),
        (403, "forbidden"),
        (415, "not-acceptable"),
        (480, "recipient-unavailable"),
        (488, "not-acceptable"),
        (503, "internal-server-error"),
        (513, "policy-violation"),
        (603, "recipient-unavailable"),
        (499, "bad-request"),
    ],
)
def test_a_refused_text_comes_back_with_the_status_in_it(status: int, condition: str) -> None:
    run(
        writes(romeo),
        juliet.gets("MESSAGE"),
        juliet.sends(status, phrase="No"),
        romeo.gets(f"message error {condition}", has=[f"{status} No", f'code="{status}"', 'id="romeo-c1"']),
        counted("xmpp", "failed"),
        trunk=MESSAGES,
    )


def test_a_redirection_names_the_other_address_and_is_not_followed() -> None:
    run(
        writes(romeo),
        juliet.gets("MESSAGE"),
        juliet.sends(302, headers=[("Contact", "<sip:nurse@192.0.2.77>")]),
        romeo.gets("message error redirect", has="sip:nurse@192.0.2.77"),
        trunk=MESSAGES,
    )


def test_silence_is_told_after_sips_own_patience() -> None:
    run(
        writes(romeo),
        juliet.gets("MESSAGE"),
        after(33),
        romeo.gets("message error remote-server-timeout"),
        trunk=MESSAGES,
    )


def test_texts_to_one_address_leave_one_after_the_other_and_to_others_at_once() -> None:
    run(
        writes(romeo, "one"),
        writes(romeo, "two"),
        writes(mercutio, "other"),
        juliet.gets("MESSAGE", has="one"),
        juliet.gets("MESSAGE", call="mercutio", has="other"),
        nothing(),
        juliet.sends(200, call="one"),
        juliet.gets("MESSAGE", has="two"),
        juliet.sends(200, call="mercutio"),
        juliet.sends(480),
        romeo.gets("message error recipient-unavailable", has='id="romeo-c2"'),
        nothing(),
        trunk=MESSAGES,
    )


def test_credentials_are_given_when_they_are_asked_for() -> None:
    challenge = ("WWW-Authenticate", 'Digest realm="pbx", nonce="n", algorithm=MD5, qop="auth"')
    run(
        writes(romeo, more=RECEIPT),
        juliet.gets("MESSAGE", lacks="Authorization"),
        juliet.sends(401, headers=[challenge]),
        juliet.gets("MESSAGE", has='Authorization: Digest username="gw"'),
        juliet.sends(200),
        romeo.gets("received"),
        writes(romeo),
        juliet.gets("MESSAGE", has="nc=00000002"),
        juliet.sends(401, headers=[challenge]),
        juliet.gets("MESSAGE"),
        juliet.sends(401, headers=[challenge]),
        romeo.gets("message error not-authorized"),
        trunk=f'{MESSAGES}\nuser = "gw"\npassword_env = "SECRET"',
    )


@pytest.mark.conformance("EXT-24")
def test_what_is_too_large_for_a_datagram_is_refused() -> None:
    run(
        writes(romeo, "x" * 1300),
        romeo.gets("message error policy-violation", has="1300"),
        counted("xmpp", "refused"),
        writes(romeo, "x" * 700),
        juliet.gets("MESSAGE"),
        juliet.sends(200),
        trunk=MESSAGES,
    )


@pytest.mark.parametrize(
    "more",
    [
        "<active xmlns='http://jabber.org/protocol/chatstates'/>",
        "<composing xmlns='http://jabber.org/protocol/chatstates'/><no-store xmlns='urn:xmpp:hints'/>",
        "<received xmlns='urn:xmpp:receipts' id='unknown'/>",
        "<displayed xmlns='urn:xmpp:chat-markers:0' id='unknown'/>",
        "<sent xmlns='urn:xmpp:carbons:2'><forwarded xmlns='urn:xmpp:forward:0'><message xmlns='jabber:client'>"
        "<body>copy</body></message></forwarded></sent>",
        "<body> </body>",
    ],
)
def test_what_has_no_text_is_not_sent(more: str) -> None:
    run(writes(romeo, None, more=more), nothing(), trunk=MESSAGES)


@pytest.mark.parametrize(
    "more",
    [
        "<encrypted xmlns='eu.siacs.conversations.axolotl'><header sid='1'/></encrypted>",
        "<encrypted xmlns='urn:xmpp:omemo:2'/>",
        "<encryption xmlns='urn:xmpp:eme:0' namespace='eu.siacs.conversations.axolotl'/>",
        "<openpgp xmlns='urn:xmpp:openpgp:0'>x</openpgp>",
        "<x xmlns='jabber:x:encrypted'>x</x>",
        "<retract xmlns='urn:xmpp:message-retract:1' id='m0'/>",
    ],
)
@pytest.mark.parametrize("excuse", [None, "I sent you an encrypted message"])
def test_what_no_phone_can_read_is_refused_with_or_without_an_excuse(more: str, excuse: str | None) -> None:
    run(writes(romeo, excuse, more=more), romeo.gets("message error not-acceptable"), nothing(), trunk=MESSAGES)


def test_a_correction_and_an_attachment_are_texts_like_others() -> None:
    run(
        writes(romeo, "Jliet"),
        juliet.gets("MESSAGE", has="Jliet"),
        juliet.sends(200),
        writes(romeo, "Juliet", more="<replace xmlns='urn:xmpp:message-correct:0' id='romeo-c1'/>"),
        juliet.gets("MESSAGE", has="\r\n\r\nJuliet"),
        juliet.sends(200),
        writes(romeo, "https://x.example/a.png", more="<x xmlns='jabber:x:oob'><url>https://x.example/a.png</url></x>"),
        juliet.gets("MESSAGE", has="\r\n\r\nhttps://x.example/a.png"),
        juliet.sends(200),
        trunk=MESSAGES,
    )


def test_who_may_not_call_may_not_write() -> None:
    run(
        writes(stranger),
        stranger.gets("message error service-unavailable"),
        writes(ours),
        ours.gets("message error service-unavailable"),
        writes(romeo, number="nurse"),
        romeo.gets("message error item-not-found"),
        writes(romeo, number="anonymous"),
        romeo.gets("message error item-not-found"),
        nothing(),
        trunk=MESSAGES,
    )


def test_where_the_trunk_carries_no_messages_they_come_back() -> None:
    run(writes(romeo), romeo.gets("message error service-unavailable"), nothing())


def test_a_flood_of_texts_is_refused_after_a_while() -> None:
    steps = [step for _ in range(3) for step in (writes(romeo), juliet.gets("MESSAGE"), juliet.sends(200))]
    run(
        *steps,
        writes(romeo),
        romeo.gets("message error resource-constraint"),
        writes(mercutio),
        juliet.gets("MESSAGE", call="mercutio"),
        juliet.sends(200, call="mercutio"),
        after(21),
        writes(romeo),
        juliet.gets("MESSAGE"),
        juliet.sends(200),
        trunk=MESSAGES,
        limits="messages_per_minute = 3",
    )


def test_more_than_so_many_do_not_wait_for_a_phone() -> None:
    answered = [step for _ in range(32) for step in (juliet.gets("MESSAGE"), juliet.sends(200))]
    run(
        *[writes(romeo, str(number)) for number in range(33)],
        romeo.gets("message error resource-constraint", has='id="romeo-c33"'),
        *answered,
        nothing(),
        trunk=MESSAGES,
    )


spare = Phone("spare", "192.0.2.30")
GROUP = """
[[trunk]]
name = "spare"
host = "192.0.2.30"
transport = "udp"
messages = true
allow = ["montague.example"]
[[group]]
name = "out"
trunks = [{ trunk = "pbx", priority = 1 }, { trunk = "spare", priority = 2 }]
[[dial]]
match = '.*'
trunk = "out"
"""


def test_a_text_goes_on_to_the_next_trunk_of_a_group() -> None:
    tried = (writes(romeo, more=RECEIPT), juliet.gets("MESSAGE"))
    taken = (spare.gets("MESSAGE", has="sip:+15551230000@192.0.2.30"), spare.sends(200), romeo.gets("received"))
    run(*tried, juliet.sends(503), *taken, trunk=MESSAGES + GROUP)
    run(*tried, after(33), *taken, trunk=MESSAGES + GROUP)
    run(
        *tried,
        juliet.sends(503),
        spare.gets("MESSAGE"),
        spare.sends(404),
        romeo.gets("message error item-not-found"),
        trunk=MESSAGES + GROUP,
    )
    run(*tried, juliet.sends(404), romeo.gets("message error item-not-found"), trunk=MESSAGES + GROUP)


def test_the_first_trunk_of_a_group_that_carries_messages_does() -> None:
    run(writes(romeo), spare.gets("MESSAGE"), spare.sends(200), nothing(), trunk=GROUP)


def test_a_gateway_that_stops_waits_a_little_for_the_phone_and_then_says_that_it_does_not_know() -> None:
    run(
        writes(romeo, "one"),
        writes(romeo, "two"),
        juliet.gets("MESSAGE", has="one"),
        signals(signal.SIGTERM),
        after(1),
        juliet.sends(200),
        juliet.gets("MESSAGE", has="two"),
        after(4.1),
        romeo.gets("message error remote-server-timeout", has="the gateway stops"),
        stops=True,
        trunk=MESSAGES,
    )


# --------------------------------------------------------------------------------------------------------- SIP to XMPP


@pytest.mark.conformance("EXT-23")
def test_a_sip_message_becomes_a_normal_message_with_thread_and_language_and_silence_202() -> None:
    run(
        texts(juliet, "Here ☾", headers=[("Content-Language", "it"), ("Subject", "Balcony")]),
        romeo.gets(
            "subject",
            has=[
                'from="juliet@gw.example/sip"',
                'to="romeo@montague.example"',
                "Balcony",
                "Here ☾",
                "thread>text-juliet@192.0.2.20<",
                'lang="it"',
                "urn:xmpp:receipts",
                "origin-id",
                "nick",
                "Juliet",
            ],
            lacks="type=",
        ),
        nothing(),
        after(2.1),
        juliet.gets("202 MESSAGE", lacks="Contact:"),
        counted("sip", "accepted"),
        trunk=MESSAGES,
    )


def test_a_receipt_is_the_200() -> None:
    run(
        texts(juliet),
        confirms(romeo, has="Here!"),
        juliet.gets("200 MESSAGE"),
        counted("sip", "delivered"),
        trunk=MESSAGES,
    )


def test_an_answer_to_a_chat_is_a_chat() -> None:
    run(
        writes(romeo, number="juliet"),
        romeo.gets("message error item-not-found"),
        writes(romeo, number="+15551230000"),
        juliet.gets("MESSAGE"),
        juliet.sends(200),
        texts(juliet, headers=[("From", "<sip:+15551230000@192.0.2.20>;tag=1")]),
        romeo.gets("body", has=['type="chat"', 'from="+15551230000@gw.example/sip"'], lacks="nick"),
        after(2.1),
        juliet.gets("202 MESSAGE"),
        trunk=MESSAGES,
    )


@pytest.mark.parametrize(
    ("condition", "status"),
    [("service-unavailable", 480), ("item-not-found", 604), ("not-acceptable", 606), ("remote-server-timeout", 504)],
)
def test_what_the_server_says_is_the_status(condition: str, status: int) -> None:
    run(
        texts(juliet),
        romeo.bounces("body", condition),
        juliet.gets(f"{status} MESSAGE"),
        counted("sip", "failed"),
        trunk=MESSAGES,
    )


def test_a_bounce_of_somebody_else_or_too_late_changes_nothing() -> None:
    bounce = "<message type='error' id='{}' from='{}' to='juliet@gw.example/sip'><error type='cancel'/></message>"

    def fakes(jid: str) -> Step:
        def do(world: World) -> None:
            id = world.stanzas["romeo@montague.example"][0].get("id")
            romeo._in(world, bounce.format(id, jid))

        return Step(do)

    run(
        texts(juliet),
        fakes(stranger.jid),
        nothing_for(juliet),
        after(2.1),
        juliet.gets("202 MESSAGE"),
        fakes(romeo.jid),
        romeo.gets("body"),
        nothing(),
        trunk=MESSAGES,
    )


def nothing_for(phone: Phone) -> Step:
    """The phone has got nothing yet."""
    return holds(lambda world: not world.datagrams.get((phone.host, phone.port)), "the phone got something")


def test_the_same_message_again_is_delivered_once_whichever_way_it_comes() -> None:
    run(
        texts(juliet),
        juliet.sends_again(call="text"),
        romeo.gets("body"),
        after(2.1),
        juliet.gets("202 MESSAGE"),
        juliet.sends_again(call="text"),
        juliet.gets("202 MESSAGE", again=True),
        after(40),
        texts(juliet, cseq=101),
        juliet.gets("202 MESSAGE"),
        nothing(),
        texts(juliet, cseq=102),
        romeo.gets("body"),
        after(2.1),
        juliet.gets("202 MESSAGE"),
        trunk=MESSAGES,
    )


@pytest.mark.parametrize(
    ("type", "body"),
    [
        ("text/html", "<p>Here!</p>"),
        ("multipart/mixed;boundary=x", "--x\r\n\r\nHere!\r\n--x--"),
        ("application/im-iscomposing+xml", "<isComposing/>"),
        ("text/plain;charset=ebcdic", "Here!"),
        ("message/cpim", "Require: x\r\n\r\n\r\n\r\nHere!"),
        ("message/cpim", "From: x\r\n\r\nContent-Type: text/html\r\n\r\nHere!"),
    ],
)
def test_what_is_no_text_is_refused_with_what_would_be_one(type: str, body: str) -> None:
    run(
        texts(juliet, body, type=type),
        juliet.gets("415 MESSAGE", has="Accept: text/plain, message/cpim"),
        nothing(),
        counted("sip", "refused"),
        trunk=MESSAGES,
    )


@pytest.mark.parametrize(
    ("type", "body", "said"),
    [
        ("text/plain;charset=iso-8859-1", b"Gr\xfc\xdfe", "Grüße"),
        ('TEXT/PLAIN; Charset="UTF-8"', b"one\r\ntwo", "one\ntwo"),
        ("text/plain", b"bell \x07 and \xff", "bell \ufffd and \ufffd"),
        (
            "message/cpim",
            b"From: J <im:j@x>\r\nSubject: Hi\r\n\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nOne\r\n\r\nTwo",
            "One\n\nTwo",
        ),
    ],
)
def test_a_text_is_read_in_its_charset_and_out_of_its_envelope(type: str, body: bytes, said: str) -> None:
    word = "subject" if "cpim" in type else "body"
    run(texts(juliet, body, type=type), romeo.gets(word, has=said), after(2.1), juliet.gets(202), trunk=MESSAGES)


def test_nobody_is_there_or_nothing_is_said() -> None:
    run(
        texts(juliet, number="+15559999"),
        juliet.gets("404 MESSAGE"),
        texts(juliet, ""),
        juliet.gets("400 MESSAGE"),
        texts(juliet, headers=[("Require", "odd")]),
        juliet.gets("420 MESSAGE"),
        texts(juliet, headers=[("Max-Forwards", "0")]),
        juliet.gets("483 MESSAGE"),
        nothing(),
        trunk=MESSAGES,
    )


@pytest.mark.conformance("EXT-25")
def test_where_messages_are_off_they_are_not_allowed() -> None:
    run(texts(juliet), juliet.gets("405 MESSAGE", has="Allow: INVITE", lacks="Allow: MESSAGE"), nothing())


def test_a_stranger_is_forbidden() -> None:
    run(texts(elsewhere), elsewhere.gets("403 MESSAGE"), nothing(), trunk=MESSAGES)


def test_a_phone_at_an_unknown_address_may_prove_whose_texts_it_sends() -> None:
    def proves(world: World) -> None:
        data = world.datagrams[elsewhere.host, elsewhere.port][0].decode()
        challenges = re.findall(r"(?m)^WWW-Authenticate: ([^\r\n]*)", data)
        said = auth.answer(
            challenges, method="MESSAGE", uri="sip:+15550100@192.0.2.1", user="paris", password="hush", cnonce="c0ffee"
        )
        assert said is not None
        elsewhere.gets("401 MESSAGE").do(world)
        texts(elsewhere, headers=[("Authorization", said)]).do(world)

    run(
        texts(elsewhere),
        Step(proves),
        confirms(romeo, has="Here!"),
        elsewhere.gets("200 MESSAGE"),
        trunk=f'{MESSAGES}\ninbound_user = "paris"\ninbound_password_env = "SECRET"',
    )


def test_nobodys_messages_are_taken_without_what_names_their_host_or_refused_if_so_configured() -> None:
    hidden = [("Privacy", "id")]
    run(
        texts(juliet, headers=hidden),
        romeo.gets("body", has='from="anonymous@gw.example/sip"', lacks=["192.0.2.20", "Juliet"]),
        after(2.1),
        juliet.gets(202),
        trunk=MESSAGES,
    )
    run(texts(juliet, headers=hidden), juliet.gets(433), nothing(), trunk=f"{MESSAGES}\nanonymous_messages = false")


def test_a_flood_from_one_sender_is_refused_for_a_while() -> None:
    steps = [step for _ in range(2) for step in (texts(juliet), romeo.gets("body"), after(2.1), juliet.gets(202))]
    run(
        *steps,
        texts(juliet),
        juliet.gets("503 MESSAGE", has="Retry-After"),
        trunk=MESSAGES,
        limits="messages_per_minute = 2",
    )


def test_without_the_xmpp_server_the_phone_may_try_again() -> None:
    run(server_goes(), texts(juliet), juliet.gets("503 MESSAGE", has="Retry-After"), nothing(), trunk=MESSAGES)


def test_the_log_says_who_and_what_became_of_it_and_never_the_text() -> None:
    world = run(
        writes(romeo, "hush"),
        juliet.gets("MESSAGE"),
        juliet.sends(404),
        romeo.gets("message error"),
        texts(juliet, "hush"),
        confirms(romeo),
        juliet.gets(200),
        trunk=MESSAGES,
    )
    out, in_ = [entry for entry in world.log if entry["event"] == "text_carried"]
    assert (out["origin"], out["result"], out["status"], out["callee"]) == ("xmpp", "failed", 404, "+15551230000")
    assert (in_["origin"], in_["result"], in_["status"], in_["trunk"]) == ("sip", "delivered", 200, "pbx")
    assert "hush" not in str(world.log)


def test_a_gateway_that_stops_answers_what_it_has_taken() -> None:
    run(
        texts(juliet),
        romeo.gets("body"),
        signals(signal.SIGTERM),
        after(2.1),
        juliet.gets("202 MESSAGE"),
        stops=True,
        trunk=MESSAGES,
    )


def test_a_text_without_end_is_too_large() -> None:
    run(texts(juliet, "x" * 17_000), juliet.gets("513 MESSAGE"), nothing(), trunk=MESSAGES)
