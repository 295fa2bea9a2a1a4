"""The program: ``uvicorn notes.app:app``."""

from lifescope import Container
from notes import providers
from notes.web import create_app

container = Container(providers)
app = container.asgi(create_app)
