"""Whose domain a certificate speaks for: RFC 5922 §7, and when it expires."""

import ssl
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.sip.certificate import domains, expires_at, speaks_for
from tests.certificates import Authority

LABEL = st.from_regex(r"[a-z][a-z0-9]{0,8}", fullmatch=True)
NAME = st.lists(LABEL, min_size=2, max_size=4).map(".".join)


def shown(*alternatives: tuple[str, str], common_name: str = "") -> dict[str, Any]:
    """A certificate as Python tells it."""
    told: dict[str, Any] = {"subject": ((("organizationName", "x"),), (("commonName", common_name),))}
    return told | ({"subjectAltName": alternatives} if alternatives else {})


@pytest.mark.parametrize(
    ("certificate", "wanted"),
    [
        (shown(("URI", "sip:Example.ORG")), {"example.org"}),
        (shown(("URI", "SIP:example.org:5061;transport=tls")), {"example.org"}),
        (shown(("URI", "sips:example.org")), set()),
        (shown(("URI", "sip:alice@example.org")), set()),
        (shown(("URI", "https://example.org/")), set()),
        (shown(("URI", "sip:[broken")), set()),
        (shown(("DNS", "Example.org."), ("DNS", "b.example")), {"example.org", "b.example"}),
        (shown(("DNS", "host.example.org"), ("URI", "sip:example.org")), {"example.org"}),
        (shown(("DNS", "host.example.org"), ("URI", "sip:alice@example.org")), {"host.example.org"}),
        (shown(common_name="example.org"), {"example.org"}),
        (shown(("email", "a@b.example"), common_name="example.org"), set()),
        (shown(("IP Address", "2001:DB8:0:0:0:0:0:1")), {"2001:db8::1"}),
        ({}, set()),
    ],
)
def test_what_names_a_domain(certificate: dict[str, Any], wanted: set[str]) -> None:
    assert domains(certificate) == wanted


@given(name=NAME, other=NAME)
def test_a_name_is_compared_as_a_whole_whatever_its_case(name: str, other: str) -> None:
    for kind, value in (("DNS", name), ("URI", f"sip:{name}")):
        certificate = shown((kind, value.upper() if kind == "DNS" else value))
        assert speaks_for(certificate, name.upper())
        assert speaks_for(certificate, other) is (name == other)
        assert not speaks_for(certificate, f"sub.{name}")
        assert not speaks_for(certificate, name.partition(".")[2])


@given(label=LABEL, name=NAME)
def test_a_wildcard_stands_for_one_label_and_only_where_that_is_wanted(label: str, name: str) -> None:
    certificate = shown(("DNS", f"*.{name}"))
    assert not speaks_for(certificate, f"{label}.{name}")
    assert speaks_for(certificate, f"{label}.{name}", wildcards=True)
    assert not speaks_for(certificate, name, wildcards=True)
    assert not speaks_for(certificate, f"x.{label}.{name}", wildcards=True)
    assert not speaks_for(shown(("DNS", "*.0.2.1")), "192.0.2.1", wildcards=True)


@pytest.mark.parametrize("days", [-2, 3, 20_000])  # beyond 2049 the date has another form
def test_when_it_expires_is_what_openssl_says(tmp_path: Path, days: float) -> None:
    made = Authority(tmp_path).issue("x", dns=["example.org"], from_days=-9, to_days=days)
    der = ssl.PEM_cert_to_DER_cert(made.file.read_text())
    listed = ssl._ssl._test_decode_cert(str(made.file))  # type: ignore[attr-defined]
    assert expires_at(der) == ssl.cert_time_to_seconds(listed["notAfter"])


@given(st.binary(max_size=80))
def test_what_is_no_certificate_expires_never(data: bytes) -> None:
    assert expires_at(data) is None or data[:1] == b"0"


def test_half_a_certificate_expires_never(tmp_path: Path) -> None:
    der = ssl.PEM_cert_to_DER_cert(Authority(tmp_path).issue("x", dns=["example.org"]).file.read_text())
    assert all(expires_at(der[:length]) is None for length in range(len(der)))
