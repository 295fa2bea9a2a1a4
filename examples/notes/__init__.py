"""A small web application that keeps notes: what a real program built on lifescope looks like."""
