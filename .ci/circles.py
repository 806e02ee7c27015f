#!/usr/bin/env python3
"""Prints each circle of imports among the files of the given crates, and each import that goes up a
layer; exits with 1 if there are any.

A file imports another if code outside of its tests names a path that leads into it. A name that a
`mod.rs` or `lib.rs` re-exports leads to the file that defines it.
"""

import re
import sys
from pathlib import Path

# Within a crate, files of the first folder do not import files of the second.
LAYERS = {
    "core": [
        ("engineio", "socketio"),
        ("args", "socketio"),
        ("json", "args"),
        ("error", "socketio"),
        ("io", "socketio"),
        ("id", "socketio"),
    ],
    "app": [
        (low, high)
        for low, highs in (
            ("state", ("handles", "handlers", "server", "client")),
            ("handles", ("handlers", "server", "client")),
            ("handlers", ("server", "client")),
            ("server", ("client",)),
            ("client", ("server",)),
        )
        for high in highs
    ],
}


def code(text):
    """The text without comments, literals and unit tests."""
    text = re.sub(r"//[^\n]*|\"(?:\\.|[^\"\\])*\"", "", text)
    return re.split(r"#\[cfg\((?:all\()?test\b[^\n]*\n(?:#\[[^\n]*\n)*\s*mod ", text)[0]


def paths(tree, prefix=()):
    """The paths in the tree of a `use`, each with the name that it gets."""
    head, brace, body = tree.partition("{")
    if not brace:
        path, _, alias = tree.partition(" as ")
        parts = prefix + tuple(part.strip() for part in path.split("::") if part.strip())
        if parts and parts[-1] == "self":
            parts = parts[:-1]
        return [(parts, alias.strip() or parts[-1])] if parts else []
    prefix += tuple(part.strip() for part in head.split("::") if part.strip())
    found, depth, begin = [], 0, 0
    body = body[: body.rindex("}")] + ","
    for at, sign in enumerate(body):
        depth += (sign == "{") - (sign == "}")
        if sign == "," and depth == 0:
            found += paths(body[begin:at].strip(), prefix) if body[begin:at].strip() else []
            begin = at + 1
    return found


class Crate:
    def __init__(self, root):
        self.files = {}
        for file in sorted((root / "src").rglob("*.rs")):
            module = file.relative_to(root / "src").with_suffix("").parts
            if module[-1] in ("mod", "lib", "main"):
                module = module[:-1]
            self.files[module] = code(file.read_text())
        self.exports = {}
        for module, text in self.files.items():
            for tree in re.findall(r"\bpub(?:\([^)]*\))? use ([^;]+);", text):
                for path, name in paths(tree):
                    self.exports[module, name] = self.absolute(path, module)
        self.imports = {module: self.imported(module) for module in self.files}

    def absolute(self, path, module):
        if path[0] == "crate":
            return path[1:]
        if path[0] == "self":
            return module + path[1:]
        while path and path[0] == "super":
            path, module = path[1:], module[:-1]
            if not path or path[0] != "super":
                return module + path
        return module + path

    def home(self, path):
        """The file that a path leads into."""
        for _ in range(8):
            module = next((path[:n] for n in range(len(path), -1, -1) if path[:n] in self.files), ())
            rest = path[len(module) :]
            target = self.exports.get((module, rest[0])) if rest else None
            if target is None or target == path:
                return module
            path = target + rest[1:]
        return ()

    def imported(self, module):
        text = self.files[module]
        private = re.sub(r"\bpub(?:\([^)]*\))? use [^;]+;", "", text)
        found = [path for tree in re.findall(r"\buse ([^;]+);", private) for path, _ in paths(tree)]
        inline = re.sub(r"\buse [^;]+;", "", private)
        found += [
            tuple(path.split("::")) for path in re.findall(r"\b(?:crate|super|self)(?:::\w+)+", inline)
        ]
        homes = set()
        for path in found:
            if path[0] in ("crate", "super", "self") or module + path[:1] in self.files:
                homes.add(self.home(self.absolute(path, module)))
        return homes - {module, ()}

    def circles(self):
        """Groups of files that reach each other."""
        reach = {}
        for start in self.files:
            seen, todo = set(), [start]
            while todo:
                for file in self.imports[todo.pop()] - seen:
                    seen.add(file)
                    todo.append(file)
            reach[start] = seen
        left = {file for file in self.files if file in reach[file]}
        while left:
            file = min(left)
            circle = {other for other in left if other in reach[file] and file in reach[other]}
            left -= circle
            yield sorted(circle)


def main(roots):
    problems = 0
    for root in map(Path, roots):
        crate = Crate(root)
        for circle in crate.circles():
            problems += 1
            print(f"{root}: a circle of imports: {', '.join('::'.join(file) for file in circle)}")
        for low, high in LAYERS.get(root.name, []):
            for file, imports in crate.imports.items():
                for other in sorted(imports):
                    if file[:1] == (low,) and other[:1] == (high,):
                        problems += 1
                        print(f"{root}: {'::'.join(file)} imports {'::'.join(other)}")
    return problems > 0


sys.exit(main(sys.argv[1:]))
