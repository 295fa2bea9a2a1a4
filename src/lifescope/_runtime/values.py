"""What providers give, and what they say they give."""

from lifescope import errors
from lifescope._model.provider import Provider

__all__ = ["check_value"]


def check_value(provider: Provider, value: object) -> None:
    """See that *value* is what *provider* says it gives.

    Raises:
        WrongValueError: It is not.
    """
    expected = provider.result
    if expected is not None and (value is None or not isinstance(value, expected)):
        raise errors.WrongValueError(
            provider=str(provider), key=provider.key, given=type(value).__qualname__
        )
