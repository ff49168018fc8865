#!/bin/busybox sh
# The init of the initial RAM disk: the root of the virtual machine is that of the machine which runs the tests, read
# through 9p, and what is written goes into memory. Files at the end of MODULES are loaded in this order.
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
while read -r module; do insmod "/modules/$module"; done </modules/order
hostname localhost
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=loose,ro root /lower
mount -t tmpfs -o size=75% tmpfs /upper
mkdir /upper/files /upper/work
mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /root
cd /root || exit
mount -t tmpfs -o mode=755 tmpfs etc
cp -a /etc/. etc
mount --move /dev dev
mount -t proc proc proc
mount -t sysfs sys sys
for folder in run tmp var/tmp dev/shm; do mkdir -p "$folder"; mount -t tmpfs -o mode=1777 tmpfs "$folder"; done
# A checkout in one of them would be hidden.
checkout=$(cat /modules/checkout)
[ -e ".$checkout" ] || { mkdir -p ".$checkout" && mount -o bind "/lower$checkout" ".$checkout"; }
chmod 755 run
mkdir -p run/lock run/user dev/pts exchange "usr/lib/modules"
mount -t devpts -o gid=5,mode=620,ptmxmode=666 devpts dev/pts
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,cache=none exchange exchange
# The cache that they are in may lie in one of them, too.
mount -o bind "/lower$(cat /modules/folder)" usr/lib/modules
ln -sf /proc/self/fd dev/fd
ln -sf /proc/self/fd/0 dev/stdin
ln -sf /proc/self/fd/1 dev/stdout
ln -sf /proc/self/fd/2 dev/stderr
cp /agent.sh run/agent.sh
exec switch_root /root /bin/bash /run/agent.sh
