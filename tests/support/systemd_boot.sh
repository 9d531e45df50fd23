#!/bin/sh
# A systemd of its own, as process 1 of new namespaces over a throw-away copy of this root: nothing of the host is changed.
#
#   systemd_boot.sh outside FOLDER PREPARE    FOLDER: empty; PREPARE: a script that is given the new root before systemd starts
#
# Ends when that systemd does. Needs root, and mount, pid, network and cgroup namespaces.
set -eu
folder=$2 prepare=$3 root=$2/root

if [ "$1" = outside ]; then # in a mount namespace of its own: join a new cgroup, which systemd then takes for the whole tree
    mkdir -p "$folder/cgroup" "$root"
    mount -t cgroup2 cgroup2 "$folder/cgroup"
    own=$folder/cgroup/smsrelay-systemd-$$
    mkdir "$own"
    # shellcheck disable=SC2016
    sh -c 'echo $$ >"$1/cgroup.procs"; shift; exec unshare --pid --fork --kill-child --mount --uts --ipc --net --cgroup --propagation private "$@"' \
        sh "$own" sh "$0" inside "$folder" "$prepare" || true
    find "$own" -depth -type d -exec rmdir {} \;
    exit
fi

mount -t tmpfs tmpfs "$root"
mkdir "$root/upper" "$root/work" "$root/new"
mount -t overlay overlay -o "lowerdir=/,upperdir=$root/upper,workdir=$root/work" "$root/new"
cd "$root/new"
mount -t proc proc proc
mount --bind -o ro proc/sys proc/sys # kernel settings are everybody's
mount -t sysfs -o ro sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --rbind /dev dev
ip link set lo up
# Nothing of this host's own units: what is left are the targets, and the journal.
rm -rf etc/systemd/system lib/systemd/system/sysinit.target.wants lib/systemd/system/multi-user.target.wants
mkdir etc/systemd/system
sh -eu "$prepare" "$root/new"
mkdir .old
pivot_root . .old
mount --make-rprivate /
umount -l /.old
mount --make-rshared / # as process 1 of a machine makes it: systemd mounts a unit's secrets elsewhere, and they have to reach it
exec env -i container=smsrelay PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --system --unit=basic.target --show-status=no
