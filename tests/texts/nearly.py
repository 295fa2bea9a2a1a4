"""Programs in which what is missing is there, but not as it is asked for."""

from typing import Any, Generic, Protocol, TypeVar

from lifescope import Container, provider
from texts.programs import program


class Row: ...


class Invoice(Row): ...


R = TypeVar("R", bound=Row)


class Rows(Generic[R]):
    def __init__(self, kind: type[R]) -> None: ...


class Printer:
    def __init__(self, port: Any) -> None: ...


class Settings:
    port: int


class Report: ...


class Sender(Protocol):
    def send(self) -> None: ...


class Post:
    def send(self) -> None: ...


@provider(scope="app")
def settings() -> Settings: ...


def open_printer(settings: Settings) -> Printer:
    """Nobody has marked it."""


@provider(scope="app")
def report(printer: Printer) -> Report: ...


@program
def missing_mark() -> None:
    """K04: A function beside the others returns it."""
    Container(settings, report)


@program
def missing_field() -> None:
    """K04: It is a part of something that is there."""

    @provider(scope="app")
    def report(port: int) -> Report: ...

    Container(settings, report)


@program
def missing_other_type() -> None:
    """K04: It is there, under the protocol that others are to ask for."""

    @provider(scope="app")
    def report(post: Post) -> Report: ...

    Container(report, provider(Post, scope="app", provides=Sender))


@program
def missing_optional() -> None:
    """K04: The one that is there may be None."""

    @provider(scope="app")
    def perhaps() -> Sender | None: ...

    @provider(scope="app")
    def report(sender: Sender) -> Report: ...

    Container(perhaps, report)


@program
def missing_one_of_many() -> None:
    """K04: There is a list of them."""

    @provider(scope="app")
    def report(sender: Sender) -> Report: ...

    Container(report, provider(Post, scope="app", provides=Sender, many=True))


@program
def missing_bound() -> None:
    """K04: The open generic is not for this type argument."""

    @provider(scope="app")
    def report(rows: Rows[Settings]) -> Report: ...  # type: ignore[type-var]

    @provider(scope="app")
    def invoices() -> Rows[Invoice]: ...

    Container(report, provider(Rows, scope="app"), invoices)


class Ink: ...


class Paper: ...


domain = [provider(Ink, scope="app"), provider(Paper, scope="app")]


@program
def missing_with_its_list() -> None:
    """K04: All that is missing is in a list that was not passed on."""

    @provider(scope="app")
    def pages(ink: Ink, paper: Paper) -> Report: ...

    Container(pages)
