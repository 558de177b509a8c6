"""What an operator says of a trunk that registers."""

from pathlib import Path

import pytest

from gateway.config import Settings, load
from gateway.errors import ConfigError
from gateway.registration.registrant import contact_user, instance
from gateway.secret import Secret
from gateway.sip.flow import Hop
from gateway.sip.target import Credentials

HEAD = '[xmpp]\ndomain = "gw.example"\nsecret_env = "SECRET"\n'
TRUNK = '[[trunk]]\nname = "carrier"\nhost = "Sip.Example"\nport = 5070\ntransport = "tcp"\n'
USER = 'user = "4711"\npassword_env = "SECRET"\n'


def read(folder: Path, text: str) -> Settings:
    """The file with this text."""
    path = folder / "gateway.toml"
    path.write_text(HEAD + text)
    return load(path, {"SECRET": "hush"})


def test_a_trunk_does_not_register_unasked(tmp_path: Path) -> None:
    settings = read(tmp_path, TRUNK + USER)
    assert settings.routing.trunks[0].registrant is None
    assert settings.registration.rate_per_second == 20
    assert settings.routing.trunks[0].from_domain == "gw.example"


def test_a_trunk_registers_its_user_at_its_domain_by_its_host(tmp_path: Path) -> None:
    (trunk,) = read(tmp_path, f'{TRUNK}{USER}register = true\ndomain = "Example.org"\nrealm = "r"\n').routing.trunks
    found = trunk.registrant
    assert found is not None
    assert (found.name, found.aor, found.registrar) == ("carrier", "sip:4711@example.org", "sip:example.org")
    assert found.hop == Hop("sip.example", 5070, "TCP", domain="example.org")
    assert found.credentials == Credentials("4711", "hush", "r")
    assert found.expires_seconds == 3600
    assert found.contact_user == contact_user("gw.example", "carrier")
    assert found.instance == instance("gw.example", "carrier")
    assert trunk.from_domain == "example.org"
    assert Secret("hush").reveal() not in repr(trunk)


def test_user_registrar_and_time_may_be_others(tmp_path: Path) -> None:
    keys = 'register = true\nregister_user = "a b"\nregistrar = "[2001:DB8::1]"\nregister_expires_seconds = 600\n'
    (trunk,) = read(tmp_path, f'{TRUNK}{keys}from_domain = "us.example"\n').routing.trunks
    found = trunk.registrant
    assert found is not None
    assert (found.aor, found.registrar) == ("sip:a%20b@sip.example", "sip:[2001:db8::1]")
    assert (found.credentials, found.expires_seconds) == (None, 600)
    assert trunk.from_domain == "us.example"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (f"{TRUNK}register = true\n", '[[trunk]] "carrier" register_user: missing'),
        (f'{TRUNK}{USER}register = true\nregistrar = "a b"\n', '[[trunk]] "carrier" registrar: expected a domain'),
        (f"{TRUNK}{USER}register = true\nregister_expires_seconds = 5\n", "register_expires_seconds"),
        ("[registration]\nrate_per_second = 0\n", "[registration] rate_per_second"),
        ("[registration]\nretry_first_seconds = 60\nretry_most_seconds = 30\n", "[registration] retry_first_seconds"),
    ],
)
def test_a_mistake_names_its_key(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, text)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)


ACCOUNT = '[[account]]\njid = "Juliet@Example.org"\naddress = "201@Pbx.example"\n'


def test_an_account_is_its_address_at_its_server(tmp_path: Path) -> None:
    (account,) = read(tmp_path, f'{ACCOUNT}password_env = "SECRET"\n').accounts
    trunk = account.trunk("gw.example")
    assert trunk.owner == "juliet@example.org"
    assert (trunk.host, trunk.port, trunk.transport, trunk.domain) == ("pbx.example", None, None, "pbx.example")
    assert (trunk.caller_id, trunk.caller_id_number, trunk.from_domain) == ("fixed", "201", "pbx.example")
    assert trunk.networks == ()
    assert not trunk.from_host
    found = trunk.registrant
    assert found is not None
    assert (found.aor, found.registrar) == ("sip:201@pbx.example", "sip:pbx.example")
    assert found.credentials == Credentials("201", "hush")
    assert "201" not in trunk.name


def test_an_account_may_go_a_trunks_way_or_one_of_its_own(tmp_path: Path) -> None:
    settings = read(tmp_path, f'{TRUNK}{ACCOUNT}trunk = "carrier"\nregister = false\ncaller_id = "+15550201"\n')
    trunk = settings.accounts[0].trunk("gw.example")
    assert (trunk.host, trunk.port, trunk.transport, trunk.registrant) == ("sip.example", 5070, "TCP", None)
    assert (trunk.domain, trunk.caller_id_number, trunk.account) == ("pbx.example", "+15550201", None)
    for proxy, place in (("[2001:DB8::1]:5080", ("2001:db8::1", 5080)), ("Edge.example", ("edge.example", None))):
        settings = read(tmp_path, f'{ACCOUNT}proxy = "{proxy}"\ntransport = "tcp"\n')
        trunk = settings.accounts[0].trunk("gw.example")
        assert (trunk.host, trunk.port, trunk.transport) == (*place, "TCP")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (ACCOUNT + ACCOUNT.replace("201", "202"), '[[account]] "juliet@example.org" name: stands twice'),
        (ACCOUNT + f'name = "{"x" * 33}"', '[[account]] "Juliet@Example.org" name: expected a name of 32 characters'),
        (ACCOUNT + 'numbers = ["+15550201", "a b"]', "numbers: expected a number or a user — got 'a b'"),
        ('[accounts]\nservers = ["privat"]\n', "servers[0]: expected public, private, an address or a network"),
        ('[accounts]\nusers = ["a@b@c d"]\n', "[accounts] users[0]: expected user@domain"),
        ("[accounts]\nmost = 0\n", "[accounts] most: expected"),
        (ACCOUNT.replace("Example.org", "gw.example"), "is the component itself"),
        (ACCOUNT.replace("201@", ""), "address: expected user@domain"),
        (ACCOUNT.replace("Pbx.example", "p b x"), "address: expected user@domain"),
        (ACCOUNT + 'user = "u"\n', "password_file: missing beside user"),
        (ACCOUNT + 'trunk = "nobody"\n', "trunk: no trunk has this name"),
        (TRUNK + ACCOUNT + 'trunk = "carrier"\nproxy = "p"\n', "proxy: stands beside trunk"),
        (TRUNK + ACCOUNT + 'trunk = "carrier"\ntransport = "udp"\n', "transport: stands beside trunk"),
        (ACCOUNT + 'proxy = "p:0"\n', "proxy: expected HOST or HOST:PORT"),
        (ACCOUNT + 'proxy = "::1"\n', "proxy: expected HOST or HOST:PORT"),
        (ACCOUNT + 'proxy = "a b"\n', "proxy: expected HOST or HOST:PORT"),
        (ACCOUNT + 'caller_id = "a@b"\n', "caller_id: expected a number or a user"),
        (ACCOUNT + 'registrar = "a b"\n', "registrar: expected a domain"),
    ],
)
def test_a_mistake_in_an_account_names_its_key(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, text)
    assert complaint in str(raised.value)
    assert "\n" not in str(raised.value)
