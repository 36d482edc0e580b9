"""The forms in which conditions see a field, each under a key of its own, so that no event makes one twice.

`NAME` is the value itself; `NAME=` its text and `NAME|` its text in lower case, both empty where it is absent. Of a
field with several values the texts are a tuple. `NAME/` is the last part of the path in it, in lower case, and `NAME+`
all texts of several values joined; both serve the index alone. Fields that mean the same share their forms.
"""

from collections.abc import Callable, MutableMapping
from typing import Any

from sensor.detect.facts import Facts, Form, Value
from sensor.detect.fields import CANONICAL, FIELDS, TEXTS, Field, texts_of
from sensor.detect.getters import PLACES, Get

KEYWORDS = "*"
VALUE, TEXT, LOWER, BASE, JOINED = "", "=", "|", "/", "+"


def text_of(value: Value) -> str:
    """A value as rules spell it: `true`, `443`, `1.5`."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def key(forms: MutableMapping[str, Form], field: str, form: str) -> str:
    """The key of a form, which is known from then on. Raises KeyError for no field of ours."""
    name = CANONICAL[field] + form
    if name not in forms:
        if field == KEYWORDS and form == LOWER:
            forms[name] = _lower_texts(forms)
        else:
            forms[name] = _several(FIELDS[field], form) if FIELDS[field].several else _single(forms, field, form)
    return name


def _lower_texts(forms: MutableMapping[str, Form]) -> Form:
    """Out of forms that conditions ask for as well."""
    keys = {name: key(forms, name, LOWER) for part in TEXTS.values() for name in part}
    return lambda facts: texts_of(facts, lambda name: facts[keys[name]])


def _single(forms: MutableMapping[str, Form], field: str, form: str) -> Form:
    get = FIELDS[field].get
    if form == VALUE:
        return get
    if form == TEXT:
        return lambda facts: text_of(get(facts))
    if form == LOWER:
        return _lower_at(*PLACES[get]) if get in PLACES else _lower(get)
    whole = key(forms, field, LOWER)

    def base(facts: Facts) -> str:
        text: str = facts[whole]
        return text[text.rfind("/") + 1 :]

    return base


def _lower(get: Get) -> Callable[[Facts], str]:
    def lower(facts: Facts) -> str:
        value = get(facts)
        return value.lower() if isinstance(value, str) else text_of(value)

    return lower


def _lower_at(part: int, field: int) -> Callable[[Facts], str]:
    """The same without a call in between: the index asks for a dozen of them of every event."""

    def lower(facts: Facts) -> str:
        found: Any = facts.event[part]
        if found is None:
            return ""
        value = found[field]
        return value.lower() if isinstance(value, str) else text_of(value)

    return lower


def _several(field: Field, form: str) -> Form:
    get = field.get

    def texts(facts: Facts) -> tuple[str, ...]:
        return _texts(get(facts))

    if form == VALUE:
        return get
    if form == TEXT:
        return texts
    if form == JOINED:
        return lambda facts: "\n".join(texts(facts)).lower()
    return lambda facts: tuple([text.lower() for text in texts(facts)])


def _texts(values: Any) -> tuple[str, ...]:
    return values or ()
