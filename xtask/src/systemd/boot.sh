#!/bin/sh
# Boots systemd as the first process of namespaces of its own. What it writes into /etc, /usr and /var goes with them.
# Arguments: the program, a folder that may be hidden, and the script of the guide.
set -eu
program=$1 layers=$2 guide=$3

mount --make-rprivate /
mount -t tmpfs tmpfs "$layers"
for folder in etc usr var; do
    mkdir "$layers/$folder" "$layers/$folder.work"
    mount -t overlay -o "lowerdir=/$folder,upperdir=$layers/$folder,workdir=$layers/$folder.work" overlay "/$folder"
done
install -m 0755 "$program" /usr/local/bin/apiary
install -m 0755 "$guide" /usr/local/bin/guide
for folder in /run /root /tmp; do mount -t tmpfs tmpfs "$folder"; done

# Control groups of its own, of the version that the machine has.
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    umount -R /sys/fs/cgroup
    mount -t cgroup2 cgroup2 /sys/fs/cgroup
else
    umount -R /sys/fs/cgroup
    mount -t tmpfs -o mode=755 tmpfs /sys/fs/cgroup
    for controller in name=systemd cpu memory pids; do
        mkdir "/sys/fs/cgroup/${controller#name=}"
        mount -t cgroup -o "$controller" cgroup "/sys/fs/cgroup/${controller#name=}"
    done
fi

# Only the journal and the bus: nothing that touches the machine's devices, disks or settings.
rm -rf /etc/systemd/system/*
cd /etc/systemd/system
for unit in systemd-udevd.service systemd-udev-trigger.service systemd-udevd-control.socket systemd-udevd-kernel.socket \
    systemd-sysctl.service systemd-tmpfiles-setup.service systemd-tmpfiles-setup-dev.service systemd-tmpfiles-clean.timer \
    systemd-modules-load.service systemd-random-seed.service systemd-remount-fs.service systemd-sysusers.service \
    systemd-timesyncd.service systemd-update-utmp.service systemd-binfmt.service systemd-machine-id-commit.service \
    systemd-firstboot.service systemd-hwdb-update.service systemd-journal-flush.service systemd-boot-system-token.service \
    systemd-pstore.service systemd-logind.service systemd-networkd.service systemd-ask-password-console.path \
    systemd-ask-password-wall.path dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount \
    sys-kernel-config.mount sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount kmod-static-nodes.service \
    getty.target local-fs.target swap.target; do
    ln -s /dev/null "$unit"
done
printf '[Unit]\nRequires=systemd-journald.service dbus.socket\n' > guide.target
tr -d - < /proc/sys/kernel/random/uuid > /etc/machine-id

# Credentials are mounted in a namespace of each unit and appear here.
mount --make-rshared /
exec env -i container=other PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    /lib/systemd/systemd --system --unit=guide.target --log-target=journal --show-status=0
