"""What a declaration can get wrong is found when it is made."""

import pytest

from mappings.record import SPELLINGS, Token, record


@pytest.fixture(autouse=True)
def declared() -> object:
    before = dict(SPELLINGS)
    yield
    SPELLINGS.clear()
    SPELLINGS.update(before)


def test_a_template_that_names_no_field_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Wrong: the template names \['nmae'\]"):

        @record("wrong", "wrong:{nmae}")
        class Wrong:
            name: str = ""


def test_a_template_that_leaves_a_required_field_out_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Wrong: the template leaves out \['value'\]"):

        @record("wrong", "wrong:{name}")
        class Wrong:
            name: str
            value: str


def test_a_text_that_is_no_field_is_refused() -> None:
    with pytest.raises(TypeError, match="Wrong: no field 'body'"):

        @record("wrong", text="body")
        class Wrong:
            name: str = ""


def test_an_element_belongs_to_one_record() -> None:
    with pytest.raises(TypeError, match="belongs to another record"):

        @record("{urn:xmpp:jingle:apps:rtp:1}payload-type")
        class Wrong:
            name: str = ""


def test_a_line_belongs_to_one_record() -> None:
    with pytest.raises(TypeError, match="'rtcp-mux' belongs to another record"):

        @record("wrong", "rtcp-mux")
        class Wrong:
            name: str = ""


def test_a_record_is_a_frozen_value_with_named_fields() -> None:
    @record("right", "right:{name}")
    class Right:
        name: Token

    assert Right(name="a") == Right(name="a")
    assert not hasattr(Right(name="a"), "__dict__")
    with pytest.raises(AttributeError):
        Right(name="a").name = "b"  # type: ignore[misc]
