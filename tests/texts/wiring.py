"""Programs whose providers cannot work together."""

from collections.abc import Iterator
from typing import Any

from lifescope import Container, Lazy, provider
from texts.programs import program


class Session: ...


class Cache: ...


class Mailer: ...


@provider(scope="request")
class Order:
    def __init__(self, mailer: Mailer, customer: "Customer") -> None: ...


@provider(scope="request")
class Customer:
    def __init__(self, orders: Order) -> None: ...


@program
def duplicate() -> None:
    """B02: Two providers, one key."""

    @provider(scope="app")
    def one() -> Cache: ...

    @provider(scope="request")
    def two() -> Cache: ...

    Container(one, two)


@program
def duplicate_replacing() -> None:
    """B02: Two that replace."""

    @provider(scope="app", replace=True)
    def one() -> Cache: ...

    @provider(scope="app", replace=True)
    def two() -> Cache: ...

    Container(provider(Cache, scope="app"), one, two)


@program
def duplicate_of_a_list() -> None:
    """B02: Something provides the list to which others contribute."""

    @provider(scope="app")
    def everything() -> list[Cache]: ...

    @provider(scope="app", many=True)
    def part() -> Cache: ...

    Container(everything, part)


@program
def cycle_of_one() -> None:
    """C11: It needs itself."""

    @provider(scope="app")
    def cached(cache: Cache) -> Cache: ...

    Container(cached)


@program
def cycle_of_two() -> None:
    """C11, C12: It is told from the entry point that is nearest to it."""

    @provider(scope="request")
    def checkout(customer: Customer) -> Session: ...

    Container(Order, Customer, checkout, provider(Mailer, scope="app"))


@program
def cycle_of_three() -> None:
    """C11: Through a list and a handle, which awaits it."""

    class Rule: ...

    class Engine: ...

    @provider(scope="app", many=True)
    def rule(cache: Lazy[Cache]) -> Rule: ...

    @provider(scope="app")
    def engine(rules: list[Rule]) -> Engine: ...

    @provider(scope="app")
    def cache(engine: Engine) -> Cache: ...

    Container(rule, engine, cache)


@program
def cycles_apart() -> None:
    """C12: Two circles, each from its own entry point."""

    class A: ...

    class B: ...

    class C: ...

    class D: ...

    def needing(form: Any, result: Any, name: str) -> Any:
        def make(needed: Any) -> Any: ...

        make.__annotations__ = {"needed": form, "return": result}
        make.__qualname__ = name
        return provider(make, scope="app")

    Container(
        needing(B, A, "make_a"),
        needing(A, B, "make_b"),
        needing(D, C, "make_c"),
        needing(C, D, "make_d"),
        needing(B, Session, "open_session"),
    )


@program
def cycle_of_many() -> None:
    """C11: The middle of a long circle is left out."""
    classes = [type(f"Part{number}", (), {"__module__": __name__}) for number in range(40)]

    def part(number: int) -> Any:
        def needs(following: Any) -> Any: ...

        following = classes[(number + 1) % len(classes)]
        needs.__annotations__ = {"following": following, "return": classes[number]}
        needs.__qualname__ = f"part_{number}"
        return provider(needs, scope="app")

    Container([part(number) for number in range(40)])


@program
def captive() -> None:
    """C04: Both ends are named."""

    @provider(scope="request")
    def open_session() -> Iterator[Session]:
        yield Session()

    @provider(scope="app")
    class Repository:
        def __init__(self, mailer: Mailer, session: Session) -> None: ...

    Container(open_session, Repository, provider(Mailer, scope="app"))


@program
def captive_through_a_transient() -> None:
    """C05: The outer one is named, and others that would keep it through the same."""

    @provider(scope="transient")
    def between(session: Session) -> Cache: ...

    @provider(scope="app")
    def first(mailer: int, cache: Cache) -> Mailer: ...

    def other(number: int) -> Any:
        class Worker:
            def __init__(self, cache: Cache) -> None: ...

        Worker.__qualname__ = f"Worker{number}"
        return provider(Worker, scope="app")

    Container(
        between,
        first,
        [other(number) for number in range(3)],
        provider(Session, scope="request"),
        provider(lambda: 1, scope="app", provides=int),
    )


@program
def captive_in_the_middle() -> None:
    """C06: Request, app, request: it is the one in the middle."""

    @provider(scope="request")
    def outer(cache: Cache) -> Mailer: ...

    @provider(scope="app")
    def middle(session: Session) -> Cache: ...

    Container(outer, middle, provider(Session, scope="request"))


@program
def captive_in_a_list() -> None:
    """C07: A part of a list that lives too short."""

    class Plugin: ...

    @provider(scope="request", many=True)
    def plugin() -> Plugin: ...

    @provider(scope="app")
    def catalogue(plugins: list[Plugin]) -> Cache: ...

    Container(plugin, catalogue)


@program
def captive_behind_a_handle() -> None:
    """C08: A handle does not help."""

    @provider(scope="app")
    def repository(mailer: Mailer, session: Lazy[Session]) -> Cache: ...

    Container(repository, provider(Session, scope="request"), provider(Mailer, scope="app"))


@program
def unknown_scope() -> None:
    """C13: Almost right."""

    @provider(scope="reqest")
    def open_session() -> Session: ...

    Container(open_session)


@program
def endless() -> None:
    """A generic provider that needs ever larger forms of itself."""
    from texts.generic import endless

    Container(endless, provider(lambda: 1, scope="app", provides=int))


@program
def several() -> None:
    """C03: Five unrelated mistakes are one report with five entries."""

    class Pump: ...

    class Well: ...

    @provider(scope="app")
    def pump(well: Well) -> Pump: ...

    @provider(scope="app")
    def one() -> Cache: ...

    @provider(scope="app")
    def two() -> Cache: ...

    @provider(scope="app")
    def mailer(session: Session) -> Mailer: ...

    @provider(scope="requests")
    def report() -> int: ...

    @provider(scope="app")
    def again(whole: bytes) -> bytes: ...

    Container(pump, one, two, mailer, provider(Session, scope="request"), report, again)


@program
def twelve() -> None:
    """C03: Of twelve, five in full, and the others with their places."""

    def gap(number: int) -> Any:
        missing = type(f"Missing{number}", (), {"__module__": __name__})

        def make(other: Mailer, needed: Any) -> Any: ...

        make.__annotations__ = {"other": Mailer, "needed": missing, "return": Session}
        make.__qualname__ = f"make_{number}"
        return provider(make, scope="app", name=f"session {number}")

    @provider(scope="app")
    def one() -> Cache: ...

    @provider(scope="app")
    def two() -> Cache: ...

    Container([gap(number) for number in range(11)], one, two, provider(Mailer, scope="app"))
