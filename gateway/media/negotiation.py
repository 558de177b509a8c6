"""Which formats two peers can both carry, as they are; under which numbers; and what becomes of each packet's number.

A format passes that both peers have alike; what may be made of others is for `conversion`.  What a side is told of a
format is what the other side says of it (parameters say how somebody receives), under a number of this side's own.
Digits are the exception: the anchor reads and sends RTP events itself (RFC 4733), so every side is told of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from mappings.codecs import AUXILIARY, DEFAULT_EVENTS
from mappings.description import Codec, Feedback, Parameter

Identity = tuple[str | int, ...]
"What two peers' descriptions of one format have in common, whatever its number."

EVENTS = "telephone-event"
NOISE = "cn"

_EVENTS_OF_DIGITS = (Parameter(name="events", value=DEFAULT_EVENTS),)
PICTURE_REQUESTS = (Feedback(type="nack", subtype="pli"), Feedback(type="ccm", subtype="fir"))
"The ways to ask for a whole picture: PLI (RFC 4585 §6.3.1) and FIR (RFC 5104 §4.3.1)."

_VIDEO_FEEDBACK = (Feedback(type="nack"), *PICTURE_REQUESTS)

# fmt: off
OWN: dict[str, Codec] = {  # what is offered where the anchor speaks first, by lower-case name
    "opus": Codec(id=111, name="opus", clockrate=48000, channels=2, parameters=(
        Parameter(name="useinbandfec", value="1"),)),
    "g722": Codec(id=9, name="G722", clockrate=8000),
    "pcmu": Codec(id=0, name="PCMU", clockrate=8000),
    "pcma": Codec(id=8, name="PCMA", clockrate=8000),
    "vp8": Codec(id=96, name="VP8", clockrate=90000, feedback=_VIDEO_FEEDBACK),
    "h264": Codec(id=102, name="H264", clockrate=90000, feedback=_VIDEO_FEEDBACK, parameters=(
        Parameter(name="level-asymmetry-allowed", value="1"), Parameter(name="packetization-mode", value="1"),
        Parameter(name="profile-level-id", value="42e01f"))),
}

EVENT_NUMBERS = {8000: 101, 48000: 110, 16000: 106}
"The numbers that digits have in our own offers, by clock rate."

KINDS: dict[str, str] = {
    "opus": "audio", "g722": "audio", "pcmu": "audio", "pcma": "audio", "vp8": "video", "h264": "video",
}

DEFAULTS: dict[str, tuple[tuple[str, str], ...]] = {
    # parameters that make another format of one name, and what leaving them out means
    "ilbc": (("mode", "30"),),                       # RFC 3952 §5
    "amr": (("octet-align", "0"),),                  # RFC 4867 §8.1
    "amr-wb": (("octet-align", "0"),),
    "h264": (("packetization-mode", "0"),),          # RFC 6184 §8.1
}
# fmt: on

FIRST_DYNAMIC = 96
DYNAMIC = (*range(FIRST_DYNAMIC, 128), *range(35, 64))
"Numbers that a format may be given, in this order (RFC 3551 §3, RFC 5761 §4)."


def identity(codec: Codec) -> Identity:
    """What has to be equal for a format to pass."""
    name = (codec.name or "").lower()
    said = {parameter.name.lower(): parameter.value for parameter in codec.parameters}
    variant: tuple[str | int, ...] = tuple(said.get(key) or default for key, default in DEFAULTS.get(name, ()))
    if name == "h264":
        variant += (_h264_profile(said.get("profile-level-id") or "420010"),)
    return (name, codec.clockrate or 0, codec.channels or 1, *variant)


def _h264_profile(said: str) -> str:
    """The profile without its level; the three spellings of constrained baseline are one (RFC 6184 §8.1, table 5)."""
    said = said.lower()
    try:
        limits = int(said[2:4], 16)
    except ValueError:
        return said
    needed = {"42": 0x40, "4d": 0x80, "58": 0xC0}.get(said[:2])
    return "constrained baseline" if needed and limits & needed == needed else said[:4]


def is_events(codec: Codec) -> bool:
    """Whether it is the format of digits."""
    return (codec.name or "").lower() == EVENTS


def auxiliary(codec: Codec) -> bool:
    """Whether it carries nothing without another format."""
    return (codec.name or "").lower() in AUXILIARY


def usable(codecs: Iterable[Codec], names: Sequence[str]) -> tuple[Codec, ...]:
    """The formats that may pass: codecs of these names, in their order, and comfort noise and digits after them.

    Redundancy and retransmission are left out: they name other formats, which the other side numbers differently.
    """
    rank = {name.lower(): place for place, name in enumerate(names)}
    found = [codec for codec in codecs if (codec.name or "").lower() in rank and not auxiliary(codec)]
    found.sort(key=lambda codec: rank[(codec.name or "").lower()])
    rates = {codec.clockrate for codec in found}
    extras = [codec for codec in codecs if (codec.name or "").lower() == NOISE and codec.clockrate in rates]
    extras += [codec for codec in codecs if is_events(codec)]
    return (*found, *extras)


def own(kind: str, names: Sequence[str], *, feedback: bool, ptime: int | None) -> tuple[Codec, ...]:
    """What is offered of a kind where nobody has said anything yet."""
    chosen = [OWN[name.lower()] for name in names if KINDS.get(name.lower()) == kind]
    if kind == "audio":
        chosen = [replace(codec, ptime=ptime) for codec in chosen]
    elif not feedback:
        chosen = [replace(codec, feedback=()) for codec in chosen]
    return tuple(chosen)


def with_events(codecs: Sequence[Codec]) -> tuple[Codec, ...]:
    """An offer's formats, with digits at the clock rate of each audio codec (RFC 4733 §2.1); none for video.

    Digits have no packet time: that of an SDP is of its medium, and they are not to be told anew when it is another.
    """
    rates = dict.fromkeys(codec.clockrate for codec in codecs if not auxiliary(codec) and codec.clockrate)
    known = {codec.clockrate for codec in codecs if is_events(codec)}
    kept = [
        replace(codec, ptime=None, maxptime=None) if is_events(codec) else codec
        for codec in codecs
        if not is_events(codec) or codec.clockrate in rates
    ]
    for rate in rates:
        if rate not in known and rate != 90000:
            number = EVENT_NUMBERS.get(rate, 101)
            kept.append(Codec(id=number, name=EVENTS, clockrate=rate, parameters=_EVENTS_OF_DIGITS))
    return tuple(kept)


def numbered(codecs: Iterable[Codec], taken: Mapping[Identity, int], *, avoid: Iterable[int] = ()) -> tuple[Codec, ...]:
    """The formats under a side's numbers: what each was told as before, else its own number where that is free.

    ``taken`` are all numbers ever told on that side (a number keeps its meaning for the whole session, RFC 3264
    §8.3.2), ``avoid`` those of the other media, which may share a transport.
    """
    used = {*taken.values(), *avoid}
    found = []
    for codec in codecs:
        number = taken.get(identity(codec))
        if number is None:
            number = codec.id
            if number in used:
                free = next((one for one in DYNAMIC if one not in used), None)
                if free is None:
                    continue
                number = free
            used.add(number)
        found.append(codec if number == codec.id else replace(codec, id=number))
    return tuple(found)


def answered(
    offered: Sequence[Codec], agreed: Sequence[Codec], *, feedback: bool = True, pictures: bool = False
) -> tuple[Codec, ...]:
    """The answer to an offer: what the other side has agreed to, in its order, under the offer's numbers.

    ``pictures``: it may ask for whole ones in every way that it offers, whatever the other side has agreed to.

    Digits are answered on the anchor's own account, at the rates of the codecs that are left.  Empty: there is no codec
    in common.
    """
    by_identity: dict[Identity, Codec] = {}
    for codec in offered:
        by_identity.setdefault(identity(codec), codec)
    kept = []
    for codec in agreed:
        same = None if is_events(codec) else by_identity.pop(identity(codec), None)
        if same is not None:
            said = _feedback(codec.feedback, same.feedback, pictures) if feedback else ()
            kept.append(replace(codec, id=same.id, feedback=said, feedback_interval=None))
    if all(map(auxiliary, kept)):
        return ()
    rates = {codec.clockrate for codec in kept if not auxiliary(codec)}
    events = [codec for codec in offered if is_events(codec)]
    matching = [codec for codec in events if codec.clockrate in rates]
    # COMPAT(phones that name digits at 8000 beside Opus alone): better such digits than none.
    return (*kept, *(replace(codec, ptime=None, maxptime=None) for codec in matching or events[:1]))


def _feedback(agreed: Sequence[Feedback], offered: Sequence[Feedback], pictures: bool) -> tuple[Feedback, ...]:
    """What both have; of the ways to ask for a picture those that were offered, where the other side can be asked."""
    found = [one for one in agreed if one in offered]
    if pictures or any(one in PICTURE_REQUESTS for one in agreed):
        found += [one for one in offered if one in PICTURE_REQUESTS and one not in found]
    return tuple(found)


def with_requests(codec: Codec, *, always: bool) -> Codec:
    """An offered format with every way to ask for a picture, ``always`` or where it has one.

    Each becomes on its way what the other side knows.
    """
    if not always and not any(one in PICTURE_REQUESTS for one in codec.feedback):
        return codec
    more = tuple(one for one in PICTURE_REQUESTS if one not in codec.feedback)
    return replace(codec, feedback=(*codec.feedback, *more)) if more else codec


@dataclass(frozen=True, slots=True)
class Passage:
    """What becomes of the packets of one payload type: the number they get, and what they are."""

    number: int | None
    "Under which the other side wants them; None: it does not have the format, and they end here."

    name: str
    clockrate: int
    events: bool = False
    "RTP events: read, and their duration brought to `rate`."

    rate: int = 0
    "The clock rate of events on the other side."


def passages(told: Iterable[Codec], said: Iterable[Codec]) -> dict[int, Passage]:
    """By the number that a side sends with, as it was told; ``said`` is what the other side receives.

    Numbers that are not in it were not agreed on.  A side that has agreed to digits at several rates gets them at the
    one they come with, and else at any.
    """
    targets: dict[Identity, int] = {}
    events: dict[int, Codec] = {}
    for codec in said:
        if is_events(codec):
            events.setdefault(codec.clockrate or 0, codec)
        else:
            targets.setdefault(identity(codec), codec.id)
    found = {}
    for codec in told:
        name, rate = codec.name or "", codec.clockrate or 8000
        if not is_events(codec):
            if (number := targets.get(identity(codec))) is not None:
                found[codec.id] = Passage(number, name, rate)
            continue
        target = events.get(rate) or next(iter(events.values()), None)
        found[codec.id] = (
            Passage(None, name, rate, events=True, rate=rate)
            if target is None
            else Passage(target.id, name, rate, events=True, rate=target.clockrate or rate)
        )
    return found
