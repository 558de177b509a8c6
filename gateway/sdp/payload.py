"""Payload types, both ways: the lines of a medium that are grouped by payload type ↔ `Codec`.

``m=`` formats, ``rtpmap``, ``fmtp``, ``rtcp-fb`` (with ``*``), ``ptime`` and ``maxptime``.  The m= line says the order;
a payload type that has neither rtpmap nor a fixed meaning is dropped (conformance reference 4, 4.3).
"""

import re
from collections.abc import Iterable
from typing import Any

from gateway import canonical
from gateway.fields import Dropped
from mappings.codecs import BARE_PARAMETER, STATIC
from mappings.description import Codec, Feedback, FeedbackInterval, Parameter, Rtp
from mappings.record import MOST
from mappings.terms import Role

from .template import template
from .text import Medium, Section

ATTRIBUTES = frozenset({"rtpmap", "fmtp", "rtcp-fb", "ptime", "maxptime"})

FeedbackOf = dict[str, tuple[list[Feedback], FeedbackInterval | None]]
"Feedback by payload type, or ``*``."

_PAIR = re.compile(r"[A-Za-z][\w.-]*=[^=,;]+")
_UNKNOWN = "m= payload type"


def read(medium: Medium, by: Role, feedback: FeedbackOf, dropped: Dropped) -> tuple[Codec, ...]:
    """The payload types of an m= section, in its order."""
    attributes = medium.attributes
    mapping = template(Codec, by)
    maps: dict[str, dict[str, Any]] = {}
    for value in attributes.get("rtpmap", ()):
        if (values := mapping.values(value, dropped)) is None:
            dropped.add("rtpmap")
        else:
            maps.setdefault(str(values["id"]), values)
    formats: dict[str, str] = {}
    for value in attributes.get("fmtp", ()):
        payload, _, rest = value.partition(" ")
        formats[payload] = f"{formats[payload]};{rest}" if payload in formats else rest
    ptime, maxptime = (_milliseconds(attributes.get(name), name, dropped) for name in ("ptime", "maxptime"))
    codecs: list[Codec] = []
    for payload in dict.fromkeys(medium.formats):
        known = maps.pop(payload, None)
        if known is None and len(payload) < 3 and payload.isdecimal() and int(payload) in STATIC:
            known = {"id": int(payload)}
        if known is None or not canonical.codec(known, medium.kind) or len(codecs) == MOST:
            dropped.add(_UNKNOWN)
            continue
        said = _parameters(known["name"].lower(), formats.pop(payload, ""), dropped)
        known["parameters"] = canonical.parameters(known["name"], said)
        if payload in feedback:
            messages, known["feedback_interval"] = feedback.pop(payload)
            known["feedback"] = tuple(messages)
        codecs.append(Codec(**known, ptime=ptime, maxptime=maxptime))
    if maps or formats or feedback.keys() - {"*"}:
        dropped.add(_UNKNOWN)
    return tuple(codecs)


def _milliseconds(values: list[str] | None, name: str, dropped: Dropped) -> int | None:
    if not values:
        return None
    text = values[0].partition(".")[0]  # COMPAT: 20.0
    if text.isascii() and text.isdigit() and len(text) <= 6 and int(text):
        return int(text)
    dropped.add(name)
    return None


def read_feedback(sections: Iterable[Section], by: Role, dropped: Dropped) -> FeedbackOf:
    """The rtcp-fb lines of these sections."""
    found: FeedbackOf = {}
    message, interval = template(Feedback, by), template(FeedbackInterval, by)
    for section in sections:
        for value in section.attributes.get("rtcp-fb", ()):
            if " trr-int" in value:
                if (timed := interval.read_of(value, dropped)) is not None:
                    found[timed[0]] = (found.get(timed[0], ([], None))[0], timed[1])
            elif (said := message.read_of(value, dropped)) is not None:
                messages = found.setdefault(said[0], ([], None))[0]
                if len(messages) < MOST:
                    messages.append(said[1])
                else:
                    dropped.add("rtcp-fb")
    return found


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
