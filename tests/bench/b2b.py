"""The gateway's SIP side alone: both legs of every call are SIP, so that it can stand beside a proxy.

Everything is the gateway's own, the port, the transactions, the legs, the bridge and the call's task; only the routing
is left out, which takes no calls from SIP to SIP.  `python -m tests.bench.b2b LISTENING-PORT NEXT-PORT` serves until it
is told to end, and says that it listens by a line.
"""

import asyncio
import contextlib
import gc
import sys
import uuid
from functools import partial

from prometheus_client import CollectorRegistry

from gateway.call.facts import CallLimits
from gateway.call.sip_legs import party
from gateway.call.task import CallTask
from gateway.log import configure
from gateway.metrics import Metrics
from gateway.net.sip import Listener, SipPort, SipPortSettings
from gateway.sdp.history import SdpSession
from gateway.signals import Side
from gateway.sip.address import NameAddr
from gateway.sip.flow import Hop
from gateway.sip.leg import LegSettings, SipLeg, SipTarget
from gateway.sip.message import SipRequest
from gateway.sip.uas import answer, check
from mappings.terms import Role

HOST = "127.0.0.1"


def _id() -> str:
    return uuid.uuid4().hex


class BackToBack:
    """Takes every call, and makes one to the same user at the next port."""

    def __init__(self, port: int, next_port: int) -> None:
        self._hop = Hop(HOST, next_port, "UDP")
        self._observer = Metrics(CollectorRegistry())
        self._calls: dict[str, CallTask] = {}
        self._sides: dict[str, tuple[CallTask, Side]] = {}
        "By our tags."

        self._tasks: set[asyncio.Task[None]] = set()
        self._settings = LegSettings()
        self.sip = SipPort(
            SipPortSettings(listeners=(Listener("UDP", HOST, port),)),
            on_request=self._request,
            is_trunk=lambda host, port: True,
            is_call=self._sides.__contains__,
            observer=self._observer.sip,
        )

    def _request(self, request: SipRequest) -> None:
        if (found := self._sides.get(request.to.tag or "")) is not None:
            task, side = found
            if request.method != "ACK":
                self.sip.adopt(request, task.seating.inlets[side], request.to.tag)
            task.put(side, request)
        elif (refused := check(request, tag=_id()[:16])) is not None:
            self.sip.dismiss(refused)
        elif request.method == "INVITE":
            self._invite(request)
        elif request.method != "ACK":
            self.sip.dismiss(answer(request, 481, tag=_id()[:16]))

    def _invite(self, request: SipRequest) -> None:
        contact = f"<sip:{self.sip.contact('UDP')}>"
        called = SipLeg.called(
            request, tag=_id()[:16], contact=contact, sdp=self._sdp(Role.RESPONDER), new_id=_id,
            settings=self._settings,
        )  # fmt: skip
        calling = SipLeg.calling(
            SipTarget(
                uri=f"sip:{HOST}:{self._hop.port}", hop=self._hop, from_=NameAddr.parse(f"<sip:bench@{HOST}>"),
                to=NameAddr.parse(f"<sip:{HOST}:{self._hop.port}>"),
            ),
            call_id=_id(), tag=_id()[:16], contact=contact, sdp=self._sdp(Role.INITIATOR), new_id=_id,
            settings=self._settings,
        )  # fmt: skip
        parties = {Side.CALLER: party(called, self.sip), Side.CALLEE: party(calling, self.sip)}
        task = CallTask(
            _id()[:16], origin="sip", parties=parties, limits=CallLimits(), observer=self._observer.calls, facts={},
            on_closed=partial(self._closed, called.tag, calling.tag),
        )  # fmt: skip
        self._sides[called.tag] = task, Side.CALLER
        self._sides[calling.tag] = task, Side.CALLEE
        self.sip.adopt(request, task.seating.inlets[Side.CALLER], called.tag)
        task.put(Side.CALLER, request)
        running = asyncio.get_running_loop().create_task(task.run())
        self._tasks.add(running)
        running.add_done_callback(self._tasks.discard)

    def _sdp(self, role: Role) -> SdpSession:
        return SdpSession(role, int(_id()[:15], 16))

    def _closed(self, *rest: object) -> None:
        *tags, task = rest
        assert isinstance(task, CallTask)
        for tag in tags:
            del self._sides[str(tag)]
        for inlet in task.seating.inlets.values():
            self.sip.release(inlet)


async def serve(port: int, next_port: int) -> None:
    """Take calls until it is cancelled."""
    configure(level="warning", format="json")
    both = BackToBack(port, next_port)
    await both.sip.start()
    gc.freeze()  # as the gateway's own start does
    gc.set_threshold(20_000, 20, 20)
    print("listening", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await both.sip.stop()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2])))
