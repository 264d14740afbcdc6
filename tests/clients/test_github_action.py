"""The step of GitHub Actions: its inputs reach `placet-ask` as they are, whatever stands in them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.installation import PATIENCE
from tests.test_complete import ROOT

ACTION = ROOT / "clients" / "github-action"
SHOWS_ARGUMENTS = "import json, sys; print(json.dumps(sys.argv[1:]))"
STEPS = yaml.safe_load((ACTION / "action.yml").read_text())["runs"]["steps"]


def arguments_of(folder: Path, **inputs: str) -> list[str]:
    """Of `placet-ask`, which shows them and does nothing else."""
    program = folder / "placet-ask"
    program.write_text(f"#!{sys.executable}\n{SHOWS_ARGUMENTS}\n")
    program.chmod(0o755)
    environment = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "GITHUB_OUTPUT": str(folder / "output"),
        **inputs,
    }
    ended = subprocess.run(
        ["bash", str(ACTION / "ask.sh")],
        env=environment, cwd=folder, capture_output=True, text=True, timeout=PATIENCE, check=True,
    )  # fmt: skip
    arguments: list[str] = json.loads(ended.stdout)
    return arguments


def test_inputs_are_options_line_by_line(tmp_path: Path) -> None:
    evil = "$(touch harm) `touch harm` ; touch harm"
    arguments = arguments_of(
        tmp_path, ASK_TITLE=f"{evil}\n--wait=0s", ASK_TO="bob@example.com\r\n\n eve@example.com ", ASK_RULE="all",
        ASK_FACTS=f"Version=4.2\n{evil}=x", ASK_FILES="--key-file", ASK_ONCE="ann/shop/1/1/deploy/ask",
    )  # fmt: skip
    assert arguments == [
        f"--title={evil}\n--wait=0s", "--to=bob@example.com", "--to= eve@example.com ", "--fact=Version=4.2",
        f"--fact={evil}=x", "--file=--key-file", "--rule=all", "--wait=1h",
        "--idempotency-key=ann/shop/1/1/deploy/ask", "--withdraw", "--github-output", str(tmp_path / "output"),
    ]  # fmt: skip
    assert not (tmp_path / "harm").exists()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step["name"])
def test_no_input_stands_in_a_script(step: dict[str, str]) -> None:
    assert "${{" not in step["run"]


def test_every_input_reaches_the_script() -> None:
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    variables = STEPS[-1]["env"]
    given = {
        match[1]
        for value in variables.values()
        if (match := re.fullmatch(r"\$\{\{ inputs\.(\w+) \}\}", value))
    }
    assert given == set(action["inputs"])
    script = (ACTION / "ask.sh").read_text()
    assert {name for name in variables if name.startswith("ASK_")} == set(
        re.findall(r"\$\{(ASK_\w+):-", script)
    )
