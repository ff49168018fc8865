# The first process of the virtual machine, once its root is there. It runs the scripts that the test puts into the
# exchange folder and names on the serial port: a line "ID SECONDS" comes in, a line "ID EXIT-CODE" goes out.
export HOME=/root LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

# What a machine has after its start. Everything else is loaded when it is asked for, as anywhere.
modprobe --all virtio_blk virtio_console virtio_rng loop fuse dm_mod

for port in /sys/class/virtio-ports/*; do
  if [ "$(cat "$port/name")" = tazpod.agent ]; then exec 3<>"/dev/${port##*/}"; fi
done

run() {
  timeout --signal=KILL "$2" bash "/exchange/$1.sh" \
    </dev/null >"/exchange/$1.out" 2>"/exchange/$1.err" 3>&-
  echo "$1 $?" >&3
}

cd /root || exit
echo 'ready 0' >&3
while read -r id seconds <&3; do run "$id" "$seconds" & done
