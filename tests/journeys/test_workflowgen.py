"""A process that was imported from a file of WorkflowGen, in English and in French: answered by mail as its people are
used to, with `Q1: [Yes]` above the quoted mail, and a task that is done with a line for each of its fields."""

from dataclasses import dataclass

import pytest

from placet.approvals import drafts
from placet.approvals.models import Decision, Request, Visit
from placet.sandbox.server import Mail
from placet.workflowgen.importing import read_process
from tests.journeys.conftest import DOMAIN, World
from tests.journeys.letters import ATTRIBUTION, answer
from tests.journeys.test_blocks import groups, replied, standing, started
from tests.journeys.test_languages import HEADS, speaks
from tests.workflowgen.making import OUI_NON, YES_NO, Action, Control, Made, questions, simple

pytestmark = pytest.mark.django_db
BOTH_WAYS = True

BOB = f"Bob Bobson <bob@{DOMAIN}>"


@dataclass(frozen=True)
class Words:
    """What one language calls what the file says."""

    language: str
    answers: tuple[tuple[str, str], ...]  # values and words of Q1
    labels: tuple[str, ...]  # process, item, answer, note, order, pieces
    asks: str  # subjects of mails begin so
    done: str
    head: str  # of a quoted mail

    @property
    def yes(self) -> str:
        return f"Q1: [{self.answers[0][1]}]"

    @property
    def no(self) -> str:
        return f"Q1: [{self.answers[1][1]}]"


ENGLISH = Words(
    "en", YES_NO, ("Request of material", "Item", "Answer", "Note of the manager", "Order number", "Pieces"),
    "Please decide", "Done", f"{ATTRIBUTION}\n",
)  # fmt: skip
FRENCH = Words(
    "fr", OUI_NON, ("Demande de matériel", "Objet de la demande", "Décision", "Précision du responsable",
                    "Numéro de la commande", "Pièces"),
    "À décider", "C'est fait", HEADS["Outlook"],
)  # fmt: skip


@pytest.fixture(params=[ENGLISH, FRENCH], ids=["en", "fr"])
def words(request: pytest.FixtureRequest) -> Words:
    words: Words = request.param
    return words


def file_of(words: Words) -> Made:
    """A form; clerks who answer Q1 and Q2, which has to be answered with No; then somebody who fills in two fields."""
    process, item, decision, note, order, pieces = words.labels
    yes, no = words.answers
    made = simple(label=process)
    made.sections = {
        "REQ": [Control("REQ_ITEM", label=item)],
        "DEC": [
            Control("DEC_ANSWER", "radio", decision, words.answers),
            Control("DEC_NOTE", "long_text", note, extra='requiredcondition="DEC_ANSWER.Items[1].Selected"'),
        ],
        "DO": [Control("DO_ORDER", label=order), Control("DO_PIECES", label=pieces, data_type="Numeric")],
    }
    decides = questions(1, "DEC_ANSWER", yes[::-1], no[::-1]) | questions(2, "DEC_NOTE")
    made.actions = [
        Action("ASKS", performer="REQUESTER", assign="PUSH_AUTO_REQUESTER", takes=["REQ_ITEM"], hidden="DEC,DO",
               required="REQ_*"),
        Action("DECIDES", takes=["DEC_ANSWER", "DEC_NOTE"], fixed="REQ_*", hidden="DO", gives=decides),
        Action("ORDERS", performer="BUYERS", takes=["DO_ORDER", "DO_PIECES"], fixed="REQ_*,DEC_*", required="DO_ORDER"),
        Action("_END", route=True),
    ]  # fmt: skip
    made.participants = {"BUYERS": ("ACTOR", "Buyers")}
    made.ways = [
        ("ASKS", "DECIDES", ""), ("DECIDES", "ORDERS", f'<DEC_ANSWER> = "{yes[0]}"'),
        ("DECIDES", "_END", "OTHERWISE"), ("ORDERS", "_END", ""),
    ]  # fmt: skip
    return made


def asking(world: World, words: Words) -> tuple[Request, Mail]:
    """Imported, published as it is, and asked for by Alice: Bob and she are clerks, Carol is a buyer."""
    done = read_process(file_of(words).xml(), "made.xml")
    assert done.definition["start_form"] == {"hide": ["do_*"]}
    drafts.store(done.key, done.name, done.text, report=done.report.as_json())
    draft = drafts.draft_of(done.key)
    assert draft is not None
    drafts.publish_draft(draft)
    groups(world, {"clerks": ["alice", "bob"], "buyers": ["carol"]})
    for name in ("bob", "carol"):
        speaks(world, name, words.language)
    request = started(world, done.key, {"req_item": "Desk"})
    assert world.subjects("alice") == world.subjects("carol") == world.subjects("dave") == []
    return request, world.newest("bob", words.asks)


def step_of(request: Request) -> str:
    return str(
        Visit.objects.filter(request=request, closed_at=None).values_list("step_key", flat=True).first()
    )


def test_a_request_is_granted_and_carried_out_with_lines_alone(world: World, words: Words) -> None:
    request, asked = asking(world, words)
    assert f"Q2 {words.labels[3]}" in asked.text
    replied(world, "bob", words.yes, asked)
    assert world.decisions() == [("Bob", "approve")]
    task = world.newest("carol")
    assert f"Q1 {words.labels[4]}" in task.text
    replied(world, "carol", f"{words.done}\n\nQ1: [PO-4711]\nQ2: [3]", task)
    assert standing(request) == ("ended", "done")
    assert (request.data["do_order"], request.data["do_pieces"]) == ("PO-4711", 3)
    assert request.revision == 2


def test_a_request_is_denied_with_the_second_answer(world: World, words: Words) -> None:
    request, asked = asking(world, words)
    replied(world, "bob", words.no, asked)
    assert (world.results(), standing(request)) == (["answers_not_taken"], ("open", ""))
    replied(world, "bob", f"{words.no}\nQ2: [Too dear, and\nnobody needs it.]", world.newest("bob"))
    [decision] = Decision.objects.all()
    assert (decision.outcome, decision.comment) == ("reject", "")
    assert decision.answers == {"dec_note": "Too dear, and nobody needs it."}
    assert standing(request) == ("ended", "rejected")


@pytest.mark.parametrize("mark", ["", "> "], ids=["bare", "marked"])
def test_the_whole_mail_may_stand_below_the_lines(world: World, words: Words, mark: str) -> None:
    """It speaks of Q1, of both answers and of Q2 itself."""
    request, asked = asking(world, words)
    quoted = "\n".join(f"{mark}{line}" for line in asked.text.splitlines())
    text = f"{words.no}\nQ2: [Too dear.]\n\n{words.head}\n{quoted}"
    world.sandbox.send_as("bob", answer(asked, BOB, text=text))
    world.run_until_quiet()
    assert Decision.objects.get().answers == {"dec_note": "Too dear."}
    assert standing(request) == ("ended", "rejected")


def test_the_quoted_mail_alone_answers_nothing_even_filled_in(world: World, words: Words) -> None:
    request, asked = asking(world, words)
    quoted = "\n".join(f"> {line}" for line in [words.yes, "Q2: [Fine]", *asked.text.splitlines()])
    world.sandbox.send_as("bob", answer(asked, BOB, text=f"{words.head}\n{quoted}"))
    world.run_until_quiet()
    assert (world.decisions(), step_of(request)) == ([], "decides")


def test_two_answers_or_a_number_that_is_no_number_are_asked_back(world: World, words: Words) -> None:
    request, asked = asking(world, words)
    replied(world, "bob", f"{words.yes}\n{words.no}\nQ2: [Too dear.]", asked)
    assert (world.results(), world.decisions()) == (["unclear"], [])
    replied(world, "bob", words.yes, world.newest("bob"))
    replied(world, "carol", f"{words.done}\nQ1: [PO-4711]\nQ2: [many]", world.newest("carol"))
    replied(
        world, "carol", f"{words.done}\nQ2: [3]", world.newest("carol")
    )  # the order number has to be there
    assert (world.results()[2:], step_of(request)) == (["answers_not_taken"] * 2, "orders")
    assert request.revision == 1
    replied(world, "carol", f"{words.done}\nQ1: [PO-4711]", world.newest("carol"))
    assert standing(request) == ("ended", "done")


def test_nobody_decides_who_is_not_asked(world: World, words: Words) -> None:
    request, asked = asking(world, words)
    for name in ("dave", "alice", "carol"):  # a colleague, the requester who is a clerk, who is asked later
        world.sandbox.send_as(name, answer(asked, f"{name}@{DOMAIN}", text=words.yes))
    mallory = "mallory@evil.example"
    world.sandbox.deliver(answer(asked, mallory, text=words.yes), mail_from=mallory)
    world.run_until_quiet()
    assert (world.decisions(), step_of(request)) == ([], "decides")
    replied(world, "bob", words.yes, asked)
    task = world.newest("carol")
    for name in ("bob", "alice"):
        world.sandbox.send_as(name, answer(task, f"{name}@{DOMAIN}", text=f"{words.done}\nQ1: [1]"))
    world.run_until_quiet()
    assert (world.decisions(), step_of(request)) == ([("Bob", "approve")], "orders")
