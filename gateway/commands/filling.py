"""A submission read against the form that it fills in, and not as whatever it says that it is (XEP-0004 §3.2, §3.3).

What the form did not ask is not read.  A field that is not there is as one that was left empty, and a boolean as one
that was not ticked: so clients that are made of web pages send it.  What a person can put right is a `Fault`, which
names the field by its label; what only a program can do wrong is a `PeerError`.
"""

import re
from collections.abc import Iterable
from xml.etree.ElementTree import Element

from gateway.addressing import bare_jid, domainpart
from gateway.errors import PeerError
from mappings.namespaces import DATA_FORM

from .form import MANY, TAG, Fault, Field, FieldType, Filled, Form

MOST_FIELDS = 256
"Of a submission, those that were not asked included."

LONGEST = 65536
"Characters of all values together."

_CONTROL = re.compile("[\x00-\x1f\x7f\x85\u2028\u2029]")
"What would begin another line, or no one can type."

_BOOLEANS = {"0": "0", "false": "0", "1": "1", "true": "1"}


def fill(form: Form, x: Element) -> Filled:
    """What was filled in.  Fault where a field's value cannot be; PeerError where this is no submission.

    ``type='cancel'`` is read like ``submit``, as XEP-0050 §3.7.1 wants it: cancelling is an action, not a form.
    """
    if x.tag != TAG or x.get("type") not in ("submit", "cancel"):
        raise PeerError("form: expected a data form of type submit")
    given = _given(x)
    return Filled({each.var: _read(each, given.get(each.var, ())) for each in form.fields if each.var})


def typed(form: Form, x: Element) -> Filled:
    """What was filled in as it stands, to be shown again beside what is wrong with it; PeerError as for `fill`."""
    given = _given(x)
    kept = {each.var: given.get(each.var, ())[: each.most if each.type in MANY else 1] for each in form.fields}
    return Filled({each.var: tuple(_able(each, value) for value in kept[each.var]) for each in form.fields})


def _able(each: Field, value: str) -> str:
    """A value that its field can show."""
    if each.type is FieldType.BOOLEAN:
        return _BOOLEANS.get(value, "0")
    if each.options and value not in {option.value for option in each.options}:
        return ""
    return value[: each.longest]


def _given(x: Element) -> dict[str, tuple[str, ...]]:
    """The values of each field, by its name."""
    fields = x.findall(f"{{{DATA_FORM}}}field")
    if len(fields) > MOST_FIELDS:
        raise PeerError(f"form: more than {MOST_FIELDS} fields")
    given: dict[str, tuple[str, ...]] = {}
    length = 0
    for each in fields:
        values = tuple(value.text or "" for value in each.iterfind(f"{{{DATA_FORM}}}value"))
        length += sum(map(len, values))
        if length > LONGEST:
            raise PeerError(f"form: more than {LONGEST} characters")
        var = each.get("var", "")
        if var in given:
            raise PeerError(f"form: the field {var[:64]!r} stands twice")
        given[var] = values
    return given


def _read(each: Field, values: tuple[str, ...]) -> tuple[str, ...]:
    match each.type:
        case FieldType.FIXED:
            return each.values
        case FieldType.HIDDEN:
            if values not in ((), each.values):
                raise PeerError(f"form: the hidden field {each.var!r} is not as it was sent")
            return each.values
        case FieldType.BOOLEAN:
            return (_boolean(each, _one(each, values)),)
        case FieldType.TEXT_PRIVATE:
            read = _one(each, values)  # every character of a password counts, blanks at its ends too
        case FieldType.TEXT_SINGLE:
            read = tuple(value.strip() for value in _one(each, values))
        case FieldType.TEXT_MULTI:
            # One <value/> a line (§3.3), or all lines in one: clients do not agree.
            read = tuple(line.rstrip() for value in values for line in re.split("\r\n|\r|\n", value))
        case FieldType.JID_SINGLE:
            read = _jids(each, _one(each, values))
        case FieldType.JID_MULTI:
            read = _jids(each, values)
        case FieldType.LIST_SINGLE:
            read = _chosen(each, _one(each, values))
        case FieldType.LIST_MULTI:
            read = _chosen(each, values)
    return _fit(each, read)


def _one(each: Field, values: tuple[str, ...]) -> tuple[str, ...]:
    """The value of a field that has at most one; an empty one is none."""
    if len(values) > 1:
        raise Fault(f"{each.called}: has one value, not {len(values)}")
    return tuple(filter(None, values))


def _boolean(each: Field, values: tuple[str, ...]) -> str:
    text = next(iter(values), "0").strip()
    if text not in _BOOLEANS:
        raise Fault(f"{each.called}: is yes or no")
    return _BOOLEANS[text]


def _jids(each: Field, values: Iterable[str]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for value in filter(None, map(str.strip, values)):
        bare, slash, resource = value.partition("/")
        try:
            prepared = bare_jid(bare) if "@" in bare else domainpart(bare)
        except PeerError:
            raise Fault(f"{each.called}: {value[:64]!r} is no address of a user or server") from None
        found[prepared + slash + resource] = None
    return tuple(found)


def _chosen(each: Field, values: Iterable[str]) -> tuple[str, ...]:
    able = {option.value for option in each.options}
    chosen = tuple(dict.fromkeys(value for value in values if value or value in able))
    if not able.issuperset(chosen):
        raise Fault(f"{each.called}: choose from the list")
    return chosen


def _fit(each: Field, values: tuple[str, ...]) -> tuple[str, ...]:
    """The same values, if they may stand there."""
    if each.required and not any(values):
        raise Fault(f"{each.called}: is missing")
    if each.type in MANY and len(values) > each.most:
        raise Fault(f"{each.called}: has at most {each.most} values")
    for value in values:
        if len(value) > each.longest:
            raise Fault(f"{each.called}: is longer than {each.longest} characters")
        if _CONTROL.search(value):
            raise Fault(f"{each.called}: holds a character that cannot be typed")
    return values
