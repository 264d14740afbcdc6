"""What `parse` makes of a mail: everything the later steps may know, and nothing judged but "automatic"."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from django.utils.translation import gettext

from placet.lib.sentences import Sentence, gettext_noop

CODE = "[a-z2-7]{16}"  # a reply code: 80 bits, RFC 4648 base32, in lower case


class Kind(StrEnum):
    """Why a mail counts as written by a program."""

    OUR_OWN = gettext_noop("our own")
    AUTOMATIC_REPLY = gettext_noop("automatic reply")
    BOUNCE = gettext_noop("bounce")
    READ_RECEIPT = gettext_noop("read receipt")
    MEETING = gettext_noop("meeting")
    JOURNAL = gettext_noop("journal")
    REPORT = gettext_noop("report")

    @property
    def label(self) -> str:
        """As the reader reads it."""
        return gettext(self.value)


@dataclass(frozen=True)
class OwnMail:
    """How our own mail is known."""

    mailbox_address: str  # the address that the mailbox sends from
    message_id_domain: (
        str  # right side of our Message-IDs, used by nothing else; "" if the server sets its own
    )
    reply_to: str = ""  # the address whose plus addresses carry reply codes; "" means mailbox_address
    others: tuple[str, ...] = ()  # what the installation's other mailboxes send from, and get replies at

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(
            address.lower() for address in (self.mailbox_address, self.reply_to, *self.others) if address
        )


@dataclass(frozen=True)
class Result:
    """One result of an Authentication-Results header: `dkim=pass header.d=example.com`."""

    method: str
    result: str
    properties: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        """The value of a property, lower case; "" if it is absent or given twice."""
        values = [value for key, value in self.properties if key == name]
        return values[0] if len(values) == 1 else ""


@dataclass(frozen=True)
class AuthenticationResults:
    """One Authentication-Results header (RFC 8601), Microsoft's form included."""

    authserv_id: str  # "" in Microsoft's form, which has none
    results: tuple[Result, ...]
    position: int  # in its header block, counted from the top, on one scale with Hop.position
    unread: bool = False  # it cannot be read: nothing else is known of it, and it proves nothing

    def of(self, method: str) -> tuple[Result, ...]:
        return tuple(result for result in self.results if result.method == method)


@dataclass(frozen=True)
class Hop:
    """One Received header. `from_hosts` are all names given for the host it came from: what it called
    itself, and what its address resolved to."""

    from_hosts: tuple[str, ...]
    by: str
    position: int
    addresses: tuple[str, ...] = ()  # of that host, as the server saw them
    claimed: tuple[str, ...] = ()  # every address in what is said of that host: some of it are its own words
    protocol: str = ""  # behind "with", in upper case: "ESMTPSA" of a session in which somebody signed in
    logins: tuple[str, ...] = ()  # who signed in there, as the server wrote it, lower case


@dataclass(frozen=True)
class Signature:
    """One DKIM-Signature header (RFC 6376 3.5), lower case: what it says, not whether it holds."""

    domain: str
    selector: str
    value: str  # the signature itself, without blanks: Authentication-Results may name its beginning
    headers: frozenset[str]  # names of those that it covers
    part_of_body: bool  # whether more may have been added below what it covers (l=)
    made_at: int | None  # seconds since 1970
    good_until: int | None  # the same
    unread: bool = False  # it is not in the form of the RFC: nothing else is known of it
    algorithm: str = ""  # "rsa-sha256" and its kin
    identity_domain: str = ""  # of whom it signed for (i=): the domain, or one below it


@dataclass(frozen=True)
class Returned:
    """What a bounce or a receipt says about the mail it is about."""

    message_ids: tuple[str, ...]  # of the returned mail, without angle brackets
    envelope_id: (
        str  # what the returned mail was given as ENVID (RFC 3461 4.4): our reference; "" if not given
    )
    recipients: tuple[str, ...]  # whom it did not reach
    status: str  # RFC 3463, such as "5.1.1"; "" if not given
    diagnostic: str  # the other server's words, at most 500 characters
    headers: str  # header block of the returned mail, as text: reply codes are looked for in it


@dataclass(frozen=True)
class Mail:
    """One mail, read. Text is from strangers: it is never markup, and it never holds NUL."""

    message_id: str
    subject: str
    own_subject: str  # what of it the sender wrote
    mailbox_address: str  # the address whose plus addresses carry reply codes
    from_address: str | None  # lower case; only if nothing about the sender is doubtful
    from_problem: Sentence  # why from_address is None
    from_line: str  # what the From header says, for people to look at
    to: tuple[str, ...]  # addresses in To and Cc, lower case
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    automatic: Kind | None
    automatic_why: Sentence
    stamps_from: str  # "transport headers" or "mail": where the server's stamps below were read
    auth_as: tuple[str, ...]  # every X-MS-Exchange-Organization-AuthAs
    auth_mechanism: tuple[str, ...]
    stamps: tuple[AuthenticationResults, ...]  # every Authentication-Results header, from the top
    hops: tuple[Hop, ...]  # from the top
    signatures: tuple[Signature, ...]
    date: datetime | None  # of the Date header, where the stamps are; None if it has no time that can be read
    two_readings: Sentence  # why two programs could read the mail in two ways; NOTHING if they could not
    structure_doubt: Sentence  # why, if Content-Type was changed on the way, other text may have been meant
    encoding_doubt: Sentence  # the same, if Content-Transfer-Encoding was
    sealed: str  # why its text cannot be read ("S/MIME encrypted" and its kin); "" if it can
    text: str  # visible text, whole
    marked: str  # the same with `> ` before what the HTML marks as quoted
    new_text: str  # without quotes and signature
    with_signature: str  # without quotes
    set_apart: (
        str  # the signature, and what stands below a line of two dashes: both are read for more than that
    )
    quoted_cut: str  # by which rules quotes were recognised, in words; "" if there was none
    markup: str  # the HTML beside a plain text that quotes; "" where that was not read, or is not there
    voting: str
    returned: Returned | None  # for bounces and receipts
    text_truncated: bool  # there was more text than was read
    quote_doubtful: bool  # a line was left out of new_text that may not have been quoted
    too_large: bool  # larger than the mailbox takes: the server gave the headers alone
    text_unfinished: bool = False  # the text that was read ends before the mail does
    perhaps_hidden: bool = False  # that is so because of a style, which may hide what stands there
    signed: bool = False  # with a key of the sender's, or some part of it is, as it looks
    quoted_else: str = ""  # quoted lines that stand neither in our mail nor below another one's head

    @property
    def authentication_results(self) -> AuthenticationResults | None:
        """The topmost stamp; None if there is none, or if it cannot be read."""
        return self.stamps[0] if self.stamps and not self.stamps[0].unread else None

    def __post_init__(self) -> None:
        assert (self.from_address is None) == bool(self.from_problem)


def joined(lines: Sequence[str]) -> str:
    """Lines as text, without empty ones at both ends."""
    return "\n".join(lines).strip("\n \t\u00a0")
