"""Adapters for web frameworks: one file each, written against public names."""
