"""Key: what is provided, and what is asked for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, get_args, get_origin

from lifescope._model.names import spell

__all__ = ["InjectMarker", "Key", "Named", "as_key", "list_of"]


@dataclass(frozen=True, slots=True)
class Named:
    """Qualifies a key, so that one type can be provided more than once.

    `Annotated[AsyncEngine, Named("replica")]` asks for what
    `@provider(scope="app", name="replica")` provides.
    """

    name: str


@dataclass(frozen=True, slots=True)
class InjectMarker:
    """Stands in the metadata of every `Inject[T]`, whichever framework it is for."""

    refusals: ClassVar[list[Callable[[], Exception | None]]] = []
    """Each knows what is wrong where some framework takes a marker for its own, or does not."""

    def __get_pydantic_core_schema__(self, form: Any, handler: Any) -> Any:
        """Refuse to be read from a request: pydantic is asked where nobody fills the parameter.

        A client could send what was to be injected.
        """
        for refusal in self.refusals:
            if (error := refusal()) is not None:
                raise error
        raise TypeError(
            f"nobody fills Inject[{spell(form)}] here, and FastAPI takes it for a part of the "
            f"request: import Inject from lifescope.integrations.fastapi, or put @inject below "
            f"the framework's decorator"
        )


@dataclass(frozen=True, slots=True)
class Key:
    """A type form, with the qualifier that `Named` gave it, if any."""

    form: Any
    name: str | None = None

    def __str__(self) -> str:
        return (
            spell(self.form) if self.name is None else f'{spell(self.form)} (named "{self.name}")'
        )


def list_of(key: Key) -> Key:
    """The key of the list to which contributions to *key* belong."""
    form: Any = list
    return Key(form[key.form], key.name)


def as_key(form: Any) -> Key:
    """The key that *form* stands for; other metadata of an `Annotated` is left out."""
    if isinstance(form, type):  # nearly always
        return Key(form)
    if isinstance(form, Key):
        return form
    if get_origin(form) is not Annotated:
        return Key(form)
    inner, *metadata = get_args(form)
    names = [item.name for item in metadata if isinstance(item, Named)]
    return Key(inner, names[-1] if names else None)
