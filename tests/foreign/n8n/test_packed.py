"""The package of our node that `make release` makes."""

import sys
import tarfile
from pathlib import Path

from tools import release


def test_it_holds_what_n8n_loads_and_is_the_same_each_time(tmp_path: Path) -> None:
    packages = []
    for name in ("once", "twice"):
        (tree := tmp_path / name / "tree").mkdir(parents=True)
        (target := tmp_path / name / "dist").mkdir()
        release.export(tree)
        packages.append(release.build_node(tree, target, Path(sys.prefix) / "n8n-nodes-placet"))
    assert packages[0].read_bytes() == packages[1].read_bytes()
    with tarfile.open(packages[0]) as archive:
        names = archive.getnames()
    assert "package/dist/nodes/Placet/Placet.node.js" in names
    assert not [name for name in names if name.endswith(".ts") or "node_modules" in name]
