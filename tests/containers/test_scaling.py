"""More of the same part, and apps that are not in the file."""

import json
import sys

from tests.containers.relay import Relay
from tests.support.waiting import eventually

_APP = """
import sys
from smsrelay import Enqueuer, ProducerSettings, SendJob
with Enqueuer.connect(ProducerSettings()) as relay:
    print(relay.enqueue(SendJob(to="13900001603", template="0000000", params=["1234"], lane="otp", app="shop")).message_id)
"""


def test_three_workers_share_the_work(relay: Relay) -> None:
    relay.up("--scale", "worker=3", "--no-recreate")
    told = relay.ask("worker", "smsrelay", "status", "--json").stdout
    eventually(lambda: len(relay.containers("worker")) == 3, "three workers")
    assert len({one["host"] for one in json.loads(told)["workers"]}) == 3
    relay.until(relay.send("13900001601"), "delivered")
    relay.up("--scale", "worker=1", "--no-recreate")


def test_two_receivers_listen_beside_each_other_on_a_range_of_ports(relay: Relay) -> None:
    with relay.variables(RECEIVER_PORTS="8025-8026"):
        relay.up("--scale", "receiver=2")
        assert [relay.get(port, "/healthz") for port in (8025, 8026)] == [200, 200]
        relay.until(relay.send("13900001602"), "delivered")
        relay.up("--scale", "receiver=1")  # the second one goes; with another range it might be the first
    relay.up()


def test_an_app_of_another_project_sends_through_the_api(relay: Relay) -> None:
    key = relay.ask("api", "smsrelay", "key", "create", "shop", "--name", "website").stdout.split()[-1]
    body = json.dumps({"to": "13900001604", "template": "0000000", "params": ["1234"], "lane": "otp", "reference": "login-1"})
    code = (
        "import http.client as h, sys; c = h.HTTPConnection(sys.argv[1], 8080, timeout=10);"
        " c.request('POST', '/v1/messages', sys.argv[3], {'authorization': 'Bearer ' + sys.argv[2],"
        " 'content-type': 'application/json'}); print(c.getresponse().read().decode())"
    )
    container = ("run", "--rm", "--network", "smsrelay_apps", "smsrelay", "python", "-c", code)
    answered = json.loads(relay.engine.docker(*container, "smsrelay-api", key, body).stdout)
    relay.until(answered["id"], "delivered")
    host = relay.engine.namespaces.run(sys.executable, "-c", code, "127.0.0.1", key, body.replace("login-1", "login-2"))
    relay.until(json.loads(host.stdout)["id"], "delivered")


def test_an_app_of_another_project_sends_with_the_library(relay: Relay) -> None:
    url = f"redis://:{relay.settings['REDIS_PASSWORD']}@smsrelay-redis:6379/0"
    given = {
        "SMSRELAY_STORE_URL": url,
        "SMSRELAY_BROKER_URL": url,
        "SMSRELAY_NUMBER_KEYS": relay.settings["SMSRELAY_NUMBER_KEYS"],
    }
    variables = [word for name, value in given.items() for word in ("--env", f"{name}={value}")]
    app = ("run", "--rm", "--network", "smsrelay_store", *variables, "smsrelay", "python", "-c", _APP)
    relay.until(relay.engine.docker(*app).stdout.strip(), "delivered")
