"""What kind of disk a folder lies on."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import psutil

_REMOTE = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "davfs", "fuse.sshfs", "glusterfs", "gpfs", "lustre",
    "ncpfs", "nfs", "nfs4", "smb2", "smb3", "smbfs",
})  # fmt: skip


@lru_cache(maxsize=64)
def network_file_system(folder: Path) -> str:
    """The kind of network file system a folder lies on ("nfs4", "cifs", …); "" for a local disk.

    SQLite's write-ahead log needs memory that all its readers share, which a file on another
    computer cannot give (https://sqlite.org/wal.html); locks and renames are weaker there too.
    """
    place = folder.resolve()
    mounted = [
        disk for disk in psutil.disk_partitions(all=True) if place.is_relative_to(disk.mountpoint)
    ]
    # Of two on the same point the later one covers the earlier.
    depth = [len(Path(disk.mountpoint).parts) for disk in mounted]
    nearest = [disk for disk, at in zip(mounted, depth, strict=True) if at == max(depth)]
    kind = str(nearest[-1].fstype) if nearest else ""
    return kind if kind in _REMOTE else ""
