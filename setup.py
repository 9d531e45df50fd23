"""The one thing pyproject.toml cannot say: the long description, which is README.md with links that work outside the repository.

Relative links become links into the repository that ``[project.urls]`` names as Source, at the tag of this version. Without
a Source they become text that names the file, which the sdist holds.
"""

import re
import tomllib
from pathlib import Path

from setuptools import setup

_LINK = re.compile(r"(?P<image>!?)\[(?P<text>(?:!\[[^\]]*\]\([^)]*\)|[^\]])*)\]\((?P<target>[^)\s]+)\)")
_ABSOLUTE = re.compile(r"[a-z]+:")
_UNRELEASED = re.compile(
    r"<!-- unreleased -->.*?<!-- /unreleased -->\n\n", re.DOTALL
)  # true of a clone, not of what is published


def long_description(readme: str, source: str | None, version: str) -> str:
    """The README as an index of packages shows it. ``source``: URL of the repository."""

    def elsewhere(link: re.Match[str]) -> str:
        text, target = link["text"], link["target"]
        if _ABSOLUTE.match(target):
            return link[0]
        if source is not None:
            kind, path = "raw" if link["image"] else "blob", f"README.md{target}" if target.startswith("#") else target
            return f"{link['image']}[{text}]({source}/{kind}/v{version}/{path})"
        path = target.partition("#")[0]
        return text if not path or path in text or link["image"] else f"{text} (`{path}`)"

    return _LINK.sub(elsewhere, _UNRELEASED.sub("", readme))


if __name__ == "__main__":
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    setup(
        long_description=long_description(
            Path("README.md").read_text(encoding="utf-8"), project.get("urls", {}).get("Source"), project["version"]
        ),
        long_description_content_type="text/markdown",
    )
