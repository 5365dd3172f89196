"""An executed notebook as one HTML file that needs nothing else: no network, no scripts.

    render_html(path_or_bytes, title="churn", facts=[("State", "succeeded")], base=directory)

Own rather than nbconvert's: its page loads scripts from two content networks, carries 240 kB of
styles, and its sanitizer leaves no heading or table of a notebook whole. What the notebook's author
or its outputs bring along is cleaned (`cleaning.py`), and a content security policy in the page
stops whatever should have slipped through, also when the file is opened from disk.

Heavy packages are imported at the first rendering; the second one is fast.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def render_html(
    notebook: bytes | str | os.PathLike[str] | Mapping[str, Any],
    *,
    title: str,
    facts: Sequence[tuple[str, str]] = (),
    base: Path | None = None,
    offline: bool = False,
) -> str:
    """The page of a notebook. Takes CPU time in proportion to the notebook's size.

    Args:
        notebook: its path (`str` is one too), its bytes or the parsed document.
        title: plain text; the page's title and first heading.
        facts: (name, value) pairs in plain text, shown below the title.
        base: directory from which pictures that Markdown names by a relative path are taken into
            the page; nothing outside of it is read. None: they are left out.
        offline: whether even pictures of other pages are left out, so that opening it asks nobody.

    Raises:
        NotebookInvalid: it can't be read.
        TooLarge: it is larger than a notebook can be.
    """
    from jupyter_mlops.converters.html.page import render
    from jupyter_mlops.converters.notebook import check_notebook, read_notebook

    checked = (
        check_notebook(dict(notebook), name=title)
        if isinstance(notebook, Mapping)
        else read_notebook(notebook)
    )
    return render(checked, title, facts, base, offline=offline)
