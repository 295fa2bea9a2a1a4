"""A shop for several tenants: what a larger program built on lifescope looks like."""
