"""Hostile texts of 64 KiB: whatever they say, reading them takes time in proportion to their length.

Patterns cannot be counted while they work, so time is measured; what is quadratic takes a minute and more for such a
text, and the bound is far above what is needed.  Our own loops over a text are counted.
"""

from collections.abc import Callable
from contextlib import suppress
from time import process_time
from typing import Any

import pytest

from gateway.errors import PeerError
from gateway.sip import digest, grammar
from gateway.sip.address import NameAddr, Parameters, TelUri, Uri, Via, unescape
from gateway.sip.digest import schemes
from gateway.sip.grammar import number, quote, shown, split_list, unquote
from gateway.sip.headers import CSeq
from gateway.sip.message import Framer, parse

SIZE = 64 * 1024 - 512
BOUND = 0.5
"Seconds of this process; all but a few need less than a hundredth of that."

# fmt: off
STEMS = {
    "blanks": " ", "tabs": "\t", "blank-and-letter": " a", "commas": ",", "commas-and-blanks": " , ",
    "semicolons": ";", "parameters": ";a=b", "flags": ";a", "growing": None, "equals": "=", "quotes": '"',
    "open-quotes": '"a', "pairs": '\\"', "backslashes": "\\", "brackets": "<", "closed": "<>", "nested": "<<>>",
    "ats": "@", "colons": ":", "users": "a:b@", "digits": "1", "zeros": "0", "dots": ".", "dashes": "-", "hosts": "a.",
    "numbers": "1-", "escapes": "%41", "percents": "%", "questions": "?", "slashes": "/", "vias": "SIP/2.0/UDP h,",
    "via-blanks": "SIP / ", "addresses": '"a" <sip:a@b>;c="d",', "letters": "a", "nuls": "\0", "escaped-nuls": "\\\0",
    "returns": "\r", "challenges": "Digest a=b, ", "schemes": "Digest ", "square": "[", "ipv6": ":1", "hashes": "#*",
}
AROUND = {
    "alone": ("", ""), "sip": ("sip:", ""), "sip-user": ("sip:", "@h"), "sip-params": ("sip:h;", ""),
    "ipv6": ("sip:[", "]"), "tel": ("tel:", ""), "tel-plus": ("tel:+1", ";ext=x"),
    "tel-context": ("tel:1;phone-context=", "!"), "via": ("SIP/2.0/UDP h", ""), "via-start": ("SIP", "/2.0/UDP h"),
    "via-host": ("SIP/2.0/UDP ", "!"), "name": ("", "<sip:a@b>"), "quoted": ('"', '" <sip:a@b>;t=1'),
    "open": ('"', ""), "tag": ("<sip:a@b>;tag=", ""), "value": ('<sip:a@b>;x="', '"!'), "digest": ("Digest ", ""),
    "digest-value": ('Digest a="', ""),
}
READERS: dict[str, Callable[[str], object]] = {
    "uri": Uri.parse, "address": NameAddr.parse, "via": Via.parse, "parameters": Parameters.parse, "list": split_list,
    "uri-parameters": Parameters.parse_uri, "tel": TelUri.parse, "schemes": schemes, "cseq": CSeq.parse, "shown": shown,
    "number": lambda text: number(text, 255), "quote": quote, "unquote": unquote, "unescape": unescape,
}
# fmt: on


def text(stem: str | None, size: int = SIZE) -> str:
    if stem is None:  # as many different parameters as there is room for
        return "".join([f";p{n}={n}" for n in range(size // 12)])
    return stem * (size // len(stem))


@pytest.mark.parametrize("reader", READERS)
def test_no_reader_takes_long_over_any_text(reader: str) -> None:
    slow = {}
    for name, stem in STEMS.items():
        for around, (before, after) in AROUND.items():
            data = before + text(stem) + after
            start = process_time()
            with suppress(PeerError):
                READERS[reader](data)
            if (taken := process_time() - start) > BOUND:
                slow[f"{around} {name}"] = taken
    assert not slow


# fmt: off
HEADERS = {
    "long-via": "Via: SIP/2.0/UDP h;branch=z9hG4bK{}", "many-vias": "Via: {}", "long-to": "To: <sip:{}@h>",
    "tel": "To: <tel:{}>", "name": 'From: "{}" <sip:a@b>;tag=1', "open-name": 'From: "{}', "contact": "Contact: {}",
    "cseq": "CSeq: {} INVITE", "length": "Content-Length: {}", "hops": "Max-Forwards: {}", "unknown": "X: {}",
    "no-header": "{}", "accept": "Accept: {}",
}
# fmt: on


@pytest.mark.parametrize("header", HEADERS)
def test_no_message_takes_long_whatever_it_holds(header: str) -> None:
    slow = {}
    for name, stem in STEMS.items():
        data = (
            "INVITE sip:a@b SIP/2.0\r\nVia: SIP/2.0/UDP h;branch=z9hG4bKa\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:a@b>\r\n"
            f"Call-ID: a\r\nCSeq: 1 INVITE\r\n{HEADERS[header].format(text(stem))}\r\n\r\n"
        )
        start = process_time()
        with suppress(PeerError):
            message = parse(data.encode())
            _ = message.contacts, message.values("Accept"), message.encode()
        if (taken := process_time() - start) > BOUND:
            slow[name] = taken
    assert not slow


@pytest.mark.parametrize(
    "line", ["\r\n ", "\n\t", "\r\nX:1", "\r\nX", "\r\n\r", "\r \n", "\n\n ", " \r\n ", "\r\n:", "\r"]
)
def test_no_number_of_lines_takes_long(line: str) -> None:
    for start in ("INVITE sip:a@b SIP/2.0", "SIP/2.0 200 OK", ""):
        data = (start + line * (SIZE // len(line)) + "\r\n\r\n").encode()
        began = process_time()
        with suppress(PeerError):
            parse(data)
        with suppress(PeerError):
            framer = Framer()
            for at in range(0, len(data), 16):
                framer.feed(data[at : at + 16])
        assert process_time() - began < BOUND


class _Counting:
    """A pattern that counts how often it is tried, and how far it goes."""

    def __init__(self, pattern: Any) -> None:
        self.pattern, self.steps = pattern, 0

    def match(self, text: str, position: int) -> Any:
        found = self.pattern.match(text, position)
        self.steps += 1 + (found.end() - position if found else 0)
        return found


# fmt: off
LOOPS: dict[str, tuple[Any, str, Callable[[str], object], str | None]] = {
    "parameters": (grammar, "_PARAMETER", Parameters.parse, None),
    "uri parameters": (grammar, "_URI_PARAMETER", Parameters.parse_uri, None),
    "list": (grammar, "_LIST_ITEM", split_list, '"a" <b,c>,'),
    "challenges": (digest, "_ITEM", schemes, "Digest a=b, "),
}
# fmt: on


@pytest.mark.parametrize("loop", LOOPS)
def test_twice_the_text_is_at_most_twice_the_steps(monkeypatch: pytest.MonkeyPatch, loop: str) -> None:
    module, name, reader, stem = LOOPS[loop]
    steps = []
    for size in (SIZE // 2, SIZE):
        counting = _Counting(getattr(module, name))
        with monkeypatch.context() as patched:
            patched.setattr(module, name, counting)
            reader(text(stem, size))
        steps.append(counting.steps)
    assert 0 < steps[1] < 2.2 * steps[0]  # the names grow by a digit here and there
    assert steps[1] <= 2 * SIZE
