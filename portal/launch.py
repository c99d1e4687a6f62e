"""The moment between fork and exec of every process we start, as a script of its own.

    python -I launch.py PARENT SIGNAL IDENTITY COMMAND…

It asks the kernel to send SIGNAL when PARENT dies (so that `kill -9` of a supervisor leaves no orphan), gives up root
as IDENTITY says, and becomes COMMAND. A script and not a preexec_fn: that is unsafe once the parent has threads.
Standard library only, and started with -I, because names like portal/calendar.py must not hide Python's own.

IDENTITY: plain = as we are; namespace = inside a private user namespace where we are `nobody` (PostgreSQL refuses
root; files stay owned by us outside); nobody = really change to the user nobody (uid 65534).
"""

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
CLONE_NEWUSER = 0x10000000
NOBODY = 65534
DENIED = 97  # exit code: the system does not allow this identity


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="ascii") as file:
        file.write(text)


def _change_identity(identity: str) -> None:
    if identity == "namespace":
        uid, gid = os.geteuid(), os.getegid()
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWUSER):
            raise PermissionError(ctypes.get_errno(), "unshare")
        _write("/proc/self/setgroups", "deny")
        _write("/proc/self/uid_map", f"{NOBODY} {uid} 1")
        _write("/proc/self/gid_map", f"{NOBODY} {gid} 1")
    elif identity == "nobody":
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)


def main() -> None:
    """Become the command; never returns."""
    parent, signal, identity, *command = sys.argv[1:]
    os.umask(0o077)  # what our processes write (logs, Redis' file) is for their owner only
    try:
        _change_identity(identity)
    except OSError as error:
        print(f"{identity}: {error}", file=sys.stderr)
        sys.exit(DENIED)
    # After the change of identity: the kernel forgets the wish when credentials change.
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(signal), 0, 0, 0)
    if os.getppid() != int(parent):  # it died before we could ask
        sys.exit(1)
    try:
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        print(f"{command[0]}: {error}", file=sys.stderr)
        sys.exit(127)


if __name__ == "__main__":
    main()
