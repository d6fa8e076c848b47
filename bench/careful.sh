#!/bin/bash
# What a careful person writes to put files and services in place, and runs again to see to it that they still are so.
#
#   careful.sh SOURCE FILES      SOURCE/files/*, SOURCE/units/*.service; FILES: where the files go
#
# As durable as the agent's own work, checked before and after, and nothing is done that need not be.
set -euo pipefail
source=$1 files=$2
units=$(cd "$source/units" && echo *.service)

rsync --recursive --perms --checksum --fsync "$source/files/" "$files/"
sync --file-system "$files"

# Which of them are new or changed, before anything is touched.
changed=$(rsync --recursive --perms --checksum --dry-run --out-format=%n "$source/units/" /etc/systemd/system/ | grep '\.service$' || true)
if [ -n "$changed" ]; then
  (cd "$source/units" && systemd-analyze verify --man=no --recursive-errors=no $changed)
  rsync --recursive --perms --checksum --fsync "$source/units/" /etc/systemd/system/
  systemctl enable --quiet --no-reload $units
  systemctl daemon-reload
  systemctl restart $changed
fi
# One that is active already is left alone.
systemctl is-enabled --quiet $units || systemctl enable --quiet $units
stopped=$(systemctl is-active $units | grep -vc '^active$' || true)
[ "$stopped" = 0 ] || systemctl start $units
# What ends at once was not started well.
if [ -n "$changed" ] || [ "$stopped" != 0 ]; then
  sleep 1
  [ "$(systemctl is-active $units | grep -vc '^active$' || true)" = 0 ]
fi
