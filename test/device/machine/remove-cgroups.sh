# remove-cgroups.sh PREFIX [NAME]...: removes the cgroups NAME, and the cgroups PREFIX.PID.* of processes that are gone.
# They are all that can outlive the process that booted a machine. Run as root in a mount namespace of its own.
set -eu
prefix=$1
shift
umount -l /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
cd /sys/fs/cgroup
for cgroup in "$prefix".*; do
  owner=${cgroup#"$prefix."}
  if [ -d "$cgroup" ] && [ ! -d "/proc/${owner%%.*}" ]; then set -- "$@" "$cgroup"; fi
done
for cgroup in "$@"; do
  [ -d "$cgroup" ] || continue
  # Another run may remove the same.
  echo 1 >"$cgroup/cgroup.kill" 2>/dev/null || true
  find "$cgroup" -depth -type d -exec rmdir {} + 2>/dev/null || true
done
