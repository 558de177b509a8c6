"""Logging: one line a change of state, as JSON in service and readable in a terminal (structlog).

An event is a constant name, a noun and a past verb; everything that varies is a field, and `FIELDS` lists them all: one
key, one meaning, wherever it stands.  ``debug`` shows the messages on the wire (field ``wire``), and what is secret in
them is taken out here, whoever logs them.  JIDs, SIP users and numbers are shortened unless the operator asks for them.
The pure core does not log; it returns what happened.
"""

import logging
import re
import sys
import traceback
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# fmt: off
FIELDS = {
    # of every line
    "event": "what happened",
    "level": "debug, info, warning, error, critical",
    "timestamp": "when, UTC, RFC 3339",
    "logger": "the library that said it, for lines that are not ours",
    "exception": "the traceback of a failure of ours",
    # of a call
    "call": "our id of the call",
    "origin": "the protocol that the caller speaks: xmpp, sip",
    "jingle_sid": "the Jingle session's id",
    "sip_call_id": "the SIP dialog's Call-ID",
    "sip_session_id": "the call's Session-ID as we say it: ours, and the peer's as remote (RFC 7989)",
    "sip_status": "the last final response on the SIP side",
    "side": "caller, callee",
    "caller": "who calls",
    "callee": "who is called",
    "trunk": "the trunk that the call takes",
    "ended_by": "caller, callee, gateway",
    "answered": "whether somebody answered",
    "early_media": "whether what was played before the answer was heard",
    "setup_seconds": "from the offer to the answer",
    "duration_seconds": "from the answer to the end",
    "codec": "the first codec of the answer",
    "anchor": "who relays the media: none",
    "signal": "what one leg told the other",
    "state": "of a machine of ours",
    # of a command
    "node": "of an ad-hoc command",
    "outcome": "how it ended: completed, failed, canceled, expired, broken",
    # of a message
    "protocol": "jingle, sip, xmpp, http, dns",
    "direction": "in, out",
    "action": "of a Jingle request",
    "method": "of a SIP request",
    "status": "of a SIP response",
    "kind": "of a stanza: iq, message, presence; of a question to the DNS: NAPTR, SRV, A, AAAA",
    "type": "of a stanza",
    "condition": "of a stanza error",
    "result": "what became of a chat message: delivered, accepted, failed",
    "names": "what the other side cannot say",
    "keys": "how many were typed",
    "wire": "a whole message",
    # of anything
    "reason": "why, in one of a few words",
    "cause": "why a request or call was refused, in one of a few words",
    "text": "why, in words",
    "peer": "a JID, an address, a name, or host:port",
    "transport": "UDP, TCP, TLS, WS, WSS",
    "address": "host:port of a socket of ours",
    "delay_seconds": "until the next attempt",
    "timeout_seconds": "how long we wait",
    "suppressed": "lines like this one that were held back before it",
    "held": "messages that waited",
    "calls": "how many there are",
    "registrations": "how many there are",
    "limit": "how many there may be",
    "path": "a file",
    "name": "of a thing in the configuration",
    "version": "ours",
    "stop": "the signal that stops us",
}
# fmt: on
"Every key of a line, and what it means; a test holds the code to it."

Level = Literal["debug", "info", "warning", "error"]
Format = Literal["auto", "json", "console"]
Identities = Literal["masked", "full"]

_HIDDEN = "***"
_ADDRESS = re.compile(r"[^\s\"'<>=:;,/@]++@")
_NUMBER = re.compile(r"\+[0-9]{4,}|(?<=tel:)[+0-9A-Fa-f*#().-]+")
_NAME = re.compile(r"[^\s\"'<>=:;,/@.]++").fullmatch
"A user alone: without a domain, an address or a port."
_EXTENSION = re.compile(r"\+?[0-9*#]{3,}(?=;|\Z)")

# fmt: off
_SECRETS = re.compile(
    r"""(?imx)
    (?P<header>^(?:proxy-)?authorization(?:\r?\n)?[ \t]*+:)                         # a digest, or a bearer token
        (?:[^\r\n]++|\r(?!\n)|\r?\n(?=[ \t]))*+
  | (?P<rspauth>\brspauth[ \t]*+=[ \t]*+)(?:"[^"\r\n]*+"|[^\s,"]++)
  | (?P<line>(?:^|(?<=\r))[ \t]*+(?:a=[ \t]*+(?:ice-pwd|key-mgmt)[ \t]*+:|k=))[^\r\n]*+  # SDP, with any line ends
  | (?P<inline>\binline:)[^\s"'<|;]++                                              # SDES keys, in SDP and in Jingle
  | (?P<attribute>\b(?:pwd|password|credential)=)(?:"[^"<>]*+"|'[^'<>]*+')         # ICE in Jingle, TURN in XEP-0215
  | (?P<element><(?:\w+:)?(?:handshake|password|body|subject)\b[^<>]*+(?<!/)>)[^<]*+  # XEP-0114, XEP-0077; texts
  | (?P<private><(?:\w+:)?field\b(?=[^<>]*\bvar=["']password["'])[^<>]*+(?<!/)>)   # the same in a form (XEP-0004)
        (?:(?!</(?:\w+:)?field\b)[\s\S])*+
  | (?P<subject>^(?:subject|s)[ \t]*+:)[^\r\n]*+                                   # of a text, too
  | (?P<uri>\bsips?:[^\s:@<>"';]{1,256}+:)[^\s@<>"']{1,256}+(?=@)                  # a password in a SIP URI
    """
)
# fmt: on


def configure(
    *,
    level: Level = "info",
    format: Format = "auto",
    identities: Identities = "masked",
    stream: TextIO | None = None,
) -> None:
    """Set up logging for the process; what libraries say comes through it too, from warning on."""
    stream = stream if stream is not None else sys.stderr
    console = format == "console" or (format == "auto" and stream.isatty())
    processors: list[Processor] = [structlog.contextvars.merge_contextvars, _stamp, without_secrets]
    if identities == "masked":
        processors.append(without_identities)
    if console:
        processors.append(
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback, pad_event_to=24
            )
        )
    else:
        processors += [_with_traceback, _Json()]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(stream),
        cache_logger_on_first_use=True,
    )
    root = logging.getLogger()
    for handler in [handler for handler in root.handlers if isinstance(handler, _FromLibraries)]:
        root.removeHandler(handler)
    root.addHandler(_FromLibraries())
    # slixmpp shows whole stanzas below this, secrets and all.
    root.setLevel(logging.WARNING)


def without_secrets(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Take the secrets out of a message on the wire, and of what a peer said in words."""
    wire = event.get("wire")
    if wire is not None:
        event["wire"] = redacted(wire if isinstance(wire, str) else bytes(wire).decode(errors="replace"))
    if isinstance(text := event.get("text"), str):
        event["text"] = redacted(text)
    return event


def without_identities(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Shorten the users and numbers of a line."""
    for key in ("caller", "callee", "peer"):
        if isinstance(value := event.get(key), str):
            event[key] = masked_user(value)
    for key in ("text", "wire"):
        if value := event.get(key):
            event[key] = masked(value)
    return event


def redacted(text: str) -> str:
    """A message without its secrets: keys, passwords, digests, and what people write to each other."""
    if text.startswith("MESSAGE "):
        head, end, _ = text.partition("\r\n\r\n")
        text = f"{head}{end}{_HIDDEN}"
    return _SECRETS.sub(lambda match: (match[match.lastgroup or 0]) + _HIDDEN, text)


def masked(text: str) -> str:
    """A text with the users of JIDs and SIP URIs, and numbers with a plus sign, shortened; domains stay."""
    if "@" in text:
        text = _ADDRESS.sub(lambda match: f"{_short(match[0][:-1])}@", text)
    return _NUMBER.sub(lambda match: _short(match[0]), text) if "+" in text or "tel:" in text else text


def masked_user(text: str) -> str:
    """The same for what is a user and nothing else, and so may be a number without anything that shows it."""
    return _short(text) if _EXTENSION.match(text) or _NAME(text) else masked(text)


def _short(user: str) -> str:
    digits = len(user) > 6 and user.lstrip("+").isdigit()
    return f"{user[:3]}…{user[-2:]}" if digits else f"{user[0]}…"


def _stamp(_logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    event["level"] = "error" if method == "exception" else method
    event["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds")
    return event


def _with_traceback(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    found = event.pop("exc_info", None)
    if found:
        kind, error, trace = found if isinstance(found, tuple) else sys.exc_info()
        event["exception"] = "".join(traceback.format_exception(kind, error, trace))
    return event


class _Json:
    """The line as JSON, the common fields first."""

    def __init__(self) -> None:
        self._encode = msgspec.json.Encoder(enc_hook=str).encode

    def __call__(self, _logger: WrappedLogger, _method: str, event: MutableMapping[str, Any]) -> str:
        line = {**{key: event.pop(key) for key in ("timestamp", "level", "event")}, **event}
        try:
            return self._encode(line).decode()
        except UnicodeEncodeError:  # a peer's bytes that are no UTF-8, read with surrogateescape
            return self._encode({key: _shown(value) for key, value in line.items()}).decode()


def _shown(value: object) -> object:
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


class _FromLibraries(logging.Handler):
    """What a library logs through the standard library, as a line of ours."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            log = structlog.get_logger()
            say: Callable[..., Any] = log.error if record.levelno >= logging.ERROR else log.warning
            say(
                "library_complained",
                logger=record.name,
                text=redacted(record.getMessage()),
                exc_info=record.exc_info,
            )
        except Exception:
            self.handleError(record)
