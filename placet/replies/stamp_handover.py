"""A mail of ours, handed over to the mailbox's domain as servers of strangers hand over theirs (RFC 5321 5.1): to the
hosts of its MX at port 25, where nobody signs in.

Many networks let nobody but their mail servers connect to port 25, and many servers refuse who writes from outside in
their own domain's name: what came of it is said in words, and proves nothing.
"""

import socket
from collections.abc import Sequence

from django.utils.translation import gettext as _

from placet.lib.domains import in_ascii
from placet.lib.outward import NotAllowed
from placet.mailboxes.discovery.names import Deadline, Names, NameServiceFailed, NoSuchName
from placet.mailboxes.sockets import Lines, ProtocolBroken, connected, send, words_of

PORT = 25
MOST_HOSTS = 3
QUESTIONS = 10.0  # seconds for the DNS
ANSWER = 30.0  # seconds for one answer
LONGEST_LINE = 2_000  # bytes (RFC 5321 4.5.3.1.5: 512)
MOST_LINES = 100  # of one answer


class NotHandedOver(Exception):
    """No server took it. The message says why, and what to do instead, for an administrator."""


class _Refused(Exception):
    """The server's words."""


def hand_over(address: str, raw: bytes) -> str:
    """One mail (CRLF), from this address to itself; the host that took it. Raises NotHandedOver."""
    failures, address = [], in_ascii(address)
    for host in _hosts(address.rpartition("@")[2])[:MOST_HOSTS]:
        try:
            _talk(host, address, raw)
        except (OSError, ProtocolBroken, NotAllowed, _Refused) as error:
            failures.append(f"{host}: {str(error) or type(error).__name__}"[:300])
        else:
            return host
    raise NotHandedOver(
        _(
            "No mail server of the domain took it at port 25 ({why}). That says nothing of stamps. Many networks close "
            "port 25, and many servers refuse mail from outside in their own name: hand the mail over from elsewhere "
            "(placet mailbox stamps --planted-mail)."
        ).format(why="; ".join(failures))
    )


def _hosts(domain: str) -> Sequence[str]:
    try:
        return Names(Deadline(QUESTIONS)).mail_servers(domain) or [domain]
    except (NoSuchName, NameServiceFailed) as error:
        raise NotHandedOver(
            _("The DNS does not say which servers take mail for {domain}.").format(domain=domain)
        ) from error


def _talk(host: str, address: str, raw: bytes) -> None:
    if not host:
        raise _Refused(_("the domain takes no mail (RFC 7505)"))
    with connected(host, PORT, plain=False) as connection:
        lines = Lines(connection)
        _expect(lines, 220)
        for command, code in (
            (f"EHLO {_own_name(connection)}", 250),
            (f"MAIL FROM:<{address}>", 250),
            (f"RCPT TO:<{address}>", 250),
            ("DATA", 354),
        ):
            send(connection, f"{command}\r\n".encode(), ANSWER)
            _expect(lines, code)
        dotted = raw.removesuffix(b"\r\n").replace(
            b"\r\n.", b"\r\n.."
        )  # RFC 5321 4.5.2; no header begins with one
        send(connection, dotted + b"\r\n.\r\n", ANSWER)
        _expect(lines, 250)
        send(connection, b"QUIT\r\n", ANSWER)


def _expect(lines: Lines, code: int) -> None:
    lines.within(ANSWER)
    answer = []
    for _number in range(MOST_LINES):
        line = lines.line(LONGEST_LINE)
        answer.append(line[4:])
        if line[3:4] != b"-":
            break
    else:
        raise ProtocolBroken(f"an answer of more than {MOST_LINES} lines")
    if line[:3] != str(code).encode():
        raise _Refused(f"{line[:3].decode('ascii', 'replace')} {words_of(answer)}")


def _own_name(connection: socket.socket) -> str:
    """As RFC 5321 4.1.3 has it where this machine has no full name."""
    name, address = socket.getfqdn(), connection.getsockname()[0]
    return name if "." in name else f"[{'IPv6:' if ':' in address else ''}{address}]"
