"""What findings say: every kind has words in each language, and their commands and pages exist."""

import ast
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from smsrelay_worker.console.languages.catalogue import Language
from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.operations.doctor.traffic.queues import untaken_queues
from smsrelay_worker.operations.doctor.words.catalogue import words_in
from smsrelay_worker.store.worker_registry import WorkerProcess
from tests.support.command_lines import named_in, why_refused
from tests.support.pages import ROOT, text_of

ENGLISH, CHINESE = words_in("en"), words_in("zh")
TOLD = {
    **dict.fromkeys(("name", "lane"), "otp"),
    **{"app": "shop", "code": "A400AC", "command": "smsrelay resume --lane otp"},
}


@dataclass(frozen=True)
class Call:
    """A place in the source that makes a finding of a kind, and the names of the values that it gives."""

    kind: Kind
    given: frozenset[str]


def calls() -> Iterator[Call]:
    """Those that name the kind and each value; not those that choose among kinds, or hand on a mapping."""
    for path in (ROOT / "worker/smsrelay_worker/operations/doctor").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and not isinstance(node.func, ast.Attribute)
                and len(node.args) == 2
                and all(one.arg for one in node.keywords)
            ):
                named = re.fullmatch(r"Kind\.([A-Z_0-9]+)", ast.unparse(node.args[1]))
                if named:
                    yield Call(Kind[named[1]], frozenset(one.arg for one in node.keywords if one.arg))


def places(text: str) -> set[tuple[str, str]]:
    """Names of the places, and how each is filled."""
    return {(name, spec or "") for _, name, spec, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("language", Language)
def test_every_kind_has_words_in_every_language_of_the_console(language: Language) -> None:
    assert list(words_in(language.value)) == list(Kind)


@pytest.mark.parametrize("kind", Kind)
def test_both_languages_fill_the_same_places_and_name_the_same_commands(kind: Kind) -> None:
    english, chinese = ENGLISH[kind], CHINESE[kind]
    for ours, theirs in ((english.problem, chinese.problem), (english.remedy, chinese.remedy)):
        assert places(ours) == places(theirs)
        assert re.findall("`[^`]+`", ours) == re.findall("`[^`]+`", theirs)
        assert sorted(re.findall("SMSRELAY_[A-Z_]+", ours)) == sorted(re.findall("SMSRELAY_[A-Z_]+", theirs))
        assert re.search("[\u4e00-\u9fff]", theirs) or ours == theirs


def test_a_finding_is_said_with_its_values_in_both_languages() -> None:
    [found] = untaken_queues({"sms.otp": 1200}, [WorkerProcess("worker@host", "host", 1, ("sms.notice",), 0)])
    assert found.problem == "no worker takes sms.otp; 1,200 wait"
    assert found.said_in("zh").problem == "没有工作进程处理 sms.otp；1,200 条在等待"
    assert "`smsrelay worker --queues otp`" in found.said_in("zh").remedy


@pytest.mark.parametrize("kind", Kind)
def test_the_commands_of_a_finding_exist_with_their_options(kind: Kind) -> None:
    remedy = re.sub(r"\{(\w+)\}", lambda place: TOLD.get(place[1], "X"), ENGLISH[kind].remedy)
    refused = {line: why_refused(line) for line in named_in(remedy) if line.startswith("smsrelay ")}
    assert {line: why for line, why in refused.items() if why} == {}


@pytest.mark.parametrize("kind", Kind)
def test_the_pages_and_sections_that_a_finding_names_exist(kind: Kind) -> None:
    for page, section in re.findall(r"(docs/\w+\.md)(?:, ([A-Z][\w' ]+))?", ENGLISH[kind].remedy):
        title = re.split(r" says | excludes ", section)[0]
        assert not section or re.search(rf"^#+ {title}$|^\*\*{title}\.\*\*", text_of(page), re.MULTILINE), (page, title)


def test_every_finding_is_given_what_its_words_have_places_for() -> None:
    made = list(calls())
    assert len(made) > 80
    for call in made:
        wanted = places(ENGLISH[call.kind].problem) | places(ENGLISH[call.kind].remedy)
        assert call.given == {name for name, _ in wanted}, call.kind
