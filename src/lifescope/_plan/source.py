"""SourceBuilder: lines, indentation, names, and a place in `linecache` for tracebacks."""

import builtins
import itertools
import linecache
import weakref
from collections.abc import Callable, Generator, Iterable
from contextlib import contextmanager
from typing import Any

__all__ = ["SourceBuilder"]

_numbers = itertools.count(1)
_INDENT = "    "


class SourceBuilder:
    """Collects the text of one function; values enter through the namespace, never as text."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.namespace: dict[str, Any] = {}
        self._depth = 0
        self._bound: dict[tuple[int | None, int | None], str] = {}
        self._last: dict[str, int] = {}
        self._reserved: set[str] = set(dir(builtins))

    @property
    def next_line(self) -> int:
        """The number, from 1, of the line that is written next."""
        return len(self.lines) + 1

    def reserve(self, names: Iterable[str]) -> None:
        """Names that `bind` leaves free: local variables of the function hide global ones."""
        self._reserved.update(names)

    def line(self, text: str) -> None:
        """Add one line at the current indentation."""
        self.lines.append(_INDENT * self._depth + text)

    @contextmanager
    def block(self, header: str) -> Generator[None]:
        """Add `header:` and indent what follows in the `with` block."""
        self.line(f"{header}:")
        self._depth += 1
        try:
            yield
        finally:
            self._depth -= 1

    def bind(self, name: str, value: Any, of: object = None) -> str:
        """The name under which the function sees *value*: *name*, or that with a number.

        The same value has the same name; with *of*, what belongs to the same thing.
        """
        identity = (id(value), None) if of is None else (None, id(of))
        if identity not in self._bound:
            free = name
            while free in self.namespace or free in self._reserved:
                self._last[name] = self._last.get(name, 1) + 1
                free = f"{name}_{self._last[name]}"
            self.namespace[free] = value
            self._bound[identity] = free
        return self._bound[identity]

    def define(self, name: str, title: str) -> Callable[..., Any]:
        """Compile the text; the function *name* that it defines.

        The file name is unique, so that two containers never show each other's lines, and
        the text leaves `linecache` together with the function.
        """
        filename = f"<lifescope {next(_numbers)}: {title}>"
        text = "\n".join(self.lines) + "\n"
        exec(compile(text, filename, "exec"), self.namespace)
        function: Callable[..., Any] = self.namespace.pop(name)
        # An entry without a modification time is one that linecache.checkcache leaves alone.
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        weakref.finalize(function, linecache.cache.pop, filename, None)
        return function
