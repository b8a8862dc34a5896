#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Sees to it that the Debian packages a goal needs are installed.
#
#   setup.sh build     what `make` and `make run` need
#   setup.sh image     the same, and what the ISO images and UEFI need
#   setup.sh bench     what `make bench` needs
#   setup.sh debug     what `make debug` and `make graph` need
#   setup.sh docs      what `make docs` needs
#   setup.sh service   what a new service and its test need
#   setup.sh test      all of these, and what the tests need
#   setup.sh prove     what `make prove-wp` needs besides
#   setup.sh --doctor  lists every tool and what is missing, and changes nothing
#
# Silent when all is there. Otherwise it says what it installs and installs it,
# by package name, with nobody asked: as root, or by sudo where sudo needs no
# password. Where that is refused, and on a system that is not Debian's kind, one
# sentence says what to do.
#
# Exit codes: 0 all is there; 1 installing failed; 2 wrong usage; 3 something is
# missing and this script may not, or cannot, install it.
set -u

# One row per package: the goals that need it, package, and what shows that it is
# there: a command, or a pattern of an absolute path. A package with several tools is
# found by the first.
packages() {
	cat <<-EOF
	build make               make
	build gcc                gcc
	build binutils           objcopy
	build libc6-dev          /usr/include/stdio.h
	build libjansson-dev     /usr/include/jansson.h
	build python3            /usr/bin/python3
	build qemu-system-x86    qemu-system-x86_64
	test  libcmocka-dev      /usr/include/cmocka.h
	test,service python3-pytest /usr/lib/python3/dist-packages/pytest/__init__.py
	test  python3-pytest-xdist /usr/lib/python3/dist-packages/xdist/__init__.py
	test  clang              clang
	test  libclang-rt-14-dev /usr/lib/llvm-14/lib/clang/*/lib/linux/libclang_rt.fuzzer-x86_64.a
	test  afl++              afl-clang-fast
	test  clang-format       clang-format
	test  clang-tidy         clang-tidy
	test  relacy-dev         /usr/include/relacy/relacy.hpp
	prove frama-c-base       frama-c
	prove why3               why3
	prove cvc4               cvc4
	test  debian-archive-keyring /usr/share/keyrings/debian-archive-keyring.gpg
	bench,service capnproto  capnp
	bench,service libcapnp-dev /usr/include/capnp/schema.capnp
	bench g++                g++
	bench valgrind           valgrind
	debug gdb                gdb
	debug,docs graphviz      dot
	image grub-common        grub-mkrescue
	image grub-pc-bin        /usr/lib/grub/i386-pc
	image grub-efi-amd64-bin /usr/lib/grub/x86_64-efi
	image xorriso            xorriso
	image mtools             mformat
	image ovmf               /usr/share/OVMF/OVMF_CODE_4M.fd
	docs  mkdocs             mkdocs
	docs  mkdocs-material    /usr/share/mkdocs/themes/material/mkdocs_theme.yml
	EOF
}

# Whether the thing that a row is found by is there.
present() {
	case $1 in
	/*)
		# shellcheck disable=SC2086
		set -- $1
		test -e "$1"
		;;
	*) command -v "$1" >/dev/null 2>&1 ;;
	esac
}

# The packages of these groups that are missing, in one line.
missing() {
	packages | while read -r groups package probe; do
		for wanted; do
			case ",$groups," in
			*",$wanted,"*)
				present "$probe" || printf '%s ' "$package"
				break
				;;
			esac
		done
	done
}

is_debian() {
	command -v apt-get >/dev/null 2>&1
}

install_line() {
	printf 'apt-get install --yes --no-install-recommends %s' "$*"
}

# The first line of what a tool says of itself, or where a file is.
version() {
	case $1 in
	/*)
		# shellcheck disable=SC2086
		set -- $1
		echo "$1"
		;;
	dot) dot -V 2>&1 ;;
	mformat) mformat --version 2>/dev/null | head -n 1 ;;
	afl-clang-fast) afl-fuzz --version 2>/dev/null | sed -n 's/.*\(afl-fuzz++[0-9a-z.]*\).*/\1/p' ;;
	xorriso) xorriso -version 2>/dev/null | grep -m 1 '^xorriso version' ;;
	*) "$1" --version 2>/dev/null | head -n 1 ;;
	esac
}

doctor() {
	packages | while read -r groups package probe; do
		group=${groups%%,*}
		if present "$probe"; then
			printf '  %-6s %-22s %s\n' "$group" "$package" "$(version "$probe")"
		else
			printf '  %-6s %-22s MISSING\n' "$group" "$package"
		fi
	done
	# Wanted by nothing but what the remark says.
	while IFS=: read -r tool remark; do
		present "$tool" || remark="not here; $remark"
		printf '  %-6s %-22s %s\n' extra "$tool" "$remark"
	done <<-EOF
	cue:evaluates a changed manifest (make check-cue)
	npm:brings an evaluator where there is no cue
	shellcheck:reads the shell scripts (make shell-check)
	EOF
	absent=$(missing build image bench debug docs prove test)
	if [ -z "$absent" ]; then
		echo "Nothing is missing."
	elif is_debian; then
		# shellcheck disable=SC2086
		echo "To install what is missing, as root: apt-get update && $(install_line $absent)"
	else
		echo "This is not Debian; by your system's own means, install what Debian calls: $absent"
	fi
}

# Installs packages, or explains and ends the script.
install() {
	if ! is_debian; then
		echo "setup: this is not Debian, so install by your own means what Debian calls: $*" >&2
		exit 3
	fi
	as_root=
	if [ "$(id -u)" -ne 0 ]; then
		as_root='sudo -n'
		if ! sudo -n true 2>/dev/null; then
			echo "setup: packages are missing and may not be installed from here; type: sudo apt-get update && sudo $(install_line "$@")" >&2
			exit 3
		fi
	fi
	echo "setup: installing $*" >&2
	if ! quietly "$@"; then
		# The lists are out of date, or were never fetched.
		$as_root apt-get update --quiet >/dev/null 2>&1
		if ! quietly "$@"; then
			echo "setup: apt-get could not install them; what it says: $(install_line "$@")" >&2
			$as_root env DEBIAN_FRONTEND=noninteractive sh -c "$(install_line "$@")" </dev/null 2>&1 |
				grep '^E: ' | head -n 3 >&2
			exit 1
		fi
	fi
}

quietly() {
	# shellcheck disable=SC2086
	$as_root env DEBIAN_FRONTEND=noninteractive \
		apt-get install --yes --no-install-recommends "$@" </dev/null >/dev/null 2>&1
}

case "$#:${1-}" in
1:--doctor)
	doctor
	;;
1:build | 1:image | 1:bench | 1:debug | 1:docs | 1:prove | 1:service | 1:test)
	case $1 in
	build) wanted=$(missing build) ;;
	test) wanted=$(missing build image bench debug docs test) ;;
	*) wanted=$(missing build "$1") ;;
	esac
	# shellcheck disable=SC2086
	[ -z "$wanted" ] || install $wanted
	;;
*)
	echo "usage: $0 build|image|bench|debug|docs|prove|service|test|--doctor" >&2
	exit 2
	;;
esac
