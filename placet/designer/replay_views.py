"""Replay: the requests of the last 90 days, run through the draft. A page plays a chunk of them each time it is asked;
with JavaScript it asks again by itself."""

from dataclasses import dataclass, field
from typing import Any

from django.core import signing
from django.http import HttpResponse
from django.shortcuts import render

from placet.approvals.models import Process
from placet.designer.people import find_written, owners_only
from placet.designer.replay import DAYS, replay, to_replay
from placet.designer.try_state import DRAFT, definition_in, problems_in, source_of
from placet.portal.people import PersonsRequest

MOST_LISTED = 100  # of those that would go another way
_SALT = "placet.designer.replay"


@dataclass
class Progress:
    """How far a replay has come. It travels in the page, signed. `differing`: id, number, title, sentences of each."""

    after: int = 0
    played: int = 0
    count: int = 0  # of those that would go another way
    unplayed: int = 0
    differing: list[list[Any]] = field(default_factory=list)
    is_over: bool = False

    @classmethod
    def read(cls, text: str, salt: str) -> "Progress":
        try:
            return cls(**signing.loads(text, salt=salt))
        except (signing.BadSignature, TypeError):
            return cls()

    def signed(self, salt: str) -> str:
        return signing.dumps(vars(self), salt=salt, compress=True)


@owners_only
def replay_draft(request: PersonsRequest, key: str) -> HttpResponse:
    process = find_written(request, key)
    source = source_of(process, DRAFT)
    problems = problems_in(source) if source is not None else ()
    context: dict[str, Any] = {
        "process": process,
        "days": DAYS,
        "has_draft": source is not None,
        "problems": problems,
        "number": to_replay(process, request.user).count(),
    }
    if request.method != "POST" or source is None or problems:
        return render(request, "designer/replay.html", context)
    salt = f"{_SALT}:{process.pk}:{request.user.pk}"
    progress = Progress.read(request.POST.get("p", ""), salt)
    _go_on(progress, process, source, request)
    context |= {"progress": progress, "p": progress.signed(salt), "left": context["number"] - progress.played}
    by_script = "HX-Request" in request.headers
    return render(request, "designer/replay_part.html" if by_script else "designer/replay.html", context)


def _go_on(progress: Progress, process: Process, source: Any, request: PersonsRequest) -> None:
    chunk = replay(process, definition_in(source), request.user, progress.after)
    progress.played += chunk.played
    progress.count += len(chunk.differing)
    progress.unplayed += chunk.unplayed
    listed = [[str(one.public_id), one.number, one.title, list(one.sentences)] for one in chunk.differing]
    progress.differing = [*progress.differing, *listed][:MOST_LISTED]
    progress.is_over = chunk.after is None
    progress.after = chunk.after or progress.after
