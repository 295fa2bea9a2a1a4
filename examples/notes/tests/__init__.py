"""Tests of the notes application."""
