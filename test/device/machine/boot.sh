# boot.sh CGROUP FOLDER NAME ...: boots the machine of a yard in the foreground; what follows NAME are further options
# of systemd-nspawn, then of the machine's systemd. Ends when the machine is shut down.
set -eu
cgroup=/sys/fs/cgroup/$1 folder=$2 name=$3
shift 3

# What an earlier boot left: its units would be taken for units of this one.
mkdir -p "$cgroup"
while grep -q 'populated 1' "$cgroup/cgroup.events"; do sleep 0.02; done
find "$cgroup" -mindepth 1 -depth -type d -exec rmdir {} +
echo 0 >"$cgroup/cgroup.procs"

# Two cables, new at each boot, as they are lost with a machine that is killed. systemd-nspawn takes one end of each.
cable() {
  ip link delete "$1" 2>/dev/null || true
  ip link add "$1" type veth peer name "$2"
  ip address add "$3" dev "$1"
  ip link set "$1" up
}
cable up0 eth0 198.51.100.1/24
cable up1 eth1 203.0.113.1/24

# The three calls are what container runtimes use and systemd-nspawn forbids by default. Podman's storage lies beside
# the root, because an overlay file system cannot stand on another one.
exec systemd-nspawn --quiet --boot --directory="$folder/root" --machine="$name" \
  --register=no --keep-unit --console=pipe --resolv-conf=off --timezone=off --link-journal=no \
  --bind="$folder/containers:/var/lib/containers" \
  --network-interface=eth0 --network-interface=eth1 \
  --system-call-filter="bpf keyctl add_key request_key" "$@"
