"""Who may call whom, through which trunk, and as whom (conformance reference 1.2.5, RFC 3323, 3325)."""

import re
from collections import Counter
from collections.abc import Collection
from ipaddress import ip_network
from typing import Any

import pytest

from gateway.addressing import Country
from gateway.errors import PeerError
from gateway.outward import ANONYMOUS, NO_ONE, Outbound
from gateway.routing import Routing
from gateway.rules import Account, DialRule, Group, Member, NumberRule, Patterns, RoutingSettings, Template, Trunk
from gateway.secret import Secret
from gateway.sip.address import NameAddr, Uri
from gateway.sip.flow import Flow, Hop
from gateway.sip.message import SipRequest
from gateway.sip.trickling import Mode
from mappings.reasons import EndReason

ROMEO = "romeo@montague.example/orchard"
JULIET = "juliet@capulet.example"


def trunk(name: str = "carrier", *, allow: Collection[str] = ("montague.example",), **fields: Any) -> Trunk:
    """A trunk with what a test does not care about filled in."""
    given: dict[str, Any] = {
        "host": "203.0.113.7",
        "domain": "sip.carrier.example",
        "from_domain": "gw.example",
        "caller_id_numbers": {},
    }
    return Trunk(name=name, allow=Patterns(allow), **(given | fields))


def dial(
    match: str, to: str | None = "carrier", rewrite: str | None = None, callers: Collection[str] = "*"
) -> DialRule:
    """A dial rule."""
    template = None if rewrite is None else Template(rewrite)
    return DialRule(expression=re.compile(match), trunk=to, rewrite=template, callers=Patterns(callers))


def group(*members: Member, statuses: Collection[int] = (503,)) -> Group:
    """The group of the carriers."""
    return Group(name="carriers", members=members, statuses=frozenset(statuses))


def number(name: str, jid: str, *trunks: str) -> NumberRule:
    """An exact number."""
    return NumberRule(name=name, jid=jid, trunks=frozenset(trunks))


def pattern(match: str, jid: str) -> NumberRule:
    """A number by expression."""
    return NumberRule(name=re.compile(match), jid=jid)


def routing(*trunks: Trunk, **rules: Any) -> Routing:
    """Rules at work; everything goes to the carrier unless other rules are given."""
    return Routing(
        RoutingSettings(domain="gw.example", trunks=trunks or (trunk(),), **({"dial": (dial(".*"),)} | rules))
    )


def invite(uri: str, from_: str = "<sip:+15550009@sip.carrier.example>;tag=x", *headers: tuple[str, str]) -> SipRequest:
    """An INVITE as far as routing looks at it."""
    flow = Flow("UDP", "203.0.113.7", 5060)
    return SipRequest("INVITE", uri, (("From", from_), ("To", f"<{uri}>"), *headers), flow=flow)


def refusal(call: Any, *arguments: Any, **named: Any) -> PeerError:
    """The PeerError that a call raises."""
    with pytest.raises(PeerError) as refused:
        call(*arguments, **named)
    return refused.value


# ---------------------------------------------------------------------------------------------------------- XMPP to SIP


@pytest.mark.parametrize(
    ("uri", "may"),
    [
        ("sip:+15559@203.0.113.7", True),
        ("tel:+15559", True),
        ("sip:alice@phone.example", True),
        ("sip:+15559@203.0.113.8", False),  # the other carrier's address
        ("sip:+15559@Other.example", False),
        ("sip:+15559@phone.example;maddr=203.0.113.8", False),
        ("tel:+19005", False),
        ("sip:7042@203.0.113.7", False),  # goes another way
    ],
)
def test_a_trunk_redirects_calls_only_to_where_their_callers_may_call_through_it(uri: str, may: bool) -> None:
    rules = (dial(r"\+1900.*", None), dial(r"\+.*"), dial("7...", "other"))
    known = routing(trunk(), trunk("other", host="other.example"), dial=rules)
    known.learn("other", ["203.0.113.8"])
    assert known.may_follow(Uri.parse(uri), ROMEO, "carrier") is may


@pytest.mark.conformance("ADDR-16")
def test_a_number_leaves_through_the_trunk_of_its_rule() -> None:
    found = routing(trunk(port=5070, transport="TCP")).outbound(ROMEO, "+15551230000@gw.example")
    assert found.trunk == "carrier"
    assert found.request_uri == "sip:+15551230000@sip.carrier.example;user=phone"
    assert str(found.to) == "<sip:+15551230000@sip.carrier.example;user=phone>"
    assert found.hop == Hop("203.0.113.7", 5070, "TCP", domain="sip.carrier.example")
    assert found.number_label == "+15551230000"
    assert found.credentials is None
    assert found.headers == ()


def test_a_trunk_may_want_short_header_names() -> None:
    way = routing(trunk(compact_headers=True), trunk("other", host="203.0.113.8"))
    assert way.is_compact(Flow("UDP", "203.0.113.7", 5080, "here"))
    assert not way.is_compact(Flow("UDP", "203.0.113.8", 5060, "here"))
    assert not routing(trunk()).is_compact(Flow("UDP", "203.0.113.7", 5060, "here"))


@pytest.mark.parametrize(
    ("dialled", "uri"),
    [
        pytest.param("alice\\40sip.example.org", "sip:alice@sip.example.org", marks=pytest.mark.conformance("ADDR-15")),
        ("alice\\40sip.example.org\\3a5070", "sip:alice@sip.example.org:5070"),
        ("alice", "sip:alice@sip.carrier.example"),
        ("+1-555-1", "sip:+15551@sip.carrier.example;user=phone"),
        pytest.param(
            "7042;phone-context=example.com",
            "sip:7042;phone-context=example.com@sip.carrier.example;user=phone",
            marks=pytest.mark.conformance("ADDR-17"),
        ),
        ("7042", "sip:7042@sip.carrier.example"),
    ],
)
def test_every_form_of_address_has_its_uri(dialled: str, uri: str) -> None:
    assert routing().outbound(ROMEO, f"{dialled}@gw.example/sip").request_uri == uri


def test_a_trunk_may_have_an_ipv6_address_for_a_domain() -> None:
    found = routing(trunk(host="2001:db8::1", domain="2001:db8::1", from_domain="::1")).outbound(ROMEO, "1@gw.example")
    assert found.request_uri == "sip:1@[2001:db8::1]"
    assert str(found.from_) == "<sip:romeo%40montague.example@[::1]>"


def test_a_user_without_domain_is_at_the_default_domain() -> None:
    found = routing(default_domain="sip.example.org").outbound(ROMEO, "alice@gw.example")
    assert found.request_uri == "sip:alice@sip.example.org"
    assert found.hop.host == "203.0.113.7"


def test_the_first_rule_that_matches_decides_and_rewrites() -> None:
    rules = (dial(r"00(\d+)", rewrite=r"+\1"), dial(r"(\d{4})", "pbx", rewrite=r"\1@pbx.example"), dial(r"\d+", "pbx"))
    way = routing(trunk(), trunk("pbx", host="pbx.example"), dial=rules)
    assert way.outbound(ROMEO, "0015551230000@gw.example").request_uri.startswith("sip:+15551230000@")
    assert way.outbound(ROMEO, "7042@gw.example").request_uri == "sip:7042@pbx.example"
    assert way.outbound(ROMEO, "70420@gw.example").trunk == "pbx"
    assert way.outbound(ROMEO, "0015551230000@gw.example").trunk == "carrier"


def test_a_rule_matches_all_of_a_name_or_not_at_all() -> None:
    way = routing(dial=(dial(r"\+1\d{10}"),))
    assert refusal(way.outbound, ROMEO, "+155512300001@gw.example").condition == "item-not-found"


def test_a_rule_may_be_for_some_callers_only() -> None:
    rules = (dial(".*", "a", callers=["boss@montague.example"]), dial(".*", "b"))
    way = routing(trunk("a"), trunk("b"), dial=rules)
    assert way.outbound("boss@montague.example/x", "1@gw.example").trunk == "a"
    assert way.outbound(ROMEO, "1@gw.example").trunk == "b"


@pytest.mark.conformance("JMI-20")
@pytest.mark.parametrize("dialled", ["0800@gw.example", "gw.example", "gw.example/sip", "x" * 257 + "@gw.example"])
def test_what_no_rule_matches_is_nobody(dialled: str) -> None:
    refused = refusal(routing(dial=(dial(r"\+\d+"),)).outbound, ROMEO, dialled)
    assert (refused.condition, refused.status, refused.reason) == ("item-not-found", 404, EndReason.GONE)


@pytest.mark.parametrize("dialled", ["anonymous@gw.example", "+1555@other.example", "a\\40b;x=y@gw.example"])
def test_what_no_rule_could_mean_is_nobody(dialled: str) -> None:
    assert refusal(routing().outbound, ROMEO, dialled).condition == "item-not-found"


@pytest.mark.conformance("JIN-02")
def test_who_is_named_on_no_trunk_is_told_that_there_is_no_service() -> None:
    for way in (routing(), routing(trunk(allow=())), routing(dial=())):
        refused = refusal(way.outbound, "eve@elsewhere.example/x", "+15551230000@gw.example")
        assert (refused.condition, refused.status) == ("service-unavailable", 403)


@pytest.mark.conformance("ROB-03")
def test_who_is_named_elsewhere_but_not_on_this_trunk_is_forbidden() -> None:
    way = routing(trunk(), trunk("mine", allow=["eve@elsewhere.example"]))
    refused = refusal(way.outbound, "eve@elsewhere.example/x", "+15551230000@gw.example")
    assert (refused.condition, refused.status, refused.reason) == ("forbidden", 403, EndReason.DECLINE)


def test_a_rule_without_a_trunk_keeps_everybody_out_though_a_later_one_would_let_them_in() -> None:
    way = routing(dial=(dial(r"\+1900.*", None), dial(".*")))
    assert refusal(way.outbound, ROMEO, "+19001@gw.example").condition == "forbidden"
    assert way.outbound(ROMEO, "+15551@gw.example").trunk == "carrier"


@pytest.mark.parametrize(
    "name",
    [
        "+1-900-1", "+1.900(1)", "+19001;ext=5", "+19001;isub=5", "19001;phone-context=%2b1", "1-900-1",
        "1\\20900\\201", "1\\2f9001", "19001;user=phone",
        "%2b19001", "%31%39001", "\u0661\u0669\u0660\u0660\u0661", "\uff11\uff19001",
        "19001\\40sip.carrier.example", "+19001\\40203.0.113.7", "1_900_1", "+\u06f19001;ext=1",
    ],
)  # fmt: skip
def test_what_is_refused_is_refused_however_it_is_spelled(name: str) -> None:
    way = routing(dial=(dial(r"\+?1900[0-9]*", None), dial("(?s).*")))
    assert refusal(way.outbound, ROMEO, f"{name}@gw.example").status in (403, 404)


@pytest.mark.parametrize("name", ["+1901", "alice.1900", "1900x", "19-01", "desk-1-900"])
def test_what_only_looks_like_it_is_not_refused(name: str) -> None:
    way = routing(dial=(dial(r"\+?1900[0-9]*", None), dial("(?s).*")))
    assert way.outbound(ROMEO, f"{name}@gw.example").trunk == "carrier"


def test_a_number_of_our_own_calls_nobody_whoever_may() -> None:
    way = routing(trunk(allow=["*"]))
    assert refusal(way.outbound, "+15550001@gw.example/sip", "+15550002@gw.example").condition == "service-unavailable"


@pytest.mark.parametrize(
    ("patterns", "jid", "named"),
    [
        (["*@montague.example"], ROMEO, True),
        (["montague.example"], ROMEO, True),
        (["montague.example"], "montague.example/x", True),
        (["romeo@montague.example"], ROMEO, True),
        (["romeo@montague.example"], "mercutio@montague.example", False),
        (["montague.example"], "romeo@x.montague.example", False),
        (["*.montague.example"], "romeo@x.montague.example", True),
        (["*@*.montague.example"], "romeo@x.y.montague.example", True),
        (["*.montague.example"], ROMEO, False),
        (["*.montague.example"], "romeo@evilmontague.example", False),
        (["*"], ROMEO, True),
        (["Romeo@Montague.Example"], ROMEO, True),
        ([], ROMEO, False),
    ],
)
def test_patterns_of_jids(patterns: list[str], jid: str, named: bool) -> None:
    assert (jid in Patterns(patterns)) is named


@pytest.mark.parametrize("bad", ["", "a@", "a@b@c ", "*@", "romeo@*", "a b.example", "@"])
def test_a_pattern_that_is_none_is_refused(bad: str) -> None:
    with pytest.raises(PeerError):
        Patterns([bad])


# ---------------------------------------------------------------------------------------------------- as whom they call


def test_by_default_the_caller_is_their_jid_at_the_gateway() -> None:
    found = routing().outbound(ROMEO, "1@gw.example")
    assert str(found.from_) == "<sip:romeo%40montague.example@gw.example>"
    assert found.contact("192.0.2.1:5060;transport=tcp") == (
        "<sip:romeo%40montague.example@192.0.2.1:5060;transport=tcp;gr=orchard>"
    )


@pytest.mark.conformance("ADDR-06")
def test_a_hosted_user_is_their_own_address_and_the_resource_is_in_the_contact() -> None:
    way = routing(hosted_domains=frozenset({"montague.example"}))
    found = way.outbound("o\\27neil@montague.example/my phone", "1@gw.example")
    assert str(found.from_) == "<sip:o'neil@montague.example>"
    assert found.contact("192.0.2.1:5060") == "<sip:o'neil@192.0.2.1:5060;gr=my%20phone>"


def test_a_trunk_may_want_the_callers_number() -> None:
    numbered = trunk(
        caller_id="number", caller_id_numbers={"romeo@montague.example": "+15550001"}, from_domain="acme.example"
    )
    found = routing(numbered).outbound(ROMEO, "1@gw.example")
    assert str(found.from_) == "<sip:+15550001@acme.example;user=phone>"
    assert found.contact("192.0.2.1:5060") == "<sip:+15550001@192.0.2.1:5060>"
    nameless = routing(numbered).outbound("mercutio@montague.example/x", "1@gw.example")
    assert nameless.from_ == NO_ONE
    assert nameless.contact("192.0.2.1:5060") == "<sip:anonymous@192.0.2.1:5060>"


def test_a_number_for_those_without_one() -> None:
    found = routing(trunk(caller_id="number", caller_id_number="+15550000")).outbound(ROMEO, "1@gw.example")
    assert str(found.from_) == "<sip:+15550000@gw.example;user=phone>"


def test_a_fixed_caller_may_be_a_users_name() -> None:
    found = routing(trunk(caller_id="fixed", caller_id_number="acct42")).outbound(ROMEO, "1@gw.example")
    assert str(found.from_) == "<sip:acct42@gw.example>"


@pytest.mark.conformance("EXT-22")
def test_a_trusted_trunk_is_told_in_confidence_who_an_anonymous_caller_is() -> None:
    hidden = trunk(caller_id="anonymous", trusted=True, caller_id_numbers={"romeo@montague.example": "+15550001"})
    found = routing(hidden).outbound(ROMEO, "1@gw.example")
    assert str(found.from_) == '"Anonymous" <sip:anonymous@anonymous.invalid>'
    assert found.headers == (
        ("P-Asserted-Identity", "<sip:+15550001@gw.example;user=phone>"),
        ("Privacy", "id"),
    )


def test_an_untrusted_trunk_learns_nothing_of_an_anonymous_caller() -> None:
    found = routing(trunk(caller_id="anonymous")).outbound(ROMEO, "1@gw.example")
    assert found.headers == (("Privacy", "id"),)
    assert "romeo" not in found.contact("192.0.2.1") + str(found.from_)


def test_a_trusted_trunk_is_told_who_calls() -> None:
    found = routing(trunk(trusted=True)).outbound(ROMEO, "1@gw.example")
    assert found.headers == (("P-Asserted-Identity", "<sip:romeo%40montague.example@gw.example>"),)


def test_the_password_goes_along_and_is_not_shown() -> None:
    found = routing(trunk(account=Account("acct", Secret("open sesame")))).outbound(ROMEO, "1@gw.example")
    assert found.credentials is not None
    assert (found.credentials.user, found.credentials.password) == ("acct", "open sesame")
    assert "sesame" not in repr(found)


# --------------------------------------------------------------------------------------------------------------- groups


def carriers(*members: Member, trunks: Collection[Trunk] = (), **rules: Any) -> Routing:
    """Everything goes to the group of the carriers a, b and c."""
    given = trunks or (trunk("a"), trunk("b"), trunk("c"))
    return routing(*given, groups=(group(*members),), dial=(dial(".*", "carriers"),), **rules)


def ways(found: Outbound) -> list[str]:
    """The trunks in the order in which they are tried."""
    return [found.trunk, *(other.trunk for other in found.others)]


def test_a_group_is_tried_by_priority() -> None:
    way = carriers(Member("a", 2), Member("b", 1), Member("c", 3))
    found = way.outbound(ROMEO, "+15551230000@gw.example")
    assert ways(found) == ["b", "a", "c"]
    assert found.statuses == frozenset({503})
    assert all(not other.others for other in found.others)


def test_of_one_priority_chance_decides_by_weight() -> None:
    members = (Member("a", 1, 1), Member("b", 1, 3), Member("c", 1, 0))
    firsts = Counter(
        Routing(
            RoutingSettings(
                domain="gw.example",
                trunks=(trunk("a"), trunk("b"), trunk("c")),
                groups=(group(*members),),
                dial=(dial(".*", "carriers"),),
            ),
            draw=lambda most, drawn=drawn: min(most, drawn),  # type: ignore[misc]
        )
        .outbound(ROMEO, "+15551230000@gw.example")
        .trunk
        for drawn in range(5)
    )
    assert firsts == {"c": 1, "a": 1, "b": 3}


def test_a_trunk_that_is_down_comes_last_until_it_is_up() -> None:
    way = carriers(Member("a", 1), Member("b", 2))
    way.mark("a", up=False)
    assert ways(way.outbound(ROMEO, "+15551230000@gw.example")) == ["b", "a"]
    way.mark("b", up=False)
    assert ways(way.outbound(ROMEO, "+15551230000@gw.example")) == ["a", "b"]
    way.mark("a", up=True)
    way.mark("a", up=True)
    assert ways(way.outbound(ROMEO, "+15551230000@gw.example")) == ["a", "b"]


def test_a_trunk_alone_is_called_however_down_it_is() -> None:
    way = routing()
    way.mark("carrier", up=False)
    found = way.outbound(ROMEO, "+15551230000@gw.example")
    assert (ways(found), found.statuses) == (["carrier"], frozenset())


def test_trunks_without_room_are_passed_over_and_a_call_for_which_there_is_none_is_refused() -> None:
    way = carriers(Member("a", 1), Member("b", 2), trunks=(trunk("a", calls=2), trunk("b")))
    assert ways(way.outbound(ROMEO, "+15551230000@gw.example", full={"a"})) == ["b"]
    refused = refusal(way.outbound, ROMEO, "+15551230000@gw.example", full={"a", "b"})
    assert (refused.text, refused.status) == ("too many calls through carriers", 503)
    assert refused.condition == "resource-constraint"


def test_of_a_group_only_the_trunks_that_allow_the_caller_are_for_them() -> None:
    trunks = (trunk("a", allow=["capulet.example"]), trunk("b"))
    way = carriers(Member("a", 1), Member("b", 2), trunks=trunks)
    assert ways(way.outbound(ROMEO, "+15551230000@gw.example")) == ["b"]
    assert ways(way.outbound(f"{JULIET}/x", "+15551230000@gw.example")) == ["a"]
    only = carriers(Member("a", 1), trunks=trunks)
    refused = refusal(only.outbound, ROMEO, "+15551230000@gw.example")
    assert (refused.text, refused.condition) == ("routing: the caller may not call through carriers", "forbidden")


def test_each_trunk_of_a_group_sees_the_caller_and_the_number_in_its_own_way() -> None:
    trunks = (
        trunk("a", host="a.example", domain="a.example", caller_id="fixed", caller_id_number="+15550001"),
        trunk("b", host="192.0.2.2", port=5070, domain="b.example", caller_id="anonymous", trusted=True),
    )
    first = carriers(Member("a", 1), Member("b", 2), trunks=trunks).outbound(ROMEO, "+15551230000@gw.example")
    (second,) = first.others
    assert (first.request_uri, str(first.from_.uri)) == (
        "sip:+15551230000@a.example;user=phone",
        "sip:+15550001@gw.example;user=phone",
    )
    assert (second.request_uri, second.hop) == (
        "sip:+15551230000@b.example;user=phone",
        Hop("192.0.2.2", 5070, domain="b.example"),
    )
    assert second.from_ is NO_ONE
    assert dict(second.headers)["Privacy"] == "id"
    assert not first.headers


# ---------------------------------------------------------------------------------------------------------- SIP to XMPP


def test_a_called_number_is_a_jid() -> None:
    way = routing(numbers=(number("+15550001", JULIET),))
    for uri in ("sip:+15550001@192.0.2.1", "sip:+1-555-0001@gw.example;user=phone", "tel:+1-555-0001"):
        found = way.inbound_request(invite(uri), "carrier")
        assert found.callee == JULIET
        assert (found.caller, found.nick) == ("+15550009", None)
    for uri in ("sip:+15550001@x", "tel:+15550001"):
        assert way.inbound_request(invite(uri), "carrier").contact("192.0.2.1") == "<sip:+15550001@192.0.2.1>"


def test_exact_numbers_come_before_expressions_and_those_in_order() -> None:
    rules = (pattern(r"\d+", "a@x.example"), pattern(r"7\d+", "b@x.example"), number("7042", JULIET))
    way = routing(numbers=rules)
    assert way.inbound_request(invite("sip:7042@x"), "carrier").callee == JULIET
    assert way.inbound_request(invite("sip:7043@x"), "carrier").callee == "a@x.example"


def test_a_number_may_be_for_one_trunk() -> None:
    rules = (number("100", "a@x.example", "pbx"), number("100", "b@x.example", "other"))
    way = routing(trunk("pbx"), trunk("other"), trunk("third"), numbers=rules)
    assert way.inbound_request(invite("sip:100@x"), "pbx").callee == "a@x.example"
    assert way.inbound_request(invite("sip:100@x"), "other").callee == "b@x.example"
    assert refusal(way.inbound_request, invite("sip:100@x"), "third").status == 404


def test_an_expression_puts_what_it_matched_into_the_jid_escaped() -> None:
    way = routing(numbers=(pattern(r"\+1555(\d{4})", r"u\1@x.example"), pattern(r"(.+)", r"\1@capulet.example")))
    assert way.inbound_request(invite("sip:+15551234@x"), "carrier").callee == "u1234@x.example"
    assert way.inbound_request(invite("sip:o'neil@x"), "carrier").callee == "o\\27neil@capulet.example"
    assert (
        way.inbound_request(invite("sip:juliet%40evil.example@x"), "carrier").callee
        == "juliet\\40evil.example@capulet.example"
    )
    assert refusal(way.inbound_request, invite("sip:%20x@x"), "carrier").status == 404


@pytest.mark.conformance("ADDR-21")
@pytest.mark.parametrize("uri", ["tel:911;phone-context=+99", "sip:911;phone-context=+99@gw.example;user=phone"])
def test_a_number_in_a_context_that_nobody_configured_is_not_found(uri: str) -> None:
    way = routing(numbers=(number("911", JULIET), pattern(r"\d+", JULIET)))
    assert refusal(way.inbound_request, invite(uri), "carrier").status == 404


@pytest.mark.conformance("ADDR-14")
@pytest.mark.parametrize("user", ["null-%00-null", "a%0D%0Ab", "a%ffb"])
def test_a_name_with_what_no_jid_can_say_is_not_found_though_a_rule_takes_everything(user: str) -> None:
    way = routing(numbers=(pattern("(?s).*", JULIET),))
    assert refusal(way.inbound_request, invite(f"sip:{user}@gw.example"), "carrier").status == 404


@pytest.mark.conformance("ADDR-20")
def test_a_number_that_must_not_be_used_is_not_found() -> None:
    way = routing(numbers=(pattern(".*", JULIET),))
    assert refusal(way.inbound_request, invite("tel:+15550001;m-foo=1"), "carrier").status == 404


@pytest.mark.conformance("ADDR-22")
def test_a_sips_call_does_not_leave_for_xmpp() -> None:
    way = routing(numbers=(pattern(".*", JULIET),))
    assert refusal(way.inbound_request, invite("sips:juliet@gw.example"), "carrier").status == 480


@pytest.mark.conformance("ADDR-23")
@pytest.mark.parametrize("uri", ["http://x", "nobodyKnowsThisScheme:totallyopaquecontent"])
def test_an_unknown_scheme_is_refused_with_416(uri: str) -> None:
    assert refusal(routing(numbers=(pattern(".*", JULIET),)).inbound_request, invite(uri), "carrier").status == 416


def test_an_address_that_spells_out_a_jid_reaches_whom_the_trunk_serves() -> None:
    way = routing(trunk(allow=["capulet.example"]))
    assert way.inbound_request(invite("sip:juliet%40capulet.example@gw.example"), "carrier").callee == JULIET
    full = way.inbound_request(invite("sip:juliet%40capulet.example@192.0.2.1:5060;gr=my%20phone"), "carrier")
    assert full.callee == f"{JULIET}/my phone"
    assert refusal(way.inbound_request, invite("sip:romeo%40montague.example@gw.example"), "carrier").status == 404


@pytest.mark.conformance("ADDR-03")
def test_a_user_of_a_hosted_domain_is_called_by_their_address() -> None:
    way = routing(trunk(allow=["capulet.example"]), hosted_domains=frozenset({"capulet.example"}))
    assert way.inbound_request(invite("sip:juliet@capulet.example;gr=balcony"), "carrier").callee == f"{JULIET}/balcony"
    assert refusal(way.inbound_request, invite("sip:%20j@capulet.example"), "carrier").status == 404


@pytest.mark.conformance("ROB-05")
def test_a_call_cannot_come_back_to_the_gateway_by_a_jid_of_its_own() -> None:
    way = routing(trunk(allow=["*"]))
    assert refusal(way.inbound_request, invite("sip:+19001%40gw.example@gw.example"), "carrier").status == 404


@pytest.mark.parametrize("uri", ["sip:gw.example", "sip:nobody@gw.example", f"sip:{'9' * 300}@gw.example"])
def test_what_is_nobodys_is_not_found(uri: str) -> None:
    refused = refusal(routing(numbers=(pattern("[0-9]+", JULIET),)).inbound_request, invite(uri), "carrier")
    assert (refused.status, refused.reason) == (404, EndReason.GONE)


@pytest.mark.conformance("SX-19", "JMI-31")
def test_a_trusted_trunk_says_who_calls() -> None:
    way = routing(trunk(trusted=True), numbers=(number("1", JULIET),))
    asserted = ("P-Asserted-Identity", '"Bob" <sip:+15557777@sip.carrier.example>, <tel:+15557777>')
    found = way.inbound_request(invite("sip:1@x", '"Mallory" <sip:+1900@x>;tag=1', asserted), "carrier")
    assert (found.caller, found.nick) == ("+15557777", "Bob")


@pytest.mark.conformance("SX-20")
def test_what_an_untrusted_trunk_asserts_is_ignored() -> None:
    way = routing(numbers=(number("1", JULIET),))
    asserted = ("P-Asserted-Identity", '"Bob" <sip:+15557777@sip.carrier.example>')
    found = way.inbound_request(invite("sip:1@x", '"Carol" <sip:+15558888@x>;tag=1', asserted), "carrier")
    assert (found.caller, found.nick) == ("+15558888", "Carol")


def test_an_asserted_identity_that_cannot_be_read_is_passed_over() -> None:
    way = routing(trunk(trusted=True), numbers=(number("1", JULIET),))
    asserted = ("P-Asserted-Identity", "<sip:a b>, <http://x>, <tel:+15557777>")
    assert way.inbound_request(invite("sip:1@x", "<sip:+1@x>;tag=1", asserted), "carrier").caller == "+15557777"


@pytest.mark.conformance("SX-21")
@pytest.mark.parametrize("privacy", ["id", "id;critical", "header; user", "ID"])
@pytest.mark.parametrize("trusted", [True, False])
def test_who_asks_for_privacy_has_it(privacy: str, trusted: bool) -> None:
    way = routing(trunk(trusted=trusted), numbers=(number("1", JULIET),))
    headers = (("P-Asserted-Identity", '"Bob" <sip:+15557777@x>'), ("Privacy", privacy))
    found = way.inbound_request(invite("sip:1@x", '"Bob" <sip:+15557777@x>;tag=1', *headers), "carrier")
    assert (found.caller, found.nick) == (ANONYMOUS, None)


def test_privacy_of_none_hides_nothing() -> None:
    way = routing(numbers=(number("1", JULIET),))
    assert way.inbound_request(invite("sip:1@x", "<sip:+15557@x>", ("Privacy", "none")), "carrier").caller == "+15557"


def test_privacy_that_is_critical_and_cannot_be_granted_refuses_the_call() -> None:
    way = routing(numbers=(number("1", JULIET),))
    refused = refusal(way.inbound_request, invite("sip:1@x", "<sip:+1@x>", ("Privacy", "session;critical")), "carrier")
    assert refused.status == 500


@pytest.mark.conformance("SX-22")
@pytest.mark.parametrize(
    "from_",
    [
        '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1',
        "<sip:restricted@anonymous.invalid>;tag=1",
        "<sip:Anonymous@sip.carrier.example>;tag=1",
        "<sip:sip.carrier.example>;tag=1",
        "<sip:null-%00-null@sip.carrier.example>;tag=1",
        "<http://x>;tag=1",
    ],
)
def test_a_caller_whom_nobody_can_name_is_anonymous_and_the_call_works(from_: str) -> None:
    found = routing(numbers=(number("1", JULIET),)).inbound_request(invite("sip:1@x", from_), "carrier")
    assert (found.callee, found.caller) == (JULIET, ANONYMOUS)


@pytest.mark.parametrize(
    ("from_", "caller"),
    [
        ("sip:1001@sip.carrier.example", "1001"),
        ("sip:1001@203.0.113.7:5070", "1001"),
        ("sip:1001@gw.example", "1001"),
        ("sip:+1-555-1@elsewhere.example", "+15551"),
        ("tel:+1-555-1", "+15551"),
        ("tel:7042;phone-context=example.com", "7042;phone-context=example.com"),
        ("sip:alice@elsewhere.example:5070", "alice\\40elsewhere.example"),
        ("sip:o'neil@[2001:db8::1]", "o\\27neil\\40[2001\\3adb8\\3a\\3a1]"),
        ("sip:Alice@sip.carrier.example", "alice"),
    ],
)
def test_a_caller_has_the_localpart_that_calls_them_back(from_: str, caller: str) -> None:
    way = routing(numbers=(number("1", JULIET),))
    assert way.inbound_request(invite("sip:1@x", f"<{from_}>;tag=1"), "carrier").caller == caller


def test_a_name_for_people_has_nothing_in_it_that_xml_could_not_carry() -> None:
    found = routing(numbers=(number("1", JULIET),)).inbound(
        request_uri=Uri.parse("sip:1@x"),
        from_=NameAddr("\x01 Bob\u202e \x00", Uri.parse("sip:+1@x")),
        asserted=None,
        privacy=frozenset(),
        trunk="carrier",
    )
    assert found.nick == "Bob"


# ------------------------------------------------------------------------------------------------- where SIP comes from


@pytest.mark.conformance("ROB-05")
def test_a_request_is_taken_from_a_trunks_addresses_only() -> None:
    wide = trunk("wide", from_host=False, networks=(ip_network("198.51.100.0/24"), ip_network("2001:db8::/32")))
    way = routing(trunk(), wide)
    assert way.trunk_for("203.0.113.7", 40000) == "carrier"
    assert way.trunk_for("::ffff:203.0.113.7", 40000) == "carrier"
    assert way.trunk_for("198.51.100.9", 5060) == "wide"
    assert way.trunk_for("2001:db8::5", 5060) == "wide"
    assert way.trunk_for("203.0.113.8", 5060) is None
    assert way.trunk_for("not an address", 5060) is None
    assert routing(trunk(from_host=False)).trunk_for("203.0.113.7", 5060) is None


def test_of_two_trunks_at_one_address_the_port_decides() -> None:
    way = routing(trunk("a"), trunk("b", port=5080), trunk("c", port=5090))
    assert way.trunk_for("203.0.113.7", 5080) == "b"
    assert way.trunk_for("203.0.113.7", 5090) == "c"
    assert way.trunk_for("203.0.113.7", 1234) == "a"


def test_the_addresses_of_a_trunks_name_are_learnt() -> None:
    way = routing(trunk(host="sip.carrier.example", networks=(ip_network("192.0.2.0/31"),)))
    assert way.unresolved == {"carrier": Hop("sip.carrier.example")}
    assert way.trunk_for("203.0.113.9", 5060) is None
    way.learn("carrier", ["203.0.113.9", "fe80::9%eth0"])
    assert way.trunk_for("203.0.113.9", 5060) == "carrier"
    assert way.trunk_for("fe80::9", 5060) == way.trunk_for("fe80::9%2", 5060) == "carrier"
    way.learn("carrier", ["203.0.113.10"])
    assert way.trunk_for("203.0.113.9", 5060) is None
    assert way.trunk_for("192.0.2.1", 5060) == "carrier"


def test_a_trunk_may_prove_itself_by_digest_from_anywhere() -> None:
    way = routing(trunk(), trunk("roaming", host="r.example", inbound=Account("branch", Secret("pw"))))
    assert way.challenges
    assert way.inbound_password("branch") == "pw"
    assert way.inbound_password("nobody") is None
    assert way.trunk_for("192.0.2.99", 5060, "branch") == "roaming"
    assert way.trunk_for("192.0.2.99", 5060) is None
    assert way.trunk_for("203.0.113.7", 5060, "nobody") is None
    assert not routing().challenges


# ------------------------------------------------------------------------------------------------------ addresses alone


@pytest.mark.conformance("ADDR-24")
@pytest.mark.parametrize(
    ("prompt", "jid"),
    [
        ("alice@sip.example.org", "alice\\40sip.example.org@gw.example"),
        ("+1 (555) 123-0000", "+15551230000@gw.example"),
        ("sip:bob@home.example", "bob@gw.example"),
        ("bob@gw.example", "bob@gw.example"),
    ],
)
def test_a_typed_address_is_translated(prompt: str, jid: str) -> None:
    assert routing(default_domain="home.example").translate(prompt) == jid


@pytest.mark.parametrize(
    ("country", "typed", "called"),
    [
        (Country("+49"), "030 1234567", "+49301234567"),
        (Country("+49"), "(0)30/1234567", "+49301234567"),
        (Country("+49"), "0044 20 7946 0000", "+442079460000"),
        (Country("+49"), "+1 555 123 0000", "+15551230000"),
        (Country("+49"), "201", "201"),
        (Country("+49"), "0110", "0110"),
        (Country("+49"), "112", "112"),
        (Country("+49"), "0000000000", "0000000000"),
        (Country("+49"), "0" + "1" * 20, "0" + "1" * 20),
        (Country("+49"), "tel:+4930", "+4930"),
        (Country("+49"), "alice", "alice"),
        (Country("+1", ("1",), ("011",)), "1 (555) 123-0000", "+15551230000"),
        (Country("+1", ("1",), ("011",)), "011 49 30 1234567", "+49301234567"),
        (Country("+47", ("",)), "22 12 34 56", "+4722123456"),
        (Country("+47", ("",)), "00 49 30 1234567", "+49301234567"),
        (Country("+47", ("",)), "1881", "1881"),
    ],
)
def test_a_number_is_typed_as_in_the_operators_country(country: Country, typed: str, called: str) -> None:
    assert routing(country=country).translate(typed) == f"{called}@gw.example"


@pytest.mark.parametrize("prompt", ["", "  ", "sips:x@y.example", "a\x00b"])
def test_nonsense_is_not_acceptable(prompt: str) -> None:
    assert refusal(routing().translate, prompt).condition == "not-acceptable"


@pytest.mark.parametrize(
    ("address", "uri"),
    [
        ("xmpp:voicemail@capulet.lit", "sip:voicemail%40capulet.lit@gw.example"),
        ("xmpp:voicemail@hosted.example/x?call", "sip:voicemail@hosted.example"),
        ("sip:+1555@sip.carrier.example", "sip:+1555@sip.carrier.example"),
        ("sip:+1555:pin@203.0.113.7;transport=tcp", "sip:+1555@203.0.113.7;transport=tcp"),
        ("tel:+1555", "tel:+1555"),
        ("sip:+1555@203.0.113.7;maddr=192.0.2.66?Route=%3Csip:192.0.2.66%3E", "sip:+1555@203.0.113.7"),
        ("sip:+1555@203.0.113.7;method=REFER?Subject=x", "sip:+1555@203.0.113.7"),
        ("sip:+1900@sip.carrier.example", None),
        ("tel:+1-900", None),
        ("sip:+1555@elsewhere.example", None),
        ("http://x.example", None),
        ("sip:a b", None),
        ("xmpp:@", None),
        ("", None),
    ],
)
def test_where_an_xmpp_user_redirects_to(address: str, uri: str | None) -> None:
    way = routing(hosted_domains=frozenset({"hosted.example"}), dial=(dial(r"\+1900.*", None), dial(r"\+1[0-9]+")))
    assert way.redirect(address, "romeo@montague.example") == uri


@pytest.mark.parametrize("address", ["sip:+1555@sip.carrier.example", "tel:+1555", "sip:desk@203.0.113.7"])
def test_who_may_not_call_out_sends_no_caller_there_either(address: str) -> None:
    assert routing().redirect(address, "eve@elsewhere.example") is None
    assert routing().redirect(address, "romeo@montague.example") == address


@pytest.mark.conformance("ROB-01")
def test_nothing_of_a_jid_breaks_a_line() -> None:
    way = routing(dial=(dial("(?s).*"),))
    found = way.outbound("a\r\nb@montague.example/c\r\nd", "x\r\ny\\40z.example@gw.example")
    written = found.request_uri + str(found.from_) + found.contact("192.0.2.1")
    assert "\r" not in written
    assert "\n" not in written


@pytest.mark.parametrize("mode", ["auto", "required", "never"])
def test_calls_through_a_trunk_trickle_as_the_operator_says(mode: Mode) -> None:
    rules = routing(trunk(trickle=mode), numbers=(number("7042", "romeo@montague.example"),))
    assert rules.outbound(ROMEO, "1@gw.example").trickle == mode
    assert rules.inbound_request(invite("sip:7042@gw.example"), "carrier").trickle == mode
