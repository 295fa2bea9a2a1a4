"""What lifescope costs beside hand-written code and its peers. See README.md."""
