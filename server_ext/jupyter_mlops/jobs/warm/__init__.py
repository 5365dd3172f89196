"""Warm start: forking parents, guards, and the pool that keeps them."""
