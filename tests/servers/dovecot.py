"""Dovecot 2.4, while a test runs: a mail server that we did not write.

    with dovecot({"approvals@example.test": "its password"}) as server:
        server.deliver("approvals@example.test", raw)

IMAP (IDLE, CONDSTORE, QRESYNC, MOVE, SPECIAL-USE) and POP3, each with TLS from the first byte and with STARTTLS or
STLS, LMTP, and the socket that Postfix asks who may sign in (`sasl_socket`), all on loopback and on free ports, in a
folder of their own. It runs as an ordinary user: as the one that runs the tests, or as `nobody` where that is root.
Passwords, and tokens by XOAUTH2 and OAUTHBEARER: `token` makes those that it takes.

Each user has Inbox, Junk, Sent and Trash, the latter three with their special use. Mail is kept as Maildir.
"""

import base64
import grp
import json
import pwd
import shutil
import smtplib
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from string import Template

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.installation import PATIENCE, free_port

from .authority import Authority
from .unprivileged import answers, give, ordinary_user, running_as

PROGRAM = shutil.which("dovecot") or "/usr/sbin/dovecot"
ADMINISTRATION = shutil.which("doveadm") or "/usr/bin/doveadm"
ISSUER = "https://login.example.test/"
PORTS = ("imap", "imaps", "pop3", "pop3s", "lmtp")
TRIES = 3  # another program may take a free port before Dovecot does

CONFIGURATION = Template(
    """\
dovecot_config_version = 2.4.1
dovecot_storage_version = 2.4.1
base_dir = $folder/run
state_dir = $folder/state
log_path = $folder/log
auth_verbose = yes
protocols {
  imap = yes
  pop3 = yes
  lmtp = yes
}
listen = 127.0.0.1
default_internal_user = $user
default_internal_group = $group
default_login_user = $user
first_valid_uid = 1
mail_max_userip_connections = 100

ssl = yes
ssl_server_cert_file = $certificate
ssl_server_key_file = $key
auth_allow_cleartext = $cleartext

mail_driver = maildir
mail_home = $folder/mail/%{user | lower}
mail_path = ~/Maildir
namespace inbox {
  inbox = yes
  separator = $separator
  prefix = $prefix
  mailbox Junk {
    auto = create
    special_use = \\Junk
  }
  mailbox Sent {
    auto = create
    special_use = \\Sent
  }
  mailbox Trash {
    auto = create
    special_use = \\Trash
  }
}
recipient_delimiter = +
protocol lmtp {
  auth_username_format = %{user | lower}
}

auth_mechanisms {
  plain = yes
  login = yes
  xoauth2 = yes
  oauthbearer = yes
}
oauth2 {
  introspection_mode = local
  username_attribute = mailbox
  $any_mailbox
  issuers = $issuer $other_issuer
  openid_configuration_url = ${issuer}.well-known/openid-configuration
  oauth2_local_validation {
    dict fs {
      fs posix {
        prefix = $folder/keys/
      }
    }
  }
}
auth_failure_delay = 0
passdb passwd-file {
  passwd_file_path = $folder/users
}
userdb passwd-file {
  passwd_file_path = $folder/users
}
service anvil {
  chroot =
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  chroot =
}
service imap-login {
  chroot =
  inet_listener imap {
    port = $imap
  }
  inet_listener imaps {
    port = $imaps
    ssl = yes
  }
}
service pop3-login {
  chroot =
  inet_listener pop3 {
    port = $pop3
  }
  inet_listener pop3s {
    port = $pop3s
    ssl = yes
  }
}
service lmtp {
  inet_listener lmtp {
    port = $lmtp
  }
}
service auth {
  unix_listener auth-postfix {
    mode = 0666
  }
}
$more
"""
)


@dataclass(frozen=True)
class Dovecot:
    folder: Path
    ports: Mapping[str, int]  # by PORTS
    users: Mapping[str, str]  # passwords by address
    authority: Authority
    token_key: rsa.RSAPrivateKey
    user: str  # of the system, that it runs as

    @property
    def sasl_socket(self) -> Path:
        """For Postfix's `smtpd_sasl_path`, with `smtpd_sasl_type = dovecot`; whoever runs here may use it."""
        return self.folder / "run" / "auth-postfix"

    def token(self, user: str, seconds: int = 600, **claims: object) -> str:
        """An access token that opens this user's mailbox; with `any_mailbox` any of them."""
        now = int(time.time())
        payload = {"iss": ISSUER, "sub": user, "mailbox": user, "iat": now, "exp": now + seconds, **claims}
        signed = b".".join(_base64url(json.dumps(part).encode()) for part in ({"alg": "RS256"}, payload))
        signature = self.token_key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        return (signed + b"." + _base64url(signature)).decode()

    def deliver(self, recipient: str, raw: bytes, sender: str = "somebody@example.org") -> None:
        """One mail, by LMTP: with Return-Path, Delivered-To and a Received line of its own."""
        with smtplib.LMTP("127.0.0.1", self.ports["lmtp"], timeout=PATIENCE) as lmtp:
            refused = lmtp.sendmail(sender, [recipient], raw)
            assert not refused, refused

    def doveadm(self, *words: str) -> str:
        """What `doveadm WORDS` printed."""
        command = [ADMINISTRATION, "-c", str(self.folder / "dovecot.conf"), *words]
        ended = subprocess.run(command, capture_output=True, timeout=PATIENCE, **running_as(self.user))
        assert ended.returncode == 0, ended.stderr.decode()
        return str(ended.stdout.decode())

    def maildir(self, user: str) -> Path:
        return self.folder / "mail" / user / "Maildir"

    def log(self) -> str:
        return (self.folder / "log").read_text()


def offering(mechanism: str) -> str:
    """As `more` of its configuration: this way of signing in (RFC 4422) and no other."""
    others = sorted({"plain", "login", "xoauth2", "oauthbearer"} - {mechanism})
    return "auth_mechanisms {\n" + "".join(f"  {name} = no\n" for name in others) + "}\n"


@contextmanager
def dovecot(
    users: Mapping[str, str],
    *,
    any_mailbox: bool = False,
    cleartext: bool = False,
    separator: str = "/",
    prefix: str = "",
    other_issuer: tuple[str, str] = ("", ""),
    more: str = "",
) -> Iterator[Dovecot]:
    """`users`: passwords by address. `any_mailbox`: a token opens whichever mailbox is asked for, as an application's
    does at Exchange Online. `cleartext`: passwords are taken without TLS, too. `other_issuer`: who gives tokens
    besides, and the key that they are checked with (PEM), which these call "own". `separator` and `prefix` of its
    folders. `more` is added to its configuration."""
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    options = {
        "any_mailbox": "username_validation_format = %{event:user}" if any_mailbox else "",
        "cleartext": "yes" if cleartext else "no",
        "separator": separator,
        "prefix": prefix,
        "other_issuer": other_issuer[0],
        "more": more,
    }
    if other_issuer[1]:
        key = folder / "keys" / "default" / "RS256" / "own"
        key.parent.mkdir(parents=True)
        key.write_text(other_issuer[1])
    try:
        server, process = _started(folder, users, options)
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
    folder: Path, users: Mapping[str, str], options: Mapping[str, str]
) -> "tuple[Dovecot, subprocess.Popen[bytes]]":
    user = ordinary_user()
    for name in ("state", "mail", "tls"):
        (folder / name).mkdir()
    authority = Authority.new(folder / "tls")
    authority.issue("server")
    token_key = _token_key(folder)
    assert all(":" not in password for password in users.values()), (
        "The file of users has colons between its fields."
    )
    lines = [f"{address}:{{PLAIN}}{password}::::::\n" for address, password in users.items()]
    (folder / "users").write_text("".join(lines))
    for attempt in range(1, TRIES + 1):
        ports = {name: free_port() for name in PORTS}
        _configure(folder, user, ports, options)
        give(folder, user)
        server = Dovecot(folder, ports, dict(users), authority, token_key, user)
        with (folder / "output").open("ab") as output:
            process = subprocess.Popen(
                [PROGRAM, "-F", "-c", folder / "dovecot.conf"],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, **running_as(user),
            )  # fmt: skip
        if answers(server.ports.values(), process):
            return server, process
        process.kill()
        process.wait(PATIENCE)
        assert attempt < TRIES, f"Dovecot did not start: {_written(folder)}"
        shutil.rmtree(folder / "run", ignore_errors=True)
    raise AssertionError("Dovecot did not start.")


def _base64url(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def _token_key(folder: Path) -> rsa.RSAPrivateKey:
    """The key that tokens are signed with; Dovecot finds its public half where it looks for it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = folder / "keys" / "default" / "RS256" / "default"
    public.parent.mkdir(parents=True, exist_ok=True)
    public.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    return key


def _configure(folder: Path, user: str, ports: Mapping[str, int], options: Mapping[str, str]) -> None:
    text = CONFIGURATION.substitute(
        {name: str(port) for name, port in ports.items()},
        folder=folder,
        user=user,
        group=grp.getgrgid(pwd.getpwnam(user).pw_gid).gr_name,
        issuer=ISSUER,
        certificate=folder / "tls" / "server.pem",
        key=folder / "tls" / "server.key",
        **options,
    )
    (folder / "dovecot.conf").write_text(text)


def _written(folder: Path) -> str:
    return "\n".join(path.read_text() for path in (folder / "output", folder / "log") if path.exists())
