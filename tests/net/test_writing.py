"""What is written is what was meant: read back as XML, it is the same stanza."""

from xml.etree.ElementTree import Element, SubElement, fromstring

from hypothesis import given
from hypothesis import strategies as st

from gateway.net.writing import text
from gateway.stanza import Stanza
from mappings.namespaces import COMPONENT, JINGLE, XML

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"))
NAMES = st.sampled_from(
    [f"{{{namespace}}}{name}" for namespace in (COMPONENT, JINGLE, "a&b") for name in ("x", "y")] + ["z"]
)
ATTRIBUTES = st.dictionaries(st.sampled_from(["a", "b-c", f"{{{XML}}}lang"]), WORDS, max_size=3)


def element(tag: str, attributes: dict[str, str], said: tuple[str, str], children: list[Element]) -> Element:
    made = Element(tag, attributes)
    made.text, made.tail = said
    made.extend(children)
    return made


def elements() -> st.SearchStrategy[Element]:
    def around(inside: st.SearchStrategy[Element]) -> st.SearchStrategy[Element]:
        return st.builds(element, NAMES, ATTRIBUTES, st.tuples(WORDS, WORDS), st.lists(inside, max_size=3))

    return st.recursive(
        st.builds(element, NAMES, ATTRIBUTES, st.tuples(WORDS, WORDS), st.just([])), around, max_leaves=6
    )


def same(one: Element, other: Element, *, tail: bool) -> bool:
    return (
        (one.tag, one.attrib, one.text or "", len(one)) == (other.tag, other.attrib, other.text or "", len(other))
        and (not tail or (one.tail or "") == (other.tail or ""))
        and all(map(lambda first, second: same(first, second, tail=True), one, other))
    )


def read(stanza: Stanza) -> Element:
    """As a server reads it in the component's stream."""
    return fromstring(f"<stream xmlns='{COMPONENT}'>{text(stanza)}</stream>")[0]


STANZAS = st.builds(
    Stanza,
    kind=st.sampled_from(["iq", "message", "presence"]),
    type=WORDS,
    id=WORDS,
    sender=WORDS,
    to=WORDS,
    lang=WORDS,
    children=st.lists(elements(), max_size=3).map(tuple),
)


@given(STANZAS)
def test_a_stanza_is_read_as_it_was_meant(stanza: Stanza) -> None:
    found = read(stanza)
    meant = {"type": stanza.type, "id": stanza.id, f"{{{XML}}}lang": stanza.lang}
    assert found.tag == f"{{{COMPONENT}}}{stanza.kind}"
    assert found.attrib == {"from": stanza.sender, "to": stanza.to} | {
        key: value for key, value in meant.items() if value
    }
    assert len(found) == len(stanza.children)
    assert all(same(one, other, tail=False) for one, other in zip(found, stanza.children, strict=True))


def test_a_namespace_is_declared_where_it_begins_and_nowhere_else() -> None:
    jingle = Element(f"{{{JINGLE}}}jingle", {"sid": "s"})
    SubElement(jingle, f"{{{JINGLE}}}content")
    stanza = Stanza(kind="iq", type="set", id="i", sender="a@b", to="c@d", children=(jingle,))
    assert text(stanza) == (
        f'<iq from="a@b" to="c@d" type="set" id="i"><jingle xmlns="{JINGLE}" sid="s"><content/></jingle></iq>'
    )
