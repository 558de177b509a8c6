"""Digest authentication as a client, and the vectors of the RFCs; who comes in is `test_guard`'s."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sip.auth import DigestSession, Nonces, answer
from gateway.sip.digest import HASHES, Challenge, Digest, schemes
from gateway.sip.guard import verify
from gateway.sip.message import SipRequest, SipResponse

INVITE = SipRequest("INVITE", "sip:desk@pbx.example", (("CSeq", "1 INVITE"),), b"v=0\r\n")
MD5 = 'Digest realm="pbx.example", nonce="n1", algorithm=MD5, qop="auth"'
SHA = 'Digest realm="pbx.example", nonce="n1", algorithm=SHA-256, qop="auth"'


def asked(*challenges: str, status: int = 401, proxy: tuple[str, ...] = ()) -> SipResponse:
    lines = [("WWW-Authenticate", value) for value in challenges] + [("Proxy-Authenticate", value) for value in proxy]
    return SipResponse(status, "", tuple(lines))


def parts(value: str | None) -> dict[str, str]:
    assert value is not None
    ((scheme, found),) = schemes(value)
    assert scheme == "digest"
    return found


def digest(**given: str) -> str:
    common = {"user": "Mufasa", "realm": "http-auth@example.org", "method": "GET", "uri": "/dir/index.html"}
    return Digest(**{**common, **given}).response()  # type: ignore[arg-type]


# Vectors --------------------------------------------------------------------------------------------------------------

RFC7616 = {
    "password": "Circle of Life",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "cnonce": "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    "nc": "00000001",
    "qop": "auth",
}


@pytest.mark.conformance("EXT-02")
def test_the_sums_are_those_of_rfc_7616() -> None:
    assert digest(**RFC7616, algorithm="MD5") == "8ca523f5e9506fed4657c9700eebdbec"
    assert digest(**RFC7616, algorithm="SHA-256") == "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"


def test_the_sum_of_sha_512_256_is_the_corrected_one() -> None:
    """RFC 7616 §3.9.2 printed a truncated SHA-512; erratum 4897 has the right one."""
    sum_ = digest(
        algorithm="SHA-512-256",
        user="Jäsøn Doe",
        realm="api@example.org",
        password="Secret, or not?",
        nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK",
        cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
        uri="/doe.json",
        nc="00000001",
        qop="auth",
    )
    assert sum_ == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"


@pytest.mark.conformance("EXT-02")
def test_the_sums_are_those_of_rfc_2617_and_2069() -> None:
    old = {"algorithm": "MD5", "realm": "testrealm@host.com", "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093"}
    new = {"nc": "00000001", "cnonce": "0a4f113b", "qop": "auth"}
    assert digest(**old, **new, password="Circle Of Life") == "6629fae49393a05397450978507c4ef1"
    assert digest(**old, password="CircleOfLife") == "1949323746fe6a43ef61f9606e7febea"


def test_a_session_s_sum_and_a_body_s_are_what_their_formulas_say() -> None:
    hashed = HASHES["SHA-256"]
    first = hashed(b"Mufasa:http-auth@example.org:pw")
    session = hashed(f"{first}:n:c".encode())
    what = hashed(b"GET:/dir/index.html")
    assert digest(algorithm="SHA-256-sess", password="pw", nonce="n", cnonce="c", nc="00000002", qop="auth") == hashed(
        f"{session}:n:00000002:c:auth:{what}".encode()
    )
    whole = hashed(b"GET:/dir/index.html:" + hashed(b"").encode())
    assert digest(algorithm="sha-256", password="pw", nonce="n", cnonce="c", nc="00000002", qop="auth-int") == hashed(
        f"{first}:n:00000002:c:auth-int:{whole}".encode()
    )


# Reading --------------------------------------------------------------------------------------------------------------


def test_several_challenges_may_stand_in_one_value() -> None:
    value = (
        'Bearer, Negotiate dG9rZW4=, Digest realm="a, \\"b\\"", nonce = "1" , qop="auth,auth-int" ,stale=TRUE, '
        'Own x=1, digest nonce="2",realm=c, algorithm=SHA-256'
    )
    first, second = Challenge.read(value)
    assert first == Challenge(realm='a, "b"', nonce="1", qop=("auth", "auth-int"), stale=True)
    assert second == Challenge(realm="c", nonce="2", algorithm="SHA-256")


def test_what_is_no_challenge_is_passed_over() -> None:
    for value in ("", "Digest", 'Digest realm="x"', 'Digest nonce="x"', 'Basic realm="x", nonce="y"', 'realm="x"', '"'):
        assert Challenge.read(value) == []
    assert Challenge.read('Digest realm="x", nonce="y", qop="auth') == [Challenge(realm="x", nonce="y")]


@given(st.text(st.sampled_from('Digest realm="x",nonce=\\ \t')))
def test_any_challenge_is_read_or_passed_over(value: str) -> None:
    Challenge.read(value)
    assert not verify(value, method="X", realm="x", password=lambda user: "p", secret=b"s", now=0, lifetime=1).ok


def test_a_value_has_only_so_many_parameters() -> None:
    assert len(schemes("Digest " + ", ".join(f"p{n}=1" for n in range(5000)))[0][1]) < 200


# Client ---------------------------------------------------------------------------------------------------------------


def answered(*challenges: str, body: bytes = b"", nc: int = 1) -> str | None:
    return answer(challenges, method="INVITE", uri="sip:d@p", user='an"n', password="pw", body=body, cnonce="c1", nc=nc)


@pytest.mark.conformance("EXT-01")
def test_the_first_challenge_that_we_know_is_answered() -> None:
    assert parts(answered(SHA, MD5))["algorithm"] == "SHA-256"
    assert parts(answered(MD5, SHA))["algorithm"] == "MD5"
    unknown = 'Digest realm="r", nonce="n", algorithm=SHA-9, qop="auth"'
    assert parts(answered('Bearer scope="x"', unknown, SHA, MD5))["algorithm"] == "SHA-256"
    assert answered() is None
    assert answered(unknown, 'Basic realm="x"', 'Digest realm="r", nonce="n", qop="auth-conf"') is None


@pytest.mark.conformance("EXT-02")
def test_an_answer_has_what_the_server_needs_and_quotes_as_it_must() -> None:
    value = answered('Digest realm="r\\"", nonce="n", opaque="o", qop="auth", algorithm=MD5', nc=10)
    assert value is not None
    assert re.fullmatch(
        r'Digest username="an\\"n", realm="r\\"", nonce="n", uri="sip:d@p", response="[0-9a-f]{32}", algorithm=MD5, '
        r'cnonce="c1", qop=auth, nc=0000000a, opaque="o"',
        value,
    )


def test_without_qop_the_answer_is_of_the_oldest_kind() -> None:
    found = parts(answered('Digest realm="r", nonce="n"'))
    assert not {"qop", "nc", "cnonce", "algorithm"} & set(found)
    assert "cnonce" in parts(answered('Digest realm="r", nonce="n", algorithm=MD5-sess'))


def test_a_body_is_protected_only_if_the_server_insists() -> None:
    both = 'Digest realm="r", nonce="n", qop="auth-int, auth"'
    assert parts(answered(both))["qop"] == "auth"
    only = 'Digest realm="r", nonce="n", qop="auth-int"'
    assert parts(answered(only, body=b"a"))["response"] != parts(answered(only, body=b"b"))["response"]


@pytest.mark.conformance("EXT-02")
def test_a_nonce_is_used_again_with_its_count_going_up() -> None:
    session = DigestSession("ann", "pw")
    assert session.authorize(INVITE, "c0") == INVITE
    assert session.challenged(asked(MD5))
    found = [parts(session.authorize(INVITE, f"c{n}").first("Authorization")) for n in (1, 2, 3)]
    assert [one["nc"] for one in found] == ["00000001", "00000002", "00000003"]
    assert {one["nonce"] for one in found} == {"n1"}
    assert len({one["response"] for one in found}) == 3


def test_an_answer_replaces_the_one_before_it() -> None:
    session = DigestSession("ann", "pw")
    session.challenged(asked(MD5))
    twice = session.authorize(session.authorize(INVITE, "c1"), "c2")
    assert len(twice.all("Authorization")) == 1


def test_questions_of_server_and_proxies_are_all_answered() -> None:
    session = DigestSession("ann", "pw")
    proxies = ('Digest realm="one", nonce="p1"', 'Digest realm="two", nonce="p2", algorithm=SHA-256', MD5)
    assert session.challenged(asked(SHA, MD5, status=401, proxy=proxies))
    request = session.authorize(INVITE, "c1")
    assert [parts(value)["realm"] for value in request.all("Authorization")] == ["pbx.example"]
    assert [parts(value)["realm"] for value in request.all("Proxy-Authorization")] == ["one", "two", "pbx.example"]
    assert parts(request.first("Authorization"))["algorithm"] == "SHA-256"


def test_proxies_may_ask_one_after_the_other() -> None:
    session = DigestSession("ann", "pw")
    assert session.challenged(asked(status=407, proxy=('Digest realm="one", nonce="p1"',)))
    session.authorize(INVITE, "c1")
    assert session.challenged(asked(status=407, proxy=('Digest realm="two", nonce="p2"',)))
    assert len(session.authorize(INVITE, "c2").all("Proxy-Authorization")) == 2
    assert not session.challenged(asked(status=407, proxy=('Digest realm="two", nonce="p3"',)))


def test_the_same_question_again_means_that_the_password_is_wrong() -> None:
    session = DigestSession("ann", "pw")
    assert session.challenged(asked(MD5))
    session.authorize(INVITE, "c1")
    assert not session.challenged(asked(MD5))
    assert session.challenged(asked(MD5))  # a later request begins anew
    session.authorize(INVITE, "c2")
    assert not session.challenged(asked(MD5.replace("n1", "n2")))


def test_a_question_that_was_never_answered_may_come_again() -> None:
    session = DigestSession("ann", "pw")
    assert session.challenged(asked(MD5))
    assert session.challenged(asked(MD5.replace("n1", "n2")))
    assert parts(session.authorize(INVITE, "c1").first("Authorization"))["nonce"] == "n2"


def test_a_stale_nonce_is_no_refusal_but_not_for_ever() -> None:
    session = DigestSession("ann", "pw")
    assert session.challenged(asked(MD5))
    again = []
    for n in range(2, 5):
        session.authorize(INVITE, f"c{n}")
        again.append(session.challenged(asked(MD5.replace("n1", f"n{n}") + ", stale=true")))
    assert again == [True, True, False]


def test_a_nonce_that_was_accepted_may_grow_old_without_being_called_stale() -> None:
    session = DigestSession("ann", "pw")
    session.challenged(asked(MD5))
    session.authorize(INVITE, "c1")
    session.accepted(SipResponse(200, "OK", ()))
    session.authorize(INVITE, "c2")
    assert session.challenged(asked(MD5.replace("n1", "n2")))
    found = parts(session.authorize(INVITE, "c3").first("Authorization"))
    assert (found["nonce"], found["nc"], found["cnonce"]) == ("n2", "00000001", "c3")
    assert not session.challenged(asked(MD5.replace("n1", "n3")))


def test_two_that_ask_in_turns_are_not_answered_for_ever() -> None:
    session = DigestSession("ann", "pw")
    rounds = 0
    while session.challenged(asked(MD5.replace("n1", f"n{rounds}").replace("pbx", f"pbx{rounds % 2}"))):
        session.authorize(INVITE, "c")
        rounds += 1
        assert rounds < 20


def test_the_server_may_name_the_next_nonce() -> None:
    session = DigestSession("ann", "pw")
    session.challenged(asked(MD5, proxy=('Digest realm="one", nonce="p1"',)))
    session.authorize(INVITE, "c1")
    session.accepted(SipResponse(200, "OK", (("Authentication-Info", 'qop=auth, nextnonce="n,2", rspauth="x"'),)))
    request = session.authorize(INVITE, "c2")
    found = parts(request.first("Authorization"))
    assert (found["nonce"], found["nc"], found["cnonce"]) == ("n,2", "00000001", "c2")
    assert parts(request.first("Proxy-Authorization"))["nonce"] == "p1"
    assert session.challenged(asked(MD5.replace("n1", "n3")))  # it was right before


def test_a_nextnonce_that_cannot_be_read_changes_nothing() -> None:
    session = DigestSession("ann", "pw")
    session.challenged(asked(MD5))
    for value in ("", "nonsense", 'nextnonce=""', "=", 'nextnonce="n1"'):
        session.accepted(SipResponse(200, "OK", (("Authentication-Info", value),)))
    assert parts(session.authorize(INVITE, "c1").first("Authorization"))["nonce"] == "n1"


def test_a_session_keeps_its_own_nonce_for_the_sum_of_a_session() -> None:
    session = DigestSession("ann", "pw")
    session.challenged(asked(MD5.replace("MD5", "MD5-sess")))
    assert {parts(session.authorize(INVITE, c).first("Authorization"))["cnonce"] for c in ("c1", "c2")} == {"c1"}


def test_a_session_may_answer_one_realm_only() -> None:
    session = DigestSession("ann", "pw", realm="pbx.example")
    assert not session.challenged(asked(MD5.replace("pbx", "evil")))
    assert session.challenged(asked(MD5.replace("pbx", "evil"), MD5))
    assert len(session.authorize(INVITE, "c1").all("Authorization")) == 1


def test_a_response_that_asks_nothing_usable_is_the_end() -> None:
    session = DigestSession("ann", "pw")
    for response in (asked(), asked("Bearer"), asked('Digest realm="r", nonce="n", algorithm=ROT13')):
        assert not session.challenged(response)


@pytest.mark.conformance("EXT-01")
def test_each_realm_is_answered_as_it_asked_first() -> None:
    session = DigestSession("ann", "pw")
    strong, weak = SHA.replace("SHA-256", "SHA-512-256"), MD5.replace("pbx", "proxy")
    assert session.challenged(asked(strong, SHA, MD5, proxy=(weak, SHA.replace("pbx", "proxy"))))
    request = session.authorize(INVITE, "c1")
    assert parts(request.first("Authorization"))["algorithm"] == "SHA-512-256"
    assert parts(request.first("Proxy-Authorization"))["algorithm"] == "MD5"


def test_a_user_s_name_is_hashed_where_the_server_knows_it_so() -> None:
    """RFC 7616 §3.9.2, whose hash of the name is a truncated SHA-512; erratum 4897 has the right one."""
    asking = Challenge.read(
        'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
        'nonce="5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK", opaque="HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS", '
        "charset=UTF-8, userhash=true"
    )[0]
    given = parts(
        asking.answer(
            method="GET",
            uri="/doe.json",
            user="Jäsøn Doe",
            password="Secret, or not?",
            body=b"",
            cnonce="NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v",
            nc=1,
        )
    )
    assert given["username"] == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert given["response"] == "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"
    assert given["userhash"] == "true"
    assert parts(answered('Digest realm="r", nonce="n", userhash=false'))["username"] == 'an"n'


# Nonces that are shared -----------------------------------------------------------------------------------------------


def count_of(request: SipRequest, header: str = "Authorization") -> tuple[str, str]:
    found = parts(request.first(header))
    return found["nonce"], found["nc"]


@pytest.mark.conformance("EXT-02")
def test_the_next_call_answers_before_it_is_asked() -> None:
    nonces = Nonces()
    first, second = (DigestSession("ann", "pw", nonces=nonces) for _ in range(2))
    first.challenged(asked(MD5))
    assert count_of(first.authorize(INVITE, "c1")) == ("n1", "00000001")
    assert second.authorize(INVITE, "c2") == INVITE  # nobody knows yet whether it is right
    first.accepted(SipResponse(200, "OK", ()))
    assert count_of(second.authorize(INVITE, "c2")) == ("n1", "00000002")
    assert count_of(first.authorize(INVITE, "c3")) == ("n1", "00000003")


def test_a_shared_nonce_that_has_grown_old_is_renewed_once() -> None:
    nonces = Nonces()
    first = DigestSession("ann", "pw", nonces=nonces)
    first.challenged(asked(MD5))
    first.authorize(INVITE, "c1")
    first.accepted(SipResponse(200, "OK", ()))
    second = DigestSession("ann", "pw", nonces=nonces)
    second.authorize(INVITE, "c2")
    assert second.challenged(asked(MD5.replace("n1", "n2")))
    assert count_of(second.authorize(INVITE, "c3")) == ("n2", "00000001")
    assert not second.challenged(asked(MD5.replace("n1", "n3")))  # the password has been changed
    assert DigestSession("ann", "pw", nonces=nonces).authorize(INVITE, "c4") == INVITE


def test_a_first_question_is_answered_even_if_it_names_the_nonce_that_was_answered_unasked() -> None:
    nonces = Nonces()
    first, second = (DigestSession("ann", "pw", nonces=nonces) for _ in range(2))
    first.challenged(asked(MD5))
    first.authorize(INVITE, "c1")
    first.accepted(SipResponse(200, "OK", ()))
    second.authorize(INVITE, "c2")
    assert second.challenged(asked(MD5))
    assert count_of(second.authorize(INVITE, "c3")) == ("n1", "00000003")
    assert not second.challenged(asked(MD5))


def test_two_calls_that_are_asked_the_same_count_on() -> None:
    """Servers that make their nonce of the time alone give the same one to both."""
    nonces = Nonces()
    sessions = [DigestSession("ann", "pw", nonces=nonces) for _ in range(2)]
    assert all(session.challenged(asked(MD5)) for session in sessions)
    assert [count_of(session.authorize(INVITE, "c"))[1] for session in sessions] == ["00000001", "00000002"]


def test_a_call_s_refusal_does_not_take_what_another_was_asked_since() -> None:
    nonces = Nonces()
    one, other = (DigestSession("ann", "pw", nonces=nonces) for _ in range(2))
    one.challenged(asked(MD5))
    one.authorize(INVITE, "c1")
    other.challenged(asked(MD5.replace("n1", "n2")))
    assert not one.challenged(asked(MD5.replace("n1", "n3")))
    assert count_of(other.authorize(INVITE, "c2")) == ("n2", "00000001")


def test_only_so_many_realms_are_answered_unasked() -> None:
    nonces = Nonces()
    for number in range(300):
        session = DigestSession("ann", "pw", nonces=nonces)
        session.challenged(asked(MD5.replace("pbx", f"evil{number}")))
        session.authorize(INVITE, "c")
        session.accepted(SipResponse(486, "Busy Here", ()))
    assert len(nonces) <= 16
    assert len(DigestSession("ann", "pw", nonces=nonces).authorize(INVITE, "c").all("Authorization")) <= 16


@given(
    st.lists(
        st.tuples(
            st.integers(0, 2),
            st.sampled_from(["ask", "ask stale", "ask proxy", "accept", "next"]),
            st.sampled_from(["n1", "n2", "n3"]),
        ),
        max_size=60,
    )
)
def test_no_count_of_a_nonce_is_ever_used_twice(script: list[tuple[int, str, str]]) -> None:
    """Whatever the peer asks, however calls mix: the counts of a nonce rise from one to the next (RFC 7616 §3.4)."""
    nonces = Nonces()
    sessions = [DigestSession("ann", "pw", nonces=nonces) for _ in range(3)]
    last: dict[tuple[str, str, str], int] = {}
    for who, what, nonce in script:
        session = sessions[who]
        value = MD5.replace("n1", nonce)
        match what:
            case "ask":
                session.challenged(asked(value))
            case "ask stale":
                session.challenged(asked(f"{value}, stale=true"))
            case "ask proxy":
                session.challenged(asked(status=407, proxy=(value,)))
            case "accept":
                session.accepted(SipResponse(200, "OK", ()))
            case _:
                session.accepted(SipResponse(200, "OK", (("Authentication-Info", f'nextnonce="{nonce}"'),)))
        request = session.authorize(INVITE, "c")
        for header in ("Authorization", "Proxy-Authorization"):
            for told in map(parts, request.all(header)):
                key = (header, told["realm"], told["nonce"])
                assert int(told["nc"], 16) == last.get(key, 0) + 1
                last[key] = int(told["nc"], 16)


def test_no_password_is_shown() -> None:
    session = DigestSession("ann", "SECRETWORD")
    session.challenged(asked(MD5))
    shown = repr(session) + repr(
        Digest(algorithm="MD5", user="a", realm="r", password="SECRETWORD", nonce="n", method="", uri="")
    )
    assert "SECRETWORD" not in shown
