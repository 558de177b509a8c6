"""The demonstration, run as an operator runs it once its environment stands."""

import signal
import sys
from pathlib import Path

from tests.peers.gateway import REPOSITORY
from tests.peers.program import Program


def _demo(folder: Path, **environment: str) -> Program:
    return Program(
        "demo",
        [sys.executable, "-m", "tests.peers.demo"],
        folder=folder,
        environment={"PYTHONPATH": str(REPOSITORY), "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1", **environment},
    )


def _left(folder: Path) -> list[str]:
    """What is left of a run: processes that name its folder, and files in it."""
    processes = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in command:
            processes.append(command)
    return processes + [str(path) for path in folder.glob("jingle-sip-demo-*")]


async def test_the_demonstration_shows_a_call_each_way_and_leaves_nothing(tmp_path: Path) -> None:
    demo = _demo(tmp_path)
    demo.start()
    status = await demo.ended(90)
    text = demo.text()
    assert status == 0, text
    for shown in ("propose", "INVITE (SDP)", "180 Ringing", "XMPP → SIP: answered", "SIP → XMPP: answered"):
        assert shown in text
    assert _left(tmp_path) == []


async def test_an_interrupted_demonstration_fails_and_leaves_nothing(tmp_path: Path) -> None:
    demo = _demo(tmp_path)
    demo.start()
    await demo.ready(lambda: "session-accept" in demo.text(), "a call is answered")
    demo.send_signal(signal.SIGINT)
    assert await demo.ended() != 0
    assert _left(tmp_path) == []


async def test_a_demonstration_that_cannot_be_given_fails_and_says_why(tmp_path: Path) -> None:
    demo = _demo(tmp_path, PATH=str(tmp_path))
    demo.start()
    assert await demo.ended() != 0
    assert "FAILED: prosody" in demo.text()
    assert _left(tmp_path) == []
