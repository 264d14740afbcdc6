"""The rows of the Remote Approval tab that every kind of mailbox has: names, labels and help of its settings. Each kind
adds its own.

Labels, helps and choices are texts of the catalogue in English; pages translate them, the command line does not.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

from django.utils.translation import gettext_noop


class Section(StrEnum):
    """The two parts of the tab."""

    SERVER = gettext_noop("Incoming mail server")
    APPROVAL = gettext_noop("Remote Approval")


@dataclass(frozen=True)
class Field:
    """One row of the tab. `kind`: text, secret, date, bool, int, choice, list or datetime."""

    name: str
    label: str
    help: str
    kind: str = "text"
    required: bool = False
    choices: tuple[tuple[str, str], ...] = ()
    section: Section = Section.SERVER
    rare: bool = False  # below "More settings"
    #: Ways of signing in to its server without which it is not shown; () for all.
    sign_ins: tuple[str, ...] = ()
    below: str = ""  # template of what the tab shows below it; it gets what the kind's `beside_form` gives


#: Of the form only, kept in columns of their own: no stored settings.
SECRET = "client_secret"  # noqa: S105 - a field's name
SECRET_EXPIRES_ON = "secret_expires_on"  # noqa: S105 - a field's name
OF_THE_SECRET = (SECRET, SECRET_EXPIRES_ON)

USERNAME = Field(
    "username",
    gettext_noop("Username"),
    gettext_noop("Address of the mailbox, for example approvals@contoso.com."),
    required=True,
)
#: The same, of kinds where whoever signs in may have another name.
ADDRESS = replace(
    USERNAME,
    label=gettext_noop("Address of the mailbox"),
    help=gettext_noop(
        "Requests are sent from it, and answers come to it, for example approvals@contoso.com."
    ),
)
REPLY_TO = Field(
    "reply_to",
    gettext_noop("Default reply-to address"),
    gettext_noop("Where replies go; empty: the mailbox itself."),
)

#: How mail is taken in, in the order of the tab.
TAKING_IN: tuple[Field, ...] = (
    Field(
        "active",
        gettext_noop("This mailbox is active"),
        gettext_noop("Look for mail and send mail with this mailbox. It is switched on after a test."),
        "bool",
        section=Section.APPROVAL,
    ),
    Field(
        "poll_seconds",
        gettext_noop("Poll interval"),
        gettext_noop("Seconds between two looks into the mailbox, 5 to 3600."),
        "int",
        section=Section.APPROVAL,
    ),
    Field(
        "handled",
        gettext_noop("Handled mail"),
        gettext_noop("What becomes of a mail on the server once its effect is saved."),
        "choice",
        choices=(
            ("move", gettext_noop("Move to a folder")),
            ("mark_read", gettext_noop("Mark as read")),
            ("delete", gettext_noop("Delete (to Deleted Items)")),
        ),
        section=Section.APPROVAL,
    ),
    Field(
        "handled_folder",
        gettext_noop("Folder for handled mail"),
        gettext_noop("Path below the mailbox, made where it is missing."),
        section=Section.APPROVAL,
    ),
    Field(
        "set_aside_folder",
        gettext_noop("Folder for mail set aside"),
        gettext_noop("For mail that could not be handled; made where it is missing."),
        section=Section.APPROVAL,
    ),
    Field(
        "notify",
        gettext_noop("Notice new mail at once"),
        gettext_noop(
            "The server tells Placet when mail comes, as far as it can. The mailbox is looked into at the poll "
            "interval all the same."
        ),
        "bool",
        section=Section.APPROVAL,
        rare=True,
    ),
    Field(
        "mails_per_poll",
        gettext_noop("Mails per poll"),
        gettext_noop("How many mails are fetched at once, 1 to 500."),
        "int",
        section=Section.APPROVAL,
        rare=True,
    ),
    Field(
        "refusals_per_hour",
        gettext_noop("Refusals per sender and hour"),
        gettext_noop(
            "How many “not applied” mails one sender gets in an hour, 0 to 100; and as many that answer “help” and "
            "“status”."
        ),
        "int",
        section=Section.APPROVAL,
        rare=True,
    ),
    Field(
        "sends_per_minute",
        gettext_noop("Mails sent per minute"),
        gettext_noop("1 to 1000. Exchange Online refuses more than 30 a minute from one mailbox."),
        "int",
        section=Section.APPROVAL,
        rare=True,
    ),
    Field(
        "plus_addressing",
        gettext_noop("Plus addressing"),
        gettext_noop(
            "Replies come to name+code@domain. Turn it off where the organisation has disabled plus addresses."
        ),
        "bool",
        section=Section.APPROVAL,
        rare=True,
    ),
    Field(
        "since",
        gettext_noop("Look at mail from"),
        gettext_noop("Date and time (UTC) from when mail is looked at; empty: from activation on."),
        "datetime",
        section=Section.APPROVAL,
        rare=True,
    ),
)

#: Whose mail proves what.
PROOF: tuple[Field, ...] = (
    Field(
        "own_domains",
        gettext_noop("Own domains"),
        gettext_noop(
            "Domains of your organisation's addresses. Exchange's mark Internal proves people of these domains and "
            "nobody else. Empty: the domain of the mailbox."
        ),
        "list",
        section=Section.APPROVAL,
        rare=True,
    ),
    Field(
        "same_organisation",
        gettext_noop("Mailboxes of the same organisation"),
        gettext_noop(
            "Addresses of other mailboxes here in which answers to this one's mails count as well, and the other way "
            "round. Only mailboxes of one tenant: whoever runs the other's Exchange can answer for your people."
        ),
        "list",
        section=Section.APPROVAL,
        rare=True,
    ),
    Field(
        "authserv_id",
        gettext_noop("Authentication server name"),
        gettext_noop(
            "Name at the start of the Authentication-Results headers that your own server writes; empty for Exchange "
            "Online."
        ),
        section=Section.APPROVAL,
        rare=True,
    ),
    Field(
        "trusted_hosts",
        gettext_noop("Trusted receiving hosts"),
        gettext_noop("Ends of the names of the servers that receive for this mailbox."),
        "list",
        section=Section.APPROVAL,
        rare=True,
    ),
    Field(
        "own_networks",
        gettext_noop("Addresses of own mail servers"),
        gettext_noop(
            "Addresses and networks that your own mail servers hand mail on from, such as 10.0.0.0/8. What comes from "
            "others came in from outside."
        ),
        "list",
        section=Section.APPROVAL,
        rare=True,
    ),
    Field(
        "max_size",
        gettext_noop("Largest mail"),
        gettext_noop("Bytes; of larger mails only the headers are fetched."),
        "int",
        section=Section.APPROVAL,
        rare=True,
    ),
)

#: In the order of the tab.
COMMON: tuple[Field, ...] = (ADDRESS, REPLY_TO, *TAKING_IN, *PROOF)
