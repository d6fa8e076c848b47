# build-image.sh RECIPE FOLDER NAME MIRROR: installs Debian 13 by the recipe into FOLDER/NAME, which appears only when
# it is whole. Run as root under a lock on FOLDER, in mount and process namespaces of its own, so that nothing that it
# mounts or starts outlives it.
set -eu
recipe=$1 folder=$2 name=$3 mirror=$4
mount -t proc proc /proc

# Another run may have built it while this one waited for the lock.
if [ -d "$folder/$name" ]; then exit 0; fi
# Under the lock, whatever is being built is left over. Images of other recipes may be in use by other checkouts.
rm -rf "$folder"/*.building
find "$folder" -mindepth 1 -maxdepth 1 -type d -name '????????????????' -mtime +30 -exec rm -rf {} +

target=$folder/$name.building
packages=$(tr '\n' ',' <"$recipe/packages")
debootstrap --variant=minbase --include="${packages%,}" trixie "$target" "$mirror"

mount -t proc proc "$target/proc"
# Packages that are not installed, with all that they need: tests install them from the machine's own source. This is the
# last time that the machine knows a mirror.
mkdir -p "$target/opt/repo/partial"
chroot "$target" apt-get update
chroot "$target" apt-get install --download-only --yes --no-install-recommends -o Dir::Cache::archives=/opt/repo \
  $(cat "$recipe/repo-packages")
rm -r "$target/opt/repo/partial" "$target/opt/repo/lock"

# Through tar, because the owner and the umask of a checkout are no part of the recipe.
copy() {
  mkdir -p "$2"
  tar -C "$1" --owner=0 --group=0 --mode='u=rwX,go=rX' -cf - . | tar -C "$2" -xpf -
}
copy "$recipe/root" "$target"
copy "$recipe/debs" "$target/debs"

chroot "$target" sh -s <"$recipe/prepare.sh"
umount "$target/proc"
mv "$target" "$folder/$name"
