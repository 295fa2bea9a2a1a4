"""K01: Codes are the same for ever."""

import re

import lifescope
from lifescope import LifescopeError, errors
from texts import golden

BASES = {"LifescopeError", "OverrideError"}


def classes() -> dict[str, type[LifescopeError]]:
    return {name: getattr(lifescope, name) for name in errors.__all__ if name != "page"}


def test_codes_and_classes_are_one_to_one() -> None:
    """K01: Each class that is raised has a code of its own, and a base has none."""
    coded = {name: each.code for name, each in classes().items() if each.code}
    assert set(classes()) - set(coded) == BASES
    assert len(set(coded.values())) == len(coded)
    assert [code for code in coded.values() if not re.fullmatch(r"LS\d{3}", code)] == []


def test_codes_never_change() -> None:
    """K01: Somebody may have searched for one, or have told a tool to expect it."""
    listed = sorted((each.code, name) for name, each in classes().items() if each.code)
    golden.check("codes.txt", "\n".join(f"{code} {name}" for code, name in listed))


def test_class_of_a_user_has_no_code_of_ours() -> None:
    """K01: A subclass does not pass for the class that it is made from."""

    class Mine(lifescope.MissingProviderError): ...

    assert Mine.code == ""
