"""The directories that matter in a container, most important first: where a change gives somebody a way in, a way to
stay, or something to hide.

The order decides what is given up when the kernel's inotify watches run out. A directory that is absent costs nothing
but the wait for it (`collectors.watch_plan`). One level each, except where `depth` says that directories below belong
to it. Where a directory is reachable by two names, the one that comes first is told.
"""

from fnmatch import fnmatchcase
from typing import NamedTuple

from sensor.model.kinds import Kind

CHANGES = frozenset({Kind.FILE_CREATE, Kind.FILE_MODIFY, Kind.FILE_DELETE, Kind.FILE_RENAME, Kind.FILE_ATTRIBUTES})
CONTENT = CHANGES - {Kind.FILE_ATTRIBUTES}


class Entry(NamedTuple):
    """One directory to watch. A component with `*`, `?` or `[…]` stands for directories that are no symbolic links.

    `depth` is how many levels below belong to it. `names` restricts it to these files, `patterns` to those that match
    one; `programs` to files that can run: with an execute bit, or beginning like an ELF file or a script. `secrets` are
    patterns of the files in it whose opening is told besides; `inodes` of those that are watched themselves as well, so
    that it is told when they change by another name: a hard link that lies where nobody watches, or the host's file
    that is mounted there.
    """

    path: bytes
    why: str
    depth: int = 0
    names: frozenset[bytes] | None = None
    kinds: frozenset[Kind] = CHANGES
    programs: bool = False
    secrets: tuple[bytes, ...] = ()
    patterns: tuple[bytes, ...] = ()
    inodes: tuple[bytes, ...] = ()

    def wants(self, kind: Kind, name: bytes) -> bool:
        """Whether a change of this kind to the file of this name is told, `programs` left aside."""
        return kind in self.kinds and self.has(name)

    def has(self, name: bytes) -> bool:
        """Whether the file of this name belongs to the entry."""
        if self.names is not None and name not in self.names:
            return False
        return not self.patterns or any(fnmatchcase(name, pattern) for pattern in self.patterns)

    def is_secret(self, name: bytes) -> bool:
        """Whether it is told that the file of this name was opened."""
        return any(fnmatchcase(name, secret) for secret in self.secrets)

    def is_by_inode(self, name: bytes) -> bool:
        """Whether it is told that the file of this name was changed, by whatever name."""
        return any(fnmatchcase(name, inode) for inode in self.inodes)


START_FILES = frozenset(
    {
        *(b".profile", b".bashrc", b".bash_profile", b".bash_login", b".bash_logout", b".bash_aliases", b".ash_rc"),
        *(b".zshrc", b".zshenv", b".zprofile", b".zlogin", b".cshrc", b".tcshrc", b".kshrc", b".inputrc", b".vimrc"),
        *(b".rhosts", b".netrc", b".pgpass", b".my.cnf", b".git-credentials", b".gitconfig", b".npmrc", b".pypirc"),
        *(b".ssh", b".aws", b".kube", b".docker", b".gnupg"),
        *(b".bash_history", b".zsh_history", b".ash_history"),
    }
)
"""What shells and common tools run or trust in a home directory, the directories that hold secrets, and what shells
remember of a session: one who wipes it has something to hide."""

USER_SECRETS = (b".netrc", b".pgpass", b".my.cnf", b".git-credentials", b".npmrc", b".pypirc")
"""In a home directory."""
KEYS = (b"id_rsa", b"id_dsa", b"id_ecdsa", b"id_ed25519", b"id_ecdsa_sk", b"id_ed25519_sk", b"*.pem", b"*.key")
ALL = (b"*",)
ACCOUNTS = (b"passwd", b"shadow", b"group", b"sudoers", b"ld.so.preload")
LOGINS = (b"authorized_keys",)
"""One line in one of these is a way in: each is worth a watch of its own."""
MOUNTED_OVER = (b"hosts", b"resolv.conf")
"""Every runtime mounts these one by one from a directory of the host, and that is where the kernel tells a change of
them: the container's directory sees none."""

SECRETS = "credentials of the user"
MOUNTED = "service account and secret mounts"
PERSISTENCE = "started by itself: a way to stay"
TRUST = "authorities that every TLS client trusts"
HOOKS = "run by tools while they work"
PAM_MODULES = "loaded into every program that lets users in"
LINKER = "loaded into every program"
PYTHON = "run by every Python that starts"
PYTHON_START = (b"*.pth", b"sitecustomize*", b"usercustomize*")
"""What Python's `site` runs at its start: lines of a .pth that begin with import, and modules of these names."""
PHP = "settings of PHP, which can have it run a file before every page"
PROGRAMS = "programs that others run by name"
DROPPED = "writable by everyone: programs are dropped here, so only files that can run are told"
PACKAGES = "what the package manager believes to be installed"
WEB = "served or executed by a web server: web shells"

PYTHONS = (
    b"/usr/local/lib/python3*",
    b"/usr/local/lib/python3*/site-packages",
    b"/usr/local/lib/python3*/dist-packages",
    b"/usr/lib/python3*",
    b"/usr/lib/python3*/dist-packages",
    b"/usr/lib/python3*/site-packages",
    b"/usr/lib64/python3*/site-packages",
    b"/opt/venv/lib/python3*/site-packages",
    b"/app/.venv/lib/python3*/site-packages",
    b"/app/venv/lib/python3*/site-packages",
    b"/venv/lib/python3*/site-packages",
    b"/root/.local/lib/python3*/site-packages",
    b"/home/*/.local/lib/python3*/site-packages",
)
"""Where `site` looks: Debian's, Red Hat's and Alpine's Python, the official images', users' own, the usual venvs."""

DEFAULT: tuple[Entry, ...] = (
    Entry(
        b"/etc",
        "accounts, sudoers, ld.so.preload, crontab, profile, hosts, resolver",
        depth=1,
        secrets=(b"shadow", b"shadow-", b"gshadow", b"gshadow-"),
        inodes=(*ACCOUNTS, *MOUNTED_OVER),
    ),
    Entry(b"/etc/sudoers.d", "who may become root"),
    Entry(b"/etc/pam.d", "how users are let in"),
    Entry(b"/etc/security", "limits and access rules of PAM"),
    Entry(b"/usr/lib/x86_64-linux-gnu/security", PAM_MODULES),
    Entry(b"/usr/lib/aarch64-linux-gnu/security", PAM_MODULES),
    Entry(b"/usr/lib64/security", PAM_MODULES),
    Entry(b"/usr/lib/security", PAM_MODULES),
    Entry(b"/lib/x86_64-linux-gnu/security", PAM_MODULES),
    Entry(b"/lib/aarch64-linux-gnu/security", PAM_MODULES),
    Entry(b"/lib/security", PAM_MODULES),
    Entry(b"/root/.ssh", "keys that open a shell", depth=1, secrets=KEYS, inodes=LOGINS),
    Entry(b"/root", "start files of root's shells", names=START_FILES, secrets=USER_SECRETS),
    Entry(b"/etc/ssh", "the ssh server's rules and keys", depth=1, secrets=(b"ssh_host_*_key",)),
    Entry(b"/etc/cron.d", PERSISTENCE),
    Entry(b"/var/spool/cron", PERSISTENCE, depth=1),
    Entry(b"/etc/cron.hourly", PERSISTENCE),
    Entry(b"/etc/cron.daily", PERSISTENCE),
    Entry(b"/etc/cron.weekly", PERSISTENCE),
    Entry(b"/etc/cron.monthly", PERSISTENCE),
    Entry(b"/etc/crontabs", PERSISTENCE),
    Entry(b"/etc/periodic", PERSISTENCE, depth=1),
    Entry(b"/var/spool/at", PERSISTENCE),
    Entry(b"/etc/systemd/system", PERSISTENCE, depth=1),
    Entry(b"/run/systemd/system", PERSISTENCE, depth=1),
    Entry(b"/etc/init.d", PERSISTENCE),
    Entry(b"/etc/services.d", PERSISTENCE, depth=1),
    Entry(b"/etc/service", PERSISTENCE, depth=1),
    Entry(b"/etc/sv", PERSISTENCE, depth=1),
    Entry(b"/etc/apt/apt.conf.d", HOOKS),
    Entry(b"/etc/dpkg/dpkg.cfg.d", HOOKS),
    Entry(b"/etc/apk/commit_hooks.d", HOOKS),
    Entry(b"/etc/profile.d", "sourced by every login shell"),
    Entry(b"/etc/ld.so.conf.d", LINKER),
    Entry(b"/run/secrets", MOUNTED, depth=3, secrets=ALL),
    Entry(b"/var/run/secrets", MOUNTED, depth=3, secrets=ALL),
    Entry(b"/tmp", DROPPED, depth=3, programs=True),
    Entry(b"/dev/shm", DROPPED, depth=3, programs=True),
    Entry(b"/var/tmp", DROPPED, depth=3, programs=True),
    Entry(b"/dev", "never holds files that can run", programs=True),
    Entry(b"/usr/bin", PROGRAMS),
    Entry(b"/usr/sbin", PROGRAMS),
    Entry(b"/usr/local/bin", PROGRAMS),
    Entry(b"/usr/local/sbin", PROGRAMS),
    Entry(b"/bin", PROGRAMS),
    Entry(b"/sbin", PROGRAMS),
    Entry(b"/home/*/.ssh", "keys that open a shell", secrets=KEYS, inodes=LOGINS),
    Entry(b"/home/*", "start files of users' shells", names=START_FILES, secrets=USER_SECRETS),
    Entry(b"/root/.aws", SECRETS, secrets=(b"credentials",)),
    Entry(b"/root/.kube", SECRETS, secrets=(b"config",)),
    Entry(b"/root/.docker", SECRETS, secrets=(b"config.json",)),
    Entry(b"/home/*/.aws", SECRETS, secrets=(b"credentials",)),
    Entry(b"/home/*/.kube", SECRETS, secrets=(b"config",)),
    Entry(b"/etc/kubernetes", "credentials of the cluster", depth=1, secrets=(b"*.conf", b"*.key")),
    Entry(b"/etc/ssl/certs", TRUST),
    Entry(b"/etc/ssl/private", "private keys", secrets=ALL),
    Entry(b"/etc/ssl", TRUST),
    Entry(b"/usr/local/share/ca-certificates", TRUST),
    Entry(b"/etc/pki/ca-trust/source/anchors", TRUST),
    Entry(b"/etc/pki/tls/certs", TRUST),
    Entry(b"/etc/pki/tls/private", "private keys", secrets=ALL),
    *(Entry(path, PYTHON, patterns=PYTHON_START, kinds=CONTENT) for path in PYTHONS),
    Entry(b"/usr/lib/x86_64-linux-gnu", LINKER),
    Entry(b"/usr/lib/aarch64-linux-gnu", LINKER),
    Entry(b"/usr/lib", LINKER),
    Entry(b"/usr/lib64", LINKER),
    Entry(b"/lib/x86_64-linux-gnu", LINKER),
    Entry(b"/lib/aarch64-linux-gnu", LINKER),
    Entry(b"/lib", LINKER),
    Entry(b"/lib64", LINKER),
    Entry(b"/usr/local/lib", LINKER),
    Entry(b"/usr/local/lib64", LINKER),
    Entry(b"/var/www", WEB, depth=3, kinds=CONTENT),
    Entry(b"/usr/share/nginx/html", WEB, depth=2, kinds=CONTENT),
    Entry(b"/usr/local/apache2/htdocs", WEB, depth=2, kinds=CONTENT),
    Entry(b"/srv/www", WEB, depth=2, kinds=CONTENT),
    Entry(b"/srv/http", WEB, depth=2, kinds=CONTENT),
    Entry(b"/etc/nginx", "what the web server serves and to whom", depth=1),
    Entry(b"/etc/apache2", "what the web server serves and to whom", depth=1),
    Entry(b"/etc/httpd", "what the web server serves and to whom", depth=1),
    Entry(b"/usr/local/etc/php", PHP, depth=1, kinds=CONTENT),
    Entry(b"/usr/local/etc/php-fpm.d", PHP, kinds=CONTENT),
    Entry(b"/etc/php", PHP, depth=3, kinds=CONTENT),
    Entry(b"/etc/php[0-9]*", PHP, depth=1, kinds=CONTENT),
    Entry(b"/app/.git/hooks", HOOKS),
    Entry(b"/usr/lib/systemd/system", PERSISTENCE),
    Entry(b"/etc/systemd/user", PERSISTENCE),
    Entry(b"/etc/supervisor", PERSISTENCE, depth=1),
    Entry(b"/etc/s6-overlay", PERSISTENCE, depth=2),
    Entry(b"/var/lib/dpkg", PACKAGES, names=frozenset({b"status"}), kinds=CONTENT),
    Entry(b"/lib/apk/db", PACKAGES, names=frozenset({b"installed"}), kinds=CONTENT),
    Entry(b"/var/lib/rpm", PACKAGES, kinds=CONTENT),
    Entry(b"/usr/lib/sysimage/rpm", PACKAGES, kinds=CONTENT),
)
