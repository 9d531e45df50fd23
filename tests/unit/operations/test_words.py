"""What findings say: every kind has words, whose commands and pages exist."""

import re

import pytest

from smsrelay_worker.operations.doctor.kind import Kind
from smsrelay_worker.operations.doctor.words.catalogue import words_in
from tests.support.command_lines import named_in, why_refused
from tests.support.pages import text_of

ENGLISH = words_in("en")
TOLD = {
    **dict.fromkeys(("name", "lane"), "otp"),
    **{"app": "shop", "code": "A400AC", "command": "smsrelay resume --lane otp"},
}


def test_every_kind_has_words() -> None:
    assert list(ENGLISH) == list(Kind)


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
