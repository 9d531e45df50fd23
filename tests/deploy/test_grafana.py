"""deploy/grafana as files: a board that any Grafana with a Prometheus can import, and what Compose provisions.

``tests/acceptance/night`` runs its queries; no Grafana can be had here to draw them.
"""

from itertools import combinations
from typing import Any

import yaml

from tests.support.grafana_board import board
from tests.support.pages import ROOT

PROVISIONING = ROOT / "deploy/grafana/provisioning"
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
CORE_PANELS = {"row", "stat", "state-timeline", "table", "timeseries"}
COLUMNS = 24


def panels() -> list[dict[str, Any]]:
    return list(board()["panels"])


def test_the_board_asks_for_no_plugin_and_for_no_datasource_of_ours() -> None:
    assert {panel["type"] for panel in panels()} == CORE_PANELS
    assert "__inputs" not in board()
    [chosen] = [one for one in board()["templating"]["list"] if one["type"] == "datasource"]
    assert (chosen["name"], chosen["query"]) == ("datasource", "prometheus")
    for panel in panels():
        asked = [panel, *panel["targets"]] if panel["type"] != "row" else []
        assert all(one["datasource"] == DATASOURCE for one in asked), panel["title"]


def test_each_panel_has_an_id_and_a_place_of_its_own() -> None:
    assert len({panel["id"] for panel in panels()}) == len(panels())
    assert len({panel["title"] for panel in panels()}) == len(panels())
    for panel in panels():
        place = panel["gridPos"]
        assert 0 <= place["x"] < place["x"] + place["w"] <= COLUMNS, panel["title"]
    assert [(one["title"], other["title"]) for one, other in combinations(panels(), 2) if _overlap(one, other)] == []


def test_each_query_is_named_once_in_its_panel_and_may_be_narrowed_to_one_relay() -> None:
    for panel in panels():
        targets = panel.get("targets", [])
        assert len({target["refId"] for target in targets}) == len(targets)
        for target in targets:
            assert target["expr"].count("smsrelay_") == target["expr"].count('job=~"$job", instance=~"$instance"'), target["expr"]


def test_compose_provisions_the_board_and_the_prometheus_that_it_starts() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    [provider] = yaml.safe_load((PROVISIONING / "dashboards/smsrelay.yml").read_text("utf-8"))["providers"]
    [source] = yaml.safe_load((PROVISIONING / "datasources/prometheus.yml").read_text("utf-8"))["datasources"]
    mounted = dict(volume.split(":")[:2] for volume in compose["grafana"]["volumes"])
    assert mounted["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    assert mounted["./deploy/grafana/smsrelay.json"] == f"{provider['options']['path']}/smsrelay.json"
    assert source["url"] == "http://prometheus:9090"
    assert compose["prometheus"]["volumes"][0] == "./deploy/prometheus:/etc/prometheus:ro"
    assert set(compose["grafana"]["networks"]) & set(compose["prometheus"]["networks"])
    assert set(compose["prometheus"]["networks"]) & set(compose["metrics"]["networks"])


def test_what_watches_is_published_on_this_host_only_and_holds_no_key() -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]
    watching = {name: spec for name, spec in compose.items() if spec.get("profiles") == ["monitoring"]}
    assert set(watching) == {"metrics", "prometheus", "grafana"}
    assert all(port.startswith("127.0.0.1:") for spec in watching.values() for port in spec.get("ports", []))
    given = watching["metrics"]["environment"]
    kept = {"SMSRELAY_APPCODE", "SMSRELAY_NUMBER_KEYS", "SMSRELAY_CALLBACK_KEYS", "SMSRELAY_PAYLOAD_KEYS", "SMSRELAY_FLOWER_AUTH"}
    assert {given[name] for name in kept} == {""}
    assert "store" not in watching["prometheus"]["networks"] + watching["grafana"]["networks"]


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    a, b = one["gridPos"], other["gridPos"]
    beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
    return not (beside or a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"])
