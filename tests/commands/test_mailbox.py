"""`placet mailbox`, `placet check` and what `placet sandbox` refuses, against a sandbox over HTTP."""

import json
from collections.abc import Iterator

import pytest

from placet import work
from placet.accounts.models import Person
from placet.commands import mailbox
from placet.mail.models import OutgoingMail
from placet.mailboxes import store
from placet.mailboxes.models import Mailbox
from placet.sandbox.server import Sandbox
from tests.commands.conftest import Ran, Run
from tests.mailboxes.google_tokens import key_file
from tests.making import SAMPLE, make_mailbox, start

ADDRESS = "approvals@contoso.example"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox("contoso.example") as sandbox:
        sandbox.add_mailbox("approvals")
        yield sandbox


def test_a_mailbox_is_removed_once_that_is_said(placet: Run) -> None:
    assert placet("mailbox", "remove", "--yes").error == "No mailbox is set up.\n"
    box = make_mailbox(ADDRESS)
    assert placet("mailbox", "remove", stdin="n\n").out.endswith("It was left as it is.\n")
    assert Mailbox.present.get() == box
    assert placet("mailbox", "remove", stdin="yes\n").out.endswith(f"{ADDRESS} was removed.\n")
    assert not Mailbox.present.exists()
    assert Mailbox.objects.get().removed_by.startswith("command line (")


def set_up(placet: Run, sandbox: Sandbox, *more: str, stdin: str | None = None) -> Ran:
    return placet(
        "mailbox", "set",
        "--server-address", sandbox.url,
        "--username", ADDRESS,
        "--client-id", sandbox.client_id,
        "--scope", sandbox.scope,
        "--token-uri", sandbox.token_url,
        *more,
        stdin=f"{sandbox.client_secret}\n" if stdin is None else stdin,
    )  # fmt: skip


def test_a_mailbox_is_set_up_shown_and_checked(placet: Run, sandbox: Sandbox) -> None:
    sandbox.switches.consented, sandbox.switches.graph_roles = False, set()
    sandbox.switches.rbac = {ADDRESS}
    saved = set_up(placet, sandbox, "--active", "yes")
    assert saved.code == 0, saved.error
    assert f"{ADDRESS} is saved. Test it with: placet check" in saved.out
    assert Mailbox.objects.get().active
    shown = placet("mailbox", "show")
    assert shown.code == 0
    assert sandbox.client_id in shown.out
    assert "(never shown)" in shown.out
    checked = placet("check")
    assert checked.code == 0, checked.out
    assert "✗" not in checked.out
    assert "Everything works." in checked.out
    for ran in (saved, shown, checked):
        assert sandbox.client_secret not in ran.out + ran.error


def test_check_tells_programs_too(placet: Run, sandbox: Sandbox) -> None:
    set_up(placet, sandbox)
    ran = placet("check", "--json")
    steps = [json.loads(line) for line in ran.out.splitlines()]
    assert ran.code == 0
    assert steps and all(step["ok"] for step in steps)
    assert len({step["key"] for step in steps}) == len(steps)
    assert sandbox.client_secret not in ran.out


def test_settings_that_are_no_longer_valid_are_named_by_the_check(placet: Run, sandbox: Sandbox) -> None:
    set_up(placet, sandbox)
    mailbox = Mailbox.objects.get()
    mailbox.settings["token_uri"] = "https://login.microsoftonline.com/common/oauth2/v2.0/token"
    mailbox.save()
    ran = placet("check")
    assert ran.code == 1
    assert "are not valid. Access token URI: “common” stands where" in ran.error
    assert "Correct them with: placet mailbox set" in ran.error


def test_a_mailbox_of_somebody_else_that_opens_is_marked_and_no_failure(
    placet: Run, sandbox: Sandbox, alice: Person
) -> None:
    sandbox.add_mailbox("alice")
    set_up(placet, sandbox)
    ran = placet("check")
    assert ran.code == 0, ran.out
    assert "\n! Other mailboxes stay closed: The mailbox of alice@contoso.example opened." in ran.out
    marked = ran.out.partition("\n! ")[2].partition("\n✓ ")[0].splitlines()
    assert marked[1].startswith("    Cause: ") and marked[2].startswith("    Cure:  ")
    assert "    Connect-ExchangeOnline" in marked
    assert all(line.startswith("    ") for line in marked[1:])
    assert ran.out.endswith("\nEverything works, but look at what is marked with !\n")
    steps = {step["key"]: step for step in map(json.loads, placet("check", "--json").out.splitlines())}
    assert {key for key, step in steps.items() if step["warning"]} == {"limits"}
    assert steps["limits"]["ok"]
    sandbox.switches.access_policy = {ADDRESS}
    assert "Everything works." in placet("check").out


def test_a_wrong_secret_is_found_with_cause_and_cure(placet: Run, sandbox: Sandbox) -> None:
    set_up(placet, sandbox, stdin="this-is~not.the-right-secret-at-all-00000\n")
    ran = placet("check")
    assert ran.code == 1
    assert "✗" in ran.out
    assert "Cause: " in ran.out
    assert "Cure: " in ran.out
    assert "Please mend what failed" in ran.out
    assert "not.the-right" not in ran.out + ran.error
    steps = [json.loads(line) for line in placet("check", "--json").out.splitlines()]
    assert [step["ok"] for step in steps].count(False) == 1
    assert steps[-1]["cause"]
    assert steps[-1]["cure"]


def test_what_is_not_named_stays_and_the_secret_too(placet: Run, sandbox: Sandbox) -> None:
    set_up(placet, sandbox)
    assert placet("mailbox", "set", "--poll-seconds", "17").code == 0
    mailbox = Mailbox.objects.get()
    assert mailbox.settings["poll_seconds"] == 17
    assert mailbox.settings["client_id"] == sandbox.client_id
    assert mailbox.secrets["client_secret"] == sandbox.client_secret


def test_another_server_asks_for_the_secret_again(placet: Run, sandbox: Sandbox) -> None:
    set_up(placet, sandbox)
    with Sandbox("contoso.example") as other:
        ran = placet("mailbox", "set", "--server-address", other.url)
    assert ran.code == 1
    assert ran.error.startswith("Nothing was saved:\n  Client secret (--client-secret):")
    assert Mailbox.objects.get().settings["server_address"] == sandbox.url.removeprefix("http://")


def test_every_wrong_setting_is_named(placet: Run, sandbox: Sandbox) -> None:
    ran = placet(
        "mailbox",
        "set",
        "--username",
        "nobody",
        "--client-id",
        "x",
        "--poll-seconds",
        "0",
        stdin="s" * 40 + "\n",
    )
    assert ran.code == 1
    lines = ran.error.splitlines()
    assert lines[0] == "Nothing was saved:"
    for option in ("--username", "--client-id", "--poll-seconds", "--token-uri"):
        assert any(option in line for line in lines[1:]), option
    assert not Mailbox.objects.exists()


def test_without_a_secret_nothing_is_activated(placet: Run, sandbox: Sandbox) -> None:
    ran = set_up(placet, sandbox, "--active", "yes", stdin="")
    assert (ran.code, ran.error) == (
        1,
        "Nothing was saved:\n  Client secret (--client-secret): Enter the client secret.\n",
    )
    assert "Nothing is stored yet to sign in with" in set_up(placet, sandbox, stdin="").out


def test_what_waited_on_the_page_is_asked_by_mail_once_there_is_a_mailbox(
    placet: Run, sandbox: Sandbox, alice: Person, bob: Person
) -> None:
    start(SAMPLE, alice)
    assert not OutgoingMail.objects.exists()
    ran = set_up(placet, sandbox, "--active", "yes")
    assert "1 open questions from before will be asked by mail." in ran.out
    assert not OutgoingMail.objects.exists()  # nothing is lost if this command is stopped
    (ask,) = [kind for kind in work.kinds() if kind.name == "ask"]
    work.run_once(ask)
    assert OutgoingMail.objects.get().to == "bob@contoso.example"


@pytest.mark.parametrize("words", [["mailbox", "show"], ["check"], ["check", "--json"]])
def test_without_a_mailbox_the_next_step_is_said(placet: Run, words: list[str]) -> None:
    ran = placet(*words)
    assert (ran.code, ran.error) == (1, "No mailbox is set up yet. Begin with: placet mailbox set --help\n")


def test_of_several_mailboxes_one_has_to_be_named(placet: Run) -> None:
    make_mailbox("one@contoso.example")
    make_mailbox("two@contoso.example")
    several = placet("mailbox", "show")
    assert (several.code, several.error) == (
        1,
        "There are several mailboxes; say which one with --mailbox ADDRESS.\n",
    )
    assert placet("mailbox", "show", "--mailbox", "TWO@contoso.example").code == 0
    unknown = placet("check", "--mailbox", "three@contoso.example")
    assert (unknown.code, unknown.error) == (1, "No mailbox three@contoso.example is set up.\n")


def test_the_secret_is_no_argument(placet: Run) -> None:
    """Arguments are seen by everybody on the machine."""
    assert placet("mailbox", "set", "--client-secret", "x").code == 2


def test_the_sandbox_does_not_start_beside_a_real_mailbox(placet: Run) -> None:
    make_mailbox(ADDRESS)
    ran = placet("sandbox")
    assert ran.code == 1
    assert ran.error.startswith(
        f"This installation has the real mailbox {ADDRESS}, so the sandbox does not start beside it."
    )
    assert "PLACET_DATA_DIR" in ran.error


def test_the_sandbox_says_that_a_port_is_taken(placet: Run, sandbox: Sandbox) -> None:
    port = sandbox.url.rpartition(":")[2]
    ran = placet("sandbox", "--port", port)
    assert (ran.code, ran.error) == (1, f"The sandbox cannot start: Address already in use ({port}).\n")


def test_what_is_saved_on_the_page_while_the_secret_is_asked_for_stays(
    placet: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up(placet, sandbox)

    def meanwhile(*_: object) -> str:
        row = Mailbox.objects.get()
        store.save({**row.settings, "mails_per_poll": 50}, by="grace", mailbox=row)
        return sandbox.client_secret

    monkeypatch.setattr(mailbox, "_ask", meanwhile)
    assert placet("mailbox", "set", "--secret", "--poll-seconds", "60").code == 0
    now = Mailbox.objects.get().settings
    assert (now["poll_seconds"], now["mails_per_poll"]) == (60, 50)


def test_the_key_of_a_service_account_that_reads_and_sends_is_asked_for_once(placet: Run) -> None:
    key = key_file().replace("\n", "")
    words = [
        "mailbox",
        "set",
        "--kind",
        "imap",
        "--username",
        "approvals@contoso.example",
        "--imap-host",
        "imap.gmail.com",
    ]
    sends = [
        "--smtp-host",
        "smtp.gmail.com",
        "--imap-sign-in",
        "service-account",
        "--smtp-sign-in",
        "service-account",
    ]
    saved = placet(*words, *sends, stdin=f"{key}\nanother line\n")
    assert saved.code == 0, saved.error
    stored = Mailbox.objects.get().secrets
    assert stored["imap_service_account_key"] == stored["smtp_service_account_key"]
    again = placet("mailbox", "set", "--secret", stdin=f"{key}\nanother line\n")
    assert again.code == 0, again.error
