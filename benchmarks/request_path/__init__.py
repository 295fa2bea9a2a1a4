"""What the composition root costs per request. See README.md."""
