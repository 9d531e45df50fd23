"""Reads files that are installed beside a module: Lua scripts and tables."""

from importlib.resources import files


def text_beside(module: str, name: str) -> str:
    """The text of the file ``name`` in the folder of ``module``, a module's ``__name__``."""
    return files(module.rpartition(".")[0]).joinpath(name).read_text(encoding="utf-8")
