"""SIP messages out of a stream of bytes (RFC 3261 §18.3), and keep-alives (RFC 5626 §3.5.1)."""

import re
from dataclasses import dataclass
from typing import Final

from gateway.sip.headers import MAX_BODY, MAX_HEAD
from gateway.sip.malformed import Malformed

END_OF_HEAD: Final = re.compile(rb"\n\r?\n")
"The empty line; what stands before its match may end in the carriage return of the last header."

_BREAKS: Final = re.compile(rb"(?:\r?\n)*+")
_FOLD: Final = re.compile(rb"\r?\n[ \t]+")
_LENGTH: Final = re.compile(rb"\n(?:content-length|l)[ \t]*+:[ \t]*+([^\r\n]*+)", re.I)


@dataclass(frozen=True, slots=True)
class Ping:
    """Two line breaks between messages: the peer asks whether we are there, and is to be sent one."""


@dataclass(frozen=True, slots=True)
class Pong:
    """One line break between messages, after we have asked: the peer is there."""


class Framer:
    """Cuts one connection's bytes into messages.

    After `Malformed` the place of the next message is unknown: the connection is to be closed.  What came whole before
    the fault is returned first, and the fault raised by the next `feed`, which may be of no bytes.
    """

    __slots__ = ("_asked", "_buffer", "_fault", "_max_body", "_max_head", "_need", "_searched")

    def __init__(self, *, max_head: int = MAX_HEAD, max_body: int = MAX_BODY) -> None:
        self._buffer = bytearray()
        self._searched = 0
        "How far the buffer has been looked through for the end of the head, so that no byte is looked at twice."
        self._need = 0
        "The length of the message at the buffer's start, once its head is known; else 0."
        self._fault: Malformed | None = None
        self._asked = False
        self._max_head = max_head
        self._max_body = max_body

    def ask(self) -> None:
        """The peer is asked whether it is there: a line break alone is its answer."""
        self._asked = True

    def feed(self, data: bytes) -> list[bytes | Ping | Pong]:
        """Take what has arrived, return what is whole. Raises `Malformed` for what cannot be framed."""
        found: list[bytes | Ping | Pong] = []
        if self._fault is None:
            self._buffer += data
            try:
                while (item := self._next()) is not None:
                    found.append(item)
            except Malformed as fault:
                self._fault = fault
                self._buffer.clear()
        if self._fault is not None and not found:
            raise self._fault
        return found

    @property
    def waiting(self) -> int:
        """Octets of a message that has begun and is not whole."""
        buffer = self._buffer
        return 0 if len(buffer) < 4 and not buffer.strip(b"\r\n") else len(buffer)

    def _next(self) -> bytes | Ping | Pong | None:
        buffer = self._buffer
        if not self._need:
            if self._searched == 0:
                match = _BREAKS.match(buffer)
                breaks = match.end() if match else 0
                # However many stand in a row, they are one question: a flood is not to make us send as many answers.
                if buffer.count(b"\n", 0, breaks) > 1:
                    del buffer[:breaks]
                    return Ping()
                if breaks and self._asked:
                    del buffer[:breaks]
                    self._asked = False
                    return Pong()
                left = len(buffer) - breaks
                if left == 0 or (left == 1 and buffer.endswith(b"\r")):
                    return None  # one line break, which may yet become two
                del buffer[:breaks]
            if not self._find_head():
                return None
        if len(buffer) < self._need:
            return None
        message = bytes(memoryview(buffer)[: self._need])
        del buffer[: self._need]
        self._need = self._searched = 0
        return message

    def _find_head(self) -> bool:
        """Whether the whole head is here; then `_need` is set."""
        buffer = self._buffer
        match = END_OF_HEAD.search(buffer, self._searched)
        if match is None:
            if len(buffer) > self._max_head:
                raise Malformed(f"stream: head of more than {self._max_head} octets", status=513)
            self._searched = max(len(buffer) - 2, 0)
            return False
        if match.start() > self._max_head:
            raise Malformed(f"stream: head of more than {self._max_head} octets", status=513)
        self._need = match.end() + self._content_length(bytes(memoryview(buffer)[: match.start()]))
        return True

    def _content_length(self, head: bytes) -> int:
        if b"\n " in head or b"\n\t" in head:
            head = _FOLD.sub(b" ", head)
        lengths = _LENGTH.findall(head)
        if len(lengths) != 1:
            raise Malformed(f"stream: {len(lengths)} Content-Length headers, one is needed")
        text = lengths[0].strip()
        if not text.isdigit():
            raise Malformed("stream: Content-Length is no number")
        text = text.lstrip(b"0") or b"0"
        if len(text) > 10 or int(text) > self._max_body:
            raise Malformed(f"stream: body of more than {self._max_body} octets", status=513)
        return int(text)
