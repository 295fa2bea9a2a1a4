"""Tests of the programs, also as processes of their own."""
