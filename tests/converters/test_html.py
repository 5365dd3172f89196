"""The report: complete, readable offline, and nothing in it acts."""

from __future__ import annotations

import base64
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from jupyter_mlops.converters.html import render_html
from jupyter_mlops.converters.html.cleaning import clean, too_costly
from jupyter_mlops.converters.html.markdown import latex_html, markdown_html, math_html
from jupyter_mlops.converters.html.outputs import outputs_html

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 20).decode()

ALERTS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)><script>alert(1)</script></svg>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' jAvAscript:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='data:text/html,<script>alert(1)</script>'></object>",
    "<embed src='javascript:alert(1)'>",
    "<form action='javascript:alert(1)'><button>x</button></form>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<base href='https://evil.example/'>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<style>@import 'https://evil.example/x.css'; body{background:url(//evil.example)}</style>",
    "<div style='background:url(https://evil.example/x)'>x</div>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<button data-commandlinker-command='terminal:create-new'>x</button>",
    "</pre></main></body><script>alert(1)</script>",
    "<input autofocus onfocus=alert(1)>",
    "<img src='x' srcset='https://evil.example/x 1x'>",
    "<img src='http://evil.example/x.png'>",
    "<details ontoggle=alert(1) open>x</details>",
    "<template><script>alert(1)</script></template>",
    "<xmp><script>alert(1)</script></xmp>",
    "--><script>alert(1)</script><!--",
    "]]><script>alert(1)</script>",
    '" onmouseover="alert(1)',
    "' onmouseover='alert(1)",
    "\ue000deadbeef:0\ue001<script>alert(1)</script>",
]


class Reader(HTMLParser):
    """Collects what a page has that could act or load."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.bad: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.ids: list[str] = []
        self.images: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Every tag and attribute."""
        self.tags.append(tag)
        if tag in {
            *("script", "iframe", "object", "embed", "form", "input", "button", "base", "link"),
            *("svg", "template", "noscript", "frame", "applet", "video", "audio", "source"),
        }:
            self.bad.append(tag)
        for name, value in attrs:
            if name.startswith("on") or name in {"srcdoc", "srcset", "formaction", "action"}:
                self.bad.append(f"{tag} {name}")
            scheme = re.match(r"\s*([^/?#]*?):", value or "")
            if name == "href" and scheme and scheme[1] not in {"http", "https", "mailto"}:
                self.bad.append(f"{tag} href={value}")
            if name == "src":
                self.images.append(value or "")
                if tag != "img" or not re.match(r"https://|data:image/", value or ""):
                    self.bad.append(f"{tag} src={value}")
            if name == "style" and re.search(r"url|expression|@", value or ""):
                self.bad.append(f"{tag} style={value}")
            if name.startswith("data-"):
                self.bad.append(f"{tag} {name}")
            if name == "id":
                self.ids.append(value or "")

    def handle_data(self, data: str) -> None:
        """All text."""
        self.text += data


def read(page: str) -> Reader:
    """The page, read; it has one policy that forbids scripts and one stylesheet of its own."""
    assert page.count("Content-Security-Policy") == 1
    assert "default-src 'none'" in page.split("</head>", maxsplit=1)[0]
    reader = Reader()
    reader.feed(page.split("</style>\n</head>", 1)[1])
    reader.close()
    return reader


def notebook(*cells: dict[str, Any]) -> dict[str, Any]:
    """A notebook of these cells."""
    return {
        "cells": list(cells),
        "metadata": {"kernelspec": {"name": "python3", "language": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }


def code(source: str, *outputs: dict[str, Any], **metadata: Any) -> dict[str, Any]:
    """A code cell that ran."""
    return {
        "cell_type": "code",
        "metadata": metadata,
        "source": source,
        "outputs": list(outputs),
        "execution_count": 1,
    }


def markdown(source: str, **more: Any) -> dict[str, Any]:
    """A Markdown cell."""
    return {"cell_type": "markdown", "metadata": {}, "source": source, **more}


def data(**forms: Any) -> dict[str, Any]:
    """A display; `text_html` stands for text/html."""
    found = {name.replace("_", "/", 1): value for name, value in forms.items()}
    return {"output_type": "display_data", "data": found, "metadata": {}}


def test_a_report_is_complete_and_needs_nothing_else():
    """Title, facts, text, code and outputs; no script, no link to a style or font, one file."""
    page = render_html(
        notebook(
            markdown("# Churn\n\nWe *model* churn.\n\n| a | b |\n|---|---|\n| 1 | 2 |"),
            code("lr = 0.5", tags=["injected-parameters"]),
            code("df", data(text_html="<table><tr><td>42</td></tr></table>", text_plain="42")),
            code("plot()", data(image_png=PNG, text_plain="<Figure 640x480>")),
            code("print('hi')", {"output_type": "stream", "name": "stdout", "text": ["h", "i\n"]}),
            code(
                "1/0",
                {
                    "output_type": "error",
                    "ename": "ZeroDivisionError",
                    "evalue": "no",
                    "traceback": ["\x1b[31mZeroDivisionError\x1b[0m: no"],
                },
            ),
        ),
        title="Churn model",
        facts=[("State", "failed"), ("Duration", "3.2 s")],
    )
    found = read(page)
    assert found.bad == []
    for text in (
        "Churn model",
        "State",
        "failed",
        "3.2 s",
        "We model churn.",
        "lr = 0.5",
        "42",
        "hi",
        "ZeroDivisionError: no",
        "Parameters of this job",
    ):
        assert text in found.text
    assert found.images == [f"data:image/png;base64,{PNG}"]
    assert '<section class="code failed">' in page
    assert '<span class="fg-1">ZeroDivisionError</span>' in page
    assert len(page) < 20_000


@pytest.mark.parametrize("payload", ALERTS)
def test_a36_a38_nothing_of_the_notebook_acts(payload):
    """Attacks 36 and 38: wherever it stands, it is shown as text, cleaned or left out."""
    page = render_html(
        notebook(
            markdown(payload, attachments={"x": {"image/png": payload}}),
            markdown(
                f"# {payload}\n\n[x]({payload})\n\n```{payload}\n{payload}\n```\n\n${payload}$"
            ),
            markdown(
                f"![{payload}](attachment:x) ![x]({payload} '{payload}')\n\n$$\n{payload}\n$$"
            ),
            code(
                payload,
                {"output_type": "stream", "name": payload, "text": payload},
                data(text_html=payload),
                data(text_html=f"<table><tr><td>1{payload}</table>"),
                data(text_markdown=payload),
                data(text_latex=f"${payload}$ {payload}"),
                data(text_plain=payload),
                data(application_json={payload: payload}),
                data(application_javascript=payload, text_plain=payload),
                {
                    "output_type": "display_data",
                    "data": {"image/svg+xml": payload, "image/png": payload},
                    "metadata": {"image/png": {"width": f"1 {payload}", "height": payload}},
                },
                {
                    "output_type": "error",
                    "ename": payload,
                    "evalue": payload,
                    "traceback": [payload],
                },
                tags=[payload],
                magics_language=payload,
                jupyter={"source_hidden": payload},
            ),
            {"cell_type": "raw", "metadata": {"raw_mimetype": "text/html"}, "source": payload},
        )
        | {
            "metadata": {
                "title": payload,
                "language_info": {"name": payload, "pygments_lexer": payload},
            }
        },
        title=payload,
        facts=[(payload, payload)],
    )
    found = read(page)
    assert found.bad == []
    assert payload.replace("\r", "") in found.text or "\ue000" in payload
    assert "evil.example/x.css'" not in re.sub(r"<[^>]*>", "", page) or payload in found.text


fragments = st.lists(
    st.sampled_from(
        [
            *ALERTS,
            *("<", ">", "</", "<!--", "-->", "<![CDATA[", "]]>", "\0", "&lt;script&gt;", "&#60;"),
            *("<p>", "</p>", "<table>", "<b", "onclick=alert(1)", "<svg>", "<math>", "</math>"),
            *("<style>", "</style>", "#T_1{color:red}", "<title>", "</title>", "x", " ", "`", "$$"),
        ]
    ),
    max_size=8,
).map("".join)


@settings(max_examples=300, deadline=None)
@given(fragments)
@example("<style>#T_1{color:red}</style></style><script>alert(1)</script>")
def test_a38_no_mixture_of_fragments_acts(text):
    """Cleaning holds for what no list of attacks has."""
    reader = Reader()
    reader.feed(clean(text) + markdown_html(text))
    reader.close()
    assert reader.bad == []


def test_the_styles_of_a_pandas_table_stay_and_others_go():
    """`Styler` colours its cells by id; what else a stylesheet does, it doesn't do here."""
    html = """<style type='text/css'>
#T_ab1_row0_col0, #T_ab1_row1_col0 {
  background-color: #fde725;
  color: #000;
  position: fixed;
}
body { display: none }
#T_x { width: expression(1); background: url(https://evil.example) }
</style>
<table id='T_ab1'><tr><td id='T_ab1_row0_col0'>1</td></tr></table>"""
    cleaned = clean(html)
    assert "#T_ab1_row0_col0, #T_ab1_row1_col0{background-color:#fde725;color:#000}" in cleaned
    assert 'id="T_ab1_row0_col0"' in cleaned
    for gone in ("position", "display", "expression", "evil"):
        assert gone not in cleaned


def test_real_outputs_of_pandas_and_sklearn_are_readable():
    """A DataFrame keeps its table; an estimator's diagram, which needs scripts, becomes text."""
    pandas = pytest.importorskip("pandas")
    ensemble = pytest.importorskip("sklearn.ensemble")
    frame = pandas.DataFrame({"name": ["<b>x</b>"], "score": [0.5]})
    table = outputs_html([data(text_html=frame._repr_html_(), text_plain=repr(frame))])
    assert "<table" in table
    assert "0.5" in table
    assert "&lt;b&gt;x" in table
    forest = ensemble.RandomForestClassifier()
    shown = outputs_html([data(text_html=forest._repr_html_(), text_plain=repr(forest))])
    assert shown == '<pre class="result" tabindex="0">RandomForestClassifier()</pre>'


def test_an_interactive_output_says_that_it_is_left_out():
    """Its picture or text instead where there is one, else a note."""
    plotly = {"application/vnd.plotly.v1+json": {}, "text/html": "<div></div><script>x</script>"}
    only = {"output_type": "display_data", "data": plotly, "metadata": {}}
    assert "interactive output is left out" in outputs_html([only])
    with_picture = {**only, "data": {**plotly, "image/png": PNG}}
    assert "interactive" not in outputs_html([with_picture])
    assert PNG in outputs_html([with_picture])
    widget = {"application/vnd.jupyter.widget-view+json": {}, "text/plain": "IntSlider(value=0)"}
    shown = outputs_html([{**only, "data": widget}])
    assert "IntSlider(value=0)" in shown
    assert "interactive output is left out" in shown


def test_huge_outputs_are_shortened_and_say_so():
    """Beginning and end of text; a table of megabytes is left to the notebook."""
    shown = outputs_html([{"output_type": "stream", "text": "a" * 3_000_000 + "z"}])
    assert len(shown) < 2_100_000
    assert "1.0 million characters are left out" in shown
    assert shown.endswith("z</pre>")
    assert "HTML output of 3.0 MB is left out" in outputs_html(
        [data(text_html="<b>" + "x" * 3_000_000)]
    )


def test_hidden_cells_inputs_and_outputs_are_hidden():
    """By the tags that nbconvert and Jupyter Book use, and JupyterLab's own collapsing."""
    stream = {"output_type": "stream", "name": "stdout", "text": "OUT"}
    page = render_html(
        notebook(
            code("secret_cell", tags=["remove-cell"]),
            code("folded", jupyter={"source_hidden": True}),
            code("shown_code", stream, tags=["remove-output"]),
        ),
        title="x",
    )
    text = read(page).text
    assert "secret_cell" not in text
    assert "OUT" not in text
    assert "shown_code" in text
    assert page.count("<details>") == 1


def test_relative_pictures_are_taken_from_the_notebooks_directory_only(tmp_path):
    """Attack 12: what lies beside the notebook is embedded, nothing outside of it is read."""
    base = tmp_path / "project"
    (base / "img").mkdir(parents=True)
    (base / "img/a b.png").write_bytes(b"PICTURE")
    (tmp_path / "secret.png").write_bytes(b"SECRET")
    (base / "link.png").symlink_to(tmp_path / "secret.png")
    (base / "notes.txt").write_text("TEXT")
    os.mkfifo(base / "pipe.png")
    cells = [
        markdown("![a](img/a%20b.png) <img src='img/a b.png'>"),
        markdown("![a](../secret.png) ![b](link.png) ![c](notes.txt) ![d](pipe.png) ![e](no.png)"),
        markdown(f"![f]({tmp_path}/secret.png) ![g](file://{tmp_path}/secret.png)"),
    ]
    page = render_html(notebook(*cells), title="x", base=base)
    embedded = f"data:image/png;base64,{base64.b64encode(b'PICTURE').decode()}"
    assert read(page).images == [embedded, embedded]
    assert read(render_html(notebook(*cells), title="x")).images == []


def test_formulas_become_mathml():
    """Inline, blocks and environments; dollars in code and prices stay as they are."""
    html = markdown_html(
        "It is $e^{i\\pi}$.\n\n$$\\frac{a}{b}$$\n\n`$x$`\n\n\\begin{align}\na\n\\end{align}"
    )
    assert html.count("<math") == 3
    assert '<math xmlns="http://www.w3.org/1998/Math/MathML" display="block"' in html
    assert "<code>$x$</code>" in html
    assert latex_html("$\\displaystyle x^2$").startswith("<math")
    assert "<math" not in math_html("\\href{javascript:alert(1)}{x}") or "href" not in math_html(
        "\\href{javascript:alert(1)}{x}"
    )
    assert "tex" in math_html("\\frac{")


def test_attached_pictures_are_shown():
    """Those that belong to the cell."""
    page = render_html(
        notebook(markdown("![x](attachment:x.png)", attachments={"x.png": {"image/png": PNG}})),
        title="x",
    )
    assert read(page).images == [f"data:image/png;base64,{PNG}"]


HOSTILE = [
    *("[", "*a_ ", "`a", "> ", "$a", "<a ", "[a](", "![", "**a *b ", "- ", "<div>", "<div x='<'>"),
    *("|a", "$$a", "\\begin{a}", "<!--", "&", "&a", "http://a ", "#", "~~a", "```\n", "<style>"),
    *("<style>a{", "#T_a{a:b;", "<b><i>", "<table>", "/*", "\\[", "$", "\\("),
]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_is_rendered_in_bounded_time(unit):
    """No input of a size that is rendered makes the renderer hang."""
    markdown_html(unit * (100_000 // len(unit)))
    long = unit * (1_900_000 // len(unit))
    outputs_html([data(text_html=long), data(text_latex=long), data(text_plain=long)])


def test_html_that_would_take_long_to_clean_is_known():
    """By its nesting and its references; a usual table isn't meant."""
    assert too_costly("<div>" * 500)
    assert too_costly("&a" * 200_000)
    assert not too_costly("<p>x</p>&amp;" * 5000)


def test_the_second_rendering_imports_nothing_more(tmp_path):
    """One exporter for the life of the daemon: only the first one pays for imports."""
    path = tmp_path / "x.ipynb"
    path.write_text(json.dumps(notebook(markdown("# x\n\n$a$"), code("a = 1"))))
    script = (
        "import sys\nfrom jupyter_mlops.converters.html import render_html\n"
        f"one = render_html({str(path)!r}, title='x')\nbefore = set(sys.modules)\n"
        f"assert render_html({str(path)!r}, title='x') == one\n"
        "heavy = {'nbconvert', 'nbformat', 'jsonschema', 'bleach', 'IPython', 'tornado'}\n"
        "print(sorted(set(sys.modules) - before), sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.stdout == "[] []\n"


def test_a_path_bytes_or_a_document_can_be_rendered(tmp_path):
    """All three give the same page."""
    made = notebook(code("a = 1"))
    path = Path(tmp_path / "x.ipynb")
    path.write_text(json.dumps(made))
    pages = {render_html(one, title="x") for one in (path, str(path), path.read_bytes(), made)}
    assert len(pages) == 1
