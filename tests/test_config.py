"""The operator's file: what it may say, and what is said when it says something else."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Listener, Settings, load
from gateway.errors import ConfigError
from gateway.keys import KeyPair, TlsPeer, TlsSettings
from gateway.rules import Account, Group, Member
from gateway.secret import Secret
from gateway.sip.flow import Hop
from gateway.sip.manners import Manners
from tests.certificates import Authority

XMPP = '[xmpp]\ndomain = "GW.Example"\nsecret_file = "secret"\n'
TRUNK = '[[trunk]]\nname = "carrier"\nhost = "192.0.2.1"\n'
Read = Callable[..., Settings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Load a file with this text."""
    (tmp_path / "secret").write_text("open sesame\n")

    def load_text(text: str = "", *, xmpp: str = XMPP, **environ: str) -> Settings:
        path = tmp_path / "gateway.toml"
        path.write_text(xmpp + text)
        return load(path, environ)

    return load_text


def test_what_is_left_out_has_its_default(read: Read) -> None:
    settings = read()
    assert settings.xmpp.domain == settings.routing.domain == "gw.example"
    assert (settings.xmpp.host, settings.xmpp.port) == ("127.0.0.1", 5347)
    assert settings.xmpp_secret == Secret("open sesame")
    assert settings.listeners == (Listener("UDP", "127.0.0.1", 5060), Listener("TCP", "127.0.0.1", 5060))
    assert settings.routing.trunks == ()
    assert (settings.log.level, settings.log.identities) == ("info", "masked")
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 9117)
    assert not settings.media.video


def test_a_trunk_by_its_defaults_lets_nobody_call(read: Read) -> None:
    (trunk,) = read(TRUNK).routing.trunks
    assert (trunk.host, trunk.port, trunk.transport, trunk.domain) == ("192.0.2.1", None, None, "192.0.2.1")
    assert (trunk.from_domain, trunk.caller_id, trunk.trusted) == ("gw.example", "jid", False)
    assert trunk.trickle == "auto"
    assert trunk.manners == Manners()
    assert "anybody@anywhere.example" not in trunk.allow
    assert trunk.from_host
    assert trunk.networks == ()
    assert trunk.account is trunk.inbound is None


def test_a_trunk_has_its_own_manners_and_those_of_all_trunks(read: Read) -> None:
    every = "[sip]\nsession_expires_seconds = 600\nmin_se_seconds = 120\n" + TRUNK
    assert read(every).routing.trunks[0].manners == Manners(session_expires_seconds=600, min_se_seconds=120)
    own = 'prack = "always"\nsession_expires_seconds = 0\nmin_se_seconds = 300\n'
    manners = read(every + own).routing.trunks[0].manners
    assert manners == Manners(prack="always", session_expires_seconds=0, min_se_seconds=300)


def test_rules_are_compiled(read: Read) -> None:
    settings = read(
        TRUNK
        + """
        transport = "tcp"
        user = "acct"
        password_env = "PASSWORD"
        inbound_user = "branch"
        inbound_password_file = "secret"
        allow = ["*@Example.ORG"]
        addresses = ["198.51.100.0/24", "2001:db8::1"]
        caller_id = "number"
        caller_id_numbers = { "Juliet@Example.org" = "+15550101" }
        [routing]
        default_domain = "SIP.example"
        hosted_domains = ["Example.org"]
        [[dial]]
        match = '00(\\d+)'
        trunk = "carrier"
        rewrite = '+\\1'
        [[dial]]
        match = '\\+1900.*'
        refuse = true
        [[number]]
        number = "+1-555-0101"
        jid = "Juliet@example.org"
        trunks = ["carrier"]
        [[number]]
        match = '\\+1555(\\d+)'
        jid = 'u\\1@Example.org'
        """,
        PASSWORD="pw",
    )
    rules = settings.routing
    (trunk,) = rules.trunks
    assert trunk.transport == "TCP"
    assert (trunk.account, trunk.inbound) == (Account("acct", Secret("pw")), Account("branch", Secret("open sesame")))
    assert "romeo@example.org/x" in trunk.allow
    assert not trunk.from_host
    assert [str(network) for network in trunk.networks] == ["198.51.100.0/24", "2001:db8::1/128"]
    assert trunk.caller_id_numbers == {"juliet@example.org": "+15550101"}
    assert (rules.default_domain, rules.hosted_domains) == ("sip.example", frozenset({"example.org"}))
    match = rules.dial[0].match("001555", "anyone@any.example")
    assert match is not None
    assert rules.dial[0].called(match) == "+1555"
    assert rules.dial[1].trunk is None
    assert rules.numbers[0].name == "+15550101"
    assert rules.numbers[0].match("+15550101") == "juliet@example.org"
    assert not rules.numbers[0].serves("other")
    assert rules.numbers[1].match("+15557") == "u7@example.org"


def test_a_group_names_trunks_and_a_dial_rule_names_it(read: Read) -> None:
    settings = read(
        TRUNK
        + """
        calls = 30
        probe_seconds = 10
        [[trunk]]
        name = "spare"
        host = "192.0.2.2"
        [[group]]
        name = "out"
        trunks = [{ trunk = "carrier", weight = 3 }, { trunk = "spare", priority = 2 }]
        statuses = [500, 503]
        [[dial]]
        match = '.*'
        trunk = "out"
        """
    )
    (found,) = settings.routing.groups
    assert found == Group(
        name="out", members=(Member("carrier", 1, 3), Member("spare", 2, 1)), statuses=frozenset({500, 503})
    )
    assert settings.routing.dial[0].trunk == "out"
    assert [(trunk.calls, trunk.probe_seconds) for trunk in settings.routing.trunks] == [(30, 10.0), (None, 0.0)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('name = "carrier"\ntrunks = [{ trunk = "carrier" }]', '[[group]] "carrier" name: a trunk has this name'),
        (
            'name = "out"\ntrunks = [{ trunk = "other" }]',
            "[[group]] \"out\" trunks[0].trunk: no trunk has this name — got 'other', there are: carrier",
        ),
        (
            'name = "out"\ntrunks = [{ trunk = "carrier" }, { trunk = "carrier" }]',
            "[[group]] trunks: stands twice — got 'carrier'",
        ),
        ('name = "out"\ntrunks = []', '[[group]] "out" trunks: expected a list of length >= 1'),
        (
            'name = "out"\ntrunks = [{ trunk = "carrier", wieght = 1 }]',
            '[[group]] "out" trunks[0].wieght: no such key — did you mean weight?',
        ),
        (
            'name = "out"\ntrunks = [{ trunk = "carrier" }]\nstatuses = [600]',
            '[[group]] "out" statuses[0]: expected an integer <= 599 — got 600',
        ),
    ],
)
def test_a_mistake_in_a_group_is_one_line(read: Read, text: str, line: str) -> None:
    with pytest.raises(ConfigError) as found:
        read(f"{TRUNK}[[group]]\n{text}")
    assert str(found.value) == line


def test_name_servers_are_addresses_with_or_without_a_port(read: Read) -> None:
    settings = read('[sip]\nnameservers = ["192.0.2.53", "192.0.2.54:5353", "2001:db8::53", "[::1]:5353", "[::1]"]')
    assert settings.nameservers == (
        ("192.0.2.53", 53), ("192.0.2.54", 5353), ("2001:db8::53", 53), ("::1", 5353), ("::1", 53)
    )  # fmt: skip
    for wrong in ("ns.example", "192.0.2.1:0", "192.0.2.1:70000", "192.0.2", "[192.0.2.1", "::1::2"):
        with pytest.raises(ConfigError, match=r"\[sip\] nameservers\[0\]: expected ADDRESS or ADDRESS:PORT"):
            read(f'[sip]\nnameservers = ["{wrong}"]')


@pytest.mark.parametrize(
    ("text", "listener"),
    [
        ("udp:[::1]:5060", Listener("UDP", "::1", 5060)),
        ("tcp:0.0.0.0:0", Listener("TCP", "0.0.0.0", 0)),
        ("udp:SIP.example.org:5070", Listener("UDP", "sip.example.org", 5070)),
    ],
)
def test_what_can_be_listened_on(text: str, listener: Listener) -> None:
    assert Listener.parse(text) == listener


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("port = 70000", "[xmpp] port: expected an integer <= 65535 — got 70000"),
        ('port = "x"', "[xmpp] port: expected an integer — got 'x'"),
        ("prot = 1", "[xmpp] prot: no such key — did you mean port?"),
        ('secret = "hush"', "[xmpp] secret: no such key — did you mean secret_env?"),
        ('resource = "a b"', "[xmpp] resource: expected at most 64 letters, digits, dots or hyphens — got 'a b'"),
        ('secret_env = "S"', "[xmpp] secret_env: stands beside secret_file"),
        ("reconnect_first_seconds = 90", "[xmpp] reconnect_first_seconds: longer than reconnect_most_seconds"),
        ("[sip]\nfailover_seconds = 30", "[sip] failover_seconds: longer than failover_total_seconds"),
        ("[spi]", "[spi]: no such table — did you mean sip?"),
        (
            '[sip]\nlisten = ["x"]',
            "[sip] listen[0]: expected TRANSPORT:HOST:PORT, such as udp:127.0.0.1:5060 — got 'x'",
        ),
        (
            '[sip]\nlisten = ["udp:a:1", "dtls:b:2"]',
            "[sip] listen[1]: expected TRANSPORT:HOST:PORT, such as udp:127.0.0.1:5060 — got 'dtls:b:2'",
        ),
        (
            '[sip]\nlisten = ["udp:[::g]:1"]',
            "[sip] listen[0]: expected TRANSPORT:HOST:PORT, such as udp:127.0.0.1:5060 — got 'udp:[::g]:1'",
        ),
        ("[sip]\nlisten = []", "[sip] listen: nothing to listen on"),
        ('[sip]\nlisten = "udp:a:1"', "[sip] listen: expected a list — got 'udp:a:1'"),
        ("[sip]\nlisten = [3]", "[sip] listen[0]: expected a string — got 3"),
        ('[sip]\nadvertised_host = "a b"', "[sip] advertised_host: expected a name or an address — got 'a b'"),
        ('[sip]\nuser_agent = "a\\r\\nb"', "[sip] user_agent: expected a line of ASCII — got 'a\\r\\nb'"),
        ('[log]\nlevel = "loud"', "[log] level: expected debug, info, warning or error — got 'loud'"),
        ("[limits]\ncalls = 0", "[limits] calls: expected an integer >= 1 — got 0"),
        ("[limits]\nring_timeout_seconds = 0", "[limits] ring_timeout_seconds: expected a number > 0.0 — got 0"),
        ("[limits]\ngather_seconds = 5", "[limits] gather_seconds: expected a number <= 3.0 — got 5"),
        ('[trunk]\nname = "x"', "[trunk]: write [[trunk]]"),
        ("[[log]]", "[[log]]: write [log]"),
        ('[[trunk]]\nhost = "x"', "[[trunk]] no. 1 name: missing"),
        (
            TRUNK + 'transport = "sctp"',
            "[[trunk]] \"carrier\" transport: expected auto, udp, tcp, tls, ws or wss — got 'sctp'",
        ),
        (TRUNK + "[[trunk]]", "[[trunk]] no. 2 name: missing"),
        (TRUNK + TRUNK, "[[trunk]] name: stands twice — got 'carrier'"),
        (TRUNK.replace("192.0.2.1", "a b"), "[[trunk]] \"carrier\" host: expected a name or an address — got 'a b'"),
        (
            TRUNK.replace("192.0.2.1", "1.2.3"),
            "[[trunk]] \"carrier\" host: expected a name or an address — got '1.2.3'",
        ),
        (
            TRUNK + 'allow = ["*", "a@"]',
            "[[trunk]] \"carrier\" allow[1]: expected user@domain, *@domain, domain, *.domain or * — got 'a@'",
        ),
        (
            TRUNK + 'addresses = ["192.0.2.1/24"]',
            '[[trunk]] "carrier" addresses[0]: expected host, an address or a network such as 192.0.2.0/24'
            " — got '192.0.2.1/24'",
        ),
        (TRUNK + 'user = "a"', '[[trunk]] "carrier" password_file: missing beside user'),
        (TRUNK + 'password_file = "secret"', '[[trunk]] "carrier" user: missing beside the password for it'),
        (TRUNK + 'inbound_user = "a"', '[[trunk]] "carrier" inbound_password_file: missing beside inbound_user'),
        (
            TRUNK + 'user = "a\\"b"\npassword_file = "secret"',
            '[[trunk]] "carrier" user: expected a user name — got \'a"b\'',
        ),
        (TRUNK + 'user = "a"\npassword_env = "NONE"', '[[trunk]] "carrier" password_env: the environment has no NONE'),
        (TRUNK + 'caller_id = "fixed"', '[[trunk]] "carrier" caller_id_number: missing — caller_id is fixed'),
        (
            TRUNK + 'caller_id_number = "a b"',
            "[[trunk]] \"carrier\" caller_id_number: expected a number or a user — got 'a b'",
        ),
        (
            TRUNK + 'caller_id_numbers = { "x" = "1" }',
            "[[trunk]] \"carrier\" caller_id_numbers: expected a bare JID — got 'x'",
        ),
        (TRUNK + "caller_id_numbers = { x = 1 }", '[[trunk]] "carrier" caller_id_numbers: expected a string'),
        (
            TRUNK + '[[dial]]\nmatch = "("\ntrunk = "carrier"',
            "[[dial]] no. 1 match: no regular expression: missing ), unterminated subpattern at position 0 — got '('",
        ),
        (
            "[sip]\nsession_expires_seconds = 89\n" + TRUNK,
            "[sip] session_expires_seconds: shorter than min_se_seconds — got 89, and 90",
        ),
        (
            TRUNK + "min_se_seconds = 3600\n",
            '[[trunk]] "carrier" session_expires_seconds: shorter than min_se_seconds — got 1800, and 3600',
        ),
        (TRUNK + '[[dial]]\nmatch = "."', "[[dial]] no. 1 trunk: missing — or refuse = true, when nobody may call it"),
        (
            TRUNK + '[[dial]]\nmatch = "."\ntrunk = "carrie"',
            "[[dial]] no. 1 trunk: no trunk has this name — got 'carrie', there are: carrier",
        ),
        (
            TRUNK + '[[dial]]\nmatch = "(.)"\ntrunk = "carrier"\nrewrite = "\\\\2"',
            "[[dial]] no. 1 rewrite: names bracket \\2 of 1 — got '\\\\2'",
        ),
        (
            TRUNK + '[[number]]\nnumber = "7"\njid = "a@b.example"\nmessage_waiting = true',
            '[[number]] "7" message_waiting: none of its trunks has message_waiting',
        ),
        (
            TRUNK + '[[number]]\nmatch = "7"\njid = "a@b.example"\nmessage_waiting = true',
            "[[number]] no. 1 message_waiting: needs number — an expression has no mailbox",
        ),
        (
            TRUNK + '[[dial]]\nmatch = "."\ntrunk = "carrier"\nrefuse = true',
            "[[dial]] no. 1 refuse: stands beside trunk or rewrite",
        ),
        ('[[number]]\njid = "a@b.example"', "[[number]] no. 1 number: expected either number or match"),
        (
            '[[number]]\nnumber = "1"\njid = "a@gw.example"',
            '[[number]] "1" jid: gw.example is the component itself, so the call would come back',
        ),
        (
            '[[number]]\nnumber = "1"\njid = "@b.example"',
            "[[number]] \"1\" jid: expected a bare JID — got '@b.example'",
        ),
        ('[[number]]\nnumber = "1"\njid = "a b"', "[[number]] \"1\" jid: expected a domain — got 'a b'"),
        (
            '[[number]]\nmatch = "(.)"\njid = "b.example"',
            "[[number]] no. 1 jid: expected user@domain — got 'b.example'",
        ),
        (
            '[[number]]\nnumber = "1"\njid = "a@b.example"\ntrunks = ["x"]',
            "[[number]] \"1\" trunks[0]: no trunk has this name — got 'x', there are: none",
        ),
        (
            '[presence]\nname = " "',
            "[presence] name: expected a line of at most 64 characters — got ' '",
        ),
        ('[presence]\nsubscribe = "all"', "[presence] subscribe: expected domain, number or never — got 'all'"),
        ('[incoming]\ndnd = "maybe"', "[incoming] dnd: expected ring or refuse — got 'maybe'"),
        ('[routing]\nhosted_domains = ["a b"]', "[routing] hosted_domains[0]: expected a domain — got 'a b'"),
    ],
)
def test_a_mistake_is_told_in_one_line_that_names_the_key(read: Read, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(text)
    assert str(refused.value) == complaint


@pytest.mark.parametrize(
    ("xmpp", "complaint"),
    [
        ("", "[xmpp]: missing"),
        ('[xmpp]\nsecret_file = "secret"\n', "[xmpp] domain: missing"),
        ('[xmpp]\ndomain = "a@b.example"\n', "[xmpp] domain: expected a domain — got 'a@b.example'"),
        (
            '[xmpp]\ndomain = "gw.example"\n',
            "[xmpp] secret_file: missing — the component shares a secret with its server",
        ),
        ("trunk = 3\n" + XMPP, "[trunk]: expected a list — got 3"),
        ("colour = 1\n" + XMPP, "[colour]: no such table"),
    ],
)
def test_what_must_be_there_is_missed(read: Read, xmpp: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(xmpp=xmpp)
    assert str(refused.value) == complaint


def test_a_file_that_is_no_toml_or_is_not_there_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gateway.toml"
    with pytest.raises(ConfigError, match=rf"^{re.escape(str(path))}: No such file or directory$"):
        load(path, {})
    path.write_text("[xmpp")
    with pytest.raises(ConfigError, match=r"gateway.toml: Expected"):
        load(path, {})
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load(path, {})


# -------------------------------------------------------------------------------------------------------------- secrets


def test_a_secret_may_be_in_the_environment(read: Read) -> None:
    settings = read(xmpp='[xmpp]\ndomain = "gw.example"\nsecret_env = "HUSH"\n', HUSH="hush")
    assert settings.xmpp_secret.reveal() == "hush"


def test_systemds_credentials_come_before_the_folder_of_the_file(read: Read, tmp_path: Path) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    assert read(CREDENTIALS_DIRECTORY=str(credentials)).xmpp_secret == Secret("open sesame")
    (credentials / "secret").write_text("from systemd")
    assert read(CREDENTIALS_DIRECTORY=str(credentials)).xmpp_secret == Secret("from systemd")


@pytest.mark.parametrize(
    ("octets", "complaint"),
    [
        (b"", "expected one line in"),
        (b"\n", "expected one line in"),
        (b"two\nlines\n", "expected one line in"),
        (b"x" * 5000, "expected one line in"),
        (b"\xff\xfe", "is not UTF-8"),
    ],
)
def test_a_secret_is_one_line(read: Read, tmp_path: Path, octets: bytes, complaint: str) -> None:
    (tmp_path / "secret").write_bytes(octets)
    with pytest.raises(ConfigError, match=rf"^\[xmpp\] secret_file: .*{complaint}"):
        read()


def test_a_secret_file_that_cannot_be_read_is_named(read: Read, tmp_path: Path) -> None:
    (tmp_path / "secret").unlink()
    with pytest.raises(ConfigError, match=r"^\[xmpp\] secret_file: cannot read .*secret: No such file or directory$"):
        read()


def test_settings_do_not_show_secrets(read: Read) -> None:
    settings = read(TRUNK + 'user = "acct"\npassword_file = "secret"')
    assert "sesame" not in repr(settings) + str(settings) + f"{settings.xmpp_secret}"
    assert str(settings.xmpp_secret) == "***"
    assert settings.xmpp_secret != Secret("other")
    assert hash(settings.xmpp_secret) == hash(Secret("open sesame"))


@given(st.text(alphabet='[]"=.,{}abxmps \n', max_size=60))
def test_any_text_is_settings_or_one_line_of_complaint(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    folder = tmp_path_factory.getbasetemp()
    (folder / "secret").write_text("x")
    path = folder / "fuzz.toml"
    path.write_text(XMPP + text)
    complaint = ""
    try:
        load(path, {})
    except ConfigError as error:
        complaint = str(error)
    assert "\n" not in complaint


# ----------------------------------------------------------------------------------------------------------------- TLS


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with certificates: ours.pem and ours.key, other.key, ca.pem."""
    authority = Authority(tmp_path)
    for name in ("ours", "other"):
        authority.issue(name, dns=["gw.example"])
    for file in (tmp_path / "authority").iterdir():
        file.rename(tmp_path / file.name)
    return tmp_path


def test_certificates_are_files_beside_the_configuration(read: Read, files: Path) -> None:
    settings = read(
        '[sip]\nlisten = ["tls:127.0.0.1:5061"]\n[tls]\ncertificate_file = "ours.pem"\nkey_file = "ours.key"\n'
        'client_ca_file = "ca.pem"\nclient_required = true\n'
        + TRUNK
        + 'transport = "tls"\ndomain = "sip.Example"\nca_file = "ca.pem"\ntls_verify = "wildcard"\n'
        + 'certificate_file = "other.pem"\nkey_file = "other.key"\n'
    )
    assert settings.listeners == (Listener("TLS", "127.0.0.1", 5061),)
    assert settings.tls == TlsSettings(
        own=KeyPair(files / "ours.pem", files / "ours.key"),
        client_ca_file=files / "ca.pem",
        clients_must=True,
        peers={
            "sip.example": TlsPeer(
                ca_file=files / "ca.pem", verify="wildcard", own=KeyPair(files / "other.pem", files / "other.key")
            )
        },
    )
    (trunk,) = settings.routing.trunks
    assert trunk.hop == Hop("192.0.2.1", None, "TLS", domain="sip.example")


def test_websockets_have_a_path_and_origins(read: Read) -> None:
    settings = read(
        '[sip]\nlisten = ["ws:127.0.0.1:8080"]\nwebsocket_origins = ["https://Page.example"]\n'
        + TRUNK
        + 'transport = "ws"\nwebsocket_path = "/ws"\n'
    )
    assert settings.listeners == (Listener("WS", "127.0.0.1", 8080),)
    assert settings.sip.websocket_origins == ("https://Page.example",)
    assert settings.tls.peers == {"192.0.2.1": TlsPeer(path="/ws")}


def test_a_trunk_found_by_the_dns_may_say_whom_it_trusts(read: Read, files: Path) -> None:
    assert read(TRUNK + 'ca_file = "ca.pem"\n').tls.peers == {"192.0.2.1": TlsPeer(ca_file=files / "ca.pem")}
    assert read(TRUNK).tls.peers == {}


def test_a_trunks_certificate_may_be_for_another_domain(read: Read) -> None:
    settings = read(TRUNK + 'transport = "tls"\ndomain = "sip.example"\ntls_domain = "SBC.example"\n')
    assert settings.tls.peers == {"sbc.example": TlsPeer()}
    assert settings.routing.trunks[0].hop.domain == "sbc.example"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[sip]\nlisten = ["tls:[::1]:5061"]\n', r"\[tls\] certificate_file: missing — \[sip\] listen has tls or wss"),
        ('[tls]\nkey_file = "ours.key"\n', r"\[tls\] certificate_file: missing beside key_file"),
        ('[tls]\ncertificate_file = "ours.pem"\n', r"\[tls\] key_file: missing beside certificate_file"),
        ('[tls]\ncertificate_file = "no.pem"\nkey_file = "ours.key"\n', r"\[tls\] certificate_file: cannot read .*no"),
        ('[tls]\ncertificate_file = "ours.pem"\nkey_file = "other.key"\n', r"_file: .* no certificate and its key"),
        ('[tls]\nclient_ca_file = "ours.key"\n', r"\[tls\] client_ca_file: .*holds no certificates of authorities"),
        ("[tls]\nclient_required = true\n", r"\[tls\] client_ca_file: missing"),
        (TRUNK + 'ca_file = "no.pem"\n', r'\[\[trunk\]\] "carrier" ca_file: cannot read'),
        (
            TRUNK + 'transport = "tls"\n' + TRUNK.replace("carrier", "b") + 'transport = "tls"\nca_file = "ca.pem"\n',
            r'\[\[trunk\]\] "b" tls_domain: another trunk has 192\.0\.2\.1 with other certificates',
        ),
    ],
)  # fmt: skip
def test_certificates_that_cannot_be_used_are_named(read: Read, files: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as refusal:
        read(text)
    assert "\n" not in str(refusal.value)


def test_the_number_of_test_calls_is_one_that_can_be_called(read: Read) -> None:
    assert read("").echo_number == ""
    assert read('[accounts]\necho_number = "+1 555 0100"').echo_number == "+1 555 0100"
    with pytest.raises(ConfigError, match=r"\[accounts\] echo_number: expected a number or a SIP address"):
        read('[accounts]\necho_number = "sips:echo@sip.example"')
