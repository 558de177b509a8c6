"""Messages at the edges of the grammar, sent to the real SIP port of a whole gateway: which final response each gets.

Our own messages, and RFC 4475's where they are at hand, the latter with the results of the conformance reference's
appendix A.  They come from a trunk, and everybody whom they call is there: what is sound and calls makes a call.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import pytest

from gateway.sip.flow import Flow
from tests.net.desk import STRANGER, TRUNK, desk
from tests.net.rig import scenario

OWN: Final = Path(__file__).parent.parent / "torture" / "sip"
RFC4475: Final = Path(__file__).parents[3] / "shared" / "spec" / "rfc4475-messages"

CALL: Final = 0
"No final response yet: it rings."

NONE: Final = -1
"No response at all."

# fmt: off
EXPECTED_OWN: Final[Mapping[str, int]] = {
    "addresses-of-other-schemes": 405, "bare-carriage-return": 400, "bare-nul": 400, "binary-body": 405,
    "blank-in-request-uri": 400, "blank-inside-brackets": 400, "blanks-behind-request-line": 400,
    "body-cut-off": 400, "bracketed-request-uri": 400, "comma-in-bare-name": 400, "contact-parameter": 405,
    "cookie-alone": 200, "empty-parameters": 400, "escaped-nul": 200, "escapes-once": CALL, "everything-twice":
    400, "folded-everywhere": 481, "headers-in-request-uri": 400, "headers-missing": 400, "hops-too-many": 400,
    "ipv6-without-brackets": 400, "ipv6": CALL, "line-feeds-only": 481, "long-values": CALL, "methods-differ":
    400, "name-glued-to-bracket": 200, "negative-length": 400, "no-end-of-headers": 400, "no-hops-left": 200,
    "no-version": NONE, "number-too-large-in-response": NONE, "number-too-large": 400, "odd-date": CALL,
    "odd-method": 501, "old-style": CALL, "open-quote": 400, "other-version": 505, "percent-is-no-escape": 501,
    "phrase-empty": NONE, "phrase-of-any-letters": NONE, "required-extensions": 420, "semicolon-in-user": 200,
    "status-of-no-class": NONE, "status-too-large": NONE, "strange-credentials": 405, "stray-line": 400,
    "tag-twice": 400, "two-ats": 400, "two-blanks-in-request-line": 400, "two-in-one-datagram": 200,
    "two-lengths": 400, "two-slashes-scheme": 416, "two-vias-in-response": NONE, "unbracketed-uri-with-headers":
    405, "unknown-methods-differ": 501, "unknown-scheme": 416, "unknown-transports": 200, "uri-parameter": 405,
    "uri-with-headers": 405,
}

EXPECTED_RFC4475: Final[Mapping[str, int]] = {
    # valid (§3.1.1)
    "wsinv": 481, "intmeth": 501, "esc01": CALL, "escnull": 405, "esc02": 501, "lwsdisp": 200, "longreq": CALL,
    "dblreq": 405, "semiuri": 200, "transports": 200, "mpart01": 405, "unreason": NONE, "noreason": NONE,
    # invalid (§3.1.2)
    "badinv01": 400, "clerr": 400, "ncl": 400, "scalar02": 400, "scalarlg": NONE, "quotbal": 400, "ltgtruri": 400,
    "lwsruri": 400, "lwsstart": 400, "trws": 400, "escruri": 400, "baddate": CALL, "regbadct": 405, "badaspec": 400,
    "baddn": 400, "badvers": 505, "mismatch01": 400, "mismatch02": 501, "bigcode": NONE,
    # of the transaction, of the application (§3.2, §3.3), and of the RFC before (§3.4)
    "badbranch": 200, "insuf": 400, "unkscm": 416, "novelsc": 416, "unksm2": 405, "bext01": 420, "invut": 415,
    "regaut01": 405, "multi01": 400, "mcl01": 400, "bcast": NONE, "zeromf": 200, "cparam01": 405, "cparam02": 405,
    "regescrt": 405, "sdp01": 406, "inv2543": CALL, "test": NONE,
}
# fmt: on


async def result(data: bytes, host: str) -> int:
    """What becomes of a message."""
    async with desk(called=".*") as it:
        peer = await it.peer(host)
        out: list[bytes] = []
        send = it.app.sip._sockets.send

        def listen(data: bytes, flow: Flow) -> None:
            if b"\r\nCall-ID: probe\r\n" in data:
                send(data, flow)
            else:  # it goes where the message says, which is nowhere
                out.append(data)

        it.app.sip._sockets.send = listen  # type: ignore[method-assign]
        await it.says(host, data)
        await it.says(host, it.invite("probe", host).replace(b"INVITE", b"OPTIONS"))
        await peer.response(200)
        finals = {int(data[8:11]) for data in out if data.startswith(b"SIP/2.0 ")} - {100}
        if it.app.calls:
            finals.add(CALL)
        if host == STRANGER:
            assert it.app.sip.transactions == 0
        assert len(finals) <= 1
        return finals.pop() if finals else NONE


async def results(messages: Mapping[str, bytes], host: str) -> dict[str, int]:
    """What becomes of each, of one alone."""
    return {name: await result(data, host) for name, data in messages.items()}


def messages(folder: Path) -> dict[str, bytes]:
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.dat"))}


@pytest.mark.conformance("SIP-28", "SIP-29")
@scenario
async def test_every_own_message_gets_its_response() -> None:
    assert await results(messages(OWN), TRUNK) == EXPECTED_OWN


@pytest.mark.conformance("SIP-28", "SIP-29", "SIP-17", "SIP-18")
@pytest.mark.skipif(not RFC4475.exists(), reason="the RFC's messages are not at hand")
@scenario
async def test_every_message_of_rfc_4475_gets_its_response() -> None:
    assert await results(messages(RFC4475), TRUNK) == EXPECTED_RFC4475


@pytest.mark.conformance("ROB-05")
@scenario
async def test_of_a_stranger_none_of_them_makes_a_call_or_stays() -> None:
    found = await results(messages(OWN), STRANGER)
    assert found == {name: 403 if status == CALL else status for name, status in EXPECTED_OWN.items()}
