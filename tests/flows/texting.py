"""What flows of texts are written with: clients that write, phones that do, and a server that bounces."""

from collections.abc import Iterable
from typing import Any
from xml.etree.ElementTree import tostring

from tests.flows.client import NUMBER, Client
from tests.flows.inmemory import DOMAIN, GATEWAY, World
from tests.flows.phone import Phone
from tests.flows.step import Step, check

MESSAGES = "messages = true"
"The key of the trunk."

RECEIPT = "<request xmlns='urn:xmpp:receipts'/>"


def writes(
    client: Client, body: str | None = "Wherefore?", *, number: str = NUMBER, more: str = "", type: str = "chat"
) -> Step:
    """A message of an XMPP user, with what else stands in it."""
    said = "" if body is None else f"<body>{body}</body>"
    return Step(lambda world: client._say(world, "message", f"{number}@{DOMAIN}", type, said + more))


def says(client: Client, xml: str) -> Step:
    """A stanza as it stands."""
    return Step(lambda world: client._in(world, xml))


def texts(
    phone: Phone,
    body: str | bytes = "Here!",
    *,
    number: str = "+15550100",
    type: str = "text/plain",
    headers: Iterable[tuple[str, str]] = (),
    call: str = "text",
    cseq: int | None = None,
) -> Step:
    """A MESSAGE of a phone; of the same ``call`` and ``cseq`` it is the same one, by another way."""

    def do(world: World) -> None:
        line: Any = phone._line(world, call)
        line.call_id = f"{call}-{phone.name}@{phone.host}"
        line.local = f'"{phone.name.title()}" <sip:{phone.name}@{phone.host}>;tag={phone.name}-{call}'
        line.remote = f"<sip:{number}@{GATEWAY}>"
        line.cseq = line.cseq + 1 if cseq is None else cseq
        data = body if isinstance(body, bytes) else body.encode()
        said = (("Content-Type", type), *headers)
        phone._request(world, line, "MESSAGE", f"sip:{number}@{GATEWAY}", line.cseq, body=data, headers=said)

    return Step(do)


def confirms(client: Client, *, has: str | Iterable[str] = ()) -> Step:
    """The next text for an account, and the receipt that it asks for."""

    def do(world: World) -> None:
        client._memory(world)
        stanza = client._next(world, "body")
        check(world, "body", "body", tostring(stanza, encoding="unicode"), has=has)
        id, to = stanza.get("id"), stanza.get("from")
        client._in(
            world,
            f"<message id='r1' from='{client.jid}' to='{to}'><received xmlns='urn:xmpp:receipts' id='{id}'/></message>",
        )

    return Step(do)
