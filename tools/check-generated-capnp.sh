#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Is the checked-in generated C what the schema compiler and our plugin make of
# the schemas today? Generates everything anew in a folder of its own, compares
# byte for byte, and shows what differs.
#
#   check-generated-capnp.sh [--write] [PLUGIN]
#
# PLUGIN is the built tools/capnpc-capos: build/host/capnpc-capos unless said here
# or in $CAPNPC_CAPOS. With --write, the tree gets what was generated, and nothing
# is compared.
#
# Exit codes: 0 all is equal; 1 something differs, or could not be generated;
# 2 the tools that it takes are not there.
set -eu

known_good=0.9.2
cd "$(dirname "$0")/.."

write=no
if [ "${1:-}" = --write ]; then
	write=yes
	shift
fi
plugin=$(realpath -m "${1:-${CAPNPC_CAPOS:-build/host/capnpc-capos}}")

give_up() {
	echo "check-generated-capnp: $*" >&2
	exit 2
}

# ---------------------------------------------------------------------------
# The compiler

command -v capnp >/dev/null || give_up "there is no \`capnp\`; Debian has it as capnproto"
[ -x "$plugin" ] || give_up "there is no $plugin; make it first"

version=$(capnp --version | sed -n 's/.* \([0-9][0-9.]*\).*/\1/p')
case $version in
0.9.* | 0.[1-9][0-9]* | [1-9]*) ;;
*) give_up "capnp is version '$version'; 0.9 or newer is needed, $known_good is known good" ;;
esac
echo "capnp $version (known good: $known_good)"

# Cap'n Proto's own schema is read where its package has put it.
own=
for dir in /usr/include /usr/local/include; do
	if [ -z "$own" ] && [ -e "$dir/capnp/schema.capnp" ]; then
		own=$dir/capnp
	fi
done
[ -n "$own" ] || give_up "there is no capnp/schema.capnp; Debian has it in libcapnp-dev"

# ---------------------------------------------------------------------------
# The comparison

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
mkdir "$scratch/capos" "$scratch/demos" "$scratch/sample" "$scratch/schema"

capnp compile -Ischema --src-prefix=schema -o"$plugin:$scratch/capos" schema/capos.capnp
capnp compile -Ischema --src-prefix=demos/schema -o"$plugin:$scratch/demos" demos/schema/*.capnp
capnp compile -Ischema --src-prefix=lib/capnp/test -o"$plugin:$scratch/sample" \
	lib/capnp/test/sample.capnp lib/capnp/test/annotated.capnp lib/capnp/test/everything.capnp \
	lib/capnp/test/other.capnp
capnp compile --src-prefix="$own" -o"$plugin:$scratch/schema" "$own/schema.capnp"
rm "$scratch"/schema/*.schema.* # tables that nobody here reads

# Directory, and what was generated for it: the same files must be there and no others.
different=no
compare() {
	if [ "$write" = yes ]; then
		# What is equal keeps its date, so that nothing is built again for it.
		for file in "$2"/*; do
			cmp -s "$file" "$1/${file##*/}" || cp "$file" "$1"
		done
	elif ! diff -u -r "$1" "$2"; then
		different=yes
	fi
}
compare schema/gen "$scratch/capos"
compare demos/schema/gen "$scratch/demos"
compare lib/capnp/test/gen "$scratch/sample"

# A newer compiler ships a newer schema of its own; what we read of it has not changed.
case $version in
0.9.*) compare tools/capnpc-capos/gen "$scratch/schema" ;;
*) echo "capnp $version has its own schema.capnp: tools/capnpc-capos/gen is not compared" ;;
esac

if [ "$different" = yes ]; then
	echo "check-generated-capnp: generated files differ; make generate brings them up to date" >&2
	exit 1
fi
