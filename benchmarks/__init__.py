"""How fast it is, beside its peers, in the same run on the same machine. `make bench` runs it."""
