"""What the mail that we sent tells of a reply's quote: where it stands whole, what is not ours is the sender's; else it
only makes doubtful."""

from email.message import EmailMessage

import pytest

from benchmarks.reading.ask import ADDRESS, Ask, ask, fact
from benchmarks.reading.door import parsed
from placet.mail.writing import Link
from placet.replies.parse import Mail, limits, original, quotes
from placet.replies.parse.original import COMPARED, WORDS, Original
from placet.replies.parse.subjects import own_subject
from placet.replies.read import read_mail

ASK = ask()
GMAIL = f"On Tue, Nov 24, 2026 at 10:00 AM Placet <{ADDRESS}> wrote:"
OUTLOOK = (
    f"From: Placet <{ADDRESS}>\nSent: Tuesday, November 24, 2026 10:00 AM\nTo: Ann <ann@contoso.example>\n"
    f"Subject: {ASK.subject}\n"
)
BOB = "From: Bob Boss <bob@contoso.example>\nSent: Tuesday, November 24, 2026 9:00 AM\nTo: Ann\nSubject: x\n"
BANNER = "CAUTION: This email originated from outside of the company. Do not click links unless you know the sender."


def reply(text: str, asked: Ask = ASK, subtype: str = "plain") -> Mail:
    head = f"From: ann@contoso.example\nTo: {ADDRESS}\nSubject: RE: {asked.subject}\nMIME-Version: 1.0\n"
    raw = f"{head}Content-Type: text/{subtype}; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}"
    return parsed(raw.encode(), Original.of(asked.raw))


def marked(text: str, mark: str = "> ") -> str:
    return "\n".join(f"{mark}{line}".rstrip() for line in text.strip("\n").split("\n"))


def lines_of(asked: Ask = ASK) -> list[str]:
    return asked.text.strip("\n").split("\n")


def with_in(*said: str, asked: Ask = ASK, at: int = 8) -> str:
    lines = lines_of(asked)
    return "\n".join([*lines[:at], *said, *lines[at:]])


WHY = ask(
    facts=[fact("Why?", "I do not\nlike it any more"), fact("Amount:", "EUR 900.00"), fact("Note:", "No")]
)


# --- our mail stands there whole ----------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["I do not\napprove this.", "Not\napproved.", "Rejected."])
def test_a_line_that_our_mail_has_too_is_given_back_where_it_stands_once_more_than_there(answer: str) -> None:
    below = reply(f"\n{OUTLOOK}\n{WHY.text}\n\n{answer}\n", WHY)
    assert (below.new_text, below.quote_doubtful) == (answer, False)
    assert read_mail(below).outcome == "reject"


def test_a_line_that_may_be_either_of_two_is_in_doubt() -> None:
    """Between two lines of which one is ours it cannot be told which."""
    at = next(at for at, line in enumerate(lines_of(WHY)) if line.endswith("I do not"))
    for own in (("I do not", "approve this."), ("I do not",)):
        quote = with_in(*own, asked=WHY, at=at)
        assert reply(f"\n{OUTLOOK}\n{quote}\n", WHY).quote_doubtful
        assert reply(f"Approved\n\n{GMAIL}\n{marked(quote)}\n", WHY).quote_doubtful


def test_an_answer_that_is_nothing_but_a_line_of_our_mail_is_read_where_it_is_one_too_many() -> None:
    assert read_mail(reply(f"\n{OUTLOOK}\n{ASK.text}\n\nPlease approve.\n")).outcome is None  # in either way
    assert reply(f"\n{OUTLOOK}\n{ASK.text}\n\nPlease approve.\n").new_text == "Please approve."
    assert reply(f"\n{OUTLOOK}\n{ASK.text}\n").new_text == ""


@pytest.mark.parametrize("mark", ["> ", ""])
def test_a_banner_inside_a_quote_is_no_part_of_an_answer(mark: str) -> None:
    head = GMAIL if mark else f"{OUTLOOK}\n"
    for quote in (
        f"{BANNER}\n\n{ASK.text.strip()}",
        with_in(BANNER) if mark else f"{BANNER}\n\n{ASK.text.strip()}",
    ):
        seen = reply(f"Approved\n\n{head}\n{marked(quote, mark)}\n")
        assert (read_mail(seen).outcome, seen.new_text, seen.quoted_else) == ("approve", "Approved", "")


def test_what_is_marked_inside_is_given_back_as_deep_as_our_mail_and_looked_at_elsewhere() -> None:
    for own, new, others in (
        ("No, only two", "Approved\n\nNo, only two", ""),
        ("> No, only two", "Approved", "no, only two"),
    ):
        seen = reply(f"Approved\n\n{GMAIL}\n{marked(with_in(own))}\n")
        assert (seen.new_text, seen.quoted_else) == (new, others)
    below = reply(f"Approved\n\n{GMAIL}\n{marked(ASK.text)}\n> No, only two\n")
    assert (below.new_text, below.quoted_else) == ("Approved", "no, only two")
    assert read_mail(below).outcome is None


def test_below_another_head_stands_what_others_wrote() -> None:
    for head, mark in ((GMAIL, "> "), (f"{OUTLOOK}\n", "")):
        quote = f"{ASK.text.strip()}\n\n{BOB}\nRejected."
        seen = reply(f"Approved\n\n{head}\n{marked(quote, mark)}\n")
        assert (seen.new_text, seen.quoted_else, seen.quote_doubtful) == ("Approved", "", False)


def test_our_mail_that_somebody_else_quoted_tells_nothing_of_what_stands_below_it() -> None:
    seen = reply(f"Approved\n\n{BOB}\nSee this.\n\n{OUTLOOK}\n{ASK.text}\n\nRejected.\n")
    assert (seen.new_text, seen.quoted_else, seen.quote_doubtful) == ("Approved", "", False)


def test_a_head_between_the_lines_of_our_mail_makes_doubtful() -> None:
    assert reply(f"\n{OUTLOOK}\n{with_in('', *BOB.split(chr(10)), 'Approved')}\n").quote_doubtful


def test_a_head_in_no_known_language_belongs_to_the_quote() -> None:
    head = f"Fran: Placet <{ADDRESS}>\nDags: 24.11.2026 10:00\nRubrik: {ASK.subject}\n"
    assert reply(f"Approved\n\n{head}\n{ASK.text}\n").new_text == "Approved"
    assert reply(f"Approved\n{head}\n{marked(ASK.text)}\n").new_text == "Approved"
    own = reply(f"Approved\nOnly until: 24.11.2026 10:00\n\n{ASK.text}\n")
    assert read_mail(own).outcome is None


# --- only pieces of it do -----------------------------------------------------------------------------------------


def test_below_a_shortened_quote_without_marks_nothing_is_certain() -> None:
    short = "\n".join(lines_of()[:9])
    assert not reply(f"Approved\n\n{OUTLOOK}\n{short}\n").quote_doubtful
    for below in ("Please order two.", "No, it cannot be repaired."):  # the second one is ours, further down
        assert reply(f"Approved\n\n{OUTLOOK}\n{short}\n\n{below}\n").quote_doubtful
    small_print = "This e-mail is confidential. If you are not the intended recipient, delete it."
    assert read_mail(reply(f"Approved\n\n{OUTLOOK}\n{short}\n\n{small_print}\n")).outcome == "approve"


def test_the_rest_of_a_quoted_line_is_known_by_what_stands_around_it() -> None:
    """Wrapped behind a short line, so that its form does not tell; in all of our mail, and in a part of it."""
    lines = [f"> {line}" for line in lines_of()]
    at = next(at for at, line in enumerate(lines) if "cannot be repaired" in line)
    first, rest = lines[at].rsplit(" ", 1)
    wrapped = [*lines[:at], first, rest, *lines[at + 1 :]]
    for quote in (wrapped, wrapped[3:]):
        assert read_mail(reply(f"Approved\n\n{GMAIL}\n" + "\n".join(quote))).outcome == "approve"
    other = [*lines[3:at], first, "reversed.", *lines[at + 1 :]]
    without_the_next = [*lines[3:at], first, rest, *lines[at + 2 :]]
    for quote in (other, without_the_next):
        assert reply(f"Approved\n\n{GMAIL}\n" + "\n".join(quote)).quote_doubtful


def test_a_new_line_that_goes_on_from_a_quoted_one_is_in_doubt() -> None:
    short = marked("\n".join([*lines_of()[:4], "Alice Requester asks for your decision on purchase"]))
    assert reply(f"Approved\n\n{GMAIL}\n{short}\nrequest 42.\n").quote_doubtful
    assert not reply(f"Approved\n\n{GMAIL}\n{short}\n\nAll is said.\n").quote_doubtful


def test_our_mail_without_any_sign_of_a_quote_is_in_doubt() -> None:
    body = "\n".join(lines_of()[2:12])
    assert reply(f"Thanks\n\n{body}\n").quote_doubtful
    assert reply(f"Thanks\n\n{body}\n").new_text.startswith("Thanks")
    assert not reply("Thanks\n\nPlease approve.").quote_doubtful  # too short to be more than an accident


# --- however much was written -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reason",
    [
        f"{'and so on ' * 150}I approve this.",
        f"{'and so on ' * (WORDS // 3)}\nI approve this.",
        "so on " * 9_000,
    ],
    ids=["a long line", "more than is compared", "the same words over and over"],
)
def test_what_stands_far_out_in_our_mail_is_nobodys_answer(reason: str) -> None:
    asked = ask(facts=[fact("Why?", reason)])
    for width in (40, 80, 100_000):
        lines = [
            line[at : at + width] for line in lines_of(asked) for at in range(0, max(len(line), 1), width)
        ]
        seen = reply(f"Thanks\n\n{OUTLOOK}\n" + "\n".join(lines), asked)
        assert read_mail(seen).outcome is None
    if len(reason) < WORDS:
        assert read_mail(reply(f"Approved\n\n{GMAIL}\n{marked(asked.text)}", asked)).outcome == "approve"


@pytest.mark.parametrize(
    "filler", ["so on\n" * limits.LINES, "so on " * COMPARED, "and so on it goes " * 3_000 + "\n"]
)
def test_what_stands_behind_all_that_is_looked_at_is_missed(filler: str) -> None:
    seen = reply(f"Approved\n\n{OUTLOOK}\n{ASK.text}\n{filler}\nRejected.")
    assert seen.quote_doubtful or seen.text_truncated or "Rejected." in seen.new_text
    assert read_mail(seen).outcome is None


def test_a_mail_of_which_only_the_beginning_was_read_decides_nothing_below_its_quote() -> None:
    for below in ("", "Approved", "Rejected"):
        assert reply(f"Approved\n\n{OUTLOOK}\n{ASK.text}\n{below}\n{' ' * limits.READ}\nNo.").text_truncated
    others = reply(f"Approved\n\n{OUTLOOK}\n{ASK.text}\n\n{BOB}\n{' ' * limits.READ}\nNo.")
    assert read_mail(others).outcome == "approve"


def test_a_word_of_an_address_that_was_broken_is_in_doubt() -> None:
    asked = ask(facts=[fact("Why?", "see a@b.example-I-approve")])
    broken = asked.text.replace("-I-approve", "-I-\napprove")
    assert broken != asked.text
    assert reply(f"Thanks\n\n{OUTLOOK}\n{broken}", asked).quote_doubtful


def test_the_rest_of_a_link_that_a_server_rewrote_is_in_doubt() -> None:
    """It may end in a word that decides, and is no answer then."""
    rewritten = next(line for line in lines_of() if "/requests/" in line).partition("https:")[0]
    for mark, head in (("> ", GMAIL), ("", f"{OUTLOOK}\n")):
        lines = [
            f"{rewritten}https://safe.example/?to=\n{{rest}}approved" if line.startswith(rewritten) else line
            for line in lines_of()
        ]
        quote = marked("\n".join(lines), mark).replace("> {rest}", "").replace("{rest}", "")
        assert reply(f"Thanks\n\n{head}\n{quote}").quote_doubtful


@pytest.mark.parametrize(("mark", "head"), [("> ", GMAIL), ("", f"{OUTLOOK}\n")], ids=["marked", "Outlook"])
def test_a_link_of_the_foot_that_another_one_begins_with_takes_no_word_from_the_next_line(
    mark: str, head: str
) -> None:
    """A "https://contoso.example/" and then "Terms of service" is no broken "https://contoso.example/terms"."""
    home = "https://contoso.example/"
    asked = ask(foot=[
        Link("Contoso", home), Link("Terms of service", f"{home}terms"), Link("Privacy statement", f"{home}privacy"),
    ])  # fmt: skip
    assert "Terms of service" in asked.text
    answered = reply(f"Approved\n\n{head}\n{marked(asked.text, mark)}", asked)
    assert (answered.new_text, answered.quote_doubtful) == ("Approved", False)
    assert read_mail(answered).outcome == "approve"


# --- subjects -----------------------------------------------------------------------------------------------------

TITLED = "Please decide: I approve the Straße, really [#k7q2mfx3wz5ta4ub]"


@pytest.mark.parametrize(
    ("subject", "own"),
    [
        (f"RE: {TITLED}", ""),
        (f"Rejected Re: {TITLED}", "Rejected"),
        (f"Groß, abgelehnt AW: {TITLED}", "Groß, abgelehnt"),
        (f"Rejected RE: {TITLED} only today", ""),
        ("RE: Please decide: I approve the", ""),
        ("I approve the", ""),
        ("Rejected", "Rejected"),
    ],
)
def test_what_of_a_subject_its_sender_wrote(subject: str, own: str) -> None:
    assert own_subject(subject, [TITLED]) == own


@pytest.mark.parametrize(
    "text",
    [
        "Approved.\nFrom: Dell\nTo: Berlin office\nDate: after 3 March 2027",
        "Approved.\n\nFrom: 1 March\nTo: 5 March\nSubject: to budget",
        "Genehmigt.\n\nVon: Dell\nAn: Werk Berlin\nDatum: erst ab 3. März 2027\nBetreff: nur wenn Budget frei",
        "Approved\n\n____________________\nFrom: only the Berlin warehouse\nSent: by courier\nTo: reception",
    ],
)
def test_own_lines_that_look_like_a_head_are_not_lost(text: str) -> None:
    """Nothing of our mail stands below them: they may be conditions."""
    assert read_mail(reply(text)).outcome is None


def test_a_line_goes_on_only_where_the_one_above_it_is_ours() -> None:
    aligned = original._Aligned([[-1], [0, 1], [2], [4], []])
    assert [aligned.goes_on(at, at + 1) for at in range(4)] == [False, True, False, False]


def test_all_words_are_taken_up_to_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = quotes.scan("> one two\n> three\n")
    bare = [line.lstrip("> ") for line in lines.folded]
    for most, whole in ((4, True), (3, True), (2, False)):
        monkeypatch.setattr(original, "COMPARED", most)
        assert original._words_by_line(lines, bare, frozenset())[1] is whole


def test_a_head_with_a_year_of_two_figures_is_nobodys_own_words() -> None:
    """Czech "napsal" (wrote) would be a doubt: "he wrote that ..."."""
    quote = "".join(f"<br>{line}" for line in ASK.text.splitlines())
    head = "Dne 24. 11. 26 v 10:00 Placet napsal(a):"
    content = f"<p>Schvaluji.</p><blockquote>{head}{quote}</blockquote>"
    assert read_mail(reply(content, subtype="html")).outcome == "approve"


def test_nothing_is_certain_below_more_than_is_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = f"Approved\n\n{OUTLOOK}\n{ASK.text}\n"
    words = len(original.words_of(whole))
    for most, doubtful in ((words + 3, False), (words + 2, True)):
        monkeypatch.setattr(original, "COMPARED", most)
        assert reply(f"{whole}\nSee you tomorrow.\n").quote_doubtful is doubtful
    beside = reply(f"{whole}\n{BOB}\n{'See you tomorrow. ' * 10}\n")
    assert not beside.quote_doubtful  # what others wrote


def test_our_mail_is_whole_up_to_the_limit_of_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(original, "WORDS", 3)
    sent = [original.Sent.of(text) for text in ("one two three", "one two three four")]
    assert [(part.whole, part.words) for part in sent] == [
        (True, ["one", "two", "three"]),
        (False, ["one", "two", "three"]),
    ]


def test_a_word_that_our_mail_has_not_stands_nowhere_in_it() -> None:
    """Although the words beside it do: "No, ..."."""
    sent = original.Sent.of("a b c d e f g")
    for said, places in (
        ("no b c d e f g", [-1, 1, 2, 3, 4, 5, 6]),
        ("no b c d e f", [-1] * 6),  # too few without it
    ):
        assert original._aligned(said.split(), frozenset([0]), sent) == places


@pytest.mark.parametrize("blank", ["", "\n", "\n\n"])
def test_few_labels_above_our_mail_belong_to_it_and_may_be_the_senders(blank: str) -> None:
    above = f"Fran: Placet <{ADDRESS}>\nRubrik: {ASK.subject}"
    seen = reply(f"Approved\n{above}\n{blank}{marked(ASK.text)}\n")
    assert (seen.new_text, seen.quoted_else, seen.quote_doubtful) == (
        "Approved", f"fran: placet <{ADDRESS}>", False,
    )  # fmt: skip


@pytest.mark.parametrize("blank", ["", "\n", "\n\n"])
@pytest.mark.parametrize(
    "own",
    [
        "Only until: 24.11.2026 10:00",
        "Delivery: 24 December 2026 10:00",
        "On 24.12.2026 at 10:00",
        "Cost centre: 4711\nContact: billing@dell.example",
        "Contact: Tom <tom@dell.example>\nDelivery: 24.12.2026 10:00",
        "Contact: Tom <tom@contoso.example>\nDelivery: 24.12.2026 10:00",
    ],
)
def test_labels_dates_and_addresses_above_our_mail_are_the_senders_without_our_address(
    blank: str, own: str
) -> None:
    seen = reply(f"Approved\n{own}\n{blank}{marked(ASK.text)}\n")
    assert (seen.new_text, seen.quoted_else) == (f"Approved\n{own}", "")


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_reply_says_nothing(text: str) -> None:
    seen = reply(text)
    assert (seen.new_text, seen.quoted_else, seen.quote_doubtful) == ("", "", False)


def test_below_a_head_on_the_first_line_stands_what_others_wrote() -> None:
    head = "On Tue, Nov 24, 2026 at 10:00 AM Bob <bob@contoso.example> wrote:"
    assert reply(f"{head}\n> Rejected.\n").quoted_else == ""
    assert reply(f"Hi,\n{head}\n> Rejected.\n").quoted_else == ""
    assert reply(f"> Rejected.\n{head}\n> Approved.\n").quoted_else == "rejected."


def test_our_mail_without_marks_is_in_doubt_beside_a_quote_of_another() -> None:
    body = "\n".join(lines_of()[2:12])
    assert reply(f"Thanks\n\n{body}\n\n> See you tomorrow\n").quote_doubtful


def test_a_head_of_our_mail_with_nothing_below_it_is_no_doubt() -> None:
    """One of its lines has our subject."""
    assert not reply(f"Approved\n\n{OUTLOOK}").quote_doubtful
    assert reply(f"Approved\n\n{BOB}").quote_doubtful


def test_a_short_line_of_ours_stands_below_what_somebody_put_between() -> None:
    """Where a line begins; inside one a word is no place."""
    sent = original.Sent.of("a b c d e f g h")
    said = ["a", "b", "c", "d", "e", "f", "no", "g"]
    assert original._aligned(said, frozenset([0, 6, 7]), sent) == [0, 1, 2, 3, 4, 5, -1, 6]
    assert original._aligned(said, frozenset([0, 6]), sent) == [0, 1, 2, 3, 4, 5, -1, -1]
    assert original._aligned(said[6:], frozenset([0, 1]), sent) == [-1, -1]


@pytest.mark.parametrize(
    ("places", "likely"),
    [
        ([0, 1], True),  # all of it
        ([0, -1], False),
        ([], False),
        ([0, 1, 2, -1, -1, -1], True),  # half of a long one
        ([0, 1, -1, -1, -1, -1], False),
        ([0, 1, 2, 3, -1], False),  # most of a short one
    ],
)
def test_a_line_is_like_ours_that_stands_there_or_is_long_and_half_of_it_does(
    places: list[int], likely: bool
) -> None:
    aligned = original._Aligned([places])
    assert aligned.likely(0) is likely


def test_words_have_the_places_of_our_mail_that_belong_together() -> None:
    """The words of our mail are numbers here, -1 is a word that it has not."""
    sent = original.Sent.of(" ".join(f"w{number}" for number in range(40)))
    none = [-1]
    for said, places in (
        ([0, 1, 2, -1, 3, 4, 5, 6], [0, 1, 2, -1, 3, 4, 5, 6]),
        ([0, 1, 2, 13, 14, 15], [0, 1, 2, 13, 14, 15]),  # near
        ([0, 1, 2, 14, 15, 16], none * 6),  # too far to belong together, and too short alone
        ([0, 1, 2, *range(20, 26)], [*none * 3, *range(20, 26)]),
        ([*range(20, 26), 0, 1, 2], [*range(20, 26), *none * 3]),
        (list(range(15)), list(range(15))),
        ([*range(30, 40), -1, -1], [*range(30, 40), -1, -1]),  # nothing follows its last word
        # Of what stands twice where our mail has it once, the first one is not ours.
        ([0, 1, 2, 3, 4, 5, 6, 7, 5, 6, 7, 8, 9], [0, 1, 2, 3, 4, *none * 3, 5, 6, 7, 8, 9]),
        ([0, 1, 2, 3, 4, 5, 5, 6, 7], [0, 1, 2, 3, 4, -1, 5, 6, 7]),
        ([*range(12), *range(12)], [*none * 12, *range(12)]),
        ([*range(13), *range(13)], [*range(13), *range(13)]),  # unless it is far enough to be a second quote
    ):
        of_said = [f"w{number}" if number >= 0 else "no" for number in said]
        assert original._aligned(of_said, frozenset([0]), sent) == places, said


def test_of_places_in_our_mail_with_the_same_words_the_next_one_counts() -> None:
    sent = original.Sent.of("x y z a b c x y z d e f")
    said = ["a", "b", "c", "no", "x", "y", "z", "d", "e", "f"]
    assert original._aligned(said, frozenset([0]), sent) == [3, 4, 5, -1, 6, 7, 8, 9, 10, 11]
    twice = original.Sent.of("a b c x y d e c x y f")
    assert original._aligned(["a", "b", "c", "c", "x", "y", "f"], frozenset([0]), twice) == [
        0,
        1,
        2,
        7,
        8,
        9,
        10,
    ]


@pytest.mark.parametrize(
    ("places", "at", "place", "left"),
    [
        ([5, 6, 7, -1], 3, 0, [-1, -1, -1, -1]),
        ([0, 1, 2, 3, 4, -1], 5, 3, [0, 1, 2, -1, -1, -1]),
        ([7, 1, 8, -1], 3, 5, [7, 1, -1, -1]),  # not beyond one above that may stay
    ],
)
def test_a_stretch_that_begins_again_takes_its_places_back(
    places: list[int], at: int, place: int, left: list[int]
) -> None:
    taken = list(places)
    original._claim_back(taken, at, place)
    assert taken == left


def test_a_short_line_of_ours_is_none_that_stood_above() -> None:
    sent = original.Sent.of("a b c d e f g h")
    for again in "aef":
        assert original._aligned([*"abcdef", again], frozenset([0, 6]), sent) == [0, 1, 2, 3, 4, 5, -1]
    assert original._aligned([*"b-cdefgh"], frozenset([0, 1, 2]), sent) == [-1, -1, 2, 3, 4, 5, 6, 7]


def test_the_first_of_places_with_the_same_words_counts_where_nothing_stands_above() -> None:
    sent = original.Sent.of("a b c x a b c d e f")
    assert original._aligned([*"abcdef"], frozenset([0]), sent) == [0, 1, 2, 7, 8, 9]


def test_how_much_of_a_line_has_a_place() -> None:
    aligned = original._Aligned([[0], [-1, 0], [-1], [], [3, 4]])
    assert [aligned.touches(at) for at in range(5)] == [True, True, False, False, True]
    assert [aligned.stands(at) for at in range(5)] == [True, False, False, False, True]
    assert aligned.covered == 4


def test_a_line_directly_below_a_single_quoted_one_may_be_its_rest() -> None:
    for between, doubtful in (("", True), ("\nA. line.\n", False)):
        quote = f"> Alice Requester asks for your decision on purchase\n{between}request 42."
        assert reply(f"Approved\n{quote}\n").quote_doubtful is doubtful


COPIED = "Item: Height-adjustable desk\nAmount: EUR 900.00"


def test_lines_of_our_mail_that_somebody_copied_above_a_quote_are_new() -> None:
    """They are no rest of a quoted line."""
    asks = "Alice Requester asks for your decision on purchase request 42."
    for quote in (f"{GMAIL}\n> See below.\n>\n> {asks}", f"> {asks}"):
        seen = reply(f"{COPIED}\nApproved\n\n{quote}\n")
        assert (seen.new_text, seen.quote_doubtful) == (f"{COPIED}\nApproved", False)


def test_what_stands_alone_below_a_head_may_be_the_senders() -> None:
    for below, doubtful in (("See you tomorrow", True), ("> See you tomorrow", False), ("--", False)):
        seen = reply(f"Approved\n\n{GMAIL}\n\n{below}\n")
        assert (seen.new_text, seen.quote_doubtful) == ("Approved", doubtful)


def test_labels_on_the_first_lines_are_a_head_too() -> None:
    seen = reply(f"Fran: Placet <{ADDRESS}>\nRubrik: {ASK.subject}\n{marked(ASK.text)}\n")
    assert (seen.new_text, seen.quoted_else) == ("", f"fran: placet <{ADDRESS}>")
    seen = reply(f"Only until: 24.11.2026 10:00\n{marked(ASK.text)}\n")
    assert (seen.new_text, seen.quoted_else) == ("Only until: 24.11.2026 10:00", "")


def test_labels_are_no_head_where_nothing_of_our_mail_follows() -> None:
    own = "Approved\nOnly until: 24.11.2026 10:00"
    assert reply(f"{own}\n").new_text == own
    assert reply(f"{own}\n> See you\n").new_text == own


@pytest.mark.parametrize(
    ("above", "others"),
    [
        ("> No, only two\n> \n", "no, only two"),
        (f"{OUTLOOK}\nOnly two\n\n", "only two"),
        (f"{OUTLOOK}\n{BANNER}\n\n", ""),
        (OUTLOOK.replace("To: Ann", "Sorry, no: rejected\nTo: Ann"), "sorry, no: rejected"),
    ],
)
@pytest.mark.parametrize("top", ["", f"{BANNER}\n\n"])
def test_what_is_quoted_above_our_mail_may_be_the_senders(top: str, above: str, others: str) -> None:
    mark = "> " if above.startswith(">") else ""
    seen = reply(f"{top}Approved\n\n{above}{marked(ASK.text, mark)}\n")
    assert (seen.new_text, seen.quoted_else) == ("Approved", others)


def test_only_the_heads_of_its_own_quote_say_who_quoted_our_mail() -> None:
    bob = "On Tue, Nov 24, 2026 at 9:00 AM Bob <bob@contoso.example> wrote:"
    inside = with_in("No, only two")
    apart = reply(f"{bob}\n> See this.\n\nApproved\n\n{GMAIL}\n{marked(inside)}\n")
    assert apart.new_text == "Approved\n\nNo, only two"
    by_bob = reply(f"Approved\n\n{bob}\n> See this.\n\n> {GMAIL}\n{marked(inside, '> > ')}\n")
    assert by_bob.new_text == "Approved"
    short = "\n".join(lines_of()[:9])
    in_part = reply(f"Approved\n\n{BOB}\nSee this.\n\n{OUTLOOK}\n{short}\n\nRejected.\n")
    assert (in_part.new_text, in_part.quote_doubtful) == ("Approved", False)


def test_a_subject_in_any_script_is_known_as_people_read_it() -> None:
    """It goes out in encoded words (RFC 2047)."""
    for title in ("À décider : bureau", "書類の承認", "Büro"):
        message = EmailMessage()
        message["Subject"] = title
        message.set_content("Bitte entscheiden.")
        assert Original.of(message.as_bytes()).subjects == [title]
