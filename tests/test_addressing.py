"""JIDs and SIP addresses, there and back (RFC 7247, XEP-0106, RFC 3966, conformance reference 1.2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.addressing import (
    bare_jid,
    domainpart,
    escape,
    gr_parameter,
    localpart,
    plain,
    prompted,
    resource_of,
    sip_name,
    sip_uri,
    telephone,
    written_jid,
    xmpp_user,
)
from gateway.errors import PeerError
from gateway.jid import bare
from gateway.sip.address import Uri

HOSTED = frozenset({"sip.example", "xmpp.example", "h.example"})


def to_jid(uri: str) -> str:
    """The JID of a user of a hosted domain."""
    jid = written_jid(Uri.parse(uri), hosted=HOSTED)
    assert jid is not None
    return jid


def to_sip(jid: str) -> str:
    """The SIP URI of a user of a hosted domain."""
    return "sip:" + xmpp_user(jid, hosted=HOSTED, gateway="gw.example")


@pytest.mark.parametrize(
    ("uri", "jid"),
    [
        pytest.param("sip:f%C3%BC@sip.example", "fü@sip.example", marks=pytest.mark.conformance("ADDR-01")),
        pytest.param("sip:o'malley@sip.example", "o\\27malley@sip.example", marks=pytest.mark.conformance("ADDR-02")),
        pytest.param("sip:foo@sip.example;gr=bar", "foo@sip.example/bar", marks=pytest.mark.conformance("ADDR-03")),
        ("sip:foo@sip.example;gr", "foo@sip.example"),
        ("sip:foo:secret@sip.example;transport=tcp", "foo@sip.example"),
        ("sip:Foo@SIP.example", "foo@sip.example"),
        ("sip:m&m@sip.example", "m\\26m@sip.example"),
        ("sip:a/b@sip.example", "a\\2fb@sip.example"),
        ("sip:%EF%BC%A6oo@sip.example", "foo@sip.example"),
        ("sip:u%CC%88@sip.example", "ü@sip.example"),
    ],
)
def test_a_sip_user_of_a_hosted_domain_is_the_jid_that_rfc_7247_says(uri: str, jid: str) -> None:
    assert to_jid(uri) == jid


@pytest.mark.parametrize(
    ("jid", "uri"),
    [
        pytest.param("m\\26m@xmpp.example", "sip:m&m@xmpp.example", marks=pytest.mark.conformance("ADDR-04")),
        pytest.param("tschüss@xmpp.example", "sip:tsch%C3%BCss@xmpp.example", marks=pytest.mark.conformance("ADDR-05")),
        ("o\\27malley@xmpp.example/phone", "sip:o'malley@xmpp.example"),
        ("a\\2fb@xmpp.example", "sip:a/b@xmpp.example"),
    ],
)
def test_a_jid_of_a_hosted_domain_is_the_uri_that_rfc_7247_says(jid: str, uri: str) -> None:
    assert to_sip(jid) == uri


@pytest.mark.conformance("ADDR-06")
def test_the_resource_becomes_the_gr_of_the_contact() -> None:
    user = xmpp_user("baz@xmpp.example/qux", hosted=HOSTED, gateway="gw.example")
    assert f"sip:{user}{gr_parameter('qux')}" == "sip:baz@xmpp.example;gr=qux"
    assert gr_parameter("") == ""


@pytest.mark.conformance("ADDR-07")
@pytest.mark.parametrize("char", "#%[\\]^{}|`")
def test_what_sip_does_not_allow_is_percent_encoded_and_comes_back(char: str) -> None:
    jid = f"a{char}b@h.example"
    assert to_sip(jid) == f"sip:a%{ord(char):02X}b@h.example"
    assert to_jid(to_sip(jid)) == jid


@pytest.mark.conformance("ADDR-08")
@pytest.mark.parametrize(
    ("uri", "jid"),
    [
        ("sip:a%40b@h.example", "a\\40b@h.example"),
        ("sip:a%3Ab@h.example", "a\\3ab@h.example"),
        ("sip:a%22b@h.example", "a\\22b@h.example"),
        ("sip:a%20b@h.example", "a\\20b@h.example"),
        ("sip:a%3Cb%3E@h.example", "a\\3cb\\3e@h.example"),
    ],
)
def test_what_a_localpart_does_not_allow_is_escaped_and_comes_back(uri: str, jid: str) -> None:
    assert to_jid(uri) == jid
    assert to_sip(jid) == uri


@pytest.mark.conformance("ADDR-09")
@pytest.mark.parametrize("uri", ["sip:%20a@h.example", "sip:a%20@h.example", "sip:%20@h.example"])
def test_a_blank_at_either_end_of_a_user_is_refused_with_404(uri: str) -> None:
    with pytest.raises(PeerError) as refused:
        to_jid(uri)
    assert refused.value.status == 404


@pytest.mark.conformance("ADDR-10")
def test_a_backslash_that_begins_an_escape_is_itself_escaped() -> None:
    assert to_jid("sip:%5C27a@h.example") == "\\5c27a@h.example"
    assert to_sip("\\5c27a@h.example") == "sip:%5C27a@h.example"


@pytest.mark.conformance("ADDR-11")
def test_a_backslash_that_begins_no_escape_stays_one() -> None:
    assert to_sip("\\2plus\\2is\\4@h.example") == "sip:%5C2plus%5C2is%5C4@h.example"
    assert to_jid("sip:%5C2plus%5C2is%5C4@h.example") == "\\2plus\\2is\\4@h.example"


@pytest.mark.conformance("ADDR-12")
def test_only_the_ten_escapes_are_read() -> None:
    assert to_sip("foob\\41r@h.example") == "sip:foob%5C41r@h.example"
    assert plain("\\3A\\2F\\99") == "\\3A\\2F\\99"


@pytest.mark.conformance("ADDR-13")
def test_percent_encoding_is_undone_once() -> None:
    assert to_jid("sip:a%2541@h.example") == "a%41@h.example"


@pytest.mark.conformance("ADDR-14")
@pytest.mark.parametrize("user", ["null-%00-null", "a%07b", "a%0D%0Ab", "%C2%85", "%ED%A0%80", "a%FFb", "%E2%80%AE"])
def test_controls_and_what_is_no_utf_8_are_refused_with_404(user: str) -> None:
    with pytest.raises(PeerError) as refused:
        to_jid(f"sip:{user}@h.example")
    assert (refused.value.status, refused.value.condition) == (404, "item-not-found")


@pytest.mark.parametrize(
    ("name", "localpart_"),
    [
        ("user@host", "user\\40host"),
        ("c:\\5commas", "c\\3a\\5c5commas"),
        ("\\2plus\\2is\\4", "\\2plus\\2is\\4"),
        ("foo\\bar", "foo\\bar"),
        ("foob\\41r", "foob\\41r"),
    ],
)
def test_the_vectors_of_xep_0106(name: str, localpart_: str) -> None:
    assert escape(name) == localpart_
    assert plain(localpart_) == name


def test_the_uri_of_xep_0106_with_a_stray_percent_sign() -> None:
    uri = Uri(scheme="sip", user="here%27s_a_wild_%26_%2Fcr%zy%2F_address", host="example.com")
    assert localpart(sip_name(uri)) == "here\\27s_a_wild_\\26_\\2fcr%zy\\2f_address"


@given(st.text())
def test_escaping_is_undone_by_unescaping(name: str) -> None:
    assert plain(escape(name)) == name


@given(st.text(alphabet=st.characters(exclude_categories=("C", "Z")) | st.just(" "), min_size=1, max_size=200))
def test_every_localpart_comes_back_from_sip_in_both_modes(name: str) -> None:
    try:
        jid = f"{localpart(name)}@h.example"
    except PeerError:
        return
    for hosted in (HOSTED, frozenset[str]()):
        uri = Uri.parse("sip:" + xmpp_user(jid, hosted=hosted, gateway="gw.example"))
        assert written_jid(uri, hosted=hosted) == jid


@given(st.binary())
def test_any_user_part_is_a_localpart_or_refused(octets: bytes) -> None:
    user = "".join(f"%{octet:02x}" for octet in octets)
    try:
        made = localpart(sip_name(Uri(scheme="sip", user=user, host="h.example")))
    except PeerError:
        return
    assert not set(made) & set(" \"&'/:<>@\x00\r\n")
    assert made == localpart(plain(made))


@pytest.mark.conformance("ADDR-26")
def test_a_resource_of_1023_octets_survives_the_contact() -> None:
    resource = "Büro 3, “Fenster” ☎/@;= " * 40
    resource = resource.encode()[:1022].decode(errors="ignore") + "x"
    assert 1020 <= len(resource.encode()) <= 1023
    contact = Uri.parse(f"sip:baz@h.example{gr_parameter(resource)}")
    assert resource_of(contact) == resource
    with pytest.raises(PeerError):
        resource_of(Uri.parse(f"sip:baz@h.example{gr_parameter(resource + 'xxxx')}"))


@pytest.mark.parametrize("gr", ["a%00b", "a%0Ab", "%ff"])
def test_a_gr_that_is_no_resource_is_refused(gr: str) -> None:
    with pytest.raises(PeerError) as refused:
        to_jid(f"sip:foo@sip.example;gr={gr}")
    assert refused.value.status == 404


# --------------------------------------------------------------------------------------------- the forms of a component


@pytest.mark.conformance("ADDR-15")
def test_form_a_an_escaped_foreign_address() -> None:
    assert str(sip_uri(plain("alice\\40sip.example.org"), "pbx.example")) == "sip:alice@sip.example.org"


def test_form_b_a_user_at_the_default_domain() -> None:
    assert str(sip_uri("alice", "pbx.example")) == "sip:alice@pbx.example"
    assert str(sip_uri("alice", "2001:db8::1")) == "sip:alice@[2001:db8::1]"


@pytest.mark.conformance("ADDR-16")
def test_form_c_a_global_number() -> None:
    assert str(sip_uri("+15551230000", "trunk.example")) == "sip:+15551230000@trunk.example;user=phone"
    assert str(sip_uri("+1-555-123.0000", "trunk.example")) == "sip:+15551230000@trunk.example;user=phone"


@pytest.mark.conformance("ADDR-17")
def test_form_d_a_local_number_keeps_its_context_in_the_user_part() -> None:
    uri = sip_uri("7042;phone-context=Example.com", "trunk.example")
    assert str(uri) == "sip:7042;phone-context=example.com@trunk.example;user=phone"
    assert sip_name(Uri.parse(str(uri))) == "7042;phone-context=example.com"


def test_form_f_a_port_is_kept_where_the_name_has_one() -> None:
    assert str(sip_uri(plain("alice\\40host.example\\3a5070"), "x.example")) == "sip:alice@host.example:5070"


@pytest.mark.parametrize(
    "name",
    ["alice@", "@host", "a@host;transport=tcp", "a@host?x=y", "a@ho st", "a@host:99999", "a@host:x", "a@[1", "a@b>c"],
)
def test_a_foreign_address_that_is_none_is_refused_with_404(name: str) -> None:
    with pytest.raises(PeerError) as refused:
        sip_uri(name, "x.example")
    assert refused.value.status == 404


def test_a_hash_is_legal_in_a_localpart_and_encoded_in_sip() -> None:
    assert str(sip_uri("#31#", "x.example")) == "sip:%2331%23@x.example"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("+1(555)123-0000", "+15551230000"),
        ("+1.555;ext=12;isub=", None),
        ("+1555;EXT=1-2", "+1555;ext=1-2"),
        ("7042;phone-context=+1-555", "7042;phone-context=+1555"),
        ("70-42;phone-context=A.example;x=y", "7042;phone-context=a.example"),
        ("7042", None),
        ("+abc", None),
        ("+1%2", None),
        ("alice", None),
        ("zoe;phone-context=a.example", None),
    ],
)
def test_what_a_telephone_number_is(name: str, number: str | None) -> None:
    assert telephone(name) == number


@pytest.mark.conformance("ADDR-20")
@pytest.mark.parametrize("uri", ["tel:+15550001;m-foo=1", "sip:+15550001;m-foo=1@gw.example;user=phone"])
def test_a_number_with_a_mandatory_parameter_cannot_be_used(uri: str) -> None:
    with pytest.raises(PeerError) as refused:
        sip_name(Uri.parse(uri))
    assert refused.value.status == 404


@pytest.mark.parametrize("uri", ["tel:911", "tel:", "tel:+1;ext=a"])
def test_a_tel_uri_that_breaks_its_grammar_is_refused(uri: str) -> None:
    with pytest.raises(PeerError) as refused:
        sip_name(Uri.parse(uri))
    assert refused.value.status in (400, 404)


def test_a_tel_uri_names_the_same_as_a_sip_uri_with_that_number() -> None:
    assert sip_name(Uri.parse("tel:+1-555-123-0000")) == "+15551230000"
    assert sip_name(Uri.parse("sip:+1-555-123-0000@pbx.example;user=phone")) == "+15551230000"


# ----------------------------------------------------------------------------------------------------- spelled-out JIDs


def test_a_foreign_xmpp_user_is_written_at_the_gateway_and_read_back_exactly() -> None:
    jid = "o\\27malley@capulet.example/balcony"
    uri = "sip:" + xmpp_user(jid, hosted=HOSTED, gateway="gw.example") + gr_parameter("balcony")
    assert uri == "sip:o%5C27malley%40capulet.example@gw.example;gr=balcony"
    assert written_jid(Uri.parse(uri), hosted=HOSTED) == jid
    assert written_jid(Uri.parse("sip:o'malley%40Capulet.example@gw.example"), hosted=HOSTED) == bare(jid)


def test_a_plain_user_spells_out_no_jid() -> None:
    assert written_jid(Uri.parse("sip:juliet@gw.example"), hosted=HOSTED) is None
    assert written_jid(Uri.parse("sip:gw.example"), hosted=HOSTED) is None


@pytest.mark.parametrize(
    "text", ["a@b@", "@b.example", "a@", "a b@", "a@b c", "a@-b", "a", "", "x" * 1024 + "@b.example"]
)
def test_what_is_no_bare_jid_is_refused(text: str) -> None:
    with pytest.raises(PeerError):
        bare_jid(text)


def test_jids_are_prepared() -> None:
    assert bare_jid("Juliet@Capulet.EXAMPLE.") == "juliet@capulet.example"
    assert domainpart("BÜRO.example") == "büro.example"
    assert domainpart("[2001:DB8::1]") == "[2001:db8::1]"


# ---------------------------------------------------------------------------------------------------- jabber:iq:gateway


@pytest.mark.conformance("ADDR-24")
@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("alice@sip.example.org", "alice@sip.example.org"),
        (" sip:alice@sip.example.org;transport=tcp ", "alice@sip.example.org"),
        ("sip:a%20b@sip.example.org:5070", "a b@sip.example.org:5070"),
        ("tel:+1-555-123-0000", "+15551230000"),
        ("+1 (555) 123-0000", "+15551230000"),
        ("(0555) 123 00", "055512300"),
        ("+1 555 ext", "+1 555 ext"),
        ("7042", "7042"),
        ("alice", "alice"),
    ],
)
def test_what_somebody_types_is_a_name(typed: str, name: str) -> None:
    assert prompted(typed) == name


@pytest.mark.parametrize("typed", ["sips:alice@sip.example.org", "sip:host.example", "sip:", "tel:abc"])
def test_an_address_of_no_use_is_refused(typed: str) -> None:
    with pytest.raises(PeerError):
        prompted(typed)
