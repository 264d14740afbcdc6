"""Places of Placet's mailbox that are no Exchange: a Dovecot, or a Cyrus, with a Postfix beside it, in processes of
their own."""

import imaplib
import poplib
from collections.abc import Iterator
from contextlib import contextmanager

import requests

from benchmarks.tenant import APPROVALS
from tests.journeys.at_cyrus import AtCyrus, CyrusServers, cyrus_servers
from tests.journeys.at_mail_servers import PASSWORD, AtMailServers, MailServers, mail_servers

MAIL = "urn:ietf:params:jmap:mail"
IDS = {"resultOf": "0", "name": "Email/query", "path": "/ids"}
IN_ONE_FETCH = 20  # mails
PEOPLE = ("ada", *(f"{role}{number:02}" for role in ("asks", "answers") for number in range(50)))


class AtServers:
    """Replies are delivered by LMTP, as Postfix hands on those of people who signed in."""

    proof = "colleague"

    def __init__(self, servers: MailServers) -> None:
        self.servers = servers

    def add_mailbox(self, address: str, name: str) -> None:
        """Everybody has one from the beginning."""

    def send_as(self, address: str, raw: bytes) -> None:
        self.servers.dovecot.deliver(APPROVALS, AtMailServers(self.servers, "imap").proved(address, raw))

    def connect(self, way: str) -> None:
        AtMailServers(self.servers, way).connected()

    def bare(self, way: str) -> int:
        """How many mails a library fetches that does nothing with them."""
        return self._by_imap() if way == "imap" else self._by_pop3()

    def _by_imap(self) -> int:
        count = 0
        with imaplib.IMAP4("127.0.0.1", self.servers.dovecot.ports["imap"]) as client:
            client.login(APPROVALS, PASSWORD)
            client.select("INBOX", readonly=True)
            uids = client.uid("SEARCH", "ALL")[1][0].split()
            for at in range(0, len(uids), IN_ONE_FETCH):
                asked = b",".join(uids[at : at + IN_ONE_FETCH]).decode()
                parts = client.uid("FETCH", asked, "(BODY.PEEK[])")[1]
                count += sum(isinstance(part, tuple) for part in parts)
        return count

    def _by_pop3(self) -> int:
        client = poplib.POP3("127.0.0.1", self.servers.dovecot.ports["pop3"])
        client.user(APPROVALS)
        client.pass_(PASSWORD)
        numbers = [line.split()[0] for line in client.uidl()[1]]
        count = sum(bool(client.retr(int(number))[1]) for number in numbers)
        client.quit()
        return count


class AtCyrusServers(AtServers):
    """The same by JMAP."""

    servers: CyrusServers

    def __init__(self, servers: CyrusServers) -> None:
        super().__init__(servers)
        self.servers = servers

    def send_as(self, address: str, raw: bytes) -> None:
        self.servers.cyrus.deliver(APPROVALS, AtCyrus(self.servers).proved(address, raw))

    def connect(self, way: str) -> None:
        AtCyrus(self.servers).connected()

    def bare(self, way: str) -> int:
        """One request for ids, then one for each mail."""
        base = f"http://127.0.0.1:{self.servers.cyrus.ports['http']}"
        with requests.Session() as session:
            session.auth = (APPROVALS, PASSWORD)
            described = session.get(f"{base}/.well-known/jmap", timeout=60).json()
            account = described["primaryAccounts"][MAIL]
            asked = {
                "using": ["urn:ietf:params:jmap:core", MAIL],
                "methodCalls": [
                    ["Email/query", {"accountId": account, "filter": {"notKeyword": "$draft"}}, "0"],
                    ["Email/get", {"accountId": account, "#ids": IDS, "properties": ["blobId"]}, "1"],
                ],
            }
            answer = session.post(f"{base}{described['apiUrl']}", json=asked, timeout=60).json()
            count = 0
            for mail in answer["methodResponses"][1][1]["list"]:
                names = {
                    "accountId": account,
                    "blobId": mail["blobId"],
                    "name": "mail.eml",
                    "type": "message/rfc822",
                }
                got = session.get(base + described["downloadUrl"].format(**names), timeout=60)
                got.raise_for_status()
                count += bool(got.content)
        return count


@contextmanager
def at_cyrus() -> Iterator[AtCyrusServers]:
    with cyrus_servers(PEOPLE) as servers:
        yield AtCyrusServers(servers)


@contextmanager
def at_servers() -> Iterator[AtServers]:
    with mail_servers(PEOPLE) as servers:
        yield AtServers(servers)
