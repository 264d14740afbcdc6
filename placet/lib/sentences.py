"""Texts that are put into words only where somebody reads them."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils.translation import gettext


class Sentence:
    """A text of ours: English where it is made, in the reader's language where it is shown.

    What is refused or not understood is said by one part of Placet and read by somebody else, whose language only
    the last part knows. `values` fill the `{places}` of the text; sentences among them are translated too. Making one
    costs next to nothing. False if there is nothing to say.
    """

    __slots__ = ("text", "values")

    def __init__(self, text: str = "", /, **values: Any) -> None:
        self.text = text
        self.values = values

    def __bool__(self) -> bool:
        return bool(self.text)

    def __str__(self) -> str:
        return gettext(self.text).format(**self.values) if self.text else ""

    def as_json(self) -> dict[str, Any]:
        """What `from_json` reads again, to be put into words another time. Values that are neither sentences nor
        numbers are kept as the words that they are now."""
        return {"text": self.text, "values": {name: _as_json(value) for name, value in self.values.items()}}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Sentence":
        values = kept.get("values", {})
        return cls(
            kept.get("text", ""),
            **{name: cls.from_json(one) if isinstance(one, dict) else one for name, one in values.items()},
        )

    def __repr__(self) -> str:
        return f"Sentence({self.text!r}, {self.values!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sentence) and (self.text, self.values) == (other.text, other.values)

    def __hash__(self) -> int:
        return hash(self.text)


def _as_json(value: Any) -> Any:
    if isinstance(value, Sentence):
        return value.as_json()
    return value if isinstance(value, int | float) else str(value)


NOTHING = Sentence()


def gettext_noop(text: str) -> str:
    """Marks a text for the catalogues that is translated where it is shown. Django's would read the settings, when a
    module is loaded."""
    return text


def quoted(texts: Iterable[str]) -> Sentence:
    """What others wrote, each in the quotation marks of the reader's language; NOTHING for none."""
    found = NOTHING
    for text in texts:
        one = Sentence("“{text}”", text=text)
        found = Sentence("{first}, {second}", first=found, second=one) if found else one
    return found


def listed(sentences: Iterable[Sentence]) -> Sentence:
    """Several in one; NOTHING for none."""
    found = NOTHING
    for sentence in sentences:
        found = Sentence("{first}; {second}", first=found, second=sentence) if found else sentence
    return found
