"""Updates from a repository by python-tuf, and downloads targets: SERVER METADATA_DIR TARGET_DIR PATH... ; one JSON line each."""

import json
import sys
from pathlib import Path

from tuf.ngclient import Updater

server, metadata_dir, target_dir, *paths = sys.argv[1:]
updater = Updater(
    metadata_dir=metadata_dir,
    metadata_base_url=f"{server}/metadata/",
    target_dir=target_dir,
    target_base_url=f"{server}/targets/",
    bootstrap=Path(metadata_dir, "first-root.json").read_bytes(),
)
updater.refresh()
for number, path in enumerate(paths):
    info = updater.get_targetinfo(path)
    file = None if info is None else updater.download_target(info, str(Path(target_dir, f"target-{number}")))
    print(json.dumps({"path": path, "file": file}))
