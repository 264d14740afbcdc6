"""Listening to a mailbox: what each kind that can be listened to gives, and what is heard."""

from collections.abc import Iterator
from enum import Enum, auto
from typing import Protocol


class Heard(Enum):
    OPENED = auto()  # from now on it tells
    NEWS = auto()
    BEAT = auto()  # a sign of life


class Listening(Protocol):
    """One time of listening, until the server ends it.

    `subscription_id` is what the server knows it by after a break, to be kept; "" where there is none (any more).
    """

    subscription_id: str

    def __iter__(self) -> Iterator[Heard]:
        """Ends when the server ends it, or `close` does. Raises MailboxError."""

    def close(self) -> None:
        """From any thread: whoever listens stops at once."""
