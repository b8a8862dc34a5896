#!/bin/sh
# SPDX-License-Identifier: MIT
#
# tools/check-cue.sh
#
# Whether each checked-in manifest in JSON is what its CUE source evaluates to. Says
# "skipped" and succeeds only where no CUE evaluator can be had.
set -eu

cd -- "$(dirname -- "$0")/.."
fresh=$(mktemp)
trap 'rm -f "$fresh"' EXIT
failed=0

for source in *.cue; do
    checked_in=${source%.cue}.json
    status=0
    tools/cue/export.sh "$source" >"$fresh" || status=$?
    if [ "$status" -eq 3 ]; then
        echo "check-cue: skipped: no CUE evaluator can be had here"
        exit 0
    elif [ "$status" -ne 0 ]; then
        echo "check-cue: $source cannot be evaluated" >&2
        failed=1
    elif [ ! -f "$checked_in" ]; then
        echo "check-cue: $checked_in is missing" >&2
        failed=1
    elif ! diff -u "$checked_in" "$fresh" >&2; then
        echo "check-cue: $checked_in is not what $source evaluates to;" \
            "write it again with: tools/cue/export.sh $source > $checked_in" >&2
        failed=1
    else
        echo "check-cue: $checked_in agrees with $source"
    fi
done
exit "$failed"
