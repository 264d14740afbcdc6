"""Requests of which the reader of an answer knows, and what it makes of an answer to them."""

from placet.replies.read import read_text
from placet.replies.read_facts import About, Field

PEOPLE = ("Anna Berg", "Tom Novak")


def request(title: str, **fields: str) -> About:
    """What an ask shows of a request with this title and these fields, by their labels."""
    return About(tuple(Field(label, (value,)) for label, value in fields.items()), PEOPLE, (), (title, "217"))


def outcome(text: str, about: About) -> str | None:
    return read_text(text, about=about).outcome
