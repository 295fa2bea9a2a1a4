"""An open provider that needs ever larger forms of itself."""

from typing import Generic, TypeVar

from lifescope import provider

T = TypeVar("T")


class Box(Generic[T]): ...


@provider(scope="app")
def box(inner: Box[list[T]]) -> Box[T]: ...


@provider(scope="app")
def user(boxed: Box[int]) -> str: ...


endless = (box, user)
