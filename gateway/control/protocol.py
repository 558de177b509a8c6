"""What is said on the control socket."""

from typing import Annotated, Literal, get_args

import msgspec

from gateway.errors import ControlError
from gateway.history.record import CallRecord
from gateway.history.trail import Step

LONGEST_REQUEST = 4096
"A request's line, in octets."

LONGEST_ANSWER = 64 * 1024 * 1024
"An answer's: every call there may be."

MOST_RECENT = 1000

Reason = Literal["success", "busy", "decline", "cancel", "timeout", "gone", "expired", "general-error"]
"Why an operator may say that a call ends: words of `mappings.reasons.EndReason`."

REASONS: tuple[str, ...] = get_args(Reason)
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class List(msgspec.Struct, tag_field="ask", tag="list", frozen=True, forbid_unknown_fields=True):
    """The calls that there are."""


class Recent(msgspec.Struct, tag_field="ask", tag="recent", frozen=True, forbid_unknown_fields=True):
    """The calls that ended last."""

    most: Annotated[int, msgspec.Meta(ge=1, le=MOST_RECENT)] = 20


class Show(msgspec.Struct, tag_field="ask", tag="show", frozen=True, forbid_unknown_fields=True):
    """One call and what passed in it."""

    call: Name


class HangUp(msgspec.Struct, tag_field="ask", tag="hangup", frozen=True, forbid_unknown_fields=True):
    """End one call."""

    call: Name
    reason: Reason | None = None
    "None: success once it was answered, and decline before."


Request = List | Recent | Show | HangUp


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """What comes back: what was asked for, or an error."""

    error: str = ""
    "What is wrong, in words; empty: nothing."

    calls: tuple[CallRecord, ...] = ()
    steps: tuple[Step, ...] | None = None
    "None: they are not remembered, or were not asked for."

    now: float = 0.0
    "Seconds since 1970."


_DECODER: msgspec.json.Decoder[Request] = msgspec.json.Decoder(Request)
_ANSWER = msgspec.json.Decoder(Answer)
_ENCODE = msgspec.json.Encoder().encode


def read(line: bytes) -> Request:
    """The request in a line.  ControlError when it is none."""
    try:
        return _DECODER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ControlError(f"request: {error}") from None


def read_answer(line: bytes) -> Answer:
    """The answer in a line.  ControlError when it is none, or says that something is wrong."""
    try:
        answer = _ANSWER.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ControlError(f"answer: {error}") from None
    if answer.error:
        raise ControlError(answer.error)
    return answer


def written(said: Request | Answer) -> bytes:
    """The line, with its end."""
    return _ENCODE(said) + b"\n"
