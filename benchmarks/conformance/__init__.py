"""The same cases for lifescope and its peers, in one table. See README.md."""
