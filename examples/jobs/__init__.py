"""The same container in a worker, a consumer, a command and code that is not async."""
