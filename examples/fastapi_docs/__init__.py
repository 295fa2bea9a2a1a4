"""What FastAPI's documentation shows with `Depends`, and the same with `Inject`.

Each module is about one topic and has two apps: `as_fastapi_shows()`, which is written as
FastAPI's pages write it, and `with_inject()`. Both give the same answers; a test asks them.
What comes out of the request (query, headers, body) stays with FastAPI; what has a lifetime, or
is a part of the application, comes from the container.
"""
