#!/usr/bin/env python3
"""Checks which module of src/ knows which, so that a request can go one way only.

    hack/check-layers.py               the modules of src/
    hack/check-layers.py --self-test   whether each kind of violation would be found

It reads text, not Rust: comment lines are left out, everything else counts, strings too.
"""

import pathlib
import re
import sys
import tempfile

# What each top-level module may use of the crate. A new module needs a line; docs/architecture.md says why.
MAY_USE = {
    "limits": "",
    "json": "",
    "text": "limits",
    "regex": "limits",
    "time": "limits text",
    "condition": "limits regex text time",
    "image": "limits text",
    "attached": "image json limits text",
    "payload": "attached image limits requirement text",
    "requirement": "condition image limits text time verify",
    "verify": "attached condition image limits payload regex requirement text time",
    "workload": "image json limits text",
    "settings": "condition image limits regex requirement text time verify workload",
    "rules": "image requirement settings",
    "registry": "attached image limits requirement text time verify",
    "verdict": "image limits registry requirement settings text time verify workload",
    "evaluate": "attached image limits registry requirement rules settings text time verdict verify workload",
    "guest": "evaluate registry settings verdict workload",
}

# What only these files may mention.
ONLY_IN = [
    ("the SDK", r"\bkubewarden_policy_sdk\b|\bwapc_guest\b", "guest.rs registry/host.rs verdict/response.rs"),
    ("unsafe code", r"\bunsafe(_code)?\b", "guest.rs"),
    ("the clock", r"\b(Instant|SystemTime)\b", "registry/host.rs"),
    # time.rs borrows the calendar of their DER.
    ("a curve", r"\b(p256|p384|p521|ecdsa|rsa|ed25519_dalek)::", "verify/ time.rs"),
    ("files, network, processes", r"\bstd::(env|fs|io|net|os|process|thread)\b", ""),
    ("another name for the crate", r"\buse crate as\b|\bextern crate\b", ""),
]

MAX_LINES = 600


def code_of(path: pathlib.Path) -> str:
    lines = path.read_text().splitlines()
    return "\n".join("" if line.lstrip().startswith("//") else line for line in lines)


def roots_of(tree: str) -> list[str]:
    """The first names of a use tree's branches: of `{a::b, c}` they are a and c."""
    if not tree.startswith("{"):
        return [re.match(r"\*|\w*", tree).group()]
    names, depth, start = [], 0, 1
    for at, character in enumerate(tree):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if (character == "," and depth == 1) or depth == 0:
            names.append(tree[start:at].strip())
            start = at + 1
        if depth == 0:
            break
    return [re.match(r"\*|\w*", name).group() for name in names if name]


def uses(code: str, depth: int) -> set[str]:
    """The top-level modules that the code names, for a file so many modules below the crate."""
    found = set()
    for path in re.finditer(r"\b(crate|sigwarden|super)\s*::\s*((?:super\s*::\s*)*)", code):
        levels = len(re.findall("super", path.group()))
        roots = roots_of(code[path.end() :])
        if path.group(1) == "super":
            if levels < depth:
                continue
            # In an inline module, which is indented, `super::*` is the file's own module.
            if roots == ["*"] and code[code.rfind("\n", 0, path.start()) + 1 :].startswith(" "):
                continue
        found.update(roots)
    return found


def check(src: pathlib.Path) -> list[str]:
    problems = []
    files = sorted(src.rglob("*.rs"))
    if not files:
        return [f"there is no source in {src}"]
    modules = {path.relative_to(src).parts[0].removesuffix(".rs") for path in files} - {"lib"}
    for path in files:
        name = path.relative_to(src).as_posix()
        code = code_of(path)
        for what, pattern, where in ONLY_IN:
            allowed = any(name == place or (place.endswith("/") and name.startswith(place)) for place in where.split())
            if not allowed and (match := re.search(pattern, code)):
                problems.append(f"{name}: `{match.group()}`: {what} belongs {f'in {where}' if where else 'nowhere'}")
        if (lines := len(path.read_text().splitlines())) > MAX_LINES:
            problems.append(f"{name}: {lines} lines, more than {MAX_LINES}")
        parts = [part for part in name.removesuffix(".rs").split("/") if part != "mod"]
        module = parts[0]
        if module == "lib":
            continue
        if module not in MAY_USE:
            problems.append(f"{name}: the module `{module}` has no line in MAY_USE of hack/check-layers.py")
            continue
        used = uses(code, len(parts)) & (modules | {"*", "self"})
        for other in sorted(used - {module} - set(MAY_USE[module].split())):
            problems.append(f"{name}: `{module}` must not know `{other}`")
    return problems


VIOLATIONS = [
    ("verify/key.rs", "use crate::registry::Registry;", "`verify` must not know `registry`"),
    ("verify/mod.rs", "use crate::{image::Digest, registry::{self}};", "`verify` must not know `registry`"),
    ("verify/key.rs", "use super::super::registry;", "`verify` must not know `registry`"),
    ("verify/mod.rs", "fn f() { super::registry::ask() }", "`verify` must not know `registry`"),
    ("verify/key.rs", "use crate::*;", "`verify` must not know `*`"),
    ("verify/mod.rs", "use super::*;", "`verify` must not know `*`"),
    ("verify/key.rs", "use kubewarden_policy_sdk::host;", "`kubewarden_policy_sdk`: the SDK"),
    ("payload.rs", "fn f(s: &crate::settings::Settings) {}", "`payload` must not know `settings`"),
    ("image/mod.rs", "use crate::settings;", "`image` must not know `settings`"),
    ("requirement.rs", "use crate::registry;", "`requirement` must not know `registry`"),
    ("workload/mod.rs", "use crate::verdict::Verdict;", "`workload` must not know `verdict`"),
    ("registry/mod.rs", "use kubewarden_policy_sdk::wapc_guest;", "the SDK belongs in"),
    ("text.rs", "unsafe { core::hint::unreachable_unchecked() }", "`unsafe`: unsafe code"),
    ("text.rs", "#![allow(unsafe_code)]", "`unsafe_code`: unsafe code"),
    ("settings/mod.rs", "use std::time::Instant;", "`Instant`: the clock"),
    ("payload.rs", "use p256::ecdsa::Signature;", "`p256::`: a curve"),
    ("text.rs", "use std::fs;", "`std::fs`: files, network, processes"),
    ("text.rs", "use crate as everything;", "another name for the crate"),
    ("novel.rs", "", "the module `novel` has no line"),
    ("text.rs", "\n" * (MAX_LINES + 1), f"more than {MAX_LINES}"),
]

SOUND = {
    "lib.rs": "pub mod registry;",
    "guest.rs": "use kubewarden_policy_sdk::wapc_guest; #[unsafe(no_mangle)] fn wapc_init() {}",
    "registry/mod.rs": "use crate::image::Digest;",
    "registry/host.rs": "use super::Host; use std::time::Instant; use kubewarden_policy_sdk::wapc_guest;",
    "settings/mod.rs": "use crate::{image, verify::{self}};",
    "image/mod.rs": "",
    "requirement.rs": "use crate::verify::PublicKey;",
    "verdict/mod.rs": "use crate::registry::RegistryError;",
    "verify/mod.rs": "mod key; // p256",
    "verify/key.rs": "// crate::registry is not known here\nuse super::Signer; use p256::ecdsa::VerifyingKey;",
    "payload.rs": "mod tests {\n    use super::*;\n}",
}


def self_test() -> list[str]:
    problems = []
    for file, code, wanted in [("lib.rs", "", None), *VIOLATIONS]:
        with tempfile.TemporaryDirectory() as directory:
            src = pathlib.Path(directory)
            for name, text in SOUND.items():
                (src / name).parent.mkdir(exist_ok=True)
                (src / name).write_text(text)
            (src / file).parent.mkdir(exist_ok=True)
            with (src / file).open("a") as appended:
                appended.write("\n" + code + "\n")
            found = check(src)
            if wanted is None and found:
                problems.append(f"sound modules are refused: {found}")
            if wanted is not None and not any(wanted in problem and file in problem for problem in found):
                problems.append(f"not found in {file}: {code.strip()[:60]} (found: {found})")
    return problems


def main() -> int:
    testing = sys.argv[1:] == ["--self-test"]
    if sys.argv[1:] and not testing:
        print(__doc__, file=sys.stderr)
        return 2
    problems = self_test() if testing else check(pathlib.Path(__file__).resolve().parent.parent / "src")
    for problem in problems:
        print(f"layers: {problem}", file=sys.stderr)
    if not problems:
        print(f"layers: {f'all {len(VIOLATIONS)} kinds of violation are found' if testing else 'as they should be'}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
