"""What an Exchange server of the organisation's own adds to the check of a mailbox (`mailboxes/preflight.py`)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from placet.lib.powershell import quoted
from placet.mailboxes import authorities, http
from placet.mailboxes.base import Check, FixNeeded, MailboxError, SignInRefused
from placet.mailboxes.microsoft.ews.dialect import Opening
from placet.mailboxes.microsoft.ews.soap import Soap
from placet.mailboxes.microsoft.preflight import INTERNAL, LIMITS, CommonProbe, ProtocolProbe
from placet.mailboxes.preflight import (
    MOST_OTHERS,
    Advice,
    Step,
    failed,
    folders_can_be_made,
    names_resolve,
    passed,
)

from . import autodiscover
from .errors import names
from .fields import BASIC, NTLM, OAUTH
from .settings import ExchangeServerSettings

SERVER = gettext_noop("Server answers over a trusted connection")
SIGN_IN = gettext_noop("Account signs in")
CONNECTORS = gettext_noop("Nobody else can mark mail as a colleague's")
SOON = timedelta(days=30)  # a certificate that ends within that is warned of

#: What each way of signing in needs the server to offer, lower case.
OFFERED = {NTLM: {"ntlm"}, BASIC: {"basic"}, OAUTH: {"bearer"}}
WINDOWS_OFFERS = {"negotiate", "ntlm"}

#: By the first three numbers of a build. Microsoft: "Exchange Server build numbers and release dates".
PRODUCTS = {"15.1": "Exchange Server 2016", "15.2": "Exchange Server 2019 / Subscription Edition"}

CONNECTOR_COMMANDS = """\
Get-ReceiveConnector | Format-List Identity,AuthMechanism,PermissionGroups,RemoteIPRanges
Get-ReceiveConnector | Get-ADPermission | Where-Object {
  $_.ExtendedRights -like 'ms-Exch-SMTP-Accept-Authoritative-Domain-Sender' -or
  $_.ExtendedRights -like 'ms-Exch-Accept-Headers-Organization'
} | Format-Table Identity,User,ExtendedRights"""


class ServerProbe(CommonProbe):
    """The check of a mailbox on an Exchange server of the organisation's own."""

    settings: ExchangeServerSettings

    def __init__(self, settings: ExchangeServerSettings, soap: Soap, through: ProtocolProbe) -> None:
        super().__init__(settings, through)
        self._soap = soap

    def before(self) -> list[Step]:
        return [
            Step("name", self._name),
            Step("tls", self._answers, SERVER),
            Step("sign_in", self._sign_in, SIGN_IN),
            Step("open", self._open),
            Step("read", self._read),
            Step("folders", partial(folders_can_be_made, self.settings, self._through.make_folder)),
        ]

    def after(self, arrived: Sequence[str], others: Sequence[str]) -> list[Step]:
        return [
            Step("internal", partial(self._internal, arrived), INTERNAL),
            Step("connectors", self._connectors, CONNECTORS),
            Step("limits", partial(self._limits, others), LIMITS),
        ]

    def explained(self, key: str, error: MailboxError) -> MailboxError:
        if key == "sign_in" and isinstance(error, SignInRefused):
            error.cause += " " + _("Account: {user}.").format(user=self.settings.exchange_user)
        return error

    def about_plus(self) -> Advice:
        return Advice(
            _(
                "Turn plus addressing off in the mailbox's settings: Exchange Server itself does not deliver mail to "
                "plus addresses, and whatever else did is not there (any more)."
            )
        )

    # --- on the way -----------------------------------------------------------------------------------------

    def _name(self) -> Check:
        urls = list(self.settings.urls().values())
        hosts = [http.host_of(url) for url in urls]
        return names_resolve(hosts, {http.host_of(url): http.proxy_for(url) for url in urls})

    def _answers(self) -> Check:
        """A request without credentials shows name, port and certificate, and which ways of signing in there are."""
        place = autodiscover.look(self.settings.ews_url, self.settings.exchange_authorities)
        facts = {"status": place.status, "offered": list(place.sign_ins)}
        if place.failure:
            raise self._untrusted(place.failure)
        wanted = OFFERED.get(self.settings.exchange_sign_in, WINDOWS_OFFERS)
        if not place.asks or not wanted & set(place.sign_ins):
            return failed(
                _("{host} does not offer the chosen way of signing in. It offers: {offered}.").format(
                    host=place.host, offered=", ".join(place.sign_ins) or _("none")
                ),
                _(
                    "Choose one that it offers, or allow the chosen one on the EWS virtual directory, with the command "
                    "below in the Exchange Management Shell."
                ),
                command="Get-WebServicesVirtualDirectory | Format-List Server,*Authentication*,*Url",
                facts=facts,
            )
        words = _("{host} answers. It offers: {offered}.").format(
            host=place.host, offered=", ".join(place.sign_ins)
        )
        return self._warned(passed(words, facts))

    def _untrusted(self, failure: str) -> MailboxError:
        return FixNeeded(
            failure,
            _(
                "Check the address. If the server's certificate comes from an authority of your own, upload that "
                "authority's certificate in the settings."
            ),
            {"host": http.host_of(self.settings.ews_url)},
        )

    def _warned(self, check: Check) -> Check:
        """Where an uploaded authority ends soon: then the mailbox stops, however good the server's own is."""
        ending = [
            authority
            for authority in authorities.shown(self.settings.exchange_authorities)
            if authority.until < datetime.now(UTC) + SOON
        ]
        if not ending:
            return check
        first = min(ending, key=lambda authority: authority.until)
        return replace(
            check,
            warning=True,
            cause=_("The certificate of {name} ends on {date}.").format(
                name=first.subject, date=first.until.date().isoformat()
            ),
            cure=_("Upload the authority's new certificate beside it before that day."),
        )

    def _sign_in(self) -> Check:
        self._soap.try_again()
        self._through.open()
        server = self._soap.server
        if server is None:
            return passed(
                _("Signed in as {user}. The server does not say its version.").format(user=self._user)
            )
        product = PRODUCTS.get(".".join(server.build.split(".")[:2]), "")
        words = _("Signed in as {user} at {product} (build {build}, schema {schema}).").format(
            user=self._user, product=product or "Exchange", build=server.build, schema=server.schema
        )
        return passed(words, {"build": server.build, "schema": server.schema, "product": product})

    @property
    def _user(self) -> str:
        return self.settings.exchange_user or self.settings.exchange_client_id

    # --- who else could -------------------------------------------------------------------------------------

    def _connectors(self) -> Check:
        """Only the organisation's administrator sees this: the mark of a colleague is worth what its connectors are."""
        return replace(
            passed(
                _(
                    "Look yourself, with the commands below in the Exchange Management Shell: no receive connector may "
                    "have ExternalAuthoritative among AuthMechanism, and nobody but servers of the organisation may "
                    "have the rights that the second command lists, least of all ANONYMOUS LOGON. What comes through "
                    "such a connector is marked as a colleague's although nobody signed in."
                )
            ),
            command=CONNECTOR_COMMANDS,
        )

    def _limits(self, others: Sequence[str]) -> Check:
        """Whether the account is kept out of mailboxes that are none of Placet's business."""
        refused: list[str] = []
        unclear: list[str] = []
        for address in others[:MOST_OTHERS]:
            opened = self._through.opens(address)
            if opened:
                return self._too_much(address)
            (unclear if opened is None else refused).append(address)
        facts = {"refused": refused, "unclear": unclear}
        if refused:
            words = _("The account cannot open {addresses}.").format(addresses=", ".join(refused))
        elif unclear:
            words = _(
                "Could not be tried: whether {addresses} can be opened, the server does not say."
            ).format(addresses=", ".join(unclear))
        else:
            words = _("Not tried: no other person of this domain is known to Placet.")
        return replace(passed(words, facts), command=self._look_commands())

    def _too_much(self, address: str) -> Check:
        return replace(
            passed(
                _("The mailbox of {address} opened. Nothing in it was read.").format(address=address),
                {"opened": address},
            ),
            warning=True,
            cause=_(
                "The account can open mailboxes that are none of Placet's business. Whoever gets hold of its password "
                "can read them and write in their name."
            ),
            cure=_(
                "The commands below list its roles and rights in the Exchange Management Shell. Give it the role "
                "ApplicationImpersonation with a scope that holds this mailbox alone, or full access to this mailbox "
                "alone, and remove the rest."
            ),
            command=self._look_commands(),
        )

    def _look_commands(self) -> str:
        named = names(self._user, self.settings.username)
        lines = [
            "Get-ManagementRoleAssignment -RoleAssignee {user} | Format-Table Role,CustomRecipientWriteScope"
        ]
        if self.settings.exchange_opening != Opening.IMPERSONATED.value:
            lines.append(
                f"Get-Mailbox -ResultSize Unlimited | Get-MailboxPermission -User {quoted(self._user)}"
            )
        return "\n".join(lines).replace("{user}", named["user"])
