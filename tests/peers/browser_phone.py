"""A SIP phone over UDP whose media is a browser's: it speaks the SIP, a page writes and reads the SDP."""

import secrets

from tests.peers.browser import Page
from tests.peers.raw_sip import RawSip


class BrowserPhone:
    """One phone, for one call: it `dial`s or it `take`s one."""

    def __init__(self, raw: RawSip, page: Page) -> None:
        self.page = page
        self.offers: list[str] = []
        "The SDP offers of the call, whoever made them."
        self.answers: list[str] = []
        "The SDP answers likewise."
        self._raw = raw
        self._tag = secrets.token_hex(4)
        self._gateway: tuple[str, int] = ("", 0)
        self._target = ""
        self._local = ""
        self._remote = ""
        self._call_id = secrets.token_hex(8)
        self._number = 0

    async def dial(self, user: str, gateway: tuple[str, int], kinds: list[str]) -> None:
        """Call that user through the gateway; done when the call is answered and the answer taken."""
        host, port = gateway
        self._gateway = gateway
        self._target = f"sip:{user}@{host}:{port}"
        self._local = f"<sip:phone@{self._raw.local[0]}>;tag={self._tag}"
        self._remote = f"<{self._target}>"
        offer = await self.page.call("offer", kinds)
        self.offers.append(offer)
        self._request("INVITE", offer)
        answer, _ = await self._raw.expect("200", lambda message: message.header("CSeq").endswith("INVITE"))
        self._remote = answer.header("To")
        self._target = answer.header("Contact").partition("<")[2].partition(">")[0]
        self._request("ACK")
        self.answers.append(answer.body)
        await self.page.call("accept", answer.body)

    async def take(self, kinds: list[str]) -> None:
        """Ring and answer the call that comes; done when the answer is acknowledged."""
        invite = await self._raw.expect("INVITE")
        request, self._gateway = invite
        self._raw.respond(invite, "180 Ringing", tag=self._tag)
        self._local = f"{request.header('To')};tag={self._tag}"
        self._remote = request.header("From")
        self._target = request.header("Contact").partition("<")[2].partition(">")[0]
        self._call_id = request.header("Call-ID")
        self.offers.append(request.body)
        answer = await self.page.call("answer", kinds, request.body)
        self.answers.append(answer)
        self._raw.respond(invite, "200 OK", tag=self._tag, body=_lines(answer))
        await self._raw.expect("ACK")

    async def change(self, direction: str = "sendrecv", *, restart: bool = False) -> None:
        """Send a re-INVITE: all media in that direction, or an ICE restart; done when its answer is taken."""
        offer = await self.page.call("reoffer", direction, restart)
        self.offers.append(offer)
        self._request("INVITE", offer)
        wanted = f"{self._number} INVITE"
        answer, _ = await self._raw.expect("200", lambda message: message.header("CSeq") == wanted)
        self._request("ACK")
        self.answers.append(answer.body)
        await self.page.call("accept", answer.body)

    async def follow(self) -> None:
        """Answer the re-INVITE that comes; done when the answer is acknowledged."""
        invite = await self._raw.expect("INVITE")
        self.offers.append(invite[0].body)
        answer = await self.page.call("reanswer", invite[0].body)
        self.answers.append(answer)
        self._raw.respond(invite, "200 OK", body=_lines(answer))
        await self._raw.expect("ACK")

    async def hang_up(self) -> None:
        """End the call."""
        self._request("BYE")
        await self._raw.expect("200", test=lambda message: message.header("CSeq").endswith("BYE"))

    async def ended(self) -> None:
        """Wait until the other side ends the call."""
        self._raw.respond(await self._raw.expect("BYE"), "200 OK")

    def _request(self, method: str, body: str = "") -> None:
        if method != "ACK":
            self._number += 1
        host, port = self._raw.local
        written = _lines(body)
        lines = [
            f"{method} {self._target} SIP/2.0",
            f"Via: SIP/2.0/UDP {host}:{port};rport;branch=z9hG4bK{secrets.token_hex(8)}",
            "Max-Forwards: 70",
            f"From: {self._local}",
            f"To: {self._remote}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {self._number} {method}",
            f"Contact: <sip:phone@{host}:{port}>",
            *(["Content-Type: application/sdp"] if body else []),
            f"Content-Length: {len(written) + written.count(chr(10))}",
            "",
            written,
        ]
        self._raw.send("\n".join(lines), self._gateway)


def _lines(body: str) -> str:
    # The socket makes CRLF of each line end.
    return body.replace("\r\n", "\n")
