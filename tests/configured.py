"""A configuration as an operator writes it, and the programs around the gateway that it names."""

from pathlib import Path

from gateway.config import Settings, load

TEXT = """
[xmpp]
domain = "gw.example"
host = "127.0.0.1"
port = {xmpp_port}
secret_env = "SECRET"
reconnect_first_seconds = 0.05
reconnect_most_seconds = 0.05

[sip]
listen = ["udp:127.0.0.1:{sip_port}"]

[[trunk]]
name = "pbx"
host = "{trunk}"
port = {trunk_port}
transport = "{transport}"
allow = [{allow}]
{more}

{dial}

[store]
file = "{store}"
{store_keys}

[http]
port = {http_port}
"""

DIAL = """[[dial]]
match = '.*'
trunk = "pbx"
"""


def written(folder: Path, **values: object) -> Path:
    """The file."""
    defaults: dict[str, object] = {
        "xmpp_port": 1,
        "sip_port": 0,
        "trunk": "127.0.0.1",
        "trunk_port": 1,
        "allow": '"montague.example"',
        "dial": DIAL,
        "http_port": 0,
        "transport": "udp",
        "more": "",
        "store": "",
        "store_keys": "",
    }
    path = folder / "gateway.toml"
    path.write_text(TEXT.format(**defaults | values))
    return path


def configured(folder: Path, **values: object) -> Settings:
    """What the file says; the secret is 'test'."""
    return load(written(folder, **values), {"SECRET": "test"})
