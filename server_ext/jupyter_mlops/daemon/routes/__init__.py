"""The daemon's routes, one noun a file."""
