"""Stamps that the sender wrote: Authentication-Results, Received and Exchange's marks, of every shape that servers
write and in every place; and the hops that make a server's own look like another's."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest

from placet.mailboxes import pool, store
from placet.mailboxes.models import Mailbox
from placet.mailboxes.stamp_presets import BY_KEY
from placet.mailboxes.stamp_profile import Stripped
from placet.replies.proof_policy import confirmed_profile
from placet.sandbox.server import Mail
from tests.attacks.arena import Arena, Attempt
from tests.attacks.forging import (
    ANONYMOUS,
    BOB,
    DATE,
    EDGE,
    ENTRANCE,
    INNER,
    MX,
    OUTSIDE,
    OWN_SERVER,
    PARTNER,
    TOP,
    Header,
    Letter,
    Signed,
    found_good,
    internal,
    lay,
    letter,
    outside_world,
)
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.ways import EVERY_WAY
from tests.replies import receivers

EVERY_KIND = True

pytestmark = pytest.mark.django_db

Maker = Callable[[Mail, random.Random], Letter]
EVIL = "198.51.100.9"


def received(said: str) -> Header:
    return "Received", f"{said}; {DATE}"


def stamped(asked: Mail, *stamps: Header, sender: str = OUTSIDE) -> Letter:
    """What the stamps say above a letter that would decide, with a signature that would do."""
    return letter(asked, sender).on_top([*stamps, Signed().header()])


def shapes(domain: str, rng: random.Random, authserv_id: str = "") -> Header:
    """A pass, in the form of one server or another (RFC 8601)."""
    name = authserv_id or rng.choice(
        ("", "mx.google.com; ", f"{MX}; ", f"{MX} 1; ", "contoso.example; ", "outlook.com; ")
    )
    dkim = rng.choice(
        (
            f"dkim=pass (signature was verified) header.d={domain}",
            f"dkim=pass (2048-bit key) header.d={domain} header.i=@{domain}",
            f"dkim=pass header.i=@{domain} header.s=s1 header.b=WXYHRzff header.d={domain}",
            f"dkim/1 = pass (x) header.d={domain}",
        )
    )
    dmarc = rng.choice(
        (
            f"dmarc=pass action=none header.from={domain}",
            f"dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from={domain}",
            f"dmarc=pass(p=reject dis=none)  header.from={domain}",
        )
    )
    found = [
        f"spf=pass (sender IP is 203.0.113.7) smtp.mailfrom={domain}",
        dkim,
        dmarc,
        "compauth=pass reason=100",
    ]
    return "Authentication-Results", f"{name}{'; '.join(found)}"


# --- the hop at which a forger's mail came in, however it is written -----------------------------------------


def entrances(by: str, ours: str, rng: random.Random) -> Header:
    """The server's own line about the forger's host, who called itself `ours` and what else one can say in EHLO."""
    private = rng.choice(
        ("10.0.0.1", "127.0.0.1", "192.168.1.1", "172.16.0.9", "::1", "fd00::1", "2603:10a6:20b::9")
    )
    literal = f"[IPv6:{private}]" if ":" in private else f"[{private}]"
    return received(
        rng.choice(
            (
                f"from {ours} ({EVIL}) by {by} with Microsoft SMTP Server id 15.20.1.1 via Frontend Transport",
                f"from {ours} ({EVIL}) by {by} (10.0.0.2) with Microsoft SMTP Server (version=TLS1_2) id 15.1.2507.39",
                f"from {ours} ([{EVIL}]) by {by} (mreue106 [213.165.67.2]) with ESMTPS (Nemesis) id 1N",
                f"from {ours} (evil.example [{EVIL}]) by {by} (Postfix) with ESMTPS id 4X",
                f"from {ours} ({ours} [{EVIL}]) by {by} (Postfix) with ESMTP id 4X",
                f"from {ours} (unknown [{EVIL}]) by {by} (Postfix) with ESMTP id 4X",
                f"from {literal} (unknown [{EVIL}]) by {by} (Postfix) with ESMTP id 4X",
                f"from {literal} (helo={ours}) by {by} with esmtp (Exim 4.98) id 1t",
                f"from {ours} ([{EVIL}] helo={literal}) by {by} with esmtp (Exim 4.98) id 1t",
                f"from {EVIL} (HELO {private}) by {by} with SMTP",
                f"from unknown (HELO {private}) ({EVIL}) by {by} with SMTP",
                f"from unknown (HELO {ours}) ({private}@{EVIL}) by {by} with SMTP",
                f"from {private} (HELO {ours}) by {by} with SMTP",
                f"from {ours} (HELO {private}) by {by} with SMTP",
                f"from {ours} by {by} with ESMTP id 4X",
                f"from localhost by {by} with LMTP",
                f"from {ours} ({private}) by {by} with SMTP id 1; (unknown [{EVIL}]) by {by} (Postfix) with ESMTP",
                f"from {ours} ({private}) by {by} ( (unknown [{EVIL}]) by {by} (Postfix) with ESMTP id 4X",
                f"from {ours} ({private} ({EVIL}) by {by} with ESMTP",
                f'from {ours} ({private}) by {by} with "ESMTP id 4X',
                f"by {by} (Postfix, from userid 33) id 4X",
                f"by {by} with SMTP id 1-2",
                f"by {by} ({private}) with HTTP",
                f"from userid 33 by {by} (Postfix)",
                f"from {ours} ({private}) for <a@b.example> by {by} with ESMTP",
                f"from {ours}\t({EVIL})\tby\t{by}",
                f"FROM {ours} ({EVIL}) BY {by}",
                f"({private}) from {ours} by {by}",
                f"from {ours} (2a01:111:f400:7e1a::2) by {by} with Microsoft SMTP Server",
                f"from {ours} (40.107.5.5) by {by} with Microsoft SMTP Server id 15.20.1.1 via Frontend Transport",
            )
        )
    )


def planted_hop(by: str, rng: random.Random) -> Header:
    """What the forger writes below: that the mail came in from the domain, at a server of ours."""
    return received(
        rng.choice(
            (
                f"from mail.{PARTNER} (203.0.113.7) by {by} (10.13.0.1) with Microsoft SMTP "
                f"Server id 15.20.1.1 via Frontend Transport",
                f"from mail.{PARTNER} (mail.{PARTNER} [203.0.113.7]) by {by} (Postfix) with ESMTPS id 4X",
                f"from mail.{PARTNER} ([203.0.113.7]) by {by} with esmtps (Exim 4.98) id 1t",
            )
        )
    )


# --- on Exchange Online ---------------------------------------------------------------------------------------

INSIDE = (
    "AM0PR00MB0009.eurprd00.prod.outlook.com",
    "AM0EUR00FT001.eop-eur00.prod.protection.outlook.com",
    EDGE,
    "AS9PR06CA0123.outlook.office365.com",
    "EUR05-VI1-obe.outbound.protection.outlook.com",
)


def none_stamped(asked: Mail, rng: random.Random) -> Letter:
    """A connector of the organisation's own: the service writes no results, and the planted ones are the topmost."""
    above = rng.choice(([], [TOP], [TOP, INNER]))
    entrance = entrances(EDGE, rng.choice(INSIDE), rng)
    below = [planted_hop(EDGE, rng) for _ in range(rng.randint(0, 2))]
    planted = [shapes(PARTNER, rng, rng.choice(("", f"{MX}; "))) for _ in range(rng.randint(1, 2))]
    mark = rng.choice(([], [ANONYMOUS]))
    return stamped(asked, *above, entrance, *mark, *planted, *below)


def failed(asked: Mail, rng: random.Random) -> Letter:
    """The service's own results stand on top and are none that prove."""
    bad = rng.choice(
        (
            found_good(
                dkim="dkim=none (message not signed)\r\n header.d=none", dmarc="fail action=quarantine"
            ),
            found_good(dmarc="fail action=none"),
            found_good(dkim=f"dkim=fail (body hash did not verify) header.d={PARTNER}"),
            found_good("evil.example"),
            ("Authentication-Results", "spf=none (sender IP is ) smtp.mailfrom=<>; "),
            ("Authentication-Results", ""),
            ("Authentication-Results", f"{MX}; none"),
        )
    )
    order = [INNER, bad, ENTRANCE, ANONYMOUS, shapes(PARTNER, rng, ""), planted_hop(EDGE, rng)]
    return stamped(asked, TOP, *order)


def open_ended(asked: Mail, rng: random.Random) -> Letter:
    """What the domain's words in our own results do not close hides what was found, or shows what was not."""
    dkim = rng.choice(
        (
            f"dkim=pass (never closed header.d={PARTNER}",
            f'dkim=pass reason="never closed header.d={PARTNER}',
            f"dkim=pass header.d={PARTNER}) (",
            f"dkim=fail (\\) header.d=x; dkim=pass header.d={PARTNER}",
            f'dkim=pass reason="\\" header.d={PARTNER}',
            f"dkim=pass ((nested) header.d={PARTNER}",
            f'dkim=fail (" ; dkim=pass header.d={PARTNER} (") header.d={PARTNER}',
        )
    )
    return stamped(asked, TOP, INNER, found_good(dkim=dkim), ENTRANCE, ANONYMOUS)


def misplaced(asked: Mail, rng: random.Random) -> Letter:
    """On top, where the service does not write it, or below a hop that is another's."""
    other = rng.choice(
        (
            received(
                f"from gateway.{DOMAIN} (10.1.2.3) by AM0PR00MB0001.outlook.office365.com (2603:10a6:20b::2)"
            ),
            received(f"from relay.{DOMAIN} (192.168.1.5) by {EDGE} with Microsoft SMTP Server"),
            received(f"from mail.evil.example ({EVIL}) by mx.evil.example"),
            received(
                f"from AM0PR00MB0009.eurprd00.prod.outlook.com ({EVIL}) by AM0PR00MB0001.outlook.office365.com"
            ),
            received(f"from AM0PR00MB0009.evil.example (2603:10a6:20b::9) by {EDGE}"),
            received(f"from notoutlook.com (2603:10a6:20b::9) by {EDGE}"),
        )
    )
    way = rng.choice(
        (
            [TOP, other, shapes(PARTNER, rng, ""), ENTRANCE],
            [other, shapes(PARTNER, rng, ""), ENTRANCE],
            [
                TOP,
                INNER,
                shapes(PARTNER, rng, ""),
                received(f"from mail.{PARTNER} (203.0.113.7) by mx.evil.example"),
            ],
            [TOP, INNER, shapes(PARTNER, rng, "")],
            [shapes(PARTNER, rng, "")],
            [shapes(PARTNER, rng, ""), TOP, INNER],
            [TOP, INNER, ENTRANCE, shapes(PARTNER, rng, "")],
        )
    )
    return stamped(asked, *way)


def marks(asked: Mail, rng: random.Random) -> Letter:
    """Exchange's mark in doubtful forms, and mechanisms with which nobody signed in."""
    value = rng.choice(
        (
            "internal",
            "Internal74",
            "INTERNAL",
            "Internal;",
            "Internal Internal",
            "",
            "Anonymous",
            "Partner",
            "External",
            "=?utf-8?q?Internal?=",
        )
    )
    mechanism = rng.choice(("03", "05", "08", "10", "11", "12", "0B", "4", "004", "04, 10", "", "04 10"))
    auth_as: list[Header] = [("X-MS-Exchange-Organization-AuthAs", value)]
    right: list[Header] = [("X-MS-Exchange-Organization-AuthAs", "Internal")]
    way: list[Header] = rng.choice(
        (
            [*auth_as, ("X-MS-Exchange-Organization-AuthMechanism", "04")],
            [*right, ("X-MS-Exchange-Organization-AuthMechanism", mechanism)],
            [*right, *auth_as, ("X-MS-Exchange-Organization-AuthMechanism", "04")],
            [
                *right,
                ("X-MS-Exchange-Organization-AuthMechanism", "04"),
                ("X-MS-Exchange-Organization-AuthMechanism", mechanism),
            ],
            [
                ("X-MS-Exchange-CrossTenant-AuthAs", "Internal"),
                ("X-MS-Exchange-Organization-AuthMechanism", "04"),
            ],
            [
                ("X-MS-Exchange-Organization-AuthAs-Copy", "Internal"),
                ("X-MS-Exchange-Organization-AuthMechanism", "04"),
            ],
        )
    )
    return letter(asked, BOB).on_top([TOP, *way])


ON_EXCHANGE: tuple[Maker, ...] = (none_stamped, none_stamped, failed, open_ended, misplaced, marks)


# --- on a server of one's own ---------------------------------------------------------------------------------


def own_server(asked: Mail, rng: random.Random) -> Letter:
    """Postfix, Exim, qmail and Exchange 2019 stamp none unless told to: planted results are the topmost then."""
    inside = [
        received(
            f"from {MX} ({rng.choice(('10.0.0.5', '127.0.0.1', 'localhost [127.0.0.1]'))}) by store.{DOMAIN}"
        )
    ]
    above = rng.choice(([], inside))
    planted = [shapes(PARTNER, rng, f"{MX}; "), planted_hop(MX, rng)]
    if rng.random() < 0.3:
        planted.insert(0, entrances(MX, f"mx2.{DOMAIN}", rng))
    return stamped(
        asked, *above, entrances(MX, rng.choice((MX, f"mx2.{DOMAIN}", "localhost")), rng), *planted
    )


def other_server(asked: Mail, rng: random.Random) -> Letter:
    """On top, by a name that is not our server's."""
    name = rng.choice(
        ("mx.google.com; ", f"{MX}.evil.example; ", f"x{MX}; ", "mx; ", f'"{MX} "; ', f"{MX}/evil.example; ")
    )
    entrance = received(
        f"from mail.{PARTNER} (mail.{PARTNER} [203.0.113.7]) by {MX} (Postfix) with ESMTPS id 4X"
    )
    return stamped(asked, shapes(PARTNER, rng, name), entrance)


def lines(delivery: receivers.Delivery) -> list[Header]:
    return [(name, value.strip()) for name, _, value in (line.partition(":") for line in delivery.lines())]


NAMED = Signed(selector="k1", value="abcdefghWXYHRzff")  # as Gmail's stamps name it


def through_gmail(asked: Mail, rng: random.Random) -> Letter:
    """What Gmail found bad, above or below what the sender wrote: stamps of other names, and hops."""
    domain, dkim, dmarc = rng.choice(
        (
            ("evil.example", "pass", "pass"),
            (PARTNER, "none", "fail"),
            (PARTNER, "fail", "fail"),
            (PARTNER, "pass", "fail"),
            (PARTNER, "pass", "none"),
            (PARTNER, "fail", "pass"),
        )
    )
    own = lines(receivers.gmail(domain, dkim, dmarc))
    if rng.random() < 0.3:  # without what Gmail found, as of a mail that somebody put into the mailbox
        own = [entrances("mx.google.com", rng.choice(("mx.google.com", "localhost")), rng)]
    name = rng.choice(
        (
            f"{MX}; ",
            "mx.google.com.evil.example; ",
            "xmx.google.com; ",
            "google.com; ",
            "smtp.google.com; ",
            '"mx.google.com "; ',
        )
    )
    below = [
        shapes(PARTNER, rng, name),
        *(planted_hop("mx.google.com", rng) for _ in range(rng.randint(0, 2))),
    ]
    rng.shuffle(below)
    return letter(asked, OUTSIDE).on_top([*own, *below, NAMED.header()])


def at_gmail(asked: Mail, rng: random.Random) -> Letter:
    below = [
        received(f"from host{n}.{PARTNER} ([192.168.0.{n}]) by relay{n}.{PARTNER}")
        for n in range(rng.randint(0, 2))
    ]
    stamps = lines(receivers.gmail(PARTNER, "pass", "pass"))
    return letter(asked, OUTSIDE).on_top([*stamps, *below, NAMED.header()])


# --- like them, and genuine -----------------------------------------------------------------------------------


def on_exchange(asked: Mail, rng: random.Random) -> Letter:
    """As Exchange Online delivers: through two to four hops, from other tenants too, from China."""
    private = received(
        "from HE1EUR01FT059.eop-EUR01.prod.protection.outlook.com\r\n (10.152.0.57) by"
        " HE1EUR01HT124.eop-EUR01.prod.protection.outlook.com\r\n (10.152.1.23) with Microsoft "
        "SMTP Server id 15.20.776.10"
    )
    store_hop = received(
        "from HE1EUR01HT124.eop-EUR01.prod.protection.outlook.com\r\n (2603:1096:100:18::32) by"
        " SLXP216MB0381.KORP216.PROD.OUTLOOK.COM with HTTPS\r\n via SL2P216CA0022.KORP216.PROD.OUTLOOK.COM"
    )
    china = received(
        "from SHXPR01CA0001.CHNPR01.prod.partner.outlook.cn (2406:e500:c311:26::16) by"
        " SHXPR01MB0863.CHNPR01.prod.partner.outlook.cn (2406:e500:c311:25::1) with Microsoft SMTP Server"
    )
    above = rng.choice(
        ([TOP, INNER], [TOP], [INNER], [store_hop, private], [china], [TOP, INNER, private], [])
    )
    entrance = rng.choice(
        (
            ENTRANCE,
            received(
                f"from EUR05-VI1-obe.outbound.protection.outlook.com (40.107.5.5) by {EDGE} "
                f"(10.13.0.1) with Microsoft SMTP Server"
            ),
            received(
                f"from mail-ed1-f41.google.com (209.85.208.41) by {EDGE} with Microsoft SMTP "
                f"Server (version=TLS1_3) id 15.20.9343.9 via Frontend Transport"
            ),
            received(
                f"from mail.{PARTNER} (2a01:111:f403:c20f::7) by {EDGE} (2603:10a6:20b:cafe::9) "
                f"with Microsoft SMTP Server"
            ),
        )
    )
    segments = rng.choice(
        (
            found_good(),
            (
                "Authentication-Results",
                f"spf=pass (sender IP is 203.0.113.7)\r\n smtp.mailfrom={PARTNER}; "
                f"contoso.example; dkim=pass (signature was verified)"
                f"\r\n header.d={PARTNER};contoso.example; dmarc=pass action=none\r\n header.from={PARTNER};",
            ),
        )
    )
    below = [
        received(f"from host{n}.{PARTNER} ([192.168.0.{n}]) by relay{n}.{PARTNER}")
        for n in range(rng.choice((0, 1, 40)))
    ]
    spf: Header = (
        "Received-SPF",
        f"Pass (protection.outlook.com: domain of {PARTNER} designates 203.0.113.7)",
    )
    return stamped(asked, *above, segments, spf, entrance, ANONYMOUS, *below)


def on_own_server(asked: Mail, rng: random.Random) -> Letter:
    """A filter in front and a store behind, by private addresses and by one that the administrator named."""
    inside = received(
        rng.choice(
            (
                f"from {MX} ({MX} [10.0.0.5]) by store.{DOMAIN} (Postfix) with LMTP id 4Y",
                f"from localhost (localhost [127.0.0.1]) by {MX} (Postfix) with ESMTP id 4Y",
                f"from {MX} ([192.0.2.25]) by store.{DOMAIN} with esmtps (Exim 4.98)",
                f"from unknown (HELO filter) (192.168.7.7) by {MX} with SMTP",
                f"from {MX} ([IPv6:fd00::5]) by store.{DOMAIN} (8.18.1/8.18.1) with ESMTP id 1",
            )
        )
    )
    above = [inside] * rng.randint(0, 2)
    entrance = received(
        rng.choice(
            (
                f"from mail.{PARTNER} (mail.{PARTNER} [203.0.113.7]) by {MX} (Postfix) with "
                f"ESMTPS id 4X for <approvals@{DOMAIN}>",
                f"from mail.{PARTNER} ([203.0.113.7]) by {MX} with esmtps (TLS1.3) (Exim 4.98) "
                f"(envelope-from <{OUTSIDE}>) id 1t",
                f"from mail.{PARTNER} (HELO mail.{PARTNER}) (203.0.113.7) by {MX} with SMTP",
                f"from mail.{PARTNER} (mail.{PARTNER} [203.0.113.7] (may be forged))\r\n (using "
                f"TLSv1.3) by {MX} (8.18.1/8.18.1) with ESMTPS id 1",
            )
        )
    )
    results = shapes(PARTNER, rng, rng.choice((f"{MX}; ", f"{MX} 1; ", f'"{MX}"; ')))
    filtered = rng.choice(([results], [inside, results], [results, inside]))
    return stamped(asked, *above, *filtered, entrance)


def attempts(makers: Sequence[Maker], rng: random.Random) -> Iterator[Attempt]:
    while True:
        make, seed = rng.choice(makers), rng.random()

        def attempt(world: World, asked: Mail, make: Maker = make, seed: float = seed) -> None:
            lay(world, make(asked, random.Random(seed)))

        yield f"{make.__name__} ({seed})", attempt


def confirmed(mailbox: Mailbox, **profile: Any) -> None:
    """What an administrator confirmed of a server, where they did, goes on and says this."""
    stored = Mailbox.objects.get(pk=mailbox.pk)
    if kept := confirmed_profile(stored.stamps):
        stored.stamps = {"profile": replace(kept, **profile).to_json()}
        stored.save(update_fields=["stamps"])


def changed(arena: Arena, **settings: object) -> None:
    store.change(settings, by="ada", mailbox=arena.world.mailbox)
    pool.drop(arena.world.mailbox)


NAMELESS = pytest.mark.not_over(
    "exchange-server",
    "imap",
    "pop3",
    "jmap",
    "gmail",
    because="stamps without a name are Exchange Online's own",
)
REFUSED = {"not_proved", "stamps_planted", "mechanism_not_confirmed"}


@NAMELESS
def test_stamps_that_the_sender_wrote_prove_nothing_on_exchange_online(arena: Arena) -> None:
    outside_world(arena)
    results = arena.refuses(attempts(ON_EXCHANGE, arena.rng), most=2 * arena.most)
    assert set(results) <= REFUSED, results
    arena.accepts(attempts([on_exchange], arena.rng))


@NAMELESS
def test_nor_where_the_organisations_own_gateway_stands_in_front(arena: Arena) -> None:
    """Its addresses are ours; results that it did not stamp, and Exchange neither, are nobody's."""
    outside_world(arena)
    changed(arena, own_networks=["10.0.0.0/8", "198.51.100.0/24"], trusted_hosts=[DOMAIN])
    results = arena.refuses(attempts(ON_EXCHANGE, arena.rng))
    assert set(results) <= REFUSED, results
    arena.accepts(attempts([on_exchange], arena.rng))


def test_stamps_that_the_sender_wrote_prove_nothing_on_a_server_of_ones_own(arena: Arena) -> None:
    outside_world(arena)
    changed(arena, **OWN_SERVER)
    confirmed(arena.world.mailbox, ids=(MX,), dmarc=True, hosts=("example.test", DOMAIN))
    results = arena.refuses(attempts([own_server, other_server], arena.rng))
    assert set(results) <= REFUSED, results
    arena.accepts(attempts([on_own_server], arena.rng))


@pytest.mark.not_over(*(one for one in EVERY_WAY if one != "gmail"), because="these are the stamps of Gmail")
def test_stamps_that_the_sender_wrote_prove_nothing_at_gmail(arena: Arena) -> None:
    """With the preset confirmed, and that Gmail takes off what bears its own name."""
    outside_world(arena)
    Mailbox.objects.filter(pk=arena.world.mailbox.pk).update(
        stamps={"profile": replace(BY_KEY["gmail"].profile, strips_own=Stripped.YES).to_json()}
    )
    pool.drop(arena.world.mailbox)
    results = arena.refuses(attempts([through_gmail], arena.rng))
    assert set(results) <= REFUSED, results
    arena.accepts(attempts([at_gmail], arena.rng))


# --- confirmed before it was known what it is -------------------------------------------------------------------


#: With which nobody signed in, whatever an administrator confirmed.
NEVER_PROVES = ("03", "05", "08", "10", "11", "12")


def marked_as_internal(asked: Mail, rng: random.Random) -> Letter:
    """What a relay or a connector of the organisation's own handed in, with all that an own server may have stamped."""
    mechanism: Header = ("X-MS-Exchange-Organization-AuthMechanism", rng.choice(NEVER_PROVES))
    right: list[Header] = [("X-MS-Exchange-Organization-AuthAs", "Internal"), mechanism]
    above = rng.choice(([], [TOP], [TOP, INNER]))
    below = rng.choice(([], [ENTRANCE], [shapes(DOMAIN, rng), ENTRANCE]))
    return letter(asked, BOB).on_top([*above, *right, *below])


def signed_in(asked: Mail, rng: random.Random) -> Letter:
    return internal(letter(asked, BOB)).on_top(rng.choice(([], [TOP], [TOP, INNER])))


@pytest.mark.not_over(
    "imap", "pop3", "jmap", "gmail", because="no server but Exchange says by which mechanism"
)
def test_mechanisms_that_never_prove_do_not_where_an_old_database_has_them_as_confirmed(arena: Arena) -> None:
    """`store` takes them no more, and leaves alone what is there."""
    Mailbox.objects.update(
        settings={**arena.world.mailbox.settings, "confirmed_mechanisms": ["04", *NEVER_PROVES]}
    )
    pool.drop(arena.world.mailbox)
    stored = Mailbox.objects.get()
    assert set(NEVER_PROVES) < set(pool.settings_of(stored).confirmed_mechanisms)
    results = arena.refuses(attempts([marked_as_internal], arena.rng), most=arena.most // 2)
    assert set(results) == {"not_proved"}, results
    arena.accepts(attempts([signed_in], arena.rng))
