"""The apps file: what it says, and that everything wrong with it is named at once without a value."""

import base64
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from smsrelay.contract.state import State
from smsrelay.settings import SettingsError
from smsrelay_worker.apps.model import DEFAULT_EVENTS, App, Apps, CelerySink, Quota, WebhookSink
from smsrelay_worker.apps.toml_file import AppsError, load_apps, parse_apps

KEY, OLD = bytes(range(32)), bytes(range(24))
SECRET, OLD_SECRET = (f"whsec_{base64.b64encode(key).decode()}" for key in (KEY, OLD))
WEBHOOK = f'[shop.webhook]\nurl = "https://shop.example/sms"\nsecrets = ["{SECRET}"]\n'
CELERY = '[shop.celery]\nqueue = "shop.sms"\ntask = "shop.tasks.sms_outcome"\n'


def problems(source: str) -> tuple[str, ...]:
    with pytest.raises(AppsError) as caught:
        parse_apps(source, "apps.toml")
    return caught.value.problems


def webhook(**lines: str) -> str:
    fields = {"url": '"https://shop.example/sms"', "secrets": f'["{SECRET}"]'} | lines
    return "[shop.webhook]\n" + "".join(f"{name} = {value}\n" for name, value in fields.items())


def celery(**lines: str) -> str:
    fields = {"queue": '"shop.sms"', "task": '"shop.tasks.outcome"'} | lines
    return "[shop.celery]\n" + "".join(f"{name} = {value}\n" for name, value in fields.items())


def test_a_whole_file_is_read() -> None:
    source = f"""
        [shop]
        quota = {{ minute = 600, day = 50_000 }}
        [shop.webhook]
        url = "https://shop.example/sms"
        secrets = ["{SECRET}", "{OLD_SECRET}"]
        events = ["delivered", "submitted"]
        [shop.celery]
        broker = "redis://shop.example/1"
        queue = "shop.sms"
        task = "shop.tasks.sms_outcome"
        events = ["failed"]
        [default]
    """
    webhook_sink = WebhookSink("https://shop.example/sms", (KEY, OLD), frozenset({State.DELIVERED, State.SUBMITTED}))
    celery_sink = CelerySink("shop.sms", "shop.tasks.sms_outcome", "redis://shop.example/1", frozenset({State.FAILED}))
    assert dict(parse_apps(source, "apps.toml")) == {
        "shop": App("shop", Quota(600, 50_000), webhook_sink, celery_sink),
        "default": App("default"),
    }


def test_a_sink_hears_by_default_how_a_message_ends() -> None:
    app = parse_apps(WEBHOOK, "apps.toml")["shop"]
    assert app.webhook is not None
    assert app.webhook.events == DEFAULT_EVENTS == {state for state in State if state.final}
    assert app.quota == Quota(None, None)


def test_each_state_leads_to_the_sink_that_wants_it() -> None:
    apps = parse_apps(webhook(events='["delivered"]') + celery(events='["failed", "retrying"]'), "apps.toml")
    assert [apps.outbox("shop", state) for state in (State.DELIVERED, State.FAILED, State.RETRYING, State.EXPIRED)] == [
        "shop.webhook",
        "shop.celery",
        "shop.celery",
        None,
    ]
    assert apps.outbox("other", State.DELIVERED) is None


def test_without_a_file_there_are_no_apps() -> None:
    assert dict(load_apps(None)) == {}
    assert Apps({}).outbox("shop", State.FAILED) is None


def test_a_file_is_loaded_from_its_path(tmp_path: Path) -> None:
    file = tmp_path / "apps.toml"
    file.write_text(WEBHOOK, "utf-8")
    assert list(load_apps(file)) == ["shop"]


def test_every_problem_is_named_with_app_and_field_at_once() -> None:
    source = """
        [shop]
        quota = { minute = 0, hour = 5 }
        [shop.webhook]
        url = "http://shop.example/sms"
        secrets = []
        events = ["arrived"]
        [crm.celery]
        queue = "sms.otp"
        [erp]
        retries = 5
    """
    found = problems(source)
    assert [problem.partition(":")[0] for problem in found] == [
        "shop.quota.minute",
        "shop.quota.hour",
        "shop.webhook.url",
        "shop.webhook.secrets",
        "shop.webhook.events[0]",
        "crm.celery.queue",
        "crm.celery.task",
        "erp.retries",
    ]


def test_the_text_of_the_error_names_the_file_and_each_problem() -> None:
    with pytest.raises(SettingsError) as caught:
        parse_apps("[shop.webhook]\nurl = 5\n", "apps.toml")
    assert str(caught.value).splitlines() == [
        "apps.toml is invalid, 2 problems:",
        "  shop.webhook.url: Input should be a valid string",
        "  shop.webhook.secrets: is missing",
    ]


@pytest.mark.parametrize(
    "secret",
    [
        base64.b64encode(KEY).decode(),
        "whsec_",
        "whsec_" + base64.b64encode(bytes(23)).decode(),
        "whsec_" + base64.b64encode(bytes(65)).decode(),
        "whsec_" + base64.b64encode(KEY).decode()[:-1],
        "whsec_" + base64.urlsafe_b64encode(b"\xff" * 32).decode(),
        "whsec_ümlaut",
    ],
)
def test_a_secret_that_is_none_is_refused_and_not_quoted(secret: str) -> None:
    [problem] = problems(webhook(secrets=f'["{secret}"]'))
    assert problem == "shop.webhook.secrets[0]: must be whsec_ followed by 24 to 64 random bytes in base64"


@pytest.mark.parametrize("length", [24, 32, 64])
def test_a_secret_of_an_allowed_length_becomes_its_bytes(length: int) -> None:
    key = os.urandom(length)
    sink = parse_apps(webhook(secrets=f'["whsec_{base64.b64encode(key).decode()}"]'), "apps.toml")["shop"].webhook
    assert sink is not None
    assert sink.secrets == (key,)


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example/sms",
        "ftp://shop.example/sms",
        "shop.example/sms",
        "https://",
        "https://user:password@shop.example/",
        "https://shop.example:99999/",
        "https://shop.example/#part",
        "https://shop.example/a b",
        "https://bücher.example/",
        "https://127.0.0.1/sms",
        "https://10.1.2.3/sms",
        "https://[::1]/sms",
        "https://[fd00::1]/sms",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/sms",
        "https://shop..example/sms",
        f"https://{'a' * 64}.example/sms",
    ],
)
def test_a_url_is_https_and_leads_outside(url: str) -> None:
    [problem] = problems(webhook(url=f'"{url}"'))
    assert problem.startswith("shop.webhook.url: ")
    assert url not in problem


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8000/sms", "http://10.1.2.3/sms", "http://shop:8080/sms", "http://localhost/", "https://10.1.2.3/"]
)
def test_a_private_url_may_be_inside_and_plain(url: str) -> None:
    app = parse_apps(webhook(url=f'"{url}"', private="true"), "apps.toml")["shop"]
    assert app.webhook is not None
    assert (app.webhook.url, app.webhook.private) == (url, True)


def test_plain_http_to_a_public_address_is_refused_also_when_private() -> None:
    assert problems(webhook(url='"http://8.8.8.8/sms"', private="true")) == (
        "shop.webhook.url: must begin with https://: the address is a public one",
    )


def test_the_same_event_for_both_sinks_is_refused() -> None:
    assert problems(webhook(events='["failed", "delivered"]') + celery(events='["failed"]')) == (
        "shop: failed would be told to both webhook and celery; name each event in the events of one of them",
    )
    assert len(problems(WEBHOOK + CELERY)) == 1


@pytest.mark.parametrize("queue", ["", "a b", "sms.otp", "sms.outcome", "{sms}:agenda", "unacked", "_kombu.binding.x", "x" * 101])
def test_a_queue_of_the_relay_or_of_no_broker_is_refused(queue: str) -> None:
    [problem] = problems(celery(queue=f'"{queue}"'))
    assert problem.startswith("shop.celery.queue: ")


@pytest.mark.parametrize("task", ["", "a b", "x" * 201, "tasks/outcome"])
def test_a_task_has_a_name_of_the_usual_characters(task: str) -> None:
    [problem] = problems(celery(task=f'"{task}"'))
    assert problem.startswith("shop.celery.task: ")


def test_a_broker_is_one_that_we_can_publish_to() -> None:
    [problem] = problems(celery(broker='"sqs://user:password@x"'))
    assert problem.startswith("shop.celery.broker: must begin with one of redis://")
    assert "password" not in problem


@pytest.mark.parametrize("name", ['"a b"', '""', '"ä"', f'"{"x" * 65}"'])
def test_an_app_has_a_name_that_a_job_can_carry(name: str) -> None:
    assert problems(f"[{name}]\n") == ("app 1: its name must be 1 to 64 of A-Z a-z 0-9 _ . -",)


@pytest.mark.parametrize("source", ["shop = 5", "shop = []", '[[shop]]\nurl = "x"'])
def test_an_app_is_a_table(source: str) -> None:
    assert problems(source) == ("shop: must be a table",)


def test_a_file_that_is_not_toml_is_refused(tmp_path: Path) -> None:
    assert problems("[shop")[0].startswith("not TOML: ")
    file = tmp_path / "apps.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(AppsError, match="not UTF-8"):
        load_apps(file)
    with pytest.raises(AppsError, match="cannot be read: No such file"):
        load_apps(tmp_path / "nothing.toml")


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000])
def test_a_value_that_the_parser_itself_gives_up_on_is_refused_in_words(value: str) -> None:
    [problem] = problems(f"[shop]\nquota = {value}")
    assert problem == "not TOML that can be read: a number is too long, or its tables are nested too deeply"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ('["hidden\'s"]\n["hidden\'s"]', "Cannot declare a name twice (at line 2"),
        ("[shop.hidden]\n[shop.hidden]", "Cannot declare a name twice (at line 2"),
        ("[shop]\nwebhook = { hidden = 1, hidden = 2 }", "Duplicate inline table key a name (at line 2"),
        ("[shop]\nhidden = {}\nhidden.url = 1", "Cannot mutate immutable namespace a name (at"),
        ("[shop]\nhidden", "Expected '=' after a key in a key/value pair (at"),
        ("[shop]\nurl = hidden", "Invalid value (at line 2"),
    ],
)
def test_what_is_not_toml_is_said_without_what_stands_there(source: str, says: str) -> None:
    [problem] = problems(source)
    assert problem.startswith(f"not TOML: {says}")
    assert "hidden" not in problem


@pytest.mark.parametrize("table", [webhook, celery])
@pytest.mark.parametrize("field", ["url", "secrets", "events", "queue", "broker", "private", "retries", f"whsec_{'A' * 32}"])
def test_no_error_shows_a_secret_wherever_it_stands(table: Callable[..., str], field: str) -> None:
    for value in (f'"whsec_hidden/{"A" * 40}"', f'["whsec_hidden/{"A" * 40}"]', f'"https://user:hidden@{"A" * 40}"'):
        found = " ".join(problems(table(**{field: value})))
        assert "hidden" not in found
        assert "whsec_A" not in found


def test_a_repr_shows_neither_url_nor_secret_nor_broker() -> None:
    shown = repr(
        parse_apps(WEBHOOK + celery(events='["retrying"]', broker='"redis://user:password@shop/0"'), "apps.toml")["shop"]
    )
    assert "shop.example" not in shown
    assert repr(KEY) not in shown
    assert "password" not in shown


def test_a_sink_may_name_its_own_retries() -> None:
    shop = parse_apps(
        webhook(retries_s="[0.5, 5, 300]", events='["delivered"]') + celery(retries_s="[1]", events='["failed"]'), "f"
    )
    assert shop["shop"].webhook is not None
    assert shop["shop"].celery is not None
    assert shop["shop"].webhook.retries == (0.5, 5.0, 300.0)
    assert shop["shop"].celery.retries == (1.0,)


@pytest.mark.parametrize("retries", ["[]", "[0]", "[-1]", "[100_000]", '["5"]', "5", f"{[1] * 21}"])
def test_retries_that_are_none_or_no_delays_are_refused(retries: str) -> None:
    [problem] = problems(webhook(retries_s=retries))
    assert problem.startswith("shop.webhook.retries_s")
