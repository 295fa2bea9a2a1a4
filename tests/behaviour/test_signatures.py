"""Parameters are read as `inspect.signature` reads them, whatever is called.

Plain functions and classes are read without it, because it is slow: this compares the two.
"""

import abc
import asyncio
import collections
import enum
import functools
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import KW_ONLY, dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, Self, TypedDict, TypeVar

import pytest

from lifescope._declare.parameters import MISSING, read_parameters

T = TypeVar("T")


class A:
    pass


class B:
    pass


# --- what is plain -----------------------------------------------------------------------------


def nothing():
    pass


def bare(a, b=1, *args, c, d=2, **kwargs):
    pass


def all_kinds(a: A, /, b: B, c: "int" = 1, *args: A, d: B, e: int = 2, **kw: B) -> "list[A]":
    local: int = 3
    raise AssertionError(local)


def only_positional(a: A, b: B = B(), /) -> A:  # noqa: B008
    raise AssertionError


def only_by_name(*, a: A = A(), b: B) -> None:  # noqa: B008
    pass


def after_star(*args: A, b: B) -> None:
    pass


def only_star(*args: A) -> None:
    pass


def only_two_stars(**kwargs: A) -> None:
    pass


def with_ellipsis(a: A = ..., b: B | None = None) -> A | None:  # type: ignore[assignment]
    pass


def generator(a: A) -> Iterator[A]:
    yield a


async def coroutine(a: A) -> A:
    return a


async def async_generator(a: A) -> AsyncIterator[A]:
    yield a


def _closure() -> Callable[..., Any]:
    free = A()

    def inner(a: A, b: object = free) -> A:
        raise AssertionError(free, a, b)

    return inner


def _marked() -> Callable[..., Any]:
    def marked(a: A) -> B:
        raise AssertionError

    marked.anything = 1  # type: ignore[attr-defined]
    return marked


class Plain:
    def __init__(self, a: A, b: B = B()) -> None:  # noqa: B008
        pass

    def method(self, a: A, /, *, b: B) -> A:
        raise AssertionError

    @classmethod
    def of_class(cls, a: A) -> "Plain":
        raise AssertionError

    @staticmethod
    def static(a: A) -> "Plain":
        raise AssertionError

    def __call__(self, b: B) -> A:
        raise AssertionError


class Inheriting(Plain):
    pass


class WithoutSelf:
    def __init__(*args: A, **kwargs: B) -> None:
        pass


class SelfByPosition:
    def __init__(self, a: A, /, *, b: B) -> None:
        pass


class Slotted:
    __slots__ = ("a",)

    def __init__(self, a: A) -> None:
        pass


class Abstract(abc.ABC):
    def __init__(self, a: A) -> None:
        self.a = a

    @abc.abstractmethod
    def missing(self) -> None: ...


class OfType(Generic[T]):
    def __init__(self, a: T) -> None:
        pass


class OfA(OfType[A]):
    pass


@dataclass
class Data:
    a: A
    b: B = field(default_factory=B)
    _: KW_ONLY
    c: int = 3


@dataclass(slots=True)
class MoreData(Data):
    d: int = 4


class AProtocol(Protocol):
    def method(self) -> None: ...


class AProtocolWithInit(Protocol):
    def __init__(self, a: A) -> None: ...


class Documented:
    """Documented(a, b)

    But it takes nothing.
    """


PLAIN = [
    nothing,
    bare,
    all_kinds,
    only_positional,
    only_by_name,
    after_star,
    only_star,
    only_two_stars,
    with_ellipsis,
    generator,
    coroutine,
    async_generator,
    _closure(),
    _marked(),
    lambda a, *, b=1: a,
    A,
    Plain,
    Plain.method,
    Plain.static,
    Inheriting,
    SelfByPosition,
    Slotted,
    Abstract,
    OfType,
    OfA,
    Data,
    MoreData,
    AProtocolWithInit,
    Documented,
]


# --- what is not -------------------------------------------------------------------------------


@functools.wraps(all_kinds)
def wrapping(*args: Any, **kwargs: Any) -> Any:
    pass


def with_signature(*args: Any) -> None:
    pass


with_signature.__signature__ = inspect.signature(all_kinds)  # type: ignore[attr-defined]


class ClassWithSignature:
    __signature__ = inspect.signature(only_by_name)

    def __init__(self, a: A) -> None:
        pass


class InheritingSignature(ClassWithSignature):
    def __init__(self, b: B) -> None:
        pass


class WrappedInit:
    @functools.wraps(Plain.__init__)
    def __init__(self, *args: Any) -> None:
        pass


@functools.wraps(Plain, updated=())
class WrappingClass:
    def __init__(self, b: B) -> None:
        pass


class PartialInit:
    def _init(self, a: A, b: B) -> None:
        pass

    __init__ = functools.partialmethod(_init, b=B())


class WithNew:
    def __new__(cls, a: A) -> Self:
        raise AssertionError


class WithNewAndInit(WithNew):
    def __init__(self, a: A, b: B) -> None:
        pass


class Meta(type):
    def __call__(cls, *args: Any, b: B) -> Any:
        raise AssertionError


class WithMetaCall(metaclass=Meta):
    def __init__(self, a: A) -> None:
        pass


class QuietMeta(type):
    pass


class WithQuietMeta(metaclass=QuietMeta):
    def __init__(self, a: A) -> None:
        pass


class AnyAttribute(type):
    def __getattr__(cls, name: str) -> Any:
        if name == "__wrapped__":
            raise AttributeError(name)
        return None


class WithAnyAttribute(metaclass=AnyAttribute):
    def __init__(self, a: A) -> None:
        pass


class Named(NamedTuple):
    a: A
    b: int = 2


class Typed(TypedDict):
    a: A


class Colour(enum.Enum):
    RED = 1


class AnError(Exception):
    pass


class AnErrorWithInit(Exception):
    def __init__(self, a: A) -> None:
        pass


class ADict(dict[str, A]):
    pass


class AList(list[A]):
    def __init__(self, a: A) -> None:
        pass


class CallableInit:
    class _Init:
        def __call__(self, a: A) -> None:
            pass

    __init__ = _Init()  # type: ignore[assignment]


class StaticInit:
    @staticmethod
    def __init__(a: A) -> None:  # type: ignore[misc]
        pass


OTHERS = [
    wrapping,
    with_signature,
    contextmanager(generator),
    asynccontextmanager(async_generator),
    functools.partial(all_kinds, A(), e=3),
    functools.partial(Plain, b=B()),
    functools.cache(all_kinds),
    functools.singledispatch(all_kinds),
    Plain(A()),
    Plain(A()).method,
    Plain.of_class,
    WithoutSelf,
    ClassWithSignature,
    InheritingSignature,
    WrappedInit,
    WrappingClass,
    PartialInit,
    WithNew,
    WithNewAndInit,
    WithMetaCall,
    WithQuietMeta,
    WithAnyAttribute,
    Named,
    Typed,
    Colour,
    AnError,
    AnErrorWithInit,
    ADict,
    AList,
    AProtocol,
    CallableInit,
    StaticInit,
    object,
    int,
    dict,
    type,
    len,
    print,
    "".join,
    str.join,
    isinstance,
    collections.OrderedDict,
    collections.deque,
    collections.Counter,
    asyncio.Queue,
    asyncio.Future,
    asyncio.TaskGroup,
    functools.partial,
    3,
    None,
]


def _by_inspect(target: Any) -> Any:
    """The same as `inspect` says it, or the error that it raises."""
    try:
        signature = inspect.signature(target)
    except (ValueError, TypeError) as error:
        return type(error)
    parameters = [(p.name, p.kind, p.default, p.annotation) for p in signature.parameters.values()]
    return tuple(parameters), signature.return_annotation


def _by_us(target: Any) -> Any:
    try:
        return read_parameters(target)
    except (ValueError, TypeError) as error:
        return type(error)


def _name(target: Any) -> str:
    return getattr(target, "__qualname__", type(target).__name__)


@pytest.mark.parametrize("target", [*PLAIN, *OTHERS], ids=_name)
def test_the_same_as_inspect(target: Any):
    """Names, kinds, defaults, annotations, and what it gives; or the same error."""
    assert _by_us(target) == _by_inspect(target)


@pytest.mark.parametrize("target", PLAIN, ids=_name)
def test_plain_ones_are_read_without_inspect(target: Any, monkeypatch: pytest.MonkeyPatch):
    """Otherwise the comparison would compare `inspect` with itself."""
    expected = _by_inspect(target)

    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise AssertionError("inspect was asked")

    monkeypatch.setattr(inspect, "signature", refuse)
    assert read_parameters(target) == expected


def test_what_is_missing_is_what_inspect_says():
    """Both say the same of a default or an annotation that is not there."""
    [parameter] = read_parameters(lambda a: a).parameters
    assert (parameter.default, parameter.annotation) == (MISSING, MISSING)
    assert MISSING is inspect.Parameter.empty


def test_a_code_object_that_is_exchanged():
    """The code, the defaults and the annotations are those that are there now."""

    def function(a: A, b: B = B()) -> A:  # noqa: B008
        raise AssertionError

    function.__code__ = only_positional.__code__
    function.__defaults__ = (1, 2)
    function.__annotations__ = {"a": "B", "return": "B"}
    assert _by_us(function) == _by_inspect(function)
    function.__defaults__ = None
    assert _by_us(function) == _by_inspect(function)
