"""People: the list, one person, addresses, invitations, leaving and coming back; and their groups."""

import re
import time
from collections.abc import Callable
from email import message_from_bytes, policy

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from placet.accounts.addresses import add_address, add_person, addresses_of
from placet.accounts.limits import written_limit
from placet.accounts.models import Group, Person
from placet.approvals import engine
from placet.approvals.models import Assignment, Version
from placet.approvals.processes import publish
from placet.lib.canonical import digest
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from placet.panel import people as people_pages
from placet.panel.forms import GroupForm, NewAddressField, _addresses_in, known_of
from tests.conftest import PASSWORD
from tests.making import one_step
from tests.pages.conftest import HOSTILE

As = Callable[[Person | None], Client]
PEOPLE = "/administration/people/"


@pytest.fixture(autouse=True)
def _mails_become_rows(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "placet.mail.backend.OutboxBackend"  # pytest-django puts another one here


@pytest.fixture
def ada(admin: Person, as_: As) -> Client:
    return as_(admin)


def page_of(name: str, *args: object) -> str:
    return reverse(f"panel:{name}", args=args)


def text_of(mail: OutgoingMail) -> str:
    part = message_from_bytes(bytes(mail.raw), policy=policy.default).get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def form_of(person: Person, **changes: object) -> dict[str, object]:
    """The person's form as the page would send it."""
    seen = digest(known_of(Person.objects.get(pk=person.pk)))
    stored = {
        "seen": seen,
        "name": person.name,
        "manager": person.manager.email if person.manager else "",
        "approval_limit": written_limit(person.approval_limit),
        "language": person.language,
        "zone": person.zone,
        "groups": [group.pk for group in person.approval_groups.all()],
    }
    return {**stored, **({"administrator": "on"} if person.is_administrator else {}), **changes}


# --- the list ---------------------------------------------------------------------------------------------


def test_the_list_has_addresses_managers_groups_and_the_last_sign_in(
    ada: Client, alice: Person, carol: Person
) -> None:
    page = ada.get(PEOPLE).content.decode()
    for text in ("alice@contoso.example", "Bob Manager", "Finance", "administrator", "just now", "never"):
        assert text in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, {"Ada", "Alice", "Bob", "Carol"}),
        ({"q": "ALICE"}, {"Alice"}),
        ({"q": "Robert@elsewhere"}, {"Bob"}),
        ({"q": "zz\x00zz"}, set()),
        ({"q": "%"}, set()),
        ({"show": "active"}, {"Ada", "Alice", "Bob"}),
        ({"show": "deactivated"}, {"Carol"}),
        ({"show": "administrators"}, {"Ada"}),
        ({"show": "never"}, {"Alice", "Bob"}),
        ({"show": "' OR 1=1", "group": "x", "page": "-3"}, {"Ada", "Alice", "Bob", "Carol"}),
        ({"group": "finance"}, {"Carol"}),
        ({"group": "9" * 30}, {"Ada", "Alice", "Bob", "Carol"}),
    ],
)
def test_people_are_found_by_name_any_address_state_and_group(
    query: dict[str, str], found: set[str], ada: Client, alice: Person, bob: Person, carol: Person
) -> None:
    add_address(bob, "robert@elsewhere.example")
    Person.objects.filter(pk=carol.pk).update(is_active=False)
    if query.get("group") == "finance":
        query = {"group": str(Group.objects.get().pk)}
    answer = ada.get(PEOPLE, query)
    assert {person.name.split()[0] for person, *_ in answer.context["rows"]} == found
    assert ("Nobody here fits that." in answer.content.decode()) is (not found)


def test_the_list_is_paged_keeps_what_was_chosen_and_asks_little(
    ada: Client, carol: Person, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    made = Person.objects.bulk_create(
        [Person(name=f"Extra {n:03}", email=f"extra{n}@x.example", manager=carol) for n in range(120)]
    )
    EmailAddress.objects.bulk_create(
        [EmailAddress(user=person, email=person.email, verified=True, primary=True) for person in made]
    )
    Group.objects.get().members.add(*made)
    with django_assert_max_num_queries(11):
        page = ada.get(PEOPLE, {"q": "extra", "show": "active"}).content.decode()
    assert "Page 1 of 3" in page
    assert 'href="?q=extra&amp;show=active&amp;page=2"' in page
    assert f'{page_of("export_people")}?q=extra&amp;show=active"' in page


def test_hostile_names_are_text_in_every_list(ada: Client, admin: Person) -> None:
    eve = add_person(HOSTILE, "eve@contoso.example")
    group = Group.objects.create(key="g", name=HOSTILE)
    group.members.add(eve)
    Person.objects.filter(pk=admin.pk).update(manager=eve)
    pages = [
        PEOPLE, page_of("person", eve.pk), page_of("deactivate", eve.pk), page_of("groups"),
        page_of("group", group.pk), page_of("rename_group", group.pk), page_of("delete_group", group.pk),
        f"{page_of('suggest_people')}?manager=eve",
    ]  # fmt: skip
    for address in pages:
        page = ada.get(address).content.decode()
        assert "<script>alert" not in page, address
        assert "<img src=x" not in page, address
        assert "&lt;script&gt;" in page, address


def test_people_are_suggested_while_a_name_is_typed(ada: Client, alice: Person, bob: Person) -> None:
    found = ada.get(page_of("suggest_people"), {"manager": "mana"}).content.decode()
    assert '<option value="bob@contoso.example">Bob Manager</option>' in found
    assert "alice" not in found
    assert ada.get(page_of("suggest_people")).content.decode().strip() == ""


def test_people_are_found_suggested_and_named_whatever_the_capitals_of_their_accents(
    ada: Client, bob: Person
) -> None:
    elodie = add_person("Élodie Martin", "elodie@contoso.example")
    assert [person for person, *_ in ada.get(PEOPLE, {"q": "élodie"}).context["rows"]] == [elodie]
    assert "Élodie Martin" in ada.get(page_of("suggest_people"), {"manager": "ÉLO"}).content.decode()
    ada.post(page_of("person", bob.pk), form_of(bob, manager="éLODIE martin"))
    bob.refresh_from_db()
    assert bob.manager == elodie


# --- somebody new -----------------------------------------------------------------------------------------


def test_without_a_mailbox_a_person_is_added_with_a_password_that_is_shown_once(
    ada: Client, bob: Person
) -> None:
    entered = {"name": "Erin Engineer", "address": "Erin@Contoso.example", "manager": "BOB@contoso.example"}
    assert "No mailbox is active yet" in ada.get(page_of("add_person")).content.decode()
    page = ada.post(page_of("add_person"), entered)
    erin = Person.objects.get(email="erin@contoso.example")
    password = page.context["password"]
    assert password in page.content.decode()
    assert erin.check_password(password)
    assert erin.manager == bob
    assert not erin.is_administrator
    assert addresses_of(erin) == {"erin@contoso.example"}
    assert password not in ada.get(PEOPLE).content.decode()


def test_with_a_mailbox_a_person_is_invited_by_a_link_that_works_once(
    ada: Client, mailbox: Mailbox, client: Client
) -> None:
    entered = {"name": "Erin Engineer", "address": "erin@contoso.example", "invite": "on"}
    page = ada.post(page_of("add_person"), entered, follow=True).content.decode()
    assert "An invitation is on its way to erin@contoso.example." in page
    assert "Send the invitation again" in page
    erin = Person.objects.get(email="erin@contoso.example")
    assert not erin.has_usable_password()
    mail = OutgoingMail.objects.get()
    assert (mail.to, mail.kind) == ("erin@contoso.example", "account")
    assert mail.priority == OutgoingMail.Priority.NOTICE
    text = text_of(mail)
    assert "Hello Erin Engineer," in text
    assert "Ada Administrator added you to Placet." in text
    assert "for 3 days" in text
    link = re.search(r"http://127\.0\.0\.1:8000(/accounts/password/reset/key/\S+)", text)
    assert link
    form = client.get(link[1], follow=True)
    new = {"password1": "another good sentence", "password2": "another good sentence"}
    client.post(form.redirect_chain[-1][0], new, follow=True)
    erin.refresh_from_db()
    assert erin.check_password("another good sentence")
    assert "no longer works" in Client().get(link[1], follow=True).content.decode()


def test_who_only_answers_by_mail_is_added_without_password_and_invitation(
    ada: Client, mailbox: Mailbox
) -> None:
    page = ada.post(page_of("add_person"), {"name": "Erin", "address": "erin@b.example"}, follow=True)
    assert "without a password. They can answer by mail." in page.content.decode()
    assert not Person.objects.get(email="erin@b.example").has_usable_password()
    assert not OutgoingMail.objects.exists()


def test_who_has_no_password_yet_can_ask_for_a_link_themselves(
    mailbox: Mailbox, client: Client, db: None
) -> None:
    add_person("Erin", "erin@b.example")
    client.post(reverse("account_reset_password"), {"email": "erin@b.example"})
    assert "/accounts/password/reset/key/" in text_of(OutgoingMail.objects.get(to="erin@b.example"))


def test_an_invitation_speaks_the_language_of_whom_it_is_for(
    ada: Client, mailbox: Mailbox, dave: Person
) -> None:
    Person.objects.filter(pk=dave.pk).update(language="fr", last_login=None)
    ada.post(page_of("password", dave.pk))
    assert "Bonjour Dave Stranger," in text_of(OutgoingMail.objects.get())


@pytest.mark.parametrize(
    ("entered", "sentence"),
    [
        ({"name": "X", "address": "bob@CONTOSO.example"}, "belongs to somebody already"),
        ({"name": "X", "address": "x@y.example", "manager": "no@where.example"}, "nobody with the address"),
        ({"name": "X", "address": "x@y.example", "manager": "Nobody Known"}, "nobody called Nobody Known"),
        ({"name": "X", "address": "x@y.example", "manager": "x" * 457}, "nobody called xxx"),
        ({"name": "X", "address": "x@y.example", "manager": "x" * 458}, "at most 457 characters"),
        ({"name": "", "address": "x@y.example"}, "This field is required"),
        ({"name": "X", "address": "not an address"}, "Enter a whole e-mail address"),
        ({"name": "x" * 201, "address": "x@y.example"}, "at most 200"),
        ({"name": "X", "address": "b@" + "x" * 60 + ".example" * 25}, "at most 254"),
        ({"name": "X\u202eY", "address": "x@y.example"}, "characters that cannot be seen"),
    ],
)
def test_a_person_who_cannot_be_added_is_said_in_words(
    entered: dict[str, str], sentence: str, ada: Client, bob: Person
) -> None:
    answer = ada.post(page_of("add_person"), entered)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert Person.objects.count() == 2


def test_an_address_that_somebody_just_took_is_said(
    ada: Client, bob: Person, dave: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Looked before it was taken.
    monkeypatch.setattr(NewAddressField, "clean", lambda _, value: str(value))
    taken = {"name": "X", "address": "bob@contoso.example"}
    for address, entered in ((page_of("add_person"), taken), (page_of("addresses", dave.pk), taken)):
        answer = ada.post(address, entered)
        assert answer.status_code == 422
        assert "This address belongs to somebody already." in answer.content.decode()
    assert Person.objects.count() == 3


# --- one person -------------------------------------------------------------------------------------------


def test_what_is_known_of_a_person_is_changed(ada: Client, bob: Person, carol: Person) -> None:
    finance = Group.objects.get()
    changes = form_of(
        bob, name="Robert Manager", manager="Carol Finance", language="fr", zone="Europe/Paris",
        groups=[finance.pk], administrator="on", approval_limit="5,000",
    )  # fmt: skip
    page = ada.post(page_of("person", bob.pk), changes, follow=True).content.decode()
    assert "requests that start from now on go that way" in page
    bob.refresh_from_db()
    assert (bob.name, bob.manager, bob.language, bob.zone) == ("Robert Manager", carol, "fr", "Europe/Paris")
    assert bob.is_administrator
    assert bob.approval_limit == 5000
    assert 'name="approval_limit" value="5000.00"' in page
    assert list(bob.approval_groups.all()) == [finance]
    ada.post(page_of("person", bob.pk), form_of(bob, groups=[], manager="", approval_limit=""))
    bob = Person.objects.get(pk=bob.pk)
    assert (bob.manager, bob.approval_limit) == (None, None)
    assert not bob.approval_groups.exists()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"manager": "bob@contoso.example"}, "Nobody is their own manager."),
        ({"manager": "alice@contoso.example"}, "Bob Manager → Alice Requester → Bob Manager"),
        ({"manager": "twin"}, "Several people are called twin. Write the address."),
        ({"zone": "Mars/Olympus"}, "There is no such time zone."),
        ({"approval_limit": "5.000"}, "“5.000” is not a limit. Write an amount such as 5000 or 5000.00."),
        ({"language": "xx"}, "xx is not one of the available choices"),
        ({"groups": ["77"]}, "77 is not one of the available choices"),
        ({"name": " "}, "This field is required"),
    ],
)
def test_what_cannot_be_is_said_beside_its_field_and_what_was_typed_stays(
    changes: dict[str, object], said: str, ada: Client, alice: Person, bob: Person
) -> None:
    for number in range(2):
        add_person("Twin", f"twin{number}@contoso.example")
    answer = ada.post(page_of("person", bob.pk), form_of(bob, **changes))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert said in page
    assert 'class="field wrong"' in page or "groups" in changes
    assert "<h1><bdi>Bob Manager</bdi></h1>" in page
    bob.refresh_from_db()
    assert (bob.name, bob.manager) == ("Bob Manager", None)


def test_a_page_that_was_opened_before_a_change_does_not_undo_it(
    ada: Client, bob: Person, carol: Person
) -> None:
    finance = Group.objects.get()
    finance.members.add(bob)
    Person.objects.filter(pk=bob.pk).update(is_administrator=True)
    bob.refresh_from_db()
    page, sent = page_of("person", bob.pk), form_of(bob, name="Bobby Manager")
    assert f'name="seen" value="{sent["seen"]}"' in ada.get(page).content.decode()
    # Meanwhile somebody else takes the role and the group from him, and he chooses a language and a zone.
    finance.members.remove(bob)
    Person.objects.filter(pk=bob.pk).update(
        is_administrator=False, language="fr", zone="Europe/Paris", approval_limit=50
    )
    answer = ada.post(page, sent)
    text = answer.content.decode()
    assert answer.status_code == 409
    assert "Somebody changed this person after you opened the page, so nothing was saved." in text
    assert 'value="Bobby Manager"' in text
    stored = {
        "Name": "Bob Manager", "Language": "Français", "Time zone": "Europe/Paris",
        "Groups": "nothing", "Administrator": "no", "Approval limit": "50.00",
    }  # fmt: skip
    for label, said in stored.items():
        assert f"<li><strong>{label}</strong> <bdi>{said}</bdi></li>" in text
    bob.refresh_from_db()
    assert (bob.name, bob.is_administrator, bob.language) == ("Bob Manager", False, "fr")
    assert not finance.members.filter(pk=bob.pk).exists()
    # What is sent from that page was seen.
    seen = re.search(r'name="seen" value="([0-9a-f]{64})"', text)
    assert seen
    assert ada.post(page, {**sent, "seen": seen[1]}).status_code == 302
    bob.refresh_from_db()
    assert (bob.name, bob.is_administrator, bob.language) == ("Bobby Manager", True, "")


@pytest.mark.parametrize("seen", ["", "f" * 64, "é\x00"])
def test_what_nobody_saw_is_not_saved_but_the_same_twice_is_no_conflict(
    seen: str, ada: Client, bob: Person
) -> None:
    page, sent = page_of("person", bob.pk), form_of(bob, name="Bobby Manager")
    assert ada.post(page, {**sent, "seen": seen}).status_code == 409
    assert ada.post(page, sent).status_code == 302
    assert ada.post(page, sent).status_code == 302  # a button that was pressed twice
    assert Person.objects.get(pk=bob.pk).name == "Bobby Manager"


def test_what_was_sent_wrong_from_an_old_page_stays_old(ada: Client, bob: Person) -> None:
    page, sent = page_of("person", bob.pk), form_of(bob)
    Person.objects.filter(pk=bob.pk).update(zone="Europe/Paris")
    wrong = ada.post(page, {**sent, "name": ""})
    assert wrong.status_code == 422
    assert f'name="seen" value="{sent["seen"]}"' in wrong.content.decode()


def test_nobody_takes_the_role_from_themselves(ada: Client, admin: Person) -> None:
    page = page_of("person", admin.pk)
    assert "You cannot take this role from yourself." in ada.get(page).content.decode()
    without = {name: value for name, value in form_of(admin).items() if name != "administrator"}
    assert ada.post(page, without).status_code == 302
    admin.refresh_from_db()
    assert admin.is_administrator


def test_the_role_of_a_process_owner_is_given_and_taken(ada: Client, dave: Person) -> None:
    page = page_of("person", dave.pk)
    for sent, is_owner in (({"process_owner": "on"}, True), ({}, False)):
        assert ada.post(page, form_of(dave, **sent)).status_code == 302
        dave.refresh_from_db()
        assert dave.is_process_owner is is_owner
        assert ("process owner" in ada.get(f"{PEOPLE}?show=owners").content.decode()) is is_owner


def test_two_administrators_do_not_take_the_role_from_each_other_at_once(
    ada: Client, admin: Person, dave: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    Person.objects.filter(pk=dave.pk).update(is_administrator=True)
    lock = people_pages._lock_administrators

    def slower(pk: int) -> None:  # Dave was faster
        lock(pk)
        Person.objects.filter(pk=admin.pk).update(is_administrator=False)

    monkeypatch.setattr(people_pages, "_lock_administrators", slower)
    answer = ada.post(page_of("person", dave.pk), form_of(dave))
    assert "You are not an administrator any more." in answer.content.decode()
    dave.refresh_from_db()
    assert dave.is_administrator


def test_a_persons_page_shows_what_waits_for_them(ada: Client, asked: Assignment, bob: Person) -> None:
    page = ada.get(page_of("person", bob.pk)).content.decode()
    assert reverse("portal:request", args=[asked.visit.request.public_id]) in page
    assert '<span class="count">1</span>' in page


def test_a_persons_page_asks_as_little_for_many_rows_as_for_few(
    ada: Client,
    version: Version,
    alice: Person,
    bob: Person,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    page = page_of("person", bob.pk)
    for rows in (1, 12):
        for number in range(rows):
            engine.start(version, alice, {"item": f"Chair {number}", "amount": "100", "reason": "x"})
            add_address(bob, f"bob{rows}-{number}@contoso.example")
            Group.objects.create(key=f"g{rows}-{number}", name="G").members.add(bob)
        with django_assert_max_num_queries(23):
            shown = ada.get(page).content.decode()
    assert "The newest are shown." in shown


# --- addresses --------------------------------------------------------------------------------------------


def test_an_address_is_added_made_the_one_to_sign_in_with_and_the_old_one_removed(
    ada: Client, bob: Person, client: Client
) -> None:
    page = page_of("addresses", bob.pk)
    ada.post(page, {"address": "Robert@Contoso.example"})
    assert addresses_of(bob) == {"bob@contoso.example", "robert@contoso.example"}
    ada.post(page, {"primary": "robert@contoso.example"})
    bob.refresh_from_db()
    assert bob.email == "robert@contoso.example"
    assert EmailAddress.objects.get(user=bob, primary=True).email == "robert@contoso.example"
    ada.post(page, {"remove": "bob@contoso.example"})
    assert addresses_of(bob) == {"robert@contoso.example"}
    signed_in = {"login": "robert@contoso.example", "password": PASSWORD}
    assert client.post(reverse("account_login"), signed_in)["Location"] == reverse("portal:home")


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"remove": "bob@contoso.example"}, "This is the sign-in address."),
        ({"remove": "dave@contoso.example"}, "not theirs any more"),
        ({"primary": "dave@contoso.example"}, "not theirs any more"),
        ({"primary": "private@x.test"}, "not theirs any more"),
        ({"address": "dave@contoso.example"}, "belongs to somebody already"),
        ({"address": "nonsense"}, "Enter a whole e-mail address"),
        ({}, "This field is required"),
    ],
)
def test_an_address_that_cannot_be_changed_so_is_said(
    sent: dict[str, str], said: str, ada: Client, bob: Person, dave: Person
) -> None:
    EmailAddress.objects.create(user=bob, email="private@x.test", verified=False)
    assert said in ada.post(page_of("addresses", bob.pk), sent, follow=True).content.decode()
    bob.refresh_from_db()
    assert bob.email == "bob@contoso.example"
    assert addresses_of(bob) == {"bob@contoso.example"}
    assert addresses_of(dave) == {"dave@contoso.example"}


def test_an_address_that_a_process_names_stays(ada: Client, bob: Person) -> None:
    publish(one_step([{"person": "Robert@contoso.example"}]))
    add_address(bob, "robert@contoso.example")
    page = ada.post(page_of("addresses", bob.pk), {"remove": "robert@contoso.example"}, follow=True)
    assert "stands in a process: One step." in page.content.decode()
    assert "robert@contoso.example" in addresses_of(bob)


# --- passwords --------------------------------------------------------------------------------------------


def test_who_was_here_before_gets_a_link_for_a_new_password(
    ada: Client, mailbox: Mailbox, bob: Person
) -> None:
    Person.objects.filter(pk=bob.pk).update(last_login=timezone.now())
    page = ada.post(page_of("password", bob.pk), follow=True).content.decode()
    assert "A link to choose a new password is on its way to bob@contoso.example." in page
    text = text_of(OutgoingMail.objects.get())
    assert "Ada Administrator sends you a link" in text
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)


def test_without_a_mailbox_a_new_password_is_shown_once(ada: Client, admin: Person, bob: Person) -> None:
    answer = ada.post(page_of("password", bob.pk))
    bob.refresh_from_db()
    assert bob.check_password(answer.context["password"])
    own = ada.post(page_of("password", admin.pk))
    assert own["Location"] == reverse("account_change_password")


def test_nobody_who_is_deactivated_gets_a_password(ada: Client, mailbox: Mailbox, bob: Person) -> None:
    Person.objects.filter(pk=bob.pk).update(is_active=False)
    page = ada.post(page_of("password", bob.pk), follow=True).content.decode()
    assert "Reactivate them first." in page
    assert not OutgoingMail.objects.exists()


# --- leaving and coming back ------------------------------------------------------------------------------


def test_deactivating_puts_open_questions_to_others(
    ada: Client, asked: Assignment, bob: Person, carol: Person
) -> None:
    Person.objects.filter(pk=bob.pk).update(manager=carol)
    address = page_of("deactivate", bob.pk)
    assert "1 open question is withdrawn" in ada.get(address).content.decode()
    ada.post(address)
    bob.refresh_from_db()
    assert not bob.is_active
    assert Assignment.objects.get(state=Assignment.State.OPEN).person == carol


def test_a_deactivation_warns_of_processes_that_name_the_person(ada: Client, dave: Person) -> None:
    publish(one_step([{"person": "dave@contoso.example"}]))
    page = ada.get(page_of("deactivate", dave.pk)).content.decode()
    assert "named by their address in one process: One step." in page
    publish(one_step([{"person": "dave@contoso.example"}], key="another", name="Another"))
    page = ada.get(page_of("deactivate", dave.pk)).content.decode()
    assert "named by their address in 2 processes: Another, One step." in page


def test_nobody_deactivates_themselves_or_the_last_administrator(
    ada: Client, admin: Person, dave: Person, as_: As
) -> None:
    own = ada.post(page_of("deactivate", admin.pk))
    assert own.status_code == 403
    assert "You cannot deactivate yourself." in own.content.decode()
    Person.objects.filter(pk=dave.pk).update(is_administrator=True)
    browser = as_(dave)
    assert browser.post(page_of("deactivate", admin.pk)).status_code == 302
    assert ada.get(page_of("home")).status_code == 302  # signed out
    assert Person.objects.filter(is_administrator=True, is_active=True).count() == 1


def test_who_comes_back_signs_in_as_before_and_is_asked_from_then_on(
    ada: Client, asked: Assignment, admin: Person, alice: Person, bob: Person, carol: Person, client: Client
) -> None:
    Person.objects.filter(pk=bob.pk).update(manager=carol)
    engine.deactivate(bob, admin)
    page = page_of("reactivate", bob.pk)
    assert page in ada.get(page_of("person", bob.pk)).content.decode()
    assert "the password that they had" in ada.get(page).content.decode()
    assert "Bob Manager is active again." in ada.post(page, follow=True).content.decode()
    signed_in = client.post(reverse("account_login"), {"login": "bob@contoso.example", "password": PASSWORD})
    assert signed_in["Location"] == reverse("portal:home")
    # What was put to Carol stays hers; the next request goes to Bob.
    assert Assignment.objects.get(state=Assignment.State.OPEN).person == carol
    version = asked.visit.request.version
    engine.start(version, alice, {"item": "A desk", "amount": "100", "reason": "x"})
    assert Assignment.objects.filter(state=Assignment.State.OPEN, person=bob).count() == 1


# --- groups -----------------------------------------------------------------------------------------------


def test_a_group_is_made_and_people_come_and_go(ada: Client, bob: Person) -> None:
    ada.post(page_of("groups"), {"name": "Board", "key": "board"})
    group = Group.objects.get()
    page = page_of("group", group.pk)
    assert "Nobody who is active is in this group" in ada.get(page).content.decode()
    assert (
        "Bob Manager is in the group."
        in ada.post(page, {"people": "bob@contoso.example"}, follow=True).content.decode()
    )
    assert list(group.members.all()) == [bob]
    assert ada.post(page, {"out": "x"}).status_code == 404
    ada.post(page, {"out": bob.pk})
    assert not group.members.exists()
    again = ada.post(page_of("groups"), {"name": "Board", "key": "board"}).content.decode()
    assert "There is a group with this key already." in again


PASTED = (
    '"Requester, Alice" <ALICE@contoso.example>; Bob Manager <bob@contoso.example>\n'
    "dave@contoso.example, bob@contoso.example"
)


def test_several_people_are_added_as_they_were_pasted(
    ada: Client, alice: Person, bob: Person, dave: Person
) -> None:
    group = Group.objects.create(key="board", name="Board")
    page = ada.post(page_of("group", group.pk), {"people": PASTED}, follow=True).content.decode()
    assert "3 people are in the group." in page
    assert set(group.members.all()) == {alice, bob, dave}


def test_where_one_of_them_is_nobody_all_stay_out_and_the_text_stays(ada: Client, bob: Person) -> None:
    group = Group.objects.create(key="board", name="Board")
    answer = ada.post(
        page_of("group", group.pk), {"people": "bob@contoso.example\nErin <erin@x.example>\nzoe"}
    )
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "There is nobody with the address erin@x.example, zoe. Nobody was added." in page
    assert "Erin &lt;erin@x.example&gt;" in page
    assert not group.members.exists()
    many = ada.post(page_of("group", group.pk), {"people": "\n".join(f"n{n}@x.example" for n in range(30))})
    assert "and with 20 others" in many.content.decode()


@pytest.mark.parametrize("text", [";", " ; ;\n;"])
def test_signs_between_addresses_alone_are_said_to_be_none(text: str, ada: Client) -> None:
    group = Group.objects.create(key="board", name="Board")
    answer = ada.post(page_of("group", group.pk), {"people": text})
    assert answer.status_code == 422
    assert "There is no address here. Write at least one." in answer.content.decode()


@pytest.mark.parametrize("piece", ["a", "a@", "@", "a "])
def test_addresses_are_found_in_time_that_grows_with_the_text_only(piece: str) -> None:
    started = time.process_time()
    assert _addresses_in(f"{piece * 100_000} <bob@contoso.example>")[-1] == "bob@contoso.example"
    assert time.process_time() - started < 1


def test_a_group_whose_key_somebody_else_just_took_is_said(
    ada: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    Group.objects.create(key="board", name="Board")
    monkeypatch.setattr(GroupForm, "clean_key", lambda form: form.cleaned_data["key"])  # looked before it was
    answer = ada.post(page_of("groups"), {"name": "Board", "key": "board"})
    assert answer.status_code == 422
    assert "There is a group with this key already." in answer.content.decode()


def test_a_group_is_renamed_and_keeps_its_key(ada: Client) -> None:
    group = Group.objects.create(key="board", name="Board")
    wrong = ada.post(page_of("rename_group", group.pk), {"name": "B\u202ead"})
    assert (wrong.status_code, "cannot be seen" in wrong.content.decode()) == (422, True)
    ada.post(page_of("rename_group", group.pk), {"name": "The Board"})
    group.refresh_from_db()
    assert (group.key, group.name) == ("board", "The Board")


def test_a_group_is_deleted_only_when_no_process_asks_it(ada: Client, alice: Person, bob: Person) -> None:
    group = Group.objects.create(key="board", name="Board")
    group.members.add(bob)
    address = page_of("delete_group", group.pk)
    old = publish(one_step([{"group": "board"}]))
    open_one = engine.start(old, alice, {"item": "Desk", "amount": "1"})
    page = ada.get(address).content.decode()
    assert "This process asks it" in page and "One step" in page
    assert "cannot be deleted" in ada.post(address, follow=True).content.decode()
    # A newer version does not name it, but a request still goes through the older one.
    publish(one_step([{"manager": True}]))
    assert "cannot be deleted" in ada.post(address, follow=True).content.decode()
    engine.withdraw(open_one.pk, alice)
    assert "1 person is in it, and stays in Placet." in ada.get(address).content.decode()
    assert "The group Board is deleted." in ada.post(address, follow=True).content.decode()
    assert not Group.objects.exists()
    assert Person.objects.filter(pk=bob.pk).exists()


def test_a_group_says_which_processes_ask_it(ada: Client, version: Version, carol: Person) -> None:
    group = Group.objects.get()
    assert "Asked in: Purchase" in ada.get(page_of("group", group.pk)).content.decode()


def test_groups_ask_as_little_for_many_rows_as_for_few(
    ada: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    group = Group.objects.create(key="g", name="G")
    for rows in (1, 60):
        made = Person.objects.bulk_create(
            [Person(name=f"P{n}", email=f"p{rows}-{n}@x.example") for n in range(rows)]
        )
        group.members.add(*made)
        Group.objects.bulk_create([Group(key=f"k{rows}-{n}", name="K") for n in range(rows)])
        for address in (page_of("groups"), page_of("group", group.pk)):
            with django_assert_max_num_queries(10):
                ada.get(address)
