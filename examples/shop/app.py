"""The program: ``lifescope run shop.app:app``."""

import os

from lifescope import Container
from shop import providers
from shop.settings import Settings
from shop.web import create_app

# --8<-- [start:program]
container = Container(providers, providers.domain)
app = container.asgi(
    create_app,
    values={Settings: Settings.from_env(os.environ)},
    concurrent_start=True,
    start_timeout=30,
    drain_timeout=20,
)
# --8<-- [end:program]
