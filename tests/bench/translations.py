"""What a translation costs: a Conversations-like offer both ways, beside sdp-transform and lxml in the same run.

`python -m tests.bench.translations`; sdp-transform runs where Node.js and that package are to be had (`npm install
sdp-transform` in a folder that NODE_PATH names), and its line is left out where not.
"""

import json
import os
import shutil
import subprocess
import timeit
from collections.abc import Callable
from xml.etree.ElementTree import Element, fromstring, tostring

import lxml.etree

from gateway.jingle import description
from gateway.sdp.history import SdpSession
from gateway.translate import jingle_to_sdp, sdp_to_jingle
from mappings.namespaces import JINGLE
from mappings.terms import Role

CODECS = (
    (111, "opus", 48000, 2, "minptime=10;useinbandfec=1"),
    (63, "red", 48000, 2, "111/111"),
    (9, "G722", 8000, 1, ""),
    (102, "ILBC", 8000, 1, ""),
    (0, "PCMU", 8000, 1, ""),
    (8, "PCMA", 8000, 1, ""),
    (13, "CN", 8000, 1, ""),
    (110, "telephone-event", 48000, 1, "0-16"),
    (126, "telephone-event", 8000, 1, "0-16"),
    *(
        (96 + n, "H264" if n % 2 else "VP8", 90000, 1, f"level-asymmetry-allowed=1;packetization-mode={n % 2}")
        for n in range(6)
    ),
    *((35 + n, "rtx", 90000, 1, f"apt={96 + n}") for n in range(5)),
)
"Twenty payload types: those of an audio call, and of its video."


def offer() -> str:
    """The SDP of an offer with 20 payload types and 6 candidates."""
    lines = [
        *("v=0", "o=- 4611731400430051336 2 IN IP4 127.0.0.1", "s=-", "t=0 0", "a=group:BUNDLE 0"),
        *("a=extmap-allow-mixed", f"m=audio 50000 UDP/TLS/RTP/SAVPF {' '.join(str(codec[0]) for codec in CODECS)}"),
        *("c=IN IP4 192.0.2.10", "a=rtcp:9 IN IP4 0.0.0.0"),
    ]
    for n in range(6):
        kind = "host" if n < 3 else "srflx raddr 198.51.100.7 rport 40000"
        ip = "192.0.2.10" if n == 0 else f"192.0.2.{20 + n}"
        lines.append(
            f"a=candidate:{1000 + n} 1 udp {2122260223 - n} {ip} {50000 + n} typ {kind} generation 0 network-id {n}"
        )
    lines += [
        *("a=ice-ufrag:sXpC", "a=ice-pwd:0aBcDeFgHiJkLmNoPqRsTuVw", "a=ice-options:trickle renomination"),
        f"a=fingerprint:sha-256 {':'.join(f'{n * 7 % 256:02X}' for n in range(32))}",
        *("a=setup:actpass", "a=mid:0", "a=sendrecv", "a=rtcp-mux"),
        *(f"a=extmap:{n} urn:ietf:params:rtp-hdrext:example-{n}" for n in range(1, 5)),
    ]
    for id, name, rate, channels, parameters in CODECS:
        lines.append(f"a=rtpmap:{id} {name}/{rate}" + (f"/{channels}" if channels > 1 else ""))
        if parameters:
            lines.append(f"a=fmtp:{id} {parameters}")
    lines += [
        "a=rtcp-fb:111 transport-cc",
        "a=ssrc:3735928559 cname:k9fPq2bXnV1s",
        "a=ssrc:3735928559 msid:stream track",
    ]
    return "\r\n".join(lines) + "\r\n"


def _cost(work: Callable[[], object]) -> float:
    """Seconds of one run, the best of several."""
    return min(timeit.repeat(work, number=100, repeat=7)) / 100


def _sdp_transform(text: str) -> float | None:
    if (node := shutil.which("node")) is None:
        return None
    script = (
        "const t=require('sdp-transform');const s=JSON.parse(process.argv[1]);"
        "for(let i=0;i<2000;i++)t.write(t.parse(s));const b=process.cpuUsage();"
        "for(let i=0;i<2000;i++)t.write(t.parse(s));const u=process.cpuUsage(b);console.log((u.user+u.system)/2000)"
    )
    done = subprocess.run(
        [node, "-e", script, json.dumps(text)], capture_output=True, text=True, env=os.environ, check=False
    )
    return float(done.stdout) / 1e6 if done.returncode == 0 else None


def main() -> None:
    """Measure and print."""
    text = offer()
    element = sdp_to_jingle(text).element
    xml = tostring(element)
    described = SdpSession(Role.RESPONDER, 1).read_offer(text)
    jingle = Element(f"{{{JINGLE}}}jingle", {"action": "session-initiate", "sid": "1"})
    jingle.extend(description.write(described))
    rows: list[tuple[str, Callable[[], object]]] = [
        ("SDP → Jingle, whole", lambda: sdp_to_jingle(text)),
        ("Jingle → SDP, whole", lambda: jingle_to_sdp(element)),
        ("  of it: SDP read", lambda: SdpSession(Role.RESPONDER, 1).read_offer(text)),
        ("  of it: SDP written", lambda: SdpSession(Role.INITIATOR, 1).write_offer(described)),
        ("  of it: Jingle read", lambda: description.read(jingle)),
        ("  of it: Jingle written", lambda: description.write(described)),
        ("lxml, parse of the same XML", lambda: lxml.etree.fromstring(xml)),
        ("xml.etree, parse of the same XML", lambda: fromstring(xml)),
    ]
    print(f"an offer of {len(CODECS)} payload types and 6 candidates: {len(text)} octets of SDP, {len(xml)} of XML")
    for name, work in rows:
        seconds = _cost(work)
        print(f"{name:34} {seconds * 1e6:8.1f} µs {1 / seconds:10.0f} a second", flush=True)
    if (seconds := _sdp_transform(text) or 0.0) > 0:
        print(f"{'sdp-transform, parse and write':34} {seconds * 1e6:8.1f} µs {1 / seconds:10.0f} a second")


if __name__ == "__main__":
    main()
