"""For tests: a running app, a log of what happens, partial fakes, and scopes left open.

    async with running(app) as served:
        async with AsyncClient(transport=ASGITransport(app=served), base_url="http://test") as http:
            with events(container) as log:
                await http.get("/")
            assert log.released(Session) == 1

Everything that it does can be done without it; it imports no test framework.
"""

from lifescope.testing._events import Event, EventLog, events
from lifescope.testing._partial import partial
from lifescope.testing._running import running
from lifescope.testing._scopes import assert_no_open_scopes

__all__ = ["Event", "EventLog", "assert_no_open_scopes", "events", "partial", "running"]

for _each in (Event, EventLog, assert_no_open_scopes, events, partial, running):
    _each.__module__ = __name__
del _each
