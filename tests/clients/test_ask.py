"""`placet-ask`: what it asks, what it shows, and how it ends."""

import json
from pathlib import Path
from typing import Any

import pytest
import requests
from placet_client import Placet, ask

from tests.clients.scripted import KEY, URL, Answer, Scripted, problem, reply, request_json, scripted

ASKED = ["--url", URL, "--title", "Laptop", "--to", "bob@example.com"]
BOB = {"name": "Bob", "address": "bob@example.com"}


def ended(result: str = "approved", state: str = "ended", comment: str = "") -> dict[str, Any]:
    decision = {
        "outcome": "approve",
        "comment": comment,
        "by": BOB,
        "channel": "mail",
        "at": "2026-12-01T10:00:00Z",
    }
    step = {"key": "ask", "assignments": [{"id": "a", "decision": decision}]}
    return request_json(sequence=9, state=state, result=result, link=f"{URL}/requests/r1", steps=[step])


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACET_KEY", KEY)
    monkeypatch.delenv("PLACET_URL", raising=False)


def network_of(monkeypatch: pytest.MonkeyPatch, *script: Answer) -> Scripted:
    """Of whatever client the command makes."""
    placet, network, _ = scripted(*script)

    def client(url: str, key: str) -> Placet:
        assert (url, key.strip()) == (URL, KEY)
        return placet

    monkeypatch.setattr(ask, "Placet", client)
    return network


OPEN = reply(201, request_json(link=f"{URL}/requests/r1"))


@pytest.mark.parametrize(
    ("options", "answers", "code"),
    [
        (["--wait", "1h"], [OPEN, reply(200, ended())], ask.APPROVED),
        (["--wait", "1h"], [reply(201, ended())], ask.APPROVED),
        (["--wait", "1h"], [OPEN, reply(200, ended("rejected"))], ask.NOT_APPROVED),
        (["--wait", "1h"], [OPEN, reply(200, ended("", "withdrawn"))], ask.NOT_APPROVED),
        (["--wait", "1h"], [OPEN, reply(200, ended("approved", "withdrawn"))], ask.NOT_APPROVED),
        (["--wait", "1h"], [OPEN, reply(200, ended("deploy"))], ask.NOT_APPROVED),
        (["--wait", "1h", "--approves", "deploy"], [OPEN, reply(200, ended("deploy"))], ask.APPROVED),
        (["--wait", "1h", "--approves", "deploy"], [OPEN, reply(200, ended())], ask.NOT_APPROVED),
        (["--wait", "0s"], [OPEN], ask.STILL_OPEN),
        ([], [OPEN], ask.STILL_OPEN),
        (["--wait", "0s", "--withdraw"], [OPEN, reply(200, ended("", "withdrawn"))], ask.NOT_APPROVED),
        (["--wait", "0s", "--withdraw"], [OPEN, problem(412, "stale"), reply(200, ended())], ask.APPROVED),
        (["--wait", "1h"], [problem(401, "unauthorised")], ask.FAILED),
        (["--wait", "1h"], [problem(422, "invalid")], ask.FAILED),
        (["--wait", "1h"], [requests.ConnectionError("cut")], ask.FAILED),
        (["--wait", "1h"], [reply(200, content=b"<html>")], ask.FAILED),
    ],
)
def test_it_ends_as_the_request_did(
    monkeypatch: pytest.MonkeyPatch, options: list[str], answers: list[Answer], code: int
) -> None:
    network_of(monkeypatch, *answers)
    assert ask.main([*ASKED, *options]) == code


def test_it_asks_what_its_options_say(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    network = network_of(monkeypatch, OPEN)
    (tmp_path / "plan.txt").write_text("+ one")
    ask.main(
        [
            *ASKED, "--to", "eve@example.com", "--fact", "Amount=1=2", "--fact", "Empty=", "--text", "Please",
            "--rule", "2",
            "--file", str(tmp_path / "plan.txt"), "--outcome", "approve", "--outcome", "reject", "--due", "2026-12-24",
            "--proof", "signed", "--requester", "ann@example.com", "--idempotency-key", "build-7",
        ]
    )  # fmt: skip
    assert network.sent[0].headers["Idempotency-Key"] == "build-7"
    assert json.loads(network.sent[0].body or b"") == {
        "title": "Laptop", "facts": [{"label": "Amount", "value": "1=2"}, {"label": "Empty", "value": ""}],
        "to": ["bob@example.com", "eve@example.com"], "text": "Please", "rule": 2, "due": "2026-12-24",
        "files": [{"name": "plan.txt", "content": "KyBvbmU=", "content_type": "text/plain"}],
        "outcomes": ["approve", "reject"], "proof": "signed", "requester": "ann@example.com",
    }  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [
        [], ASKED[2:], ASKED[:2], ASKED[:4], [*ASKED, "--group", "finance"], [*ASKED, "--fact", "Amount"],
        [*ASKED, "--fact", "=1"], [*ASKED, "--rule", "most"], [*ASKED, "--rule", "0"], [*ASKED, "--wait", "1"],
        [*ASKED, "--wait", "soon"], [*ASKED, "--wait", "1m x"], [*ASKED, "--withdraw"], [*ASKED, "--request", "r1"],
        ["--url", URL, "--request", ".."],
        [*ASKED, "--file", "no such file"], [*ASKED, "--key-file", "no such file"], [*ASKED, "--titel", "x"],
        ["--url", "http://approvals.example.com", *ASKED[2:]],
    ],
)  # fmt: skip
def test_a_mistake_asks_nobody(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    def unused(*_: object, **__: object) -> None:
        raise AssertionError("something was sent")

    monkeypatch.setattr(requests.Session, "request", unused)
    try:
        code = ask.main(arguments)
    except SystemExit as error:  # argparse's own
        code = int(error.code or 0)
    shown = capsys.readouterr()
    assert (code, shown.out) == (ask.USAGE, "")
    assert "placet-ask: " in shown.err
    assert KEY not in shown.err


def test_without_a_key_it_says_how_to_give_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PLACET_KEY")
    assert ask.main(ASKED) == ask.USAGE
    assert "--key-file or PLACET_KEY" in capsys.readouterr().err


def test_a_key_in_a_file_comes_before_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network = network_of(monkeypatch, OPEN)
    monkeypatch.setenv("PLACET_KEY", "another")
    monkeypatch.setenv("PLACET_URL", URL)
    (tmp_path / "key").write_text(f"{KEY}\n")
    assert ask.main(["--request", "r1", "--key-file", str(tmp_path / "key")]) == ask.STILL_OPEN
    assert [(sent.method, sent.url) for sent in network.sent] == [("GET", f"{URL}/api/v1/requests/r1")]


def test_what_people_wrote_moves_no_cursor_and_is_no_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    comment = "yes\n::set-output name=x::y\r\n##[warning]x\x1b[2J\u202e\u2028::error::z"
    network_of(monkeypatch, reply(201, ended(comment=comment)))
    assert ask.main(ASKED) == ask.APPROVED
    shown = capsys.readouterr()
    assert shown.out.splitlines() == [
        "Result: approved",
        "  Bob: approve (mail, 2026-12-01T10:00:00+00:00) "
        "“yes : :set-output name=x: :y # #[warning]x [2J : :error: :z”",
    ]
    assert f"Request 7: {URL}/requests/r1 (--request r1)" in shown.err


def test_json_is_the_request_as_placet_said_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network_of(monkeypatch, reply(201, ended() | {"newer": 1}))
    assert ask.main([*ASKED, "--json"]) == ask.APPROVED
    assert json.loads(capsys.readouterr().out) == ended() | {"newer": 1}


def test_the_steps_that_follow_a_step_of_github_actions_get_one_line_each(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    network_of(monkeypatch, reply(201, ended("approved\nlink=https://elsewhere.example")))
    (tmp_path / "output").write_text("earlier=1\n")
    assert ask.main([*ASKED, "--github-output", str(tmp_path / "output")]) == ask.NOT_APPROVED
    assert (tmp_path / "output").read_text().splitlines() == [
        "earlier=1", "result=approvedlink=https://elsewhere.example", "request-id=r1", f"link={URL}/requests/r1",
    ]  # fmt: skip


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h30m", 5400), ("2d", 172_800)])
def test_times(text: str, seconds: int) -> None:
    assert ask.duration(text) == seconds
