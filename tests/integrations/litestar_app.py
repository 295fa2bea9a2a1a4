"""What the tests of the Litestar adapter share."""

from typing import Any

from litestar import Litestar, di, params

from lifescope.integrations.litestar import LifescopePlugin

__all__ = ["FromPath", "FromQuery", "JSONBody", "NamedDependency", "litestar"]


class _Inferred:
    """What Litestar finds out by itself; before 2.23 there was no name for it."""

    def __class_getitem__(cls, key: Any) -> Any:
        return key


FromPath: Any = getattr(params, "FromPath", _Inferred)
FromQuery: Any = getattr(params, "FromQuery", _Inferred)
JSONBody: Any = getattr(params, "JSONBody", _Inferred)
NamedDependency: Any = getattr(di, "NamedDependency", _Inferred)


def litestar(*handlers: Any, plugin: bool = True, **options: Any) -> Litestar:
    """A Litestar app with the plugin, which leaves logging alone."""
    plugins = [LifescopePlugin()] if plugin else []
    return Litestar(list(handlers), plugins=plugins, logging_config=None, **options)
