"""For tests: a log of acquisitions and releases."""

from lifescope.testing._events import Event, EventLog, events
from lifescope.testing._running import running

__all__ = ["Event", "EventLog", "events", "running"]

for _each in (Event, EventLog, events, running):
    _each.__module__ = __name__
del _each
