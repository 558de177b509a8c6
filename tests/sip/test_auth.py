"""Digest authentication: the vectors of the RFCs, and both sides of the conversation."""

import hmac
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sip import auth
from gateway.sip.auth import DigestSession, Replays, Verdict, answer, challenge, make_nonce, verify
from gateway.sip.digest import HASHES, Challenge, Digest, schemes
from gateway.sip.message import SipRequest, SipResponse

SECRET = b"keyed"
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
    assert not verify(value, method="X", realm="x", password=lambda user: "p", secret=SECRET, now=0, lifetime=1).ok


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


def test_no_password_is_shown() -> None:
    session = DigestSession("ann", "SECRETWORD")
    session.challenged(asked(MD5))
    shown = repr(session) + repr(
        Digest(algorithm="MD5", user="a", realm="r", password="SECRETWORD", nonce="n", method="", uri="")
    )
    assert "SECRETWORD" not in shown


# Server ---------------------------------------------------------------------------------------------------------------


def checked(
    value: str | None, *, now: float = 100.0, uri: str | None = None, context: str = "", body: bytes = b""
) -> Verdict:
    return verify(
        value or "",
        method="REGISTER",
        realm="pbx.example",
        password={"ann": "pw", "none": ""}.get,
        secret=SECRET,
        now=now,
        lifetime=60,
        uri=uri,
        context=context,
        body=body,
    )


def proof(*challenges: str, password: str = "pw", user: str = "ann", nc: int = 1, body: bytes = b"") -> str | None:
    return answer(
        challenges,
        method="REGISTER",
        uri="sip:pbx.example",
        user=user,
        password=password,
        body=body,
        cnonce="c1",
        nc=nc,
    )


def our(now: float = 90.0, context: str = "") -> list[str]:
    return challenge("pbx.example", make_nonce(SECRET, now, context))


def test_our_challenges_offer_the_better_algorithm_first() -> None:
    first, second = (Challenge.read(value)[0] for value in challenge('p"x', "n", stale=True))
    assert first == Challenge(realm='p"x', nonce="n", algorithm="SHA-256", qop=("auth",), stale=True)
    assert second == Challenge(realm='p"x', nonce="n", algorithm="MD5", qop=("auth",), stale=True)
    assert not Challenge.read(challenge("p", "n")[0])[0].stale


def test_who_knows_the_password_is_let_in() -> None:
    for line in our():
        verdict = checked(proof(line, nc=3))
        assert verdict == Verdict(True, False, "ann", Challenge.read(line)[0].nonce, 3)
    assert checked(proof(*our()), uri="sip:pbx.example").ok
    assert checked((proof(*our()) or "").replace("qop=auth", 'qop="auth"')).ok


def test_who_does_not_know_it_is_not() -> None:
    good = proof(*our()) or ""
    for value in (
        proof(*our(), password="other"),
        proof(*our(), user="bob"),
        good.replace('username="ann"', 'username="none"'),
        good.replace("nc=00000001", "nc=00000002"),
        good.replace("sip:pbx.example", "sip:other.example"),
        good.replace('response="', 'response="0'),
        re.sub('response="[^"]*"', 'response="ü"', good),
        re.sub('response="[^"]*", ', "", good),
    ):
        verdict = checked(value)
        assert not verdict.ok
        assert not verdict.stale
    assert not checked(good, uri="sip:other.example").ok


def test_what_is_no_answer_to_our_question_is_refused() -> None:
    good = proof(*our()) or ""
    for value in (
        None,
        "Basic YTpi",
        good.replace('realm="pbx.example"', 'realm="other"'),
        good.replace("SHA-256", "SHA-512-256"),
        good.replace("qop=auth", "qop=auth-conf"),
        good.replace("nc=00000001", "nc=0"),
        good.replace("nc=00000001", "nc=zz"),
        good.replace("nc=00000001", "nc=-1"),
        good.replace("nc=00000001", "nc=0x1"),
        good.replace("nc=00000001", "nc=000000001"),
        good.replace("username", "name"),
    ):
        assert checked(value) == Verdict(False)


def test_a_right_answer_to_an_old_or_foreign_nonce_is_stale() -> None:
    old = proof(*our(now=39.0))
    assert checked(old, now=98.0).ok
    assert checked(old, now=99.5) == Verdict(False, True, "ann")
    assert checked(old, now=38.0).stale
    assert checked(proof(*challenge("pbx.example", "foreign"))).stale
    assert checked(proof(*challenge("pbx.example", make_nonce(b"other", 90)))).stale
    assert checked(proof(*challenge("pbx.example", "zz.ü"))).stale
    assert not checked(proof(*our(now=39.0), password="other"), now=100.0).stale


def test_a_nonce_may_be_bound_to_an_address() -> None:
    value = proof(*our(context="192.0.2.1"))
    assert checked(value, context="192.0.2.1").ok
    assert checked(value, context="192.0.2.2").stale


def test_an_answer_without_qop_or_with_a_body_is_understood() -> None:
    nonce = make_nonce(SECRET, 90)
    verdict = checked(proof(f'Digest realm="pbx.example", nonce="{nonce}"'))
    assert (verdict.ok, verdict.nc) == (True, 0)
    value = proof(f'Digest realm="pbx.example", nonce="{nonce}", qop="auth-int", algorithm=SHA-256', body=b"x")
    assert checked(value, body=b"x").ok
    assert not checked(value, body=b"y").ok
    assert checked(proof(f'Digest realm="pbx.example", nonce="{nonce}", qop="auth", algorithm=MD5-sess')).ok


def test_nonces_say_when_they_were_made_and_cannot_be_guessed() -> None:
    assert make_nonce(SECRET, 1.0) != make_nonce(SECRET, 1.25)
    assert make_nonce(SECRET, 1.0) != make_nonce(b"other", 1.0)
    assert make_nonce(SECRET, 1.0).split(".")[0] == f"{1000:x}"
    assert make_nonce(SECRET, -1.0)


def test_sums_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def compare(one: bytes, other: bytes) -> bool:
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(hmac, "compare_digest", compare)
    assert checked(proof(*our())).ok
    assert len(compared) == 2  # the sum, and the nonce's seal
    assert auth.OFFERED[0] == "SHA-256"


def test_a_proof_is_good_once() -> None:
    replays = Replays(lifetime=60)
    first, second = Verdict(True, user="ann", nonce="n", nc=1), Verdict(True, user="ann", nonce="n", nc=2)
    uncounted = Verdict(True, user="ann", nonce="m", nc=0)
    assert [replays.is_new(verdict, 0) for verdict in (first, first, second, first, second)] == [
        True,
        False,
        True,
        False,
        False,
    ]
    assert [replays.is_new(uncounted, 0), replays.is_new(uncounted, 1)] == [True, False]


def test_proofs_are_forgotten_with_their_nonces_and_when_there_are_too_many() -> None:
    replays = Replays(lifetime=60, limit=3)
    for n in range(10):
        assert replays.is_new(Verdict(True, nonce=str(n), nc=1), n)
    assert len(replays) == 3
    assert replays.is_new(Verdict(True, nonce="last", nc=1), 1000)
    assert len(replays) == 1
