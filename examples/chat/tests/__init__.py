"""Tests of the chat: in memory, with Redis, and served for real."""
