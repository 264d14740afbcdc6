"""Postfix, while a test runs: a mail server that we did not write, beside the Dovecot of `dovecot.py`, or another store
of mail.

    with dovecot({...}) as imap, postfix(imap) as smtp:
        smtp.ports["submission"]

It takes mail by submission (STARTTLS, and TLS from the first byte) from whoever signs in as Dovecot says, and without
signing in at a port as servers have it. What is for a user of that Dovecot is delivered there, anything else is refused
or comes back: nothing leaves the machine. All on loopback and on free ports, in a folder of its own. Postfix begins as
root, and runs as its own user.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Protocol

import pytest

from tests.installation import PATIENCE, free_port

from .authority import Authority
from .unprivileged import answers

MASTER_PROGRAM = "/usr/lib/postfix/sbin/master"
QUEUES = (
    "active",
    "bounce",
    "corrupt",
    "defer",
    "deferred",
    "flush",
    "hold",
    "incoming",
    "private",
    "saved",
    "trace",
)
PORTS = ("submission", "submissions", "mx")
TRIES = 3  # another program may take a free port before Postfix does
DOMAIN = "example.test"
#: A domain that Postfix takes mail for from whoever signs in, and Dovecot knows nobody of: such mail comes back.
BOUNCES = "bounces.test"

MAIN = Template(
    """\
compatibility_level = 3.6
queue_directory = $folder/queue
data_directory = $folder/data
maillog_file = $folder/log
maillog_file_prefixes = $folder
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mail.$domain
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.2/32
default_transport = error:5.1.2 mail leaves this machine never
relay_transport = error:5.1.2 mail leaves this machine never
virtual_mailbox_domains = $domain
virtual_mailbox_maps = texthash:$folder/users
virtual_transport = lmtp:inet:127.0.0.1:$lmtp
transport_maps = inline:{ { $bounces = lmtp:inet:127.0.0.1:$lmtp } }
smtpd_tls_cert_file = $certificate
smtpd_tls_key_file = $key
smtpd_tls_security_level = may
smtpd_sasl_type = dovecot
smtpd_sasl_path = $sasl
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sender_login_maps = texthash:$folder/users
recipient_delimiter = +
message_size_limit = $size
bounce_queue_lifetime = 0
minimal_backoff_time = 300s
"""
)
MASTER = Template(
    """\
127.0.0.1:$mx inet n - n - - smtpd
127.0.0.1:$submission inet n - n - - smtpd
  -o syslog_name=postfix/submission -o smtpd_tls_security_level=encrypt -o smtpd_sasl_auth_enable=yes
  -o smtpd_tls_auth_only=yes -o smtpd_sender_restrictions=reject_sender_login_mismatch
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
127.0.0.1:$submissions inet n - n - - smtpd
  -o syslog_name=postfix/submissions -o smtpd_tls_wrappermode=yes -o smtpd_sasl_auth_enable=yes
  -o smtpd_sender_restrictions=reject_sender_login_mismatch
  -o smtpd_recipient_restrictions=permit_sasl_authenticated,reject
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
$services
"""
)


class Store(Protocol):
    """Where mail is delivered, by LMTP, and who may sign in there."""

    @property
    def ports(self) -> Mapping[str, int]: ...

    @property
    def users(self) -> Mapping[str, str]: ...

    @property
    def authority(self) -> Authority: ...

    @property
    def sasl_socket(self) -> Path:
        """Where it is asked who may sign in, as Dovecot does it."""


@dataclass(frozen=True)
class Postfix:
    folder: Path
    ports: Mapping[str, int]  # by PORTS
    authority: Authority  # the one of its store

    def log(self) -> str:
        return (self.folder / "log").read_text()


@contextmanager
def postfix(behind: Store, *, size: int = 200_000, more: str = "", services: str = "") -> Iterator[Postfix]:
    """Whoever is a user of `behind` may sign in, and send as themselves. `size`: the largest mail, in bytes; `more` is
    added to its configuration, and `services` to its master.cf."""
    if os.geteuid() != 0:
        told = "Postfix begins as root; these tests do not run as root."
        if os.environ.get("CI"):
            pytest.fail(told)
        pytest.skip(told)
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))
    try:
        with _files_for_all():
            server, process = _started(folder, behind, size, more, services)
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


@contextmanager
def _files_for_all() -> Iterator[None]:
    """Its programs run as a user of their own: what a command of Placet's that ran in this process before says of new
    files (`placet.cli`) would keep the configuration from them."""
    before = os.umask(0o022)
    try:
        yield
    finally:
        os.umask(before)


def _started(
    folder: Path, behind: Store, size: int, more: str, services: str
) -> "tuple[Postfix, subprocess.Popen[bytes]]":
    folder.chmod(0o755)
    _make_queues(folder)
    certificate, key = behind.authority.issue("postfix")
    (folder / "users").write_text("".join(f"{address} {address}\n" for address in behind.users))
    for attempt in range(1, TRIES + 1):
        ports = {name: free_port() for name in PORTS}
        values = {name: str(port) for name, port in ports.items()}
        main = MAIN.substitute(
            folder=folder, domain=DOMAIN, bounces=BOUNCES, lmtp=behind.ports["lmtp"], certificate=certificate,
            key=key, sasl=behind.sasl_socket, size=size,
        )  # fmt: skip
        (folder / "main.cf").write_text(_each_once(main + more))
        (folder / "master.cf").write_text(MASTER.substitute(values, services=services))
        server = Postfix(folder, ports, behind.authority)
        with (folder / "output").open("ab") as output:
            process = subprocess.Popen(
                [MASTER_PROGRAM, "-s", "-c", folder], stdin=subprocess.DEVNULL, stdout=output, stderr=output
            )
        if answers(server.ports.values(), process):
            return server, process
        process.kill()
        process.wait(PATIENCE)
        assert attempt < TRIES, f"Postfix did not start: {_written(folder)}"
    raise AssertionError("Postfix did not start.")


def _each_once(settings: str) -> str:
    """Of a setting that is made twice, the last. Each of Postfix's processes warns of it, its log daemon, too: where
    the others have filled the queue of what is to be logged, that one waits for itself, and the server answers
    nobody."""
    last: dict[str, str] = {}
    for line in settings.splitlines():
        name, equals, value = line.partition("=")
        assert equals, f"Postfix would take this for a part of the line before it: {line}"
        last[name.strip()] = value.strip()
    return "".join(f"{name} = {value}\n" for name, value in last.items())


def _make_queues(folder: Path) -> None:
    """As `postfix start` does, which looks at much else before and takes seconds for it."""
    queue = folder / "queue"
    queue.mkdir()
    (queue / "pid").mkdir()
    for name, mode, group in (("maildrop", 0o730, "postdrop"), ("public", 0o710, "postdrop")):
        (queue / name).mkdir()
        shutil.chown(queue / name, "postfix", group)
        (queue / name).chmod(mode)
    for made in (*(queue / name for name in QUEUES), folder / "data"):
        made.mkdir(mode=0o700)
        shutil.chown(made, "postfix")


def _written(folder: Path) -> str:
    return "\n".join(path.read_text() for path in (folder / "output", folder / "log") if path.exists())
