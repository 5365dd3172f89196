import importlib.util
import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_SPEC = importlib.util.spec_from_file_location("messages", ROOT / "scripts" / "messages.py")
messages = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(messages)

CATALOGS = sorted((ROOT / "server_ext/jupyter_mlops/locale").rglob("jupyter_mlops.json"))


def test_korean_is_shipped():
    """Korean is the second language of the product."""
    assert [catalog.parents[1].name for catalog in CATALOGS] == ["ko_KR"]


@pytest.mark.parametrize("catalog", CATALOGS, ids=lambda path: path.parents[1].name)
def test_every_message_is_translated(catalog):
    """A string added in the labextension is translated in the same change."""
    assert messages.differences(catalog, messages.messages(ROOT / "labextension/src")) == []


def test_a_missing_translation_is_seen(tmp_path):
    """The check itself can fail: a lost entry and a lost placeholder are both named."""
    wanted = messages.messages(ROOT / "labextension/src")
    entries = json.loads(CATALOGS[0].read_text())
    del entries["Jobs"]
    entries["Waiting for %1"] = ["기다림"]
    broken = tmp_path / "broken.json"
    broken.write_text(json.dumps(entries))
    assert messages.differences(broken, wanted) == [
        "lacks: Jobs",
        "other placeholders: Waiting for %1",
    ]


def test_jupyterlab_finds_the_korean_catalog():
    """JupyterLab serves it under our domain, with its own Korean pack installed."""
    from jupyterlab_server.translation_utils import get_installed_packages_locale

    found, message = get_installed_packages_locale("ko_KR")
    assert "jupyter_mlops" in found, message
    # JupyterLab looks messages up by this name; by another one it finds none.
    assert found["jupyter_mlops"][""]["language"] == "ko-KR"
    assert found["jupyter_mlops"]["Jobs"] == ["작업"]
