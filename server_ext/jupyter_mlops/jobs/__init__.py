"""Jobs: specification, store, state machine, dispatcher, backends and the runner."""
