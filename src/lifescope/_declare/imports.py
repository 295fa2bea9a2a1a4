"""Where a name comes from: looked up in sources, when something is wrong already."""

import re
from typing import NamedTuple

from lifescope._declare.annotations import Unreadable, Where, annotated_function
from lifescope._model.names import Place

__all__ = ["Origin", "import_of", "origin_of"]


class Origin(NamedTuple):
    """What is known of a name that does not exist at run time.

    Attributes:
        name: The name.
        imported_at: Where it is imported for type checkers only, if it is.
        near: One that exists, and is spelled like it.
    """

    name: str
    imported_at: Place | None
    near: str | None


def origin_of(unreadable: Unreadable, where: Where) -> Origin | None:
    """What is known of the name for which an annotation cannot be read; None if it is no name."""
    found = re.match(r"name '(\w+)' is not defined", unreadable.reason)
    if found is None:
        return None
    import difflib

    name = found[1]
    there = {n for names in where.namespaces() for n, v in names.items() if isinstance(v, type)}
    near = difflib.get_close_matches(name, sorted(there | set(where.locals())), 1, 0.75)
    code = getattr(annotated_function(where.target), "__code__", None)
    file = getattr(code, "co_filename", "")
    return Origin(name, import_of(name, file), next(iter(near), None))


def import_of(name: str, file: str) -> Place | None:
    """The line that imports *name* into the module in *file*, wherever it stands there."""
    import ast
    import linecache

    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):
        return None
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return Place(file, alias.lineno)
    return None
