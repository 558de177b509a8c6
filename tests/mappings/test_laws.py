"""The laws of every record: total, and there and back in both spellings.  A new record is tested by existing."""

from dataclasses import replace
from typing import Any
from xml.etree.ElementTree import Element, fromstring, tostring

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fields import Dropped
from gateway.jingle import tree
from gateway.sdp.template import Template, template
from mappings.description import (
    Candidate,
    Codec,
    Description,
    Fingerprint,
    Group,
    HeaderExtension,
    Ice,
    Media,
    Parameter,
    RawCandidate,
    RawUdp,
    RemoteCandidate,
)
from mappings.record import SPELLINGS
from mappings.terms import Role

from .strategies import RECORDS

INSIDE: dict[type, Any] = {
    Candidate: lambda one: Ice(ufrag="u", pwd="p", candidates=(one,)),
    RemoteCandidate: lambda one: Ice(remote_candidates=(one,)),
    RawCandidate: lambda one: RawUdp(candidates=(one,)),
    Parameter: lambda one: HeaderExtension(id=1, uri="u", parameters=(one,)),
}
"Records in their parent's namespace, and a parent."

SPELLED = [cls for cls, spelling in SPELLINGS.items() if spelling.xml is not None and cls is not Group]
LINES = [cls for cls, spelling in SPELLINGS.items() if spelling.sdp is not None]
NOT_IN_SDP: dict[type, dict[str, Any]] = {
    Codec: {"ptime": None, "maxptime": None, "parameters": (), "feedback": (), "feedback_interval": None},
    Fingerprint: {"setup": None},
}
"What other lines say."


def through_text(element: Element) -> Element:
    return fromstring(tostring(element))


def test_every_record_is_generated() -> None:
    assert set(RECORDS) == set(SPELLINGS) - {Media, Description, Group}


@pytest.mark.parametrize("cls", SPELLED, ids=lambda cls: cls.__name__)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_an_element_reads_as_what_was_written(cls: type, data: st.DataObject) -> None:
    record = data.draw(RECORDS[cls])
    if cls is Parameter and not (record.name and " " not in (record.value or "")):
        return  # a header extension's parameter has a name, and no blank
    whole = INSIDE[cls](record) if cls in INSIDE else record
    dropped = Dropped()
    written = through_text(tree.write(whole, exact=True))
    if cls is not RawCandidate:  # those have ids of their own here
        for child in written:
            if child.tag.endswith("}candidate"):
                assert child.attrib.pop("id")
    assert tree.read(type(whole), written, dropped) == whole
    assert dropped.names() == ()


@pytest.mark.parametrize("cls", LINES, ids=lambda cls: cls.__name__)
@pytest.mark.parametrize("by", Role)
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_a_line_reads_as_what_was_written(cls: type, by: Role, data: st.DataObject) -> None:
    record = replace(data.draw(RECORDS[cls]), **NOT_IN_SDP.get(cls, {}))
    spelling: Template[Any] = template(cls, by)
    dropped = Dropped()
    if "<payload>" in (SPELLINGS[cls].sdp or ""):
        line = spelling.write(record, "97")
        back = spelling.read_of(line.partition(":")[2], dropped)
        assert back == ("97", record)
    else:
        line = spelling.write(record)
        assert spelling.read(line.partition(":")[2], dropped) == record
    assert line.startswith(f"a={spelling.name}")
    assert dropped.names() == ()
