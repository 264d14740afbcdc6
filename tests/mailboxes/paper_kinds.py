"""Two kinds of mailbox that are only fields: letters are received, a courier sends for them."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from placet.mailboxes import kinds
from placet.mailboxes.fields import COMMON, Field
from placet.mailboxes.kinds import Kind
from placet.mailboxes.settings import (
    MailboxSettings,
    Reader,
    Reading,
    Wrong,
    number,
    one_of,
    read_bool,
    text_of,
)


def _host(raw: Any, reading: Reading) -> str:
    host = text_of(raw).lower()
    if "." not in host or " " in host:
        raise Wrong("Enter the name of a server, such as mail.example.com.")
    return host


def _rows(prefix: str) -> tuple[Field, ...]:
    return (
        Field(f"{prefix}_host", f"Host of {prefix}", "Its name.", required=True),
        Field(f"{prefix}_port", f"Port of {prefix}", "Its number.", "int"),
        Field(
            f"{prefix}_security", f"Security of {prefix}", "How.", "choice",
            choices=(("ssl", "SSL"), ("starttls", "STARTTLS")),
        ),
        Field(f"{prefix}_loud", f"Loudness of {prefix}", "Whether.", "bool"),
        Field(f"{prefix}_password", f"Password of {prefix}", "Secret.", "secret", required=True),
    )  # fmt: skip


class _Paper(MailboxSettings):
    prefix: ClassVar[str] = ""

    @classmethod
    def readers(cls) -> Mapping[str, Reader]:
        own: dict[str, Reader] = {
            f"{cls.prefix}_host": _host,
            f"{cls.prefix}_port": number(1, 65535),
            f"{cls.prefix}_security": one_of("ssl", "starttls"),
            f"{cls.prefix}_loud": read_bool,
        }
        return {**super().readers(), **own}

    @classmethod
    def required(cls) -> Mapping[str, str]:
        return {**super().required(), f"{cls.prefix}_host": "Enter the server."}

    def secret_goes_to(self, name: str) -> str:
        return str(getattr(self, f"{self.prefix}_host"))

    def urls(self) -> Mapping[str, str]:
        return {f"{self.prefix}_host": f"https://{self.secret_goes_to('')}:993"}

    @property
    def protocol(self) -> str:
        return self.prefix


@dataclass(frozen=True, kw_only=True)
class LetterSettings(_Paper):
    letter_host: str
    letter_port: int = 993
    letter_security: str = "ssl"
    letter_loud: bool = True

    prefix: ClassVar[str] = "letter"
    rows: ClassVar[tuple[Field, ...]] = (*_rows("letter"), *COMMON)


@dataclass(frozen=True, kw_only=True)
class CourierSettings(_Paper):
    courier_host: str
    courier_port: int = 465
    courier_security: str = "ssl"
    courier_loud: bool = False

    prefix: ClassVar[str] = "courier"
    rows: ClassVar[tuple[Field, ...]] = (*_rows("courier"), *COMMON)


LETTERS = Kind(
    key="letter",
    label="Letters and couriers",
    order=1000,
    settings=f"{__name__}:LetterSettings",
    connect="",
    sends=False,
    sends_by=("courier",),
)
COURIERS = Kind(
    key="courier",
    label="Couriers",
    order=1001,
    settings=f"{__name__}:CourierSettings",
    connect="",
    receives=False,
)


@contextmanager
def with_paper_kinds() -> Iterator[None]:
    """Beside the kinds of this installation."""
    real = kinds._of_folders
    kinds._of_folders = lambda: iter([*real(), LETTERS, COURIERS])
    kinds.all_kinds.cache_clear()
    try:
        yield
    finally:
        kinds._of_folders = real
        kinds.all_kinds.cache_clear()
