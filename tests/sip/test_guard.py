"""Digest authentication as a server: who is let in, and how often."""

import hmac
import re

import pytest

from gateway.sip.auth import answer
from gateway.sip.digest import Challenge
from gateway.sip.guard import OFFERED, Replays, Verdict, challenge, make_nonce, verify

SECRET = b"keyed"


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
    best, first, second = (Challenge.read(value)[0] for value in challenge('p"x', "n", stale=True))
    assert best == Challenge(realm='p"x', nonce="n", algorithm="SHA-512-256", qop=("auth",), stale=True)
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
        good.replace("SHA-512-256", "SHA-1"),
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
    assert OFFERED[0] == "SHA-512-256"


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


def test_an_algorithm_that_was_not_offered_is_no_answer() -> None:
    weak = proof(our()[-1]) or ""
    assert "algorithm=MD5" in weak
    keys = {"method": "REGISTER", "realm": "pbx.example", "secret": SECRET, "now": 100.0, "lifetime": 60.0}
    assert verify(weak, password={"ann": "pw"}.get, **keys).ok  # type: ignore[arg-type]
    assert verify(weak, password={"ann": "pw"}.get, algorithms=("SHA-256",), **keys) == Verdict(False)  # type: ignore[arg-type]
