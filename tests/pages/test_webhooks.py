"""Webhooks in Administration, and notices of a process in chats, as those see them who keep them."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from placet.accounts.models import Person
from placet.approvals import drafts, owning
from placet.approvals.models import Process
from placet.approvals.processes import publish
from placet.webhooks import callbacks, endpoints, events, signing
from placet.webhooks.models import SECRET, Attempt, Delivery, Endpoint
from tests.alarms.conftest import Receiver, allow, receiving
from tests.making import SAMPLE, start, values
from tests.webhooks.conftest import run_until_quiet

pytestmark = pytest.mark.django_db
As = Callable[[Person | None], Client]


@pytest.fixture
def ada(as_: As, admin: Person) -> Client:
    return as_(admin)


@pytest.fixture
def receiver(db: None) -> Iterator[Receiver]:
    with receiving() as receiver:
        allow(receiver.url)
        yield receiver


def page(name: str, *args: object) -> str:
    return reverse(f"panel:{name}", args=args)


def added(ada: Client, url: str, **more: object) -> Endpoint:
    answer = ada.post(page("webhooks"), {"url": url, "description": "The ERP", **more})
    assert answer.status_code == 200, answer.content
    return Endpoint.objects.latest("pk")


def test_a_webhook_is_added_and_its_secret_shown_once(ada: Client) -> None:
    publish(values(SAMPLE))
    about = {"events": ["request.ended"], "processes": ["purchase"], "with_data": "on"}
    answer = ada.post(page("webhooks"), {"url": "https://hooks.example/in/x1", **about})
    webhook = Endpoint.objects.get()
    secret = webhook.secrets[SECRET]
    assert secret in answer.content.decode()
    assert (webhook.events, webhook.processes, webhook.with_data) == (["request.ended"], ["purchase"], True)
    for address in (page("webhooks"), page("webhook", webhook.pk), page("edit_webhook", webhook.pk)):
        assert secret not in ada.get(address).content.decode()
    form = ada.get(page("webhooks")).content.decode()
    assert "/in/x1" not in form
    assert all(f">{one.type}</code>" in form for one in events.TYPES), "as what is sent names them"
    shown = ada.get(page("webhook", webhook.pk)).content.decode()
    assert "<bdi>Purchase request</bdi>" in shown, "the process by the name that people know"


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://hooks.example/", "begins with https"),
        ("https://169.254.169.254/latest", "Nothing may call"),
        ("https://10.0.0.8/", "is not public"),
        ("https://ada:secret@hooks.example/", "Leave out the name and password"),
        ("", "required"),
    ],
)
def test_an_address_that_may_not_be_called_is_refused_beside_its_field(
    ada: Client, url: str, told: str
) -> None:
    answer = ada.post(page("webhooks"), {"url": url})
    assert (answer.status_code, Endpoint.objects.count()) == (422, 0)
    assert told in answer.content.decode()


def test_a_test_shows_what_was_answered(ada: Client, receiver: Receiver) -> None:
    webhook = added(ada, f"{receiver.url}/in")
    receiver.answers, receiver.text = [503], b"<b>come back later"
    shown = ada.post(page("try_webhook", webhook.pk), follow=True).content.decode()
    assert "The test was not taken." in shown
    assert "&lt;b&gt;come back later" in shown
    assert "The test was taken." in ada.post(page("try_webhook", webhook.pk), follow=True).content.decode()
    assert [body["type"] for body in receiver.got] == ["placet.test"] * 2


def test_it_is_changed_switched_off_and_on_and_removed(ada: Client) -> None:
    webhook = added(ada, "https://hooks.example/in")
    ada.post(page("edit_webhook", webhook.pk), {"url": "https://other.example/in", "description": "Other"})
    webhook.refresh_from_db()
    assert (webhook.url, webhook.description) == ("https://other.example/in", "Other")
    shown = ada.post(page("switch_webhook", webhook.pk), follow=True).content.decode()
    assert "It is switched off by hand." in shown
    assert "Switch it on first" in ada.post(page("replay_webhook", webhook.pk), follow=True).content.decode()
    ada.post(page("switch_webhook", webhook.pk))
    webhook.refresh_from_db()
    assert webhook.active
    before = webhook.secrets[SECRET]
    shown = ada.post(page("rotate_webhook", webhook.pk), {"hours": "3"}).content.decode()
    webhook.refresh_from_db()
    assert webhook.secrets[SECRET] in shown
    assert endpoints.signing_secrets(webhook, timezone.now()) == [webhook.secrets[SECRET], before]
    assert Endpoint.objects.exists() and ada.get(page("remove_webhook", webhook.pk)).status_code == 200
    ada.post(page("remove_webhook", webhook.pk))
    assert not Endpoint.objects.exists()


def test_one_event_and_a_span_are_sent_once_more(ada: Client, alice: Person, receiver: Receiver) -> None:
    webhook = added(ada, f"{receiver.url}/in", events=["request.started", "request.asked"])
    start(SAMPLE, alice)
    run_until_quiet()
    assert len(receiver.got) == 2
    delivery = Delivery.objects.earliest("pk")
    ada.post(page("replay_webhook", webhook.pk), {"delivery": str(delivery.pk)})
    run_until_quiet()
    assert receiver.got[2] == receiver.got[0]
    now = timezone.localtime()
    moments = [(now + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M") for hours in (-1, 1)]
    shown = ada.post(
        page("replay_webhook", webhook.pk), {"begin": moments[0], "end": moments[1]}, follow=True
    )
    assert "2 events are sent once more." in shown.content.decode()
    run_until_quiet()
    assert receiver.got[3:] == receiver.got[:2]
    backwards = ada.post(page("replay_webhook", webhook.pk), {"begin": moments[1], "end": moments[0]})
    assert "This lies before the beginning." in backwards.content.decode()
    log = ada.get(page("webhook_delivery", webhook.pk, delivery.pk)).content.decode()
    assert log.count("<section") == Attempt.objects.filter(delivery=delivery).count() == 3


def test_what_was_switched_off_by_failing_stands_on_the_overview(ada: Client, admin: Person) -> None:
    webhook = added(ada, "https://hooks.example/in")
    publish(values(SAMPLE))
    wanted = endpoints.Wanted("https://hooks.example/T0")
    chat = endpoints.make_chat(Process.objects.get(), Endpoint.Kind.SLACK, wanted, admin)
    assert "switched off" not in ada.get(page("home")).content.decode()
    endpoints.switch_off(webhook, Endpoint.Disabled.FAILING)
    endpoints.switch_off(chat, Endpoint.Disabled.GONE)
    shown = ada.get(page("home")).content.decode()
    assert "2 webhooks or chats were switched off" in shown
    assert page("webhook", webhook.pk) in shown
    assert reverse("designer:chats", args=["purchase"]) in shown


def test_a_callback_that_was_given_up_is_shown_and_sent_once_more(
    ada: Client, alice: Person, receiver: Receiver
) -> None:
    request = start(SAMPLE, alice, item="Lamp")
    callback = callbacks.register(request, f"{receiver.url}/back", signing.new_secret(), ["request.started"])
    receiver.answers = [410]
    run_until_quiet()
    callback.refresh_from_db()
    assert not callback.active
    shown = ada.get(page("webhooks")).content.decode()
    assert "Lamp" in shown and "410" in shown
    assert receiver.url.partition("://")[2] in shown
    delivery = Delivery.objects.get()
    ada.post(page("replay_callback"), {"delivery": str(delivery.pk)})
    run_until_quiet()
    delivery.refresh_from_db()
    assert (delivery.state, len(receiver.got)) == (Delivery.State.SENT, 2)
    assert "Lamp" not in ada.get(page("webhooks")).content.decode()


# --- chats ------------------------------------------------------------------------------------------------


def test_the_owner_of_a_process_has_it_told_in_a_chat(as_: As, alice: Person, receiver: Receiver) -> None:
    publish(values(SAMPLE))
    process = Process.objects.get(key="purchase")
    address = reverse("designer:chats", args=["purchase"])
    assert as_(alice).get(address).status_code == 403
    alice.is_process_owner = True
    alice.save()
    owning.add_owner(process, alice)
    owner = as_(alice)
    about = {"kind": "slack", "url": f"{receiver.url}/T0/its-secret-part", "events": ["request.started"]}
    shown = owner.post(address, about, follow=True).content.decode()
    assert "Notices go there from now on." in shown
    assert "its-secret-part" not in shown
    chat = Endpoint.objects.get()
    start(SAMPLE, alice, item="Standing desk")
    run_until_quiet()
    assert "Standing desk" in receiver.got[0]["text"]
    one = reverse("designer:chat", args=["purchase", chat.pk])
    assert "The test was taken." in owner.post(one, {"do": "test"}, follow=True).content.decode()
    owner.post(one, {"do": "switch"})
    chat.refresh_from_db()
    assert not chat.active
    owner.post(one, {"do": "remove"})
    assert not Endpoint.objects.exists()


def test_a_webhook_is_no_chat_and_a_chat_no_webhook(ada: Client, admin: Person) -> None:
    publish(values(SAMPLE))
    webhook = added(ada, "https://hooks.example/in")
    wanted = endpoints.Wanted("https://hooks.example/T0")
    chat = endpoints.make_chat(Process.objects.get(), Endpoint.Kind.TEAMS, wanted, admin)
    assert ada.get(page("webhook", chat.pk)).status_code == 404
    one = reverse("designer:chat", args=["purchase", webhook.pk])
    assert ada.post(one, {"do": "remove"}).status_code == 404
    assert Endpoint.objects.count() == 2


def test_a_process_that_was_never_published_goes_with_its_chats(ada: Client, admin: Person) -> None:
    drafts.store("from-elsewhere", "From elsewhere", "key: from-elsewhere\n")
    process = Process.objects.get()
    endpoints.make_chat(process, Endpoint.Kind.SLACK, endpoints.Wanted("https://hooks.example/T0"), admin)
    ada.post(reverse("designer:discard", args=["from-elsewhere"]))
    assert not Process.objects.exists()
    assert not Endpoint.objects.exists()
