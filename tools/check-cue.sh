#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tools/check-cue.sh [--write]
#
# Whether each checked-in manifest in JSON is what its CUE source evaluates to. Says
# "skipped" and succeeds only where no CUE evaluator can be had. With --write, writes
# what each source evaluates to, and compares nothing; what cannot be evaluated leaves
# its JSON as it is.
#
# Exit codes: 0 all agree, or are written; 1 one differs, or cannot be evaluated;
# 2 usage; 3 --write, and no evaluator to be had.
set -eu

write=no
if [ "$*" = --write ]; then
    write=yes
elif [ $# -ne 0 ]; then
    echo "usage: tools/check-cue.sh [--write]" >&2
    exit 2
fi

cd -- "$(dirname -- "$0")/.."
fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
failed=0

for source in *.cue; do
    checked_in=${source%.cue}.json
    status=0
    tools/cue/export.sh "$source" >"$fresh" || status=$?
    if [ "$status" -eq 3 ] && [ "$write" = yes ]; then
        echo "check-cue: install cue, or npm, or make the same change in $checked_in" >&2
        exit 3
    elif [ "$status" -eq 3 ]; then
        echo "check-cue: skipped: no CUE evaluator can be had here"
        exit 0
    elif [ "$status" -ne 0 ]; then
        echo "check-cue: $source cannot be evaluated" >&2
        failed=1
    elif [ "$write" = yes ]; then
        cat "$fresh" >"$checked_in"
    elif [ ! -f "$checked_in" ]; then
        echo "check-cue: $checked_in is missing" >&2
        failed=1
    elif ! diff -u "$checked_in" "$fresh" >&2; then
        echo "check-cue: $checked_in is not what $source evaluates to;" \
            "make evaluate writes it again" >&2
        failed=1
    else
        echo "check-cue: $checked_in agrees with $source"
    fi
done
exit "$failed"
