"""What the page "Use a library that blocks" shows."""

import sqlite3
from collections.abc import Iterator

from lifescope import Container, provider


# --8<-- [start:blocking]
@provider(scope="app", thread=True, start_timeout=5, stop_timeout=5)
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", check_same_thread=False)
    yield connection
    connection.close()


# --8<-- [end:blocking]

container = Container(connection)
