"""Forms: what is written, and what of a submission is believed."""

from xml.etree.ElementTree import Element, SubElement, fromstring, tostring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.commands.filling import LONGEST, MOST_FIELDS, fill, typed
from gateway.commands.form import Fault, Field, FieldType, Filled, Form, Option, Report, Table, write
from gateway.errors import PeerError

X = "{jabber:x:data}"
CHOICES = (Option("udp", "UDP"), Option("tcp", "TCP"), Option("", "as the server says"))

FORM = Form(
    title="Everything",
    instructions=("Fill it in.", "All of it."),
    fields=(
        Field(type=FieldType.FIXED, values=("Read this first.",)),
        Field(var="FORM_TYPE", type=FieldType.HIDDEN, values=("urn:x-test",)),
        Field(var="user", label="User name", required=True, longest=20),
        Field(var="password", label="Password", type=FieldType.TEXT_PRIVATE),
        Field(var="notes", label="Notes", type=FieldType.TEXT_MULTI, most=3),
        Field(var="way", label="Transport", type=FieldType.LIST_SINGLE, options=CHOICES, values=("udp",)),
        Field(var="ways", label="Transports", type=FieldType.LIST_MULTI, options=CHOICES[:2]),
        Field(var="keep", label="Keep it", type=FieldType.BOOLEAN, values=("1",), desc="For good."),
        Field(var="friend", label="Friend", type=FieldType.JID_SINGLE),
        Field(var="friends", label="Friends", type=FieldType.JID_MULTI),
    ),
)


def submission(type: str = "submit", **fields: str | list[str]) -> Element:
    x = Element(f"{X}x", {"type": type})
    for var, values in fields.items():
        field = SubElement(x, f"{X}field", {"var": var})
        for value in [values] if isinstance(values, str) else values:
            SubElement(field, f"{X}value").text = value
    return x


def filled(**fields: str | list[str]) -> Filled:
    return fill(FORM, submission("submit", **{"user": "romeo", **fields}))


def test_a_form_is_written_with_all_that_clients_show() -> None:
    x = write(FORM)
    assert x.get("type") == "form"
    assert [each.text for each in x.iterfind(f"{X}instructions")] == ["Fill it in.", "All of it."]
    fields = {each.get("var"): each for each in x.iterfind(f"{X}field")}
    assert fields[None].get("type") == "fixed"
    assert fields[None].findtext(f"{X}value") == "Read this first."
    assert fields["user"].find(f"{X}required") is not None
    assert fields["keep"].findtext(f"{X}desc") == "For good."
    options = [(each.get("label"), each.findtext(f"{X}value")) for each in fields["way"].iterfind(f"{X}option")]
    assert options == [("UDP", "udp"), ("TCP", "tcp"), ("as the server says", "")]


def test_a_report_is_a_result_whose_rows_have_the_reported_columns() -> None:
    columns = (Field(var="name", label="Account"), Field(var="state", label="State"))
    x = write(Report(title="Yours", table=Table(columns, (("home", "registered"), ("work", "no answer")))))
    assert x.get("type") == "result"
    reported = x.find(f"{X}reported")
    assert reported is not None
    assert [each.get("label") for each in reported] == ["Account", "State"]
    rows = [[each.findtext(f"{X}value") for each in item] for item in x.iterfind(f"{X}item")]
    assert rows == [["home", "registered"], ["work", "no answer"]]


@given(st.text())
def test_whatever_a_text_holds_xml_can_say_it(text: str) -> None:
    field = Field(var="said", label=text, values=(text,), options=(Option("a", text),))
    form = Form(title=text, instructions=(text,), fields=(field,))
    assert fromstring(tostring(write(form), encoding="unicode")).get("type") == "form"


def test_a_submission_is_read_field_by_field() -> None:
    read = filled(
        password=" päss wörd ",
        notes=["one", "two\nthree"],
        way="tcp",
        ways=["udp", "tcp", "udp"],
        keep="true",
        friend="Juliet@Capulet.Example",
        friends=["a@b.example", "", "a@b.example", "c.example"],
        unheard="of",
    )
    assert read.text("user") == "romeo"
    assert read.text("password") == " päss wörd "
    assert read.all("notes") == ("one", "two", "three")
    assert (read.text("way"), read.all("ways")) == ("tcp", ("udp", "tcp"))
    assert read.flag("keep")
    assert read.text("friend") == "juliet@capulet.example"
    assert read.all("friends") == ("a@b.example", "c.example")
    assert read.all("unheard") == ()
    assert read.text("FORM_TYPE") == "urn:x-test"


def test_what_is_not_there_was_left_empty_and_not_ticked() -> None:
    read = filled()
    assert (read.text("password"), read.text("way"), read.all("friends")) == ("", "", ())
    assert not read.flag("keep")


@pytest.mark.parametrize(("text", "flag"), [("1", True), ("true", True), ("0", False), ("false", False), ("", False)])
def test_a_boolean_has_two_spellings(text: str, flag: bool) -> None:
    assert filled(keep=text).flag("keep") is flag


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"user": ""}, "User name: is missing"),
        ({"user": "   "}, "User name: is missing"),
        ({"user": ["a", "b"]}, "User name: has one value"),
        ({"user": "x" * 21}, "User name: is longer than 20"),
        ({"user": "a\tb"}, "User name: holds a character"),
        ({"user": "a\nVia: b"}, "User name: holds a character"),
        ({"notes": "1\n2\n3\n4"}, "Notes: has at most 3"),
        ({"way": "sctp"}, "Transport: choose from the list"),
        ({"ways": ["udp", "sctp"]}, "Transports: choose from the list"),
        ({"keep": "perhaps"}, "Keep it: is yes or no"),
        ({"friend": "@"}, "Friend: '@' is no address"),
        ({"friends": ["a@b.example", "a b@c d"]}, "Friends: 'a b@c d' is no address"),
    ],
)
def test_a_fault_names_the_field_by_its_label(fields: dict[str, str | list[str]], words: str) -> None:
    with pytest.raises(Fault) as fault:
        filled(**fields)
    assert fault.value.text.startswith(words)


@pytest.mark.parametrize(
    "x",
    [
        submission("result", user="romeo"),
        Element("{jabber:x:data}form", {"type": "submit"}),
        submission(user="romeo", FORM_TYPE="urn:x-other"),
        submission(user="romeo", **{f"f{number}": "" for number in range(MOST_FIELDS)}),
        submission(user="romeo", much=["x" * 1000] * (LONGEST // 1000 + 1)),
        fromstring("<x xmlns='jabber:x:data' type='submit'><field var='a'/><field var='a'/></x>"),
    ],
    ids=["result", "other element", "hidden changed", "many fields", "long", "twice"],
)
def test_what_only_a_program_can_do_wrong_is_no_fault_of_the_person(x: Element) -> None:
    with pytest.raises(PeerError) as error:
        fill(FORM, x)
    assert not isinstance(error.value, Fault)


def test_a_cancelled_form_is_read_like_a_submitted_one() -> None:
    assert fill(FORM, submission("cancel", user="romeo")).text("user") == "romeo"


def test_a_form_shown_again_has_what_was_typed_but_no_password() -> None:
    x = submission(user="x" * 30, password="hush", way="sctp", keep="1", notes=["a", "b"])
    again = {each.var: each.values for each in FORM.again(typed(FORM, x)).fields}
    assert again["user"] == ("x" * 20,)
    assert again["password"] == ()
    assert again["way"] == ("",)
    assert again["keep"] == ("1",)
    assert again["FORM_TYPE"] == ("urn:x-test",)
    assert again[""] == ("Read this first.",)


def test_what_was_filled_in_is_not_shown_when_printed() -> None:
    assert "hush" not in repr(filled(password="hush"))


names = st.sampled_from([*(each.var for each in FORM.fields), "FORM_TYPE", "other"])
values = st.one_of(st.text(max_size=40), st.sampled_from(["udp", "tcp", "0", "1", "true", "a@b.example", "urn:x-test"]))


@given(st.lists(st.tuples(names, st.lists(values, max_size=4)), max_size=12), st.sampled_from(["submit", "form", ""]))
def test_nonsense_is_read_or_refused_and_never_more(fields: list[tuple[str, list[str]]], type: str) -> None:
    x = Element(f"{X}x", {"type": type})
    for var, texts in fields:
        field = SubElement(x, f"{X}field", {"var": var})
        for text in texts:
            SubElement(field, f"{X}value").text = text
    try:
        read = fill(FORM, x)
    except PeerError:
        return
    assert read.text("way") in {option.value for option in CHOICES}
    assert 0 < len(read.text("user")) <= 20
    fromstring(tostring(write(FORM.again(read)), encoding="unicode"))
