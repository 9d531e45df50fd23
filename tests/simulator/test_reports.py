"""Status reports as scripted: when, how often, in which shape, to whom."""

from tests.support.simulator_rig import RECIPIENT, scripted
from tests.support.waiting import eventually


def test_steps_follow_the_submits_and_the_last_one_repeats(client, simulator):
    simulator.script(RECIPIENT, scripted("throttled_429", "503", "200"))
    assert [client.send().status_code for _ in range(4)] == [429, 200, 200, 200]
    eventually(lambda: sorted(one.code for one in simulator.callbacks()) == [200, 200, 503])


def test_a_report_may_come_before_the_answer(client, simulator, receiver):
    simulator.script(RECIPIENT, scripted({"reports": [{"code": 200, "before_answer": True}]}))
    answer = client.send()
    assert receiver.bodies()[0]["external_id"] == answer.json()["externalId"]


def test_reports_come_repeated_and_out_of_order_as_scripted(client, simulator, receiver):
    reports = [
        {"code": 203, "after": 0.2, "updated_on": "2020-06-08T04:20:09.873298Z"},
        {"code": 200, "after": 0.0, "repeat": 2, "updated_on": 1594786353213},
    ]
    simulator.script(RECIPIENT, scripted({"reports": reports}))
    client.send()
    eventually(lambda: receiver.codes() == [200, 200, 203])
    assert receiver.posts[0] == receiver.posts[1]
    assert [body["status"]["updated_on"] for body in receiver.bodies()[1:]] == [
        1594786353213,
        "2020-06-08T04:20:09.873298Z",
    ]


def test_every_shape_of_a_report_can_be_sent(client, simulator, receiver):
    shapes = ["guide", "misprint", "priced", "list", "enveloped"]
    reports = [{"code": 200, "after": n / 10, "shape": shape} for n, shape in enumerate(shapes)]
    simulator.script(RECIPIENT, scripted({"reports": reports}))
    external_id = client.send().json()["externalId"]
    eventually(lambda: len(receiver.posts) == len(shapes))
    guide, misprint, priced, [listed], enveloped = receiver.bodies()
    assert guide.keys() == {"reference_id", "external_id", "status"}
    assert list(guide["status"]) == ["updated_on", "code", "description"]
    assert list(misprint["status"]) == ["updated on", "code", "description"]
    assert (priced["extenal_id"], priced["mobile"]) == (external_id, "8613912345678")
    assert priced["status"]["code"] == "200"
    assert isinstance(priced["status"]["updated_on"], int)
    assert (listed["extenal_id"], len(listed["status"]["updated_on"])) == (external_id, 14)
    assert enveloped["code"] == "0000"
    assert enveloped["data"]["statusReportList"][0].keys() == guide.keys()


def test_a_code_given_as_text_is_sent_as_text(client, simulator, receiver):
    simulator.script(RECIPIENT, scripted({"reports": [{"code": "200"}]}))
    client.send()
    eventually(lambda: receiver.codes() == ["200"])


def test_a_callback_is_tried_again_until_it_is_answered_200(client, simulator, receiver):
    receiver.answers[:] = [503, 404]
    client.send()
    eventually(lambda: [(one.attempt, one.http) for one in simulator.callbacks()] == [(1, 503), (2, 404), (3, 200)])
    assert len({body for _, body, _ in receiver.posts}) == 1


def test_a_callback_is_given_up_after_four_tries(client, simulator):
    client.callback_url = "http://127.0.0.1:1/nobody/listens"
    client.send()
    eventually(lambda: [(one.attempt, one.http) for one in simulator.callbacks()] == [(n, 0) for n in (1, 2, 3, 4)])
    eventually(lambda: simulator.stats().reports_pending == 0)


def test_a_forged_report_has_a_wrong_token_and_is_tried_once(client, simulator, receiver):
    receiver.answers[:] = [404]
    simulator.script(RECIPIENT, scripted({"reports": [{"code": 200, "forged": True}]}))
    external_id = client.send().json()["externalId"]
    [callback] = eventually(simulator.callbacks)
    assert (callback.forged, callback.http, callback.url) == (True, 404, receiver.url.replace("t0ken", "AAAAA"))
    status = client.post("pullSmsSendStatus", {"externalId": external_id}).json()["status"]
    assert status["code"] == 290


def test_never_means_no_report(client, simulator):
    simulator.script(RECIPIENT, scripted({"reports": []}))
    client.send()
    assert simulator.stats().reports_pending == 0
