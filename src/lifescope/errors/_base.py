"""LifescopeError, from which every other one derives."""

from typing import Any, ClassVar

from lifescope import _text

__all__ = ["LifescopeError"]


class LifescopeError(Exception):
    """Base of every error that lifescope raises itself.

    An exception of your own providers and endpoints always comes through as itself.

    Attributes:
        code: "LS101" and so on: the same for ever, one for each class that is raised.
            `lifescope explain LS101` prints the page about it.
    """

    # The subclasses are dataclasses: what happened is in the attributes, and the text is
    # made from them. Sequences are kept as tuples.

    code: ClassVar[str] = ""

    def __init_subclass__(cls, *, code: str = "") -> None:
        cls.code = code
        if cls.__module__.startswith("lifescope.errors."):
            cls.__module__ = "lifescope.errors"  # where people import it from

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, list):
                setattr(self, name, tuple(value))  # pyright: ignore[reportUnknownArgumentType]

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors are made with keyword arguments, which copy and pickle do not know of."""
        return _restore, (type(self), self.args, dict(vars(self)))

    def __str__(self) -> str:
        return self.describe()

    def describe(self, *, colour: bool = False, brief: bool = False) -> str:
        """The text: what is wrong, who asked, what is close to it, and what to do.

        It has at most 80 columns, unless names or paths are longer, and never a value.

        Args:
            colour: Painted with ANSI escape sequences, for a terminal.
            brief: Only what is wrong, and where.
        """
        style = _text.COLOUR if colour else _text.PLAIN
        if brief:
            return _text.brief(self._report(), self.code, style)
        more = style.paint("faint", f"  More: lifescope explain {self.code}") if self.code else ""
        return _text.join(_text.write(self._report(), self.code, style), more)

    def as_data(self) -> dict[str, Any]:
        """The same for programs, as JSON takes it.

        `code`, `error` (the name of the class), `title`, `chain` (each step with `name`, `scope`,
        `place` and `parameter`), `at` (what is said of the last parameter), `lists` (title and
        items) and `fixes`.
        """
        report = self._report()
        return {
            "code": self.code,
            "error": type(self).__name__,
            "title": report.title,
            "chain": [
                {
                    "name": link.name,
                    "scope": link.scope or None,
                    "place": str(link.place) if link.place else None,
                    "parameter": link.parameter or None,
                }
                for link in report.chain
            ],
            "at": report.caret or None,
            "lists": [{"title": title, "items": list(items)} for title, items in report.lists],
            "fixes": list(report.fixes),
        }

    def _report(self) -> _text.Report:
        return _text.Report(" ".join(map(str, self.args)))


LifescopeError.__module__ = "lifescope.errors"


def _restore(cls: type[LifescopeError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = cls.__new__(cls, *args)
    vars(error).update(state)
    return error
