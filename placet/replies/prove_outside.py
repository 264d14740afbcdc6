"""The proof of a sender outside of the organisation: what our own server stamped, and what From's domain signed.

Stamps count only if one of our servers wrote them, which their place among the Received headers shows: our servers'
are on top, and everything below the hop at which the mail came in may have been written by anybody. A hop is ours by
the address that the mail was handed over from, never by a name: a host calls itself what it likes.

Whoever has a signed mail can send it again, with what was not signed changed. So what decides must be signed, and the
mail must not be older than what it answers.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

from placet.lib.sentences import Sentence
from placet.mailboxes.stamp_profile import NamelessService, Network, Place, StampProfile, Stripped
from placet.replies import refusals
from placet.replies.check_dkim import Checked
from placet.replies.parse import AuthenticationResults, Hop, Mail, Result, Signature

CLOCKS = timedelta(minutes=10)  # that the clocks of two computers may differ by
MUST_BE_SIGNED = ("from", "subject", "date")

_LOOPBACK = (ip_network("127.0.0.0/8"), ip_network("::1/128"))


@dataclass(frozen=True)
class Servers:
    """How our own mail servers are known."""

    service: NamelessService | None  # that they are of, where its stamps bear no name
    host_suffixes: Collection[str] = ()  # ends of their names, as they call themselves
    networks: Collection[str] = ()  # that they talk to each other from, beside loopback
    authserv_id: str = ""  # in Authentication-Results
    confirmed: StampProfile | None = None  # what an administrator confirmed of the stamps

    @property
    def profile(self) -> StampProfile | None:
        """How its stamps look that bear a name: as confirmed, or else one header of that name above the entrance."""
        if self.confirmed is None and self.authserv_id.strip():
            return StampProfile((self.authserv_id.strip().lower(),))
        return self.confirmed


@dataclass(frozen=True)
class Stamped:
    """What proves the sender."""

    authserv_id: str
    dkim_domain: str
    received_by: str  # our server that took the mail in from outside
    signed_headers: (
        str  # that every signature of the domain covers, sorted; "" where the server keeps no signature
    )


def proved_outside(
    mail: Mail, domain: str, servers: Servers, asked_at: datetime, now: datetime, places: Collection[str]
) -> Stamped:
    """That `domain` sent this mail, as an answer to what was asked at `asked_at` with a code that the mail carries in
    `places`. Raises NotProved or TooOld."""
    run = _run(mail, servers)
    entrance = entrance_of(mail.hops, servers)
    _check_place(run, mail.hops, entrance, servers)
    _check_none_planted(mail.stamps, run, servers.profile)
    results = [result for stamp in run for result in stamp.results]
    _check_dmarc([result for result in results if result.method == "dmarc"], domain)
    aligned = _check_dkim([result for result in results if result.method == "dkim"], domain)
    signatures = _standing(mail.signatures, aligned, domain)
    for signature in signatures:
        check_signature(signature, asked_at, now)
    check_date(mail.date, asked_at)
    signed = frozenset.intersection(*(one.headers for one in signatures)) if signatures else frozenset()
    check_covered(mail, signed, places)
    return Stamped(run[0].authserv_id, domain, entrance.by, " ".join(sorted(filter(None, signed))))


@dataclass(frozen=True)
class SignedByDomain:
    """The signature that Placet itself found good."""

    dkim_selector: str
    signed_headers: str  # that it covers, sorted
    small_key: str = ""  # bits of its key, where signers should have a longer one


def proved_by_own_check(
    mail: Mail,
    domain: str,
    checked: Sequence[Checked],
    asked_at: datetime,
    now: datetime,
    places: Collection[str],
) -> SignedByDomain:
    """The same by a signature of `domain` that Placet checked itself. Raises NotProved or TooOld: why the last one that
    there is does not do."""
    failure: refusals.Stranger = refusals.NotProved(
        Sentence("{domain} did not sign it (DKIM), so Placet can check nothing itself.", domain=domain)
    )
    for one in checked:
        try:
            if not one.holds:
                raise refusals.NotProved(
                    Sentence(
                        "Placet checked the DKIM signature of {domain} itself: {why}.",
                        domain=domain,
                        why=Sentence(one.why),
                    )
                )
            signature = mail.signatures[one.number]
            check_signature(signature, asked_at, now)
            check_date(mail.date, asked_at)
            check_covered(mail, signature.headers, places)
        except (refusals.Unproved, refusals.TooOld) as why:
            failure = why
        else:
            headers = " ".join(sorted(filter(None, signature.headers)))
            return SignedByDomain(signature.selector, headers, str(one.bits) if one.has_small_key else "")
    raise failure


# ---------------------------------------------------------------------- our servers


def entrance_of(hops: Sequence[Hop], servers: Servers) -> Hop:
    """The hop, from the top, at which one of our servers took the mail from a host that is none of ours."""
    for number, hop in enumerate(hops):
        if _hands_on(hop, servers, topmost=number == 0):
            continue
        if not is_ours_by_name(hop.by, servers):
            raise _no_entrance(Sentence("“{host}” is no server of ours", host=hop.by[:80] or "-"))
        if not hop.from_hosts:  # a program of that server's own wrote the mail, and whatever stands below
            raise _no_entrance(Sentence("“{host}” does not say what host it came from", host=hop.by[:80]))
        if not _ours(hop, servers):
            return hop
    raise _no_entrance(Sentence("they name no host but ours"))


def _hands_on(hop: Hop, servers: Servers, *, topmost: bool) -> bool:
    """Whether a server that is confirmed wrote this line of its own, which names no host that it came from: a machine
    of a big provider's, by its address (`by 2002:a05:...`), or on top of all the delivery."""
    if delivered_here(hop, servers, topmost=topmost):
        return True
    if servers.confirmed is None or hop.from_hosts or not hop.protocol.startswith("SMTP"):
        return False
    try:
        address = ip_address(hop.by)
    except ValueError:
        return False
    return any(address in ip_network(network) for network in servers.confirmed.networks)


def delivered_here(hop: Hop, servers: Servers, *, topmost: bool) -> bool:
    """Whether this is the last hop, into the mailbox, by a program of the server's own."""
    profile = servers.confirmed
    if profile is None or not topmost or not profile.local_delivery:
        return False
    if hop.protocol not in _LOCAL_PROTOCOLS or hop.addresses:
        return False
    return is_ours_by_name(hop.by, servers) and all(ip_address(one).is_private for one in hop.claimed)


#: That nobody outside speaks to a mail server.
_LOCAL_PROTOCOLS = ("LMTP", "LMTPS", "HTTP", "HTTPS")


def _no_entrance(why: Sentence) -> refusals.NotProved:
    return refusals.NotProved(
        Sentence("The Received headers do not show where our servers took the mail in: {why}.", why=why)
    )


def is_ours_by_name(host: str, servers: Servers) -> bool:
    profile = servers.confirmed
    confirmed = profile.hosts if profile is not None else ()
    suffixes = (*servers.host_suffixes, *confirmed, *(servers.service.hosts if servers.service else ()))
    return _ends(host, suffixes) or ("" in confirmed and "." not in host and host not in ("", "?"))


def _ends(host: str, suffixes: Collection[str]) -> bool:
    domains = (suffix.strip(". ").lower() for suffix in suffixes)
    return any(domain and (host == domain or host.endswith("." + domain)) for domain in domains)


def _ours(hop: Hop, servers: Servers) -> bool:
    confirmed = servers.confirmed.networks if servers.confirmed is not None else ()
    return _within(hop, [*_LOOPBACK, *map(ip_network, (*servers.networks, *confirmed))]) or (
        servers.service is not None and _is_inside(hop, servers.service)
    )


def _is_inside(hop: Hop, service: NamelessService) -> bool:
    """Between two hosts of the service, by names and addresses."""
    hosts = (*hop.from_hosts, hop.by)
    return all(_ends(host, service.hosts) for host in hosts) and _within(hop, service.networks)


def _within(hop: Hop, networks: Sequence[Network]) -> bool:
    """Whether every address that is given for the other host is of these: some may be its own words."""
    given = [ip_address(text) for text in (*hop.addresses, *hop.claimed)]
    return bool(hop.addresses) and all(any(address in network for network in networks) for address in given)


# ---------------------------------------------------------------------- their stamps


def stamps_of_entrance(mail: Mail, entrance: Hop, servers: Servers) -> Sequence[AuthenticationResults]:
    """Our server's stamps about the session that `entrance` is about; () where none of them can be believed. Raises
    StampsPlanted."""
    profile = servers.profile
    topmost = mail.authentication_results
    if profile is None or topmost is None or not profile.is_own(topmost.authserv_id):
        return ()
    run = _run_from(topmost, mail, profile)
    _check_none_planted(mail.stamps, run, profile)
    try:
        _check_place(run, mail.hops, entrance, servers)
    except refusals.Unproved:
        return ()
    return run


def _run(mail: Mail, servers: Servers) -> Sequence[AuthenticationResults]:
    """The topmost stamp, which must be our server's, and with it those of the same server that follow without a
    Received between them, where it writes several (RFC 8601 2.2)."""
    topmost = mail.authentication_results
    if topmost is None:
        raise refusals.NotProved(
            Sentence("No server checked it: there is no Authentication-Results header that can be read.")
        )
    profile = servers.profile
    _check_server(topmost, servers, profile)
    return _run_from(topmost, mail, profile)


def _run_from(
    topmost: AuthenticationResults, mail: Mail, profile: StampProfile | None
) -> Sequence[AuthenticationResults]:
    run = [topmost]
    for stamp in mail.stamps[1:] if profile is not None and profile.several else ():
        between = any(run[-1].position < hop.position < stamp.position for hop in mail.hops)
        if between or stamp.unread or profile is None or not profile.is_own(stamp.authserv_id):
            break
        run.append(stamp)
    return run


def _check_server(stamp: AuthenticationResults, servers: Servers, profile: StampProfile | None) -> None:
    if profile is None and servers.service is None:
        raise refusals.NotProved(
            Sentence("The name of our server in Authentication-Results (authserv-id) is not set.")
        )
    if (stamp.authserv_id and profile is None) or (
        profile is not None and not profile.is_own(stamp.authserv_id)
    ):
        expected = ", ".join(profile.ids) if profile is not None else ""
        raise refusals.NotProved(
            Sentence(
                "Authentication-Results is by {seen}, not by {expected}.",
                seen=stamp.authserv_id[:80] or Sentence("no name"),
                expected=expected or Sentence("our Exchange"),
            )
        )
    if profile is not None and not profile.dmarc:
        raise refusals.NotProved(
            Sentence("Our server does not stamp what DMARC came to, so its stamps prove nobody.")
        )


def _check_place(
    run: Sequence[AuthenticationResults], hops: Sequence[Hop], entrance: Hop, servers: Servers
) -> None:
    profile = servers.profile
    if profile is not None and profile.place is Place.BELOW:
        _check_below(run, hops, entrance, profile)
        return
    stamp = run[0]
    if run[-1].position > entrance.position:
        raise refusals.NotProved(
            Sentence("The topmost Authentication-Results header was there before our server.")
        )
    above = [hop for hop in hops if hop.position < stamp.position]
    below = next(hop for hop in hops if hop.position > stamp.position)
    service = servers.service
    if service is None or profile is not None:
        return
    # The host that took the mail in wrote the service's stamp, and handed it on inside of the service.
    if not (all(_is_inside(hop, service) for hop in above) and _ends(below.by, service.hosts)):
        raise refusals.NotProved(
            Sentence(
                "The topmost Authentication-Results header is not where {service} writes its own.",
                service=service.name,
            )
        )


def _check_below(
    run: Sequence[AuthenticationResults], hops: Sequence[Hop], entrance: Hop, profile: StampProfile
) -> None:
    """A filter writes them right below the line of the server that it serves, where whoever sent the mail may have
    written some, too."""
    if profile.strips_own is not Stripped.YES:
        raise refusals.NotProved(
            Sentence(
                "It is not confirmed that our server takes forged stamps off, and its own stand among them."
            )
        )
    first = run[0].position
    if first < entrance.position or any(entrance.position < hop.position < run[-1].position for hop in hops):
        raise refusals.NotProved(
            Sentence("The topmost Authentication-Results header is not where our server writes its own.")
        )


def _check_none_planted(
    stamps: Sequence[AuthenticationResults],
    run: Sequence[AuthenticationResults],
    profile: StampProfile | None,
) -> None:
    """Our server writes one run: another one under its name is the sender's, or another's who sent the mail on."""
    others = [stamp for stamp in stamps if stamp not in run and not stamp.unread]
    if profile is not None and any(profile.is_own(stamp.authserv_id) for stamp in others):
        raise refusals.StampsPlanted


# ---------------------------------------------------------------------- what they found


def _check_dmarc(results: Sequence[Result], domain: str) -> None:
    if len(results) != 1 or results[0].result != "pass":
        seen = ", ".join(result.result[:40] for result in results) or Sentence("none")
        raise refusals.NotProved(Sentence("DMARC must be one pass; it is: {seen}.", seen=seen))
    if _domain_of(results[0].get("header.from")) != domain:
        raise refusals.NotProved(Sentence("DMARC was checked for another domain than that of From."))


def _check_dkim(results: Sequence[Result], domain: str) -> list[Result]:
    """Signatures of exactly From's domain: not of a parent or sub-domain, and none of it that failed."""
    aligned = [result for result in results if _signer(result) == domain]
    if {result.result for result in aligned} != {"pass"}:
        seen = ", ".join(sorted({result.result for result in aligned}))[:80] or Sentence("none")
        raise refusals.NotProved(
            Sentence("A DKIM signature of {domain} must pass; it is: {seen}.", domain=domain, seen=seen)
        )
    if any(
        "just_generated" in result.get("reason") for result in aligned
    ):  # amavis, of what it signed itself
        raise refusals.NotProved(Sentence("Our server signed it itself, and did not look at the signature."))
    return aligned


def _signer(result: Result) -> str:
    """The domain that signed. Some servers name only whom it signed for (`header.i`), which may be below it."""
    return result.get("header.d") or _domain_of(result.get("header.i"))


def _domain_of(value: str) -> str:
    """Of a domain, or of an address, which some servers write instead."""
    return value.strip("<>").rpartition("@")[2]


# ---------------------------------------------------------------------- what the domain signed


def _standing(signatures: Sequence[Signature], results: Sequence[Result], domain: str) -> list[Signature]:
    """The domain's signatures that our server found good, where it says which; else all that are there. Empty where
    the server keeps none, and names the domain itself."""
    of_domain = [signature for signature in signatures if signature.unread or signature.domain == domain]
    named = all(result.get("header.b") or result.get("header.s") for result in results)
    good = [one for one in of_domain if any(_names(result, one) for result in results)] if named else []
    # `header.i=@sub.example` may be of a signature by `example`: then it says nothing of this domain.
    by_identity = not all(result.get("header.d") for result in results)
    if by_identity and not (good if named else of_domain):
        raise refusals.NotProved(
            Sentence("Our server names no DKIM signature of {domain} that the mail has.", domain=domain)
        )
    return good or of_domain


def _names(result: Result, signature: Signature) -> bool:
    """RFC 6008: header.b is the beginning of the signature, at least eight characters."""
    value, selector = result.get("header.b"), result.get("header.s")
    return (not value or (len(value) >= 8 and signature.value.startswith(value))) and (
        not selector or signature.selector == selector
    )


def check_signature(signature: Signature, asked_at: datetime, now: datetime) -> None:
    if signature.unread:
        raise refusals.NotProved(Sentence("It has a DKIM-Signature header that cannot be read."))
    missing = ", ".join(name.title() for name in MUST_BE_SIGNED if name not in signature.headers)
    if missing:
        raise refusals.NotProved(Sentence("The DKIM signature does not cover {headers}.", headers=missing))
    if signature.part_of_body:
        raise refusals.NotProved(Sentence("The DKIM signature covers a part of the text only (l=)."))
    if signature.good_until is not None and signature.good_until < (now - CLOCKS).timestamp():
        raise refusals.NotProved(Sentence("The DKIM signature had expired when the mail came."))
    if signature.made_at is not None and signature.made_at < (asked_at - CLOCKS).timestamp():
        raise refusals.NotProved(
            Sentence("The DKIM signature was made before we asked: an old mail was sent again.")
        )


def check_date(date: datetime | None, asked_at: datetime) -> None:
    if date is None:
        raise refusals.NotProved(Sentence("It has no Date, so it may be an old mail that was sent again."))
    if date < asked_at - CLOCKS:
        said = Sentence(
            "Its Date is {date}, before we asked ({asked}). Either it is an old mail, sent again, or the clock of the "
            "sender's computer is wrong.",
            date=f"{date.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
            asked=f"{asked_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        )
        raise refusals.TooOld(said)


def check_covered(mail: Mail, signed: Collection[str], places: Collection[str]) -> None:
    """What decides must be signed: the reply code, and what tells text from other text. Which mail it answers is for
    `pick_answered` to see, which goes by `signed_headers` too."""
    if set(places) <= {"address"} and not {"to", "cc"} <= set(signed):
        raise refusals.NotProved(
            Sentence("The reply code stands in To or Cc alone, which the domain of the sender did not sign.")
        )
    if mail.structure_doubt and "content-type" not in signed:
        raise refusals.NotProved(
            Sentence(
                "The domain of the sender did not sign Content-Type, and {doubt}: other text may have been meant.",
                doubt=mail.structure_doubt,
            )
        )
    if mail.encoding_doubt and "content-transfer-encoding" not in signed:
        raise refusals.NotProved(
            Sentence(
                "The domain of the sender did not sign Content-Transfer-Encoding, and {doubt}: other text may have "
                "been meant.",
                doubt=mail.encoding_doubt,
            )
        )
