#!/usr/bin/env bash
# The README's two commands on a fresh Debian machine: a chroot with nothing but Debian's minimal
# system, in which root and an ordinary user run them on clones of the last commit.
#
# Why here: whoever changes the dependencies or the scripts can repeat it by hand; it needs root,
# debootstrap and a Debian mirror, so CTest does not run it. Never touches the system outside FOLDER.
#
# usage: tests/support/fresh_machine.sh FOLDER [STEP...]
#   FOLDER  where the chroot goes (about 3 GB); it is kept, remove it to begin anew
#   STEP    system bare cmake user again root tests user-tests image; default: all, in this order
set -euo pipefail
# shellcheck source=jobs/lib/lockstep.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/../../jobs/lib/lockstep.sh"

[ $# -ge 1 ] || ls_die "name a folder for the chroot" "for example: $0 /var/tmp/fresh"
[ "$(id -u)" -eq 0 ] || ls_die "a chroot needs root"
command -v debootstrap >/dev/null || ls_die "there is no debootstrap" "apt-get install debootstrap"
mkdir -p -- "$1"
fresh=$(cd -- "$1" && pwd -P)
shift
suite=bookworm
# The mirror of this machine, or Debian's.
mirror=$(sed -n 's/^URIs: *//p; s/^deb  *\(\[[^]]*\] *\)\?\(http[^ ]*\).*/\2/p' \
    /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null | head -n 1) || true

# inside USER COMMAND: runs a shell command in the chroot, in the user's home, with a process
# table, devices and mounts of its own that end with it.
inside() {
    # shellcheck disable=SC2016  # the inner shell expands
    unshare --mount --pid --fork bash -euc '
        cd -- "$1"
        mount --make-rprivate /
        mount -t proc proc proc
        mount -t sysfs -o ro sysfs sys
        mount --rbind /dev dev
        exec chroot . env -i HOME="$(chroot . sh -c "echo ~$2")" TERM=dumb LC_ALL=C.UTF-8 \
            PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
            setpriv --reuid "$2" --regid "$2" --init-groups sh -euc "cd; $3"
    ' - "$fresh" "$1" "$2"
}

# expect_failure TEXT USER COMMAND: the command must fail and say TEXT.
expect_failure() {
    local out
    if out=$(inside "$2" "$3" 2>&1); then
        ls_die "this should have failed: $3"
    fi
    printf '%s\n' "$out"
    case $out in
    *"$1"*) ;;
    *) ls_die "the message does not say '$1'" ;;
    esac
}

step_system() {
    [ -e "$fresh/etc/debian_version" ] ||
        debootstrap --variant=minbase "$suite" "$fresh" "${mirror:-http://deb.debian.org/debian}"
    cp -- /etc/resolv.conf "$fresh/etc/resolv.conf"
    # A machine knows its own name; else every start of MPI waits for a name server.
    cp -- /etc/hosts "$fresh/etc/hosts"
    if [ -f /etc/apt/sources.list.d/debian.sources ]; then
        rm -f -- "$fresh/etc/apt/sources.list"
        cp -- /etc/apt/sources.list.d/debian.sources "$fresh/etc/apt/sources.list.d/"
    fi
    chroot "$fresh" id ada >/dev/null 2>&1 || chroot "$fresh" useradd -m -s /bin/bash ada
    local place
    for place in "$fresh/home/ada/my clone" "$fresh/root/lockstep"; do
        rm -rf -- "$place"
        git clone -q --no-hardlinks "file://$ls_home" "$place"
    done
    chroot "$fresh" chown -R ada:ada "/home/ada/my clone"
}

# An ordinary user without sudo and without packages is told what to have installed.
step_bare() {
    expect_failure "sudo apt-get install" ada '"my clone/jobs/quickstart.sh"'
    expect_failure "sudo apt-get install" ada '"my clone/tests/run.sh"'
}

# CMake names the package of every missing thing: installing what it names, one by one, ends in a
# configured build.
step_cmake() {
    local out package count=0
    inside root 'apt-get -q update >/dev/null
        DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends \
            gcc libc6-dev cmake ninja-build >/dev/null'
    until out=$(inside root 'cmake -S lockstep -B /tmp/configured -G Ninja' 2>&1); do
        package=$(printf '%s\n' "$out" | sed -n 's/.*Debian\/Ubuntu: apt-get install //p')
        [ -n "$package" ] || ls_die "cmake names no package: $out"
        ls_say "cmake asks for: $package"
        count=$((count + 1))
        [ "$count" -lt 30 ] || ls_die "cmake asks again and again"
        inside root "DEBIAN_FRONTEND=noninteractive apt-get -qy install --no-install-recommends \
            $package >/dev/null"
    done
    inside root 'rm -rf /tmp/configured'
    ls_say "cmake configured after $count packages"
}

# An ordinary user who may use sudo, from another folder.
step_user() {
    inside root 'apt-get -qy install --no-install-recommends sudo >/dev/null
        echo "ada ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/ada'
    inside ada 'mkdir -p elsewhere && cd elsewhere && "../my clone/jobs/quickstart.sh"'
}
step_again() {
    inside ada '"my clone/jobs/quickstart.sh"'
}
step_root() {
    inside root 'cd / && ~/lockstep/jobs/quickstart.sh'
}
step_tests() {
    inside root 'cd /tmp && ~/lockstep/tests/run.sh'
}
step_user-tests() {
    inside ada '"my clone/tests/run.sh"'
}

# section NAME: what stands under it in the definition of the image.
section() {
    sed -n "/^%$1\\b/,/^%/{/^%/!p}" "$ls_home/jobs/apptainer.def"
}

# Apptainer itself is not in Debian: its sections are run here, in a chroot of their own.
step_image() {
    local here=$fresh
    fresh=$here-image
    rm -rf -- "$fresh"
    debootstrap --variant=minbase "$suite" "$fresh" "${mirror:-http://deb.debian.org/debian}"
    cp -- "$here/etc/resolv.conf" "$here/etc/hosts" "$fresh/etc/"
    rm -f -- "$fresh/etc/apt/sources.list"
    cp -- "$here"/etc/apt/sources.list.d/* "$fresh/etc/apt/sources.list.d/"
    git clone -q --no-hardlinks "file://$ls_home" "$fresh/opt/lockstep"
    section post >"$fresh/post"
    inside root 'sh /post'
    section test >"$fresh/test"
    inside root 'sh /test'
    section runscript >"$fresh/runscript"
    inside root 'export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
        sh /runscript synth gtex --samples 600 --features 300 --classes 53 -o d.h5
        mpirun --oversubscribe -n 2 sh /runscript train \
            /usr/local/share/lockstep/configs/gtex-tissue.yaml --set data.file=d.h5 \
            --set train.epochs=1'
    rm -rf -- "$fresh"
    fresh=$here
}

steps=("$@")
[ $# -gt 0 ] || steps=(system bare cmake user again root tests user-tests image)
for step in "${steps[@]}"; do
    ls_say "== $step"
    began=$(ls_now)
    set +e
    (
        set -e
        "step_$step"
    )
    code=$?
    set -e
    [ "$code" -eq 0 ] || ls_die "step $step failed"
    ls_say "== $step: passed in $(ls_since "$began")"
done
