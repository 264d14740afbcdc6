"""Authentication-Results and Received, in the forms that servers write and attackers plant."""

import pytest

from placet.replies.parse import limits
from placet.replies.parse.dkim import signatures
from placet.replies.parse.headers import Headers, message_ids, text
from placet.replies.parse.mail import AuthenticationResults, Hop, Result
from placet.replies.parse.stamps import authentication_results as all_stamps
from placet.replies.parse.stamps import hops


def authentication_results(headers: Headers) -> AuthenticationResults | None:
    """The topmost one, if it can be read."""
    stamps = all_stamps(headers)
    return stamps[0] if stamps and not stamps[0].unread else None


def results(value: str) -> tuple[str, list[tuple[str, str]]]:
    stamp = authentication_results(Headers(f"Authentication-Results: {value}\n"))
    assert stamp is not None
    return stamp.authserv_id, [(result.method, result.result) for result in stamp.results]


@pytest.mark.parametrize(
    ("value", "authserv_id", "found"),
    [
        ("spf=pass smtp.mailfrom=x; dkim=pass header.d=x;dmarc=pass", "", ["spf", "dkim", "dmarc"]),
        ("mx.example; none", "mx.example", []),
        ("mx.example 1; spf=pass", "mx.example", ["spf"]),
        ("MX.Example; SPF=Pass", "mx.example", ["spf"]),
        ("(c) mx.example (d; e=f); spf (g) = (h) pass", "mx.example", ["spf"]),
        ('"mx.example"; dkim=pass reason="a; dmarc=pass" header.d=x', "mx.example", ["dkim"]),
        ("mx.example; dkim/1=pass (a (nested; dmarc=pass) b) header.d=x", "mx.example", ["dkim"]),
        (
            'mx.example; dkim=pass (a " is a letter here) header.d=x; dmarc=pass (")',
            "mx.example",
            ["dkim", "dmarc"],
        ),
        (";", "", []),
    ],
)
def test_authentication_results(value: str, authserv_id: str, found: list[str]) -> None:
    assert results(value) == (authserv_id, [(method, "fail" if "fail" in value and method == "dmarc" else "pass")
                                            for method in found])  # fmt: skip


@pytest.mark.parametrize(
    "value",
    [
        "mx.example; dkim=pass (never closed; dmarc=pass",
        "mx.example; dkim=pass (a (nested) never closed; dmarc=pass",
        'mx.example; dkim=pass reason="never closed; dmarc=fail',
        'mx.example; dkim=pass reason="closed \\"; dmarc=fail',
        "mx.example; dkim=pass never opened); dmarc=pass",
        r"mx.example; dkim=pass (closed \); dmarc=pass",
        "mx.example; dkim=pass never opened) dmarc=fail (; dmarc=pass",
    ],
)
def test_what_is_not_closed_voids_the_whole_stamp(value: str) -> None:
    assert authentication_results(Headers(f"Authentication-Results: {value}\n")) is None


@pytest.mark.parametrize(
    ("segment", "result"),
    [
        ('DKIM = PASS (ok) Header.D="Fabrikam.Example."', Result("dkim", "pass", (("header.d", "fabrikam.example"),))),
        (
            "dkim=pass header.b=ab=c nonsense policy.x=",
            Result("dkim", "pass", (("header.b", "ab=c"), ("policy.x", ""))),
        ),
        ("dkim/1=pass", Result("dkim", "pass", ())),
        ("dmarc=", Result("dmarc", "", ())),  # one more that did not pass
        ("none", None),
        (" ", None),
    ],
)  # fmt: skip
def test_one_result(segment: str, result: Result | None) -> None:
    stamp = authentication_results(Headers(f"Authentication-Results: x; {segment}\n"))
    assert stamp is not None
    assert stamp.results == ((result,) if result else ())


def test_under_a_malformed_name_there_is_no_stamp() -> None:
    malformed = "Authentication-Results : mx.example; dmarc=pass\n"
    assert authentication_results(Headers(malformed)) is None
    assert (
        authentication_results(Headers(f"{malformed}Authentication-Results: mx.example; dmarc=pass\n"))
        is None
    )
    assert hops(Headers("Received : from a.example by c.example\n")) == (Hop((), "", 0),)


def test_only_the_topmost_counts_and_says_where_it_stood() -> None:
    headers = Headers("A: b\nAuthentication-Results: one; spf=fail\nAuthentication-Results: two; spf=pass\n")
    stamp = authentication_results(headers)
    assert stamp is not None
    assert (stamp.authserv_id, stamp.position) == ("one", 1)


def test_a_property_given_twice_has_no_value() -> None:
    stamp = authentication_results(Headers("Authentication-Results: x; dkim=pass header.d=a header.d=b\n"))
    assert stamp is not None
    assert stamp.results[0].get("header.d") == ""


@pytest.mark.parametrize(
    ("value", "from_hosts", "by"),
    [
        ("from a.example (b.example [1.2.3.4]) by c.example (Postfix); Tue", ("a.example", "b.example"), "c.example"),
        ("from A.Example. (203.0.113.7) by c.example\n with SMTP; Tue", ("a.example",), "c.example"),
        ("from a.example (2001:db8::1) by c.example (2001:db8::2) with HTTPS", ("a.example",), "c.example"),
        ("from [203.0.113.7] (unknown [203.0.113.7]) by c.example", ("203.0.113.7", "unknown"), "c.example"),
        ("from a.example (HELO by) (b.example [1.2.3.4]) by c.example", ("a.example", "b.example"), "c.example"),
        (
            "from a.example (a.example [1.2.3.4])\n (using TLSv1.3 with cipher X (256/256 bits))\n by c.example",
            ("a.example", "a.example"),
            "c.example",
        ),
        ("by c.example (Postfix, from userid 0)", (), "c.example"),
        ("from a.example", (), ""),
        ("from a.example by", (), ""),
        ("from a.example!b (c.example!d [1.2.3.4]) by e.example!f", ("?", "?"), "?"),
        ("via a.example (b.example [1.2.3.4]) by c.example", (), "c.example"),
        ("from by c.example", (), "c.example"),
        ("from a.example by c.example with SMTP from b.example", (), ""),
        ("from a.example by c.example by d.example", (), ""),
        ("from a.example via UUCP by c.example", (), "c.example"),
        ("From A.example (B.EXAMPLE [1.2.3.4]) By C.example", ("a.example", "b.example"), "c.example"),
        ("from a.example (UNKNOWN [1.2.3.4]) by c.example", ("a.example", "unknown"), "c.example"),
        ("from a.example () by c.example", ("a.example",), "c.example"),
        ("from a.example(b.example [1.2.3.4])by c.example", ("a.example", "b.example"), "c.example"),
        ("from a.example (helo=b.example) by c.example", ("a.example",), "c.example"),
        ("from a.example (b:25.example) by c.example", ("a.example",), "c.example"),
        ("(from x by y) from a.example by c.example", ("a.example",), "c.example"),
        ("", (), ""),
    ],
)  # fmt: skip
def test_received(value: str, from_hosts: tuple[str, ...], by: str) -> None:
    (hop,) = hops(Headers(f"Received: {value}\n"))
    assert (hop.from_hosts, hop.by) == (from_hosts, by)


@pytest.mark.parametrize(
    ("value", "addresses", "claimed"),
    [
        ("from a.example (b.example [1.2.3.4]) by c.example", ["1.2.3.4"], []),
        ("from a.example (1.2.3.4) by c.example (10.0.0.1)", ["1.2.3.4"], []),
        ("from a.example ([fe80::1%4]) by c.example", ["fe80::1"], []),
        ("from a.example (unknown [IPv6:2001:db8::0:1]) by c.example", ["2001:db8::1"], []),
        ("from a.example (::ffff:10.0.0.1) by c.example", ["10.0.0.1"], []),
        ("from [10.0.0.1] (unknown [1.2.3.4]) by c.example", ["1.2.3.4"], ["10.0.0.1"]),
        ("from 10.0.0.1 (HELO 10.0.0.2) (1.2.3.4) by c.example", ["1.2.3.4"], ["10.0.0.1", "10.0.0.2"]),
        ("from a.example ([1.2.3.4] helo=[10.0.0.1]) by c.example", ["1.2.3.4"], ["10.0.0.1"]),
        ("from a.example (HELO 10.0.0.1) by c.example", [], ["10.0.0.1"]),
        ("from a.example (b.example, 1.2.3.4; x) by c.example", ["1.2.3.4"], []),
        ("from a.example (me@[1.2.3.4]) by c.example", ["1.2.3.4"], []),
        ("from a.example ([1.2.3.4] ident=me@10.0.0.1) by c.example", ["1.2.3.4"], ["10.0.0.1"]),
        ("from a.example (HELO (x) 10.0.0.1) by c.example", [], ["10.0.0.1"]),
        ("from a.example (w)(x)(y)(1.2.3.4)by c.example", ["1.2.3.4"], []),
        ("from a.example (x) (y) (z) by(10.0.0.1) c.example", [], []),  # the server's own
        ("from a.example (10.0.0.1) (never closed by c.example", [], []),
        ("from a.example (10.0.0.1) by c.example; (unknown [1.2.3.4]) by d.example", [], []),
        ("from a.example with SMTP (10.0.0.1) by c.example", [], []),
        ("by c.example (10.0.0.1)", [], []),
    ],
)
def test_the_addresses_of_a_hop(value: str, addresses: list[str], claimed: list[str]) -> None:
    """What the server saw, and what may be the other host's own words."""
    (hop,) = hops(Headers(f"Received: {value}\n"))
    assert list(hop.addresses) == addresses
    assert set(hop.claimed) - set(addresses) == set(claimed)


def test_a_hop_too_long_to_be_one_is_not_read() -> None:
    def block(length: int) -> Headers:
        beginning = "from a.example by c.example "
        return Headers(f"Received: {beginning}{'x' * (length - len(beginning))}\n")

    assert hops(block(limits.ONE_HEADER))[0].by == "c.example"
    assert hops(block(limits.ONE_HEADER + 1))[0] == Hop((), "", 0)


def test_a_stamp_too_long_to_be_one_is_not_read() -> None:
    def block(length: int) -> Headers:
        beginning = "mx.example; dmarc=pass "
        return Headers(f"Authentication-Results: {beginning}{'x' * (length - len(beginning))}\n")

    assert authentication_results(block(limits.ONE_HEADER)) is not None
    assert authentication_results(block(limits.ONE_HEADER + 1)) is None


def test_headers_split_at_line_feeds_alone() -> None:
    block = (
        "A: b\rFrom: x\x0bFrom: x\x0cFrom: x\x85From: x\u2028From: x\n From: x\r\nnonsense\nC: d\n\nFrom: x\n"
    )
    headers = Headers(block)
    assert not headers.has("from")
    assert headers.first("c") == "d"


def test_a_malformed_name_counts_and_is_never_believed() -> None:
    headers = Headers("X-Auth : Internal\n")
    assert headers.values("x-auth") == ("(malformed)",)


@pytest.mark.parametrize("name", ["X-F\x01oo", "X Foo", "X-Föo"])
def test_a_malformed_name_that_nothing_is_known_by_is_malformed_all_the_same(name: str) -> None:
    assert Headers(f"{name}: Internal\n").values(name.lower()) == ("(malformed)",)


@pytest.mark.parametrize("name", ["Sub?ject", "Subject ", "Sub\0ject", "Ｓubject"])
def test_what_a_program_may_take_for_a_name_counts_as_that_name_malformed(name: str) -> None:
    assert Headers(f"{name}: x\nSubject: y\n").values("subject") == ("(malformed)", "y")


@pytest.mark.parametrize("block", ["", "\n", "\nA: b\n", "no header\n"])
def test_a_block_without_headers_is_empty(block: str) -> None:
    assert not Headers(block)
    assert Headers("A: b\n" + block)


def test_of_a_name_all_are_given_from_the_top_and_the_first_is_the_topmost() -> None:
    headers = Headers("A: one\nB: x\na: two\n\n")
    assert headers.values("a") == ("one", "two")
    assert (headers.first("a"), headers.first("c")) == ("one", "")
    assert [header.position for header in headers.all("a")] == [0, 2]
    assert headers.count == 3


def test_a_value_goes_on_where_a_line_begins_with_a_blank() -> None:
    headers = Headers("A: one\n two\n\tthree\n   four\nB: x\n")
    assert headers.first("a").split() == ["one", "two", "three", "four"]
    assert headers.first("b") == "x"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("=?utf-8?q?J=C3=B6rg?=", "Jörg"),
        ("=?UTF-8?B?SsO2cmc=?=", "Jörg"),
        ("=?utf-8?q?J=C3?= =?utf-8?q?=B6rg?=", "Jörg"),  # a character in two pieces
        ("=?utf-8?q?J=C3?= =?UTF-8?q?=B6rg?=", "Jörg"),
        ("=?UTF-8?q?J=C3?= =?UTF-8?q?=B6rg?=", "Jörg"),
        ("=?iso-8859-1?q?J=F6?= =?utf-8?q?rg_=C3=B6?=", "Jörg ö"),
        ("=?utf-8?q?a?= and =?utf-8?q?b?= .", "a and b ."),
        ("before =?utf-8?q?a?=after", "before aafter"),
        ("plain", "plain"),
        (" blanks\t", "blanks"),
        ("x" * limits.ONE_HEADER + "y", "x" * limits.ONE_HEADER),
    ],
)
def test_a_header_for_people(value: str, shown: str) -> None:
    assert text(value) == shown


@pytest.mark.parametrize(
    ("value", "ids"),
    [
        ("<a@x> <b@x>\t<c@x>", ("a@x", "b@x", "c@x")),
        ("words <a@x> (comment) <b @x> <<c@x>> <>", ("a@x", "c@x")),
        (
            " ".join(f"<{number}@x>" for number in range(101)),
            tuple(f"{number}@x" for number in range(1, 101)),
        ),
        (f"<a@x>{' ' * limits.ONE_HEADER}<b@x>", ("b@x",)),
        (f"<{'a' * 400}> <{'b' * 401}>", ("a" * 400,)),
        ("", ()),
    ],
)
def test_ids_of_other_mails(value: str, ids: tuple[str, ...]) -> None:
    assert message_ids(value) == ids


def test_what_servers_write_in_small_or_large_letters_of_a_signature_is_small() -> None:
    """Stamps name it by its domain, its selector and the beginning of its value, in letters of either size."""
    (signature,) = signatures(
        Headers("DKIM-Signature: v=1; d=Contoso.Example; s=S1; h=From:To; b=AbCd\n EfGh+/==\n")
    )
    assert (signature.domain, signature.selector) == ("contoso.example", "s1")
    assert (signature.value, signature.headers) == ("abcdefgh+/==", frozenset({"from", "to"}))
