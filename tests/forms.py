"""Forms of descriptions and elements that compare: without what one spelling cannot say."""

from dataclasses import replace
from pathlib import Path

from mappings.description import Description, Ice, Media, RawUdp
from mappings.terms import Role

SHARED = Path(__file__).parents[2] / "shared"
"Where more material lies in some working copies; tests that want it are skipped elsewhere."


def common(description: Description) -> Description:
    """What both spellings can say of a description (conformance 4: `id`, `creator`, `disposition`, `lite`)."""
    return replace(description, media=tuple(map(_common, description.media)))


def _common(media: Media) -> Media:
    return replace(
        media, creator=Role.INITIATOR, disposition="session", lite=False, transport=_transport(media.transport)
    )


def _transport(transport: Ice | RawUdp) -> Ice | RawUdp:
    if isinstance(transport, Ice):
        return replace(transport, candidates=tuple(replace(one, id=None) for one in transport.candidates))
    return replace(
        transport,
        candidates=tuple(replace(one, id="", generation=0, type=None) for one in transport.candidates),
    )
