"""What the rigs ask of an XMPP server, whichever it is: one host with accounts, one external component."""

from typing import Protocol

from tests.peers.program import Program

HOST = "home.example"
COMPONENT = "gw.example"
SECRET = "open sesame"
ACCOUNTS = {"romeo": "montague", "juliet": "capulet", "nurse": "angelica", "mercutio": "queen mab"}
"Accounts of `HOST` and their passwords."


class XmppServer(Protocol):
    """A server of our own; `restart` brings it back on the same ports with the same accounts and rosters."""

    address: str
    client_port: int
    component_port: int
    secret: str
    program: Program

    async def start(self) -> None:
        """Start it and wait until both ports answer."""
        ...

    async def stop(self) -> None:
        """Let it say goodbye to its streams and end."""
        ...

    def kill(self) -> None:
        """Let it disappear without a word."""
        ...

    async def restart(self) -> None:
        """Make it disappear, and come back at once."""
        ...
