"""Files that lie beside a module and are installed with it: Lua scripts and tables."""

from importlib.resources import files


def text_beside(module: str, name: str) -> str:
    """The text of the file ``name`` in the folder of ``module``, which is given by its ``__name__``."""
    return files(module.rpartition(".")[0]).joinpath(name).read_text(encoding="utf-8")
