"""Somebody else has rights on Placet's mailbox (an ACL, a delegate, a mail program of a colleague) and marks, copies,
moves and appends mails in it: it proves nobody, hides no answer, and makes no answer count twice."""

import random
from collections.abc import Callable, Iterator

import pytest
from imapclient import IMAPClient

from placet.approvals.models import Decision
from placet.mail.models import OutgoingMail
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Attempt
from tests.attacks.forging import BOB, lay_raw, letter
from tests.journeys.at_mail_servers import AtMailServers
from tests.journeys.conftest import World
from tests.journeys.letters import INTERNAL

EVERY_KIND = True

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.not_over(
        "graph",
        "ews",
        "exchange-server",
        "gmail",
        because="nobody but Placet signs in to the stand-in's mailbox",
    ),
    pytest.mark.not_over("pop3", because="it shows no marks and no other folders"),
]

INBOX, THEIRS = "INBOX", "Theirs"
#: What mail programs set, what Placet sets on what it handled or moves, and what nobody does.
MARKS = (
    b"\\Seen", b"\\Answered", b"\\Flagged", b"\\Draft", b"$Forwarded", b"$Junk", b"$NotJunk", b"$PlacetMoving",
    b"placet-handled", b"Placet",
)  # fmt: skip
MARK = "".join(f"{line}\r\n" for line in INTERNAL).encode()


def opened(world: World) -> IMAPClient:
    assert isinstance(world.sandbox, AtMailServers)
    return world.sandbox.opened()


def marks(client: IMAPClient, uid: int, rng: random.Random) -> None:
    client.add_flags([uid], rng.sample(MARKS, rng.randint(1, 4)))


def copies_it_away(client: IMAPClient, uid: int, rng: random.Random) -> None:
    """Where it may lie as long as it likes."""
    if not client.folder_exists(THEIRS):
        client.create_folder(THEIRS)
    client.copy([uid], THEIRS)
    marks(client, uid, rng)


def copies_it_beside(client: IMAPClient, uid: int, rng: random.Random) -> None:
    """So that it lies there twice, and perhaps the copy alone has marks."""
    client.copy([uid], INBOX)
    marks(client, rng.choice(client.search()), rng)


def there_and_back(client: IMAPClient, uid: int, rng: random.Random) -> None:
    """Under another number, and no longer with the first one's marks."""
    copies_it_away(client, uid, rng)
    client.delete_messages([uid])
    client.expunge([uid])
    client.select_folder(THEIRS)
    client.copy([max(client.search())], INBOX)


def appends_it_again(client: IMAPClient, uid: int, rng: random.Random) -> None:
    raw = client.fetch([uid], ["BODY.PEEK[]"])[uid][b"BODY[]"]
    # Cyrus takes two with the same bytes for one.
    client.append(INBOX, raw + b"\r\n", rng.sample(MARKS, 2))


MEDDLING = (marks, marks, copies_it_away, copies_it_beside, there_and_back, appends_it_again)


def meddled(raw: Callable[[Mail], bytes], rng: random.Random) -> Iterator[Attempt]:
    while True:
        meddle, seed = rng.choice(MEDDLING), rng.random()

        def attempt(
            world: World, asked: Mail, meddle: Callable[..., None] = meddle, seed: float = seed
        ) -> None:
            lay_raw(world, raw(asked))
            with opened(world) as client:
                client.select_folder(INBOX)
                meddle(client, max(client.search()), random.Random(seed))

        yield f"{meddle.__name__} ({seed})", attempt


def of_a_stranger(asked: Mail) -> bytes:
    return letter(asked, BOB).raw()


def of_bob(asked: Mail) -> bytes:
    return MARK + letter(asked, BOB).raw()


def test_what_others_do_in_the_mailbox_proves_nobody_and_hides_no_answer(arena: Arena) -> None:
    assert set(arena.refuses(meddled(of_a_stranger, arena.rng))) <= {"not_proved", "duplicate"}
    told = OutgoingMail.objects.filter(kind="confirmation").count()
    arena.accepts(meddled(of_bob, arena.rng))
    decided = Decision.objects.count()
    assert decided > told
    assert OutgoingMail.objects.filter(kind="confirmation").count() == decided, "each is told of once"


def test_an_answer_that_somebody_puts_back_counts_once(arena: Arena) -> None:
    """Out of the folder of what was handled, marked for taking out and not taken out, with other marks, and again."""
    world = arena.world
    request, asked = world.asked()
    lay_raw(world, of_bob(asked))
    world.run_until_quiet()
    for _ in range(3):
        with opened(world) as client:
            handled = next(name for *_, name in client.list_folders() if name.endswith("Processed"))
            client.select_folder(handled)
            last = max(client.search())
            client.copy([last], INBOX)
            client.add_flags([last], [b"\\Deleted", *arena.rng.sample(MARKS, 2)])
        world.run_until_quiet()
    assert Decision.objects.filter(assignment__visit__request=request).count() == 1
    assert OutgoingMail.objects.filter(kind="confirmation").count() == 1
