"""`python -m tests.releases.make NAME`: an installation as this version leaves it, in tests/releases/NAME/, for later
ones to open: a backup of SQLite and one of PostgreSQL (of the server that PLACET_DATABASE_URL names, as
`tools/with-postgres` sets it), and what was in it. People made requests and answered them by mail and on the page; some
wait.

To be run once, by the code of the version that it is named after. The keys in it open nothing else.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.replies import only_our_settings
from benchmarks.tenant import tenant
from tests.releases.look import contents

FOLDER = Path(__file__).parent
REPLIES, OPEN = 3, 6  # of requests that are asked about
PLACET = str(Path(sys.executable).with_name("placet"))


def main(name: str) -> None:
    postgresql = os.environ["PLACET_DATABASE_URL"]
    target = FOLDER / name
    target.mkdir()
    with tempfile.TemporaryDirectory(prefix="placet-release-") as folder:
        only_our_settings(Path(folder))
        _live()
        _placet("backup", target / "sqlite.tar.gz")
        (target / "expected.json").write_text(json.dumps(contents(), indent=1, sort_keys=True) + "\n")
        _placet("database", "copy", postgresql)
        os.environ["PLACET_DATABASE_URL"] = postgresql
        _placet("backup", target / "postgresql.tar.gz")


def _live() -> None:
    from benchmarks import seed
    from placet import work
    from placet.accounts.models import Group
    from placet.approvals import engine
    from placet.approvals.models import Assignment, Decision, Request

    seed.PAIRS = OPEN
    with tenant() as running:
        people = seed.fresh_installation(running, "graph")
        Group.objects.create(key="finance", name="Finance").members.set(people[:2])
        seed.requests(people, REPLIES, OPEN)
        seed.replies(running, REPLIES)
        kinds = {kind.name: kind for kind in work.kinds()}
        for name in ("send", "poll", "take_in", "mark", "send"):
            while work.run_once(kinds[name]):
                pass
    assert Decision.objects.count() == REPLIES, "each reply decided"
    waiting = Assignment.objects.filter(state=Assignment.State.OPEN).order_by("pk")
    first = waiting[0]
    engine.decide(
        first.pk, by=first.person, outcome="reject", comment="Żółć 決裁", channel=Decision.Channel.PAGE
    )
    last = Request.objects.filter(state=Request.State.OPEN).latest("pk")
    engine.withdraw(last.pk, last.requester)


def _placet(*words: object) -> None:
    subprocess.run([PLACET, *map(str, words)], check=True)


if __name__ == "__main__":
    main(sys.argv[1])
