"""What an operator takes from `deploy/`: a unit of systemd, an image, a composition. It must fit what Placet is."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from placet.lib.config import CONFIG_VARIABLE, PREFIX, Config
from tests.installation import PATIENCE, PLACET
from tests.test_complete import ROOT

DEPLOY = ROOT / "deploy"
SETTINGS = {f"{PREFIX}{name.upper()}" for name in Config.model_fields} | {CONFIG_VARIABLE}

# --- systemd ----------------------------------------------------------------------------------------------

UNIT = DEPLOY / "systemd" / "placet.service"
WORKER = DEPLOY / "systemd" / "placet-work@.service"
EXPOSURE = 15  # tenths that `systemd-analyze security` may count


def _lines(section: str) -> list[tuple[str, str]]:
    text = UNIT.read_text().partition(f"[{section}]\n")[2].partition("\n[")[0]
    pairs = [line.partition("=") for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, value) for name, _, value in pairs]


def test_the_service_has_a_user_and_a_folder_of_its_own_and_writes_nowhere_else() -> None:
    service = dict(_lines("Service"))
    data = dict(value.split("=", 1) for name, value in _lines("Service") if name == "Environment")
    assert set(data) <= SETTINGS
    assert service["User"] == service["Group"] == "placet" == service["StateDirectory"]
    assert data["PLACET_DATA_DIR"] == service["WorkingDirectory"] == "/var/lib/placet"
    assert service["ProtectSystem"] == "strict" and service["NoNewPrivileges"] == "yes"
    assert not {"ReadWritePaths", "BindPaths"} & set(service)
    assert service["ExecStart"].endswith("/bin/placet serve")
    users = (DEPLOY / "systemd" / "placet.sysusers").read_text()
    assert re.search(r'^u placet - ".+" /var/lib/placet$', users, re.MULTILINE)


def test_it_is_started_again_and_has_the_time_to_end_what_it_has_in_hand() -> None:
    service = dict(_lines("Service"))
    assert service["Restart"] == "on-failure" and int(service["TimeoutStopSec"]) > 30  # Runner.stop


def test_a_worker_differs_from_the_service_in_what_it_starts_alone() -> None:
    lines = {"ExecStart=/opt/placet/bin/placet serve": "ExecStart=/opt/placet/bin/placet work"}
    service = [lines.get(line, line) for line in _below_its_name(UNIT)]
    assert _below_its_name(WORKER) == service


def _below_its_name(unit: Path) -> list[str]:
    lines = [line for line in unit.read_text().splitlines() if not line.startswith(("#", "Description="))]
    return [line.removesuffix(" placet.service") for line in lines]


@pytest.fixture(params=[UNIT, WORKER], ids=["serve", "work"])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The same with a program that is there."""
    there = tmp_path / str(request.param.name).replace("@", "@1")
    there.write_text(request.param.read_text().replace("/opt/placet/bin/placet", PLACET))
    return there


def _analysed(*words: str | Path) -> "subprocess.CompletedProcess[str]":
    program = shutil.which("systemd-analyze")
    if program is None:  # only machines with systemd have it; what the unit says is tested on all
        pytest.skip("there is no systemd-analyze here")
    return subprocess.run(
        [program, *map(str, words)], capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def test_systemd_understands_every_line(unit: Path) -> None:
    checked = _analysed("verify", "--man=no", unit)
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_systemd_counts_little_that_it_could_do_to_the_machine(unit: Path) -> None:
    judged = _analysed("security", "--no-pager", "--offline=yes", f"--threshold={EXPOSURE}", unit)
    assert judged.returncode == 0, judged.stdout


# --- Prometheus -------------------------------------------------------------------------------------------


def test_prometheus_understands_the_alert_rules_and_tells_of_a_step_that_is_stuck(tmp_path: Path) -> None:
    program = shutil.which("promtool")
    if program is None:  # only machines with Prometheus have it; what the rules ask for is tested on all
        pytest.skip("there is no promtool here")
    rules = DEPLOY / "prometheus" / "placet-alerts.yml"
    quiet = {"alertname": "PlacetStepStuck", "exp_alerts": [], "eval_time": "10m"}
    case = {
        "interval": "1m",
        "input_series": [
            {"series": 'placet_visits_stuck{instance="a"}', "values": "2x60"},
            {"series": 'placet_visits_stuck{instance="b"}', "values": "0x60"},
        ],
        "alert_rule_test": [quiet, {**quiet, "eval_time": "30m", "exp_alerts": [
            {"exp_labels": {"severity": "warning", "instance": "a"}, "exp_annotations": _annotations(rules, "2")}
        ]}],
    }  # fmt: skip
    tests = tmp_path / "tests.yml"
    tests.write_text(
        yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": "1m", "tests": [case]})
    )
    for command in (["check", "rules", "--lint-fatal", str(rules)], ["test", "rules", str(tests)]):
        checked = subprocess.run(
            [program, *command], capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert checked.returncode == 0, checked.stdout + checked.stderr


def _annotations(rules: Path, value: str) -> Mapping[str, str]:
    every = yaml.safe_load(rules.read_text())["groups"][0]["rules"]
    (annotations,) = (rule["annotations"] for rule in every if rule["alert"] == "PlacetStepStuck")
    return {name: text.replace("{{ $value }}", value) for name, text in annotations.items()}


# --- the image --------------------------------------------------------------------------------------------

CONTAINER = DEPLOY / "container"


def _instructions() -> list[tuple[str, str]]:
    text = re.sub(r"^\s*#.*\n", "", (CONTAINER / "Containerfile").read_text(), flags=re.MULTILINE)
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    pairs = [line.strip().partition(" ") for line in lines if line.strip()]
    return [(word, rest.strip()) for word, _, rest in pairs]


def _last_stage() -> list[tuple[str, str]]:
    found = _instructions()
    begins = max(at for at, (word, _) in enumerate(found) if word == "FROM")
    return found[begins:]


def test_both_stages_are_of_the_base_that_can_be_given() -> None:
    found = _instructions()
    assert found[0] == ("ARG", "BASE=docker.io/library/python:3.13-slim")
    assert [rest.partition(" ")[0] for word, rest in found if word == "FROM"] == ["${BASE}", "${BASE}"]
    known = {"ARG", "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
             "ENTRYPOINT", "CMD"}  # fmt: skip
    assert {word for word, _ in found} <= known


def test_it_runs_as_a_user_without_rights_who_owns_the_data_folder_alone() -> None:
    stage = _last_stage()
    words = [word for word, _ in stage]
    user, folder = dict(stage)["USER"], dict(stage)["VOLUME"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert "RUN" not in words[words.index("USER") :] and words.index("COPY") < words.index("USER")
    made = " ".join(rest for word, rest in stage if word == "RUN")
    uid, _, gid = user.partition(":")
    assert f"--uid {uid}" in made and f"--gid {gid}" in made
    assert f"install -d -o placet -g placet -m 0700 {folder}" in made and "chown" not in made
    assert dict(stage)["WORKDIR"] == folder == _environment(dict(stage)["ENV"])["PLACET_DATA_DIR"]


def _environment(text: str) -> Mapping[str, str]:
    return dict(pair.split("=", 1) for pair in text.split())


def test_its_settings_are_there_and_its_port_is_the_one_that_is_asked_whether_it_is_ready() -> None:
    stage = dict(_last_stage())
    given = {name for name in _environment(stage["ENV"]) if name.startswith(PREFIX)}
    assert given <= SETTINGS
    assert _environment(stage["ENV"])["PLACET_LISTEN"] == f"0.0.0.0:{stage['EXPOSE']}"
    assert f"http://127.0.0.1:{stage['EXPOSE']}/readyz" in stage["HEALTHCHECK"]
    assert (stage["ENTRYPOINT"], stage["CMD"]) == ('["placet"]', '["serve"]')


def test_its_libraries_are_those_of_the_lock() -> None:
    installs = [rest for word, rest in _instructions() if word == "RUN" and "pip install" in rest]
    assert len(installs) == 2
    assert "--require-hashes -r requirements/run.txt" in installs[0] and "--no-deps" in installs[1]


def test_what_it_copies_is_let_in_and_nothing_else() -> None:
    ignored = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if line and line[0] != "#"]
    assert ignored[0] == "*"
    let_in = {line[1:] for line in ignored if line.startswith("!")}
    copied = {
        source
        for word, rest in _instructions()
        if word == "COPY" and not rest.startswith("--from=")
        for source in rest.split()[:-1]
    }
    assert copied == let_in
    assert all((ROOT / source).exists() for source in copied)


# --- the composition --------------------------------------------------------------------------------------


@pytest.fixture
def composition() -> Mapping[str, Any]:
    found: Mapping[str, Any] = yaml.safe_load((CONTAINER / "compose.yaml").read_text())
    return found


def test_only_the_proxy_is_reached_from_outside(composition: Mapping[str, Any]) -> None:
    services = composition["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["proxy"]
    assert composition["networks"]["back"] == {"internal": True}
    assert services["database"]["networks"] == ["back"] and services["proxy"]["networks"] == ["front"]
    assert not any("network_mode" in service or "privileged" in service for service in services.values())


@pytest.mark.parametrize("name", ["proxy", "placet"])
def test_what_strangers_reach_cannot_write_but_into_its_volumes(
    name: str, composition: Mapping[str, Any]
) -> None:
    service = composition["services"][name]
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "proxy" else [])


def test_its_parts_fit(composition: Mapping[str, Any]) -> None:
    services = composition["services"]
    placet, stage = services["placet"], dict(_last_stage())
    assert set(placet["environment"]) <= SETTINGS
    assert f"data:{stage['VOLUME']}" in placet["volumes"]
    assert (CONTAINER / placet["build"]["context"]).resolve() == ROOT
    assert (ROOT / placet["build"]["dockerfile"]).is_file()
    assert f"reverse_proxy placet:{stage['EXPOSE']}" in (CONTAINER / "Caddyfile").read_text()
    volumes = {
        volume.partition(":")[0] for service in services.values() for volume in service.get("volumes", [])
    }
    assert {name for name in volumes if not name.startswith(".")} == set(composition["volumes"])
    assert all((CONTAINER / name).is_file() for name in volumes if name.startswith("."))
    networks = {name for service in services.values() for name in service["networks"]}
    assert networks == set(composition["networks"])


def test_it_has_no_password_of_its_own_and_does_not_start_without_one() -> None:
    text = (CONTAINER / "compose.yaml").read_text()
    assert "${POSTGRES_PASSWORD:?" in text and "${SITE:?" in text
    asked = set(re.findall(r"\$\{([A-Z_]+)", text))
    told = (ROOT / "docs" / "install.md").read_text()
    assert all(f"{name}=" in told for name in asked)
