# How each server runs service.py. A test runs these commands, on a port of its own.

# --8<-- [start:lifescope]
lifescope run service:app --host 0.0.0.0 --port 8000
# --8<-- [end:lifescope]

# --8<-- [start:uvicorn]
uvicorn service:app --host 0.0.0.0 --port 8000 \
    --workers 2 --timeout-graceful-shutdown 15
# --8<-- [end:uvicorn]

# --8<-- [start:hypercorn]
hypercorn service:app --bind 0.0.0.0:8000 --workers 0 --graceful-timeout 15
# --8<-- [end:hypercorn]

# --8<-- [start:hypercorn-trio]
hypercorn service:app --bind 0.0.0.0:8000 \
    --worker-class trio --workers 1 --graceful-timeout 15
# --8<-- [end:hypercorn-trio]

# --8<-- [start:granian]
granian service:app --interface asgi --host 0.0.0.0 --port 8000 \
    --workers 2 --respawn-failed-workers
# --8<-- [end:granian]

# --8<-- [start:gunicorn]
gunicorn service:app --worker-class asgi --bind 0.0.0.0:8000 \
    --workers 2 --graceful-timeout 30 --no-control-socket
# --8<-- [end:gunicorn]
