"""The connector for the Power Platform, judged by @apidevtools/swagger-parser."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools import npm, power_platform

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def folder() -> Path:
    return npm.install(HERE, Path(sys.prefix) / "swagger-parser")


def judged(folder: Path, file: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [npm.NODE, HERE / "validate.mjs", folder, file],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_connector_is_openapi_2_0(folder: Path) -> None:
    made = judged(folder, power_platform.TARGET)
    assert made.returncode == 0, made.stderr
    paths = json.loads(power_platform.TARGET.read_text())["paths"]
    assert int(made.stdout) == len(paths) > 0


def test_the_judge_sees_what_2_0_does_not_have(folder: Path, tmp_path: Path) -> None:
    connector = json.loads(power_platform.TARGET.read_text())
    connector["definitions"]["Problem"]["anyOf"] = [{"type": "string"}]
    bent = tmp_path / "bent.json"
    bent.write_text(json.dumps(connector))
    made = judged(folder, bent)
    assert made.returncode != 0
    assert "anyOf" in made.stderr
