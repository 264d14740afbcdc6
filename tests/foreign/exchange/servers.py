"""Apache with mod_auth_gssapi, gss-ntlmssp and a Kerberos KDC, all on loopback, in a folder of their own.

They sign in whoever comes, as IIS does before Exchange, and hand requests on to what stands behind them.
"""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.installation import free_port

REALM = "CONTOSO.EXAMPLE"
HOST = "localhost"
NAME = "approvals-service"
PASSWORD = "Correct-horse 7&é"
MODULES = Path("/usr/lib/apache2/modules")
SBIN = "/usr/sbin"
PATIENCE = 30.0  # seconds

KRB5 = """\
[libdefaults]
 default_realm = {realm}
 dns_lookup_kdc = false
 dns_lookup_realm = false
 dns_canonicalize_hostname = false
 rdns = false
 udp_preference_limit = 1
[realms]
 {realm} = {{
  kdc = 127.0.0.1:{port}
 }}
[domain_realm]
 {host} = {realm}
"""

KDC = """\
[kdcdefaults]
 kdc_listen = 127.0.0.1:{port}
 kdc_tcp_listen = 127.0.0.1:{port}
[realms]
 {realm} = {{
  database_name = {folder}/principal
  key_stash_file = {folder}/stash
  acl_file = {folder}/kadm5.acl
  max_life = 10h
 }}
[logging]
 kdc = FILE:{folder}/kdc.log
"""

APACHE = """\
ServerRoot {folder}
ServerName {host}
Listen 127.0.0.1:{port}
PidFile {folder}/apache.pid
ErrorLog {folder}/error.log
LogLevel warn auth_gssapi:debug
{user}
{modules}
KeepAlive {keep_alive}
SSLEngine on
SSLCertificateFile {certificate}
ProxyPass /EWS/ http://127.0.0.1:{behind}/EWS/
<Location /EWS/>
 AuthType GSSAPI
 AuthName Exchange
 GssapiAllowedMech {mechanism}
 GssapiConnectionBound {bound}
 {keytab}
 Require valid-user
 RequestHeader unset Authorization
</Location>
"""
LOADED = (
    "mpm_event", "authn_core", "authz_core", "authz_user", "auth_gssapi", "headers", "proxy", "proxy_http", "ssl",
)  # fmt: skip


@dataclass(frozen=True)
class Apache:
    """`user` is whom it knows, with PASSWORD."""

    port: int
    folder: Path

    @property
    def server(self) -> str:
        return f"{HOST}:{self.port}"

    def log(self) -> str:
        return (self.folder / "error.log").read_text()


@contextmanager
def running_kdc(folder: Path) -> Iterator[None]:
    """A realm with one account, and a keytab of the service HTTP/localhost. This process and its children use it."""
    port = free_port()
    (folder / "krb5.conf").write_text(KRB5.format(realm=REALM, port=port, host=HOST))
    (folder / "kdc.conf").write_text(KDC.format(realm=REALM, port=port, folder=folder))
    named = {"KRB5_CONFIG": f"{folder}/krb5.conf", "KRB5_KDC_PROFILE": f"{folder}/kdc.conf"}
    before = {name: os.environ.get(name) for name in [*named, "KRB5CCNAME"]}
    os.environ.update(named, KRB5CCNAME=f"FILE:{folder}/ccache")
    try:
        _ran("kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        _ran("kadmin.local", "addprinc", "+requires_preauth", "-pw", PASSWORD, f"{NAME}@{REALM}")
        _ran("kadmin.local", "addprinc", "-randkey", f"HTTP/{HOST}@{REALM}")
        _ran("kadmin.local", "ktadd", "-k", f"{folder}/http.keytab", f"HTTP/{HOST}@{REALM}")
        (folder / "http.keytab").chmod(0o644)  # Apache reads it as somebody else
        with _process([f"{SBIN}/krb5kdc", "-n"], port, folder / "kdc.out"):
            yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


@contextmanager
def running_apache(
    folder: Path,
    behind: int,
    certificate: Path,
    mechanism: str,
    *,
    connection_bound: bool = True,
    keep_alive: bool = True,
) -> Iterator[Apache]:
    """`mechanism`: ntlmssp or krb5. `behind` is the port that signed-in requests are handed on to."""
    port = free_port()
    folder.mkdir(exist_ok=True)
    folder.chmod(0o755)
    domain = REALM.partition(".")[0]
    accounts = folder / "accounts"
    accounts.write_text(f"{domain}:{NAME}:{PASSWORD}\n")
    accounts.chmod(0o644)
    shutil.copy(folder.parent / "http.keytab", folder / "http.keytab")
    (folder / "apache.conf").write_text(
        APACHE.format(
            folder=folder,
            host=HOST,
            port=port,
            user="User www-data\nGroup www-data" if os.getuid() == 0 else "",
            keytab=f"GssapiCredStore keytab:{folder}/http.keytab" if mechanism == "krb5" else "",
            modules="\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in LOADED),
            keep_alive="On" if keep_alive else "Off",
            certificate=certificate,
            behind=behind,
            mechanism=mechanism,
            bound="On" if connection_bound else "Off",
        )
    )
    command = [f"{SBIN}/apache2", "-f", f"{folder}/apache.conf", "-DFOREGROUND"]
    with _process(command, port, folder / "apache.out", NTLM_USER_FILE=str(accounts)):
        yield Apache(port, folder)


@contextmanager
def _process(command: list[str], port: int, output: Path, **more: str) -> Iterator[None]:
    with ExitStack() as stack:
        written = stack.enter_context(output.open("wb"))
        process = subprocess.Popen(
            command, env={**os.environ, **more}, stdin=subprocess.DEVNULL, stdout=written, stderr=written
        )
        try:
            _until_it_listens(process, port, output)
            yield
        finally:
            process.terminate()
            process.wait(PATIENCE)


def _until_it_listens(process: "subprocess.Popen[bytes]", port: int, output: Path) -> None:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if process.poll() is not None:
            break
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise AssertionError(f"{process.args!r} does not listen: {output.read_text()}")


def _ran(*words: str) -> None:
    ended = subprocess.run(
        [f"{SBIN}/{words[0]}", *words[1:]], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
