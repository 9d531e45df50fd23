"""How the script of a submit is chosen."""

import pytest

from tests.support.simulator_rig import scripted
from tests.support.waiting import eventually


@pytest.mark.parametrize("written", ["sim:503,200", "['sim:503,200']", "sim:503/200, 5", "['sim:503;200', '5']"])
def test_the_first_parameter_may_be_a_sequence(client, simulator, receiver, written):
    for expected in ([503], [503, 200], [503, 200, 200]):
        client.send(params=written)
        eventually(lambda expected=expected: receiver.codes() == expected)


def test_a_sequence_mixes_codes_gateway_errors_and_vendor_codes(client, receiver):
    answers = [client.send(params="sim:throttled_429/i005/203+200/never") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [429, 200, 200, 200]
    assert [answer.json()["code"] for answer in answers[1:]] == ["i005", "0000", "0000"]
    eventually(lambda: receiver.codes() == [203, 200])


def test_a_wrong_sequence_is_named_and_sends_nothing(client, simulator):
    answer = client.send(params="sim:503/nonsense")
    assert answer.status_code == 400
    assert (answer.json()["field"], "nonsense" in answer.json()["reason"]) == ("submits.1", True)
    assert simulator.submits()[0].answer == "bad_script"


@pytest.mark.parametrize(
    ("number", "codes"),
    [
        ("+8613805030001", [503, 503]),
        ("+8613815030001", [503, 200]),
        ("+8613822030001", [203, 200, 203, 200]),
        ("+8613800138000", [200, 200]),
    ],
)
def test_digits_of_a_test_number_choose_the_status(client, simulator, receiver, number, codes):
    client.send(number)
    eventually(lambda: len(receiver.posts) == len(codes) / 2)
    client.send(number)
    eventually(lambda: receiver.codes() == codes)


def test_recipient_comes_before_default_before_parameter_before_number(client, simulator, receiver):
    number = "+8613805030001"
    for expected, script in [(503, None), (504, None), (505, "default"), (506, "recipient")]:
        if script == "default":
            simulator.default(scripted("505"))
        if script == "recipient":
            simulator.script(number, scripted("506"))
        client.send(number, params="1" if expected == 503 else "sim:504")
        eventually(lambda expected=expected: receiver.codes()[-1:] == [expected])
    simulator.unscript()
    client.send(number, params="1")
    eventually(lambda: receiver.codes() == [503, 504, 505, 506, 503])
