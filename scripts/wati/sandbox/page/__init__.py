"""The page: the world in a browser, on the port of the served sandbox, below `/_sandbox/`.

It is one file, page.html. It reads by `views` and changes by `actions`, as scripts/sandbox.py does.
"""
