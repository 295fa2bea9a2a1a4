"""The programs of how-to pages, each about one task, with their tests."""
