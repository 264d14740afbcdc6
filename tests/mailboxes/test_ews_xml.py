"""Answers of a server that means no good: bounded work for whatever comes."""

import time

import pytest

from placet.mailboxes.microsoft.ews import xml

ENVELOPE = '<s:Envelope xmlns:s="{soap}"><s:Body>{body}</s:Body></s:Envelope>'


def envelope(body: str) -> bytes:
    return ENVELOPE.format(soap=xml.SOAP, body=body).encode()


def element(number: int, form: str = 'a{n}="{n}"') -> str:
    """An element with so many attributes."""
    return "<e " + " ".join(form.replace("{n}", str(n)) for n in range(number)) + "/>"


@pytest.mark.parametrize(
    "body",
    [
        element(20_000),
        element(10_000, 'xmlns:p{n}="u{n}" p{n}:a="1"'),
        element(xml.MOST_ATTRIBUTES + 1) * 1000,
        "<e/>" * (xml.MOST_ELEMENTS + 1),
        "<e>" * 20_000,
    ],
    ids=["attributes", "attributes in namespaces", "a few in many", "elements", "depth"],
)
def test_an_answer_that_would_take_long_is_broken_at_once(body: str) -> None:
    answer = envelope(body)
    began = time.process_time()
    with pytest.raises(xml.AnswerBroken):
        xml.read([answer])
    assert time.process_time() - began < 1.5


def test_what_a_real_answer_has_is_far_within() -> None:
    root = xml.read([envelope(element(xml.MOST_ATTRIBUTES) * 1000 + "<e/>" * 20_000)]).root
    assert len(root[0]) == 21_000
