"""A message in a word and a remark, for a trail: what an engineer would write at the arrow.

Nothing secret gets in: of a description only its media and directions, of candidates their number, of digits nothing.
Every step of every call passes here, so that nothing is read twice or copied whole.
"""

import re
from typing import Any
from xml.etree.ElementTree import Element

from gateway.history.trail import LONGEST_REMARK, Step
from gateway.sip.headers import PHRASES
from gateway.sip.message import SipRequest, SipResponse
from gateway.sip.wire import Failed, Outgoing
from gateway.stanza import Stanza, read_error
from mappings.namespaces import JINGLE, MESSAGE_INITIATION

_JINGLE = f"{{{JINGLE}}}"
_CONTENT, _REASON, _GROUPED = f"{_JINGLE}content", f"{_JINGLE}reason", f"{_JINGLE}jingle"
_INITIATION = f"{{{MESSAGE_INITIATION}}}"
_TEXTS = frozenset({"text"})
_MEDIA = re.compile(rb"\n(?:m=(\w{1,12}) (\d{1,5})|a=(sendonly|recvonly|inactive)[\r\n])")
_TELLING = frozenset({"session-info", "session-terminate", "transport-info"})
"The actions about something else than media."


def step(at: float, protocol: str, inward: bool, message: Any) -> Step:
    """The step that a message makes."""
    word, remark = words(message)
    return Step(at, protocol, inward, word, remark)


def words(message: Any) -> tuple[str | int, str]:
    """What a message of either protocol is, and a remark to it; the status of a response, for a word."""
    match message:
        case Stanza():
            return _stanza(message)
        case Outgoing():
            return _request(message.request)
        case SipRequest():
            return _request(message)
        case SipResponse():
            return message.status, _response(message)
        case Failed():
            return message.cause, f"{message.method[:LONGEST_REMARK]}: {message.text[:LONGEST_REMARK]}"
        case _:
            return type(message).__name__, ""


# ----------------------------------------------------------------------------------------------------------------- SIP


def _request(request: SipRequest) -> tuple[str, str]:
    remark = _described(request.body) if request.body else ""
    if request.method in ("BYE", "CANCEL") and (reason := request.first("Reason")):
        remark = reason[:LONGEST_REMARK]
    return request.method[:LONGEST_REMARK], remark


def _response(response: SipResponse) -> str:
    method = response.cseq.method[:LONGEST_REMARK]
    if response.body:
        return f"{method}: {_described(response.body)}"
    if response.phrase and response.phrase != PHRASES.get(response.status):
        return f"{method}: {response.phrase[:LONGEST_REMARK]}"
    return method


def _described(body: bytes) -> str:
    """The media of an SDP body and their directions: audio sendonly, video refused."""
    said: list[str] = []
    for medium, port, direction in _MEDIA.findall(body):
        if medium:
            said.append(medium.decode() if port.strip(b"0") else f"{medium.decode()} refused")
        elif said:
            said[-1] += f" {direction.decode()}"
    return ", ".join(said)[:LONGEST_REMARK]


# -------------------------------------------------------------------------------------------------------------- Jingle


def _stanza(stanza: Stanza) -> tuple[str, str]:
    if stanza.type == "error":
        error = read_error(stanza)
        return "error", error.condition + ("" if error.text is None else f": {error.text[:LONGEST_REMARK]}")
    if stanza.type == "result":
        return "result", ""
    child = stanza.children[0] if stanza.children else None
    if stanza.kind == "presence" or child is None:
        return stanza.kind, stanza.type
    if child.tag == _GROUPED:
        action = child.get("action", "")[:LONGEST_REMARK]
        return action, _told(child) if action in _TELLING else _contents(child)
    initiation = next((one for one in stanza.children if one.tag.startswith(_INITIATION)), child)
    return _local(initiation), _ended(initiation) or _kinds(initiation)


def _told(jingle: Element) -> str:
    """Why a session ends, what a session-info is about, how many candidates came."""
    if (why := _ended(jingle)) or len(jingle) == 0:
        return why
    if jingle[0].tag == _CONTENT:
        number = sum(_local(one) == "candidate" for content in jingle for transport in content for one in transport)
        return f"{number} candidate{'s' * (number != 1)}"
    return _local(jingle[0])


def _ended(element: Element) -> str:
    """The reason in it, and its text."""
    for child in element:
        if child.tag == _REASON:
            texts = [one.text for one in child if _local(one) in _TEXTS and one.text]
            why = next((_local(one) for one in child if _local(one) not in _TEXTS), "")
            return f"{why}: {texts[0]}"[:LONGEST_REMARK] if texts else why
    return ""


def _contents(jingle: Element) -> str:
    """The media of its contents and who sends them; of a content without a description, its name."""
    said = []
    for content in jingle:
        if content.tag == _CONTENT:
            kinds = (child.get("media") for child in content if _local(child) == "description")
            senders = content.get("senders", "both")
            what = next(filter(None, kinds), "") or content.get("name", "")
            said.append(what[:40] + ("" if senders == "both" else f" {senders[:12]}"))
    return ", ".join(said)[:LONGEST_REMARK]


def _kinds(proposal: Element) -> str:
    return ", ".join([media[:40] for child in proposal if (media := child.get("media"))])[:LONGEST_REMARK]


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2][:LONGEST_REMARK]
