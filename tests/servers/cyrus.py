"""Cyrus 3.10, while a test runs: a mail server that we did not write, out of Debian's packages (`tools.unpacked`).

    with cyrus({"approvals@example.test": "its password"}) as server:
        server.deliver("approvals@example.test", raw)

IMAP (CONDSTORE, QRESYNC, IDLE, MOVE, SPECIAL-USE), POP3, JMAP by its httpd (mail, sending, events), and LMTP, all in
clear on loopback and on free ports, in a folder of its own. It runs as an ordinary user. Passwords alone.

Each user has Inbox, Drafts, Junk, Sent and Trash, with their special use, once they signed in by IMAP or got a mail.
What JMAP sends goes where `sends_through` says: without it nobody may send.
"""

import shutil
import smtplib
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

from tests.installation import PATIENCE, free_port
from tools.unpacked import environment

from .authority import Authority
from .passwords import saslauthd
from .unpacked_servers import unpacked
from .unprivileged import answers, give, ordinary_user, running_as

PORTS = ("imap", "pop3", "http", "lmtp")
TRIES = 3  # another program may take a free port before Cyrus does
FOLDERS = ("proc", "socket", "db", "log", "msg", "lock", "ptclient", "user", "quota")

IMAPD = Template(
    """\
configdirectory: $folder/conf
partition-default: $folder/spool
t1searchpartition-default: $folder/search
defaultsearchtier: t1
search_engine: xapian
sievedir: $folder/sieve
cyrus_user: $user
servername: mail.example.test
admins: administrator
allowplaintext: yes
sasl_mech_list: PLAIN LOGIN
sasl_pwcheck_method: saslauthd
sasl_saslauthd_path: $folder/saslauthd
virtdomains: userid
defaultdomain: nowhere.invalid
unixhierarchysep: yes
altnamespace: yes
autocreate_quota: 0
autocreate_post: yes
autocreate_inbox_folders: Drafts|Junk|Sent|Trash
xlist-drafts: Drafts
xlist-junk: Junk
xlist-sent: Sent
xlist-trash: Trash
specialusealways: yes
lmtp_downcase_rcpt: yes
duplicatesuppression: no
expunge_mode: delayed
delete_mode: immediate
failedloginpause: 0
conversations: yes
conversations_db: twoskip
httpmodules: jmap
httpallowcompress: no
jmap_pushpoll: 1
smtp_backend: host
client_timeout: 60
$more
"""
)
SERVICES = Template(
    """\
START {
  recover cmd="$bin/ctl_cyrusdb -C $folder/imapd.conf -r"
}
SERVICES {
  imap cmd="$bin/imapd -C $folder/imapd.conf" listen="127.0.0.1:$imap" prefork=0
  pop3 cmd="$bin/pop3d -C $folder/imapd.conf" listen="127.0.0.1:$pop3" prefork=0
  http cmd="$bin/httpd -C $folder/imapd.conf" listen="127.0.0.1:$http" prefork=0
  lmtp cmd="$bin/lmtpd -C $folder/imapd.conf -a" listen="127.0.0.1:$lmtp" prefork=0
}
DAEMON {
  idled cmd="$bin/idled -C $folder/imapd.conf"
}
"""
)


@dataclass(frozen=True)
class Cyrus:
    folder: Path
    installed: Path
    ports: Mapping[str, int]  # by PORTS
    users: Mapping[str, str]  # passwords by address
    authority: Authority  # for whoever sends behind it; Cyrus itself speaks in clear
    user: str  # of the system, that it runs as

    @property
    def sasl_socket(self) -> Path:
        """Nobody answers there: whoever sends behind it signs nobody in."""
        return self.folder / "nobody"

    def deliver(self, recipient: str, raw: bytes, sender: str = "somebody@example.org") -> None:
        """One mail, by LMTP: with Return-Path and a Received line of its own."""
        with smtplib.LMTP("127.0.0.1", self.ports["lmtp"], timeout=PATIENCE) as lmtp:
            refused = lmtp.sendmail(sender, [recipient], raw)
            assert not refused, refused

    def sends_through(self, port: int) -> None:
        """To be said before JMAP is first used: the port of a server that takes mail without signing in."""
        with (self.folder / "imapd.conf").open("a") as configuration:
            configuration.write(f"smtp_host: 127.0.0.1:{port}\n")

    def run(self, program: str, *words: str) -> str:
        """One of its programs, to its end: what it printed."""
        ended = subprocess.run(
            [self.installed / "usr/lib/cyrus/bin" / program, "-C", self.folder / "imapd.conf", *words],
            capture_output=True, timeout=PATIENCE, env=environment(self.installed) | {"CYRUS_USER": self.user},
            **running_as(self.user),
        )  # fmt: skip
        assert ended.returncode == 0, ended.stderr.decode()
        return str(ended.stdout.decode())


@contextmanager
def cyrus(users: Mapping[str, str], *, more: str = "") -> Iterator[Cyrus]:
    """`users`: passwords by address. `more` is added to its configuration."""
    installed = unpacked("cyrus")
    folder = Path(tempfile.mkdtemp(prefix="cyrus-"))
    try:
        for name in ("spool", "search", "sieve", "tls", *(f"conf/{name}" for name in FOLDERS)):
            (folder / name).mkdir(parents=True)
        with saslauthd(folder / "saslauthd", users):
            server, process = _started(folder, installed, users, more)
            try:
                yield server
            finally:
                process.terminate()
                try:
                    process.wait(PATIENCE)
                finally:
                    process.kill()
    finally:
        shutil.rmtree(folder)


def _started(
    folder: Path, installed: Path, users: Mapping[str, str], more: str
) -> "tuple[Cyrus, subprocess.Popen[bytes]]":
    user = ordinary_user()
    authority = Authority.new(folder / "tls")
    for attempt in range(1, TRIES + 1):
        ports = {name: free_port() for name in PORTS}
        values = {
            "folder": str(folder),
            "user": user,
            "bin": str(installed / "usr/lib/cyrus/bin"),
            "more": more,
        }
        (folder / "imapd.conf").write_text(IMAPD.substitute(values))
        services = SERVICES.substitute(values, **{name: str(port) for name, port in ports.items()})
        (folder / "cyrus.conf").write_text(services)
        give(folder, user)
        server = Cyrus(folder, installed, ports, dict(users), authority, user)
        with (folder / "output").open("ab") as output:
            process = subprocess.Popen(
                [
                    installed / "usr/lib/cyrus/bin/master", "-D", "-C", folder / "imapd.conf",
                    "-M", folder / "cyrus.conf", "-p", folder / "pid", "-L", folder / "output",
                ],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                # It ends its whole process group, and with that the servers of other test processes.
                process_group=0,
                env=environment(installed) | {"CYRUS_USER": user}, **running_as(user),
            )  # fmt: skip
        if answers([ports["lmtp"]], process):  # the last one; an httpd does not begin before it is asked
            return server, process
        process.kill()
        process.wait(PATIENCE)
        assert attempt < TRIES, f"Cyrus did not start: {(folder / 'output').read_text()}"
    raise AssertionError("Cyrus did not start.")
