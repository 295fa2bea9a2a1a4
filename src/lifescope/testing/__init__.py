"""For tests: a log of acquisitions and releases."""

from lifescope.testing._events import Event, EventLog, events

__all__ = ["Event", "EventLog", "events"]

for _each in (Event, EventLog, events):
    _each.__module__ = __name__
del _each
