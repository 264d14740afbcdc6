"""Notices in chats: what people wrote is text there, whatever it looks like, and nothing can be decided."""

import json
import re
from typing import Any

import pytest
from django.utils import timezone

from placet.accounts.models import Person
from placet.approvals.models import Request
from placet.webhooks import bodies, events
from placet.webhooks.models import Endpoint, Event
from tests.making import SAMPLE, start

pytestmark = pytest.mark.django_db

HOSTILE = [
    "<!channel> <!here> <@U123> <https://evil.example|Click here>",
    "@all @channel @here @bob #general :tada:",
    "[Approve](https://evil.example) ![x](https://evil.example/x.png)",
    "https://evil.example/decide www.evil.example evil.example mailto:eve@evil.example",
    "*bold* _it_ ~no~ `code` > quote | a | b",
    "&lt;!channel&gt; \\<!channel>",
    "line\none\rtwo\u2028three\u202etxt\x07",
    "# Heading\n- list\n1. one\n---\n***",
    "<at>Bob</at> <b>x</b> {{DATE(2026-12-01T12:00:00Z, SHORT)}}",
]
LINK = re.compile(r"https?://(?!127\.0\.0\.1:8000/requests/)|www\.(?=\w)|mailto:(?=\w)|\w\.example\b")


@pytest.fixture
def request_(alice: Person) -> Request:
    return start(SAMPLE, alice)


def notice(
    request: Request, kind: Endpoint.Kind, title: str, type_: str = "request.ended", **details: Any
) -> Any:
    request.title = title[:200]
    event = Event(request=request, sequence=1, type=type_, at=timezone.now(), data=details)
    return json.loads(bodies.body_of(Endpoint(kind=kind), event))


def _breakless(text: str) -> list[str]:
    return LINK.findall(text)


@pytest.mark.parametrize("title", HOSTILE)
def test_slack_shows_it_as_plain_text(request_: Request, title: str) -> None:
    body = notice(request_, Endpoint.Kind.SLACK, title)
    first, link = body["blocks"]
    assert first["text"]["type"] == "plain_text"
    assert first["text"]["emoji"] is False
    assert not _breakless(first["text"]["text"])
    assert link["text"]["text"].startswith("<http://127.0.0.1:8000/requests/")
    assert title not in link["text"]["text"]
    assert not {"<", ">"} & {*body["text"]}
    assert not _breakless(body["text"])
    assert not re.search(r"[@#!:](?=\S)(?!\u200b)", body["text"])


@pytest.mark.parametrize("title", HOSTILE)
def test_mattermost_gets_no_markdown_but_its_link(request_: Request, title: str) -> None:
    text = notice(request_, Endpoint.Kind.MATTERMOST, title)["text"]
    line, link = text.split("\n")
    assert re.fullmatch(r"\[[\w ]+\]\(http://127\.0\.0\.1:8000/requests/[0-9a-f-]+/\)", link)
    assert not re.search(r"(?<!\\)(?:\\\\)*[<>\[\]()*_~`|#@!]", line), line
    assert not _breakless(line.replace("\\", ""))
    assert not re.search(r"@\w", line.replace("\\", ""))


@pytest.mark.parametrize("title", HOSTILE)
def test_teams_gets_a_card_whose_runs_know_no_markup(request_: Request, title: str) -> None:
    body = notice(request_, Endpoint.Kind.TEAMS, title)
    [attachment] = body["attachments"]
    card = attachment["content"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    runs = [run for block in card["body"] for run in block["inlines"]]
    assert {run["type"] for run in runs} == {"TextRun"}
    assert not _breakless("".join(run["text"] for run in runs))
    assert [action["type"] for action in card["actions"]] == ["Action.OpenUrl"]


@pytest.mark.parametrize("kind", Endpoint.CHATS)
def test_a_notice_says_what_came_of_it_and_fits_into_a_line(request_: Request, kind: Endpoint.Kind) -> None:
    body = json.dumps(notice(request_, kind, "x" * 200, result="approved"), ensure_ascii=False)
    assert "A request ended" in body
    assert "approved" in body
    assert "x" * 149 in body
    assert "x" * 151 not in body


@pytest.mark.parametrize("kind", Endpoint.CHATS)
def test_a_test_leads_nowhere(kind: Endpoint.Kind) -> None:
    event = Event(request=None, sequence=0, type=events.TEST, at=timezone.now())
    body = bodies.body_of(Endpoint(kind=kind), event).decode()
    assert "this is a test" in body
    assert "/requests/" not in body
