"""Runs as something to send: a notebook with tables, charts and notes that needs no server.

    report_bytes(Report("churn", time.time(), runs, charts))

Pure, and of the standard library only: a kernel makes its tables and charts with it too. HTML is
`converters.html`'s, of this notebook.
"""

from jupyter_mlops.converters.report.model import Chart, Line, Report, ReportRun, Value
from jupyter_mlops.converters.report.notebook import report_bytes, report_notebook

__all__ = [
    "Chart",
    "Line",
    "Report",
    "ReportRun",
    "Value",
    "report_bytes",
    "report_notebook",
]
