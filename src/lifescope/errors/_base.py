"""LifescopeError, from which every other one derives."""

import pickle
from typing import Any, ClassVar, Self, TypeVar

from lifescope import _text

__all__ = ["LifescopeError"]

_E = TypeVar("_E", bound="LifescopeError")


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

    _kept: _text.Report | None = None  # in place of attributes that could not be pickled

    def __init_subclass__(cls, *, code: str = "") -> None:
        cls.code = code
        if cls.__module__.startswith("lifescope.errors."):
            cls.__module__ = "lifescope.errors"  # where people import it from

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, list):
                setattr(self, name, tuple(value))  # pyright: ignore[reportUnknownArgumentType]

    def __copy__(self) -> Self:
        """Errors are made with keyword arguments, which copy and pickle do not know of."""
        return _restore(type(self), self.args, dict(vars(self)))

    def __deepcopy__(self, memo: object) -> Self:
        """Like `copy`: what it holds is not going to change."""
        return self.__copy__()

    def __reduce__(self) -> tuple[Any, ...]:
        """Attributes that cannot be pickled, such as local classes, become None; the text stays."""
        state = {n: value if _is_picklable(value) else None for n, value in vars(self).items()}
        return _restore, (type(self), self.args, {**state, "_kept": self._told()})

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
            return _text.brief(self._told(), self.code, style)
        more = style.paint("faint", f"  More: lifescope explain {self.code}") if self.code else ""
        return _text.join(_text.write(self._told(), self.code, style), more)

    def as_data(self) -> dict[str, Any]:
        """The same for programs, as JSON takes it.

        `code`, `error` (the name of the class), `title`, `chain` (each step with `name`, `scope`,
        `place` and `parameter`), `at` (what is said of the last parameter), `lists` (title and
        items) and `fixes`.
        """
        report = self._told()
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

    def _told(self) -> _text.Report:
        return self._kept or self._report()

    def _report(self) -> _text.Report:
        return _text.Report(" ".join(map(str, self.args)))


LifescopeError.__module__ = "lifescope.errors"


def _is_picklable(value: object) -> bool:
    try:
        pickle.dumps(value)
    except Exception:
        return False
    return True


def _restore(cls: type[_E], args: tuple[Any, ...], state: dict[str, Any]) -> _E:
    error = cls.__new__(cls, *args)
    vars(error).update(state)
    return error
