"""Guessing passwords is slow from wherever it comes, and locks the right person out of nowhere that is theirs."""

import ipaddress
import random
import re
import string
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import pytest
import time_machine
from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.password_validation import validate_password
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse, reverse_lazy
from pytest_django import Settings

from placet.accounts import sign_in_limits
from placet.accounts.addresses import add_address
from placet.accounts.invitations import invite
from placet.accounts.models import Person
from placet.lib.proxies import NEARBY, see_who_asks, trusted_of
from placet.mail.models import OutgoingMail
from placet.mailboxes.models import Mailbox
from tests.attacks.arena import Count
from tests.attacks.tally import Counts
from tests.conftest import PASSWORD
from tests.making import make_mailbox

pytestmark = pytest.mark.django_db

BOB = "bob@contoso.example"
HOME, OFFICE = "198.51.100.7", "203.0.113.80"
LOGIN = reverse_lazy("account_login")


@pytest.fixture(autouse=True)
def clock(db: None) -> Iterator[time_machine.Traveller]:
    cache.clear()
    with time_machine.travel("2026-11-26T08:00:00+00:00", tick=False) as clock:
        yield clock
    cache.clear()


@pytest.fixture(autouse=True)
def _mails_become_rows(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "placet.mail.backend.OutboxBackend"  # pytest-django puts another one here


class Door:
    """Counts the passwords that were really looked at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.looked_at = 0
        looks = AuthenticationBackend.authenticate

        def counted(backend: Any, request: Any, **credentials: Any) -> Any:
            self.looked_at += 1
            return looks(backend, request, **credentials)

        monkeypatch.setattr(AuthenticationBackend, "authenticate", counted)


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Door:
    return Door(monkeypatch)


def tries(
    network: str, password: str, address: str = BOB, browser: Client | None = None, **more: Any
) -> bool:
    """Whether somebody is signed in by it."""
    browser = browser or Client()
    browser.post(LOGIN, {"login": address, "password": password}, REMOTE_ADDR=network, **more)
    return "_auth_user_id" in browser.session


def networks(rng: random.Random) -> Iterator[str]:
    """A botnet: IPv4 from everywhere, and IPv6 out of a few large networks."""
    while True:
        if rng.random() < 0.5:
            address = ipaddress.IPv4Address(rng.randrange(0x0B000000, 0xDF000000))
            if address.is_global:
                yield str(address)
        else:
            prefix = rng.choice((0x20010DB800010000, 0x2A0204680000AA00))
            yield str(ipaddress.IPv6Address(((prefix + rng.randrange(65536)) << 64) + rng.getrandbits(64)))


# --- guessing -------------------------------------------------------------------------------------------------


def test_a_botnet_gets_a_hundred_tries_an_hour_and_locks_bob_out_of_nothing_of_his(
    bob: Person, door: Door, clock: time_machine.Traveller, rng: random.Random, most: int, tally: Count
) -> None:
    phone = Client()
    assert tries(HOME, PASSWORD)
    assert tries(OFFICE, PASSWORD, browser=phone)
    door.looked_at = 0
    number = max(most, 130)
    for network in islice(networks(rng), number):
        tries(network, f"guess {rng.random()}")
        clock.shift(1)
    assert door.looked_at <= 100
    tally(Counts(forged=number, accepted=max(door.looked_at - 100, 0)))
    assert tries(HOME, PASSWORD), "from where he has signed in before"
    assert tries("192.0.2.77", PASSWORD, browser=phone), "in a browser that he has signed in with, anywhere"
    assert not tries("192.0.2.78", PASSWORD), "nobody can tell from anybody else who comes from nowhere known"
    clock.shift(timedelta(hours=1))
    assert tries("192.0.2.78", PASSWORD)
    tally(Counts(neighbours=3, passed=3))


def test_one_network_gets_five_tries_in_five_minutes_whatever_else_it_does(
    bob: Person, dave: Person, door: Door, clock: time_machine.Traveller, rng: random.Random, tally: Count
) -> None:
    """All spellings and addresses of a person count together; what succeeds in between takes nothing back."""
    add_address(bob, "bob@partner.example")
    looked_at = 0
    for _minutes in range(3):
        door.looked_at = 0
        for number in range(12):
            if number % 3 == 0:
                assert tries("192.0.2.1", PASSWORD, address="dave@contoso.example")
                door.looked_at -= 1
            address = rng.choice((BOB, BOB.upper(), f" {BOB}", "bob@partner.example", "Bob@Partner.example"))
            headers: dict[str, Any] = {
                "HTTP_HOST": f"localhost:{number + 1}",
                "HTTP_X_FORWARDED_FOR": f"10.0.0.{number}",
            }
            tries("192.0.2.1", f"guess {number}", address=address, **headers)
            clock.shift(1)
        assert door.looked_at <= 5
        looked_at += door.looked_at
        tally(Counts(forged=8, accepted=max(door.looked_at - 5, 0), neighbours=1, passed=1))
        assert tries("192.0.2.200", PASSWORD), "others are not made to wait for it, wherever they are"
        clock.shift(timedelta(minutes=5))
    assert looked_at == 15


@pytest.mark.parametrize("bits", [64, 80, 128])
def test_addresses_of_one_ipv6_network_are_one(
    bits: int, bob: Person, door: Door, rng: random.Random
) -> None:
    base = int(ipaddress.IPv6Address("2001:db8:1:2::"))
    for number in range(20):
        tries(str(ipaddress.IPv6Address(base + (number << (128 - bits)) % 2**64)), f"guess {number}")
    assert door.looked_at == 5


def test_ipv4_written_as_ipv6_is_the_same_network(bob: Person, door: Door) -> None:
    for number in range(10):
        tries("192.0.2.1" if number % 2 else "::ffff:192.0.2.1", f"guess {number}")
    assert door.looked_at == 5


def test_one_network_cannot_go_through_people_either(bob: Person, door: Door) -> None:
    for number in range(29):
        tries("192.0.2.1", "Summer2026!", address=f"somebody{number}@contoso.example")
    assert door.looked_at == 10


def test_who_guesses_in_bob_s_own_network_does_not_lock_his_browser_out(
    bob: Person, clock: time_machine.Traveller, tally: Count
) -> None:
    """Behind one address of an office; and again and again."""
    his = Client()
    assert tries(OFFICE, PASSWORD, browser=his)
    for _again in range(10):
        for guess in range(7):
            tries(OFFICE, f"guess {guess}")
        his.post(reverse("account_logout"))
        assert tries(OFFICE, PASSWORD, browser=his)
        clock.shift(61)
        tally(Counts(forged=7, neighbours=1, passed=1))


def test_a_known_browser_has_a_count_of_its_own(bob: Person, door: Door) -> None:
    """Whoever took it has five tries as well, and only for who signed in with it."""
    taken = Client()
    assert tries(OFFICE, PASSWORD, browser=taken)
    taken.post(reverse("account_logout"))
    door.looked_at = 0
    for number in range(20):
        tries(f"192.0.2.{number}", f"guess {number}", browser=taken)
    assert door.looked_at == 5


def test_a_cookie_that_was_not_made_here_or_for_somebody_else_is_worth_nothing(
    bob: Person, dave: Person, door: Door, rng: random.Random
) -> None:
    owned = Client()
    assert tries("192.0.2.1", PASSWORD, address="dave@contoso.example", browser=owned)
    genuine = owned.cookies[sign_in_limits.COOKIE].value
    payload, _, signature = genuine.partition(":")
    forged = [
        genuine,
        "",
        payload,
        f"{payload}:{signature[:-1]}A",
        f"{payload[:-2]}xx:{signature}",
        f'["aaaa", ["person {bob.pk}"]]',
        "".join(rng.choices(string.ascii_letters, k=60)),
        genuine.swapcase(),
    ]
    door.looked_at = 0
    for number in range(24):
        browser = Client()
        browser.cookies[sign_in_limits.COOKIE] = rng.choice(forged)
        tries("192.0.2.9", f"guess {number}", browser=browser)
    assert door.looked_at == 5


def test_a_cookie_says_nothing_and_is_for_this_place_alone(bob: Person) -> None:
    browser = Client()
    assert tries(HOME, PASSWORD, browser=browser)
    cookie = browser.cookies[sign_in_limits.COOKIE]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (True, "Lax", "/")
    assert "contoso" not in cookie.value


def test_the_link_by_mail_opens_the_door_again_where_nobody_is_known(bob: Person, rng: random.Random) -> None:
    make_mailbox()
    for network in islice(networks(rng), 120):
        tries(network, "a guess")
    new = "a better one of twenty words"
    assert not tries("192.0.2.50", PASSWORD)
    browser = Client(REMOTE_ADDR="192.0.2.50")
    browser.post(reverse("account_reset_password"), {"email": BOB})
    _choose(browser, new)
    assert tries("192.0.2.50", new)


def test_the_limits_tell_nobody_who_has_an_account(bob: Person, door: Door) -> None:
    def told(address: str, network: str) -> list[str]:
        pages = [
            Client().post(LOGIN, {"login": address, "password": "x"}, REMOTE_ADDR=network) for _ in range(7)
        ]
        return [
            str(re.findall(r'role="alert">(.*?)</div>', page.content.decode(), re.DOTALL)) for page in pages
        ]

    assert told(BOB, "192.0.2.1") == told("nobody@contoso.example", "192.0.2.2")
    assert door.looked_at == 10


# --- saying from where one asks -------------------------------------------------------------------------------


def forwarded(rng: random.Random) -> str:
    """What a client may write into X-Forwarded-For."""
    parts = [
        rng.choice(
            (
                "10.0.0.5",
                "127.0.0.1",
                "8.8.8.8",
                "::1",
                "unknown",
                "",
                "_x",
                "1.2.3.4:80",
                "[2001:db8::1]:443",
            )
        )
        for _ in range(rng.randrange(4))
    ]
    return ", ".join(parts)


@pytest.mark.parametrize(
    ("setting", "proxies"),
    [
        ("false", []),
        ("true", ["127.0.0.1"]),
        ("10.0.0.5, 10.0.1.0/24", ["10.0.0.5"]),
        ("10.0.0.5, 10.0.1.0/24", ["10.0.1.9", "10.0.0.5"]),
    ],
)
def test_nobody_chooses_the_network_that_they_are_counted_in(
    setting: str, proxies: list[str], rng: random.Random, most: int, tally: Count
) -> None:
    """Through the proxies of the setting, each of which adds whom it saw; and past them."""
    trusted = trusted_of(setting)
    for network in islice(networks(rng), most):
        said = forwarded(rng)
        direct = {"REMOTE_ADDR": network, "HTTP_X_FORWARDED_FOR": said, "HTTP_X_FORWARDED_PROTO": "https"}
        see_who_asks(direct, trusted)
        assert direct["REMOTE_ADDR"] == network
        assert "HTTP_X_FORWARDED_PROTO" not in direct, "nor that the connection is a safe one"
        tally(Counts(forged=1))
        if proxies:
            seen, peer = said, network
            for proxy in proxies:
                seen, peer = f"{seen}, {peer}" if seen else peer, proxy
            through = {
                "REMOTE_ADDR": peer, "HTTP_X_FORWARDED_FOR": seen, "HTTP_X_FORWARDED_PROTO": "http, https",
                "HTTP_X_FORWARDED_HOST": "evil.example",
            }  # fmt: skip
            see_who_asks(through, trusted)
            assert through["REMOTE_ADDR"] == network
            assert through["HTTP_X_FORWARDED_PROTO"] == "https"
            assert "HTTP_X_FORWARDED_HOST" not in through
            tally(Counts(forged=1, neighbours=1, passed=1))


@pytest.mark.parametrize(
    ("seen", "client"),
    [
        ("203.0.113.7:51234", "203.0.113.7"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
    ],
)
def test_a_proxy_may_add_the_port_it_saw(seen: str, client: str) -> None:
    environ = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": seen}
    see_who_asks(environ, NEARBY)
    assert environ["REMOTE_ADDR"] == client


@pytest.mark.parametrize("last", ["", "unknown", "_hidden", "203.0.113.7, nonsense"])
def test_a_proxy_that_says_nothing_is_itself_who_asks(last: str) -> None:
    environ = {"REMOTE_ADDR": "127.0.0.1", "HTTP_X_FORWARDED_FOR": last}
    see_who_asks(environ, NEARBY)
    assert environ["REMOTE_ADDR"] == "127.0.0.1"


@pytest.mark.parametrize(
    "setting", ["perhaps", "10.0.0.5; 10.0.0.6", "0.0.0.0/0", "::/0", "10.0.0.5/8", "proxy.example"]
)
def test_a_setting_that_trusts_nobody_in_particular_is_refused(setting: str) -> None:
    with pytest.raises(ValueError, match="must"):
        trusted_of(setting)


# --- passwords that need no guessing --------------------------------------------------------------------------


def weak(rng: random.Random) -> Iterator[tuple[str, str]]:
    """A password, and what is said of it; for Bob Manager, bob@contoso.example."""
    common = (
        "q1w2e3r4t5y6",
        "password1234",
        "telechargement",
        "professional",
        "qwertyuiop[]",
        "TempPassword",
    )
    similar = ("Bob Manager1", "bobmanager12", "BOB@contoso.example", "contoso.example", "1bob@contoso")
    while True:
        digits = "".join(rng.choices(string.digits, k=rng.randrange(12, 40)))
        zero = rng.choice((0x0660, 0x0966, 0xFF10))  # Arabic, Devanagari, full width
        yield digits, "numeric"
        yield "".join(chr(zero + int(digit)) for digit in digits), "numeric"
        yield "".join(rng.choices(string.printable.strip(), k=rng.randrange(1, 12))), "too short"
        yield rng.choice(common), "too common"
        yield rng.choice(similar), "similar"


def strong(rng: random.Random) -> Iterator[str]:
    words = ("amber", "quiet", "river", "eleven", "pencil", "orbit", "walnut", "silent", "copper", "meadow")
    while True:
        yield " ".join(rng.sample(words, 3)) + str(rng.randrange(100))
        yield "".join(rng.choices(string.digits, k=15)) + rng.choice(string.ascii_letters)


def test_what_can_be_guessed_is_no_password(bob: Person, rng: random.Random, most: int, tally: Count) -> None:
    for password, said in islice(weak(rng), most):
        with pytest.raises(ValidationError) as caught:
            validate_password(password, bob)
        assert said in " ".join(caught.value.messages), password
        tally(Counts(forged=1))
    for password in islice(strong(rng), max(most // 10, 10)):
        validate_password(password, bob)
        tally(Counts(neighbours=1, passed=1))


WEAK = ["480813957264", "4808 1395 7264", "too short", "password1234", "bobmanager12"]


def _link() -> str:
    raw = bytes(OutgoingMail.objects.order_by("-pk")[0].raw).decode().replace("=\r\n", "").replace("=3D", "=")
    found = re.search(r"http://127\.0\.0\.1:8000(/accounts/password/reset/key/\S+)", raw)
    assert found
    return found[1]


def _choose(browser: Client, *passwords: str) -> None:
    """With the link of the newest mail."""
    form = browser.get(_link(), follow=True).redirect_chain[-1][0]
    for password in passwords:
        browser.post(form, {"password1": password, "password2": password}, follow=True)


@pytest.fixture
def sending() -> Mailbox:
    return make_mailbox()


@pytest.mark.parametrize("by", ["invitation", "reset"])
def test_a_link_by_mail_takes_no_weak_password(by: str, bob: Person, admin: Person, sending: Mailbox) -> None:
    browser = Client()
    if by == "invitation":
        invite(bob, admin)
    else:
        browser.post(reverse("account_reset_password"), {"email": BOB})
    _choose(browser, *WEAK)
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)
    _choose(browser, "a quiet amber river")
    bob.refresh_from_db()
    assert bob.check_password("a quiet amber river")


def test_a_change_takes_no_weak_password(bob: Person) -> None:
    browser = Client()
    browser.force_login(bob)
    change = reverse("account_change_password")
    for password in WEAK:
        entered = {"oldpassword": PASSWORD, "password1": password, "password2": password}
        assert 'class="errorlist"' in browser.post(change, entered).content.decode()
        cache.clear()  # five changes a minute
    assert (
        "entirely numeric"
        in browser.post(
            change, {"oldpassword": PASSWORD, "password1": WEAK[0], "password2": WEAK[0]}
        ).content.decode()
    )
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)


@pytest.mark.parametrize("password", WEAK)
def test_the_command_line_takes_no_weak_password(
    password: str, bob: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    import io

    from placet.cli import CommandError
    from placet.commands.person import ask_password

    monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
    with pytest.raises(CommandError, match="password"):
        ask_password(bob.name, bob.email)
    monkeypatch.setattr("sys.stdin", io.StringIO("a quiet amber river\n"))
    assert ask_password(bob.name, bob.email) == "a quiet amber river"
