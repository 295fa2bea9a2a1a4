"""LifescopeError, from which every other one derives."""

from typing import Any

__all__ = ["LifescopeError"]


class LifescopeError(Exception):
    """Base of every error that lifescope raises itself.

    An exception of your own providers and endpoints always comes through as itself.
    """

    # The subclasses are dataclasses: what happened is in the attributes, and the text is
    # made from them. Sequences are kept as tuples.

    def __init_subclass__(cls) -> None:
        if cls.__module__.startswith("lifescope.errors."):
            cls.__module__ = "lifescope.errors"  # where people import it from

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, list):
                setattr(self, name, tuple(value))  # pyright: ignore[reportUnknownArgumentType]

    def __reduce__(self) -> tuple[Any, ...]:
        """Errors are made with keyword arguments, which copy and pickle do not know of."""
        return _restore, (type(self), self.args, dict(vars(self)))


LifescopeError.__module__ = "lifescope.errors"


def _restore(cls: type[LifescopeError], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = cls.__new__(cls, *args)
    vars(error).update(state)
    return error
