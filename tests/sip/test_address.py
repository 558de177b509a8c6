"""URIs, name-addr, Via, parameters, telephone numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import PeerError
from gateway.sip.address import (
    NO_PARAMETERS,
    NameAddr,
    Parameters,
    TelUri,
    Uri,
    Via,
    escape_parameter,
    escape_user,
    hostport,
    same_number,
    unescape,
)
from gateway.sip.grammar import number, quote, split_list, unquote

# URIs -----------------------------------------------------------------------------------------------------------------


def test_a_sip_uri_has_seven_parts() -> None:
    uri = Uri.parse("SIPS:ann;x=1:secret@Edge.Example:5071;transport=TCP;lr?Subject=a%20b&To=c")
    assert uri == Uri(
        scheme="sips",
        user="ann;x=1",
        password="secret",
        host="edge.example",
        port=5071,
        params=Parameters({"transport": "TCP", "lr": None}),
        headers="Subject=a%20b&To=c",
    )
    assert str(uri) == "sips:ann;x=1:secret@edge.example:5071;transport=TCP;lr?Subject=a%20b&To=c"
    assert uri.is_sip


def test_most_parts_may_be_missing() -> None:
    assert Uri.parse("sip:edge.example") == Uri(scheme="sip", host="edge.example")
    assert Uri.parse("sip:@edge.example").user == ""
    assert Uri.parse("sip:ann:@h").password == ""
    assert Uri.parse("sip:h?").headers == ""
    for text in ("sip:edge.example", "sip:@h", "sip:ann:@h", "sip:h?", "sip:100@pbx1", "sip:a@h_1.example."):
        assert str(Uri.parse(text)) == text


def test_users_hold_what_is_dialled() -> None:
    for user in (
        "*21#5550100",
        "+1(555)010-0",
        "ann/desk?x,y",
        "7042;phone-context=example.com",
        "ü",
        "%C3%BC",
        "a&b=c$",
    ):
        assert Uri.parse(f"sip:{user}@h").user == user


# fmt: off
NO_URIS = [
    "", "sip", "sip:", ":a", "ann@h", "sip:a b@h", " sip:a@h", "sip:a@h ", "sip:a@", "sip:a@h:", "sip:a@h:x",
    "sip:a@h:65536", "sip:a@h:123456", "sip:a@b@h", "sip:a@h;x;x", "sip:a@h;;x", "sip:a@h;=1", "sip:<a@h>",
    'sip:"a"@h', "sip:a@h\r\n", "sip:a\0@h", "sip:a@[2001:db8::1", "sip:a@2001:db8::1", "sip:a@[2001:db8:::1]",
    "sip:a@[::1]x", "sip:a@[]", "sip:a@[fe80::1%25eth0]", "sip:a@h;x=a@b", "1x:y", "tel:", "x y:z", "sip:a@ü.example",
]
# fmt: on


@pytest.mark.parametrize("text", NO_URIS)
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(PeerError) as caught:
        Uri.parse(text)
    assert caught.value.status == 400


def test_another_scheme_is_kept_as_it_is() -> None:
    uri = Uri.parse("TEL:+1-555-0100;Ext=7")
    assert (uri.scheme, uri.opaque, uri.is_sip, uri.host) == ("tel", "+1-555-0100;Ext=7", False, "")
    assert str(uri) == "tel:+1-555-0100;Ext=7"


def test_ipv6_is_without_brackets_inside_and_with_them_outside() -> None:
    uri = Uri.parse("sip:a@[2001:DB8::1]:5060")
    assert (uri.host, uri.port, uri.hostport) == ("2001:db8::1", 5060, "[2001:db8::1]:5060")
    assert hostport("::1") == "[::1]"
    assert hostport("h.example", 5) == "h.example:5"


def test_names_of_uri_parameters_may_be_escaped_and_then_mean_the_same() -> None:
    assert "lr" in Uri.parse("sip:h;%6C%72").params
    assert Uri.parse("sip:h;a%2Cb=1").params == Parameters({"a%2cb": "1"})
    assert Uri.parse("sip:h;%2541").params == Parameters({"%2541": None})


def test_a_semicolon_too_many_at_the_end_is_forgiven() -> None:
    assert Uri.parse("sip:h;lr;").params == Parameters({"lr": None})
    assert NameAddr.parse("<sip:h>;tag=1; ").tag == "1"


def test_a_password_is_not_shown() -> None:
    assert "word" not in repr(Uri.parse("sip:ann:word@h"))
    with pytest.raises(PeerError) as caught:
        Uri.parse("sip:ann:word@h:99999999")
    assert "word" not in caught.value.text
    assert len(str(caught.value)) < 120


# Escapes --------------------------------------------------------------------------------------------------------------


@pytest.mark.conformance("ADDR-13")
def test_escapes_are_decoded_once() -> None:
    assert unescape("a%2541") == "a%41"
    assert unescape("%C3%BC") == "ü"
    assert unescape("cr%zy%2F%") == "cr%zy/%"
    assert unescape("plain") == "plain"


def test_octets_that_are_no_letters_survive_an_escape() -> None:
    assert escape_user(unescape("%FF%C3%BC")) == "%FF%C3%BC"


def test_what_a_user_part_may_not_hold_is_escaped() -> None:
    assert escape_user("a b@c:d#e%f[g]") == "a%20b%40c%3Ad%23e%25f%5Bg%5D"
    assert escape_user("-_.!~*'()&=+$,;?/") == "-_.!~*'()&=+$,;?/"
    assert escape_parameter("home office;ü") == "home%20office%3B%C3%BC"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_an_escaped_user_comes_back(text: str) -> None:
    escaped = escape_user(text)
    assert unescape(escaped) == text
    assert Uri.parse(f"sip:{escaped}@h").user == escaped
    value = escape_parameter(text)
    assert unescape(Uri.parse(f"sip:h;gr={value}").params["gr"] or "") == text


# name-addr ------------------------------------------------------------------------------------------------------------


def test_an_address_may_have_a_name_and_parameters() -> None:
    for text, display in (
        ('"Ann \\"A\\" <b>" <sip:ann@h>;tag=1', 'Ann "A" <b>'),
        ("Ann Other <sip:ann@h>;tag=1", "Ann Other"),
        ("Ünn (Desk 7)\t<sip:ann@h> ; tag = 1", "Ünn (Desk 7)"),
        ("<sip:ann@h>;tag=1", ""),
        ('""<sip:ann@h>;tag=1', ""),
        ("sip:ann@h;tag=1", ""),
        (" sip:ann@h ; tag=1 ", ""),
    ):
        address = NameAddr.parse(text)
        assert address == NameAddr(display, Uri.parse("sip:ann@h"), Parameters({"tag": "1"}))
        assert address.tag == "1"
        assert NameAddr.parse(str(address)) == address


def test_without_brackets_parameters_are_the_header_s() -> None:
    assert NameAddr.parse("sip:ann@h;user=phone").uri.params == NO_PARAMETERS
    assert NameAddr.parse("<sip:ann@h;user=phone>").params == NO_PARAMETERS


# fmt: off
NO_ADDRESSES = [
    "", "<>", "<sip:a@h", "sip:a@h>", "<<sip:a@h>>", '"a <sip:a@h>', 'a" <sip:a@h>', "a, b <sip:a@h>",
    "<sip:a@h>tag=1", "<sip:a@h> x", "sip:a@h?x=y", "sip:a,b@h", "<sip:a@h>;tag=1;TAG=2", "<sip:a@h>;;tag=1",
    "<sip:a@h>;t ag=1", "< sip:a@h>", '<sip:a@h>;x="', "<sip:a@h>, <sip:b@h>", "*", '"a" sip:a@h',
]
# fmt: on


@pytest.mark.parametrize("text", NO_ADDRESSES)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(PeerError) as caught:
        NameAddr.parse(text)
    assert caught.value.status == 400


def test_a_tag_is_set() -> None:
    assert str(NameAddr.parse("sip:a@h;x=1;tag=old").with_tag("new")) == "<sip:a@h>;x=1;tag=new"


# Via ------------------------------------------------------------------------------------------------------------------


def test_a_via_is_read_with_blanks_wherever_they_may_stand() -> None:
    via = Via.parse("SIP / 2.0 / udp  Edge.Example : 5070 ; branch = z9hG4bKa ; rport")
    assert via == Via("UDP", "edge.example", 5070, Parameters({"branch": "z9hG4bKa", "rport": None}))
    assert str(via) == "SIP/2.0/UDP edge.example:5070;branch=z9hG4bKa;rport"
    assert via.branch == "z9hG4bKa"
    assert via.hostport == "edge.example:5070"
    assert (
        str(Via.parse("SIP/2.0/TLS [2001:db8::1]:5061;received=[::1]"))
        == "SIP/2.0/TLS [2001:db8::1]:5061;received=[::1]"
    )


def test_only_a_branch_behind_the_cookie_is_unique() -> None:
    unique = {
        branch: Via("UDP", "h", params=Parameters({"branch": branch})).has_cookie
        for branch in ("z9hG4bKa", "Z9HG4BKa", "z9hG4bK", "a", "")
    }
    assert unique == {"z9hG4bKa": True, "Z9HG4BKa": True, "z9hG4bK": False, "a": False, "": False}
    assert not Via("UDP", "h").has_cookie


@pytest.mark.parametrize(
    "text", ["", "UDP h", "SIP/2.0/UDP", "SIP/2.0/UDPh", "SIP/2.0/UDP h i", "SIP/2.0/UDP [::x]", "SIP/x/UDP h"]
)
def test_what_is_no_via_is_refused(text: str) -> None:
    with pytest.raises(PeerError):
        Via.parse(text)


# Parameters and small words -------------------------------------------------------------------------------------------


def test_parameters_are_a_mapping_that_cannot_change() -> None:
    params = Parameters.parse(' ; Expires=60;q="a;b,\\"c" ; Flag')
    assert dict(params) == {"expires": "60", "q": '"a;b,\\"c"', "flag": None}
    assert params.text("q") == 'a;b,"c'
    assert params.text("flag") is params.text("none") is None
    assert str(params) == ';expires=60;q="a;b,\\"c";flag'
    assert params.without("q", "flag") == Parameters([("Expires", "60")])
    assert params.adding("FLAG", "1")["flag"] == "1"
    assert len(params) == 3
    assert hash(Parameters({"a": "1", "b": None})) == hash(Parameters({"b": None, "a": "1"}))
    assert Parameters({"a": "1"}) != {"a": "1"}
    assert repr(params.without("q")) == "Parameters(';expires=60;flag')"


def test_lists_split_at_commas_outside_quotes_and_brackets() -> None:
    assert split_list("a, b ,,c,") == ["a", "b", "c"]
    assert split_list('"a, \\"b" <sip:c,d@e>;x="f,g", h') == ['"a, \\"b" <sip:c,d@e>;x="f,g"', "h"]
    assert split_list(" ") == []
    for text in ('a, "b', "a, <b", 'a, "b\\"'):
        with pytest.raises(PeerError):
            split_list(text)


def test_numbers_have_ascii_digits_and_a_limit() -> None:
    assert number("007", 7) == 7
    assert number("0" * 5000 + "7", 7) == 7
    assert number("0" * 5000, 7) == 0
    for text in (None, "", "8", "-1", "+1", " 1", "1.0", "٣", "9" * 5000):
        assert number(text, 7) is None


def test_quoted_strings_lose_and_get_their_quotes() -> None:
    assert unquote('"a\\"b\\\\c"') == 'a"b\\c'
    assert unquote("plain") == "plain"
    assert unquote('"') == '"'
    assert quote('a"b\\c') == '"a\\"b\\\\c"'
    assert quote("a\r\nb\nc\rd") == '"a b c d"'


# tel: -----------------------------------------------------------------------------------------------------------------


def same(one: str, other: str) -> bool:
    first, second = TelUri.parse(one), TelUri.parse(other)
    assert same_number(first, second) == same_number(second, first)
    return same_number(first, second)


@pytest.mark.conformance("ADDR-18")
def test_visual_separators_make_no_other_number() -> None:
    assert same("tel:+1-201-555-0123", "tel:+12015550123")
    assert same("tel:+1(201)555.0123", "TEL:+12015550123")
    assert same("tel:7042;phone-context=+1-914", "tel:70-42;phone-context=+1914")
    assert same("tel:+1;ext=1-2", "tel:+1;ext=12")
    assert same("tel:aB;phone-context=Example.COM", "tel:Ab;phone-context=example.com")
    assert same("tel:+1;a=X;b=2", "tel:+1;b=2;a=x")
    assert same("tel:*21%2399;phone-context=a.example", "tel:*21#99;phone-context=a.example")


@pytest.mark.conformance("ADDR-19")
def test_another_context_or_extension_makes_another_number() -> None:
    assert not same("tel:7042;phone-context=a.example", "tel:7042;phone-context=b.example")
    assert not same("tel:+12015550123;ext=1", "tel:+12015550123")
    assert not same("tel:+12015550123;ext=1", "tel:+12015550123;ext=2")
    assert not same("tel:+7042", "tel:7042;phone-context=a.example")
    assert not same("tel:+1;x=1", "tel:+1;x")
    assert not same("tel:+1;isub=1", "tel:+1;ext=1")


@pytest.mark.conformance("ADDR-20")
def test_a_parameter_that_must_be_understood_makes_the_uri_unusable() -> None:
    for text in ("tel:+15550001;m-foo=1", "tel:+15550001;M-FOO"):
        with pytest.raises(PeerError) as caught:
            TelUri.parse(text)
        assert caught.value.status == 404
    assert TelUri.parse("tel:+15550001;n-foo=1").params["n-foo"] == "1"


# fmt: off
NO_NUMBERS = [
    "tel:", "tel:+", "tel:1", "tel:+a", "tel:-;phone-context=a", "tel:1800FLOWERS;phone-context=a", "tel: +1",
    "tel:+1 2", "sip:+1", "tel:+1;ext=1;isub=2", "tel:+1;ext", "tel:+1;ext=", "tel:+1;ext=a", "tel:7;phone-context",
    "tel:7;phone-context=", "tel:7;phone-context=a_b", "tel:7;phone-context=+", "tel:7;phone-context=-a",
    "tel:+1;ext=1;ext=2", "tel:+1;a_b=1", "tel:+1;a=", "tel:+1?a=b", "tel:+1;;a", "+15550001",
]
# fmt: on


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(PeerError) as caught:
        TelUri.parse(text)
    assert caught.value.status == 400


def test_a_number_is_written_with_its_parameters_in_order() -> None:
    tel = TelUri.parse("tel:70-42;z=1;phone-context=Example.com.;B;isub=12")
    assert str(tel) == "tel:70-42;isub=12;phone-context=Example.com.;b;z=1"
    assert (tel.number, tel.digits, tel.is_global, tel.context) == ("70-42", "7042", False, "example.com")
    tel = TelUri.parse("tel:+1-555-0100")
    assert (tel.digits, tel.is_global, tel.context) == ("+15550100", True, None)
    assert TelUri.parse("tel:7042;phone-context=+1-914").context == "+1914"


def test_a_context_may_be_supplied_for_a_peer_that_leaves_it_out() -> None:
    assert str(TelUri.parse("tel:911", context="pbx.example")) == "tel:911;phone-context=pbx.example"
    assert TelUri.parse("tel:911;phone-context=a.example", context="b.example").context == "a.example"
    assert TelUri.parse("tel:+1", context="b.example").context is None


# There and back -------------------------------------------------------------------------------------------------------

_token = st.text("abcXYZ019-.!%*_+`'~", min_size=1, max_size=8)
_host = st.sampled_from(["h", "edge.example", "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "a_b-c.example."])
_port = st.none() | st.integers(0, 65535)
_display = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
_user = st.text("aZ09-_.!~*'()&=+$,;?/%#ü", max_size=10)
_value = st.none() | st.text("aZ09-_.!~*'()[]/:&+$%", max_size=8)
_name = st.text("abcxyz019-.!*_+`'~", min_size=1, max_size=6)
_uri_params = st.dictionaries(_name, _value, max_size=4).map(Parameters)
_params = st.dictionaries(_name, st.none() | _token | _display.map(quote), max_size=4).map(Parameters)


@st.composite
def uris(draw: st.DrawFn) -> Uri:
    user = draw(st.none() | _user)
    return Uri(
        scheme=draw(st.sampled_from(["sip", "sips"])),
        user=user,
        password=None if user is None else draw(st.none() | _user),
        host=draw(_host),
        port=draw(_port),
        params=draw(_uri_params),
        headers=draw(st.none() | st.text("aZ=&%20", max_size=8)),
    )


@given(uris())
def test_every_uri_reads_back_as_itself(uri: Uri) -> None:
    assert Uri.parse(str(uri)) == uri


@given(_display.map(lambda text: text), uris(), _params)
def test_every_address_reads_back_as_itself(display: str, uri: Uri, params: Parameters) -> None:
    address = NameAddr(display, uri, params)
    assert NameAddr.parse(str(address)) == address


@given(_token, _host, _port, _params)
def test_every_via_reads_back_as_itself(transport: str, host: str, port: int | None, params: Parameters) -> None:
    via = Via(transport.upper(), host, port, params)
    assert Via.parse(str(via)) == via


@given(_params)
def test_all_parameters_read_back_as_themselves(params: Parameters) -> None:
    assert Parameters.parse(str(params)) == params


@given(
    st.from_regex(r"\+[-.()]{0,2}[0-9][0-9\-.()]{0,8}", fullmatch=True),
    st.dictionaries(
        st.from_regex(r"[a-ln-z][a-z0-9-]{0,4}", fullmatch=True), st.sampled_from(["1", "x", None]), max_size=3
    ),
)
def test_every_number_reads_back_as_itself(digits: str, params: dict[str, str | None]) -> None:
    tel = TelUri(digits, Parameters({name: value for name, value in params.items() if name not in ("ext", "isub")}))
    assert TelUri.parse(str(tel)) == tel
    assert same_number(tel, TelUri(tel.digits, tel.params))


@pytest.mark.parametrize("reader", [Uri.parse, NameAddr.parse, Via.parse, Parameters.parse, TelUri.parse, split_list])
@given(text=st.text() | st.text('sip:@<>";,=?%[]. aA1\\\t\0'))
def test_any_text_is_read_or_refused(reader: object, text: str) -> None:
    assert callable(reader)
    try:
        value = reader(text)
    except PeerError:
        return
    if not isinstance(value, list):
        assert type(value).parse(str(value)) == value
