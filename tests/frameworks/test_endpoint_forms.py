"""Whatever FastAPI takes for an endpoint can have injected parameters."""

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, get_type_hints

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import APIRoute

from frameworks.forms import SCOPES, Act, Form, known, read, refuse
from integrations.driving import Serve, Session, open_sessions
from lifescope import Container
from lifescope.integrations.fastapi import Inject

pytestmark = pytest.mark.usefixtures("both_paths")

# --- methods --------------------------------------------------------------------------------


def bound_method(app: FastAPI, needed: Any, act: Act) -> None:
    class Orders:
        async def show(self, session: needed) -> str:
            return act(session)

    app.add_api_route("/", Orders().show)


def sync_bound_method(app: FastAPI, needed: Any, act: Act) -> None:
    class Orders:
        def __init__(self) -> None:
            self.router = APIRouter()
            self.router.add_api_route("/", self.show)

        def show(self, session: needed) -> str:
            return act(session)

    app.include_router(Orders().router)


def class_method(app: FastAPI, needed: Any, act: Act) -> None:
    class Orders:
        @classmethod
        async def show(cls, session: needed) -> str:
            return act(session)

    app.get("/")(Orders.show)


def static_method(app: FastAPI, needed: Any, act: Act) -> None:
    class Orders:
        @staticmethod
        def show(session: needed) -> str:
            return act(session)

    app.get("/")(Orders.show)


def inherited_method(app: FastAPI, needed: Any, act: Act) -> None:
    class Base:
        async def show(self, session: needed) -> str:
            return act(session)

    class Orders(Base):
        async def show(self, session: needed) -> str:
            return await super().show(session)

    app.add_api_route("/", Orders().show)


# --- class-based views ----------------------------------------------------------------------


def class_based_views(router: APIRouter) -> Callable[[type], type]:
    """As fastapi-utils does it: the annotations of a class are parameters of all its methods."""

    def decorate(views: type) -> type:
        fields = get_type_hints(views, include_extras=True)
        keyword = inspect.Parameter.KEYWORD_ONLY

        def init(self: Any, **values: Any) -> None:
            vars(self).update(values)

        init.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
            [inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)]
            + [inspect.Parameter(name, keyword, annotation=form) for name, form in fields.items()]
        )
        views.__init__ = init  # type: ignore[misc]
        for route in [route for route in router.routes if isinstance(route, APIRoute)]:
            router.routes.remove(route)
            signature = inspect.signature(route.endpoint)
            (_, *others) = signature.parameters.values()
            itself = inspect.Parameter("self", keyword, default=Depends(views))
            route.endpoint.__signature__ = signature.replace(  # type: ignore[attr-defined]
                parameters=[itself, *[other.replace(kind=keyword) for other in others]]
            )
            router.add_api_route(route.path, route.endpoint, methods=list(route.methods))
        return views

    return decorate


def attribute_of_a_class_based_view(app: FastAPI, needed: Any, act: Act) -> None:
    router = APIRouter()

    class Orders:
        session: needed

        @router.get("/")
        async def show(self) -> str:
            return act(self.session)

    class_based_views(router)(Orders)
    app.include_router(router)


def parameter_of_a_class_based_view(app: FastAPI, needed: Any, act: Act) -> None:
    router = APIRouter()

    class Orders:
        session: needed

        @router.get("/")
        def show(self, own: needed) -> str:
            assert own is self.session
            return act(own)

    class_based_views(router)(Orders)
    app.include_router(router)


# --- callable objects -----------------------------------------------------------------------


def callable_object(app: FastAPI, needed: Any, act: Act) -> None:
    class Show:
        async def __call__(self, session: needed) -> str:
            return act(session)

    app.add_api_route("/", Show())


def sync_callable_object(app: FastAPI, needed: Any, act: Act) -> None:
    class Show:
        def __call__(self, session: needed) -> str:
            return act(session)

    app.add_api_route("/", Show())


# --- partial --------------------------------------------------------------------------------


def partial_function(app: FastAPI, needed: Any, act: Act) -> None:
    async def show(act: Act, session: needed) -> str:
        return act(session)

    app.add_api_route("/", functools.partial(show, act))


def sync_partial_function(app: FastAPI, needed: Any, act: Act) -> None:
    def show(act: Act, session: needed) -> str:
        return act(session)

    app.add_api_route("/", functools.partial(show, act))


def partial_of_a_partial_method(app: FastAPI, needed: Any, act: Act) -> None:
    class Orders:
        async def show(self, one: int, two: int, session: needed) -> str:
            assert (one, two) == (1, 2)
            return act(session)

    app.add_api_route("/", functools.partial(functools.partial(Orders().show, 1), 2))


# --- decorators of users --------------------------------------------------------------------


def timed(function: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(function)
    async def wrapper(*args: Any, **kwargs: Any) -> Any:
        return await function(*args, **kwargs)

    return wrapper


def timed_sync(function: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


def timed_async_over_sync(function: Callable[..., Any]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(function)
    async def wrapper(**kwargs: Any) -> Any:
        return function(**kwargs)

    return wrapper


def async_wrapper(app: FastAPI, needed: Any, act: Act) -> None:
    @app.get("/")
    @timed
    async def show(session: needed) -> str:
        return act(session)


def sync_wrapper(app: FastAPI, needed: Any, act: Act) -> None:
    @app.get("/")
    @timed_sync
    def show(session: needed) -> str:
        return act(session)


def async_wrapper_of_a_sync_function(app: FastAPI, needed: Any, act: Act) -> None:
    @app.get("/")
    @timed_async_over_sync
    def show(session: needed) -> str:
        return act(session)


def two_wrappers(app: FastAPI, needed: Any, act: Act) -> None:
    @app.get("/")
    @timed
    @timed
    async def show(session: needed) -> str:
        return act(session)


def sync_wrapper_of_an_async_function(app: FastAPI, needed: Any, act: Act) -> None:
    @app.get("/")
    @timed_sync  # gives the coroutine on
    async def show(session: needed) -> str:
        return act(session)


def wrapper_that_adds_a_parameter(app: FastAPI, needed: Any, act: Act) -> None:
    """The wrapper needs the session; the function that it wraps knows nothing of it."""

    async def show() -> str:
        return "shown"

    @functools.wraps(show)
    async def wrapper(**kwargs: Any) -> str:
        assert await show() == "shown"
        return act(kwargs["session"])

    session = inspect.Parameter("session", inspect.Parameter.KEYWORD_ONLY, annotation=needed)
    wrapper.__signature__ = inspect.Signature([session])  # type: ignore[attr-defined]
    app.add_api_route("/", wrapper)


def wrapped_partial(app: FastAPI, needed: Any, act: Act) -> None:
    async def show(act: Act, session: needed) -> str:
        return act(session)

    app.add_api_route("/", functools.partial(timed(show), act))


# --- several routes, several methods --------------------------------------------------------


def one_function_on_several_paths(app: FastAPI, needed: Any, act: Act) -> None:
    @app.get("/")
    @app.get("/other")
    @app.post("/")
    async def show(session: needed) -> str:
        return act(session)


def api_route(app: FastAPI, needed: Any, act: Act) -> None:
    @app.api_route("/", methods=["GET"])
    async def show(session: needed) -> str:
        return act(session)


def lambda_function(app: FastAPI, needed: Any, act: Act) -> None:
    show = lambda session: act(session)  # noqa: E731
    show.__annotations__["session"] = needed
    app.get("/")(show)


FORMS = known(
    [
        bound_method,
        sync_bound_method,
        class_method,
        static_method,
        inherited_method,
        attribute_of_a_class_based_view,
        parameter_of_a_class_based_view,
        sync_callable_object,
        sync_partial_function,
        async_wrapper,
        sync_wrapper,
        async_wrapper_of_a_sync_function,
        two_wrappers,
        wrapper_that_adds_a_parameter,
        one_function_on_several_paths,
        api_route,
        lambda_function,
    ],
    newer=[
        callable_object,
        partial_function,
        partial_of_a_partial_method,
        sync_wrapper_of_an_async_function,
        wrapped_partial,
    ],
)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_endpoint_is_filled(serve: Serve, form: Form, scope: str) -> None:
    """A path function need not be a function to have injected parameters (J11, J12)."""
    log: list[str] = []
    app = FastAPI()
    form(app, Inject[Session], read)
    client = serve(Container(open_sessions(log, scope)).asgi(app))
    assert client.get("/").json() == "session 1"
    assert log == ["open 1", "commit 1"]
    assert client.get("/").json() == "session 2"


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_endpoint_tells_its_failure(serve: Serve, form: Form) -> None:
    """An `HTTPException` that leaves the endpoint rolls back, whatever its form (J02, G4)."""
    log: list[str] = []
    app = FastAPI()
    form(app, Inject[Session], refuse)
    answer = serve(Container(open_sessions(log, "request")).asgi(app)).get("/")
    assert (answer.status_code, answer.json()) == (409, {"detail": "session 1"})
    assert log == ["open 1", "roll back 1: HTTPException"]


@pytest.mark.parametrize("form", FORMS)
def test_no_form_of_endpoint_shows_in_the_schema(serve: Serve, form: Form) -> None:
    """The schema of every form has no parameter and no body (J12)."""
    app = FastAPI()
    form(app, Inject[Session], read)
    schema = serve(Container(open_sessions([], "call")).asgi(app)).get("/openapi.json").json()
    for operation in schema["paths"]["/"].values():
        assert "parameters" not in operation
        assert "requestBody" not in operation


def test_several_routes_of_one_function(serve: Serve) -> None:
    """One function may serve several paths and methods, each request with its own object."""
    app = FastAPI()
    one_function_on_several_paths(app, Inject[Session], read)
    client = serve(Container(open_sessions([], "call")).asgi(app))
    answers = [client.get("/"), client.post("/"), client.get("/other")]
    assert [answer.json() for answer in answers] == ["session 1", "session 2", "session 3"]


def test_method_sees_its_own_object(serve: Serve) -> None:
    """Two objects of one class, each with its route, are called as themselves."""

    class Greeter:
        def __init__(self, greeting: str) -> None:
            self.greeting = greeting

        async def greet(self, session: Inject[Session]) -> str:
            return f"{self.greeting} {session.read()}"

    app = FastAPI()
    app.add_api_route("/hello", Greeter("hello").greet)
    app.add_api_route("/goodbye", Greeter("goodbye").greet)
    client = serve(Container(open_sessions([], "request")).asgi(app))
    assert client.get("/hello").json() == "hello session 1"
    assert client.get("/goodbye").json() == "goodbye session 2"
