"""The chart under a cell, from a real kernel: live, and what stays of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from jupyter_mlops.magics.chart import VEGA_LITE

from .conftest import Cell, Kernel
from .mlops_store import store_ready

pytestmark = pytest.mark.slow
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(autouse=True, scope="module")
def store(shared_home: Path) -> None:
    """It is there."""
    store_ready()


def test_it_is_live_and_then_stays(kernel: Kernel, tmp_path: Path) -> None:
    """A widget while the cell runs; then Vega-Lite, HTML and text in the same place."""
    go = tmp_path / "go"
    seen: list[str] = []

    def watch(cell: Cell) -> None:
        if cell.displays(WIDGET):
            seen.append(cell.displays("text/plain")[0])
            go.touch()

    cell = kernel.run(
        "%%mlops track --name drawn\n"
        "import jupyter_mlops as mlops, os, time\n"
        "for i in range(10): mlops.log(loss=10 - i)\n"
        f"while not os.path.exists({str(go)!r}): time.sleep(0.02)\n"
        "for i in range(10): mlops.log(loss=i)",
        watch=watch,
    )
    assert (cell.status, cell.error) == ("ok", "")
    assert "10 points" in seen[0]
    (display,) = [one for one in cell.outputs if one["output_type"] == "display_data"]
    assert display["data"].keys() == {VEGA_LITE, "text/html", "text/plain"}
    assert "20 points" in display["data"]["text/plain"]
    # What was live is gone from the kernel, too.
    assert [m for m in cell.messages if m["msg_type"] == "comm_close"]


def test_each_cell_that_logs_has_one(kernel: Kernel) -> None:
    """With the run so far; one value makes no chart, and a cell that logs nothing has none."""
    kernel.run("%mlops start\nimport jupyter_mlops as mlops")
    assert kernel.run("mlops.log(acc=1)").displays("text/html") == []
    (first,) = kernel.run("for i in range(5): mlops.log(acc=i)").displays("text/plain")
    assert "6 points" in first
    assert kernel.run("x = 1").displays("text/html") == []
    (second,) = kernel.run("mlops.log(acc=1)\nmlops.end()").displays("text/plain")
    assert "7 points" in second


def test_it_can_be_left_out(kernel: Kernel, start_kernel: Callable[..., Kernel]) -> None:
    """For a run, by the function or the line; for a kernel by a variable."""
    loop = "import jupyter_mlops as mlops\nfor i in range(9): mlops.log(loss=i)"
    cell = kernel.run(f"%%mlops track --no-chart\n{loop}")
    assert cell.displays("text/html") == []
    kernel.run("import jupyter_mlops as mlops\nmlops.start(chart=False)")
    assert kernel.run(loop).displays("text/html") == []
    kernel.run("mlops.end()")
    quiet = start_kernel(JUPYTER_MLOPS_CHART="off")
    assert quiet.run(f"%%mlops track\n{loop}").displays("text/html") == []


def test_without_ipywidgets(start_kernel: Callable[..., Kernel], tmp_path: Path) -> None:
    """Nothing moves; what stays is the same."""
    (tmp_path / "ipywidgets.py").write_text("raise ImportError('none here')\n")
    kernel = start_kernel()
    kernel.run(f"import sys; sys.path.insert(0, {str(tmp_path)!r})")
    cell = kernel.run(
        "%%mlops track\nimport jupyter_mlops as mlops, time\n"
        "for i in range(9): mlops.log(loss=i)\ntime.sleep(0.6)"
    )
    assert (cell.status, cell.text("stderr"), cell.displays(WIDGET)) == ("ok", "", [])
    assert len(cell.displays(VEGA_LITE)) == 1


def test_a_chart_that_fails_costs_nothing_but_itself(kernel: Kernel) -> None:
    """It is said once; all that is logged is recorded."""
    kernel.run(
        "import jupyter_mlops as mlops, time, ipywidgets\n"
        "usual, ipywidgets.HTML = ipywidgets.HTML, None\nrun = mlops.start()"
    )
    cell = kernel.run(
        "for i in range(9):\n    mlops.log(loss=i)\n    time.sleep(0.1)\n"
        "ipywidgets.HTML = usual\nprint(run.sync()['recorded'])"
    )
    assert cell.text("stderr").count("the chart can't be drawn") == 1
    assert cell.text().strip() == "True"
    kernel.run("mlops.end()")
