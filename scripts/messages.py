"""Which strings of the labextension people can read, for the translations.

`python scripts/messages.py` lists those that a catalog lacks and those that it has too many;
exit code 1 when there are any. Catalogs: server_ext/jupyter_mlops/locale/*/LC_MESSAGES/*.json.
"""

from __future__ import annotations

import ast
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent
_LITERAL = r"""('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*")"""
_CALL = re.compile(rf"trans\s*\.\s*(__|_n)\(\s*{_LITERAL}(?:\s*,\s*{_LITERAL})?")


def messages(source: Path) -> dict[str, str | None]:
    """Each message of the TypeScript files below `source`, with its plural where it has one."""
    found: dict[str, str | None] = {}
    for file in sorted([*source.rglob("*.ts"), *source.rglob("*.tsx")]):
        if "__tests__" in file.parts:
            continue
        for kind, first, second in _CALL.findall(file.read_text()):
            found[ast.literal_eval(first)] = ast.literal_eval(second) if kind == "_n" else None
    return found


def differences(catalog: Path, wanted: dict[str, str | None]) -> list[str]:
    """What is wrong with a catalog, in words."""
    entries = json.loads(catalog.read_text())
    header = entries.pop("")
    forms = int(re.search(r"nplurals=(\d+)", header["plural_forms"])[1])  # type: ignore[index]
    wrong = [f"lacks: {message}" for message in wanted if message not in entries]
    wrong += [f"unused: {message}" for message in entries if message not in wanted]
    for message, translations in entries.items():
        expected = forms if wanted.get(message) else 1
        if len(translations) != expected or not all(translations):
            wrong.append(f"needs {expected} form(s): {message}")
        for translation in translations:
            if sorted(re.findall(r"%\d", translation)) != sorted(re.findall(r"%\d", message)):
                wrong.append(f"other placeholders: {message}")
    return wrong


def main() -> int:
    """Check every catalog."""
    wanted = messages(HERE / "labextension" / "src")
    status = 0
    for catalog in sorted((HERE / "server_ext/jupyter_mlops/locale").rglob("*.json")):
        for line in differences(catalog, wanted):
            print(f"{catalog.relative_to(HERE)}: {line}")
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
