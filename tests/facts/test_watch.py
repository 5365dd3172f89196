"""What is seen of a notebook from inside its kernel: cells, seeds, files, environment."""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from jupyter_mlops.facts import hashing, reading

Watched = Callable[..., dict[str, Any]]


def read(facts: dict[str, Any]) -> list[str]:
    """Names of the files that were read."""
    return [Path(one["path"]).name for one in facts["read"]]


def digest(content: bytes) -> str:
    """SHA-256."""
    return hashlib.sha256(content).hexdigest()


def test_cells_are_told_in_the_order_in_which_they_ran(watched: Watched) -> None:
    """With the hash of their source; one that raised is told, too."""
    facts = watched("x = 1", "1 / 0", "x = 1")
    assert [(cell["hash"], cell["count"], cell["ok"]) for cell in facts["cells"]] == [
        (digest(b"x = 1"), 1, True),
        (digest(b"1 / 0"), 2, False),
        (digest(b"x = 1"), 3, True),
    ]
    assert facts["complete"] is True


def test_seeds_are_seen_however_they_are_imported(watched: Watched) -> None:
    """Of modules that were there and of those that come; each once, with its cell."""
    facts = watched(
        "import random; random.seed(3)",
        "from numpy.random import default_rng, seed\nseed(7); default_rng(seed=11)",
        "import numpy as np\nfor _ in range(9): np.random.default_rng(11)",
        "np.random.default_rng(np.random.SeedSequence(5)); r = np.random.default_rng()\n"
        "np.random.default_rng(r)",
    )
    assert facts["seeds"]["calls"] == [
        {"function": "random.seed", "seed": 3, "cell": 1},
        {"function": "numpy.random.seed", "seed": 7, "cell": 2},
        {"function": "numpy.random.default_rng", "seed": 11, "cell": 2},
        {"function": "numpy.random.default_rng", "seed": 5, "cell": 4},
        {"function": "numpy.random.default_rng", "seed": None, "cell": 4},
    ]


def test_numbers_drawn_without_a_seed_are_told(watched: Watched) -> None:
    """Not those drawn after one, and nothing where none were drawn."""
    assert watched("x = 1; import numpy")["seeds"]["drawn"] == []
    facts = watched("import random, numpy; random.seed(1)", "random.random(); numpy.random.rand()")
    assert facts["seeds"]["drawn"] == ["numpy.random"]
    assert watched("import random; random.random()")["seeds"]["drawn"] == ["random"]


def test_what_libraries_draw_when_they_are_imported_is_not_the_notebooks(
    watched: Watched, tmp_path: Path
) -> None:
    """Libraries draw examples for docstrings (scipy), an id (rich). A module of the person's own is
    theirs, and so is a seed, whoever sets it.
    """
    facts = watched("import numpy, scipy.stats, rich.style")
    assert facts["seeds"] == {"calls": [], "drawn": []}
    (tmp_path / "work" / "own.py").write_text(
        "import numpy as np\nnp.random.seed(1)\nrng = np.random.default_rng()\n"
    )
    facts = watched("import sys; sys.path.insert(0, '')\nimport own, random, rich.style")
    assert facts["seeds"] == {
        "calls": [
            {"function": "numpy.random.seed", "seed": 1, "cell": 1},
            {"function": "numpy.random.default_rng", "seed": None, "cell": 1},
        ],
        "drawn": [],
    }
    drawn = watched("import random; random.random(); import rich.style")["seeds"]["drawn"]
    assert drawn == ["random"]


def test_whoever_only_asks_for_a_module_hides_nothing(watched: Watched, tmp_path: Path) -> None:
    """As transformers asks whether torch is there, before it is imported."""
    (tmp_path / "work" / "torch.py").write_text("def manual_seed(seed): pass\n")
    facts = watched(
        "import importlib.util, sys; sys.path.insert(0, '')\nimportlib.util.find_spec('torch')",
        "import torch; torch.manual_seed(2)",
    )
    assert facts["seeds"]["calls"] == [{"function": "torch.manual_seed", "seed": 2, "cell": 2}]


def test_what_is_watched_works_as_always(watched: Watched) -> None:
    """Same numbers, same signatures, and functions that can be pickled."""
    facts = watched(
        "import random, pickle, inspect, numpy as np",
        "random.seed(1); a = random.random(); random.Random(1).random() == a or 1 / 0",
        "pickle.loads(pickle.dumps(np.random.default_rng))(1)",
        "pickle.loads(pickle.dumps(random.seed))(2)",
        "plain = np.random.Generator(np.random.PCG64(5))\n"
        "assert np.random.default_rng(5).random() == plain.random()",
        "assert 'seed' in (np.random.default_rng.__doc__ or '')",
    )
    assert [cell["ok"] for cell in facts["cells"]] == [True] * 6


def test_files_are_seen_whoever_opens_them(watched: Watched, tmp_path: Path) -> None:
    """Python's `open`, pathlib, numpy, pandas, and Arrow, which opens them without Python."""
    work = tmp_path / "work"
    for name in ("open.txt", "path.txt", "pandas.csv", "arrow.csv", "bytes.txt"):
        (work / name).write_text("a,b\n1,2\n")
    facts = watched(
        "open('open.txt').read(); open(b'bytes.txt').read()",
        "from pathlib import Path\nPath('path.txt').read_text()",
        "import numpy as np, pandas as pd\npd.read_csv('pandas.csv')",
        "import pyarrow.csv\npyarrow.csv.read_csv('arrow.csv')",
        "np.save('made.npy', np.zeros(3)); np.load('made.npy')",
    )
    assert all(cell["ok"] for cell in facts["cells"])
    assert read(facts) == ["open.txt", "bytes.txt", "path.txt", "pandas.csv", "arrow.csv"]
    assert [one["cell"] for one in facts["read"]] == [1, 1, 2, 3, 4]
    assert {one["sha256"] for one in facts["read"]} == {digest(b"a,b\n1,2\n")}
    assert {one["size"] for one in facts["read"]} == {8}


def test_files_are_seen_however_they_are_read(watched: Watched, tmp_path: Path) -> None:
    """Mapped, unpacked, by its descriptor, and several at once by Arrow."""
    work = tmp_path / "work"
    (work / "parts").mkdir(parents=True)
    for name in ("map.bin", "a.csv.gz", "os.bin", "from.bin", "parts/1.csv", "parts/2.csv"):
        raw = gzip.compress(b"x") if name.endswith(".gz") else b"a,b\n1,2\n"
        (work / name).write_bytes(raw)
    facts = watched(
        "import numpy as np\nnp.memmap('map.bin', mode='r').sum()",
        "import gzip\ngzip.open('a.csv.gz').read()",
        "import os\nos.close(os.open('os.bin', os.O_RDONLY))",
        "np.fromfile('from.bin', dtype='u1')",
        "import pyarrow.dataset as ds\nds.dataset(['parts/1.csv', 'parts/2.csv'], format='csv')",
    )
    assert all(cell["ok"] for cell in facts["cells"]), facts["printed"]
    assert read(facts) == ["map.bin", "a.csv.gz", "os.bin", "from.bin", "1.csv", "2.csv"]


def test_files_of_boosting_libraries_are_seen(watched: Watched, tmp_path: Path) -> None:
    """They read by themselves what they are given the name of; arrays are none."""
    for package in ("lightgbm", "xgboost"):
        if find_spec(package) is None:
            pytest.skip(f"{package} isn't installed")
    work = tmp_path / "work"
    for name in ("light.csv", "x.csv"):
        (work / name).write_text("".join(f"{n},{n % 3}\n" for n in range(100)))
    facts = watched(
        "import lightgbm, numpy\nlightgbm.Dataset('light.csv').construct()",
        "import xgboost\nxgboost.DMatrix('x.csv?format=csv&label_column=0')",
        "xgboost.DMatrix(numpy.zeros((5, 2)))",
    )
    assert all(cell["ok"] for cell in facts["cells"]), facts["printed"]
    assert read(facts) == ["light.csv", "x.csv"]


def test_arrow_reads_whole_directories(watched: Watched, tmp_path: Path) -> None:
    """Each file of a dataset, and Parquet by itself."""
    facts = watched(
        "import pyarrow as pa, pyarrow.parquet as pq, os\nos.makedirs('parts')",
        "import subprocess, sys\n"
        "for n in range(3):\n"
        "    subprocess.run([sys.executable, '-c', 'import pyarrow as pa, pyarrow.parquet as pq;'"
        "                    f'pq.write_table(pa.table(dict(a=[{n}])), \"parts/{n}.parquet\")'])",
        "import pyarrow.dataset as ds\nassert ds.dataset('parts').to_table().num_rows == 3",
        "pq.read_table('parts/0.parquet'); pq.ParquetFile('parts/1.parquet').read()",
    )
    assert all(cell["ok"] for cell in facts["cells"]), facts["printed"]
    assert sorted(read(facts)) == ["0.parquet", "1.parquet", "2.parquet"]


def test_code_hidden_files_and_what_the_run_made_are_no_data(
    watched: Watched, tmp_path: Path
) -> None:
    """Neither is what lies elsewhere, unless a folder for data is named."""
    work = tmp_path / "work"
    (work / ".git").mkdir()
    (work / "site-packages").mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    files = [work / "m.py", work / ".git/config", work / ".env", work / "site-packages/x.txt"]
    files += [work / "data.txt", elsewhere / "shared.txt"]
    for file in files:
        file.write_text("1")
    cells = [f"open({str(file)!r}).read()" for file in files]
    cells += ["open('made.txt', 'w').write('1'); open('made.txt').read()", "import m"]
    assert read(watched(*cells)) == ["data.txt"]
    assert read(watched(*cells, folders=[str(elsewhere)])) == ["data.txt", "shared.txt"]
    assert "read" not in watched(*cells, datasets=False)


def test_a_file_is_told_as_it_was_when_it_was_read(watched: Watched, tmp_path: Path) -> None:
    """Overwritten later by the run itself, its hash is that of what was read."""
    (tmp_path / "work/d.txt").write_text("before")
    facts = watched(
        "open('d.txt').read()",
        "import time; time.sleep(0.3)",
        "open('d.txt', 'w').write('after it')",
    )
    (one,) = facts["read"]
    assert (one["size"], one["sha256"]) == (6, digest(b"before"))


def test_a_file_of_another_directory_is_found_after_a_change_of_it(
    watched: Watched, tmp_path: Path
) -> None:
    """The same relative name is another file then."""
    for name in ("a", "b"):
        (tmp_path / "work" / name).mkdir()
        (tmp_path / "work" / name / "d.txt").write_text(name)
    facts = watched(
        "import os\nos.chdir('a'); open('d.txt').read()",
        "os.chdir('../b'); open('d.txt').read()",
    )
    assert [Path(one["path"]).parent.name for one in facts["read"]] == ["a", "b"]


def test_a_large_file_is_told_without_a_hash(watched: Watched, tmp_path: Path) -> None:
    """By its size and time."""
    (tmp_path / "work/big").write_bytes(b"x" * 5000)
    (one,) = watched("open('big').read()", hash_limit=1000)["read"]
    assert (one["size"], one["note"]) == (5000, hashing.TOO_LARGE)
    assert "sha256" not in one


def test_secrets_are_never_recorded(watched: Watched) -> None:
    """Variables are those of the list, and what is asked for unless it is called like a secret."""
    env = {
        "OMP_NUM_THREADS": "2",
        "OPENBLAS_CORETYPE": "Haswell",
        "MINE": "1",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
        "MLFLOW_TRACKING_TOKEN": "s3cret",
        "OMP_TOKEN": "s3cret",
        "PGPASSWORD": "s3cret",
    }
    facts = watched("x = 1", env=env, variables=["MINE", "AWS_*", "PGPASSWORD"])
    assert facts["variables"].items() >= {
        "OMP_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Haswell", "MINE": "1",
    }.items()  # fmt: skip
    assert "s3cret" not in str(facts)


def test_a_module_that_belongs_to_no_installation_is_told(watched: Watched, tmp_path: Path) -> None:
    """Wherever it lies; the standard library and packages aren't."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/mine.py").write_text("")
    facts = watched(f"import sys; sys.path.append({str(tmp_path / 'lib')!r}); import mine, json")
    assert [Path(one).name for one in facts["modules"] if "mine" in one] == ["mine.py"]
    assert not [one for one in facts["modules"] if "json" in one or "numpy" in one]


def test_a_fork_of_the_notebook_leaves_the_facts_alone(watched: Watched) -> None:
    """It would say that it had run what its parent did."""
    facts = watched(
        "import os\npid = os.fork()",
        "if pid == 0: os._exit(0)\nos.waitpid(pid, 0)",
        "x = 2",
    )
    assert len(facts["cells"]) == 3


def test_files_without_number_are_made_in_bounded_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is remembered of files that the run made has an end; those it remembers are no data."""
    monkeypatch.setattr(reading, "_MADE_MOST", 3)
    seen = reading.Reading([str(tmp_path)], [])
    seen.active = True
    for at in range(10):
        (tmp_path / f"{at}.bin").write_bytes(b"x")
        assert seen.opened(str(tmp_path / f"{at}.bin"), writing=True)
        seen.opened(str(tmp_path / f"{at}.bin"))
    assert len(seen.files) == 7


@pytest.mark.parametrize("size", [10, hashing.REMEMBERED])
def test_a_hash_is_that_of_the_file_that_was_seen(tmp_path: Path, size: int) -> None:
    """A file that has changed since has none, remembered or not."""
    path, cache = tmp_path / "f", tmp_path / "cache"
    path.write_bytes(b"a" * size)
    found = os.stat(path)
    seen = {
        "path": str(path), "size": size, "mtime_ns": found.st_mtime_ns, "inode": found.st_ino,
    }  # fmt: skip
    for _ in range(2):
        got = hashing.content_hash(seen, 2**30, str(cache))
        assert got == {"sha256": digest(b"a" * size)}
    assert cache.exists() == (size >= hashing.REMEMBERED)
    path.write_bytes(b"b" * size)
    os.utime(path, ns=(1, 1))
    assert hashing.content_hash(seen, 2**30, str(cache)) == {"note": hashing.CHANGED}
    path.unlink()
    changed = hashing.content_hash(seen, 2**30, str(cache))
    assert changed["note"] in (hashing.CHANGED, hashing.GONE)


def test_a_remembered_hash_that_is_none_is_not_believed(tmp_path: Path) -> None:
    """A power cut may have left an empty file in the cache: the content is hashed again."""
    data = tmp_path / "data.bin"
    data.write_bytes(b"x" * hashing.REMEMBERED)
    found = data.stat()
    seen = {
        "path": str(data), "size": found.st_size, "mtime_ns": found.st_mtime_ns,
        "inode": found.st_ino,
    }  # fmt: skip
    cache = tmp_path / "cache"
    first = hashing.content_hash(seen, 2**30, str(cache))
    assert first == {"sha256": digest(b"x" * hashing.REMEMBERED)}
    (place,) = cache.iterdir()
    for broken in ("", first["sha256"][:10], "z" * 64):
        place.write_text(broken)
        assert hashing.content_hash(seen, 2**30, str(cache)) == first
        assert place.read_text() == first["sha256"]


def test_what_is_no_file_any_more_holds_up_nobody(tmp_path: Path) -> None:
    """A pipe in its place, or a name that no file can have."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    seen = {"path": str(pipe), "size": 5, "mtime_ns": 1, "inode": 1}
    assert hashing.content_hash(seen, 2**30, None) == {"note": hashing.CHANGED}
    nothing = {**seen, "path": "a\0b"}
    assert hashing.content_hash(nothing, 2**30, None) == {"note": hashing.GONE}
    assert hashing.unchanged(nothing) is False


def test_a_file_that_comes_later_is_seen(watched: Watched) -> None:
    """Its first opening found nothing, and the file was not made by the run itself."""
    facts = watched(
        "import subprocess\n"
        "try:\n    open('later.csv')\n"
        "except FileNotFoundError:\n    subprocess.run(['sh', '-c', 'echo 1 > later.csv'])\n"
        "open('later.csv').read()"
    )
    assert read(facts) == ["later.csv"]


def test_a_copy_of_ours_is_no_reading(watched: Watched, tmp_path: Path) -> None:
    """What is kept as an artifact isn't data."""
    (tmp_path / "work/weights.bin").write_text("x")
    facts = watched(
        "from pathlib import Path\nfrom jupyter_mlops.magics.attachments import _copy\n"
        "_copy(Path('weights.bin'), Path('copied.bin'))"
    )
    assert read(facts) == []
