"""Fails if a dependency of a published crate needs a newer Rust than the workspace promises."""

import json
import subprocess
import sys

command = ["cargo", "metadata", "--format-version", "1", "--locked", "--all-features"]
metadata = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
packages = {package["id"]: package for package in metadata["packages"]}
nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}


def version(text):
    return tuple(int(part) for part in text.split(".")[:2])


own = [packages[member] for member in metadata["workspace_members"]]
promised = min(version(package["rust_version"]) for package in own)

reached, pending = set(), [package["id"] for package in own]
while pending:
    current = pending.pop()
    if current in reached:
        continue
    reached.add(current)
    for dep in nodes[current]["deps"]:
        if any(kind["kind"] != "dev" for kind in dep["dep_kinds"]):
            pending.append(dep["pkg"])

late = [
    f"{package['name']} {package['version']} needs Rust {package['rust_version']}"
    for package in (packages[found] for found in sorted(reached))
    if package["rust_version"] and version(package["rust_version"]) > promised
]
if late:
    print(*late, sep="\n", file=sys.stderr)
    sys.exit(f"the workspace promises Rust {'.'.join(map(str, promised))}")
print(f"{len(reached)} crates build with Rust {'.'.join(map(str, promised))}")
