"""What `lifescope.pytest_plugin` is made of; imported when a fixture of it is first used."""
