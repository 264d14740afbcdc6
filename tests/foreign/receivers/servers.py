"""Receiving mail servers as people run them, and those that send to them, in a network of their own.

Everything here runs in a network namespace (`test_receivers.py` makes it): its only interface is loopback, which has
the documentation addresses below, so that servers see one another at addresses that are not loopback's, at port 25, by
names that the one DNS server there knows, and nothing can leave the machine.

`opendkim`: Postfix with OpenDKIM and OpenDMARC, `opendkim-spf` with policyd-spf besides. `rspamd`: Postfix with rspamd.
`sender`: Postfix with OpenDKIM, which signs.
"""

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.journeys.at_mail_servers import MailServers, mail_servers
from tests.journeys.conftest import DOMAIN
from tests.servers.dns import Records
from tests.servers.dovecot import Dovecot
from tests.servers.postfix import Postfix, postfix
from tests.signing import Signer

PATIENCE = 300.0  # seconds: rspamd compiles all that it looks for first
MX, MX_ADDRESS = f"mx.{DOMAIN}", "192.0.2.25"
PARTNER, PARTNER_ADDRESS = "partner.example", "203.0.113.7"
LIST, LIST_ADDRESS = "lists.example", "198.51.100.9"
EVIL, EVIL_ADDRESS = "evil.example", "198.51.100.66"
ADDRESSES = (MX_ADDRESS, PARTNER_ADDRESS, LIST_ADDRESS, EVIL_ADDRESS)
OPENDKIM, OPENDMARC, RSPAMD, SIGNING = 8891, 8893, 11332, 8895  # ports of filters: nobody else is here

RECEIVING = f"""\
myhostname = {MX}
milter_default_action = tempfail
smtpd_tls_security_level = none
"""
AT_PORT_25 = f"{MX_ADDRESS}:25 inet n - n - - smtpd\n"
POLICY = """\
policyd-spf unix - n n - 0 spawn user=nobody argv=/usr/bin/policyd-spf {configuration}
"""


def zone(records: Records, signers: Sequence[Signer]) -> None:
    """Who sends from where, and who signs with what."""
    records.others = {
        (DOMAIN, "MX"): (f"10 {MX}.",),
        (MX, "A"): (MX_ADDRESS,),
        (f"mail.{PARTNER}", "A"): (PARTNER_ADDRESS,),
        (f"mail.{LIST}", "A"): (LIST_ADDRESS,),
        (f"mail.{EVIL}", "A"): (EVIL_ADDRESS,),
        (_reverse(PARTNER_ADDRESS), "PTR"): (f"mail.{PARTNER}.",),
        (_reverse(LIST_ADDRESS), "PTR"): (f"mail.{LIST}.",),
        (_reverse(EVIL_ADDRESS), "PTR"): (f"mail.{EVIL}.",),
    }
    for domain, address in ((PARTNER, PARTNER_ADDRESS), (LIST, LIST_ADDRESS), (EVIL, EVIL_ADDRESS)):
        records.others[domain, "MX"] = (f"10 mail.{domain}.",)
        records.others[domain, "A"] = (address,)
        records.texts[domain] = (f"v=spf1 ip4:{address} -all",)
        records.texts[f"_dmarc.{domain}"] = ("v=DMARC1; p=reject; adkim=s; aspf=s",)
    records.texts |= {signer.name: (signer.record(),) for signer in signers}


def _reverse(address: str) -> str:
    return ".".join(reversed(address.split("."))) + ".in-addr.arpa"


@contextmanager
def opendkim(*, spf: bool = False) -> Iterator[MailServers]:
    """In the order of Debian's README files: OpenDKIM first, whose results OpenDMARC reads. `spf`: with policyd-spf
    before them, which writes its stamp above Postfix's own line, and has the filters write theirs there, too."""
    with ExitStack() as stack:
        folder = stack.enter_context(_folder())
        stack.enter_context(_opendkim(folder, OPENDKIM, f"Mode v\nAuthservID {MX}\nAlwaysAddARHeader yes\n"))
        stack.enter_context(_opendmarc(folder))
        more = f"smtpd_milters = inet:127.0.0.1:{OPENDKIM}, inet:127.0.0.1:{OPENDMARC}\n"
        if not spf:
            yield stack.enter_context(mail_servers(more=RECEIVING + more, services=AT_PORT_25))
            return
        (folder / "policyd-spf.conf").write_text(
            f"debugLevel = 1\nHELO_reject = False\nMail_From_reject = False\nHeader_Type = AR\nAuthserv_Id = {MX}\n"
        )
        asked = "check_policy_service unix:private/policyd-spf"
        more += f"smtpd_recipient_restrictions = reject_unauth_destination, {asked}\n"
        services = AT_PORT_25 + POLICY.format(configuration=folder / "policyd-spf.conf")
        yield stack.enter_context(mail_servers(more=RECEIVING + more, services=services))


@contextmanager
def rspamd() -> Iterator[MailServers]:
    with ExitStack() as stack:
        stack.enter_context(_rspamd(stack.enter_context(_folder())))
        more = f"smtpd_milters = inet:127.0.0.1:{RSPAMD}\n"
        yield stack.enter_context(mail_servers(more=RECEIVING + more, services=AT_PORT_25))


RECEIVERS: dict[str, Callable[[], AbstractContextManager[MailServers]]] = {
    "opendkim": opendkim,
    "opendkim-spf": partial(opendkim, spf=True),
    "rspamd": rspamd,
}


@contextmanager
def sender(behind: Dovecot, key: rsa.RSAPrivateKey) -> Iterator[Postfix]:
    """The partner's mail server: it signs as their domain, and hands over to whoever DNS says."""
    with ExitStack() as stack:
        folder = stack.enter_context(_folder())
        (folder / "key").write_bytes(
            key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        )
        shutil.chown(folder / "key", "opendkim")
        (folder / "key").chmod(0o400)
        signing = (
            f"Mode s\nDomain {PARTNER}\nSelector s1\nKeyFile {folder}/key\nInternalHosts 127.0.0.0/8\n"
            "OversignHeaders From\nCanonicalization relaxed/relaxed\n"
        )
        stack.enter_context(_opendkim(folder, SIGNING, signing))
        more = (
            f"myhostname = mail.{PARTNER}\nmynetworks = 127.0.0.0/8\nsmtp_bind_address = {PARTNER_ADDRESS}\n"
            f"default_transport = smtp\nrelay_transport = smtp\nsmtpd_milters = inet:127.0.0.1:{SIGNING}\n"
            "virtual_mailbox_domains =\nsmtpd_relay_restrictions = permit_mynetworks, reject\n"
            "milter_default_action = tempfail\nminimal_backoff_time = 2s\nqueue_run_delay = 2s\n"
        )
        yield stack.enter_context(postfix(behind, more=more))


# ---------------------------------------------------------------------- the filters


@contextmanager
def _folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="receiver-"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


@contextmanager
def _opendkim(folder: Path, port: int, more: str) -> Iterator[None]:
    (folder / "opendkim.conf").write_text(
        f"Socket inet:{port}@127.0.0.1\nUserID opendkim\nBackground no\nSyslog no\nNameservers 127.0.0.1\n"
        f"RequireSafeKeys no\n{more}"
    )
    command = ["/usr/sbin/opendkim", "-f", "-x", str(folder / "opendkim.conf")]
    with _running(command, folder / "opendkim.log", port):
        yield


@contextmanager
def _opendmarc(folder: Path) -> Iterator[None]:
    """It looks SPF up itself, too (`SPFSelfValidate`), where nobody told it."""
    (folder / "opendmarc.conf").write_text(
        f"Socket inet:{OPENDMARC}@127.0.0.1\nUserID opendmarc\nBackground false\nSyslog false\n"
        f"AuthservID {MX}\nTrustedAuthservIDs {MX}\nRejectFailures false\nSPFSelfValidate true\n"
    )
    command = ["/usr/sbin/opendmarc", "-f", "-c", str(folder / "opendmarc.conf")]
    with _running(command, folder / "opendmarc.log", OPENDMARC):
        yield


_RSPAMD = {
    "options.inc": 'dns { nameserver = ["127.0.0.1:53"]; timeout = 2s; retransmits = 2; }\nlocal_addrs = [];\n',
    "actions.conf": "reject = null;\ngreylist = null;\nadd_header = null;\n",
    "milter_headers.conf": f"""\
use = ["authentication-results"];
skip_local = false;
routines {{ authentication-results {{ hostname = "{MX}"; }} }}
""",
    "worker-proxy.inc": f"""\
bind_socket = "127.0.0.1:{RSPAMD}";
milter = yes;
count = 1;
upstream "local" {{ default = yes; self_scan = yes; }}
""",
    "worker-normal.inc": "enabled = false;\n",
    "worker-controller.inc": "enabled = false;\n",
    "worker-fuzzy.inc": "enabled = false;\n",
    "logging.inc": 'type = "console";\nlevel = "notice";\n',
    # Whatever asks servers that are not here.
    **{
        f"{name}.conf": "enabled = false;\n"
        for name in (
            "asn", "bayes_expiry", "fuzzy_check", "greylist", "hfilter", "history_redis", "mx_check", "neural",
            "phishing", "ratelimit", "rbl", "replies", "surbl", "url_redirector", "url_reputation",
        )
    },
}  # fmt: skip


@contextmanager
def _rspamd(folder: Path) -> Iterator[None]:
    for name, text in _RSPAMD.items():
        (folder / "local.d" / name).parent.mkdir(exist_ok=True)
        (folder / "local.d" / name).write_text(text)
    for name in ("db", "run", "log"):
        (folder / name).mkdir()
        shutil.chown(folder / name, "_rspamd", "_rspamd")
    places = {
        "LOCAL_CONFDIR": folder,
        "DBDIR": folder / "db",
        "RUNDIR": folder / "run",
        "LOGDIR": folder / "log",
    }
    command = [
        "/usr/bin/rspamd", "-f", "-c", "/etc/rspamd/rspamd.conf", "-u", "_rspamd", "-g", "_rspamd",
        *(f"--var={name}={place}" for name, place in places.items()),
    ]  # fmt: skip
    with _running(command, folder / "rspamd.log", RSPAMD):
        yield


@contextmanager
def _running(command: Sequence[str], written: Path, port: int) -> Iterator[None]:
    with written.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
    try:
        until = time.monotonic() + PATIENCE
        while not _greets(port):
            ended = process.poll() is not None or time.monotonic() > until
            assert not ended, f"{command[0]} did not start: {written.read_text()}"
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()


def _greets(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1):
            return True
    except OSError:
        return False


# ---------------------------------------------------------------------- the network


def begin_network() -> None:
    """In the namespaces that this process was started in: loopback with ADDRESSES, and DNS at its own address."""
    assert os.environ.get("NETWORK_OF_ITS_OWN") == "1", "test_receivers.py runs this in namespaces of its own"
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    # A new network begins with 10 waiting lines of the log, which Postfix's programs write before anybody reads them:
    # the one that would read them waits to write its own.
    Path("/proc/sys/net/unix/max_dgram_qlen").write_text("512")
    for address in ADDRESSES:
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)
    with tempfile.NamedTemporaryFile("w", prefix="resolv-") as asked:
        asked.write("nameserver 127.0.0.1\noptions timeout:2 attempts:2\n")
        asked.flush()
        Path(asked.name).chmod(0o644)
        subprocess.run(["mount", "--bind", asked.name, "/etc/resolv.conf"], check=True)
