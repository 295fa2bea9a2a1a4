"""Frozen records: providers, keys, scopes, and how they are spelled for people."""
