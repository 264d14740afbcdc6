"""`make container`: what is in `deploy/container/` built and run, without a registry of images and without a service of
containers. As root on Linux; everything is made in one folder, which is removed again.

The base is a Debian made here. The image is built by buildah from the Containerfile, with the libraries of the lock.
It then runs as the composition says: its user, no capabilities, a root file system that the kernel mounts read-only, a
volume and a /tmp, and a network of its own that leads nowhere. First it plays the demo; then it serves with PostgreSQL,
behind Caddy with our Caddyfile, and is asked by HTTPS. No file outside the volume and /tmp may be another afterwards.
"""

import json
import os
import re
import resource
import signal
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy" / "container"
RELEASE = "trixie"  # of Debian; the first with a Python that is not .venv's
PACKAGES = "python3,python3-venv,ca-certificates,tzdata"  # what python:3.13-slim has of it
BASE, IMAGE = "localhost/placet-base", "localhost/placet"
SITE = "placet.localhost"  # for such a name Caddy signs the certificate itself
PATIENCE = 180.0  # seconds for a service to be ready
_WHEELS = "/mnt/wheels"


def main() -> int:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="placet-container-") as folder:
        image = Image(Path(folder))
        try:
            image.build_base()
            _tell(begun, f"a base is made: Debian {RELEASE}")
            image.build()
            _tell(begun, "the image is built")
            with image.mounted() as root:
                _rehearse(Path(folder), root, image.configuration())
        finally:
            image.remove()
    _tell(begun, "it runs as deploy/container says, and writes nowhere else")
    return 0


class Image:
    """The store of buildah in a folder, and the image that is built in it."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._driver = folder, "overlay"
        try:
            self._container = self._buildah("from", "scratch")
            self._buildah("mount", self._container)
        except subprocess.CalledProcessError:  # where the folder lies on an overlay itself
            self._driver = "vfs"
            self._container = self._buildah("from", "scratch")

    def build_base(self) -> None:
        root = Path(self._buildah("mount", self._container))
        command = [
            "mmdebstrap", "--quiet", "--mode=root", "--variant=minbase", f"--include={PACKAGES}",
            "--dpkgopt=force-unsafe-io", '--aptopt=Acquire::Languages "none"',
            *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "man", "locale")),
            RELEASE, str(self._folder / "base"),
        ]  # fmt: skip
        _run(*command)
        _run("cp", "--archive", f"{self._folder / 'base'}/.", str(root))
        self._buildah("unmount", self._container)
        self._buildah("commit", "--quiet", "--rm", self._container, BASE)

    def build(self) -> None:
        (python,) = (path.name for path in (self._folder / "base" / "usr" / "lib").glob("python3.*"))
        _download(self._folder / "wheels", python.removeprefix("python"))
        pip = self._folder / "pip.conf"
        pip.write_text(f"[global]\nno-index = true\nfind-links = {_WHEELS}\n")
        self._buildah(
            "build", "--quiet", "--pull=never", "--network=host", "--layers=false", "--format=docker",
            *_limits(), f"--volume={self._folder / 'wheels'}:{_WHEELS}:ro", f"--volume={pip}:/etc/pip.conf:ro",
            f"--build-arg=BASE={BASE}", f"--file={DEPLOY / 'Containerfile'}", f"--tag={IMAGE}", str(ROOT),
        )  # fmt: skip

    @contextmanager
    def mounted(self) -> Iterator[Path]:
        """The root of a container of the image."""
        self._container = self._buildah("from", "--pull=never", IMAGE)
        yield Path(self._buildah("mount", self._container))
        self._buildah("unmount", self._container)

    def configuration(self) -> Mapping[str, Any]:
        """What the image says of itself: Env, User, Healthcheck, Entrypoint, …"""
        image = json.loads(self._buildah("inspect", "--type=image", IMAGE))
        configuration: Mapping[str, Any] = image["Docker"]["config"]
        return configuration

    def remove(self) -> None:
        self._buildah("rm", "--all")
        # What overlay keeps mounted of its own store would stand in the way of removing the folder.
        if (store := self._folder / self._driver / self._driver).is_mount():
            _run("umount", str(store))

    def _buildah(self, *words: str) -> str:
        """What it prints to its output."""
        store = ("--root", str(self._folder / self._driver), "--runroot", str(self._folder / "run"))
        command = ["buildah", "--storage-driver", self._driver, *store, *words]
        ended = subprocess.run(  # noqa: S603 - our own command
            command,
            env={**os.environ, "BUILDAH_ISOLATION": "chroot"},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return ended.stdout.strip()


def _limits() -> Iterator[str]:
    """Those of this process: buildah would set higher ones, which not every root may."""
    for name, number in (("nofile", resource.RLIMIT_NOFILE), ("nproc", resource.RLIMIT_NPROC)):
        highest = resource.getrlimit(number)[1]
        yield f"--ulimit={name}={highest}:{highest}"


def _download(wheels: Path, python: str) -> None:
    """The libraries of the lock for this Python, and what wheels are made with, each checked by its hash. What has no
    wheel (dkimpy) comes as its sources, of which the image makes one."""
    maker = re.search(
        r"^setuptools==.*?(?=^\S)", (ROOT / "requirements" / "dev.txt").read_text(), re.M | re.S
    )
    assert maker is not None
    setuptools = wheels.with_name("setuptools.txt")
    setuptools.write_text(maker[0])
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--require-hashes",
               f"--python-version={python}", "--dest", str(wheels)]  # fmt: skip
    for lock in (ROOT / "requirements" / "run.txt", setuptools):
        _run(*command, "--no-deps", "--requirement", str(lock))


# --- it runs ----------------------------------------------------------------------------------------------


def _rehearse(folder: Path, root: Path, configuration: Mapping[str, Any]) -> None:
    (folder / "image.json").write_text(json.dumps({"root": str(root), "configuration": configuration}))
    user, _, group = str(configuration["User"]).partition(":")
    volume = folder / "volume"
    volume.mkdir(mode=0o700)
    os.chown(volume, int(user), int(group))
    folder.chmod(0o711)  # the volume is reached through it
    inside = [sys.executable, "-m", "tools.container", str(folder)]
    marker = folder / "marker"
    marker.touch()
    time.sleep(0.1)
    begin = 'ip link set lo up && exec tools/with-postgres "$@"'
    _run("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", begin, "sh", *inside)
    command = ["find", str(root), "-xdev", "-cnewer", str(marker)]
    changed = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own command
    assert not changed.stdout, f"written outside the volume: {changed.stdout}"


def inside(folder: Path) -> int:
    """In namespaces of our own, with a PostgreSQL beside us: nothing that is mounted here is seen elsewhere."""
    image = json.loads((folder / "image.json").read_text())
    root, configuration = Path(image["root"]), image["configuration"]
    composition = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    _mount(folder, root, configuration, composition["services"]["placet"])

    run = _command(root, configuration, {})
    refused = subprocess.run(  # noqa: S603 - our own command
        [*run, "touch", "/opt/placet/file"], capture_output=True, text=True, check=False
    )
    assert refused.returncode != 0 and "Read-only file system" in refused.stderr, refused.stderr
    begun = time.monotonic()
    _run(*run, *configuration["Entrypoint"], "demo", "--once")
    _tell(begun, "the demo took")
    _serve(folder, root, configuration, composition["services"])
    _tell(begun, "the composition answered by HTTPS, and was stopped")
    return 0


def _mount(folder: Path, root: Path, configuration: Mapping[str, Any], service: Mapping[str, Any]) -> None:
    """As the composition says: `read_only`, its volume, its `tmpfs`."""
    assert service["read_only"] is True
    (volume,) = configuration["Volumes"]
    assert f"data:{volume}" in service["volumes"]
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 localhost placet {SITE}\n")
    for command in (
        f"mount --bind {hosts} /etc/hosts|mount --bind {root} {root}"
        f"|mount --options remount,bind,ro {root}|mount --bind {folder / 'volume'} {root}{volume}"
        f"|mount --types proc proc {root}/proc|mount --rbind /dev {root}/dev"
    ).split("|"):
        _run(*command.split())
    for place in service["tmpfs"]:
        _run("mount", "-t", "tmpfs", "-o", "mode=1777,nosuid,nodev", "tmpfs", f"{root}{place}")


def _command(root: Path, configuration: Mapping[str, Any], more: Mapping[str, str]) -> Sequence[str]:
    """Before what the container is to run: its root, user and environment, `cap_drop: [ALL]`, `no-new-privileges`."""
    user, _, group = configuration["User"].partition(":")
    environment = [*configuration["Env"], *(f"{name}={value}" for name, value in more.items())]
    return [
        "env", "--ignore-environment", *environment, "chroot", str(root),
        "setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--no-new-privs",
        "--bounding-set=-all", "--inh-caps=-all",
        "env", f"--chdir={configuration['WorkingDir']}",
    ]  # fmt: skip


def _serve(folder: Path, root: Path, configuration: Mapping[str, Any], services: Mapping[str, Any]) -> None:
    """With PostgreSQL and Caddy, and the settings of the composition: ready by HTTPS and by the image's own check."""
    known = {"SITE": SITE, "POSTGRES_PASSWORD": "", "METRICS_KEY": "k" * 32}
    given = {
        name: re.sub(r"\$\{(\w+)[^}]*\}", lambda found: known[found[1]], value)
        for name, value in services["placet"]["environment"].items()
    }
    given["PLACET_DATABASE_URL"] = os.environ["PLACET_DATABASE_URL"]
    run = _command(root, configuration, given)
    with (
        _running([*run, *configuration["Entrypoint"], *configuration["Cmd"]]),
        _running(_caddy(folder), {"SITE": SITE, "XDG_DATA_HOME": str(folder / "caddy")}),
    ):
        _ask(folder)
        kind, *check = configuration["Healthcheck"]["Test"]
        assert kind == "CMD"
        _run(*run, *check)


def _caddy(folder: Path) -> Sequence[str]:
    """Caddy with our Caddyfile; the authority that signs in place of a public one stays unknown to this machine."""
    adapt = ["caddy", "adapt", "--validate", "--adapter=caddyfile", f"--config={DEPLOY / 'Caddyfile'}"]
    adapted = subprocess.run(  # noqa: S603 - our own command
        adapt, env={**os.environ, "SITE": SITE}, capture_output=True, text=True, check=False
    )
    assert adapted.returncode == 0, adapted.stderr
    configuration = json.loads(adapted.stdout)
    configuration["apps"]["pki"] = {"certificate_authorities": {"local": {"install_trust": False}}}
    file = folder / "caddy.json"
    file.write_text(json.dumps(configuration))
    return ["caddy", "run", f"--config={file}"]


def _run(*command: str) -> None:
    subprocess.run(command, cwd=ROOT, check=True)  # noqa: S603 - our own command


def _tell(begun: float, text: str) -> None:
    sys.stdout.write(f"{time.monotonic() - begun:6.0f} s  {text}\n")
    sys.stdout.flush()


@contextmanager
def _running(command: Sequence[str], more: Mapping[str, str] = {}) -> Iterator[None]:
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, env={**os.environ, **more}, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            yield
        except BaseException:
            log.seek(0)
            sys.stderr.write(log.read())
            raise
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
        assert process.returncode in (0, -signal.SIGTERM), process.returncode


def _ask(folder: Path) -> None:
    authority = folder / "caddy" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            trusted = ssl.create_default_context(cafile=str(authority))
            with urllib.request.urlopen(f"https://{SITE}/readyz", timeout=10, context=trusted) as answer:
                assert answer.read() == b"ready\n"
                break
        except OSError:  # not there yet, or not ready
            if time.monotonic() > ends:
                raise
            time.sleep(0.5)
    with urllib.request.urlopen(f"https://{SITE}/accounts/login/", timeout=60, context=trusted) as page:
        assert "Secure" in page.headers["Set-Cookie"], "the proxy is believed that the page came by HTTPS"
        assert re.fullmatch(r"[0-9a-f-]{36}", page.headers["X-Request-ID"])


if __name__ == "__main__":
    sys.exit(inside(Path(sys.argv[1])) if len(sys.argv) > 1 else main())
