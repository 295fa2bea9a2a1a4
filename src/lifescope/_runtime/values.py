"""What providers give, and what they say they give."""

from lifescope import errors
from lifescope._model.names import spell
from lifescope._model.provider import Provider

__all__ = ["check_value"]


def check_value(provider: Provider, value: object) -> None:
    """See that *value* is what *provider* says it gives.

    Raises:
        WrongValueError: It is not.
    """
    expected = provider.result
    if expected is not None and (value is None or not isinstance(value, expected)):
        given = type(value).__qualname__.rpartition("<locals>.")[2]
        is_alike = given == spell(expected)
        raise errors.WrongValueError(
            provider=provider.name,
            place=provider.place,
            scope=provider.scope,
            key=provider.key,
            given=f"{type(value).__module__}.{given}" if is_alike else given,
        )
