"""What is new in a reply, and what is quoted; in the words of many mail programs."""

import pytest

from placet.replies.parse import words
from placet.replies.parse.html import visible
from placet.replies.parse.quotes import new_text

OLD = "Reject"
DIVIDERS = {
    "english outlook": "-----Original Message-----\nFrom: Approvals",
    "french outlook": "-----Message d'origine-----\nDe : Approvals",
    "german outlook": "-----Ursprüngliche Nachricht-----\nVon: Approvals",
    "spanish outlook": "-----Mensaje original-----\nDe: Approvals",
    "thunderbird forward": "-------- Original Message --------",
    "gmail forward": "---------- Forwarded message ---------",
    "apple forward": "Begin forwarded message:",
    "unknown language": "-----Poraka original-----",
    "english block": "From: Approvals <a@x.example>\nSent: Tuesday, 24 November 2026 10:55\nTo: Ann\nSubject: x",
    "french block": "De : Approvals <a@x.example>\nEnvoyé : mardi 24 novembre 2026 10:55\nÀ : Ann\nObjet : x",
    "german block": "Von: Approvals\nGesendet: Dienstag, 24. November 2026 10:55\nAn: Ann\nBetreff: x",
    "spanish block": "De: Approvals <a@x.example>\nEnviado el: martes, 24 de noviembre de 2026\nPara: Ann\nAsunto: x",
    "bold block": "*From:* Approvals <a@x.example>\n*Sent:* Tuesday 24 November 2026 10:55\n*To:* Ann",
    "block below a line": "________________________________\n\nFrom: Approvals <a@x.example>\nDate: x\nTo: y",
    "block in an unknown language": "Fran: A <a@x.example>\nDags: 24 2026 10:55\nTill nagon: B\nRubrik: x",
    "our own line": "##- Please write your reply above this line -##",
    "attribution without marks": "On Tue, 24 Nov 2026 at 10:55, Approvals <a@x.example> wrote:\n",
    "german attribution": "Am 24.11.2026 um 10:55 schrieb Approvals:\n",
    "german attribution, name last": "Am Di., 24. Nov. 2026 um 10:55 Uhr schrieb Approvals <\na@x.example>:\n",
    "french attribution": "Le mar. 24 nov. 2026 à 10:55, Approvals <a@x.example> a écrit\u00a0:\n",
    "spanish attribution": "El mar, 24 nov 2026 a las 10:55, Approvals (<a@x.example>)\nescribió:\n",
    "wrapped attribution": "On Tuesday, 24 November 2026 at 10:55\nApprovals by Placet\n<a@x.example> wrote:\n",
    "unknown language, address and date": "24. lis 2026 u 10:55 Approvals <a@x.example>:\n",
    "android": "---- Approvals wrote ----\n",
    "old gmail": "2026/11/24 Approvals <a@x.example>\n",
}


@pytest.mark.parametrize("name", DIVIDERS)
def test_everything_below_a_divider_is_quoted(name: str) -> None:
    new = new_text(f"Approve\n\nSoon, please.\n\n{DIVIDERS[name]}\n{OLD}\n\n{OLD}")
    assert new.text == "Approve\n\nSoon, please."
    assert new.quoted_cut
    assert new.to_the_end


@pytest.mark.parametrize("language", words.LANGUAGES)
def test_header_blocks_and_attributions_of_every_language_are_known(language: str) -> None:
    said = words.LANGUAGES[language]
    for sender in said.sender:
        labels = (sender, said.sent[0], said.to[0], said.subject[0])
        block = "\n".join(f"{label.title()}: x" for label in labels)
        assert new_text(f"Approve\n\n{block}\n\n{OLD}").text == "Approve"
    for wrote in said.wrote:
        assert new_text(f"Approve\n\n24.11.2026 10:55 Approvals {wrote}:\n> {OLD}").text == "Approve"
    for original in said.original:
        assert new_text(f"Approve\n\n----- {original.title()} -----\n{OLD}").text == "Approve"


def test_the_reply_may_stand_below_and_between_marked_quotes() -> None:
    text = "On Monday Tom wrote:\n> one\n>> two\n\nApprove\n\n> three\n\nSoon.\n"
    assert new_text(text).text == "Approve\n\n\nSoon."


def test_what_a_quote_parts_is_no_sentence() -> None:
    assert new_text("I do not\n> one\n> two\napprove this.\n").text == "I do not\n\napprove this."


def test_a_line_directly_below_a_quoted_link_may_be_the_rest_of_it() -> None:
    quote = "> Approve: mailto:a@x.example?body=\nApprove"
    assert new_text(f"Thanks\n\n{quote}").doubtful
    assert not new_text(f"Thanks\n\n{quote.replace(chr(10), chr(10) * 2)}").doubtful


def test_a_title_that_looks_like_an_open_address_takes_no_mark_off() -> None:
    """ "<" above, ":" at the end: so a quoted line cannot pass for the end of an address that was wrapped."""
    assert new_text("Thanks\n\n> see <this\n> I approve:\n> one").text == "Thanks"


def test_what_follows_marked_lines_below_a_head_is_in_doubt() -> None:
    for head in ("-----Original Message-----", "From: Approvals\nSent: x\nTo: Ann\nSubject: x"):
        below = f"Approve\n\n{head}\n\n> one\n> two\n\n"
        assert new_text(f"{below}Sorry, no: rejected").doubtful
        assert not new_text(below).doubtful
        assert not new_text(f"{below}This e-mail is confidential, if you are not Ann").doubtful


def test_the_rest_of_a_wrapped_quoted_line_is_quoted() -> None:
    long = "> Shall we buy five laptops for the new people in accounting, or the"
    new = new_text(f"Approve\n\n{long}\nprinters in\n> March?")
    assert (new.text, new.doubtful) == ("Approve", False)


@pytest.mark.parametrize(
    ("above", "line"),
    [
        ("> Shall we buy five laptops for the new people in accounting, or do you", "reject"),
        ("> Shall we buy five laptops for the new people in accounting, in March?", "Only three"),
    ],
)
def test_a_line_there_that_may_decide_or_begins_a_sentence_is_doubtful(above: str, line: str) -> None:
    new = new_text(f"Approve\n\n{above}\n{line}\n> the request?")
    assert (new.text, new.doubtful) == ("Approve", True)


def test_a_line_between_short_quoted_lines_is_doubtful() -> None:
    new = new_text("Approve\n\n> Five laptops\nthree\n> Shall we?")
    assert (new.text, new.doubtful) == ("Approve", True)


@pytest.mark.parametrize(
    "text",
    [
        "Approve\n\nOn Monday we talked about it.",
        "Approve\n\nFrom my side it is fine: order them.",
        "Approve\n\nTo: be ordered today",
        "Approve\n\nI wrote: order them",
        "Approve\n\n- one\n- two",
        "Approve\n\n----------\nbut only two",
        "Approve\n\n12:30 is fine, see you in 2026",
    ],
)
def test_what_people_write_is_kept(text: str) -> None:
    new = new_text(text)
    assert (new.text, new.quoted_cut) == (text, "")


def test_the_signature_ends_the_text_and_stays_in_the_other_one() -> None:
    new = new_text("Approve\n\n-- \nAnn\nHead of Rejects\n\n> old")
    assert new.text == "Approve"
    assert new.with_signature == "Approve\n\n--\nAnn\nHead of Rejects"


@pytest.mark.parametrize(
    "line", ["Sent from my iPhone", "Get Outlook for iOS<https://x.example>", "Von meinem iPhone gesendet",
             "Envoyé de mon iPhone", "Enviado desde mi iPhone"],
)  # fmt: skip
def test_lines_that_telephones_add_are_dropped_alone(line: str) -> None:
    assert new_text(f"Approve\n\n{line}\n\nbut only two").text == "Approve\n\n\nbut only two"


@pytest.mark.parametrize(
    "line",
    [
        "Von meiner Seite aber nur bis 500 Euro.",
        "Von meiner Seite abgelehnt.",
        "Von meinem Budget geht das aber nicht.",
        "Sent with DHL only, otherwise reject",
        "Sent from my phone, but only half of it",
        "从我的预算里只能出一半",
        "Lähetetty tarjous on liian kallis, pyytäkää uusi",
    ],
)
def test_lines_that_only_begin_like_those_of_telephones_are_kept(line: str) -> None:
    assert new_text(f"Approve\n{line}").text == f"Approve\n{line}"
    assert new_text(line).text == line


@pytest.mark.parametrize(
    "line",
    [
        "Von Yahoo Mail auf Android gesendet",
        "Galaxy készülékemről küldve",
        "Galaxy cihazımdan gönderildi",
        "Android の Yahoo メールから送信",
        "Sent from my Android device with K-9 Mail. Please excuse my brevity.",
    ],
)
def test_more_lines_of_telephones(line: str) -> None:
    assert new_text(f"Approve\n\n{line}").text == "Approve"


@pytest.mark.parametrize(
    "text",
    [
        "Attention : ce montant vaut jusqu'à vendredi seulement\n\nApprouvé.",
        "Aviso: este pedido solo por la mitad\nAprobado.",
        "注意：本次不包括椅子\n\n批准",
        "Do not click the order button yet\n\nApproved.",
        "Let op: dit bericht geldt alleen voor 1 stuk\nAkkoord.",
        "Caution: this message is valid until Friday\n\nApproved.",
    ],
)
def test_an_answer_that_begins_like_a_warning_is_kept(text: str) -> None:
    assert new_text(text).text == text


@pytest.mark.parametrize(
    "warning",
    [
        "CAUTION: This message was sent from outside of the company.\nDo not click links.",
        "Attention : ce courriel provient d'un expéditeur externe.",
        "ΠΡΟΣΟΧΗ: Αυτό το email προέρχεται από εξωτερικό αποστολέα. Μην κάνετε κλικ.",
        "【注意】このメールは社外から送信されました。",
        "[EXTERNAL]",
        "You don't often get email from tom@x.example. Learn why this is important.",
    ],
)
def test_a_warning_of_a_server_is_left_out(warning: str) -> None:
    assert new_text(f"{warning}\n\nApprove").text == "Approve"


# ---------------------------------------------------------------------- HTML


def test_an_answer_between_two_quoted_blocks_is_kept() -> None:
    long = "Alice Requester asks for your decision on the purchase request number 42."
    seen = visible(
        f"<p>Approve</p><blockquote>{long}</blockquote><div>But only half of it</div><blockquote>Desk</blockquote>"
    )
    new = new_text(seen.marked)
    assert (new.text, new.doubtful) == ("Approve\n\n\nBut only half of it", False)


def test_how_deep_a_block_is_quoted_shows() -> None:
    seen = visible("<p>a</p><blockquote>b<blockquote>c</blockquote>d</blockquote>")
    assert seen.marked == "a\n\n> b\n>> c\n> d"


@pytest.mark.parametrize(
    "quote",
    [
        '<div class="gmail_quote">Reject</div>',
        '<blockquote type="cite">Reject</blockquote>',
        '<div id="divRplyFwdMsg">From</div><div>Reject</div>',
        '<div id="x_divRplyFwdMsg">From</div><p>Reject</p>',
        '<hr id="stopSpelling">Reject',
        '<div style="border:none;border-top:solid #B5C4DF 1.0pt">From</div><p>Reject</p>',
        '<div class="yahoo_quoted">Reject</div>',
        '<div class="moz-cite-prefix">x wrote:</div><blockquote>Reject</blockquote>',
        '<div name="quote">Reject</div>',
        '<div id="ms-outlook-mobile-reference-message">Reject</div>',
    ],
)
def test_quotes_that_the_structure_marks(quote: str) -> None:
    seen = visible(f"<html><body><p>Approve</p>{quote}</body></html>")
    assert (new_text(seen.marked).text, bool(seen.quoted_cut)) == ("Approve", True)
    assert "Reject" in seen.text


@pytest.mark.parametrize(
    "hidden",
    [
        "<span style='display: none !important'>x</span>",
        "<span style='visibility:hidden'>x</span>",
        "<span style='font-size:0'>x</span>",
        "<span style='font-size:1px'>x</span>",
        "<span style='opacity:0'>x</span>",
        "<span style='mso-hide:all'>x</span>",
        "<span style='color:white'>x</span>",
        "<span style='color:#FEFEFE'>x</span>",
        "<span style='color:rgb(255, 255, 255)'>x</span>",
        "<font color='#ffffff'>x</font>",
        "<div style='background:#000'><p style='color:#000'>x</p></div>",
        "<table bgcolor=black><tr><td style='color:#010101'>x</td></tr></table>",
        "<div style='height:0;overflow:hidden'><p>x</p></div>",
        "<div style='text-indent:-9999px'>x</div>",
        "<div style='position:absolute;left:-10000px'>x</div>",
        "<p hidden>x</p>",
        "<span style='color:transparent'>x</span>",
        "<span style='color:rgba(0, 0, 0, 0)'>x</span>",
        "<span style='color:#00000000'>x</span>",
        "<span style='color:hsl(0, 0%, 100%)'>x</span>",
        "<span style='color:whitesmoke'>x</span>",
        "<span style='-webkit-text-fill-color:transparent'>x</span>",
        "<span style='opacity:.01'>x</span>",
        "<span style='filter:opacity(0)'>x</span>",
        "<span style='font:italic 0px Arial'>x</span>",
        "<span style='font-size:2px'>x</span>",
        "<div style='text-indent:-100em'>x</div>",
        "<div style='position:absolute;right:-9999px'>x</div>",
        "<div style='margin:-9999px 0 0'>x</div>",
        "<div style='transform:translateX(-9999px)'>x</div>",
        "<div style='transform:scale(0)'>x</div>",
        "<div style='clip-path:inset(50%)'>x</div>",
        "<div style='position:absolute;clip:rect(0,0,0,0)'>x</div>",
        "<div style='height:1px;overflow:auto'>x</div>",
        "<details>x</details><dialog>x</dialog><div popover>x</div>",
        "<style>@media all{.n{display:none}}</style><p class=n>x</p>",
        "<style>@supports (display:grid){.n{display:none}}</style><p class=n>x</p>",
        "<style>.m.n{display:none}</style><p class='m n'>x</p>",
        "<style>body .n{display:none}</style><p class=n>x</p>",
        "<style>.m > p{display:none}</style><div class=m><p>x</p></div>",
        "<style>[title=q]{display:none}</style><p title=q>x</p>",
        "<style>.n{display:none}</style><p class='m n'>x</p>",
        "<style>/*.a{}*/ p.a, #b {visibility:hidden}</style><p id=b>x</p>",
        "<script>x</script><style>x</style><title>x</title><noscript>x</noscript><textarea>x</textarea>",
        "<!-- x --><img alt='x'>",
    ],
)
def test_what_nobody_sees_is_no_text(hidden: str) -> None:
    assert visible(f"<p>a</p>{hidden}<p>b</p>").text == "a\nb"


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<div style='font-size:0'><span style='font-size:13px'>x</span></div>", "x"),
        ("<div style='visibility:hidden'><b style='visibility:visible'>x</b></div>", "x"),
        ("<div style='background:#000;color:#fff'>x</div>", "x"),
        ("<p style='color:windowtext'>x</p>", "x"),
        ("<style>@media print{.a{display:none}}</style><p class=a>x</p>", "x"),
        ("<style>@media (max-width:400px){.a{display:none}}</style><p class=a>x</p>", "x"),
        ("<style>.m p{display:none} a:hover{display:none}</style><p>x</p>", "x"),
        ("<style>.m.n{display:none}</style><p class=m>x</p>", "x"),
        ("<details open>x</details><details><summary>y</summary>z</details>", "x\ny"),
        ("<div style='margin:-5px 0 0;transform:rotate(1deg);background:rgba(0,0,0,0)'>x</div>", "x"),
        ("<div style='overflow:hidden;height:auto;font:bold 12px/1.5 Arial'>x</div>", "x"),
        ("<p>I\n  am&nbsp;<b>in</b>  <i>favour</i></p>", "I am\u00a0in favour"),
        ("one<br>two<div>three</div>four", "one\ntwo\nthree\nfour"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("ok <img alt='👍'>", "ok 👍"),
        ("<div>" * 400 + "deep", "deep"),
        ("", ""),
        ("no markup at all", "no markup at all"),
        ("<p>never closed", "never closed"),
    ],
)
def test_what_people_see_is_text(markup: str, text: str) -> None:
    seen = visible(markup)
    assert (seen.text, seen.truncated) == (text, False)


@pytest.mark.parametrize(
    ("text", "below"),
    [
        ("Approve\n\n-- \nAnn\nHead of Rejects\n\n> old", "--\nAnn\nHead of Rejects"),
        ("Approve\n--\nonly two", "--\nonly two"),
        ("Approve\n- -- \nonly two\n> old\nthree", "--\nonly two"),
        ("Approve\n\n-- \nAnn\nSent from my iPhone", "--\nAnn"),
        ("Approve\n\n---\nonly two", ""),
        ("Approve", ""),
    ],
)
def test_what_stands_below_two_dashes_is_set_apart(text: str, below: str) -> None:
    assert new_text(text).set_apart == below
