"""Pure functions over notebooks: reading, parameters, imports, one-cell notebooks, HTML.

Nothing here starts a process, talks to a network or imports another part of jupyter-mlops than
`errors`; nothing reads files other than those it is given. Heavy packages (nbconvert) are imported
by the function that needs them.
"""
