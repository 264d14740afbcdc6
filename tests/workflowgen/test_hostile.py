"""Files that somebody made to do harm, or that are none: one refusal in words, or a draft in which it is text."""

import base64
import re
import shlex
import time

import pytest
import yaml
from lxml import etree

from placet.approvals.processes import DefinitionInvalid, parse_definition
from placet.workflowgen.importing import FileInvalid, Imported, read_process
from placet.workflowgen.report import MOST_LINES
from placet.workflowgen.xpdl import LARGEST
from tests.workflowgen.making import YES_NO, Action, Control, Made, simple

LAUGHTER = "".join(f"<!ENTITY {chr(98 + n)} '{f'&{chr(97 + n)};' * 10}'>" for n in range(9))
LAUGHS = f"<!DOCTYPE Package [<!ENTITY a 'ha'>{LAUGHTER}]>"
PACKAGE = '<Package><WorkflowProcesses><WorkflowProcess Id="&j;"/></WorkflowProcesses></Package>'
FETCHED = "<!DOCTYPE Package SYSTEM 'http://127.0.0.1:9/evil.dtd' [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"


def refused(data: bytes) -> str:
    began = time.thread_time()
    with pytest.raises(FileInvalid) as error:
        read_process(data)
    assert time.thread_time() - began < 3
    return str(error.value)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "not XML"),
        (b"PK\x03\x04 no process", "not XML"),
        (b"<html><body>x</body></html>", "not a process exported by WorkflowGen"),
        (b"<Package/>", "holds 0 processes"),
        (b"<Package><a><WorkflowProcess/><WorkflowProcess/></a></Package>", "holds 2 processes"),
        (b"<Package><WorkflowProcess Id='A'/></Package>", "no actions"),
        ((LAUGHS + PACKAGE).encode(), "declares a document type"),
        ((f"<?xml version='1.0'?><!-- x --> {LAUGHS}{PACKAGE}").encode(), "declares a document type"),
        ((LAUGHS + PACKAGE).encode("utf-16"), "declares a document type"),
        ((FETCHED + PACKAGE).encode(), "declares a document type"),
        (b"<Package>&nothing;</Package>", "not XML"),
        (b"<?xml version='1.0' encoding='utf-7'?>+ADw-Package/+AD4-", "encoding utf-7"),
        (b"\xff\xfe<\x00P\x00", "not XML"),
        (b"\xff\xfe\x00\xd8x\x00", "encoding that it begins with"),
        (b"<Package>" + b"x" * LARGEST, "larger than 8 MB"),
        (b"<Package>" + b"<a>" * 100 + b"</a>" * 100 + b"</Package>", "nested deeper"),
        (b"<Package>" + b"<a/>" * 100_000 + b"</Package>", "has more elements"),
        (b"<Package %s/>" % b" ".join(b'a%d=""' % n for n in range(5000)), "has more elements"),
        (simple().xml()[:-200], "not XML"),
    ],
)  # fmt: skip
def test_what_is_no_exported_process_is_refused(data: bytes, why: str) -> None:
    assert why in refused(data)


def done(made: Made) -> Imported:
    began = time.thread_time()
    result = read_process(made.xml())
    assert time.thread_time() - began < 5
    assert yaml.safe_load(result.text) == result.definition
    return result


def test_a_command_that_somebody_copies_holds_what_a_file_says_as_one_word() -> None:
    made = simple()
    made.participants["CLERKS"] = ("ACTOR", "Clerks”; touch x #`id` $(id) 'it")
    (line,) = [one for one in done(made).report.of("decide") if "group set" in one.text]
    command = line.text.partition(": placet ")[2].partition(" ADDRESS…")[0]
    assert shlex.split(command) == [
        "group",
        "set",
        "clerks-touch-x-id-id-it",
        "--name",
        "Clerks”; touch x #`id` $(id) 'it",
    ]


def test_ways_without_ids_or_with_the_same_one_keep_their_own_conditions() -> None:
    made = simple()
    made.ways[1:] = [
        ("DECIDES", "ASKS", '<DEC_ANSWER> = "NO"'), ("DECIDES", "_END", '<DEC_ANSWER> = "YES"'),
        ("DECIDES", "ASKS", "TIMEOUT"),
    ]  # fmt: skip
    whole = read_process(made.xml())
    assert "On TIMEOUT WorkflowGen went on to ASKS" in str(whole.report.of("left_out"))
    for how in (b"", b' Id="1"'):
        other = read_process(re.sub(rb'(<Transition) Id="\d+"', rb"\1" + how, made.xml()))
        assert other.definition == whole.definition
    # What is no condition is not taken for a way that is always open.
    for kind in (b"DEFAULTEXCEPTION", b"LATER"):
        other = read_process(made.xml().replace(b'Type="CONDITION"', b'Type="%s"' % kind, 1))
        assert other.definition["transitions"] != whole.definition["transitions"]
        assert {way["outcome"]: way["to"] for way in other.definition["transitions"]}["reject"] != "asks"


YES = b'&lt;DEC_ANSWER&gt; = "YES"'
X = b'&lt;REQ_ITEM&gt; = "x"'


@pytest.mark.parametrize(
    "condition",
    [
        b"<Condition><Xpression>" + X + b"</Xpression></Condition>",
        b'<Condition Type="CONDITION">' + YES + b"<b/> And " + X + b"</Condition>",
        b'<Condition Type="CONDITION">' + YES + b"</Condition><Condition>" + X + b"</Condition>",
        b'<Condition Type="CONDITION">' + YES + b" " * 4000 + b" And " + X + b"</Condition>",
        b"<Condition/><Condition>" + X + b"</Condition>",
    ],
    ids=["inside", "around", "two", "long", "an empty one first"],
)
def test_a_condition_of_which_a_part_is_not_read_is_for_somebody_to_decide(condition: bytes) -> None:
    made = simple()
    made.ways[1:] = [("DECIDES", "ASKS", "x"), ("DECIDES", "_END", "OTHERWISE")]
    result = read_process(re.sub(b"<Condition .*?</Condition>", condition, made.xml(), count=1))
    back = [way for way in result.definition["transitions"] if way.get("to") == "asks"]
    assert [way["outcome"] for way in back] == ["approve", "reject"]
    assert all(way["when"].startswith("please_decide(") for way in back)
    with pytest.raises(DefinitionInvalid, match="somebody has to write this condition"):
        parse_definition(result.text)


def test_a_list_of_elements_of_which_a_part_is_not_read_is_said() -> None:
    for beyond in ("X" * 4000, ",".join(f"X{number}" for number in range(501)), "****"):
        made = simple()
        made.actions[1].required = f"{beyond},DEC_COMMENT"
        assert any(
            line.place == "Action DECIDES" and "FORM_FIELDS_REQUIRED" in line.text
            for line in read_process(made.xml()).report.of("decide")
        )


def test_who_did_it_in_another_way_is_not_passed_over_in_silence() -> None:
    """A sub-process, an action without a form, a form of somebody's own; actions that name nobody share no group."""
    made = simple()
    made.actions.insert(2, Action("CHECKS", "Checks", takes=["DEC_ANSWER=CHECKED"], performer=""))
    made.actions[1].performer = ""
    made.ways = [("ASKS", "DECIDES", ""), ("DECIDES", "CHECKS", ""), ("CHECKS", "_END", "")]
    assert (
        len(
            {
                str(step["ask"])
                for step in read_process(made.xml()).definition["steps"].values()
                if "ask" in step
            }
        )
        == 2
    )
    inner = re.compile(rb'<Implementation><Tool Id="APP_CHECKS">.*?</Implementation>', re.DOTALL)
    for written, sentence in (
        (b'<SubFlow Id="OTHER"/>', "It runs the process OTHER as a part"), (b"<No/>", "in a program of its own (?)"),
    ):  # fmt: skip
        other = read_process(inner.sub(b"<Implementation>" + written + b"</Implementation>", made.xml()))
        assert any(
            line.place == "Action CHECKS" and sentence in line.text for line in other.report.of("decide")
        )


def test_a_report_that_is_cut_off_says_so_and_what_is_to_be_decided_stays() -> None:
    made = simple()
    made.data = {f"D{number}": ("STRING", "") for number in range(MOST_LINES + 50)}
    report = done(made).report
    assert (len(report.of("left_out")), report.of("left_out")[-1].place) == (MOST_LINES + 1, "Report")
    assert any("group set" in line.text for line in report.of("decide"))


def test_a_form_of_hundreds_of_fields_is_checked_in_a_moment() -> None:
    made = simple()
    made.sections["REQ"] = [Control(f"REQ_{number}", label=f"Field {number}") for number in range(560)]
    made.actions[1].fixed = ""
    began = time.thread_time()
    with pytest.raises(DefinitionInvalid, match="more than 200 parts"):
        parse_definition(read_process(made.xml()).definition)
    assert time.thread_time() - began < 5


def test_what_is_written_into_a_file_stays_text() -> None:
    evil = "x}\nkey: evil\n# \u202eno\u0000thing {{proof}} ' \" \\ <script>alert(1)</script>"
    made = simple(label=evil.replace("\0", ""))
    made.actions[1].label = evil.replace("\0", "")
    made.sections["REQ"] = [
        Control("REQ_ITEM", label="<script>alert(1)</script>Item' || true || '"),
        Control("REQ_KIND", "select", "Kind", (("a' || true || 'b", "A"), ("b\\", "B"))),
        Control(
            "REQ_MORE", label="More", extra="hiddencondition='!REQ_KIND.Items[0].Selected' onclick='x()'"
        ),
    ]
    made.ways[1:] = [("DECIDES", "_END", '<REQ_KIND> = "b\\"'), ("DECIDES", "_END", "OTHERWISE")]
    made.actions[0].takes = ["REQ_ITEM", "REQ_KIND"]
    result = done(made)
    assert result.definition["key"] == "made"
    assert set(result.definition) <= {
        "key", "name", "title", "description", "answer_brackets", "form", "start", "steps", "transitions"
    }  # fmt: skip
    assert "{" not in result.definition["title"].replace("{req_item}", "")
    assert not {"\u202e", "\0"} & set(result.text)
    assert "alert" not in result.definition["form"][1]["label"]
    (more,) = [part for part in result.definition["form"] if part.get("name") == "req_more"]
    assert more["show"] == "req_kind == 'a\\' || true || \\'b'"
    assert result.definition["transitions"][0]["when"] == "req_kind == 'b\\\\'"


@pytest.mark.parametrize(
    ("form", "why"),
    [
        ("no base64!", "no base64"),
        ("", "holds no form"),
        (base64.b64encode(b"").decode(), "holds no form"),
        (base64.b64encode(b"<div>" * 200_000).decode(), "nothing that could be read"),
        (base64.b64encode(b"<input id='a'>" * 50_000).decode(), "more elements"),
        ("A" * 7_000_000, "larger than any form"),
    ],
)  # fmt: skip
def test_a_form_that_is_none_leaves_a_draft_without_it(form: str, why: str) -> None:
    root = etree.fromstring(simple().xml())
    for file in root.iter("File", "{*}File"):
        file.text = form
    began = time.thread_time()
    result = read_process(etree.tostring(root))
    assert time.thread_time() - began < 5
    assert why in "\n".join(f"{line.place}: {line.text}" for line in result.report.of("decide"))
    assert "form" not in result.definition


def test_a_graph_that_was_made_to_be_slow_is_not() -> None:
    made = simple()
    ladder = [Action(f"R{n}", route=True) for n in range(60)]
    steps = [Action(f"S{n}", takes=["DEC_ANSWER"], split="AND") for n in range(20)]
    made.actions += [*ladder, *steps]
    made.ways = [("ASKS", "R0", ""), ("DECIDES", "_END", "")]
    for n in range(59):
        for to in (n + 1, (n + 2) % 60, (n * 7) % 60):
            made.ways.append((f"R{n}", f"R{to}", f'<F{n}> = "{to}" Or <REQ_ITEM> = "{n}"'))
    for n in range(20):
        made.ways += [(f"S{n}", f"S{to}", f'<G{n}> = "{to}"') for to in range(n, 20)]
        made.ways += [(f"R{n * 3}", f"S{n}", f'<H{n}> <> "x"'), (f"S{n}", "R1", "")]
    result = done(made)
    assert result.report.of("decide")


def test_lists_of_stars_and_many_fields_are_not_slow() -> None:
    made = simple()
    made.sections["REQ"] = [Control(f"REQ_{'A_' * 20}{n}", label="A") for n in range(400)]
    made.sections["R"] = [Control(f"R_{n}", "radio", "A", YES_NO) for n in range(100)]
    made.actions[1].fixed = ",".join(["*A*" * 30, *(f"REQ_*{n}*" for n in range(400))])
    made.actions[1].hidden = ",".join(["*[!A-Z*", "R[E]*"] * 200)
    result = done(made)
    assert result.definition["steps"]["decides"]["kind"] == "approval"


@pytest.mark.parametrize("declared", ["utf-8", "utf-16", "UTF-16LE", "iso-8859-1"])
@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-16-le", b""), ("utf-16-be", b""), ("utf-16-le", b"\xff\xfe")]
)
def test_utf_16_is_read_whatever_it_declares(declared: str, encoding: str, mark: bytes) -> None:
    text = simple(label="Demande de matériel").xml().decode()
    text = re.sub(r"encoding=['\"][^'\"]+['\"]", f'encoding="{declared}"', text, count=1)
    assert f'encoding="{declared}"' in text
    assert read_process(mark + text.encode(encoding)).name == "Demande de matériel"


@pytest.mark.parametrize("declared", ["utf-16", "UTF-16LE", "utf-16-be"])
def test_utf_8_that_declares_utf_16_is_read_and_what_is_neither_is_refused(declared: str) -> None:
    data = simple(label="Demande de matériel").xml()
    data = re.sub(rb"encoding=['\"][^'\"]+['\"]", f'encoding="{declared}"'.encode(), data, count=1)
    assert read_process(data).name == "Demande de matériel"
    with pytest.raises(FileInvalid, match=r"says that it is in utf-16.*Save it as UTF-8"):
        read_process(data.replace("é".encode(), b"\xe9"))


def test_a_document_type_in_utf_16_is_refused_as_ever() -> None:
    text = simple().xml().decode().replace("<Package", "<!DOCTYPE Package><Package", 1)
    with pytest.raises(FileInvalid, match="document type"):
        read_process(text.encode("utf-16-le"))
