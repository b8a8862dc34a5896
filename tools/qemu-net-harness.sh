#!/bin/sh
# SPDX-License-Identifier: MIT
#
# Does the kernel find the network device that a machine has, and none where there
# is none? Boots a machine for each case, compares what the kernel lists with what
# QEMU was told to build, and wants the run to pass as it does without the device.
#
#   qemu-net-harness.sh [-k KERNEL] [-m MANIFEST] [-t SECONDS] [CASE...]
#
# KERNEL and MANIFEST are build/kernel.elf and build/manifest.bin unless said here, as
# seen from the top of the tree; no machine runs longer than SECONDS, 60 by default.
# All cases are tried unless some are named:
#
#   modern         virtio-net, virtio 1.0 only
#   transitional   virtio-net with the interface of before as well
#   legacy         virtio-net with the interface of before alone
#   behind-bridge  the modern one, on a bus of its own
#   absent         no network device
#   unasked        the modern one, and a command line that does not ask for the list
#
# The device is wired to a network inside QEMU that leads nowhere.
#
# Exit codes: 0 all cases are as they should be; 1 one is not, and its transcript is
# shown; 2 wrong usage, or something to boot is not there.
set -eu

cd "$(dirname "$0")/.."

kernel=build/kernel.elf manifest=build/manifest.bin seconds=60
all_cases='modern transitional legacy behind-bridge absent unasked'

give_up() {
	echo "qemu-net-harness: $*" >&2
	exit 2
}

while getopts k:m:t: option; do
	case $option in
	k) kernel=$OPTARG ;;
	m) manifest=$OPTARG ;;
	t) seconds=$OPTARG ;;
	*) give_up "usage: $0 [-k KERNEL] [-m MANIFEST] [-t SECONDS] [CASE...]" ;;
	esac
done
shift $((OPTIND - 1))
cases=${*:-$all_cases}

for file in "$kernel" "$manifest"; do
	[ -f "$file" ] || give_up "$file is not there; make it first"
done
for one in $cases; do
	case " $all_cases " in
	*" $one "*) ;;
	*) give_up "there is no case '$one'; there are: $all_cases" ;;
	esac
done

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
transcript=$scratch/transcript # all that the machine said
device=$scratch/device         # of that, the network device's lines
wrong=$scratch/wrong           # one line for each finding

# ---------------------------------------------------------------------------
# What a case is made of

# Boots with further options of qemu-run; the run must pass. Carriage returns go.
boot() {
	status=0
	/usr/bin/python3 tools/qemu-run --timeout "$seconds" --kernel "$kernel" \
		--manifest "$manifest" "$@" >"$scratch/raw" 2>&1 || status=$?
	tr -d '\r' <"$scratch/raw" >"$transcript"
	awk '/^capos: pci /{mine = /virtio-net,/} !/^capos: (pci |  )/{mine = 0} mine' \
		"$transcript" >"$device"
	[ "$status" -eq 0 ] || echo "the run ended with status $status" >>"$wrong"
}

# Boots with a virtio-net device of these properties, and options of qemu-run. Its
# boot ROM is left out, which not every installation of QEMU has.
network='user,id=net0,restrict=on'
boot_with() {
	properties=$1
	shift
	boot --netdev "$network" "$@" --device "virtio-net-pci,netdev=net0,romfile=$properties"
}

# Each argument is an extended regular expression that some whole line of a file matches.
says() {
	file=$1
	shift
	for line; do
		grep -aqxE "$line" "$file" || echo "missing: $line" >>"$wrong"
	done
}

# The same for lines that must not be there, or parts of them.
lacks() {
	file=$1
	shift
	for text; do
		! grep -aqE "$text" "$file" || echo "there, but should not be: $text" >>"$wrong"
	done
}

list='--append capos.pci=list'
at='at 0x[0-9a-f]*[1-9a-f][0-9a-f]*' # firmware has placed it
place='[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]'

found() {
	says "$transcript" "capos: pci: functions: [0-9]+, buses: $1, virtio-net: $2"
}

# A whole line: so firmware has not made it a bus master, and neither have we.
identified() {
	says "$device" "capos: pci $place: 1af4:$1 class 020000, virtio-net, $2" \
		'capos:   IRQ line [0-9]+, pin A'
	lacks "$device" 'not usable'
}

modern_parts() {
	says "$device" \
		"capos:   BAR 4: memory, 64 bits, prefetchable, $at, 16384 bytes" \
		'capos:   common configuration: BAR 4, offset 0x0, 4096 bytes' \
		'capos:   interrupt status: BAR 4, offset 0x1000, 4096 bytes' \
		'capos:   device configuration: BAR 4, offset 0x2000, 4096 bytes' \
		'capos:   notifications: BAR 4, offset 0x3000, 4096 bytes' \
		'capos:   a notification register every 4 bytes'
}

# ---------------------------------------------------------------------------
# The cases

# shellcheck disable=SC2086 # $list is two words
try() {
	case $1 in
	modern)
		boot_with ,disable-legacy=on $list
		found 1 1
		identified 1041 modern
		modern_parts
		lacks "$device" ports
		;;
	transitional)
		boot_with ,disable-legacy=off,disable-modern=off $list
		found 1 1
		identified 1000 transitional
		modern_parts
		says "$device" "capos:   BAR 0: ports, $at, 32 bytes"
		;;
	legacy)
		boot_with ,disable-legacy=off,disable-modern=on $list
		found 1 1
		identified 1000 transitional
		says "$device" "capos:   BAR 0: ports, $at, 32 bytes" \
			'capos:   no virtio capabilities: the interface of before virtio 1.0 only'
		lacks "$device" 'BAR 4'
		;;
	behind-bridge)
		boot_with ,disable-legacy=on,bus=port0 $list --device pcie-root-port,id=port0
		found 2 1
		identified 1041 modern
		modern_parts
		says "$transcript" "capos: pci $place: 1b36:000c class 060400, PCI bridge to bus 01.*"
		says "$device" 'capos: pci 01:00.0: .*'
		;;
	absent)
		boot $list
		found 1 0
		lacks "$transcript" 'virtio-net,' '1af4:'
		;;
	unasked)
		boot_with ,disable-legacy=on
		lacks "$transcript" '^capos: pci'
		;;
	esac
	says "$transcript" 'capos: starting [0-9]+ services' 'capos: passed: .*'
}

failed=0
for one in $cases; do
	: >"$wrong"
	try "$one"
	if [ -s "$wrong" ]; then
		failed=1
		cat "$transcript" "$wrong" >&2
		echo "qemu-net-harness: $one: failed" >&2
	else
		echo "qemu-net-harness: $one: as it should be"
		cat "$device"
	fi
done
exit $failed
