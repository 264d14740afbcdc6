"""What is sent: the JSON of an event, or a message for a chat.

A message for a chat is a notice with a link to the request's page, which asks for sign-in; it cannot decide anything.
What people wrote is text in it, and never a link, a mention or markup of that chat.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from placet.approvals.composing import page_of
from placet.approvals.models import Decision, Request
from placet.mail.writing import no_links
from placet.webhooks import chat_words, events
from placet.webhooks.endpoints import may_have
from placet.webhooks.models import Endpoint, Event

LONGEST_TITLE = 150  # characters of a title in a chat
BREAK = "\u200b"  # a zero-width space: what stands around it is no longer one word


def body_of(endpoint: Endpoint, event: Event) -> bytes:
    """UTF-8 of the JSON that this endpoint gets of this event."""
    request = event.request
    if endpoint.kind in Endpoint.CHATS:
        content = _FOR_CHATS[endpoint.kind](*_notice(event, request))
    else:
        content = events.payload(event.type, event.at, event.sequence, request, event.data)
        if request is not None and _may_have_data(endpoint):
            _add_data(content["data"], event, request)
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _may_have_data(endpoint: Endpoint) -> bool:
    """Whoever made it owns its processes still, or administers: nobody else sees all of their requests."""
    owner = endpoint.owner if endpoint.with_data else None
    return owner is not None and may_have(owner, endpoint.processes)


def _add_data(data: dict[str, Any], event: Event, request: Request) -> None:
    """As it is when it is sent, so that nothing leaves which was erased since."""
    data["request"] |= {"title": request.title, "revision": request.revision, "data": request.data}
    seat = event.data.get("assignment")
    if event.type == "request.decided" and seat is not None:
        decision = Decision.objects.select_related("by_person").filter(assignment=int(seat["id"])).first()
        if decision is not None:
            by = decision.by_person
            data["decision"] = {
                "outcome": decision.outcome,
                "comment": decision.comment,
                "answers": decision.answers,
                "by": {"id": str(by.pk), "name": by.name, "address": by.email},
            }


# --- chats ------------------------------------------------------------------------------------------------


def _notice(event: Event, request: Request | None) -> tuple[str, str, str, str]:
    """What happened; which request; what the link says; where it leads ("" of a test)."""
    if request is None:
        return chat_words.test(), "", "", ""
    title = f"{request.number}: {_one_line(request.title)}"
    return chat_words.sentence(event.type, event.data), title, chat_words.link(), page_of(request)


def _one_line(text: str) -> str:
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= LONGEST_TITLE else line[: LONGEST_TITLE - 1] + "…"


def _slack(what: str, title: str, label: str, url: str) -> dict[str, Any]:
    """Blocks of plain text, in which nothing is markup (https://docs.slack.dev/reference/block-kit/composition-objects).
    `text` is what notices on a telephone show."""
    lines = [what, *([title] if title else [])]
    blocks: list[dict[str, Any]] = [
        {"type": "section", "text": {"type": "plain_text", "text": _plain(" – ".join(lines)), "emoji": False}}
    ]
    if url:
        link = {"type": "mrkdwn", "text": f"<{_in_slack(url)}|{_in_slack(label)}>"}
        blocks.append({"type": "section", "text": link})
    return {
        "text": _in_slack(_plain(" – ".join(lines))), "blocks": blocks, "unfurl_links": False,
        "unfurl_media": False,
    }  # fmt: skip


def _mattermost(what: str, title: str, label: str, url: str) -> dict[str, Any]:
    """Markdown is all that it knows, so every sign that could be markup is escaped."""
    text = " – ".join(_in_markdown(_plain(one)) for one in (what, title) if one)
    return {"text": text + (f"\n[{_in_markdown(label)}]({url})" if url else "")}


def _teams(what: str, title: str, label: str, url: str) -> dict[str, Any]:
    """An Adaptive Card, as the workflow “Post to a channel when a webhook request is received” takes it. Its text runs
    know no Markdown (https://adaptivecards.io/explorer/TextRun.html), as text blocks would."""
    runs = [{"type": "TextRun", "text": _plain(what), "weight": "Bolder"}]
    if title:
        runs.append({"type": "TextRun", "text": " " + _plain(title)})
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [{"type": "RichTextBlock", "inlines": runs}],
    }
    if url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": label, "url": url}]
    attachment = {
        "contentType": "application/vnd.microsoft.card.adaptive",
        "contentUrl": None,
        "content": card,
    }
    return {"type": "message", "attachments": [attachment]}


_FOR_CHATS: dict[str, Callable[[str, str, str, str], dict[str, Any]]] = {
    Endpoint.Kind.SLACK: _slack,
    Endpoint.Kind.MATTERMOST: _mattermost,
    Endpoint.Kind.TEAMS: _teams,
}
_WORDS = re.compile(r"[@#!:](?=\S)")  # mentions, channels and signs that a chat draws
_MARKDOWN = re.compile(r"([!-/:-@\[-`{-~])")  # every sign of ASCII that may be escaped (CommonMark 0.31, 2.4)


def _plain(text: str) -> str:
    """Nothing in it is a link or a mention: not by a program that looks for some in plain text, either."""
    return _WORDS.sub(lambda match: match[0] + BREAK, no_links(text))


def _in_slack(text: str) -> str:
    """https://docs.slack.dev/messaging/formatting-message-text: these three, and no others, are escaped."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _in_markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", text)
