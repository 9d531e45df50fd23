"""deploy/kubernetes: built by kubectl, valid by Kubernetes' own schemas, and in itself and with the product of one mind."""

from typing import Any

import click
import kubernetes_validate
import pytest

from smsrelay_worker.cli.group import smsrelay
from smsrelay_worker.settings import WorkerSettings
from tests.support.manifests import FOLDER, Workload, built, objects, of_kind, workloads

OLDEST, NEWEST = "1.28", "1.37"
PARTS = ("api", "console", "flower", "receiver", "worker")
SECRET_OF = {
    "worker": {"STORE_URL", "BROKER_URL", "NUMBER_KEYS", "PAYLOAD_KEYS", "CALLBACK_KEYS", "APPCODE", "APP_KEY", "APP_SECRET"},
    "receiver": {"STORE_URL", "BROKER_URL", "CALLBACK_KEYS"},
    "api": {"STORE_URL", "BROKER_URL", "NUMBER_KEYS", "PAYLOAD_KEYS"},
    "console": {"STORE_URL", "BROKER_URL", "NUMBER_KEYS", "PAYLOAD_KEYS", "CONSOLE_AUTH"},
    "flower": {"BROKER_URL", "FLOWER_AUTH"},
}


@pytest.fixture(scope="module")
def found() -> list[dict[str, Any]]:
    return built()


@pytest.fixture(scope="module")
def parts(found: list[dict[str, Any]]) -> dict[str, Workload]:
    return workloads(found)


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
def test_kubernetes_own_schemas_know_every_field(found: list[dict[str, Any]], version: str) -> None:
    for one in [*found, *objects(FOLDER / "secret.example.yaml")]:
        kubernetes_validate.validate(one, version, strict=True)


def test_every_file_is_built_but_the_secrets_example(found: list[dict[str, Any]]) -> None:
    files = {path.name: objects(path) for path in FOLDER.glob("*.yaml")}
    named = {(one["kind"], one["metadata"]["name"]) for name in files.keys() - _NOT_BUILT for one in files[name]}
    assert {(one["kind"], one["metadata"]["name"]) for one in found} == named
    assert {one["metadata"]["namespace"] for one in found if one["kind"] != "Namespace"} == {"smsrelay"}


_NOT_BUILT = {"kustomization.yaml", "secret.example.yaml"}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_runs_the_image_and_a_command_that_exists(parts: dict[str, Workload], part: str) -> None:
    container = parts[part].container
    assert container["image"].startswith("registry.example.com/smsrelay:")
    program, name, *options = container["command"]
    assert (program, name) == ("smsrelay", part)
    if options:
        values = dict(zip(options[::2], options[1::2], strict=True))
        assert values == {"--host": "0.0.0.0", "--port": str(parts[part].ports["http"])}
    for probe in parts[part].probes.values():
        if "exec" in probe:
            program, name, *options = probe["exec"]["command"]
            command = smsrelay.get_command(click.Context(smsrelay), name)
            assert program == "smsrelay"
            assert command is not None
            assert set(options) <= {option for parameter in command.params for option in parameter.opts}
        else:
            assert probe["httpGet"]["port"] in parts[part].ports


def test_each_part_is_asked_whether_it_lives_and_whether_it_is_ready(parts: dict[str, Workload]) -> None:
    asked = {name: {kind: _asked(probe) for kind, probe in part.probes.items()} for name, part in parts.items()}
    http = {"startupProbe": "/healthz", "readinessProbe": "/readyz", "livenessProbe": "/healthz"}
    assert asked["receiver"] == asked["api"] == asked["console"] == http
    assert set(asked["flower"].values()) == {"/healthcheck"}
    assert asked["worker"] == {
        "startupProbe": "smsrelay probe",
        "readinessProbe": "smsrelay probe --ready",
        "livenessProbe": "smsrelay probe",
    }


@pytest.mark.parametrize("part", PARTS)
def test_a_part_may_do_little(parts: dict[str, Workload], part: str) -> None:
    pod, container = parts[part].pod, parts[part].container
    context = pod["securityContext"]
    assert (context["runAsNonRoot"], context["runAsUser"], context["fsGroup"]) == (True, 10001, 10001)
    assert context["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False  # they would set variables that look like settings
    assert pod["shareProcessNamespace"]
    assert container["resources"]["requests"].keys() == {"cpu", "memory"}
    assert container["resources"]["limits"].keys() == {"memory"}
    assert {volume["name"] for volume in pod["volumes"]} >= {"tmp"}


@pytest.mark.parametrize("part", PARTS)
def test_a_part_is_given_settings_that_exist_and_the_secrets_that_it_needs(
    parts: dict[str, Workload], found: list[dict[str, Any]], part: str
) -> None:
    known = {name for name, _ in WorkerSettings.documented()}
    assert parts[part].settings <= known
    assert parts[part].secrets.keys() == {f"SMSRELAY_{name}" for name in SECRET_OF[part]}
    for name, reference in parts[part].secrets.items():
        assert reference["name"] == "smsrelay"
        assert reference["key"] == name.removeprefix("SMSRELAY_").lower().replace("_", "-")
    (settings,) = of_kind(found, "ConfigMap").values()
    assert settings["data"].keys() <= known


def test_the_secrets_example_has_every_key_that_a_part_cannot_do_without_and_no_value(parts: dict[str, Workload]) -> None:
    (secret,) = objects(FOLDER / "secret.example.yaml")
    references = [reference for part in parts.values() for reference in part.secrets.values()]
    assert set(secret["stringData"].values()) == {""}
    needed = {reference["key"] for reference in references if not reference.get("optional")}
    assert needed <= secret["stringData"].keys() <= {reference["key"] for reference in references}


def test_a_worker_gets_more_time_to_stop_than_it_ever_takes(parts: dict[str, Workload]) -> None:
    allowed = WorkerSettings(number_keys="n" * 16, callback_keys="c" * 16, appcode="code").stop_within
    assert parts["worker"].pod["terminationGracePeriodSeconds"] >= allowed + 10


def test_what_is_doubled_stays_while_a_node_is_drained_and_is_spread(
    found: list[dict[str, Any]], parts: dict[str, Workload]
) -> None:
    budgets = of_kind(found, "PodDisruptionBudget")
    assert budgets.keys() == {"worker", "receiver", "api"}
    for name, budget in budgets.items():
        assert parts[name].spec["replicas"] > budget["spec"]["minAvailable"]
        spread = [one["labelSelector"]["matchLabels"] for one in parts[name].pod["topologySpreadConstraints"]]
        selected = [parts[name].spec["selector"]["matchLabels"], budget["spec"]["selector"]["matchLabels"], *spread]
        assert selected == [parts[name].labels] * 4


def test_there_is_one_console_for_sessions_live_in_its_memory(parts: dict[str, Workload]) -> None:
    assert (parts["console"].spec["replicas"], parts["console"].spec["strategy"]) == (1, {"type": "Recreate"})


def test_the_receiver_has_a_disk_of_its_own_for_its_spool(parts: dict[str, Workload], found: list[dict[str, Any]]) -> None:
    receiver = parts["receiver"]
    (claim,) = receiver.spec["volumeClaimTemplates"]
    mounts = {mount["name"]: mount["mountPath"] for mount in receiver.container["volumeMounts"]}
    spool = {one["name"]: one.get("value") for one in receiver.container["env"]}["SMSRELAY_SPOOL"]
    assert mounts[claim["metadata"]["name"]] == spool
    assert of_kind(found, "Service")[receiver.spec["serviceName"]]["spec"]["clusterIP"] == "None"


def test_services_and_the_ingress_lead_to_a_port_of_a_part(found: list[dict[str, Any]], parts: dict[str, Workload]) -> None:
    services = of_kind(found, "Service")
    for service in services.values():
        (part,) = [part for part in parts.values() if part.labels == service["spec"]["selector"]]
        (port,) = service["spec"]["ports"]
        assert part.ports[port["targetPort"]] == port["port"]
    (ingress,) = of_kind(found, "Ingress").values()
    (rule,) = ingress["spec"]["rules"]
    (path,) = rule["http"]["paths"]
    target = path["backend"]["service"]
    assert (path["path"], target["name"]) == ("/callback", "receiver")
    assert target["port"]["name"] in {port["name"] for port in services[target["name"]]["spec"]["ports"]}
    (settings,) = of_kind(found, "ConfigMap").values()
    assert settings["data"]["SMSRELAY_CALLBACK_URL"] == f"https://{rule['host']}"


def test_nothing_reaches_a_pod_but_what_a_policy_names(found: list[dict[str, Any]], parts: dict[str, Workload]) -> None:
    policies = of_kind(found, "NetworkPolicy")
    assert policies["nothing"]["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    labels = {name: part.labels for name, part in parts.items()}
    for name in ("worker", "receiver", "api", "console"):
        assert policies[name]["spec"]["podSelector"] == {"matchLabels": labels[name]}
    for name in ("receiver", "api", "console"):
        (rule,) = policies[name]["spec"]["ingress"]
        assert {port["port"] for port in rule["ports"]} <= parts[name].ports.keys()
    outgoing = {name for name, policy in policies.items() if "egress" in policy["spec"]}
    assert outgoing == {"names-and-servers", "worker"}


def _asked(probe: dict[str, Any]) -> str:
    return " ".join(probe["exec"]["command"]) if "exec" in probe else str(probe["httpGet"]["path"])
