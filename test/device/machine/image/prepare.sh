# Runs inside the new root, once, as its root user; /debs holds the trees of the made-up packages.
set -eu
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

# debootstrap takes name and resolver over from the machine that it runs on.
rm -f /etc/hostname
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
# Empty, not missing: each machine makes up its own id, and no first boot goes over all units.
: >/etc/machine-id
ln -sf /etc/machine-id /var/lib/dbus/machine-id
chmod 0600 /etc/NetworkManager/system-connections/*

systemctl disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer \
  docker-registry.service netavark-dhcp-proxy.service netavark-dhcp-proxy.socket getty@tty1.service
systemctl mask NetworkManager-wait-online.service systemd-networkd-wait-online.service

mkdir -p /opt/repo
for tree in /debs/*; do
  chmod -f 0755 "$tree"/usr/bin/* || true
  dpkg-deb --root-owner-group -Znone -b "$tree" /opt/repo
done
rm -r /debs
cd /opt/repo
for deb in *.deb; do
  dpkg-deb -f "$deb"
  printf 'Filename: ./%s\nSize: %s\nSHA256: %s\n\n' "$deb" "$(stat -c %s "$deb")" "$(sha256sum <"$deb" | cut -d ' ' -f 1)"
done >Packages
rm -rf /var/lib/apt/lists/* /var/cache/apt/*
apt-get update

# A container image in one file, so that tests of containers need no registry: `podman import /opt/busybox.tar`.
mkdir -p /tmp/busybox/bin
for applet in $(busybox --list); do ln -s busybox "/tmp/busybox/bin/$applet"; done
cp --remove-destination /bin/busybox /tmp/busybox/bin/
tar -C /tmp/busybox -cf /opt/busybox.tar bin
rm -r /tmp/busybox

rm -rf /usr/share/doc /usr/share/man /usr/share/locale /usr/share/info /var/cache/debconf/*-old
find /var/log -type f -delete
# Says that /etc and /var are as new as /usr, so that the first boot leaves out what would bring them up to date.
touch /etc/.updated /var/.updated
