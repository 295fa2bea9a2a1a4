"""Tests of the shop: in one process, on two databases, and as three processes around a queue."""
