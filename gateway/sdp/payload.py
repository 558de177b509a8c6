"""Payload types, both ways: the lines of a medium that are grouped by payload type ↔ `Codec`.

``m=`` formats, ``rtpmap``, ``fmtp``, ``rtcp-fb`` (with ``*``), ``ptime`` and ``maxptime``.  The m= line says the order;
a payload type that has neither rtpmap nor a fixed meaning is dropped (conformance reference 4, 4.3).
"""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from gateway import canonical
from gateway.fields import Dropped
from mappings.codecs import BARE_PARAMETER, STATIC
from mappings.description import Codec, Feedback, FeedbackInterval, Parameter, Rtp
from mappings.record import MOST
from mappings.terms import Role

from .template import template
from .text import Medium, Section

ATTRIBUTES = frozenset({"rtpmap", "fmtp", "rtcp-fb", "ptime", "maxptime"})

FeedbackOf = dict[str, tuple[Sequence[Feedback], FeedbackInterval | None]]
"Feedback by payload type, or ``*``."

_PAIR = re.compile(r"[A-Za-z][\w.-]*=[^=,;]+")
_UNKNOWN = "m= payload type"


def read(medium: Medium, feedback: FeedbackOf, dropped: Dropped) -> tuple[Codec, ...]:
    """The payload types of an m= section, in its order."""
    attributes = medium.attributes
    maps: dict[str, str] = {}
    for value in attributes.get("rtpmap", ()):
        maps.setdefault(value.partition(" ")[0], value)
    formats: dict[str, list[str]] = {}
    for value in attributes.get("fmtp", ()):
        payload, _, rest = value.partition(" ")
        formats.setdefault(payload, []).append(rest)
    ptime, maxptime = (_milliseconds(attributes.get(name), name, dropped) for name in ("ptime", "maxptime"))
    codecs: list[Codec] = []
    for payload in dict.fromkeys(medium.formats):
        fmtp = ";".join(formats.pop(payload, ()))
        messages, interval = feedback.pop(payload, ((), None))
        mapped = maps.pop(payload, "")
        make = _codec if len(mapped) + len(fmtp) < _REMEMBERED else _codec.__wrapped__
        codec, lost = make(_Said(payload, mapped, fmtp, medium.kind, tuple(messages), interval, ptime, maxptime))
        for name in lost:
            dropped.add(name)
        if codec is not None and len(codecs) < MOST:
            codecs.append(codec)
        else:
            dropped.add(_UNKNOWN)
    if maps or formats or feedback.keys() - {"*"}:
        dropped.add(_UNKNOWN)
    return tuple(codecs)


_REMEMBERED = 200
"Longer lines are read anew each time: what is remembered is bounded, whatever peers send."


class _Said(NamedTuple):
    """Everything that an m= section says of one payload type."""

    payload: str
    mapped: str
    fmtp: str
    kind: str
    messages: tuple[Feedback, ...]
    interval: FeedbackInterval | None
    ptime: int | None
    maxptime: int | None


@lru_cache(1024)
def _codec(said: _Said) -> tuple[Codec | None, tuple[str, ...]]:
    """One payload type, and what of it is lost.  Peers say the same few again and again, so they are remembered."""
    dropped = Dropped()
    values = template(Codec, Role.INITIATOR).values(said.mapped, dropped) if said.mapped else None
    if values is None:
        if said.mapped:
            dropped.add("rtpmap")
        if len(said.payload) > 2 or not said.payload.isdecimal() or int(said.payload) not in STATIC:
            return None, dropped.names()
        values = {"id": int(said.payload)}
    if not canonical.codec(values, said.kind):
        return None, dropped.names()
    name = values["name"]
    values["parameters"] = canonical.parameters(name, _parameters(name.lower(), said.fmtp, dropped))
    values |= {
        "feedback": said.messages,
        "feedback_interval": said.interval,
        "ptime": said.ptime,
        "maxptime": said.maxptime,
    }
    return Codec(**values), dropped.names()


def _milliseconds(values: list[str] | None, name: str, dropped: Dropped) -> int | None:
    if not values:
        return None
    text = values[0].partition(".")[0]  # COMPAT: 20.0
    if text.isascii() and text.isdigit() and len(text) <= 6 and int(text):
        return int(text)
    dropped.add(name)
    return None


def read_feedback(sections: Iterable[Section], dropped: Dropped) -> FeedbackOf:
    """The rtcp-fb lines of these sections."""
    messages: dict[str, list[Feedback]] = {}
    intervals: dict[str, FeedbackInterval] = {}
    for section in sections:
        for value in section.attributes.get("rtcp-fb", ()):
            said, lost = (_feedback if len(value) < _REMEMBERED else _feedback.__wrapped__)(value)
            for name in lost:
                dropped.add(name)
            if said is None:
                continue
            if isinstance(said[1], FeedbackInterval):
                intervals[said[0]] = said[1]
            elif len(several := messages.setdefault(said[0], [])) < MOST:
                several.append(said[1])
            else:
                dropped.add("rtcp-fb")
    return {payload: (messages.get(payload, ()), intervals.get(payload)) for payload in messages.keys() | intervals}


@lru_cache(1024)
def _feedback(value: str) -> tuple[tuple[str, Feedback | FeedbackInterval] | None, tuple[str, ...]]:
    dropped = Dropped()
    if " trr-int" in value:
        return template(FeedbackInterval, Role.INITIATOR).read_of(value, dropped), dropped.names()
    return template(Feedback, Role.INITIATOR).read_of(value, dropped), dropped.names()


def _parameters(name: str, text: str, dropped: Dropped) -> tuple[Parameter, ...]:
    """What an fmtp value says (draft-ietf-stox-media-07 §10).

    ``;`` separates; where there is none, commas do, if everything between them is a pair: a comma is also a sign in
    values (H.264's sprop-parameter-sets, AMR's mode-set).
    """
    text = text.strip()
    if not text:
        return ()
    if (bare := BARE_PARAMETER.get(name)) is not None:
        return (Parameter(name=bare, value=text.removeprefix(f"{bare}=")),)
    pieces = text.split(";", MOST)
    if len(pieces) == 1 and "," in text:
        commas = [piece.strip() for piece in text.split(",", MOST) if piece.strip()]
        if all(map(_PAIR.fullmatch, commas)):
            pieces = commas
    if len(pieces) > MOST:
        dropped.add("fmtp")
    found = []
    for piece in pieces[:MOST]:
        left, equals, right = piece.partition("=")
        if equals and left.strip():
            found.append(Parameter(name=left.strip(), value=right.strip()))
        elif piece.strip():
            found.append(Parameter(name="", value=piece.strip()))
    return tuple(found)


def write(rtp: Rtp, by: Role, dropped: Dropped) -> list[str]:
    """The lines of a medium's payload types."""
    mapping, message, interval = template(Codec, by), template(Feedback, by), template(FeedbackInterval, by)
    lines = [message.write(one, "*") for one in rtp.feedback]
    if rtp.feedback_interval is not None:
        lines.append(interval.write(rtp.feedback_interval, "*"))
    for codec in rtp.codecs:
        lines.append(mapping.write(codec))
        if codec.feedback or codec.feedback_interval is not None:
            lines.extend(message.write(one, str(codec.id)) for one in codec.feedback)
            if codec.feedback_interval is not None:
                lines.append(interval.write(codec.feedback_interval, str(codec.id)))
        if codec.parameters:
            lines.append(f"a=fmtp:{codec.id} {_fmtp(codec)}")
    # SDP says times once a medium (RFC 8866 §6.4): the first codec that has one decides.
    for name in ("ptime", "maxptime"):
        said = {getattr(codec, name): None for codec in rtp.codecs}
        times = [time for time in said if time is not None]
        if times:
            lines.append(f"a={name}:{times[0]}")
        if times and len(said) > 1:
            dropped.add(f"payload-type@{name}")
    return lines


def _fmtp(codec: Codec) -> str:
    if codec.name is not None and codec.name.lower() in BARE_PARAMETER:
        return codec.parameters[0].value or codec.parameters[0].name
    return ";".join(
        f"{parameter.name}={parameter.value}" if parameter.name and parameter.value is not None
        else parameter.name or parameter.value or ""
        for parameter in codec.parameters
    )  # fmt: skip
