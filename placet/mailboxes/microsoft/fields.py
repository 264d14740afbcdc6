"""The rows of the Remote Approval tab for a mailbox in Exchange Online."""

from django.utils.translation import gettext_noop

from placet.mailboxes.fields import (
    PROOF,
    REPLY_TO,
    SECRET,
    SECRET_EXPIRES_ON,
    TAKING_IN,
    USERNAME,
    Field,
    Section,
)

from .clouds import CLOUDS, EWS, GRAPH, OWN

#: In the order of the tab.
FIELDS: tuple[Field, ...] = (
    Field(
        "protocol",
        gettext_noop("Connect through"),
        gettext_noop("Microsoft Graph for every new mailbox. Exchange Web Services end on 1 April 2027."),
        "choice",
        choices=(
            (GRAPH, gettext_noop("Microsoft Graph")),
            (EWS, gettext_noop("Exchange Web Services")),
        ),
        below="microsoft/below_protocol.html",
    ),
    Field(
        "cloud",
        gettext_noop("Cloud"),
        gettext_noop(
            "Where the organisation's Microsoft 365 is. It fills in every host, the scope and the URI below."
        ),
        "choice",
        choices=(
            *((cloud.key, cloud.label) for cloud in CLOUDS.values()),
            (OWN, gettext_noop("Own addresses")),
        ),
    ),
    Field(
        "server_address",
        gettext_noop("Server address"),
        gettext_noop("Empty: the host of the cloud, such as graph.microsoft.com or outlook.office365.com."),
    ),
    Field(
        "security",
        gettext_noop("Security"),
        gettext_noop("SSL always, except for the sandbox on this machine."),
        "choice",
        choices=(
            ("ssl", gettext_noop("SSL")),
            ("none", gettext_noop("None (sandbox on this machine only)")),
        ),
    ),
    REPLY_TO,
    USERNAME,
    Field(
        "client_id",
        gettext_noop("Application (client) ID"),
        gettext_noop("From the Overview page of the app registration in the Entra admin center."),
        required=True,
    ),
    Field(
        SECRET,
        gettext_noop("Client secret"),
        gettext_noop(
            "The Value of the secret (not its ID), shown once when it is made. Stored encrypted, never shown again."
        ),
        "secret",
        required=True,
        below="microsoft/below_client_secret.html",
    ),
    Field(
        SECRET_EXPIRES_ON,
        gettext_noop("Client secret expires on"),
        gettext_noop("The day that the Entra admin center shows beside the secret; empty: not known."),
        "date",
    ),
    Field(
        "scope",
        gettext_noop("Scope"),
        gettext_noop("Empty: the one of the cloud, such as https://graph.microsoft.com/.default."),
    ),
    Field(
        "token_uri",
        gettext_noop("Access token URI"),
        gettext_noop(
            "The Directory (tenant) ID or a domain of the tenant will do: it becomes "
            "https://login.microsoftonline.com/, the ID, and /oauth2/v2.0/token."
        ),
        required=True,
    ),
    *TAKING_IN,
    Field(
        "confirmed_mechanisms",
        gettext_noop("Confirmed authentication mechanisms"),
        gettext_noop(
            "Values of X-MS-Exchange-Organization-AuthMechanism that prove a colleague here: 04 (Outlook, the web, "
            "phones), on request 06 (sign-in over SMTP). The connection test shows yours."
        ),
        "list",
        section=Section.APPROVAL,
        rare=True,
    ),
    *PROOF,
)
BY_NAME = {row.name: row for row in FIELDS}
