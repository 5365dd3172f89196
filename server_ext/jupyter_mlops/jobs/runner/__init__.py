"""The process that owns one attempt: executes the notebook, saves it and writes its own exit."""
