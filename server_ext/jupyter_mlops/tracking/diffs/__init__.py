"""Where two runs differ in what they were made of: notebook, packages, code, data."""
