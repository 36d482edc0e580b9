"""Programs of many tools, of which an argument or the name that they are called by says which one runs."""

MULTICALL = ("busybox", "coreutils", "toybox")
"""How their names begin: `busybox-x86_64 wget`, and `#!/usr/bin/coreutils --coreutils-prog-shebang=cat` where the
package is coreutils-single (Amazon Linux, UBI)."""
