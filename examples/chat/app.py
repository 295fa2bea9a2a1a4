"""The program: ``uvicorn chat.app:app``."""

from chat import providers
from chat.web import create_app
from lifescope import Container

# --8<-- [start:program]
container = Container(providers, providers.domain)
# Somebody who chats does not leave because we would like to stop, so nobody is waited for long.
app = container.asgi(create_app, drain_timeout=2)
# --8<-- [end:program]
