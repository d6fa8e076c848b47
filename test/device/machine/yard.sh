# yard.sh ROOT FOLDER: makes the place that one machine stands in, prints the process id that holds it, and keeps it
# until the process is killed. FOLDER is an empty folder of any number of yards: each sees its own mounts there.
# Run as root in mount, network and process namespaces of its own: with this process everything goes, all at once.
set -eu
root=$1 folder=$2
# Before /proc is replaced it still tells the id outside.
read -r pid _ </proc/self/stat
mount -t proc proc /proc

mount -t tmpfs -o size=2g,mode=0755 tmpfs "$folder"
cd "$folder"
mkdir base changes work root containers
# Relative names, because a colon or a comma in the folder's path would end an option.
mount --bind "$root" base
mount -t overlay -o lowerdir=base,upperdir=changes,workdir=work overlay root

# Read-only, or systemd-nspawn waits for a udev to announce the interfaces.
umount -l /sys
mount -t sysfs -o ro sysfs /sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
# systemd-nspawn leaves its own folders in /run.
mount -t tmpfs -o mode=0755 tmpfs /run
ip link set lo up

echo "$pid"
exec sleep infinity
