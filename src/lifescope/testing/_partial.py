"""Partial fakes: what a test does not give them, they do not have, and say so."""

import difflib
import inspect
import sys
from collections.abc import Callable, Iterator
from functools import wraps
from types import CodeType, FunctionType
from typing import Any, TypeVar, cast, get_origin

from typing_extensions import Format, TypeForm, get_annotations

from lifescope._model.names import Place, spell, spell_callable
from lifescope.errors import MissingMemberError, UnknownMemberError, WrongMemberError

__all__ = ["partial"]

T = TypeVar("T")

_NOT_FAKED = frozenset(
    {
        "__abstractmethods__",
        "__class_getitem__",
        "__del__",
        "__getattr__",
        "__set_name__",
        *dir(object),
        *dir(FunctionType),
    }
) - {"__call__", "__get__"}
"""What Python asks objects and classes for by itself, without that anybody has written it."""


def partial(cls: TypeForm[T], /, **members: Any) -> T:
    """A fake of *cls* that has these members, and no others: `partial(Mailer, send=sent.append)`.

    It passes for an instance of *cls*, a class or a protocol. Whoever asks it for another member
    of *cls* gets an error that says which one, and where the fake was made.

    Args:
        cls: What it stands for. Nothing of it is called, or inherited.
        members: Name to value. What stands for a method is a function without `self`, and has to
            take what the method takes; for an `async def` method it may be async or not.

    Raises:
        UnknownMemberError: *cls* has no such member.
        WrongMemberError: What is given for a method cannot be called as the method is.
    """
    origin: Any = get_origin(cls) or cls
    frame = sys._getframe(1)
    made_at = Place(frame.f_code.co_filename, frame.f_lineno)
    known = _Known(origin)
    for name in members:
        known.check(name)
    given = {name: known.fitting(name, value) for name, value in members.items()}
    return cast("T", _fake_class(known, given, made_at)())


class _Known:
    """The members of a class."""

    def __init__(self, cls: Any) -> None:
        self.cls = cls
        self.name = spell(cls)
        # What methods merely mention may be an attribute that only instances have.
        self._mentioned = {name for code in _codes(cls) for name in code.co_names}
        self.names = {*dir(cls), *_annotated(cls)} - _NOT_FAKED
        self._takes_any = hasattr(cls, "__getattr__")

    def has(self, name: str) -> bool:
        """Whether instances may have a member of that name."""
        if _is_special(name):
            return name in self.names or hasattr(object, name)
        return name in self.names or name in self._mentioned

    def check(self, name: str) -> None:
        """Refuse a member that they do not have."""
        if not self.has(name) and not self._takes_any:
            public = [each for each in self.names if not each.startswith("_")]
            close = difflib.get_close_matches(name, public)
            raise UnknownMemberError(member=f"{self.name}.{name}", close=close)

    def fitting(self, name: str, value: Any) -> Any:
        """*value*, if it can stand for the member; awaitable where that is a coroutine function."""
        member = inspect.getattr_static(self.cls, name, None)
        function: Any = getattr(member, "__func__", member)
        if not isinstance(function, FunctionType):
            return value
        signature = inspect.signature(function)
        if not isinstance(member, staticmethod):
            first, *rest = signature.parameters.values()
            signature = signature.replace(parameters=rest if first.kind < _VAR else [first, *rest])
        if not callable(value) or not _takes(value, signature):
            parameters = ", ".join(map(str, signature.parameters))
            of_type = f"an object of type {type(value).__qualname__}"
            given = spell_callable(value) if callable(value) else of_type
            raise WrongMemberError(member=f"{self.name}.{name}({parameters})", given=given)
        if inspect.iscoroutinefunction(function) and not inspect.iscoroutinefunction(value):
            return _awaitable(value)
        return value


_TYPING = ("typing", "typing_extensions")

_VAR = inspect.Parameter.VAR_POSITIONAL


def _annotated(cls: type) -> Iterator[str]:
    for each in cls.__mro__:
        yield from get_annotations(each, format=Format.FORWARDREF)


def _codes(cls: type) -> Iterator[CodeType]:
    for each in cls.__mro__:
        for member in vars(each).values():
            function: Any = getattr(member, "__func__", getattr(member, "fget", member))
            if isinstance(function, FunctionType):
                yield function.__code__


def _takes(function: Callable[..., Any], signature: inspect.Signature) -> bool:
    """Whether *function* can be called with what *signature* requires, in one way or the other."""
    try:
        own = inspect.signature(function)
    except (TypeError, ValueError):  # a built-in one that does not tell
        return True
    required = [p for p in signature.parameters.values() if p.default is p.empty and p.kind != _VAR]
    required = [p for p in required if p.kind != p.VAR_KEYWORD]
    by_position = [p for p in required if p.kind != p.KEYWORD_ONLY]
    by_name = {p.name: p for p in required if p.kind != p.POSITIONAL_ONLY}
    always = {p.name: p for p in required if p.kind == p.KEYWORD_ONLY}
    only = [p for p in required if p.kind == p.POSITIONAL_ONLY]
    return _binds(own, by_position, always) or _binds(own, only, by_name)


def _binds(signature: inspect.Signature, args: Any, kwargs: Any) -> bool:
    try:
        signature.bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _awaitable(function: Callable[..., Any]) -> Callable[..., Any]:
    async def awaited(*args: Any, **kwargs: Any) -> Any:
        result = function(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result

    try:
        return wraps(function)(awaited)
    except (AttributeError, TypeError):
        return awaited


def _fake_class(known: _Known, given: dict[str, Any], made_at: Place) -> type:
    """A class of its own for each fake: Python looks for special methods in the class."""

    def missing(name: str) -> MissingMemberError:
        return MissingMemberError(member=f"{known.name}.{name}", made_at=made_at)

    def special(name: str) -> Any:
        if name in given:
            return staticmethod(given[name]) if callable(given[name]) else given[name]

        def method(*args: Any, **kwargs: Any) -> Any:
            raise missing(name)

        return method

    class Fake:
        @property
        def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
            return known.cls

        @__class__.setter
        def __class__(self, value: Any) -> None:
            raise TypeError("a fake stays one of its class")

        def __init__(self) -> None:
            self.__dict__.update(given)

        def __getattr__(self, name: str) -> Any:
            # Before Python 3.12, isinstance with a protocol asks by hasattr.
            is_asked_by_users = sys._getframe(1).f_globals.get("__name__") not in _TYPING
            if known.has(name) and not _is_special(name) and is_asked_by_users:
                raise missing(name)
            raise AttributeError(f"{known.name} has no attribute {name}, and so its fake has none")

        def __dir__(self) -> list[str]:
            return sorted(given)

        def __repr__(self) -> str:
            return f"<fake {known.name}, made at {made_at}>"

    for name in filter(_is_special, {*known.names, *given}):
        if name in given or callable(getattr(known.cls, name, None)):
            setattr(Fake, name, special(name))
    Fake.__name__ = Fake.__qualname__ = f"fake {known.name}"
    return Fake


def _is_special(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")
